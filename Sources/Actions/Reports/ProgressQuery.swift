package import Core
import Expressions
package import Ledger
package import Playbooks
import Workspace

/// Reads from the ledger how far a rollout is: the only place where a `ProgressSnapshot` is made.
package struct ProgressQuery: Sendable {
    /// The largest number of steps that a report lists; what is beyond is counted.
    package static let mostSteps = 2000

    let estate: Estate
    /// Turns the bytes of a run's playbook into what they mean, for names, conditions and phases.
    package typealias Reader = @Sendable (_ source: [UInt8], _ file: String) -> Checked.Document?

    let reader: Reader

    package init(estate: Estate, reader: @escaping Reader) {
        self.estate = estate
        self.reader = reader
    }

    /// The state of a run, or of the newest one; of the inventory alone when nothing has run yet.
    package func snapshot(of run: RunID? = nil) throws(LedgerError) -> ProgressSnapshot {
        let now = estate.clock.now()
        let title = estate.configuration.organisation
        var snapshot = ProgressSnapshot(
            title: title.isEmpty ? "Zero-trust rollout" : "\(title): zero-trust rollout",
            taken: now,
            isRehearsal: estate.marker.isRehearsal
        )
        try addInventory(to: &snapshot, at: now)
        let runs = try estate.ledger.runs()
        guard let root = runs.last(where: { run == nil ? $0.parent == nil : $0.id == run }) else { return snapshot }
        snapshot.run = root.id.text
        snapshot.runState = root.state.rawValue
        snapshot.startedBy = root.startedBy
        snapshot.started = root.created
        snapshot.playbookDigest = root.digest
        let document = try document(of: root)
        try add(root, prefix: "", document, among: runs, to: &snapshot)
        if case .roadmap(let roadmap) = document {
            try addPhases(of: roadmap, root, runs, to: &snapshot)
        }
        return snapshot
    }

    private func document(of run: RunRecord) throws(LedgerError) -> Checked.Document? {
        guard let bytes = try estate.ledger.artifact(run.digest)?.bytes else { return nil }
        return reader(bytes, run.file)
    }

    // MARK: - Runs

    private func add(
        _ run: RunRecord,
        prefix: String,
        _ document: Checked.Document?,
        among runs: [RunRecord],
        to snapshot: inout ProgressSnapshot
    ) throws(LedgerError) {
        var planned: [StepID: PlannedStep] = [:]
        let plan: Plan? =
            switch document {
            case .playbook(let plan): plan
            case .roadmap(let roadmap): roadmap.plan
            case nil: nil
            }
        for step in (plan?.steps ?? []) + (plan?.finally ?? []) { planned[step.id] = step }
        let verdicts = try estate.ledger.verdicts(of: run.id)
        let samples = Dictionary(grouping: try estate.ledger.samples(of: run.id), by: \.instance)
        let steps = try estate.ledger.steps(of: run.id)
        let retries = try estate.retries(of: run.id)
        for step in steps {
            let name = prefix + step.instance.description
            if snapshot.steps.count < Self.mostSteps {
                let again = step.instance.item == nil ? retries[step.instance.step.text] : nil
                let said = step.error ?? step.summary ?? step.result
                snapshot.steps.append(
                    ProgressSnapshot.Step(
                        instance: name,
                        name: step.name,
                        kind: step.kind,
                        state: step.state.rawValue,
                        attempts: step.attempts,
                        started: step.started,
                        ended: step.ended,
                        summary: [said, again].compactMap { $0 }.joined(separator: "; ")
                    )
                )
            }
            if step.kind == "gate" {
                snapshot.gates.append(
                    gate(
                        step,
                        name,
                        planned[step.instance.step],
                        verdicts.last { $0.instance == step.instance },
                        samples[step.instance] ?? [],
                        steps
                    )
                )
            }
            let note = samples[step.instance]?.last.map { sample in
                let values = sample.measurements.map {
                    "\($0.key) is \($0.value.double.map { "\(JSON.Value.number($0))" } ?? "?")"
                }
                return (sample.note ?? "the gate does not pass yet")
                    + (values.isEmpty ? "" : " (\(values.sorted().joined(separator: ", ")))")
            }
            if let blocker = try blocker(for: step, name, of: run, answers: plan?.owner, note) {
                snapshot.blockers.append(blocker)
            }
            let child = runs.last { $0.parent?.run == run.id && $0.parent?.instance == step.instance }
            if let child {
                try add(child, prefix: name + "/", try self.document(of: child), among: runs, to: &snapshot)
            }
        }
        try addApprovals(of: run, prefix, to: &snapshot)
        if run.state == .paused || run.state == .needsAttention {
            snapshot.blockers.append(
                ProgressSnapshot.Blocker(
                    instance: prefix.isEmpty ? run.playbook : String(prefix.dropLast()),
                    reason: run.reason ?? "the run is paused",
                    waitingOn: run.startedBy,
                    since: run.updated,
                    command: "lockstep resume \(run.id)"
                )
            )
        }
    }

    private func gate(
        _ step: StepRecord,
        _ name: String,
        _ planned: PlannedStep?,
        _ verdict: VerdictRecord?,
        _ samples: [SampleRecord],
        _ steps: [StepRecord]
    ) -> ProgressSnapshot.Gate {
        var condition = ""
        var read: [ProgressSnapshot.Gate.Measurement] = []
        if case .gate(let gate) = planned?.kind {
            condition = gate.pass.source
            // A gate without metrics was decided by what steps before it gave.
            if gate.metrics.isEmpty, !samples.isEmpty { read = Self.outputs(readBy: gate.pass, of: steps) }
        }
        var measurements: [ProgressSnapshot.Gate.Measurement] = []
        for (metric, _) in samples.last?.measurements ?? [:] {
            let values = samples.compactMap { $0.measurements[metric]?.double }
            measurements.append(
                ProgressSnapshot.Gate.Measurement(name: metric, last: values.last, count: values.count)
            )
        }
        return ProgressSnapshot.Gate(
            instance: name,
            condition: condition,
            verdict: verdict?.result ?? step.result ?? "running",
            decided: verdict?.time,
            samples: samples.count,
            measurements: measurements.isEmpty ? read : measurements,
            message: verdict?.reason ?? samples.last?.note ?? ""
        )
    }

    /// The numbers among the outputs that a condition reads, each once, named `mine.sessions`.
    private static func outputs(
        readBy condition: Expression,
        of steps: [StepRecord]
    ) -> [ProgressSnapshot.Gate.Measurement] {
        var found: [ProgressSnapshot.Gate.Measurement] = []
        for reference in condition.references where reference.root == "steps" && reference.path.count > 2 {
            let path = reference.path.prefix(3).map(\.name)
            let name = "\(path[0]).\(path[2])"
            guard path[1] == "outputs", !found.contains(where: { $0.name == name }),
                let step = steps.last(where: { $0.instance.description == path[0] }),
                let value = step.outputs?[path[2]]?.double
            else { continue }
            found.append(ProgressSnapshot.Gate.Measurement(name: name, last: value, count: 1))
        }
        return found
    }

    private func blocker(
        for step: StepRecord,
        _ name: String,
        of run: RunRecord,
        answers owner: String?,
        _ note: String?
    ) throws(LedgerError) -> ProgressSnapshot.Blocker? {
        switch step.state {
        case .needsAttention:
            return ProgressSnapshot.Blocker(
                instance: name,
                reason: step.error ?? "a person has to look",
                waitingOn: run.startedBy,
                since: step.started,
                command: "lockstep retry \(run.id) \(step.instance)"
            )
        case .failed where !run.state.isTerminal || run.state == .failed:
            return ProgressSnapshot.Blocker(
                instance: name,
                reason: step.error ?? step.result ?? "the step failed",
                waitingOn: run.startedBy,
                since: step.ended,
                command: "lockstep retry \(run.id) \(step.instance)"
            )
        case .waiting:
            switch step.waitsFor {
            case "approval":
                return ProgressSnapshot.Blocker(
                    instance: name,
                    reason: "votes are missing",
                    waitingOn: "the approvers",
                    since: step.started,
                    command: "lockstep approve \(run.id) \(step.instance) --reason \"…\""
                )
            case "playbook", nil: return nil
            case let reason? where step.kind == "gate":
                let root = try root(of: run.id)
                let commands = try Remedy(estate: estate).commands(forGate: step.instance, of: run.id, root: root)
                let due = step.due.map { "lockstep tick   # due \($0)" } ?? "lockstep tick"
                return ProgressSnapshot.Blocker(
                    instance: name,
                    reason: note ?? "waits for \(reason)",
                    waitingOn: commands.isEmpty ? "time" : owner ?? run.startedBy,
                    since: step.started,
                    command: commands.isEmpty ? due : commands.joined(separator: " && ")
                )
            case let reason?:
                return ProgressSnapshot.Blocker(
                    instance: name,
                    reason: "waits for \(reason)",
                    waitingOn: "time",
                    since: step.started,
                    command: step.due.map { "lockstep tick   # due \($0)" } ?? "lockstep tick"
                )
            }
        default: return nil
        }
    }

    private func addApprovals(
        of run: RunRecord,
        _ prefix: String,
        to snapshot: inout ProgressSnapshot
    ) throws(LedgerError) {
        let votes = try estate.ledger.votes(of: run.id)
        for approval in try estate.ledger.approvals(of: run.id) {
            let cast = votes.filter { $0.instance == approval.instance && $0.generation == approval.generation }
            snapshot.approvals.append(
                ProgressSnapshot.Approval(
                    instance: prefix + approval.instance.description,
                    state: approval.state.rawValue,
                    needed: approval.quorum,
                    votes: cast.map { vote in
                        ProgressSnapshot.Approval.Vote(
                            person: vote.person.text,
                            verdict: vote.verdict,
                            reason: vote.reason,
                            time: vote.time,
                            isAuthenticated: vote.isAuthenticated
                        )
                    },
                    shown: approval.digest,
                    expires: approval.state == .open ? approval.expires : nil
                )
            )
        }
    }

    // MARK: - Phases

    private func addPhases(
        of roadmap: Roadmap,
        _ root: RunRecord,
        _ runs: [RunRecord],
        to snapshot: inout ProgressSnapshot
    ) throws(LedgerError) {
        let steps = try estate.ledger.steps(of: root.id)
        let start = roadmap.start.map { Core.Timestamp(seconds: $0.daysSince1970 * 86_400) } ?? root.created
        for phase in roadmap.phases {
            var entry = ProgressSnapshot.Phase(
                number: phase.number,
                name: phase.name,
                status: "not in this version",
                plannedStart: start + phase.start,
                plannedEnd: phase.due.map { start + $0 }
            )
            if phase.playbook != nil {
                let own = steps.first { $0.instance.step.text == phase.id }
                let exit = steps.first { $0.instance.step.text == phase.id + "_exit" }
                entry.started = own?.started
                entry.status = Self.status(own, exit)
                if entry.status == "done" { entry.ended = exit?.ended ?? own?.ended }
            }
            snapshot.phases.append(entry)
        }
    }

    private static func status(_ playbook: StepRecord?, _ exit: StepRecord?) -> String {
        guard let playbook, playbook.started != nil else { return "not started" }
        for step in [playbook, exit].compactMap({ $0 }) {
            switch step.state {
            case .succeeded, .skipped: continue
            case .failed, .cancelled, .needsAttention: return "failed"
            case .waiting: return "waiting"
            case .pending, .running: return "running"
            }
        }
        return "done"
    }

    // MARK: - Inventory

    private func addInventory(to snapshot: inout ProgressSnapshot, at now: Core.Timestamp) throws(LedgerError) {
        let servers = try estate.ledger.servers()
        snapshot.servers = servers.map { server in
            ProgressSnapshot.Server(
                id: server.id.text,
                transport: server.transport.rawValue,
                security: server.transport == .stdio ? "local" : server.description?.security.version ?? "unknown",
                authentication: server.description?.authentication.word ?? "unknown",
                owner: server.owner,
                criticality: server.criticality?.rawValue,
                tools: server.description?.toolCount,
                revisions: server.description?.revisions ?? [],
                kind: server.kind.rawValue
            )
        }
        let exceptions = try estate.ledger.exceptions()
        let waivers = Waivers(configuration: estate.configuration)
        snapshot.exceptions = exceptions.map { exception in
            var shown = exception
            // What the row says of itself is no proof.
            shown.isAuthenticated = waivers.fault(of: exception) == nil
            return shown
        }
        let findings = try estate.ledger.openFindings().map(\.finding)
        var seen: Set<String> = []
        snapshot.findings = findings.filter { seen.insert($0.key).inserted }.sorted { left, right in
            (right.severity, left.key) < (left.severity, right.key)
        }
        snapshot.gaps = try estate.ledger.newestScans().flatMap(\.gaps)
        snapshot.gaps += servers.compactMap { server in
            server.unreached.map { CoverageGap(subject: server.id.text, reason: $0.words) }
        }
        let mcp = servers.filter { $0.kind == .mcp }
        let earlier = try estate.ledger.snapshots().last.flatMap { name throws(LedgerError) in
            try estate.ledger.snapshot(name.name)
        }
        // One meaning of "server" for every share, figure and gate: an MCP server that was found.
        let remote = mcp.filter { $0.transport != .stdio }
        let before = earlier?.count { $0.kind == .mcp }
        let remoteBefore = earlier?.count { $0.kind == .mcp && $0.transport != .stdio }
        let waived = try estate.waivedScopes(at: now)
        let grave = snapshot.findings.filter { $0.severity >= .high }
        snapshot.coverage = [
            ProgressSnapshot.Coverage(
                name: "MCP servers described",
                numerator: mcp.count(where: \.isCovered),
                denominator: mcp.count,
                previousDenominator: before
            ),
            ProgressSnapshot.Coverage(
                name: "MCP servers with an owner",
                numerator: mcp.count { $0.owner != nil },
                denominator: mcp.count,
                previousDenominator: before
            ),
            ProgressSnapshot.Coverage(
                name: "MCP servers on the network that ask who calls",
                numerator: remote.count { server in
                    switch server.description?.authentication {
                    case .bearer, .oauth: true
                    default: false
                    }
                },
                denominator: remote.count,
                previousDenominator: remoteBefore
            ),
            ProgressSnapshot.Coverage(
                name: "grave findings under an exception",
                numerator: grave.count { waived.contains("finding:\($0.key)") },
                denominator: grave.count
            ),
        ]
    }
}
