package import Core
package import Identity
import Synchronization

/// What a gateway knows of the list that it pulls, and since when it has heard nothing new.
///
/// A list with a higher number is applied whenever it comes, since it only denies. It counts as fresh for a minute from the
/// time that was signed with it, and not from the moment at which it came: whoever passes lists on could keep them back
/// and hand them over late, one after the other, each of them new. From then on a clock measures that only goes forward,
/// and an old list that is put back is no news. Before the first fresh list, and once the last one is too old, a kill may
/// have been missed: then what can be more than reading is denied. So it is where the clocks of the two machines are a
/// minute apart, as nobody can then tell late from fresh.
package final class RevocationPull: Sendable {
    package static let interval: Duration = .seconds(2)
    package static let longest: Duration = .seconds(60)
    /// How often at least it is written down which list was the last.
    private static let noted: Duration = .seconds(20)

    private struct State {
        var number: Int64
        var heard: Duration?
        var noted: Duration?
        var fault: String?
        var last: Digest?
        /// Kills of lists before, so that each is looked at once.
        var seen: Set<Digest> = []
    }

    /// Where the list comes from, as people named it.
    package let source: String
    private let state: Mutex<State>
    /// When the list becomes too old, in nanoseconds of the clock; read for each decision.
    private let good = Atomic<Int64>(0)
    private let elapsed: @Sendable () -> Duration

    /// - Parameters:
    ///   - source: Where the list comes from.
    ///   - number: Of the last list that was believed here, before the process began.
    ///   - elapsed: A clock that only goes forward and counts while the machine sleeps.
    package init(source: String, number: Int64 = 0, elapsed: @escaping @Sendable () -> Duration) {
        self.source = source
        self.elapsed = elapsed
        state = Mutex(State(number: number))
    }

    /// The clock that `elapsed` should be outside of tests.
    package static func clock() -> @Sendable () -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        return { clock.now - start }
    }

    /// Whether so much time has gone by that a kill may have been missed.
    package var isStale: Bool { Self.nanoseconds(elapsed()) >= good.load(ordering: .acquiring) }

    private static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        return Int64(clamping: seconds).multipliedReportingOverflow(by: 1_000_000_000).partialValue
            + attoseconds / 1_000_000_000
    }

    /// What is to be done about a list that was read.
    package struct News: Sendable {
        /// Kills that were in no list before.
        package let kills: [RevocationProof]
        /// Whether the list should be written down as the last one.
        package let isNoted: Bool
    }

    /// Takes in what was read, or why nothing was; news only where the list is signed and newer than all before.
    ///
    /// - Parameters:
    ///   - read: The bytes of the list.
    ///   - keys: Of those whose lists are believed.
    ///   - time: By the wall clock, which the list's own time is compared with.
    /// - Returns: What is to be done about it.
    package func take(
        _ read: Result<[UInt8], RevocationList.Fault>,
        keys: [DSSEKey],
        at time: Timestamp
    ) -> News? {
        let now = elapsed()
        let list: RevocationList
        let digest: Digest
        switch read {
        case .failure(let fault):
            state.withLock { $0.fault = fault.message }
            return nil
        case .success(let bytes):
            digest = .sha256(bytes)
            // The same bytes as before say nothing new, and need no look at their signature.
            guard state.withLock({ $0.last != digest }) else { return nil }
            switch RevocationList.read(bytes, by: keys) {
            case .failure(let fault):
                state.withLock { $0.fault = fault.message }
                return nil
            case .success(let found): list = found
            }
        }
        return state.withLock { state in
            guard list.number > state.number else {
                if list.number < state.number { state.fault = "it is older than one that was read before" }
                return nil
            }
            state.number = list.number
            state.last = digest
            let age = time - list.time
            let isFresh = .zero - Self.longest < age && age < Self.longest
            if isFresh {
                state.heard = now - max(age, .zero)
                state.fault = nil
                good.store(Self.nanoseconds(now - max(age, .zero) + Self.longest), ordering: .releasing)
            } else {
                let (seconds, way) = (abs(age.components.seconds), age > .zero ? "ago" : "ahead")
                state.fault = "it came with a time \(seconds) s \(way): late, or a clock is wrong"
            }
            var seen: Set<Digest> = []
            var kills: [RevocationProof] = []
            for kill in list.kills {
                let digest = Digest.sha256(JSON.canonical(kill.json))
                if !state.seen.contains(digest) { kills.append(kill) }
                seen.insert(digest)
            }
            state.seen = seen
            let isNoted = !kills.isEmpty || state.noted.map { now - $0 >= Self.noted } ?? true
            if isNoted { state.noted = now }
            return News(kills: kills, isNoted: isNoted)
        }
    }

    /// How it stands, as the admin port shows it.
    package var json: JSON.Value {
        let now = elapsed()
        let state = state.withLock { $0 }
        return [
            "from": .string(source), "number": .integer(state.number), "stale": .bool(isStale),
            "age": state.heard.map { .integer((now - $0).components.seconds) } ?? .null,
            "fault": state.fault.map(JSON.Value.string) ?? .null,
        ]
    }
}
