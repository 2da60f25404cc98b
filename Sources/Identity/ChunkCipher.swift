import Core
import Crypto

/// Encrypts the chunks of one file, each bound to the file and to its place in it.
///
/// AES-256-GCM (NIST SP 800-38D) under a key of the file's own, which HKDF-SHA-256 (RFC 5869) derives from a workspace key
/// and the file's header; the header must hold something random. The position of a chunk and its kind are authenticated
/// with it, so a chunk that was moved, taken from another file, or put behind another header does not open. Nonces are
/// random: a position that is written again after a crash never meets the same nonce with other bytes.
package struct ChunkCipher: Sendable {
    /// What a chunk takes more than its plain bytes: nonce and tag.
    package static let overhead = nonceBytes + tagBytes

    private static let nonceBytes = 12
    private static let tagBytes = 16

    private let key: SymmetricKey
    private let header: [UInt8]

    /// - Parameters:
    ///   - key: The workspace key that the header names.
    ///   - header: All bytes of the header, which no two files share.
    package init(key: WorkspaceKey, header: [UInt8]) {
        let digest = Array(SHA256.hash(data: header))
        self.header = digest
        self.key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: key.secret.revealed),
            salt: digest,
            info: Array("lockstep.shard/1".utf8),
            outputByteCount: 32
        )
    }

    /// Nonce, ciphertext and tag; nil only where the library refuses, which it does for impossible lengths.
    package func seal(_ plain: [UInt8], at position: UInt64, kind: UInt8) -> [UInt8]? {
        let nonce = AES.GCM.Nonce()
        let context = context(position, kind)
        guard let box = try? AES.GCM.seal(plain, using: key, nonce: nonce, authenticating: context) else { return nil }
        return Array(nonce) + Array(box.ciphertext) + Array(box.tag)
    }

    /// The plain bytes, or nil where a single bit, the position, the kind or the header is another.
    package func open(_ sealed: [UInt8], at position: UInt64, kind: UInt8) -> [UInt8]? {
        guard sealed.count >= Self.overhead,
            let nonce = try? AES.GCM.Nonce(data: sealed[..<Self.nonceBytes]),
            let box = try? AES.GCM.SealedBox(
                nonce: nonce,
                ciphertext: sealed[Self.nonceBytes..<(sealed.count - Self.tagBytes)],
                tag: sealed[(sealed.count - Self.tagBytes)...]
            ),
            let plain = try? AES.GCM.open(box, using: key, authenticating: context(position, kind))
        else { return nil }
        return Array(plain)
    }

    private func context(_ position: UInt64, _ kind: UInt8) -> [UInt8] {
        header + (0..<8).map { UInt8(truncatingIfNeeded: position >> (56 - 8 * UInt64($0))) } + [kind]
    }
}
