import Core
import Ledger
import Playbooks

/// One holder's work on one run: the machine, and what happened since the last commit.
///
/// The machine may be ahead of the ledger between two commits, never when an effect starts: `commit` comes first. When a
/// commit fails the session is thrown away with everything that it staged.
struct Session {
    let engine: Engine
    let token: String
    /// As text, for the key of every attempt.
    let planDigest: String
    private(set) var machine: RunMachine
    private var events: [RunEvent] = []
    /// In the order of the events; one that was touched twice is there twice.
    private var touched: [StepInstance] = []
    private var samples: [SampleRecord] = []
    private var verdicts: [VerdictRecord] = []
    /// Every state that an approval went through: one commit may close a question and ask it anew.
    private var approvals: [ApprovalRecord] = []
    private var votes: [VoteRecord] = []
    /// Instances that have a timer row.
    private var timed: Set<StepInstance>
    /// How many events the ledger has.
    private var committed: Int
    /// Whether the ledger says that somebody works on the run.
    private var isBusyInLedger = false
    /// What the time should have been when the run was taken, where the clock was set since it was last taken.
    var expectedTime: Timestamp?
    /// The run's row as it was read with its events, or as the last commit left it.
    private var row: (head: [UInt8], state: RunState)?
    /// Runs below this one that begin with the next commit.
    private var children: [RunCommit] = []
    private var doneRequests: [Int64] = []
    var random: SeededRandom
    /// Steps whose run below was advanced in this session and waits.
    var skipsChildren: Set<StepInstance> = []

    init(engine: Engine, token: String, machine: RunMachine, row: (head: [UInt8], state: RunState)) {
        self.row = row
        self.engine = engine
        self.token = token
        self.machine = machine
        planDigest = machine.plan.digest.description
        committed = machine.sequence
        timed = Set(machine.open.keys.filter { machine.instances[$0]?.pending != nil })
        random = SeededRandom(seed: engine.seed())
    }

    var hasNews: Bool { !events.isEmpty || !doneRequests.isEmpty }
    var stagedCount: Int { events.count }
    var now: Timestamp { engine.clock.now() }

    mutating func stage(_ body: RunEvent.Body) throws(MachineFault) {
        // Time in the record never runs backwards, whatever the clock does.
        let event = RunEvent(body, at: max(body.time ?? now, machine.lastEvent))
        var concerned: [StepInstance] = []
        switch body {
        case .retried, .resumed, .rollbackRequested, .cancelRequested: concerned = Array(machine.instances.keys)
        default: break
        }
        try machine.apply(event)
        events.append(event)
        touched += concerned
        guard let name = event.instance else { return }
        touched.append(name)
        // Looked up for the few that need it.
        var instance: RunMachine.Instance? { machine.instances[name] }
        switch body {
        case .sampled(_, let sample, let note, _):
            samples.append(
                SampleRecord(
                    instance: name,
                    number: instance?.samples ?? 1,
                    time: sample.time,
                    outcome: sample.outcome.rawValue,
                    measurements: sample.json,
                    note: note
                )
            )
        case .decided(_, let result, let reason, _):
            verdicts.append(
                VerdictRecord(
                    instance: name,
                    generation: instance?.verdicts ?? 1,
                    time: event.time,
                    result: result.rawValue,
                    reason: reason
                )
            )
        case .voted(let vote): votes.append(vote)
        case .approvalOpened, .escalated, .approvalDecided:
            if let approval = instance?.approval { approvals.append(approval.record) }
        default: break
        }
    }

    mutating func adopt(_ child: RunCommit) { children.append(child) }
    mutating func done(request: Int64) { doneRequests.append(request) }

    /// Writes what happened since the last commit, in one transaction.
    mutating func commit(isBusy: Bool) throws {
        guard hasNews || (isBusyInLedger && !isBusy) else { return }
        try engine.crash.hit("before commit of \(machine.run) at \(committed)")
        let state = machine.state(isBusy: isBusy)
        var commits = children
        commits.append(news(state))
        row = try engine.ledger.commit(commits).last.map { ($0, state) }
        isBusyInLedger = isBusy
        committed += events.count
        events.removeAll(keepingCapacity: true)
        touched.removeAll(keepingCapacity: true)
        samples = []
        verdicts = []
        approvals = []
        votes = []
        children = []
        doneRequests = []
        try engine.crash.hit("after commit of \(machine.run) at \(committed)")
    }

    /// Everything that was staged, for the ledger.
    private mutating func news(_ state: RunState) -> RunCommit {
        var commit = RunCommit(
            run: machine.run,
            sequence: committed,
            token: token,
            state: state
        )
        commit.known = row
        commit.reason = machine.reason
        commit.durability = events.contains(where: \.isDecision) ? .decision : .progress
        commit.doneRequests = doneRequests
        if let end = machine.end {
            commit.ended = machine.lastEvent
            commit.outputs = end.outputs
        }
        for (offset, event) in events.enumerated() {
            let sequence = committed + offset + 1
            commit.events.append(event.record(sequence: sequence))
            if event.isForAudit { commit.outbox.append(sequence) }
        }
        commit.samples = samples
        commit.verdicts = verdicts
        commit.approvals = approvals
        commit.votes = votes
        if touched.count > 2 {
            var seen: Set<StepInstance> = []
            touched.removeAll { !seen.insert($0).inserted }
        } else if touched.count == 2, touched[0] == touched[1] {
            // Nearly every commit: no set is needed to see that.
            touched.removeLast()
        }
        for name in touched { project(name, into: &commit) }
        return commit
    }

    /// The row of a step follows from the machine alone.
    private mutating func project(_ name: StepInstance, into commit: inout RunCommit) {
        guard let instance = machine.instances[name], let record = machine.row(of: name) else { return }
        commit.steps.append(record)
        if let pending = instance.pending {
            // One row an instance: a new wait replaces the old one.
            commit.timers.append(
                TimerRecord(
                    run: machine.run,
                    instance: name,
                    kind: "wait",
                    generation: pending.generation,
                    due: pending.due
                )
            )
            timed.insert(name)
        } else if !timed.isEmpty, timed.remove(name) != nil {
            commit.stoppedTimers.append(RunCommit.TimerKey(instance: name, kind: "wait"))
        }
    }
}

extension RunMachine {
    /// The row of a step instance in the ledger.
    func row(of name: StepInstance) -> StepRecord? {
        guard let instance = instances[name], let position = graph.positions[name.base] else { return nil }
        let role = name.role
        let kind =
            switch role {
            case .work: graph.steps[position].kindName
            case .after: "gate"
            case .rollback, .cancel: "action"
            }
        var record = StepRecord(
            instance: name,
            position: position,
            kind: kind,
            name: role == .work ? graph.steps[position].plainName : nil,
            state: instance.state
        )
        record.attempts = instance.attempts
        record.started = instance.started
        record.ended = instance.ended
        record.result = instance.result
        record.outputs = instance.outputs.isEmpty ? nil : instance.outputs
        record.error = instance.question ?? instance.error?.message
        record.summary = instance.summary
        record.due = instance.pending?.due
        record.waitsFor = instance.state == .waiting ? waitsFor(name) : nil
        return record
    }

    /// What an instance waits for, in a word for people.
    func waitsFor(_ name: StepInstance) -> String {
        guard let instance = instances[name] else { return "start" }
        if let note = instance.pending?.note { return note }
        // Its question was answered by nobody, or its gate did not pass: the run is held until a person lets it go on.
        if instance.state == .waiting, instance.result != nil { return "resume" }
        if instance.approval != nil { return "approval" }
        if instance.gate != nil || gate(of: name) != nil { return "gate" }
        return switch instance.pending?.kind {
        case .retry: "retry"
        case .window: "window"
        case .wait: "timer"
        case .sample: "gate"
        case .expiry: "approval"
        case nil: "decision"
        }
    }
}
