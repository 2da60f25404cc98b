package import Core
package import Traffic

/// Follows all sessions of a recording at once, each with an observer of its own.
///
/// Sessions may come interleaved. Those that were silent longest are let go of when there are too many, or when they
/// remember too much together: what such a session does later is explained without what it saw before, and marked as
/// resting on a part of the evidence.
package struct SessionFollower {
    /// An observer that stays where it is while it works, since it is large.
    private final class Followed {
        var observer: SessionObserver
        var touched = 0

        init(_ observer: SessionObserver) { self.observer = observer }
    }

    private var observers: [String: Followed] = [:]
    /// Hashes of sessions that were let go of; when there are too many of them, every new session counts as one.
    private var forgotten: Set<Int> = []
    private var hasForgottenAll = false
    private let cache = ResultCache(maxBytes: 32 << 20)
    private let limit: Int
    /// Of the results that all sessions together remember; what is known of a text takes about three times its bytes.
    private let maxBytes: Int
    private var bytes = 0
    private var clock = 0
    /// The session of the last call, which is never let go of for that call.
    private var last: (principal: String, id: String, session: String, entry: Followed)?

    package init(limit: Int = 4_096, maxBytes: Int = 32 << 20) {
        self.limit = limit
        self.maxBytes = maxBytes
    }

    package mutating func observe(_ record: CallRecord) -> ObservedCall {
        clock += 1
        let (session, entry) = followed(record)
        let earlier = entry.observer.heldBytes
        let call = entry.observer.observe(record)
        entry.touched = clock
        bytes += entry.observer.heldBytes - earlier
        if observers.count > limit || bytes > maxBytes { makeRoom(besides: session) }
        return call
    }

    private mutating func followed(_ record: CallRecord) -> (session: String, entry: Followed) {
        // The next call is most often of the same session.
        if let last, last.id == record.session, last.principal == record.principal.id {
            return (last.session, last.entry)
        }
        let session = record.principal.id + "\u{0}" + record.session
        let entry = observers[session] ?? begin(session, record)
        last = (record.principal.id, record.session, session, entry)
        return (session, entry)
    }

    private mutating func begin(_ session: String, _ record: CallRecord) -> Followed {
        let followed = Followed(
            SessionObserver(taskText: record.task?.text, isPartial: isForgotten(session), cache: cache)
        )
        observers[session] = followed
        return followed
    }

    private mutating func makeRoom(besides current: String) {
        last = nil
        var oldest: [(touched: Int, session: String, bytes: Int)] = []
        oldest.reserveCapacity(observers.count)
        for (session, entry) in observers where session != current {
            oldest.append((entry.touched, session, entry.observer.heldBytes))
        }
        oldest.sort { $0.touched < $1.touched }
        for (position, (_, session, held)) in oldest.enumerated() {
            // An eighth more than is needed, so that sorting is rare.
            guard position < limit / 8 || bytes > maxBytes / 8 * 7 else { return }
            bytes -= held
            observers[session] = nil
            if forgotten.count < 1 << 20 { forgotten.insert(session.hashValue) } else { hasForgottenAll = true }
        }
    }

    private func isForgotten(_ session: String) -> Bool {
        hasForgottenAll || (!forgotten.isEmpty && forgotten.contains(session.hashValue))
    }
}
