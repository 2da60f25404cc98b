package import Core
package import Ledger
import Playbooks

/// A question to people, as `lockstep approve` shows it.
package struct ApprovalView: Sendable {
    package var run: RunID
    package var step: StepInstance
    package var record: ApprovalRecord
    /// Every vote of this generation, in order; the latest of a person counts.
    package var votes: [VoteRecord]
    /// Who may vote now, after exclusions.
    package var eligible: [PersonID]

    /// The canonical bytes that a voter signs the digest of.
    package var shown: [UInt8] { record.shown }
    package var digest: Digest { record.digest }
    package var generation: Int { record.generation }
}

extension Engine {
    /// Finds the run and the step that a path such as `phase_1/review` means, from a run down.
    ///
    /// - Throws: `InvalidInput` when there is no such step.
    package func locate(_ path: String, in run: RunID) throws -> (run: RunID, step: StepInstance) {
        var current = run
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let last = parts.popLast(), !last.isEmpty else {
            throw InvalidInput([Diagnostic(code: "step.unknown", message: "`\(path)` names no step")])
        }
        for part in parts {
            let children = try ledger.children(of: current)
            guard let child = children.last(where: { $0.parent?.instance == StepInstance(parsing: part) }) else {
                throw InvalidInput([
                    Diagnostic(code: "step.unknown", message: "run `\(current)` has no run below `\(part)`")
                ])
            }
            current = child.id
        }
        return (current, StepInstance(parsing: last))
    }

    /// The open question at a step.
    ///
    /// - Throws: `InvalidInput` when there is none.
    package func approval(run: RunID, step: StepInstance) throws -> ApprovalView {
        guard let record = try ledger.approvals(of: run).last(where: { $0.instance == step }) else {
            throw InvalidInput([
                Diagnostic(
                    code: VoteRefusal.Code.notOpen.rawValue,
                    message: "`\(step)` of run `\(run)` waits for no vote"
                )
            ])
        }
        let votes = try ledger.votes(of: run, instance: step).filter { $0.generation == record.generation }
        return ApprovalView(
            run: run,
            step: step,
            record: record,
            votes: votes,
            eligible: ApprovalMachine(record).eligible(people)
        )
    }

    /// Casts a vote whose signature was verified by the caller.
    ///
    /// - Throws: `InvalidInput` with the reason why it does not count.
    package func castVote(run: RunID, step: StepInstance, _ ballot: Ballot) throws -> Delivery {
        try command(.vote(step, ballot), run: run, by: ballot.person.text)
    }

    /// The run at the top of the tree to which a run belongs.
    package func root(of run: RunID) throws(LedgerError) -> RunID {
        var current = run
        while let parent = try ledger.run(current)?.parent { current = parent.run }
        return current
    }

    func summary(_ machine: RunMachine) throws -> RunSummary {
        var waiting: [RunSummary.Waiting] = []
        for (name, _) in machine.open.sorted(by: { $0.value < $1.value }) {
            guard let instance = machine.instances[name] else { continue }
            if let child = instance.child {
                waiting += try below(child, path: name.description)
                continue
            }
            guard instance.state == .waiting || instance.state == .needsAttention else { continue }
            waiting.append(
                RunSummary.Waiting(
                    run: machine.run,
                    path: name.description,
                    waitsFor: instance.state == .needsAttention ? "question" : machine.waitsFor(name),
                    due: instance.pending?.due
                )
            )
        }
        return RunSummary(
            run: machine.run,
            state: machine.state(isBusy: false),
            reason: machine.reason,
            outputs: machine.end?.outputs ?? [:],
            waiting: waiting
        )
    }

    private func below(_ run: RunID, path: String) throws -> [RunSummary.Waiting] {
        var waiting: [RunSummary.Waiting] = []
        let steps = try ledger.steps(of: run, in: [.waiting, .needsAttention])
        if try ledger.run(run)?.state == .queued {
            waiting.append(RunSummary.Waiting(run: run, path: path, waitsFor: "another run of its group"))
        }
        if try ledger.run(run)?.state == .paused, !steps.contains(where: { $0.waitsFor == "resume" }) {
            waiting.append(RunSummary.Waiting(run: run, path: path, waitsFor: "resume"))
        }
        for step in steps {
            waiting.append(
                RunSummary.Waiting(
                    run: run,
                    path: "\(path)/\(step.instance)",
                    waitsFor: step.state == .needsAttention ? "question" : step.waitsFor ?? "timer",
                    due: step.due
                )
            )
        }
        for child in try ledger.children(of: run) where !child.state.isTerminal {
            waiting += try below(child.id, path: "\(path)/\(child.parent?.instance.description ?? "")")
        }
        return waiting
    }

    /// Advances every run for which something is due, was asked for, or was left by a process that died.
    ///
    /// One run that cannot go on never stops the others: its summary says why.
    package func tick() async throws -> [RunSummary] {
        let now = clock.now()
        var roots: [RunID] = []
        var candidates = Set(try ledger.dueTimers(at: now).map(\.run))
        for record in try ledger.unfinishedRuns() {
            let isAbandoned = record.state == .running || record.state == .cancelling || record.state == .rollingBack
            let hasRequests = try !ledger.requests(to: record.id).isEmpty
            if try hasUnheardChild(record) { candidates.insert(record.id) }
            if isAbandoned || record.state == .queued || hasRequests { candidates.insert(record.id) }
        }
        for run in try waivedRuns(at: now) { candidates.insert(run) }
        for run in candidates.sorted() {
            let root = try root(of: run)
            if !roots.contains(root) { roots.append(root) }
            // A run whose step above is done again by a newer one ends by itself: nobody above goes on with it.
            if try ledger.run(run)?.state == .cancelling, run != root { roots.append(run) }
        }
        var summaries: [RunSummary] = []
        for root in roots {
            do {
                summaries.append(try await advance(root))
            } catch let error as LedgerError where error.code == .leased || error.code == .conflict {
                // Somebody else is at it.
                continue
            } catch let error as CrashPoints.Crash {
                throw error
            } catch let error as LedgerError {
                throw error
            } catch {
                summaries.append(try setAside(root, Self.words(error), token: nil))
            }
        }
        return summaries
    }

    /// The runs with a gate that waits for its next measurement and was waived meanwhile.
    private func waivedRuns(at now: Timestamp) throws -> [RunID] {
        let scopes = Set(facts.waivers().filter { $0.isActive(at: now) }.map(\.scope))
        let runs = Set(
            scopes.compactMap { scope -> RunID? in
                guard scope.hasPrefix("gate:") else { return nil }
                return scope.dropFirst(5).split(separator: "/").first.map { RunID(String($0)) }
            }
        )
        return try runs.filter { run in
            guard let record = try ledger.run(run), record.state == .waiting else { return false }
            return try ledger.steps(of: run, in: [.waiting]).contains { step in
                step.waitsFor == "gate"
                    && (scopes.contains("gate:\(run)/\(step.instance)")
                        || scopes.contains("gate:\(run)/\(step.instance.step)"))
            }
        }
    }

    /// Whether a run below is over and this one has not heard of it, because a process died in between.
    private func hasUnheardChild(_ record: RunRecord) throws -> Bool {
        let over = try ledger.children(of: record.id).filter(\.state.isTerminal).compactMap(\.parent?.instance)
        guard !over.isEmpty, record.state == .waiting else { return false }
        return try ledger.steps(of: record.id, in: [.running]).contains { over.contains($0.instance) }
    }
}
