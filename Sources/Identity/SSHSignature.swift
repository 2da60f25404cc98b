import Core
import Crypto

/// A signature in OpenSSH's own format (SSHSIG), parsed but not yet believed.
///
/// It carries the key that claims to have made it, so it proves nothing by itself: only `verify` does, and that asks
/// for the keys that count. Format: `PROTOCOL.sshsig` of OpenSSH.
package struct SSHSignature: Hashable, Sendable {
    /// The digest that the message goes through before it is signed.
    package enum Hash: String, Sendable, CaseIterable {
        case sha256
        case sha512

        func digest(_ message: [UInt8]) -> [UInt8] {
            switch self {
            case .sha256: Array(SHA256.hash(data: message))
            case .sha512: Array(SHA512.hash(data: message))
            }
        }
    }

    package let key: SSHPublicKey
    package let namespace: String
    package let hash: Hash
    /// The encoded signature of the key's own algorithm (RFC 4253 §6.6).
    let signature: [UInt8]

    static let magic = Array("SSHSIG".utf8)
    static let version: UInt32 = 1
    private static let begin = "-----BEGIN SSH SIGNATURE-----"
    private static let end = "-----END SSH SIGNATURE-----"
    private static let maximumArmor = 65536

    init(key: SSHPublicKey, namespace: String, hash: Hash, signature: [UInt8]) {
        self.key = key
        self.namespace = namespace
        self.hash = hash
        self.signature = signature
    }

    /// Reads a signature from its armored text.
    ///
    /// Line ends may be LF or CR LF. Beyond that the text has one form: no blank lines, nothing in front or behind.
    package init(armored: String) throws(SSHError) {
        let text = Array(armored.utf8)
        guard text.count <= Self.maximumArmor else {
            throw SSHError(.malformedArmor, "the signature is longer than \(Self.maximumArmor) bytes")
        }
        var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true {
            lines.removeLast()
        }
        lines = lines.map { $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0 }
        guard lines.count >= 3, lines.first?.elementsEqual(Self.begin.utf8) == true,
            lines.last?.elementsEqual(Self.end.utf8) == true
        else {
            throw SSHError(
                .malformedArmor,
                "the signature is not one SSH signature block",
                help: "it starts with `\(Self.begin)` and ends with `\(Self.end)`"
            )
        }
        let body = lines.dropFirst().dropLast()
        guard body.allSatisfy({ !$0.isEmpty }), let blob = Base64.decode(Array(body.joined())) else {
            throw SSHError(.malformedArmor, "the signature block is not base64")
        }
        try self.init(blob: blob)
    }

    /// Reads a signature from its binary form.
    package init(blob: [UInt8]) throws(SSHError) {
        var reader = SSHReader(blob, code: .malformedSignature, subject: "the signature")
        guard try reader.take(Self.magic.count) == Self.magic else { throw reader.fault("is not an SSH signature") }
        let version = try reader.uint32()
        guard version == Self.version else {
            throw SSHError(.unsupportedVersion, "the signature has version \(version), known is \(Self.version)")
        }
        let key = try SSHPublicKey(blob: try reader.string())
        let namespace = try reader.text()
        guard !namespace.isEmpty else { throw reader.fault("has an empty namespace") }
        // The format asks to ignore what is reserved, OpenSSH verifies as if it were empty: so nothing else can verify.
        guard try reader.string().isEmpty else { throw reader.fault("has a reserved field that is not empty") }
        let hash = try reader.name()
        guard let hash = Hash(rawValue: hash) else {
            throw SSHError(.unsupportedHash, "the signature's hash is neither `sha256` nor `sha512`")
        }
        let signature = try reader.string()
        try reader.finish()
        self.init(key: key, namespace: namespace, hash: hash, signature: signature)
    }

    package var blob: [UInt8] {
        var writer = SSHWriter()
        writer.raw(Self.magic)
        writer.uint32(Self.version)
        writer.string(key.blob)
        writer.string(namespace)
        writer.string("")
        writer.string(hash.rawValue)
        writer.string(signature)
        return writer.bytes
    }

    /// The text form, in lines of 70 characters as `ssh-keygen -Y sign` writes them.
    package var armored: String {
        let text = Array(Base64.encode(blob).utf8)
        var lines = [Self.begin]
        for start in stride(from: 0, to: text.count, by: 70) {
            lines.append(String(decoding: text[start..<min(start + 70, text.count)], as: UTF8.self))
        }
        lines.append(Self.end)
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the key really signs: the digest of the message, bound to namespace and hash.
    static func signedBytes(message: [UInt8], namespace: String, hash: Hash) -> [UInt8] {
        var writer = SSHWriter()
        writer.raw(magic)
        writer.string(namespace)
        writer.string("")
        writer.string(hash.rawValue)
        writer.string(hash.digest(message))
        return writer.bytes
    }

    /// Proves that one of the allowed keys signed exactly this message for exactly this purpose, and says which.
    ///
    /// The namespace keeps a signature made for one purpose (a commit, a login) from counting for another.
    package func verify(
        _ message: [UInt8],
        namespace: String,
        allowed: some Sequence<SSHPublicKey>
    ) throws(SSHError) -> SSHPublicKey {
        guard self.namespace == namespace, self.namespace.utf8.elementsEqual(namespace.utf8) else {
            throw SSHError(
                .namespaceMismatch,
                "the signature was made for another namespace than `\(namespace)`",
                help: "sign again with `-n \(namespace)`"
            )
        }
        guard let known = allowed.first(where: { $0 == key }) else {
            throw SSHError(.keyNotAllowed, "the signing key `\(key.fingerprint)` is not among the known keys")
        }
        let signed = Self.signedBytes(message: message, namespace: namespace, hash: hash)
        try known.verify(signature: signature, of: signed)
        return known
    }
}
