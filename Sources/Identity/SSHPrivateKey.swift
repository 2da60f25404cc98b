import Core
import Crypto
import CryptoExtras
import FoundationEssentials

/// A private key read from an unencrypted OpenSSH key file.
///
/// It prints as its fingerprint only. Encrypted files and older PEM formats are refused with what to do instead:
/// a passphrase belongs to ssh-agent, not to this program.
package struct SSHPrivateKey: Sendable, CustomStringConvertible, CustomReflectable {
    private enum Material: Sendable {
        case ed25519(Curve25519.Signing.PrivateKey)
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case rsa(_RSA.Signing.PrivateKey)
    }

    package let publicKey: SSHPublicKey
    private let material: Material

    private static let begin = "-----BEGIN OPENSSH PRIVATE KEY-----"
    private static let end = "-----END OPENSSH PRIVATE KEY-----"
    private static let magic = Array("openssh-key-v1\0".utf8)

    /// Reads a key file that nobody but its owner may read.
    package init(file path: String) throws(SSHError) {
        try self.init(text: try SSHKeyFile.read(path, isSecret: true), path: path)
    }

    /// Reads the text of a key file; the path is for messages only.
    init(text: [UInt8], path: String) throws(SSHError) {
        let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true)
            .map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
        guard let first = lines.first, let last = lines.last, lines.count >= 3 else {
            throw Self.notAKey(path)
        }
        guard first.elementsEqual(Self.begin.utf8), last.elementsEqual(Self.end.utf8) else {
            guard first.starts(with: "-----BEGIN ".utf8) else { throw Self.notAKey(path) }
            throw SSHError(
                .unsupportedKey,
                "the key file `\(path)` is in a format that is not OpenSSH's own",
                help:
                    "rewrite it with `ssh-keygen -p -f FILE`, or load it with `ssh-add FILE` and sign through ssh-agent"
            )
        }
        guard let blob = Base64.decode(Array(lines.dropFirst().dropLast().joined())) else {
            throw Self.notAKey(path)
        }
        try self.init(blob: blob, path: path)
    }

    private init(blob: [UInt8], path: String) throws(SSHError) {
        var reader = SSHReader(blob, code: .malformedKey, subject: "the key file `\(path)`")
        guard try reader.take(Self.magic.count) == Self.magic else { throw Self.notAKey(path) }
        let cipher = try reader.name()
        let derivation = try reader.name()
        _ = try reader.string()
        guard cipher == "none", derivation == "none" else {
            throw SSHError(
                .encryptedKey,
                "the key file `\(path)` is protected by a passphrase",
                help: "load it with `ssh-add \(path)` and sign through ssh-agent"
            )
        }
        guard try reader.uint32() == 1 else { throw reader.fault("does not hold exactly one key") }
        let announced = try SSHPublicKey(blob: try reader.string())
        let secret = try reader.string()
        try reader.finish()

        var inner = SSHReader(secret, code: .malformedKey, subject: "the key file `\(path)`")
        guard try inner.uint32() == inner.uint32() else { throw inner.fault("is damaged") }
        guard try inner.name() == announced.kind.rawValue else { throw inner.fault("holds two key types") }
        let (material, blob) = try Self.read(announced.kind, from: &inner)
        guard blob == announced.blob else { throw inner.fault("holds a private key that does not fit its public key") }
        let comment = try inner.text()
        guard inner.rest().enumerated().allSatisfy({ $0.element == UInt8(truncatingIfNeeded: $0.offset + 1) }) else {
            throw inner.fault("has bytes after its end")
        }
        self.material = material
        self.publicKey = try SSHPublicKey(blob: blob, comment: comment)
    }

    package var description: String { "private key of \(publicKey.fingerprint)" }
    package var customMirror: Mirror { Mirror(self, children: [:]) }

    /// The encoded signature over bytes, as ssh-agent would return it.
    func signature(of bytes: [UInt8]) throws(SSHError) -> [UInt8] {
        var writer = SSHWriter()
        do {
            switch material {
            case .ed25519(let key):
                writer.string(publicKey.kind.rawValue)
                writer.string(Array(try key.signature(for: bytes)))
            case .p256(let key):
                Self.write(try key.signature(for: SHA256.hash(data: bytes)).rawRepresentation, publicKey, to: &writer)
            case .p384(let key):
                Self.write(try key.signature(for: SHA384.hash(data: bytes)).rawRepresentation, publicKey, to: &writer)
            case .p521(let key):
                Self.write(try key.signature(for: SHA512.hash(data: bytes)).rawRepresentation, publicKey, to: &writer)
            case .rsa(let key):
                let signature = try key.signature(for: SHA512.hash(data: bytes), padding: .insecurePKCS1v1_5)
                writer.string("rsa-sha2-512")
                writer.string(Array(signature.rawRepresentation))
            }
        } catch {
            throw SSHError(.signingFailed, "the key `\(publicKey.fingerprint)` could not sign")
        }
        return writer.bytes
    }

    private static func write(_ pair: Data, _ key: SSHPublicKey, to writer: inout SSHWriter) {
        let pair = Array(pair)
        var numbers = SSHWriter()
        numbers.positive(pair[..<(pair.count / 2)])
        numbers.positive(pair[(pair.count / 2)...])
        writer.string(key.kind.rawValue)
        writer.string(numbers.bytes)
    }

    private static func notAKey(_ path: String) -> SSHError {
        SSHError(.malformedKey, "the file `\(path)` is not an OpenSSH private key")
    }

    /// The private part of a key, and the public key that follows from it.
    private static func read(
        _ kind: SSHPublicKey.Kind,
        from reader: inout SSHReader
    ) throws(SSHError) -> (Material, [UInt8]) {
        var blob = SSHWriter()
        blob.string(kind.rawValue)
        let material: Material
        switch kind {
        case .ed25519:
            let announced = try reader.string()
            let pair = try reader.string()
            guard pair.count == 64, announced.count == 32, Array(pair[32...]) == announced else {
                throw reader.fault("holds an Ed25519 key of the wrong form")
            }
            guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: pair[..<32]) else {
                throw reader.fault("holds an Ed25519 key of the wrong form")
            }
            material = .ed25519(key)
            blob.string(Array(key.publicKey.rawRepresentation))
        case .ecdsaP256, .ecdsaP384, .ecdsaP521:
            let curve = try reader.name()
            guard curve == kind.curve else { throw reader.fault("names a curve that is not that of its type") }
            _ = try reader.string()
            let point: Data
            (material, point) = try scalar(kind, from: &reader)
            blob.string(curve)
            blob.string(Array(point))
        case .rsa:
            let limit = SSHPublicKey.rsaBits.upperBound / 8
            let modulus = try reader.positive(maximumBytes: limit)
            let exponent = try reader.positive(maximumBytes: 4)
            let secret = try reader.positive(maximumBytes: limit)
            _ = try reader.positive(maximumBytes: limit)
            let p = try reader.positive(maximumBytes: limit)
            let q = try reader.positive(maximumBytes: limit)
            guard let key = try? _RSA.Signing.PrivateKey(n: modulus, e: exponent, d: secret, p: p, q: q) else {
                throw reader.fault("holds an RSA key whose numbers do not fit together")
            }
            material = .rsa(key)
            blob.positive(exponent)
            blob.positive(modulus)
        case .securityKeyEd25519, .securityKeyP256:
            throw SSHError(
                .unsupportedKey,
                "a key of type `\(kind.rawValue)` signs inside its token",
                help: "load it with `ssh-add` and sign through ssh-agent"
            )
        }
        return (material, blob.bytes)
    }

    private static func scalar(
        _ kind: SSHPublicKey.Kind,
        from reader: inout SSHReader
    ) throws(SSHError) -> (Material, Data) {
        let width =
            switch kind {
            case .ecdsaP384: 48
            case .ecdsaP521: 66
            default: 32
            }
        let magnitude = try reader.positive(maximumBytes: width)
        let raw = [UInt8](repeating: 0, count: width - magnitude.count) + magnitude
        do {
            switch kind {
            case .ecdsaP384:
                let key = try P384.Signing.PrivateKey(rawRepresentation: raw)
                return (.p384(key), key.publicKey.x963Representation)
            case .ecdsaP521:
                let key = try P521.Signing.PrivateKey(rawRepresentation: raw)
                return (.p521(key), key.publicKey.x963Representation)
            default:
                let key = try P256.Signing.PrivateKey(rawRepresentation: raw)
                return (.p256(key), key.publicKey.x963Representation)
            }
        } catch {
            throw reader.fault("holds a private key that its curve does not have")
        }
    }
}

/// Key files on disk, private or public.
enum SSHKeyFile {
    private static let limit = 65536

    static func read(_ path: String, isSecret: Bool) throws(SSHError) -> [UInt8] {
        do {
            return try StoredFile.read(path, limit: limit, kind: isSecret ? .secret : .plain)
        } catch .exposed(let mode) {
            throw SSHError(
                .exposedKey,
                "the key file `\(path)` \(FileFault.exposed(mode: mode).sentence)",
                help: "run `chmod 600 \(path)`; if others could read it, make a new key"
            )
        } catch {
            throw SSHError(.unreadableKey, "the key file `\(path)` \(error.sentence)")
        }
    }
}
