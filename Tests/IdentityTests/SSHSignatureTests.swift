import Crypto
import Foundation
import Glibc
import Testing

@testable import Identity

struct SSHSignatureTests {
    private let message = Array("message".utf8)

    private func signed(namespace: String = "lockstep-vote") throws -> (SSHSignature, SSHPublicKey) {
        let signer = SSHSigner.file(try TestKeys.ed25519(seed: 1))
        return (try signer.sign(message, namespace: namespace), signer.publicKey)
    }

    private func code(_ body: () throws -> Void) -> SSHError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? SSHError)?.code
        }
    }

    @Test func theRightKeyMessageAndNamespaceVerify() throws {
        for key in [try TestKeys.ed25519(seed: 1), try TestKeys.p256(seed: 1)] {
            let signature = try SSHSigner.file(key).sign(message, namespace: "n")
            let read = try SSHSignature(armored: signature.armored)
            #expect(read == signature)
            let other = try TestKeys.ed25519(seed: 2).publicKey
            #expect(try read.verify(message, namespace: "n", allowed: [other, key.publicKey]) == key.publicKey)
        }
    }

    @Test func eachMismatchHasItsCode() throws {
        let (signature, key) = try signed()
        let other = try TestKeys.ed25519(seed: 2).publicKey
        let namespace = "lockstep-vote"
        #expect(
            code { _ = try signature.verify(message + [0], namespace: namespace, allowed: [key]) } == .invalidSignature
        )
        #expect(code { _ = try signature.verify(message, namespace: "lockstep", allowed: [key]) } == .namespaceMismatch)
        #expect(code { _ = try signature.verify(message, namespace: namespace, allowed: [other]) } == .keyNotAllowed)
        #expect(code { _ = try signature.verify(message, namespace: namespace, allowed: []) } == .keyNotAllowed)
    }

    @Test func namespacesAreComparedByteForByte() throws {
        let (signature, key) = try signed(namespace: "e\u{301}")
        #expect(code { _ = try signature.verify(message, namespace: "\u{e9}", allowed: [key]) } == .namespaceMismatch)
    }

    /// A signature blob whose parts are given one by one.
    private func blob(
        magic: String = "SSHSIG",
        version: UInt32 = 1,
        key: [UInt8]? = nil,
        namespace: String = "n",
        reserved: String = "",
        hash: String = "sha512",
        signature: [UInt8]? = nil,
        tail: [UInt8] = []
    ) throws -> [UInt8] {
        let good = try SSHSigner.file(try TestKeys.ed25519(seed: 1)).sign(message, namespace: "n")
        var writer = SSHWriter()
        writer.raw(Array(magic.utf8))
        writer.uint32(version)
        writer.string(key ?? good.key.blob)
        writer.string(namespace)
        writer.string(reserved)
        writer.string(hash)
        writer.string(signature ?? good.signature)
        writer.raw(tail)
        return writer.bytes
    }

    @Test func partsThatDoNotFitAreRefused() throws {
        let key = try TestKeys.ed25519(seed: 1).publicKey
        func result(_ blob: [UInt8]) -> SSHError.Code? {
            code { _ = try SSHSignature(blob: blob).verify(message, namespace: "n", allowed: [key]) }
        }
        #expect(result(try blob()) == nil)
        #expect(result(try blob(magic: "SSHSIH")) == .malformedSignature)
        #expect(result(try blob(version: 2)) == .unsupportedVersion)
        #expect(result(try blob(version: 0)) == .unsupportedVersion)
        #expect(result(try blob(key: [1, 2, 3])) == .malformedKey)
        #expect(result(try blob(namespace: "")) == .malformedSignature)
        #expect(result(try blob(reserved: "x")) == .malformedSignature)
        #expect(result(try blob(hash: "sha1")) == .unsupportedHash)
        #expect(result(try blob(hash: "sha256")) == .invalidSignature)
        #expect(result(try blob(signature: [])) == .malformedSignature)
        #expect(result(try blob(tail: [0])) == .malformedSignature)
        var inner = SSHWriter()
        inner.string("ssh-ed25519")
        inner.string([UInt8](repeating: 0, count: 63))
        #expect(result(try blob(signature: inner.bytes)) == .invalidSignature)
        inner.byte(0)
        #expect(result(try blob(signature: inner.bytes)) == .malformedSignature)
        var wrong = SSHWriter()
        wrong.string("rsa-sha2-512")
        wrong.string([UInt8](repeating: 0, count: 64))
        #expect(result(try blob(signature: wrong.bytes)) == .algorithmMismatch)
    }

    @Test(arguments: [
        "", "\n", "-----BEGIN SSH SIGNATURE-----", "-----BEGIN SSH SIGNATURE-----\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\n\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NI\n\n-----END SSH SIGNATURE-----\n",
        "x-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NI \n-----END SSH SIGNATURE-----\n",
        "-----BEGIN SSH SIGNATURE-----\nU1NI\n-----END SSH SIGNATURE-----\n\n",
        "-----BEGIN PGP SIGNATURE-----\nU1NI\n-----END PGP SIGNATURE-----\n",
    ])
    func hostileArmorIsRefused(text: String) {
        #expect(code { _ = try SSHSignature(armored: text) } == .malformedArmor)
    }

    @Test func hugeArmorIsRefused() {
        let body = String(repeating: "A", count: 70_000)
        let text = "-----BEGIN SSH SIGNATURE-----\n\(body)\n-----END SSH SIGNATURE-----\n"
        #expect(code { _ = try SSHSignature(armored: text) } == .malformedArmor)
    }

    @Test func windowsLineEndsAreAccepted() throws {
        let (signature, _) = try signed()
        #expect(try SSHSignature(armored: signature.armored.replacing("\n", with: "\r\n")) == signature)
    }

    @Test(arguments: SoftToken.both.indices)
    func securityKeysMustHaveBeenTouched(index: Int) throws {
        let token = SoftToken.both[index]
        let key = try token.publicKey()
        func result(_ signature: SSHSignature) -> SSHError.Code? {
            code { _ = try signature.verify(message, namespace: "n", allowed: [key]) }
        }
        #expect(result(try token.sign(message, namespace: "n")) == nil)
        #expect(result(try token.sign(message, namespace: "n", flags: 5)) == nil, "touched, and a PIN given")
        #expect(result(try token.sign(message, namespace: "n", flags: 0)) == .userPresenceMissing)
        #expect(result(try token.sign(message, namespace: "n", flags: 4)) == .userPresenceMissing)
        #expect(result(try token.sign(message, namespace: "n", algorithm: "ssh-ed25519")) == .algorithmMismatch)
        let webauthn = try token.sign(
            message,
            namespace: "n",
            algorithm: "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"
        )
        #expect(result(webauthn) == .algorithmMismatch)
        var elsewhere = token
        elsewhere.application = "ssh:elsewhere"
        #expect(result(try elsewhere.sign(message, namespace: "n")) == .keyNotAllowed)
    }

    @Test func aSecurityKeyCounterIsSigned() throws {
        let token = SoftToken.both[0]
        let good = try token.sign(message, namespace: "n", counter: 1)
        var encoded = good.signature
        encoded[encoded.count - 1] = 2
        let changed = SSHSignature(key: good.key, namespace: "n", hash: .sha512, signature: encoded)
        #expect(code { _ = try changed.verify(message, namespace: "n", allowed: [good.key]) } == .invalidSignature)
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o660, 0o601])
    func keyFilesThatOthersMayReadAreRefused(mode: Int) throws {
        let scratch = try Scratch()
        let text = try TestKeys.ed25519File(seed: 1)
        let path = try scratch.write(text.utf8, to: "key", mode: mode)
        #expect(code { _ = try SSHPrivateKey(file: path) } == .exposedKey)
        #expect(code { _ = try SSHSigner.named(file: path, environment: [:]) } == .exposedKey)
        let own = try scratch.write(text.utf8, to: "own", mode: 0o400)
        #expect(code { _ = try SSHSigner.named(file: own, environment: [:]) } == nil)
    }

    @Test func whatIsNoKeyFileIsRefused() throws {
        let scratch = try Scratch()
        #expect(code { _ = try SSHPrivateKey(file: scratch.file("none")) } == .unreadableKey)
        #expect(code { _ = try SSHPrivateKey(file: scratch.path) } == .unreadableKey)
        #expect(unsafe mkfifo(scratch.file("pipe"), 0o600) == 0)
        #expect(code { _ = try SSHPrivateKey(file: scratch.file("pipe")) } == .unreadableKey)
        let huge = try scratch.write([UInt8](repeating: 65, count: 100_000), to: "huge")
        #expect(code { _ = try SSHPrivateKey(file: huge) } == .unreadableKey)
        let empty = try scratch.write([], to: "empty")
        #expect(code { _ = try SSHPrivateKey(file: empty) } == .malformedKey)
        #expect(code { _ = try SSHSigner.named(file: empty, environment: [:]) } == .malformedKey)
    }

    @Test func privateKeysNeverPrintTheirSecret() throws {
        let key = try TestKeys.ed25519(seed: 1)
        var dumped = ""
        dump(key, to: &dumped)
        #expect("\(key)" == "private key of \(key.publicKey.fingerprint)")
        #expect(!dumped.contains("material") && !String(reflecting: key).contains("material"))
    }

    @Test func aKeyFileWhoseHalvesDifferIsRefused() throws {
        let one = try TestKeys.ed25519(seed: 1).publicKey
        let point = Array(
            try Curve25519.Signing.PrivateKey(rawRepresentation: [UInt8](repeating: 2, count: 32)).publicKey
                .rawRepresentation
        )
        let text = TestKeys.file(blob: one.blob) { secret in
            secret.string("ssh-ed25519")
            secret.string(point)
            secret.string([UInt8](repeating: 2, count: 32) + point)
        }
        #expect(code { _ = try SSHPrivateKey(text: Array(text.utf8), path: "memory") } == .malformedKey)
        let locked = TestKeys.file(blob: one.blob, secret: { _ in }, cipher: "aes256-ctr")
        #expect(code { _ = try SSHPrivateKey(text: Array(locked.utf8), path: "memory") } == .encryptedKey)
    }
}
