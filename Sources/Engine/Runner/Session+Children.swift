import Core
import Ledger
import Playbooks

extension Session {
    /// Starts a run for the playbook of a step; both become known in one transaction.
    mutating func begin(_ sub: SubPlaybook, _ name: StepInstance) throws {
        if let former = machine.instances[name]?.formerChild,
            let state = try engine.ledger.run(former)?.state,
            !state.isTerminal || state == .succeeded
        {
            return try stage(.childStarted(name, former))
        }
        let given: JSON.Object
        do throws(StepError) {
            given = try context(name).resolve(sub.inputs)
        } catch {
            return try fail(name, error)
        }
        let inputs: JSON.Object
        do throws(InvalidInput) {
            inputs = try sub.plan.checkedInputs(given)
        } catch {
            return try fail(
                name,
                StepError(.permanent, error.diagnostics.map(\.message).joined(separator: "; "))
            )
        }
        let behind: RunID?
        do {
            behind = try engine.runAhead(of: sub.plan, nil, above: machine.run, by: machine.startedBy)
        } catch let error as InvalidInput {
            return try fail(name, StepError(.permanent, error.diagnostics.map(\.message).joined(separator: "; ")))
        }
        let run = RunID.make(at: now, using: &random)
        let parent = RunRecord.Parent(run: machine.run, instance: name)
        adopt(
            try engine.creation(
                of: run,
                sub.plan,
                inputs,
                machine.startedBy,
                parent: parent,
                behind: behind,
                now: now
            )
        )
        try stage(.childStarted(name, run))
    }

    mutating func child(_ name: StepInstance, _ run: RunID) throws -> Effect? {
        guard case .playbook(let sub)? = machine.step(name.base)?.kind else { return nil }
        guard let record = try engine.ledger.run(run) else { return .child(name, run, sub.plan) }
        if case .rollingBack(let reason, _) = machine.mode, name.role == .work, !record.state.isTerminal {
            // It would go on waiting for people otherwise, and the run above for it.
            do {
                _ = try engine.command(.rollback(to: nil, reason: reason), run: run, by: "lockstep")
            } catch is InvalidInput {}
        }
        if record.digest == sub.plan.digest { return .child(name, run, sub.plan) }
        do {
            return .child(name, run, try engine.pinnedPlan(of: record))
        } catch {
            try stage(.attention(reason: "`\(name)`: \(Engine.words(error))"))
            return nil
        }
    }

    mutating func take(_ name: StepInstance, _ summary: RunSummary) throws {
        switch summary.state {
        case .succeeded:
            try stage(.succeeded(name, ActionResult(outputs: summary.outputs, summary: "run \(summary.run)")))
        case .rolledBack where name.role == .rollback:
            try stage(.succeeded(name, ActionResult(outputs: [:], summary: "run \(summary.run) was rolled back")))
        case .cancelled where machine.mode != .normal, .rolledBack where machine.mode != .normal:
            try stage(.cancelled(name))
        case .failed, .cancelled, .rolledBack:
            let word =
                summary.state == .failed ? "failed" : summary.state == .cancelled ? "was cancelled" : "was rolled back"
            try fail(
                name,
                StepError(.permanent, "run `\(summary.run)` \(word)" + (summary.reason.map { ": \($0)" } ?? ""))
            )
        default: skipsChildren.insert(name)
        }
    }
}
