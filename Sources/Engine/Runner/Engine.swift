package import Core
package import Ledger
package import Playbooks

/// Carries out checked plans durably: killed at any instant, a run goes on with nothing lost and nothing done twice.
///
/// A change to the outside is recorded as an intent, carried out under an idempotency key, and recorded as done; after a
/// crash between the two the action is asked whether its effect is there. The engine holds no state of its own: any
/// process that opens the ledger can go on.
package struct Engine: Sendable {
    package var ledger: Ledger
    package var catalogue: Catalogue
    package var clock: any WallClock
    package var people: People
    package var facts: Facts
    /// Fetches the value of a secret at the moment in which an action needs it.
    package var secret: @Sendable (SecretDeclaration) throws -> Redacted<String>
    /// Checks pinned bytes again into a plan; a failure sets the run aside with its words as the reason.
    ///
    /// Playbooks below it are read from the pinned bytes alone; a run of the first version has none and reads files.
    package var planFor: PlanReader
    /// Says whether a vote is proven to be its voter's at the moment in which it is counted, or refuses it.
    ///
    /// A vote that is left for another process lies in the ledger meanwhile, so nothing that whoever left it says of its
    /// authenticity counts.
    package var proven: VoteCheck
    /// A new seed for each use: ids and jitter.
    package var seed: @Sendable () -> UInt64
    package var crash: CrashPoints
    /// Time runs faster than anybody can look, so that a soak cannot be covered by samples.
    package var isRehearsal = false
    package var host: Host
    /// Waits in real time: for timeouts of actions and between looks at requests.
    package var sleep: @Sendable (Duration) async throws -> Void

    package typealias PlanReader =
        @Sendable (_ source: [UInt8], _ file: String, _ pinned: [String: [UInt8]]?) throws -> Plan
    package typealias VoteCheck = @Sendable (Ballot, RunID, StepInstance) throws(VoteRefusal) -> Bool

    package init(
        ledger: Ledger,
        catalogue: Catalogue,
        clock: any WallClock = SystemClock(),
        people: People = People(),
        facts: Facts = Facts(),
        secret: @escaping @Sendable (SecretDeclaration) throws -> Redacted<String>,
        planFor: @escaping PlanReader,
        proven: @escaping VoteCheck = { (ballot, _, _) throws(VoteRefusal) in ballot.isAuthenticated },
        seed: @escaping @Sendable () -> UInt64 = { UInt64.random(in: .min ... .max) },
        crash: CrashPoints = .none,
        host: Host = .current(),
        sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
    ) {
        self.ledger = ledger
        self.catalogue = catalogue
        self.clock = clock
        self.people = people
        self.facts = facts
        self.secret = secret
        self.planFor = planFor
        self.proven = proven
        self.seed = seed
        self.crash = crash
        self.host = host
        self.sleep = sleep
    }

    // MARK: - Starting

    /// Records a new run; nothing of it is carried out before `advance`.
    ///
    /// - Throws: `InvalidInput` for inputs that do not fit their declarations and for a concurrency group that is taken,
    ///   `LedgerError` when it could not be recorded.
    package func start(_ plan: Plan, inputs: JSON.Object, startedBy: String) throws -> RunID {
        let checked = try plan.checkedInputs(inputs)
        let now = clock.now()
        let behind = try runAhead(of: plan, nil, by: startedBy)
        var random = SeededRandom(seed: seed())
        let run = RunID.make(at: now, using: &random)
        try ledger.commit([try creation(of: run, plan, checked, startedBy, parent: nil, behind: behind, now: now)])
        try crash.hit("created \(run)")
        return run
    }

    /// The run of the same group that a run must wait for, as its playbook says; nothing when its turn is now.
    ///
    /// The runs above one, and those below it, are one piece of work with it: they never wait for one another.
    ///
    /// - Throws: `InvalidInput` where the group is taken and the playbook does not want to wait.
    func runAhead(of plan: Plan, _ run: RunID?, above parent: RunID? = nil, by person: String) throws -> RunID? {
        guard let concurrency = plan.concurrency else { return nil }
        let others = try others(inGroupOf: plan, than: run, above: parent)
        guard let other = others.last else { return nil }
        switch concurrency.onConflict {
        case .fail:
            throw InvalidInput([
                Diagnostic(
                    code: "run.conflict",
                    message: "run `\(other.id)` of the group `\(concurrency.group)` is not over",
                    help: "wait for it, or `lockstep cancel \(other.id)`"
                )
            ])
        case .queue: break
        case .cancelRunning:
            for run in others where run.state != .cancelling && run.state != .rollingBack {
                _ = try command(
                    .cancel(reason: "a newer run of the group `\(concurrency.group)` starts"),
                    run: run.id,
                    by: person
                )
            }
        }
        return other.id
    }

    /// The unfinished runs of a plan's group that are no part of the same tree, oldest first.
    func others(inGroupOf plan: Plan, than run: RunID?, above parent: RunID? = nil) throws -> [RunRecord] {
        guard let group = plan.concurrency?.group else { return [] }
        var lineage: Set<RunID> = []
        var next = run ?? parent
        while let current = next, lineage.insert(current).inserted { next = try ledger.run(current)?.parent?.run }
        return try ledger.unfinishedRuns(ofGroup: group).filter { other in
            guard !lineage.contains(other.id) else { return false }
            guard let run else { return true }
            var above = other.parent?.run
            while let current = above {
                if current == run { return false }
                above = try ledger.run(current)?.parent?.run
            }
            return true
        }
    }

    /// The first transaction of a run: its row, its pinned bytes, its steps, its first event.
    func creation(
        of run: RunID,
        _ plan: Plan,
        _ inputs: JSON.Object,
        _ startedBy: String,
        parent: RunRecord.Parent?,
        behind: RunID?,
        now: Timestamp
    ) throws -> RunCommit {
        var record = RunRecord(
            id: run,
            playbook: plan.id,
            name: plan.name,
            version: plan.version,
            phase: plan.phase,
            digest: plan.digest,
            file: plan.file,
            inputs: inputs,
            startedBy: startedBy,
            pins: plan.pins,
            state: behind == nil ? .running : .queued,
            created: now,
            parent: parent,
            group: plan.concurrency?.group
        )
        record.updated = now
        var commit = RunCommit(run: run, sequence: 0, token: nil, state: record.state)
        commit.durability = .decision
        commit.creation = record
        // What runs is what was read and voted on: playbooks below are kept too, and no file is read again.
        let below = plan.playbooksBelow.sorted { $0.key < $1.key }.map(\.value)
        commit.artifacts = ([plan] + below).map { plan in
            ArtifactRecord(
                digest: plan.digest,
                mediaType: "application/yaml",
                byteCount: plan.source.count,
                bytes: plan.source,
                created: now
            )
        }
        let origin = record.origin(playbooks: plan.digestsBelow)
        var events = [
            RunEvent(
                .created(inputs: inputs, startedBy: startedBy, digest: plan.digest.description, origin: origin),
                at: now
            )
        ]
        if let behind { events.append(RunEvent(.queued(behind: behind), at: now)) }
        commit.events = events.enumerated().map { $1.record(sequence: $0 + 1) }
        commit.outbox = [1]
        commit.steps = (plan.steps + plan.finally).enumerated().map { position, step in
            StepRecord(
                instance: StepInstance(step.id),
                position: position,
                kind: step.kindName,
                name: step.plainName
            )
        }
        return commit
    }
}

extension PlannedStep {
    /// The name where it needs no evaluation.
    var plainName: String? {
        if case .literal(.string(let text))? = name { text } else { nil }
    }
}

extension Plan {
    /// The version of every action that the plan calls.
    package var pins: [String: Int] {
        var pins: [String: Int] = [:]
        for step in steps + finally {
            var calls = [step.rollback, step.onCancel].compactMap { $0 }
            if case .action(let call) = step.kind { calls.append(call) }
            for call in calls { pins[call.action.text] = call.version }
        }
        return pins
    }
}

/// What a run came to when nothing more could be done for it.
package struct RunSummary: Sendable {
    package struct Waiting: Sendable, Hashable {
        /// The run to which the step belongs: the run itself, or one below it.
        package var run: RunID
        /// With the steps above it: `phase_1/probe`.
        package var path: String
        /// `approval`, `gate`, `window change_window`, `retry`, `timer`, `question`, `resume`.
        package var waitsFor: String
        package var due: Timestamp?
    }

    package var run: RunID
    package var state: RunState
    package var reason: String?
    package var outputs: JSON.Object
    package var waiting: [Waiting]
    package var nextDue: Timestamp? { waiting.compactMap(\.due).min() }
}
