package import Core
import Ledger
import Playbooks

extension RunMachine {
    /// Why a gate cannot be measured ahead of its time; nothing when it can.
    ///
    /// A measurement that was asked for counts like any other. A gate that wants several of them wants them over time,
    /// so it keeps its rhythm: whoever is impatient could pass it in a minute otherwise. A soak time needs no such rule,
    /// as it ends when it ends however often somebody measures.
    func refusal(ofMeasuring name: StepInstance) -> Diagnostic? {
        guard let instance = instances[name], let gate = gate(of: name) else {
            let isStep = graph.positions[name.base] != nil
            return Diagnostic(
                code: isStep ? "gate.not-open" : "step.unknown",
                message: isStep ? "`\(name)` is no gate that waits" : "`\(name)` is no step of `\(plan.id)`",
                help: nearest(to: name.step.text, in: graph.steps.map(\.id.text))
                    .flatMap { $0 == name.step.text ? nil : "did you mean `\($0)`?" }
            )
        }
        guard instance.state == .waiting, instance.pending?.kind == .sample else {
            return Diagnostic(
                code: "gate.not-open",
                message: "`\(name)` is \(instance.state.rawValue), it is not measured now"
            )
        }
        guard gate.minSamples <= 1 else {
            return Diagnostic(
                code: "gate.paced",
                message: "`\(name)` wants \(gate.minSamples) measurements over time, none of them ahead of its turn",
                help: instance.pending.map { "the next one is due \($0.due)" }
            )
        }
        return nil
    }
}

extension Session {
    /// Makes the next measurement of a gate due now; it is taken and recorded in the course of `advance`.
    mutating func hasten(_ name: StepInstance, by person: String) throws {
        try stage(
            .waits(name, pending(name, .sample, until: max(now, machine.lastEvent), note: "asked for by \(person)"))
        )
    }
}

extension Engine {
    /// A gate that waits for its next measurement, in the run itself or in one below it.
    package struct WaitingGate: Sendable, Hashable {
        package var run: RunID
        package var step: StepInstance
        /// With the steps above it: `discovery/owned`.
        package var path: String
        package var due: Timestamp?
    }

    /// The gates of a run, and of the runs below it, that wait for their next measurement.
    package func waitingGates(of run: RunID, path: String = "") throws -> [WaitingGate] {
        var gates: [WaitingGate] = []
        for step in try ledger.steps(of: run, in: [.waiting]) where step.waitsFor == "gate" {
            gates.append(
                WaitingGate(run: run, step: step.instance, path: path + step.instance.description, due: step.due)
            )
        }
        for child in try ledger.children(of: run) where !child.state.isTerminal {
            gates += try waitingGates(of: child.id, path: "\(path)\(child.parent?.instance.description ?? "")/")
        }
        return gates
    }
}
