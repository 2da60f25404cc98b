import Foundation
import Testing

@testable import Identity

/// Both directions against the real tools: what we sign they accept, what they sign we accept.
@Suite(.timeLimit(.minutes(10)), .enabled(if: OpenSSH.isInstalled, Comment(rawValue: OpenSSH.absent)))
struct OpenSSHTests {
    private let message = Array("a message\nof two lines".utf8)
    private let namespace = "lockstep-vote"

    @Test(arguments: KeyType.all)
    func fingerprintsAreThoseOfSSHKeygen(type: KeyType) throws {
        let scratch = try Scratch()
        let path = try scratch.makeKey(type)
        let key = try SSHPublicKey(line: try scratch.text("key.pub"))
        let listed = try OpenSSH.run("ssh-keygen", ["-lf", path + ".pub"])
        #expect(listed.output.split(separator: " ")[1] == key.fingerprint)
        #expect(key.kind == type.kind)
        #expect(key.comment == "ann@example")
        #expect(try scratch.text("key.pub") == key.line + "\n")
    }

    @Test(arguments: KeyType.all, SSHSignature.Hash.allCases)
    func opensshAcceptsOurSignatures(type: KeyType, hash: SSHSignature.Hash) throws {
        let scratch = try Scratch()
        let signer = SSHSigner.file(try SSHPrivateKey(file: try scratch.makeKey(type)))
        let signature = try signer.sign(message, namespace: namespace, hash: hash)
        try scratch.write(signature.armored.utf8, to: "signature")
        try expectAccepted(by: scratch, key: signer.publicKey)
    }

    @Test(arguments: KeyType.all, SSHSignature.Hash.allCases)
    func weAcceptSignaturesOfOpenSSH(type: KeyType, hash: SSHSignature.Hash) throws {
        let scratch = try Scratch()
        let path = try scratch.makeKey(type)
        let armored = try OpenSSH.run(
            "ssh-keygen",
            ["-q", "-Y", "sign", "-O", "hashalg=\(hash.rawValue)", "-f", path, "-n", namespace],
            input: message
        ).output
        let signature = try SSHSignature(armored: armored)
        let key = try SSHPublicKey(line: try scratch.text("key.pub"))
        #expect(try signature.verify(message, namespace: namespace, allowed: [key]) == key)
        #expect(signature.hash == hash)
        #expect(signature.armored == armored, "the same bytes in the same lines")
    }

    @Test(arguments: KeyType.all)
    func agentsSignForUs(type: KeyType) throws {
        let scratch = try Scratch()
        let agent = try RunningAgent(in: scratch)
        let path = try scratch.makeKey(type)
        #expect(try agent.add(path).status == 0)
        let key = try SSHPublicKey(line: try scratch.text("key.pub"))

        let ours = try SSHAgent(environment: ["SSH_AUTH_SOCK": agent.socket], limit: .seconds(10))
        #expect(try ours.keys() == [key])
        let signer = try SSHSigner.held(by: ours, among: [key])
        let signature = try signer.sign(message, namespace: namespace)
        try scratch.write(signature.armored.utf8, to: "signature")
        try expectAccepted(by: scratch, key: key)
    }

    @Test
    func aPublicKeyFileStandsForItsKeyInTheAgent() throws {
        let scratch = try Scratch()
        let agent = try RunningAgent(in: scratch)
        let path = try scratch.makeKey(KeyType.all[0])
        let environment = ["SSH_AUTH_SOCK": agent.socket]
        #expect(throws: SSHError.self) { try SSHSigner.named(file: path + ".pub", environment: environment) }
        #expect(try agent.add(path).status == 0)
        let signer = try SSHSigner.named(file: path + ".pub", environment: environment)
        let signature = try signer.sign(message, namespace: namespace)
        #expect(try signature.verify(message, namespace: namespace, allowed: [signer.publicKey]) == signer.publicKey)
    }

    @Test
    func aLockedAgentRefusesToSign() throws {
        let scratch = try Scratch()
        let agent = try RunningAgent(in: scratch)
        let path = try scratch.makeKey(KeyType.all[0])
        #expect(try agent.add(path).status == 0)
        let signer = try SSHSigner.named(file: path + ".pub", environment: ["SSH_AUTH_SOCK": agent.socket])
        _ = try OpenSSH.run("ssh-add", ["-q", "-D"], environment: ["SSH_AUTH_SOCK": agent.socket])
        let error = #expect(throws: SSHError.self) { try signer.sign(message, namespace: namespace) }
        #expect(error?.code == .agentRefused)
    }

    @Test(arguments: KeyType.all)
    func keysWithAPassphraseAreLeftToTheAgent(type: KeyType) throws {
        let scratch = try Scratch()
        let path = try scratch.makeKey(type, passphrase: "correct horse")
        let error = #expect(throws: SSHError.self) { try SSHPrivateKey(file: path) }
        #expect(error?.code == .encryptedKey)
        #expect(error?.help?.contains("ssh-add") == true)
    }

    @Test(arguments: ["PEM", "PKCS8"])
    func otherKeyFormatsSayHowToConvert(format: String) throws {
        let scratch = try Scratch()
        let path = scratch.file("key")
        _ = try OpenSSH.run(
            "ssh-keygen",
            ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-m", format, "-f", path]
        )
        let error = #expect(throws: SSHError.self) { try SSHPrivateKey(file: path) }
        #expect(error?.code == .unsupportedKey)
        #expect(error?.help?.contains("ssh-keygen -p") == true)
    }

    @Test
    func shortRSAKeysAreWeak() throws {
        let scratch = try Scratch()
        _ = try scratch.makeKey(KeyType(name: "rsa", bits: 1024, kind: .rsa))
        let error = #expect(throws: SSHError.self) { try SSHPublicKey(line: try scratch.text("key.pub")) }
        #expect(error?.code == .weakKey)
    }

    @Test(arguments: SoftToken.both.indices)
    func opensshAgreesOnSecurityKeys(index: Int) throws {
        let token = SoftToken.both[index]
        let scratch = try Scratch()
        let signature = try token.sign(message, namespace: namespace)
        let key = try token.publicKey()
        #expect(try signature.verify(message, namespace: namespace, allowed: [key]) == key)
        try scratch.write(signature.armored.utf8, to: "signature")
        try expectAccepted(by: scratch, key: key)
    }

    @Test(arguments: KeyType.all)
    func noFlippedByteVerifies(type: KeyType) throws {
        let scratch = try Scratch()
        let signer = SSHSigner.file(try SSHPrivateKey(file: try scratch.makeKey(type)))
        let signature = try signer.sign(message, namespace: namespace)
        let armored = Array(signature.armored.utf8)
        let blob = signature.blob
        for mask in [0x01, 0x02, 0x20, 0x80] as [UInt8] {
            for position in armored.indices {
                var changed = armored
                changed[position] ^= mask
                let text = String(decoding: changed, as: UTF8.self)
                #expect(!isAccepted(key: signer.publicKey) { () throws in try SSHSignature(armored: text) })
            }
            for position in blob.indices {
                var changed = blob
                changed[position] ^= mask
                #expect(!isAccepted(key: signer.publicKey) { () throws in try SSHSignature(blob: changed) })
            }
        }
        for length in blob.indices {
            #expect(!isAccepted(key: signer.publicKey) { () throws in try SSHSignature(blob: Array(blob[..<length])) })
        }
        #expect(!isAccepted(key: signer.publicKey) { () throws in try SSHSignature(blob: blob + [0]) })
        #expect(isAccepted(key: signer.publicKey) { () throws in try SSHSignature(blob: blob) })
    }

    private func isAccepted(key: SSHPublicKey, _ read: () throws -> SSHSignature) -> Bool {
        (try? read().verify(message, namespace: namespace, allowed: [key])) != nil
    }

    private func expectAccepted(by scratch: Scratch, key: SSHPublicKey) throws {
        try scratch.write("ann@example \(key.line)\n".utf8, to: "signers")
        let files = ["-f", scratch.file("signers"), "-s", scratch.file("signature")]
        let verified = try OpenSSH.run(
            "ssh-keygen",
            ["-Y", "verify", "-I", "ann@example", "-n", namespace] + files,
            input: message
        )
        #expect(verified.status == 0, "\(verified.errors)")
        #expect(verified.output.contains(key.fingerprint))
        let found = try OpenSSH.run("ssh-keygen", ["-Y", "find-principals"] + files)
        #expect(found.output == "ann@example\n", "\(found.errors)")
        let other = try OpenSSH.run(
            "ssh-keygen",
            ["-Y", "verify", "-I", "ann@example", "-n", "other"] + files,
            input: message
        )
        #expect(other.status != 0, "another namespace")
    }
}
