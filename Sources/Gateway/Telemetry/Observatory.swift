import Synchronization

/// What a gateway sees of its own requests, gathered from its event loops.
///
/// Each loop counts for itself and leaves events in a ring of its own; whoever writes them out takes them from there. A
/// ring that is full loses the event and counts it, and traffic goes on.
package final class Observatory: Sendable {
    /// What can be lost, and where.
    package enum Loss: Int, Sendable, CaseIterable {
        case ring, span, accessLog

        package var label: String {
            switch self {
            case .ring: "ring"
            case .span: "spans"
            case .accessLog: "access-log"
            }
        }
    }

    /// Whether anybody takes events; otherwise none are made.
    private let isWatching = Atomic<Bool>(false)
    private let wantsArguments = Atomic<Bool>(false)
    private let loops = Mutex<[LoopNotes]>([])
    private let losses: [Tally] = Loss.allCases.map { _ in Tally() }
    private let waiting = Atomic<Int>(0)
    private let exports: [Tally] = [Tally(), Tally()]

    private final class Tally: Sendable { let value = Atomic<Int>(0) }

    package init() {}

    /// Events are made from now on, or no longer.
    package func watch(_ isWanted: Bool, arguments: Bool) {
        wantsArguments.store(arguments, ordering: .relaxed)
        isWatching.store(isWanted, ordering: .relaxed)
    }

    var isWatched: Bool { isWatching.load(ordering: .relaxed) }
    var takesArguments: Bool { wantsArguments.load(ordering: .relaxed) }

    func newLoop() -> LoopNotes {
        let notes = LoopNotes()
        loops.withLock { $0.append(notes) }
        return notes
    }

    package func lost(_ loss: Loss, _ number: Int = 1) { losses[loss.rawValue].value.add(number, ordering: .relaxed) }

    package subscript(loss: Loss) -> Int { losses[loss.rawValue].value.load(ordering: .relaxed) }

    /// How many spans wait for a collector.
    package var spansWaiting: Int {
        get { waiting.load(ordering: .relaxed) }
        set { waiting.store(newValue, ordering: .relaxed) }
    }

    package func exported(isTaken: Bool) { exports[isTaken ? 0 : 1].value.add(1, ordering: .relaxed) }

    /// Exports that a collector took, and those that failed.
    package var exportCounts: (taken: Int, failed: Int) {
        (exports[0].value.load(ordering: .relaxed), exports[1].value.load(ordering: .relaxed))
    }

    /// Takes everything that waits in the rings.
    package func drain(_ take: (borrowing [RequestEvent]) -> Void) {
        for notes in loops.withLock(\.self) { notes.drain(take) }
    }

    /// Events that nobody has taken yet.
    package var eventsWaiting: Int { loops.withLock(\.self).reduce(0) { $0 + $1.count } }

    /// What all loops counted.
    package var metrics: RequestMetrics {
        loops.withLock(\.self).reduce(into: RequestMetrics()) { $0.add($1.metrics) }
    }
}

/// The figures and the ring of one event loop.
///
/// The lock is the loop's own but for a moment now and then, when somebody reads.
final class LoopNotes: Sendable {
    private struct State {
        var metrics = RequestMetrics()
        var ring: [RequestEvent] = []
        /// Changes places with the ring when that is emptied, so that neither is allocated anew.
        var spare: [RequestEvent] = []
    }

    static let capacity = 8_192
    private let state = Mutex(State())

    /// Counts a request, and keeps its event where one is wanted; false where there is no room for it.
    func add(_ event: RequestEvent, isKept: Bool) -> Bool {
        state.withLock { state in
            state.metrics.add(event)
            guard isKept else { return true }
            if state.ring.capacity == 0 {
                state.ring.reserveCapacity(Self.capacity)
                state.spare.reserveCapacity(Self.capacity)
            }
            guard state.ring.count < Self.capacity else { return false }
            state.ring.append(event)
            return true
        }
    }

    func changeConnections(by number: Int) { state.withLock { $0.metrics.connections += number } }

    var count: Int { state.withLock(\.ring.count) }
    var metrics: RequestMetrics { state.withLock(\.metrics) }

    func drain(_ take: (borrowing [RequestEvent]) -> Void) {
        var full: [RequestEvent] = state.withLock { state in
            guard !state.ring.isEmpty else { return [] }
            swap(&state.ring, &state.spare)
            defer { state.spare = [] }
            return state.spare
        }
        guard !full.isEmpty else { return }
        take(full)
        full.removeAll(keepingCapacity: true)
        let empty = full
        state.withLock { $0.spare = empty }
    }
}
