import Core
import Ledger
import Playbooks

/// Something outside the ledger that is done for a run, beside others.
enum Effect: Sendable {
    struct Call: Sendable {
        var request: ActionRequest
        var action: any StepAction
        var timeout: Duration?
        /// Whether an earlier process may have done it already.
        var isRecovery: Bool
        /// Whether a person said to do it again although nobody knows whether it was done.
        var mayRepeat: Bool
        /// Whether the run ends: then what was not done is not done any more.
        var isEnding = false
    }

    struct Measurement: Sendable {
        var name: String
        var source: any MetricSource
        var parameters: JSON.Object
    }

    case call(StepInstance, Call)
    case measure(StepInstance, [Measurement], now: Timestamp)
    case child(StepInstance, RunID, Plan)

    var instance: StepInstance {
        switch self {
        case .call(let name, _), .measure(let name, _, _), .child(let name, _, _): name
        }
    }
}

/// What an effect came to.
enum Outcome: Sendable {
    case result(StepInstance, Result<ActionResult, StepError>)
    /// Nobody can say whether the effect of an interrupted attempt is there.
    case unknown(StepInstance, String)
    case measured(StepInstance, Result<[String: Double], StepError>)
    case child(StepInstance, RunSummary)
    /// The test's pretended crash, or an error of the ledger below: nothing more is recorded by this process.
    case broken(any Error)
    /// Time to look for requests of other processes.
    case tick

    var isTick: Bool {
        if case .tick = self { true } else { false }
    }

    /// Whether the effect was cut off by the end of its process rather than by its own failure.
    var isInterruption: Bool {
        if case .result(_, .failure(let error)) = self { error.code == .cancelled } else { false }
    }

    var instance: StepInstance? {
        switch self {
        case .result(let name, _), .unknown(let name, _), .measured(let name, _), .child(let name, _): name
        case .broken, .tick: nil
        }
    }
}

extension Engine {
    func perform(_ effect: Effect) async -> Outcome {
        do {
            switch effect {
            case .call(let name, let call): return try await perform(name, call)
            case .measure(let name, let measurements, let now):
                return .measured(name, await measure(measurements, now: now))
            case .child(let name, let run, let plan): return .child(name, try await advance(below: run, plan))
            }
        } catch {
            return .broken(error)
        }
    }

    /// A command to the run below may hold its lease for a moment.
    private func advance(below run: RunID, _ plan: Plan) async throws -> RunSummary {
        for _ in 0..<20 {
            do {
                return try await advance(run, plan: plan)
            } catch let error as LedgerError where error.code == .leased {
                try await sleep(.milliseconds(50))
            }
        }
        return try await advance(run, plan: plan)
    }

    private func perform(_ name: StepInstance, _ call: Effect.Call) async throws -> Outcome {
        if call.isRecovery, call.action.schema.effect == .change {
            try crash.hit("before observing \(name)")
            switch await call.action.observe(call.request) {
            case .done(let result): return .result(name, .success(result))
            case .unknown(let question): if !call.mayRepeat { return .unknown(name, question) }
            case .absent: break
            }
        }
        if call.isRecovery, call.isEnding {
            return .result(name, .failure(StepError(.cancelled, "was cut off before it was done")))
        }
        try crash.hit("before effect of \(name)")
        let result = await apply(call)
        try crash.hit("after effect of \(name)")
        return .result(name, result)
    }

    private func apply(_ call: Effect.Call) async -> Result<ActionResult, StepError> {
        guard let timeout = call.timeout else { return await attempt(call) }
        return await withTaskGroup(of: Result<ActionResult, StepError>?.self) { group in
            group.addTask { await attempt(call) }
            group.addTask {
                do { try await sleep(timeout) } catch { return nil }
                return .failure(StepError(.timeout, "took longer than \(timeout.brief)"))
            }
            var first: Result<ActionResult, StepError>?
            while first == nil, let next = await group.next() { first = next }
            group.cancelAll()
            return first ?? .failure(StepError(.cancelled, "was cancelled"))
        }
    }

    private func attempt(_ call: Effect.Call) async -> Result<ActionResult, StepError> {
        do throws(StepError) {
            return .success(try await call.action.apply(call.request))
        } catch {
            return .failure(error)
        }
    }

    private func measure(_ measurements: [Effect.Measurement], now: Timestamp) async -> Result<
        [String: Double], StepError
    > {
        var values: [String: Double] = [:]
        for measurement in measurements {
            do throws(StepError) {
                let value = try await measurement.source.measure(measurement.parameters, now: now)
                guard value.isFinite else {
                    return .failure(StepError(.transient, "metric `\(measurement.name)` gave no number"))
                }
                values[measurement.name] = value
            } catch {
                return .failure(
                    StepError(error.code, "metric `\(measurement.name)`: \(error.message)", help: error.help)
                )
            }
        }
        return .success(values)
    }
}
