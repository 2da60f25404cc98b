import Core
import Synchronization

/// What servers of the era without sessions have asked for, so that only what was asked is answered.
///
/// A server that needs something answers a call with what it asks and a state of its own; the client sends the call again
/// with both (2026-07-28, "input required"). The state is good for the principal, the route and the name that it was given
/// for, once in a while.
final class InputRequests: Sendable {
    struct Key: Hashable, Sendable {
        var principal: String
        var route: String
        var method: String
        var name: String
        /// Digest of the state; of nothing where the server gave none.
        var state: Digest
    }

    private let known = Mutex<[Key: Timestamp]>([:])
    static let validity: Duration = .seconds(900)
    static let most = 100_000

    func asked(_ key: Key, at now: Timestamp) {
        known.withLock { known in
            if known.count >= Self.most { known = known.filter { now - $0.value <= Self.validity } }
            if known.count < Self.most { known[key] = now }
        }
    }

    func isAsked(_ key: Key, at now: Timestamp) -> Bool {
        known.withLock { known in known[key].map { now - $0 <= Self.validity } ?? false }
    }
}
