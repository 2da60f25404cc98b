package import Core
import Expressions
package import Ledger
import Playbooks

/// What a person types so that a gate that waits goes on: what changes the thing measured, then what measures it.
///
/// `status`, `run`, `tick`, `serve` and the reports print the same words, since they ask here.
package struct Remedy: Sendable {
    let estate: Estate

    package init(estate: Estate) {
        self.estate = estate
    }

    /// The commands for a gate of a run; none where only time can settle it.
    package func commands(forGate step: StepInstance, of run: RunID, root: RunID) throws(LedgerError) -> [String] {
        guard let gate = try gate(step, of: run) else { return [] }
        if let read = read(by: gate) { return Self.again(read, run: run, root: root) }
        let catalogue = estate.catalogue
        var commands: [String] = []
        for metric in gate.metrics {
            guard let command = catalogue.metrics[metric.source]?.schema.remedy, !commands.contains(command) else {
                continue
            }
            commands.append(command)
        }
        // Such a gate keeps its rhythm: the engine refuses to measure it ahead of its time.
        if gate.minSamples <= 1 { commands.append("lockstep tick \(root) --now") }
        return commands
    }

    /// The commands for a gate that asks only what steps before it gave: it says the same until one of them runs again.
    ///
    /// None for any other gate. After them the run goes on, and there is nothing to resume.
    package func commands(forOutputsReadBy step: StepInstance, of run: RunID, root: RunID) throws(LedgerError)
        -> [String]
    {
        guard let gate = try gate(step, of: run), let read = read(by: gate) else { return [] }
        return Self.again(read, run: run, root: root)
    }

    private static func again(_ step: String, run: RunID, root: RunID) -> [String] {
        ["lockstep retry \(run) \(step)", "lockstep tick \(root)"]
    }

    /// The step whose outputs decide the gate; the first one that its condition names.
    private func read(by gate: Gate) -> String? {
        guard gate.metrics.isEmpty else { return nil }
        return gate.pass.references.first { reference in
            reference.root == "steps" && reference.path.count > 1 && reference.path[1].name == "outputs"
        }?.path.first?.name
    }

    private func gate(_ step: StepInstance, of run: RunID) throws(LedgerError) -> Gate? {
        guard let record = try estate.ledger.run(run), let source = try estate.ledger.artifact(record.digest)?.bytes,
            let plan = PlaybookReading(estate: estate).checker.check(file: record.file, bytes: source).plan,
            let planned = (plan.steps + plan.finally).first(where: { $0.id == step.step })
        else { return nil }
        if case .gate(let gate) = planned.kind { return gate }
        return planned.afterEachWave
    }
}
