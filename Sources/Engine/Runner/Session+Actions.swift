import Core
import Ledger
import Playbooks

extension Session {
    /// Records the intent to act; the effect follows when it is committed.
    mutating func call_(_ name: StepInstance, _ call: ActionCall, _ step: PlannedStep) throws -> Effect? {
        let instance = machine.instances[name]
        if let attempt = instance?.attempt, instance?.state != .waiting {
            // A person said to do it again although nobody knows whether it was done: the same key, observed first.
            try stage(.started(name, attempt))
            return try recall(name, attempt, step, mayRepeat: true)
        }
        guard let action = engine.catalogue.actions[call.action], action.schema.version == call.version else {
            try stage(.attention(reason: "unknown action version: `\(call.action)` \(call.version)"))
            return nil
        }
        do throws(StepError) {
            let attempt = RunEvent.Attempt(
                number: (instance?.attempts ?? 0) + 1,
                key: try key(name, call, step),
                action: call.action,
                version: call.version,
                effect: action.schema.effect,
                parameters: try parameters(name, call)
            )
            let request = try request(name, attempt, call, action)
            try record(name, attempt)
            return .call(
                name,
                Effect.Call(
                    request: request,
                    action: action,
                    timeout: step.timeout,
                    isRecovery: false,
                    mayRepeat: false
                )
            )
        } catch {
            try fail(name, error)
            return nil
        }
    }

    private mutating func record(_ name: StepInstance, _ attempt: RunEvent.Attempt) throws(StepError) {
        do { try stage(.started(name, attempt)) } catch { throw StepError(.permanent, error.description) }
    }

    /// Takes up an attempt whose outcome was never recorded, with what was recorded of it.
    mutating func recall(
        _ name: StepInstance,
        _ attempt: RunEvent.Attempt,
        _ step: PlannedStep,
        mayRepeat: Bool
    ) throws -> Effect? {
        let call: ActionCall? =
            switch name.role {
            case .rollback: step.rollback
            case .cancel: step.onCancel
            case .work, .after: if case .action(let call) = step.kind { call } else { nil }
            }
        guard let call, let action = engine.catalogue.actions[attempt.action],
            action.schema.version == attempt.version
        else {
            try stage(.attention(reason: "unknown action version: `\(attempt.action)` \(attempt.version)"))
            return nil
        }
        do throws(StepError) {
            return .call(
                name,
                Effect.Call(
                    request: try request(name, attempt, call, action),
                    action: action,
                    timeout: step.timeout,
                    isRecovery: true,
                    mayRepeat: mayRepeat,
                    isEnding: machine.isEnding(name)
                )
            )
        } catch {
            try fail(name, error)
            return nil
        }
    }

    private func parameters(_ name: StepInstance, _ call: ActionCall) throws(StepError) -> JSON.Object {
        call.parameters.isEmpty ? [:] : try context(name).resolve(call.parameters)
    }

    /// What the action gets: parameters as recorded, and the secrets, which exist only here.
    private func request(
        _ name: StepInstance,
        _ attempt: RunEvent.Attempt,
        _ call: ActionCall,
        _ action: any StepAction
    ) throws(StepError) -> ActionRequest {
        var request = ActionRequest(
            run: machine.run,
            instance: name,
            idempotencyKey: attempt.key,
            parameters: attempt.parameters,
            now: now
        )
        for parameter in call.parameters {
            let names = parameter.value.secretNames
            guard !names.isEmpty else { continue }
            guard action.schema.parameters.contains(where: { $0.name == parameter.name && $0.isSecret }) else {
                throw StepError(.permanent, "parameter `\(parameter.name)` of `\(call.action)` takes no secret")
            }
            var context = context(name)
            context.secrets = try secrets(names)
            request.secrets[parameter.name] = Redacted(try context.text(parameter.value))
        }
        return request
    }

    private func secrets(_ names: Set<String>) throws(StepError) -> [String: Redacted<String>] {
        var values: [String: Redacted<String>] = [:]
        for name in names {
            guard let declaration = machine.plan.secrets.first(where: { $0.name == name }) else {
                throw StepError(.permanent, "there is no secret `\(name)`")
            }
            do {
                values[name] = try engine.secret(declaration)
            } catch let error as StepError {
                throw error
            } catch {
                // The error of a resolver might quote what it read.
                throw StepError(.permanent, "secret `\(name)` cannot be read")
            }
        }
        return values
    }

    /// The same for every attempt at one effect, and for nothing else.
    private func key(_ name: StepInstance, _ call: ActionCall, _ step: PlannedStep) throws(StepError) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(192)
        func append(_ part: String) {
            bytes.append(contentsOf: String(part.utf8.count).utf8)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(contentsOf: part.utf8)
        }
        if let expression = step.idempotencyKey, name.role == .work {
            guard let value = JSON.Value(try context(name).evaluate(expression)) else {
                throw StepError(.permanent, "`idempotency-key` gives no text")
            }
            append(value.description)
            append(call.action.text)
        } else {
            append(machine.run.text)
            append(name.description)
            append(planDigest)
            append(call.action.text)
            append(String(machine.instances[name]?.epoch ?? 0))
        }
        return Digest.sha256(bytes).hex
    }

    // MARK: - Outcomes

    mutating func take(_ outcome: Outcome) throws {
        switch outcome {
        case .result(let name, .success(let result)): try succeed(name, result)
        case .result(let name, .failure(let error)): try missed(name, error)
        case .unknown(let name, let question): try stage(.asked(name, question: question))
        case .measured(let name, let measured): try judge(name, measured)
        case .child(let name, let summary): try take(name, summary)
        case .broken, .tick: break
        }
    }

    private mutating func succeed(_ name: StepInstance, _ result: ActionResult) throws {
        guard name.role == .work, let position = machine.graph.positions[name.step] else {
            return try stage(.succeeded(name, result))
        }
        for (output, type) in machine.graph.steps[position].outputs {
            guard let value = result.outputs[output] else {
                return try fail(name, StepError(.permanent, "the action did not give output `\(output)`"))
            }
            guard type.admits(value) else {
                return try fail(
                    name,
                    StepError(
                        .permanent,
                        "output `\(output)` is of type \(value.kindName), declared is \(type.rawValue)"
                    )
                )
            }
        }
        guard !result.evidence.isEmpty else { return try stage(.succeeded(name, result)) }
        var result = result
        let controls = machine.graph.steps[position].evidence.controls
        for index in result.evidence.indices {
            // What the playbook says that a step speaks for goes with what the step has left behind.
            let known = result.evidence[index].controls
            result.evidence[index].controls += controls.filter { !known.contains($0) }
        }
        try stage(.succeeded(name, result))
    }

    private mutating func missed(_ name: StepInstance, _ error: StepError) throws {
        let isEnding = machine.isEnding(name)
        if isEnding, error.code == .cancelled { return try stage(.cancelled(name)) }
        guard let policy = machine.step(name.base)?.retry, let instance = machine.instances[name], !isEnding,
            policy.repeats(error.code), instance.attempts <= policy.max
        else { return try fail(name, error) }
        let delay = policy.delay(beforeAttempt: instance.attempts + 1, using: &random)
        try stage(.failed(name, error, retry: pending(name, .retry, until: now + delay, note: "retry")))
    }
}

extension RetryPolicy {
    func repeats(_ code: StepError.Code) -> Bool {
        switch code {
        case .transient: conditions.contains(.transient) || conditions.contains(.any)
        case .timeout: conditions.contains(.timeout) || conditions.contains(.any)
        case .permanent: conditions.contains(.any)
        case .cancelled: false
        }
    }

    /// How long to wait before the n-th attempt, which is at least the second.
    package func delay(beforeAttempt number: Int, using random: inout some RandomNumberGenerator) -> Duration {
        let repetition = Swift.max(0, number - 2)
        let factor: Double =
            switch backoff {
            case .constant: 1
            case .linear: Double(repetition + 1)
            case .exponential: Double(sign: .plus, exponent: min(repetition, 40), significand: 1)
            }
        let seconds = min(
            Double(initial.microseconds) / 1e6 * factor,
            Double(maxInterval.microseconds) / 1e6
        )
        let share = jitter > 0 ? Double.random(in: -min(jitter, 1)...min(jitter, 1), using: &random) : 0
        return .microseconds(Int64(Swift.max(0, seconds * (1 + share)) * 1e6))
    }
}
