import Core
import Ledger
import Playbooks

extension Session {
    /// Measures, or judges at once where there is nothing to measure.
    mutating func sample(_ name: StepInstance) throws -> Effect? {
        guard let gate = machine.gate(of: name) else { return nil }
        guard !gate.metrics.isEmpty else {
            try judge(name, .success([:]))
            return nil
        }
        var measurements: [Effect.Measurement] = []
        do throws(StepError) {
            let context = context(name)
            for metric in gate.metrics {
                guard let source = engine.catalogue.metrics[metric.source] else {
                    throw StepError(.permanent, "there is no metric `\(metric.source)` in this version")
                }
                measurements.append(
                    Effect.Measurement(
                        name: metric.name,
                        source: source,
                        parameters: try context.resolve(metric.parameters)
                    )
                )
            }
        } catch {
            try judge(name, .failure(error))
            return nil
        }
        return .measure(name, measurements, now: now)
    }

    /// Turns a measurement into a sample and, when it settles the matter, into the gate's verdict.
    mutating func judge(_ name: StepInstance, _ measured: Result<[String: Double], StepError>) throws {
        guard let gate = machine.gate(of: name), var judge = machine.instances[name]?.gate else { return }
        judge.bearsGaps = engine.isRehearsal
        var outcome = GateResult.error
        var note: String?
        let values: [String: Double] = if case .success(let values) = measured { values } else { [:] }
        do throws(StepError) {
            if case .failure(let error) = measured { throw error }
            var context = context(name)
            context.metrics = judge.aggregates(adding: values)
            outcome = try self.outcome(of: gate, in: context)
            if outcome != .pass {
                note = try gate.message.map { (message) throws(StepError) in try context.text(message) }
            }
        } catch {
            note = error.message
        }
        let sample = GateMachine.Sample(time: max(now, machine.lastEvent), outcome: outcome, measurements: values)
        switch judge.take(sample) {
        case .again where waiver(of: name) != nil:
            try stage(.sampled(name, sample, note: note, next: nil))
            let result = outcome == .pass ? GateResult.inconclusive : outcome
            try decide(name, gate, result, note ?? "was still being measured")
        case .again(let due):
            let limit = name.role == .work ? machine.step(name.base)?.timeout : nil
            guard let limit, sample.time >= judge.opened + limit else {
                let next = limit.map { min(due, judge.opened + $0) } ?? due
                return try stage(.sampled(name, sample, note: note, next: pending(name, .sample, until: next)))
            }
            // Out of time is nothing found out: neither a pass nor a failure.
            try stage(.sampled(name, sample, note: note, next: nil))
            try decide(name, gate, .inconclusive, "was not decided within its timeout of \(limit.brief)")
        case .decided(let result, let reason):
            try stage(.sampled(name, sample, note: note, next: nil))
            try decide(name, gate, result, note.map { "\(reason): \($0)" } ?? reason)
        }
    }

    private func outcome(of gate: Gate, in context: RunContext) throws(StepError) -> GateResult {
        let passes = try context.truth(gate.pass)
        guard let condition = gate.fail else { return passes ? .pass : .fail }
        // Failing wins: a gate that claims both is not passed.
        if try context.truth(condition) { return .fail }
        return passes ? .pass : .inconclusive
    }

    private mutating func decide(_ name: StepInstance, _ gate: Gate, _ result: GateResult, _ reason: String) throws {
        let holds = result == .pass || gate.isDryRun
        let waiver = holds ? nil : waiver(of: name)
        try stage(.decided(name, result, reason: reason, waiver: waiver.map { GateWaiver($0) }))
        if holds {
            let summary = result == .pass ? reason : "dry run, would be \(result.rawValue): \(reason)"
            return try stage(.succeeded(name, ActionResult(outputs: [:], summary: summary)))
        }
        if let waiver {
            let words = "waived by exception \(waiver.id) of \(waiver.owner) until \(waiver.expires): \(waiver.reason)"
            return try stage(
                .succeeded(name, ActionResult(outputs: [:], summary: "\(result.rawValue) (\(reason)), \(words)"))
            )
        }
        let fails = result == .fail || (result == .inconclusive && gate.onInconclusive == .fail)
        guard fails else {
            return try stage(.paused(by: "gate `\(name)`", reason: "\(result.rawValue): \(reason)"))
        }
        switch gate.onFail {
        case .pause: try stage(.paused(by: "gate `\(name)`", reason: "\(result.rawValue): \(reason)"))
        case .abort: try fail(name, StepError(.permanent, "the gate did not pass: \(reason)"))
        case .rollback:
            try fail(name, StepError(.permanent, "the gate did not pass: \(reason)"))
            try stage(
                .rollbackRequested(
                    by: "gate `\(name)`",
                    reason: "gate `\(name)` did not pass: \(reason)",
                    to: gate.rollbackTo
                )
            )
        }
    }

    /// Makes gates due that wait for their next measurement although somebody has waived them since.
    mutating func hastenWaived() throws {
        guard machine.end == nil, machine.pause == nil, machine.mode == .normal else { return }
        for name in machine.open.keys.sorted() {
            guard let instance = machine.instances[name], instance.state == .waiting,
                let wait = instance.pending, wait.kind == .sample, wait.due > now, let waiver = waiver(of: name)
            else { continue }
            let due = max(now, machine.lastEvent)
            try stage(.waits(name, pending(name, .sample, until: due, note: "waived by exception \(waiver.id)")))
        }
    }

    /// The waiver under which a gate of this run may be passed although it did not pass.
    private func waiver(of name: StepInstance) -> Core.Exception? {
        let scopes = [name, StepInstance(name.step)].map { "gate:\(machine.run)/\($0)" }
        return engine.facts.waivers().first { scopes.contains($0.scope) && $0.isActive(at: now) }
    }
}
