import Core
import Expressions

/// What can be said of a plan's values before it runs: inputs, and what follows from them alone.
struct KnownValues {
    static let unknown = "(known after apply)"
    private let variables: [String: Value]

    init(_ plan: Plan, inputs given: JSON.Object) {
        var inputs: [(String, Value)] = []
        for input in plan.inputs {
            guard let json = given[input.name] ?? input.defaultValue else { continue }
            guard let value = Self.value(json, as: input.type) else { continue }
            inputs.append((input.name, value))
        }
        var variables: [String: Value] = ["inputs": .map(ValueMap(inputs))]
        var shared: [(String, Value)] = []
        for (name, template) in plan.variables {
            if let value = Self.evaluate(template, variables) { shared.append((name, value)) }
        }
        variables["vars"] = .map(ValueMap(shared))
        self.variables = variables
    }

    /// The value for a reader, with what is not known yet marked as such; secrets are named, never read.
    func json(_ template: Template) -> JSON.Value {
        switch template {
        case .literal(let value): return value
        case .expression(let expression):
            if let secret = Self.secret(in: expression) { return .string(secret) }
            return value(of: expression).map { Self.json($0) } ?? .string(Self.unknown)
        case .text(let pieces):
            var text = ""
            for piece in pieces {
                switch piece {
                case .text(let part): text += part
                case .expression(let expression):
                    if let secret = Self.secret(in: expression) {
                        text += secret
                    } else if let value = value(of: expression) {
                        let json = Self.json(value)
                        text += json.string ?? json.description
                    } else {
                        text += Self.unknown
                    }
                }
            }
            return .string(text)
        case .list(let templates): return .array(templates.map { json($0) })
        case .map(let entries): return .object(JSON.Object(entries.map { (key: $0.key, value: json($0.value)) }))
        }
    }

    /// The value as one short line.
    func text(_ template: Template) -> String {
        let value = json(template)
        let text = value.string ?? value.description
        return text.unicodeScalars.count <= 120 ? text : String(text.prefix(119)) + "…"
    }

    private func value(of expression: Expression) -> Value? {
        guard expression.references.allSatisfy({ $0.root == "inputs" || $0.root == "vars" }) else { return nil }
        return try? expression.evaluate(
            Bindings(variables: variables),
            options: EvaluationOptions(costLimit: 100_000)
        )
    }

    private static func secret(in expression: Expression) -> String? {
        guard let reference = expression.references.first(where: { $0.root == "secrets" }) else { return nil }
        return "<secret:\(reference.path.first?.name ?? "?")>"
    }

    private static func evaluate(_ template: Template, _ variables: [String: Value]) -> Value? {
        switch template {
        case .literal(let json): return value(json, as: nil)
        case .expression(let expression): return try? expression.evaluate(Bindings(variables: variables))
        default: return nil
        }
    }

    private static func value(_ json: JSON.Value, as type: ValueType?) -> Value? {
        switch (type, json) {
        case (.duration?, .string(let text)):
            guard let duration = Duration(playbook: text) else { return nil }
            let (nanoseconds, overflow) = duration.microseconds.multipliedReportingOverflow(by: 1000)
            return overflow ? nil : .duration(nanoseconds: nanoseconds)
        case (.timestamp?, .string(let text)): return Expressions.Timestamp(text).map { .timestamp($0) }
        case (.number?, .integer(let number)): return .double(Double(number))
        case (_, .null): return .null
        case (_, .bool(let value)): return .bool(value)
        case (_, .integer(let value)): return .int(value)
        case (_, .number(let value)): return .double(value)
        case (_, .string(let value)): return .string(value)
        case (_, .array(let values)): return .list(values.compactMap { value($0, as: nil) })
        case (_, .object(let object)):
            return .map(ValueMap(object.compactMap { key, inner in value(inner, as: nil).map { (key, $0) } }))
        }
    }

    private static func json(_ value: Value) -> JSON.Value {
        switch value {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .integer(value)
        case .uint(let value): Int64(exactly: value).map { .integer($0) } ?? .string(String(value))
        case .double(let value): JSON.Value(finite: value) ?? .string(String(value))
        case .string(let value): .string(value)
        case .list(let values): .array(values.map { json($0) })
        case .map(let map):
            .object(
                JSON.Object(
                    map.map { pair in
                        let key = json(pair.key)
                        return (key: key.string ?? key.description, value: json(pair.value))
                    }
                )
            )
        case .timestamp(let time): .string(time.description)
        case .duration(let nanoseconds): .string(Duration.nanoseconds(nanoseconds).brief)
        case .optional(let inner): inner.map { json($0) } ?? .null
        default: .string(unknown)
        }
    }
}
