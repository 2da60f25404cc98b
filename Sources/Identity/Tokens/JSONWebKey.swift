package import Core
import Crypto
import CryptoExtras

/// A public key as JOSE writes it (RFC 7517, RFC 7518 §6, RFC 8037 §2).
package struct JSONWebKey: Sendable {
    /// Why a key is not one that can be used.
    package enum Fault: Error, Hashable, Sendable {
        /// A type or curve that is not known here; a set may hold such keys for others.
        case unsupported
        /// The members of a private or a symmetric key.
        case secret
        case malformed(String)
    }

    package let id: String?
    /// What the key is for by its `use`: `sig`, or in a SPIFFE bundle `jwt-svid`.
    package let use: String?
    /// The one algorithm that the key says it is for.
    package let algorithm: SignatureAlgorithm?
    package let key: VerificationKey
    /// The SHA-256 thumbprint of RFC 7638.
    package let thumbprint: [UInt8]

    package static let shortestModulus = 2048
    /// Longer keys cost more time at each token than any of their owners can want.
    package static let longestModulus = 8192

    private static let secretMembers = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"]

    /// Reads one public key.
    package init(_ object: JSON.Object) throws(Fault) {
        guard let type = object["kty"]?.string else { throw .malformed("`kty` is missing") }
        guard Self.secretMembers.allSatisfy({ object[$0] == nil }), type != "oct" else { throw .secret }
        id = try Self.text("kid", object)
        use = try Self.text("use", object)
        if let name = try Self.text("alg", object) {
            guard let algorithm = SignatureAlgorithm(rawValue: name) else { throw .unsupported }
            self.algorithm = algorithm
        } else {
            algorithm = nil
        }
        if let operations = object["key_ops"] {
            guard let names = operations.array, names.allSatisfy({ $0.string != nil }) else {
                throw .malformed("`key_ops` is no list of names")
            }
            guard names.contains("verify") else { throw .unsupported }
        }
        let required: JSON.Value
        switch type {
        case "EC":
            let curve = object["crv"]?.string ?? ""
            key = try Self.curveKey(curve, object)
            required = ["crv": .string(curve), "kty": "EC", "x": object["x"] ?? .null, "y": object["y"] ?? .null]
        case "OKP":
            guard object["crv"]?.string == "Ed25519" else { throw .unsupported }
            guard let point = Self.bytes("x", object), point.count == 32,
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: point)
            else { throw .malformed("`x` is no point of Ed25519") }
            self.key = .ed25519(key)
            required = ["crv": "Ed25519", "kty": "OKP", "x": object["x"] ?? .null]
        case "RSA":
            key = try Self.rsaKey(object)
            required = ["e": object["e"] ?? .null, "kty": "RSA", "n": object["n"] ?? .null]
        default: throw .unsupported
        }
        if let algorithm, !key.fits(algorithm) { throw .malformed("`alg` does not fit `kty`") }
        thumbprint = Digest.sha256(JSON.canonical(required)).bytes
    }

    /// Whether a signature of this algorithm may be this key's.
    package func fits(_ algorithm: SignatureAlgorithm) -> Bool {
        key.fits(algorithm) && (self.algorithm == nil || self.algorithm == algorithm)
    }

    private static func text(_ name: String, _ object: JSON.Object) throws(Fault) -> String? {
        guard let value = object[name] else { return nil }
        guard let text = value.string, !text.isEmpty, text.utf8.count <= 512 else {
            throw .malformed("`\(name)` is no text")
        }
        return text
    }

    private static func bytes(_ name: String, _ object: JSON.Object) -> [UInt8]? {
        object[name]?.string.flatMap { Base64URL.decode($0.utf8) }
    }

    private static func curveKey(_ curve: String, _ object: JSON.Object) throws(Fault) -> VerificationKey {
        let width: Int
        switch curve {
        case "P-256": width = 32
        case "P-384": width = 48
        case "P-521": width = 66
        default: throw .unsupported
        }
        guard let x = bytes("x", object), let y = bytes("y", object), x.count == width, y.count == width else {
            throw .malformed("`x` and `y` are not \(width) bytes each")
        }
        let point = [0x04] + x + y
        // The library refuses what is not on the curve.
        let key: VerificationKey? =
            switch curve {
            case "P-256": (try? P256.Signing.PublicKey(x963Representation: point)).map { .p256($0) }
            case "P-384": (try? P384.Signing.PublicKey(x963Representation: point)).map { .p384($0) }
            default: (try? P521.Signing.PublicKey(x963Representation: point)).map { .p521($0) }
            }
        guard let key else { throw .malformed("`x` and `y` are no point of \(curve)") }
        return key
    }

    private static func rsaKey(_ object: JSON.Object) throws(Fault) -> VerificationKey {
        guard let modulus = bytes("n", object), let exponent = bytes("e", object), let first = modulus.first,
            first != 0,
            exponent.first != 0
        else { throw .malformed("`n` and `e` are no numbers") }
        let bits = modulus.count * 8 - first.leadingZeroBitCount
        guard bits >= shortestModulus else {
            throw .malformed("the key has \(bits) bits, less than \(shortestModulus)")
        }
        guard bits <= longestModulus else { throw .malformed("the key has \(bits) bits, more than \(longestModulus)") }
        guard (1...4).contains(exponent.count), let last = exponent.last, last & 1 == 1, exponent != [1],
            let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent)
        else { throw .malformed("`e` is no exponent to verify with") }
        return .rsa(key, modulusBytes: modulus.count)
    }
}

extension JSONWebKey {
    /// The thumbprint (RFC 7638) of a key of P-256 as certificates hold it (RFC 5480); zeroes for any other.
    static func thumbprint(ofPublicKeyInfo info: [UInt8]) -> [UInt8] {
        // Two sequences and two object identifiers of fixed length stand before the uncompressed point.
        let point = info.suffix(65)
        guard info.count == 91, point.first == 0x04, (try? P256.Signing.PublicKey(derRepresentation: info)) != nil
        else {
            return [UInt8](repeating: 0, count: 32)
        }
        let (x, y) = (Base64URL.encode(Array(point.dropFirst().prefix(32))), Base64URL.encode(Array(point.suffix(32))))
        let text = "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\(x)\",\"y\":\"\(y)\"}"
        return Digest.sha256(Array(text.utf8)).bytes
    }
}
