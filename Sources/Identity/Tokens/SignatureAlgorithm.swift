package import Crypto
package import CryptoExtras

/// The signature algorithms of JOSE that can be verified; `none` and the symmetric ones have no case.
///
/// Names are those of RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 §2.2.
package enum SignatureAlgorithm: String, Sendable, Hashable, CaseIterable {
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"
    case ed25519 = "Ed25519"
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"

    /// What is accepted from an issuer for which nothing else is said.
    package static let standard: Set<Self> = [.es256, .es384, .edDSA, .rs256, .ps256]

    /// What a JWT-SVID may be signed with (JWT-SVID §2.1), of the standard ones.
    package static let svid: Set<Self> = [.es256, .es384, .rs256, .ps256]
}

/// A public key that proves signatures; the algorithm has to be one for its type.
package enum VerificationKey: Sendable {
    case p256(P256.Signing.PublicKey)
    case p384(P384.Signing.PublicKey)
    case p521(P521.Signing.PublicKey)
    case ed25519(Curve25519.Signing.PublicKey)
    case rsa(_RSA.Signing.PublicKey, modulusBytes: Int)

    /// Whether the algorithm is one for keys of this type.
    package func fits(_ algorithm: SignatureAlgorithm) -> Bool {
        switch (self, algorithm) {
        case (.p256, .es256), (.p384, .es384), (.p521, .es512), (.ed25519, .edDSA), (.ed25519, .ed25519): true
        case (.rsa, .rs256), (.rsa, .rs384), (.rsa, .rs512), (.rsa, .ps256), (.rsa, .ps384), (.rsa, .ps512): true
        default: false
        }
    }

    /// Whether the signature is this key's over the bytes; never for an algorithm that does not fit.
    ///
    /// ECDSA signatures are the two numbers side by side at full width (RFC 7518 §3.4); DER is refused by its length.
    package func isValid(
        _ signature: [UInt8],
        of signed: ArraySlice<UInt8>,
        by algorithm: SignatureAlgorithm
    ) -> Bool {
        switch (self, algorithm) {
        case (.p256(let key), .es256):
            guard signature.count == 64, let pair = try? P256.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(pair, for: SHA256.hash(data: signed))
        case (.p384(let key), .es384):
            guard signature.count == 96, let pair = try? P384.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(pair, for: SHA384.hash(data: signed))
        case (.p521(let key), .es512):
            guard signature.count == 132, let pair = try? P521.Signing.ECDSASignature(rawRepresentation: signature)
            else { return false }
            return key.isValidSignature(pair, for: SHA512.hash(data: signed))
        case (.ed25519(let key), .edDSA), (.ed25519(let key), .ed25519):
            return signature.count == 64 && key.isValidSignature(signature, for: signed)
        case (.rsa(let key, let modulusBytes), _):
            guard signature.count == modulusBytes else { return false }
            return Self.isValid(_RSA.Signing.RSASignature(rawRepresentation: signature), key, signed, algorithm)
        default: return false
        }
    }

    private static func isValid(
        _ signature: _RSA.Signing.RSASignature,
        _ key: _RSA.Signing.PublicKey,
        _ signed: ArraySlice<UInt8>,
        _ algorithm: SignatureAlgorithm
    ) -> Bool {
        switch algorithm {
        case .rs256: key.isValidSignature(signature, for: SHA256.hash(data: signed), padding: .insecurePKCS1v1_5)
        case .rs384: key.isValidSignature(signature, for: SHA384.hash(data: signed), padding: .insecurePKCS1v1_5)
        case .rs512: key.isValidSignature(signature, for: SHA512.hash(data: signed), padding: .insecurePKCS1v1_5)
        case .ps256: key.isValidSignature(signature, for: SHA256.hash(data: signed), padding: .PSS)
        case .ps384: key.isValidSignature(signature, for: SHA384.hash(data: signed), padding: .PSS)
        case .ps512: key.isValidSignature(signature, for: SHA512.hash(data: signed), padding: .PSS)
        case .es256, .es384, .es512, .edDSA, .ed25519: false
        }
    }
}
