import Core
import Crypto

/// A secret's stand-in: equal secrets have equal digests, and without the workspace's key nothing can be tried.
///
/// HMAC-SHA-256 (RFC 2104) with the `redact` key, cut to 128 bits. A plain hash would not do: tokens and passwords can
/// be guessed and compared. Digests of different keys (after a rotation) cannot be compared; the key's id says so.
package struct KeyedDigest: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    private static let prefix = "hmac-sha256:"

    /// The digest of a secret under the key in use.
    package init(of secret: some Sequence<UInt8>, key: WorkspaceKey) {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(secret),
            using: SymmetricKey(data: key.secret.revealed)
        )
        description = Self.prefix + key.id + ":" + Hexadecimal.encode(code.prefix(16))
    }

    /// The digest of a secret text under the key in use.
    package init(of secret: String, key: WorkspaceKey) {
        self.init(of: secret.utf8, key: key)
    }

    /// Reads what `description` prints; nothing else is accepted.
    package init?(_ text: String) {
        let fields = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard fields.count == 3, fields[0].elementsEqual("hmac-sha256".utf8),
            fields[1].count == 8, Hexadecimal.decode(fields[1]) != nil,
            fields[2].count == 32, Hexadecimal.decode(fields[2]) != nil
        else { return nil }
        description = text
    }

    package var keyID: String {
        String(description.dropFirst(Self.prefix.count).prefix(8))
    }

    /// Whether a secret has this digest under any key of the ring, retired ones included.
    package func matches(_ secret: String, in ring: KeyRing) -> Bool {
        ring.key(id: keyID).map { KeyedDigest(of: secret, key: $0) == self } ?? false
    }
}

extension WorkspaceKey {
    /// Message authentication codes under this key: HMAC-SHA-256 (RFC 2104), whole.
    package var authenticationCode: @Sendable ([UInt8]) -> [UInt8] {
        let key = SymmetricKey(data: secret.revealed)
        return { message in Array(HMAC<SHA256>.authenticationCode(for: message, using: key)) }
    }
}
