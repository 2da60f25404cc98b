import Core

/// Phases as bars on one axis of time, in thousandths of its length.
struct Timeline {
    struct Bar: Equatable {
        var start: Int
        var length: Int
        /// The plan names no end: the bar runs to the edge and is drawn open.
        var isOpen = false
    }

    struct Row {
        var phase: ProgressSnapshot.Phase
        var plan: Bar?
        var actual: Bar?
    }

    struct Tick: Equatable {
        var position: Int
        var label: String
    }

    static let scale = 1000

    let rows: [Row]
    let ticks: [Tick]
    let now: Int

    /// Nothing when no phase has a time to draw.
    init?(_ snapshot: ProgressSnapshot) {
        let times = snapshot.phases.flatMap {
            [$0.plannedStart, $0.plannedEnd, $0.started, $0.ended].compactMap(\.self)
        }
        guard !times.isEmpty, let first = (times + [snapshot.taken]).min(),
            let end = (times + [snapshot.taken]).max(), first < end
        else { return nil }
        // A phase without a planned end needs room to be seen as one: an eighth of what is planned before it.
        let hasOpenEnd = snapshot.phases.contains { $0.plannedStart != nil && $0.plannedEnd == nil }
        let room = hasOpenEnd ? (end.microseconds / 8 - first.microseconds / 8) : 0
        let (sum, overflow) = end.microseconds.addingReportingOverflow(room)
        let last = overflow ? end : Timestamp(microseconds: sum)
        let span = Double(last.microseconds) - Double(first.microseconds)
        func position(_ time: Timestamp) -> Int {
            let offset = Double(time.microseconds) - Double(first.microseconds)
            return Int((offset / span * Double(Self.scale)).rounded())
        }
        func bar(_ start: Timestamp, _ end: Timestamp?) -> Bar {
            let from = min(position(start), Self.scale - 4)
            let to = end.map(position) ?? Self.scale
            // A bar of a moment is still seen.
            return Bar(start: from, length: max(4, to - from), isOpen: end == nil)
        }
        rows = snapshot.phases.map { phase in
            Row(
                phase: phase,
                plan: phase.plannedStart.map { bar($0, phase.plannedEnd) },
                actual: phase.started.map { bar($0, phase.ended ?? max(snapshot.taken, $0)) }
            )
        }
        let isLong = span > Double(Duration.seconds(5 * 86_400).microseconds)
        ticks = (0...4).map { quarter in
            let time = Timestamp(microseconds: first.microseconds + Int64(span / 4 * Double(quarter)))
            return Tick(position: Self.scale / 4 * quarter, label: isLong ? time.day : time.minute)
        }
        now = position(snapshot.taken)
    }
}
