import Core
import Expressions
import Traffic

/// A CEL condition that a person wrote, over the one variable `call`.
struct Condition: Sendable {
    /// A condition that people review is short: what is longer is a program or an attack.
    static let limits = ParseOptions(maximumLength: 16 << 10, maximumDepth: 64)

    static let declarations = Declarations(variables: [
        "call": .record(
            "call",
            fields: [
                "agent": .string, "principal": .string, "client": .string, "task": .string, "server": .string,
                "tool": .string, "tier": .string, "args": .map(key: .string, value: .dyn), "time": .timestamp,
                "classes": .list(.string), "source": .string, "posture": .string,
            ]
        )
    ])

    private let expression: Expression?

    /// A text that is no expression is kept as one that always fails.
    init(_ source: String) {
        expression = try? Expression.parse(source, options: Self.limits)
    }

    /// Whether the condition holds; nil where it could not be answered.
    func holds(_ call: ObservedCall, _ context: DecisionContext) -> Bool? {
        guard let expression else { return nil }
        let bindings = Bindings(variables: ["call": Self.value(of: call, context)])
        let options = EvaluationOptions(costLimit: 100_000, zoneOffset: { Zones.offset($0, at: $1) })
        guard case .bool(let answer)? = try? expression.evaluate(bindings, options: options) else { return nil }
        return answer
    }

    /// What is not known is left out, so that asking for it is an error and not an empty answer.
    private static func value(of call: ObservedCall, _ context: DecisionContext) -> Value {
        var members: [(String, Value)] = [
            ("agent", .string(context.agent ?? call.principal)), ("principal", .string(call.principal)),
            ("server", .string(call.tool.server)), ("tool", .string(call.tool.tool)),
            ("tier", .string(call.tier.rawValue)), ("classes", .list(context.dataClasses.map(Value.string))),
        ]
        if let client = call.client { members.append(("client", .string(client))) }
        if let task = call.task { members.append(("task", .string(task))) }
        if let source = context.source { members.append(("source", .string(source))) }
        if let posture = context.posture { members.append(("posture", .string(posture))) }
        if let arguments = context.arguments { members.append(("args", value(of: .object(arguments)))) }
        if let now = context.now,
            let time = Expressions.Timestamp(
                seconds: now.epochSeconds,
                nanoseconds: Int32(truncatingIfNeeded: (now.microseconds - now.epochSeconds * 1_000_000) * 1000)
            )
        {
            members.append(("time", .timestamp(time)))
        }
        return .map(ValueMap(members))
    }

    private static func value(of json: JSON.Value) -> Value {
        switch json {
        case .null: .null
        case .bool(let value): .bool(value)
        case .integer(let value): .int(value)
        case .number(let value): .double(value)
        case .string(let value): .string(value)
        case .array(let values): .list(values.map { value(of: $0) })
        case .object(let object): .map(ValueMap(object.map { ($0.key, value(of: $0.value)) }))
        }
    }
}

extension Condition {
    struct Fault {
        var message: String
        var range: Range<Int>
        var help: String?
    }

    /// What is wrong with a text as a condition.
    static func faults(of source: String) -> [Fault] {
        let expression: Expression
        do {
            expression = try Expression.parse(source, options: limits)
        } catch {
            return [Fault(message: error.message, range: error.offset..<error.offset + max(1, error.length), help: nil)]
        }
        let result = expression.check(in: declarations)
        let faults = result.issues.map { issue in
            Fault(
                message: issue.message,
                range: issue.range,
                help: issue.help
                    ?? (issue.candidates.isEmpty ? nil : "known: " + issue.candidates.joined(separator: ", "))
            )
        }
        guard faults.isEmpty, result.type != .bool, result.type != .dyn else { return faults }
        let message = "the condition must be true or false, but this is \(result.type.description)"
        return [Fault(message: message, range: 0..<source.utf8.count, help: nil)]
    }
}
