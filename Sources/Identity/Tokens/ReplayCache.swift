import Core
import Synchronization

/// The ids of proofs that were used and could still be used again.
///
/// Shared by all event loops, so it has a lock, which is held for one look-up. Both limits refuse: forgetting an id early
/// would let its proof be replayed. The limit of one key keeps one client from filling the memory of all; a proof is
/// remembered only after its key was found to be the token's, so who has no token fills nothing. What was used before
/// the process began is not known; a proof lives a minute.
package final class ReplayCache: Sendable {
    private struct Seen {
        var ids: [String: Timestamp] = [:]
        /// When at least one id may be forgotten.
        var soonest = Timestamp(microseconds: .max)
        /// At how many ids the forgettable ones are looked for again: twice what stayed the last time.
        var lookAt = 64
    }

    private struct State {
        var keys: [[UInt8]: Seen] = [:]
        var total = 0
        /// No clean-up of everything is worth its time before.
        var nextSweep = Timestamp(microseconds: .min)
    }

    private let state = Mutex(State())
    private let mostOfOneKey: Int
    private let most: Int

    package init(mostOfOneKey: Int = 20_000, most: Int = 500_000) {
        self.mostOfOneKey = mostOfOneKey
        self.most = most
    }

    package var count: Int { state.withLock { $0.total } }

    /// Remembers an id of a key until its proof has expired; refuses one that is known.
    func admit(id: String, thumbprint: [UInt8], until expiry: Timestamp, now: Timestamp) throws(TokenFault) {
        let isFull = TokenFault(.proofFlood, "there are too many proofs in so short a time", answer: .invalidProof)
        let fault = state.withLock { state -> TokenFault? in
            if state.total >= most, state.nextSweep <= now {
                sweep(&state, now)
            }
            var seen = state.keys.removeValue(forKey: thumbprint) ?? Seen()
            defer { if !seen.ids.isEmpty { state.keys[thumbprint] = seen } }
            if seen.ids.count >= min(seen.lookAt, mostOfOneKey), seen.soonest < now {
                state.total -= forget(&seen, now)
            }
            // Ids are compared by their bytes: two spellings of one character are two ids to whoever made them.
            if let old = seen.ids[Self.exact(id)], old >= now {
                return TokenFault(.proofReplayed, "the proof was used before", answer: .invalidProof)
            }
            guard seen.ids.count < mostOfOneKey, state.total < most else { return isFull }
            if seen.ids.updateValue(expiry, forKey: Self.exact(id)) == nil { state.total += 1 }
            seen.soonest = min(seen.soonest, expiry)
            return nil
        }
        if let fault { throw fault }
    }

    private static func exact(_ id: String) -> String {
        id.utf8.allSatisfy { $0 < 0x80 } ? id : Base64URL.encode(id.utf8) + "."
    }

    private func forget(_ seen: inout Seen, _ now: Timestamp) -> Int {
        let before = seen.ids.count
        seen.ids = seen.ids.filter { $0.value >= now }
        seen.soonest = seen.ids.values.min() ?? Timestamp(microseconds: .max)
        seen.lookAt = max(64, seen.ids.count * 2)
        return before - seen.ids.count
    }

    private func sweep(_ state: inout State, _ now: Timestamp) {
        for key in Array(state.keys.keys) {
            guard var seen = state.keys[key], seen.soonest < now else { continue }
            state.total -= forget(&seen, now)
            state.keys[key] = seen.ids.isEmpty ? nil : seen
        }
        state.nextSweep = now + .seconds(1)
    }
}
