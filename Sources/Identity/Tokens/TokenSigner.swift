package import Core
package import Crypto

/// A private key that signs tokens, with the id under which its public half is published.
package struct TokenSigner: Sendable {
    package enum Key: Sendable {
        case p256(P256.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    private let key: Key
    package let id: String?

    package init(_ key: Key, id: String?) {
        self.key = key
        self.id = id
    }

    package var algorithm: SignatureAlgorithm {
        switch key {
        case .p256: .es256
        case .ed25519: .edDSA
        }
    }

    package var verificationKey: VerificationKey {
        switch key {
        case .p256(let key): .p256(key.publicKey)
        case .ed25519(let key): .ed25519(key.publicKey)
        }
    }

    /// The public key as a JWK without `use` and `alg`.
    package var publicMembers: JSON.Object {
        switch key {
        case .p256(let key):
            let point = Array(key.publicKey.rawRepresentation)
            return [
                "kty": "EC", "crv": "P-256", "x": .string(Base64URL.encode(point.prefix(32))),
                "y": .string(Base64URL.encode(point.dropFirst(32))),
            ]
        case .ed25519(let key):
            return [
                "kty": "OKP", "crv": "Ed25519",
                "x": .string(Base64URL.encode(Array(key.publicKey.rawRepresentation))),
            ]
        }
    }

    /// The SHA-256 thumbprint of the public key (RFC 7638).
    package var thumbprint: [UInt8] {
        Digest.sha256(JSON.canonical(.object(publicMembers))).bytes
    }

    /// A compact JWS over the claims.
    ///
    /// With `embedsKey` the public key stands in the header, as a DPoP proof wants it. The random source of the library
    /// can fail, which throws.
    package func sign(_ claims: JSON.Object, type: String? = nil, embedsKey: Bool = false) throws -> [UInt8] {
        var header: JSON.Object = ["alg": .string(algorithm.rawValue)]
        if let type { header["typ"] = .string(type) }
        if embedsKey {
            header["jwk"] = .object(publicMembers)
        } else if let id {
            header["kid"] = .string(id)
        }
        let head = Base64URL.encode(JSON.canonical(.object(header)))
        let body = Base64URL.encode(JSON.canonical(.object(claims)))
        let signed = Array("\(head).\(body)".utf8)
        return signed + [UInt8(ascii: ".")] + Base64URL.encode(try signature(of: signed)).utf8
    }

    /// The raw signature over bytes, as JOSE writes it.
    package func signature(of bytes: [UInt8]) throws -> [UInt8] {
        switch key {
        case .p256(let key): Array(try key.signature(for: bytes).rawRepresentation)
        case .ed25519(let key): Array(try key.signature(for: bytes))
        }
    }
}
