package import Core
package import Ledger
import Playbooks

/// A row of the ledger that does not follow from the events of its run: somebody changed one or the other by hand.
package struct Discrepancy: Sendable, Hashable {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The events cannot be folded over the pinned playbook.
        case events = "replay.events"
        case run = "replay.run"
        case step = "replay.step"
        case approval = "replay.approval"
        case vote = "replay.vote"
        case verdict = "replay.verdict"
        case sample = "replay.sample"
        case timer = "replay.timer"
    }

    package var code: Code
    package var run: RunID
    package var message: String
}

extension Engine {
    /// Folds the events of a run anew and compares what follows from them with every row that the ledger has of it.
    ///
    /// Nothing for a run that changed while it was looked at: whoever advances it has just checked it.
    package func replay(_ run: RunID) throws(LedgerError) -> [Discrepancy] {
        for _ in 0..<3 {
            guard let before = try ledger.run(run) else { return [] }
            let found = try compare(before)
            if try ledger.run(run)?.sequence == before.sequence { return found }
        }
        return []
    }

    /// The row of a run, after its seal was checked and its rows were held against its events.
    ///
    /// - Throws: what `Ledger.history` throws; `corrupt` when a row says something else than the events do, and `busy` when the run changes faster than it can be read.
    package func attested(_ run: RunID) throws(LedgerError) -> RunRecord {
        for _ in 0..<3 {
            let record = try ledger.history(of: run).run
            let found = try compare(record)
            guard try ledger.run(run)?.sequence == record.sequence else { continue }
            if let first = found.first { throw LedgerError(.corrupt, "\(first.message) in run `\(run)`") }
            return record
        }
        throw LedgerError(.busy, "run `\(run)` changes while it is read")
    }

    private func compare(_ record: RunRecord) throws(LedgerError) -> [Discrepancy] {
        var replay = Replay(record)
        do {
            try replay.fold(try ledger.events(of: record.id), over: try pinnedPlan(of: record))
        } catch {
            let words = (error as? MachineFault)?.description ?? (error as? EventFault)?.description
            return [Discrepancy(code: .events, run: record.id, message: words ?? Self.words(error))]
        }
        replay.compareRun(record)
        replay.compare(.step, replay.steps, try ledger.steps(of: record.id)) { "step `\($0.instance)`" }
        replay.compare(.approval, replay.approvals, replay.aligned(try ledger.approvals(of: record.id))) {
            "question \($0.generation) at `\($0.instance)`"
        }
        replay.compare(.vote, replay.votes, replay.aligned(try ledger.votes(of: record.id))) {
            "vote \($0.number) of `\($0.person)` at `\($0.instance)`"
        }
        replay.compare(.verdict, replay.verdicts, try ledger.verdicts(of: record.id)) {
            "verdict \($0.generation) of `\($0.instance)`"
        }
        replay.compare(.sample, replay.samples, try ledger.samples(of: record.id).map(Replay.canonical)) {
            "sample \($0.number) of `\($0.instance)`"
        }
        replay.compare(.timer, replay.timers, try ledger.timers(of: record.id)) { "timer of `\($0.instance)`" }
        return replay.found
    }
}

/// The rows that follow from the events of one run, and what was found to differ.
private struct Replay {
    private let run: RunID
    private var machine: RunMachine?
    private var asked: [StepInstance: [Int: ApprovalRecord]] = [:]
    private(set) var votes: [VoteRecord] = []
    private(set) var verdicts: [VerdictRecord] = []
    private(set) var samples: [SampleRecord] = []
    private(set) var found: [Discrepancy] = []

    init(_ record: RunRecord) { run = record.id }

    mutating func fold(_ events: [EventRecord], over plan: Plan) throws {
        var machine = RunMachine(run: run, plan: plan)
        for record in events {
            let event = try RunEvent(record, run: run)
            try machine.apply(event)
            guard let name = event.instance, let instance = machine.instances[name] else { continue }
            switch event.body {
            case .approvalOpened, .escalated, .approvalDecided:
                guard let question = instance.approval?.record else { continue }
                asked[name, default: [:]][question.generation] = question
            case .voted(let vote): votes.append(vote)
            case .decided(_, let result, let reason, _):
                verdicts.append(
                    VerdictRecord(
                        instance: name,
                        generation: instance.verdicts,
                        time: event.time,
                        result: result.rawValue,
                        reason: reason
                    )
                )
            case .sampled(_, let sample, let note, _):
                samples.append(
                    Self.canonical(
                        SampleRecord(
                            instance: name,
                            number: instance.samples,
                            time: sample.time,
                            outcome: sample.outcome.rawValue,
                            measurements: sample.json,
                            note: note
                        )
                    )
                )
            default: break
            }
        }
        self.machine = machine
    }

    var approvals: [ApprovalRecord] { asked.values.flatMap(\.values) }

    /// The row of every step of the plan, begun or not, and of every item and companion that began.
    var steps: [StepRecord] {
        guard let machine else { return [] }
        var names = Set(machine.instances.keys)
        var rows = machine.graph.steps.enumerated().compactMap { position, step in
            names.contains(StepInstance(step.id))
                ? nil
                : StepRecord(
                    instance: StepInstance(step.id),
                    position: position,
                    kind: step.kindName,
                    name: step.plainName
                )
        }
        while let name = names.popFirst() {
            if let row = machine.row(of: name) { rows.append(row) }
        }
        return rows
    }

    var timers: [TimerRecord] {
        guard let machine else { return [] }
        return machine.open.keys.compactMap { name in
            machine.instances[name]?.pending.map { pending in
                TimerRecord(run: run, instance: name, kind: "wait", generation: pending.generation, due: pending.due)
            }
        }
    }

    mutating func compareRun(_ record: RunRecord) {
        guard let machine else { return }
        func differs(_ what: String) { report(.run, "\(what) of the run is not what its events say") }
        if record.state != machine.state(isBusy: false), record.state != machine.state(isBusy: true) {
            report(
                .run,
                "the run is listed as \(record.state.rawValue), by its events it is \(machine.state(isBusy: false).rawValue)"
            )
        }
        if record.sequence != machine.sequence { differs("the number of events") }
        if let what = machine.difference(from: record) {
            report(.run, "\(what) of the run is not what its events say")
        }
        if record.ended != (machine.end == nil ? nil : machine.lastEvent) { differs("the end") }
        if let end = machine.end, record.outputs ?? [:] != end.outputs { differs("an output") }
    }

    /// Reports every row that only one side has, in words that name it.
    mutating func compare<Record: Hashable>(
        _ code: Discrepancy.Code,
        _ expected: [Record],
        _ stored: [Record],
        _ name: (Record) -> String
    ) {
        let expected = Set(expected)
        let stored = Set(stored)
        let missing = Set(expected.subtracting(stored).map(name))
        let foreign = Set(stored.subtracting(expected).map(name))
        for row in missing.union(foreign).sorted() {
            let words =
                !foreign.contains(row)
                ? "was removed" : missing.contains(row) ? "is not what the events say" : "has no event behind it"
            report(code, "\(row) \(words)")
        }
    }

    private mutating func report(_ code: Discrepancy.Code, _ message: String) {
        found.append(Discrepancy(code: code, run: run, message: message))
    }

    // MARK: - What may differ

    /// The first version timed a question or a vote and its event one after the other, in a rehearsal by a fast clock.
    private static func isNear(_ one: Timestamp, _ other: Timestamp) -> Bool {
        abs(one.microseconds - other.microseconds) <= 3_600_000_000
    }

    func aligned(_ stored: [ApprovalRecord]) -> [ApprovalRecord] {
        stored.map { record in
            guard let known = asked[record.instance]?[record.generation], Self.isNear(known.opened, record.opened)
            else { return record }
            var record = record
            record.opened = known.opened
            return record
        }
    }

    func aligned(_ stored: [VoteRecord]) -> [VoteRecord] {
        stored.map { record in
            let known = votes.first {
                $0.instance == record.instance && $0.generation == record.generation && $0.number == record.number
            }
            guard let known, Self.isNear(known.time, record.time) else { return record }
            var record = record
            record.time = known.time
            return record
        }
    }

    static func canonical(_ record: SampleRecord) -> SampleRecord {
        var record = record
        record.measurements = (try? JSON.parse(JSON.canonical(.object(record.measurements))))?.object ?? [:]
        return record
    }
}
