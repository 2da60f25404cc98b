import Core
import Ledger
import Playbooks

extension RunRecord {
    /// What is fixed about a run when it is created, as its first event records it and its seal covers it.
    ///
    /// The row of the run is what lists and lookups read; it must say the same, or somebody changed it by hand.
    func origin(playbooks: JSON.Object) -> JSON.Object {
        [
            "playbook": .string(playbook), "name": .string(name), "version": .string(version),
            "phase": phase.map { .integer(Int64($0)) } ?? .null, "file": .string(file),
            "pins": .object(
                JSON.Object(pins.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })
            ),
            "parent": parent.map { ["run": .string($0.run.text), "step": .string($0.instance.description)] } ?? .null,
            "group": JSON.Value(group), "playbooks": .object(playbooks),
        ]
    }
}

extension RunMachine {
    /// What the row of a run says otherwise than its first event; nothing when they agree.
    func difference(from record: RunRecord) -> String? {
        if record.digest.description != digest { return "the digest of the playbook" }
        if record.inputs != inputs { return "an input" }
        if record.startedBy != startedBy { return "the starter" }
        if record.created != created { return "the time of creation" }
        guard let origin else { return nil }
        let stored = record.origin(playbooks: origin["playbooks"]?.object ?? [:])
        return stored.keys.sorted().first { stored[$0] != origin[$0] }.map { "the \($0)" }
    }
}

extension Plan {
    /// Every playbook below it, by the name under which it was read, with the bytes that were checked.
    var playbooksBelow: [String: Plan] {
        var found: [String: Plan] = [:]
        for step in steps + finally {
            guard case .playbook(let sub) = step.kind, found[sub.path] == nil else { continue }
            found[sub.path] = sub.plan
            found.merge(sub.plan.playbooksBelow) { first, _ in first }
        }
        return found
    }

    /// The digests of the playbooks below, by name.
    var digestsBelow: JSON.Object {
        JSON.Object(playbooksBelow.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value.digest.description)) })
    }
}

extension PlannedStep {
    /// Whether the run goes on when the step fails: never past a question or a gate that was answered with no.
    var bearsFailure: Bool {
        switch kind {
        case .approval, .gate: false
        case .action, .wait, .playbook: continueOnError
        }
    }
}
