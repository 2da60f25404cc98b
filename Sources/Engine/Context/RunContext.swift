package import Core
import Expressions
import Ledger
import Playbooks

/// What expressions may ask of the world outside their run; each answer is a value of the moment.
package struct Facts: Sendable {
    /// The state of another phase: `status`, `outputs`, `run`; nothing when it never ran.
    ///
    /// Throws where the ledger's rows of that run cannot be believed: a gate then has an error, not an answer.
    package var phase: @Sendable (Int) throws -> JSON.Object?
    /// The share of the named subjects that a measure covers, from 0 to 1; nothing for a measure that does not exist.
    package var coverage: @Sendable (_ measure: String, _ subjects: [String]) -> Double?
    /// Waivers that are not closed.
    package var exceptions: @Sendable () -> [Core.Exception]
    /// Waivers that may pass a gate: those whose maker is proven as the workspace wants it.
    package var waivers: @Sendable () -> [Core.Exception]

    package init(
        phase: @escaping @Sendable (Int) throws -> JSON.Object? = { _ in nil },
        coverage: @escaping @Sendable (String, [String]) -> Double? = { _, _ in nil },
        exceptions: @escaping @Sendable () -> [Core.Exception] = { [] },
        waivers: @escaping @Sendable () -> [Core.Exception] = { [] }
    ) {
        self.phase = phase
        self.coverage = coverage
        self.exceptions = exceptions
        self.waivers = waivers
    }
}

/// What an expression of a run sees at a moment.
struct RunContext {
    var machine: RunMachine
    var facts: Facts
    var now: Core.Timestamp
    var loop: (name: String, value: JSON.Value)?
    var metrics: [String: [String: Double]]?
    /// The step that expressions call `phase`.
    var subject: StepID?
    /// The values of secrets; without them each reads `<secret:name>`.
    var secrets: [String: Redacted<String>]?

    /// Evaluates with only those names bound that the expression needs: a run may have thousands of steps.
    func evaluate(_ expression: Expression) throws(StepError) -> Value {
        do {
            return try expression.evaluate(
                try bindings(expression),
                options: EvaluationOptions(zoneOffset: { Zones.offset($0, at: $1) })
            )
        } catch let error as EvaluationError {
            throw StepError(
                .permanent,
                "`\(brief(expression.source))`: \(error.message)",
                help: error.offset > 0 ? "at byte \(error.offset) of the expression" : nil
            )
        } catch let error as StepError {
            throw error
        } catch {
            throw StepError(.permanent, "`\(brief(expression.source))` has no value")
        }
    }

    func truth(_ expression: Expression) throws(StepError) -> Bool {
        guard case .bool(let answer) = try evaluate(expression) else {
            throw StepError(.permanent, "`\(brief(expression.source))` is neither true nor false")
        }
        return answer
    }

    private func brief(_ source: String) -> String { source.count > 80 ? source.prefix(79) + "…" : source }

    private func bindings(_ expression: Expression) throws -> Bindings {
        var variables: [String: Value] = [:]
        for root in Set(expression.references.map(\.root)) {
            if let loop, loop.name == root {
                variables[root] = Value(loop.value)
                continue
            }
            switch root {
            case "inputs": variables[root] = inputs
            case "steps": variables[root] = steps(expression)
            case "vars": variables[root] = try self.variables()
            case "run": variables[root] = run
            case "now": variables[root] = Value(now)
            case "exceptions": variables[root] = .list(facts.exceptions().map(value))
            case "metrics": variables[root] = measured
            case "phase": if let subject { variables[root] = step(subject, succeeded: "done") }
            case "secrets": variables[root] = secretNames
            default: break
            }
        }
        return Bindings(variables: variables, functions: functions)
    }

    private var inputs: Value {
        .map(
            ValueMap(
                machine.plan.inputs.lazy.compactMap { declaration in
                    machine.inputs[declaration.name].map {
                        (declaration.name, Value($0, as: declaration.type, items: declaration.items))
                    }
                }
            )
        )
    }

    private var run: Value {
        .map(
            ValueMap([
                ("id", .string(machine.run.text)), ("started_by", .string(machine.startedBy)),
                ("playbook", .string(machine.plan.id)), ("version", .string(machine.plan.version)),
                ("created", Value(machine.created)), ("started_at", Value(machine.created)),
                ("name", .string(machine.plan.name)),
            ])
        )
    }

    private var measured: Value {
        let metrics = metrics ?? [:]
        return .map(
            ValueMap(
                metrics.map { name, aggregates in
                    (name, .map(ValueMap(aggregates.map { ($0, .double($1)) })))
                }
            )
        )
    }

    private var secretNames: Value {
        .map(
            ValueMap(
                machine.plan.secrets.map { secret in
                    (secret.name, .string(secrets?[secret.name]?.revealed ?? "<secret:\(secret.name)>"))
                }
            )
        )
    }

    private func steps(_ expression: Expression) -> Value {
        let paths = expression.references.lazy.filter { $0.root == "steps" }.map { $0.path.first?.name }
        let names =
            paths.contains(nil)
            ? machine.graph.steps.map(\.id) : Set(paths.compactMap { $0 }).sorted().map { StepID($0) }
        return .map(ValueMap(names.map { ($0.text, step($0)) }))
    }

    private func step(_ id: StepID, succeeded: String = StepState.succeeded.rawValue) -> Value {
        let instance = machine.instance(StepInstance(id))
        let plan = machine.step(id)
        let isLoop = plan?.forEach != nil
        let types = Dictionary(plan?.outputs ?? [], uniquingKeysWith: { first, _ in first })
        let outputs = (instance?.outputs ?? JSON.Object()).map { key, value in
            if let type = types[key], !isLoop { return (key, Value(value, as: type, items: nil)) }
            if let type = types[key], let items = value.object {
                return (key, Value.map(ValueMap(items.map { ($0.key, Value($0.value, as: type, items: nil)) })))
            }
            return (key, Value(value))
        }
        return .map(
            ValueMap([
                ("status", .string(instance?.state == .succeeded ? succeeded : (instance?.state ?? .pending).rawValue)),
                ("result", .string(instance?.result ?? "")), ("actor", .string(instance?.actor ?? "")),
                ("error", .string(instance?.error?.message ?? "")), ("outputs", .map(ValueMap(outputs))),
                ("id", .string(id.text)), ("name", .string(id.text)),
                ("number", .int(Int64(machine.graph.positions[id] ?? 0) + 1)),
            ])
        )
    }

    private func variables() throws(StepError) -> Value {
        var values: [(String, Value)] = []
        for variable in machine.plan.variables {
            values.append((variable.name, Value(try resolve(variable.value))))
        }
        return .map(ValueMap(values))
    }

    private func value(_ exception: Core.Exception) -> Value {
        .map(
            ValueMap([
                ("id", .string(exception.id)), ("scope", .string(exception.scope)), ("owner", .string(exception.owner)),
                ("kind", .string(String(exception.scope.prefix { $0 != ":" }))),
                ("reason", .string(exception.reason)), ("created_by", .string(exception.createdBy)),
                ("created", .string(exception.created.description)),
                ("expires", .string(exception.expires.description)),
            ])
        )
    }

    private var functions: [String: HostFunction] {
        let facts = facts
        return [
            "days": { (arguments) throws(EvaluationError) in try Self.span(arguments, of: 86_400) },
            "weeks": { (arguments) throws(EvaluationError) in try Self.span(arguments, of: 604_800) },
            "phase": { (arguments) throws(EvaluationError) in
                guard case .int(let number)? = arguments.first, arguments.count == 1 else {
                    throw EvaluationError(.noSuchOverload, "`phase` takes one integer")
                }
                let pending: JSON.Object = ["status": "pending", "outputs": [:]]
                do {
                    return Value(try facts.phase(Int(clamping: number)) ?? pending)
                } catch {
                    throw EvaluationError(.hostFunction, "phase \(number) is not believed: \(Engine.words(error))")
                }
            },
            "coverage": { (arguments) throws(EvaluationError) in
                guard case .string(let measure)? = arguments.first, arguments.count == 2,
                    case .list(let subjects) = arguments[1]
                else { throw EvaluationError(.noSuchOverload, "`coverage` takes a measure and a list of names") }
                let names = subjects.compactMap { if case .string(let name) = $0 { name } else { nil } }
                guard let share = facts.coverage(measure, names) else {
                    throw EvaluationError(.hostFunction, "nothing measures `\(measure)` in this version")
                }
                return .double(share)
            },
        ]
    }

    private static func span(_ arguments: [Value], of seconds: Int64) throws(EvaluationError) -> Value {
        guard case .int(let count)? = arguments.first, arguments.count == 1 else {
            throw EvaluationError(.noSuchOverload, "a whole number is wanted")
        }
        let (span, overflow) = count.multipliedReportingOverflow(by: seconds * 1_000_000_000)
        guard !overflow else { throw EvaluationError(.overflow, "the duration is too long") }
        return .duration(nanoseconds: span)
    }
}

extension Value {
    /// A value under its declared type: `duration` and `timestamp` are text in JSON, a `number` may be written whole.
    init(_ json: JSON.Value, as type: ValueType, items: ValueType?) {
        switch (type, json) {
        case (.number, .integer(let whole)): self = .double(Double(whole))
        case (.duration, .string(let text)):
            self = (Duration(playbook: text) ?? Duration(iso8601: text)).map { Value($0) } ?? .string(text)
        case (.timestamp, .string(let text)):
            self = Core.Timestamp(rfc3339: text).map { Value($0) } ?? .string(text)
        case (.list, .array(let elements)):
            self = .list(elements.map { element in items.map { Value(element, as: $0, items: nil) } ?? Value(element) })
        default: self = Value(json)
        }
    }
}
