import Crypto
import CryptoExtras

extension SSHPublicKey {
    /// Proves an encoded signature of this key's algorithm over bytes.
    ///
    /// The algorithm named inside the signature has to fit the key. For RSA that leaves SHA-2: `ssh-rsa` means SHA-1.
    func verify(signature: [UInt8], of signed: [UInt8]) throws(SSHError) {
        var reader = SSHReader(signature, code: .malformedSignature, subject: "the signature")
        let algorithm = try reader.name()
        let raw = try reader.string()
        switch kind {
        case .rsa:
            try reader.finish()
            try verifyRSA(raw, algorithm: algorithm, of: signed)
        case .ed25519, .ecdsaP256, .ecdsaP384, .ecdsaP521:
            try require(algorithm)
            try reader.finish()
            try verify(raw: raw, of: signed)
        case .securityKeyEd25519, .securityKeyP256:
            try require(algorithm)
            let flags = try reader.byte()
            let counter = try reader.uint32()
            try reader.finish()
            try verify(raw: raw, of: securityKeyMessage(signed, flags: flags, counter: counter))
            // Checked after the signature: unsigned flags would say nothing.
            guard flags & Self.userPresent != 0 else {
                throw SSHError(.userPresenceMissing, "the security key signed without being touched")
            }
        }
    }

    private static let userPresent: UInt8 = 0x01

    private func require(_ algorithm: String) throws(SSHError) {
        guard algorithm == kind.rawValue else {
            throw SSHError(
                .algorithmMismatch,
                "the signature's algorithm does not fit a key of type `\(kind.rawValue)`"
            )
        }
    }

    /// What a FIDO token signs in place of the message (OpenSSH `PROTOCOL.u2f`).
    private func securityKeyMessage(_ signed: [UInt8], flags: UInt8, counter: UInt32) -> [UInt8] {
        var writer = SSHWriter()
        writer.raw(SHA256.hash(data: application ?? []))
        writer.byte(flags)
        writer.uint32(counter)
        writer.raw(SHA256.hash(data: signed))
        return writer.bytes
    }

    private func verify(raw: [UInt8], of signed: [UInt8]) throws(SSHError) {
        let isValid: Bool
        switch material {
        case .ed25519(let key):
            isValid = raw.count == 64 && key.isValidSignature(raw, for: signed)
        case .p256(let key):
            let pair = try Self.pair(raw, width: 32)
            let signature = try? P256.Signing.ECDSASignature(rawRepresentation: pair)
            isValid = signature.map { key.isValidSignature($0, for: SHA256.hash(data: signed)) } ?? false
        case .p384(let key):
            let pair = try Self.pair(raw, width: 48)
            let signature = try? P384.Signing.ECDSASignature(rawRepresentation: pair)
            isValid = signature.map { key.isValidSignature($0, for: SHA384.hash(data: signed)) } ?? false
        case .p521(let key):
            let pair = try Self.pair(raw, width: 66)
            let signature = try? P521.Signing.ECDSASignature(rawRepresentation: pair)
            isValid = signature.map { key.isValidSignature($0, for: SHA512.hash(data: signed)) } ?? false
        case .rsa:
            isValid = false
        }
        guard isValid else { throw Self.invalid }
    }

    private func verifyRSA(_ raw: [UInt8], algorithm: String, of signed: [UInt8]) throws(SSHError) {
        guard case .rsa(let key, let modulusBytes) = material else { throw Self.invalid }
        guard raw.count <= modulusBytes else { throw Self.invalid }
        // Some agents drop leading zeros; OpenSSH puts them back as well.
        let padded = [UInt8](repeating: 0, count: modulusBytes - raw.count) + raw
        let signature = _RSA.Signing.RSASignature(rawRepresentation: padded)
        let isValid =
            switch algorithm {
            case "rsa-sha2-256":
                key.isValidSignature(signature, for: SHA256.hash(data: signed), padding: .insecurePKCS1v1_5)
            case "rsa-sha2-512":
                key.isValidSignature(signature, for: SHA512.hash(data: signed), padding: .insecurePKCS1v1_5)
            case "ssh-rsa":
                throw SSHError(
                    .unsupportedAlgorithm,
                    "the signature uses SHA-1 (`ssh-rsa`)",
                    help: "sign again with OpenSSH 8.2 or newer, or an agent that knows `rsa-sha2-512`"
                )
            default:
                throw SSHError(.algorithmMismatch, "the signature's algorithm does not fit a key of type `ssh-rsa`")
            }
        guard isValid else { throw Self.invalid }
    }

    private static let invalid = SSHError(.invalidSignature, "the signature does not fit the message")

    /// An ECDSA signature's two numbers side by side, each as wide as the curve's order.
    private static func pair(_ raw: [UInt8], width: Int) throws(SSHError) -> [UInt8] {
        var reader = SSHReader(raw, code: .malformedSignature, subject: "the signature")
        let r = try reader.positive(maximumBytes: width)
        let s = try reader.positive(maximumBytes: width)
        try reader.finish()
        return [r, s].flatMap { [UInt8](repeating: 0, count: width - $0.count) + $0 }
    }
}
