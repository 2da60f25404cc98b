import Core
import Expressions
import Ledger
import Playbooks

extension Session {
    /// Opens a question: fixes what is shown, who may answer and until when.
    mutating func ask(_ name: StepInstance, _ approval: Approval) throws {
        do throws(StepError) {
            let record = try question(name, approval)
            try open(record)
        } catch {
            try fail(name, error)
        }
    }

    private mutating func open(_ record: ApprovalRecord) throws(StepError) {
        do { try stage(.approvalOpened(record)) } catch { throw StepError(.permanent, error.description) }
    }

    private func question(_ name: StepInstance, _ approval: Approval) throws(StepError) -> ApprovalRecord {
        let context = context(name)
        var shown: [JSON.Value] = []
        for template in approval.show { shown.append(try context.resolve(template)) }
        var excluded: [String] = []
        for template in approval.distinctFrom { excluded += try persons(template, context) }
        let ticket: String? = if let template = approval.ticket { try context.text(template) } else { nil }
        var page: JSON.Object = [
            "playbook": .string(machine.plan.id), "playbook_digest": .string(machine.plan.digest.description),
            "run": .string(machine.run.text), "show": .array(shown), "step": .string(name.description),
            "ticket": JSON.Value(ticket),
            // Who could not vote is part of what is signed: whoever has only the votes can tell four eyes from two.
            "started_by": .string(machine.startedBy),
            "excluded": .array(Array(Set(excluded)).sorted().map { .string($0) }),
        ]
        // A vote for a playbook is one for those that it calls: they are pinned like it.
        let below = machine.plan.digestsBelow
        if machine.origin != nil, !below.isEmpty { page["playbooks"] = .object(below) }
        // Whoever votes on what came through a gate is told who let it through, and signs that.
        let waived = machine.instances.sorted { $0.key < $1.key }.compactMap { name, instance -> JSON.Value? in
            guard var waiver = instance.waiver?.json else { return nil }
            waiver["gate"] = .string(name.description)
            waiver["result"] = JSON.Value(instance.result)
            return .object(waiver)
        }
        if !waived.isEmpty { page["waived"] = .array(waived) }
        // What was approved in a rehearsal says so in what was signed.
        if engine.isRehearsal { page["rehearsal"] = true }
        let bytes = JSON.canonical(.object(page))
        return ApprovalRecord(
            run: machine.run,
            instance: name,
            generation: (machine.instances[name]?.questions ?? 0) + 1,
            state: .open,
            opened: max(now, machine.lastEvent),
            shown: bytes,
            digest: Digest.sha256(bytes),
            approvers: approval.approvers,
            quorum: approval.min,
            excluded: Array(Set(excluded)).sorted(),
            required: approval.require.map(\.rawValue).sorted(),
            ticket: ticket,
            expires: now + approval.expires
        )
    }

    /// The persons that a `distinct-from` names: `user:ana`, or an expression that gives one or several.
    private func persons(_ template: Template, _ context: RunContext) throws(StepError) -> [String] {
        let text: String
        if case .literal(.string(let plain)) = template, plain.hasPrefix("run.") || plain.hasPrefix("steps."),
            let expression = try? Expression.parse(plain)
        {
            text = try context.text(.expression(expression))
        } else {
            text = try context.text(template)
        }
        return text.split(separator: ",").map { part in
            let name = part.drop { $0 == " " }
            return String(name.hasPrefix("user:") ? name.dropFirst(5) : name)
        }
    }

    /// Asks open questions anew whose shown bytes have changed: a vote stands for what its voter saw.
    mutating func renewQuestions() throws {
        guard machine.end == nil, machine.pause == nil, machine.mode == .normal else { return }
        for name in machine.open.keys.sorted() {
            guard let old = machine.instances[name]?.approval, old.isOpen,
                case .approval(let approval)? = machine.step(name.base)?.kind,
                let new = try? question(name, approval), new.digest != old.record.digest
            else { continue }
            try stage(.approvalDecided(name, .withdrawn, note: "what is shown has changed"))
            try stage(.approvalOpened(new))
        }
    }

    mutating func expire(_ name: StepInstance, _ step: PlannedStep) throws {
        guard let asked = machine.instances[name]?.approval, case .approval(let approval) = step.kind else { return }
        let note = "nobody decided until \(asked.record.expires)"
        switch approval.onExpiry {
        case .escalate where !asked.isEscalated && !approval.escalateTo.isEmpty:
            let all = asked.record.approvers + approval.escalateTo.filter { !asked.record.approvers.contains($0) }
            try stage(.escalated(name, approvers: all, expires: now + approval.expires))
        case .fail, .escalate:
            try stage(.approvalDecided(name, .expired, note: note))
            try fail(name, StepError(.permanent, "the approval expired: \(note)"))
        case .pause:
            try stage(.approvalDecided(name, .expired, note: note))
            try stage(.paused(by: "approval `\(name)`", reason: note))
        }
    }

    /// Counts a vote, after every rule was checked again.
    mutating func vote(_ name: StepInstance, _ ballot: Ballot) throws {
        guard machine.end == nil, let asked = machine.instances[name]?.approval else {
            throw VoteRefusal(code: .notOpen, message: "`\(name)` waits for no vote")
        }
        try asked.check(ballot, people: engine.people, now: now)
        let isAuthenticated = try engine.proven(ballot, machine.run, name)
        try stage(
            .voted(
                VoteRecord(
                    run: machine.run,
                    instance: name,
                    generation: ballot.generation,
                    number: asked.votes.count + 1,
                    person: ballot.person,
                    verdict: ballot.verdict.rawValue,
                    reason: ballot.reason,
                    ticket: ballot.ticket,
                    isAuthenticated: isAuthenticated,
                    shown: ballot.shown,
                    proof: ballot.proof.map { String(decoding: JSON.canonical(.object($0)), as: UTF8.self) },
                    time: max(now, machine.lastEvent)
                )
            )
        )
        guard let counted = machine.instances[name]?.approval, let outcome = counted.outcome else { return }
        let names = counted.standing.map { "\($0.person)" }.joined(separator: ", ")
        try stage(.approvalDecided(name, outcome, note: "\(outcome.rawValue) by \(names)"))
        if outcome == .approved {
            try stage(
                .succeeded(
                    name,
                    ActionResult(
                        outputs: ["approvers": .array(counted.standing.map { .string($0.person.text) })],
                        summary: "approved by \(names)"
                    )
                )
            )
        } else {
            try fail(name, StepError(.permanent, "rejected by \(ballot.person): \(ballot.reason)"))
        }
    }
}
