import Core
import Documents
package import Expressions

extension ValueType {
    /// The type under which expressions see such a value.
    package func celType(items: ValueType? = nil) -> CELType {
        switch self {
        case .string: .string
        case .integer: .int
        case .number: .double
        case .boolean: .bool
        case .list: .list(items?.celType() ?? .dyn)
        case .map: .map(key: .string, value: .dyn)
        case .duration: .duration
        case .timestamp: .timestamp
        case .artifact: .dyn
        }
    }

    /// The type with its article, for messages.
    var called: String {
        switch self {
        case .integer: "an integer"
        case .artifact: "an artifact"
        default: "a \(rawValue)"
        }
    }

    /// Whether a value of an expression's type can be given where this type is wanted.
    func accepts(_ type: CELType) -> Bool {
        switch (self, type) {
        case (_, .dyn), (_, .parameter): true
        case (_, .optional(let inner)): accepts(inner)
        case (.string, .string), (.boolean, .bool), (.list, .list), (.artifact, .string): true
        case (.integer, .int), (.integer, .uint): true
        case (.number, .int), (.number, .uint), (.number, .double): true
        case (.map, .map), (.map, .record): true
        case (.duration, .duration), (.duration, .string): true
        case (.timestamp, .timestamp), (.timestamp, .string): true
        default: false
        }
    }

    /// Whether text around expressions can be given where this type is wanted.
    var acceptsText: Bool {
        switch self {
        case .string, .duration, .timestamp, .artifact: true
        default: false
        }
    }
}

/// A fault of a plain value against the type that is wanted.
struct ValueFault {
    enum Kind { case type, value, duration, forbidden }

    let kind: Kind
    let message: String
    let help: String?
    let place: Place
}

/// What a plain value must be.
struct ValueRule {
    var name: String
    var type: ValueType
    var items: ValueType?
    var allowed: [JSON.Value] = []
    var min: Double?
    var max: Double?
    var pattern: String?
    /// Of a text, or of each element of a list.
    var literal: LiteralRule?

    init(
        name: String,
        type: ValueType,
        items: ValueType? = nil,
        allowed: [JSON.Value] = [],
        min: Double? = nil,
        max: Double? = nil,
        pattern: String? = nil,
        literal: LiteralRule? = nil
    ) {
        self.name = name
        self.type = type
        self.items = items
        self.allowed = allowed
        self.min = min
        self.max = max
        self.pattern = pattern
        self.literal = literal
    }

    init(_ input: InputDeclaration) {
        self.init(
            name: input.name,
            type: input.type,
            items: input.items,
            allowed: input.allowed,
            min: input.min,
            max: input.max,
            pattern: input.pattern
        )
    }

    init(_ parameter: ActionSchema.Parameter) {
        self.init(
            name: parameter.name,
            type: parameter.type,
            items: parameter.items,
            allowed: parameter.allowed.map { JSON.Value.string($0) },
            min: parameter.range.map { Double($0.lowerBound) },
            max: parameter.range.map { Double($0.upperBound) },
            literal: parameter.rule
        )
    }

    /// The type alone, for an element of a list.
    private var element: ValueRule? {
        guard items != nil || !allowed.isEmpty else { return nil }
        return ValueRule(name: name, type: items ?? .string, allowed: allowed, literal: literal)
    }

    /// What is wrong with a value that holds no expression; elements of a list that hold one are left out.
    func faults(in node: Node) -> [ValueFault] {
        func fault(_ kind: ValueFault.Kind, _ message: String, help: String? = nil) -> [ValueFault] {
            [ValueFault(kind: kind, message: message, help: help, place: node.place)]
        }
        func wrongType() -> [ValueFault] {
            var help = "give \(type.called)"
            if type == .list, let text = node.string { help = "a list is wanted: write \(quoted("[" + text + "]"))" }
            if type == .list, let number = node.integer { help = "a list is wanted: write `[\(number)]`" }
            if type == .string, node.sequence == nil, node.mapping == nil { help = "quote it" }
            return fault(.type, "\(quoted(name)) is \(type.called), not \(node.called)", help: help)
        }
        switch type {
        case .string, .artifact: if node.string == nil { return wrongType() }
        case .integer: if node.integer == nil { return wrongType() }
        case .number: if node.number == nil { return wrongType() }
        case .boolean: if node.bool == nil { return wrongType() }
        case .map: if node.mapping == nil { return wrongType() }
        case .list:
            guard let nodes = node.sequence else { return wrongType() }
            guard let element else {
                return nodes.flatMap { looseFaults(in: $0) } + rangeFault(Double(nodes.count), node)
            }
            return nodes.filter { $0.interpolation == nil }.flatMap { element.faults(in: $0) }
                + rangeFault(Double(nodes.count), node)
        case .duration:
            let text = node.string ?? (node.number.map { _ in node.json.description } ?? "")
            guard node.string != nil || node.number != nil else { return wrongType() }
            guard let duration = Duration(playbook: text), duration > .zero, node.string != nil else {
                return fault(.duration, "\(quoted(text)) is not a duration", help: DurationHelp.short(for: text))
            }
        case .timestamp:
            guard let text = node.string else { return wrongType() }
            guard Timestamp(rfc3339: text) != nil else {
                return fault(
                    .value,
                    "\(quoted(text)) is not a moment",
                    help: "write RFC 3339 text as in `\"2026-12-01T09:00:00Z\"`"
                )
            }
        }
        let value = node.json
        if !allowed.isEmpty, !allowed.contains(value) {
            let known = allowed.map { $0.string ?? $0.description }
            let text = node.string ?? value.description
            return fault(
                .value,
                "\(quoted(text)) is not a value of \(quoted(name))",
                help: suggestion(for: text, among: known, called: "known")
            )
        }
        if let number = node.number { return rangeFault(number, node) }
        guard let text = node.string, type == .string else { return [] }
        if let pattern, Pattern.matches(text, pattern) == false {
            return fault(.value, "\(quoted(text)) does not match \(quoted(pattern))")
        }
        return literalFaults(text, node) + rangeFault(Double(text.unicodeScalars.count), node)
    }

    /// What is wrong with an element of a list that may hold texts and whole numbers side by side, such as ports.
    private func looseFaults(in node: Node) -> [ValueFault] {
        guard literal != nil, node.interpolation == nil else { return [] }
        if let text = node.string { return literalFaults(text, node) }
        if node.integer != nil { return literalFaults(node.json.description, node) }
        return [
            ValueFault(
                kind: .type,
                message: "an element of \(quoted(name)) is a text or an integer, not \(node.called)",
                help: nil,
                place: node.place
            )
        ]
    }

    private func literalFaults(_ text: String, _ node: Node) -> [ValueFault] {
        switch literal?.judge(text) {
        case nil, .fine?: []
        case .malformed(let reason, let help)?:
            [ValueFault(kind: .value, message: "\(quoted(text)) \(reason)", help: help, place: node.place)]
        case .forbidden(let reason, let help)?:
            [ValueFault(kind: .forbidden, message: "\(quoted(text)) \(reason)", help: help, place: node.place)]
        }
    }

    private func rangeFault(_ measure: Double, _ node: Node) -> [ValueFault] {
        let what = node.number == nil ? "the length of \(quoted(name))" : quoted(name)
        if let min, measure < min {
            return [
                ValueFault(
                    kind: .value,
                    message: "\(what) is below `min`, which is \(plain(min))",
                    help: nil,
                    place: node.place
                )
            ]
        }
        if let max, measure > max {
            return [
                ValueFault(
                    kind: .value,
                    message: "\(what) is above `max`, which is \(plain(max))",
                    help: nil,
                    place: node.place
                )
            ]
        }
        return []
    }
}

/// A number as people write it: `7`, not `7.0`.
func plain(_ number: Double) -> String {
    Int64(exactly: number).map(String.init) ?? String(number)
}

/// Regular expressions in the dialect of the expression language, RE2's.
enum Pattern {
    private static let expression = try? Expression.parse("text.matches(pattern)")

    static func isValid(_ pattern: String) -> Bool { matches("", pattern) != nil }

    /// Whether the pattern occurs in the text; nothing if it is no pattern or costs too much.
    static func matches(_ text: String, _ pattern: String) -> Bool? {
        guard let expression else { return nil }
        let bindings = Bindings(variables: ["text": .string(text), "pattern": .string(pattern)])
        guard case .bool(let answer)? = try? expression.evaluate(bindings) else { return nil }
        return answer
    }
}
