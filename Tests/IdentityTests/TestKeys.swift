import Core
import Crypto
import Foundation

@testable import Identity

/// Keys made in memory, for tests that need no OpenSSH; each is a key file's text.
enum TestKeys {
    /// An unencrypted key file of the OpenSSH format, from its parts.
    static func file(blob: [UInt8], secret: (inout SSHWriter) -> Void, cipher: String = "none") -> String {
        var inner = SSHWriter()
        inner.uint32(7)
        inner.uint32(7)
        secret(&inner)
        inner.string("made in memory")
        for padding in 1...255 where inner.bytes.count % 8 != 0 {
            inner.byte(UInt8(padding))
        }
        var outer = SSHWriter()
        outer.raw(Array("openssh-key-v1\0".utf8))
        outer.string(cipher)
        outer.string(cipher == "none" ? "none" : "bcrypt")
        outer.string("")
        outer.uint32(1)
        outer.string(blob)
        outer.string(inner.bytes)
        return armor(outer.bytes)
    }

    static func armor(_ bytes: [UInt8]) -> String {
        "-----BEGIN OPENSSH PRIVATE KEY-----\n\(Base64.encode(bytes))\n-----END OPENSSH PRIVATE KEY-----\n"
    }

    static func ed25519(seed: UInt8) throws -> SSHPrivateKey {
        try SSHPrivateKey(text: Array(ed25519File(seed: seed).utf8), path: "memory")
    }

    static func ed25519File(seed: UInt8) throws -> String {
        let seed = [UInt8](repeating: seed, count: 32)
        let point = Array(try Curve25519.Signing.PrivateKey(rawRepresentation: seed).publicKey.rawRepresentation)
        var blob = SSHWriter()
        blob.string("ssh-ed25519")
        blob.string(point)
        return file(blob: blob.bytes) { secret in
            secret.string("ssh-ed25519")
            secret.string(point)
            secret.string(seed + point)
        }
    }

    static func p256(seed: UInt8) throws -> SSHPrivateKey {
        let seed = [UInt8](repeating: seed, count: 32)
        let point = Array(try P256.Signing.PrivateKey(rawRepresentation: seed).publicKey.x963Representation)
        var blob = SSHWriter()
        blob.string("ecdsa-sha2-nistp256")
        blob.string("nistp256")
        blob.string(point)
        let text = file(blob: blob.bytes) { secret in
            secret.string("ecdsa-sha2-nistp256")
            secret.string("nistp256")
            secret.string(point)
            secret.positive(seed)
        }
        return try SSHPrivateKey(text: Array(text.utf8), path: "memory")
    }
}

/// What a FIDO token would do, done with a key in memory (OpenSSH `PROTOCOL.u2f`).
struct SoftToken {
    enum Key {
        case ed25519(Curve25519.Signing.PrivateKey)
        case p256(P256.Signing.PrivateKey)
    }

    var key: Key
    var application = "ssh:"

    static let both = [
        SoftToken(key: .ed25519(Curve25519.Signing.PrivateKey())), SoftToken(key: .p256(P256.Signing.PrivateKey())),
    ]

    func publicKey() throws -> SSHPublicKey {
        var blob = SSHWriter()
        switch key {
        case .ed25519(let key):
            blob.string("sk-ssh-ed25519@openssh.com")
            blob.string(Array(key.publicKey.rawRepresentation))
        case .p256(let key):
            blob.string("sk-ecdsa-sha2-nistp256@openssh.com")
            blob.string("nistp256")
            blob.string(Array(key.publicKey.x963Representation))
        }
        blob.string(application)
        return try SSHPublicKey(blob: blob.bytes)
    }

    func sign(
        _ message: [UInt8],
        namespace: String,
        flags: UInt8 = 1,
        counter: UInt32 = 41,
        algorithm: String? = nil
    ) throws -> SSHSignature {
        let publicKey = try publicKey()
        let bytes = SSHSignature.signedBytes(message: message, namespace: namespace, hash: .sha512)
        var challenge = SSHWriter()
        challenge.raw(SHA256.hash(data: Array(application.utf8)))
        challenge.byte(flags)
        challenge.uint32(counter)
        challenge.raw(SHA256.hash(data: bytes))
        var encoded = SSHWriter()
        encoded.string(algorithm ?? publicKey.kind.rawValue)
        switch key {
        case .ed25519(let key):
            encoded.string(Array(try key.signature(for: challenge.bytes)))
        case .p256(let key):
            let pair = Array(try key.signature(for: SHA256.hash(data: challenge.bytes)).rawRepresentation)
            var numbers = SSHWriter()
            numbers.positive(pair[..<32])
            numbers.positive(pair[32...])
            encoded.string(numbers.bytes)
        }
        encoded.byte(flags)
        encoded.uint32(counter)
        return SSHSignature(key: publicKey, namespace: namespace, hash: .sha512, signature: encoded.bytes)
    }
}
