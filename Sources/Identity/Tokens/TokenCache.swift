package import Core

/// Tokens that were proved already, so that one that comes again costs a hash.
///
/// A value without locks: each event loop holds its own. An entry counts only under the verifier's keys of its time, and
/// time and audience are checked again at each use. Refusals are not kept: a flood of wrong tokens must not push out
/// right ones.
package struct TokenCache: Sendable {
    private struct Key: Hashable {
        var words: (UInt64, UInt64, UInt64, UInt64)

        init(_ bytes: [UInt8]) {
            var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
            for (position, byte) in Digest.sha256(bytes).bytes.enumerated() {
                switch position >> 3 {
                case 0: words.0 = words.0 << 8 | UInt64(byte)
                case 1: words.1 = words.1 << 8 | UInt64(byte)
                case 2: words.2 = words.2 << 8 | UInt64(byte)
                default: words.3 = words.3 << 8 | UInt64(byte)
                }
            }
            self.words = words
        }

        static func == (left: Self, right: Self) -> Bool { left.words == right.words }

        func hash(into hasher: inout Hasher) { hasher.combine(words.0) }
    }

    private var entries: [Key: VerifiedToken] = [:]
    /// The keys in the order in which they came; the next one to be replaced stands at `oldest`.
    private var order: [Key] = []
    private var oldest = 0
    private var revision: Digest?
    private let capacity: Int

    package init(capacity: Int = 4096) {
        self.capacity = max(1, capacity)
    }

    package var count: Int { entries.count }

    /// Proves a token as the verifier does, or finds it proved.
    package mutating func verify(
        _ bytes: [UInt8],
        resource: String,
        by verifier: TokenVerifier,
        now: Timestamp
    ) throws(TokenFault) -> VerifiedToken {
        guard bytes.count <= verifier.limit else {
            throw TokenFault(.tooLarge, "the token is longer than \(verifier.limit) bytes")
        }
        if revision != verifier.revision {
            entries.removeAll(keepingCapacity: true)
            order.removeAll(keepingCapacity: true)
            oldest = 0
            revision = verifier.revision
        }
        let key = Key(bytes)
        if let token = entries[key] {
            guard token.isFor(resource) else {
                throw TokenFault(.audience, "the token is not for this resource")
            }
            try verifier.checkTime(of: token, now: now)
            return token
        }
        let token = try verifier.verify(bytes, resource: resource, now: now)
        insert(token, key)
        return token
    }

    private mutating func insert(_ token: VerifiedToken, _ key: Key) {
        if order.count < capacity {
            order.append(key)
        } else {
            entries[order[oldest]] = nil
            order[oldest] = key
            oldest = (oldest + 1) % capacity
        }
        entries[key] = token
    }
}
