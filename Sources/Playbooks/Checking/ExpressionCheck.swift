import Core
import Documents
import Expressions

/// A part of a scalar's text that is an expression.
struct ExpressionText {
    let text: String
    let node: Node
    /// Bytes of the node's text before the expression.
    let offset: Int

    init(_ text: String, _ node: Node, offset: Int = 0) {
        let blanks = text.utf8.prefix { $0 == 0x20 || $0 == 0x0A || $0 == 0x09 }.count
        let trimmed = text.utf8.dropFirst(blanks).reversed().drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x09 }.count
        self.text = String(Substring(text.utf8.dropFirst(blanks).prefix(trimmed)))
        self.node = node
        self.offset = offset + (trimmed == 0 ? 0 : blanks)
    }
}

extension DocumentCheck {
    private func place(_ range: Range<Int>, of text: ExpressionText) -> Place {
        source.place(of: text.offset + range.lowerBound..<text.offset + range.upperBound, in: text.node)
    }

    private func start(of text: ExpressionText) -> Place { place(0..<text.text.utf8.count, of: text) }

    /// A condition that people review is short: what is longer is a program or an attack.
    private static let limits = ParseOptions(maximumLength: 16 << 10, maximumDepth: 64)

    /// Parses and checks one expression; nothing if it cannot be used.
    mutating func expression(_ text: ExpressionText, in scope: Scope) -> (expression: Expression, type: CELType)? {
        if text.text.isEmpty {
            report(Code.syntax, "the expression is empty", at: place(0..<1, of: text))
            return nil
        }
        let parsed: Expression
        do {
            parsed = try Expression.parse(text.text, options: Self.limits)
        } catch {
            let first = SyntaxHelp.token(in: text.text, at: error.offset)
            let range = first..<max(first, error.offset + error.length) + (error.length == 0 ? 1 : 0)
            report(
                Code.syntax,
                error.message,
                at: place(range, of: text),
                help: SyntaxHelp.help(for: text.text, at: error.offset)
            )
            return nil
        }
        if let trap = hyphenTrap(in: parsed, scope) {
            report(Code.hyphen, trap.message, at: place(trap.range, of: text), help: trap.help)
            return nil
        }
        var isSound = true
        for reference in parsed.references {
            if let fault = fault(of: reference, in: scope) {
                isSound = false
                report(fault.code, fault.message, at: place(reference.range, of: text), help: fault.help)
            } else {
                note(reference, at: place(reference.range, of: text), in: scope)
            }
        }
        for function in parsed.functions where !function.isStandard && !Names.hostFunctions.contains(function.name) {
            isSound = false
            let known = Names.hostFunctions + SyntaxHelp.functions
            report(
                Code.unknownName,
                "\(quoted(function.name)) is not a function",
                at: place(function.range, of: text),
                help: suggest(function.name, among: known, called: "functions of this language")
            )
        }
        guard isSound else { return (parsed, .dyn) }
        let result = parsed.check(in: declarations(for: parsed, in: scope))
        for issue in result.issues {
            let isName = [.undeclared, .undeclaredFunction, .unknownField, .unknownType].contains(issue.code)
            var range = issue.range
            if isName, let whole = parsed.references.first(where: { $0.range.overlaps(issue.range) }) {
                range = whole.range
            }
            report(
                isName ? Code.unknownName : Code.type,
                issue.message,
                at: place(range, of: text),
                help: issue.help ?? (issue.candidates.isEmpty ? nil : "known: \(listed(issue.candidates))")
            )
        }
        return (parsed, result.issues.isEmpty ? result.type : .dyn)
    }

    /// A bare expression that must be true or false.
    mutating func condition(_ node: Node, _ key: String, in scope: Scope, always: String, never: String) -> Expression?
    {
        guard let source = node.string, node.interpolation == nil else { return nil }
        let text = ExpressionText(source, node)
        let before = diagnostics.count
        guard let (parsed, type) = expression(text, in: scope) else { return nil }
        guard diagnostics.count == before else { return parsed }
        guard type == .bool || type == .dyn else {
            report(
                Code.type,
                "\(quoted(key)) is a bool, but this is \(type.description)",
                at: start(of: text),
                help: "compare it with something, so that the answer is a bool"
            )
            return parsed
        }
        if case .bool(let answer)? = try? parsed.evaluate(options: EvaluationOptions(costLimit: 10_000)) {
            warn(Code.constant, answer ? always : never, at: start(of: text))
        }
        return parsed
    }

    /// A template: text, or any value with `${{ }}` in the texts below it.
    mutating func template(_ node: Node, in scope: Scope) -> (template: Template, type: CELType) {
        switch node.content {
        case .scalar: return scalarTemplate(node, in: scope)
        case .sequence(let nodes):
            let parts = nodes.map { template($0, in: scope) }
            if parts.allSatisfy({ if case .literal = $0.template { true } else { false } }) {
                return (.literal(node.json), .list(.dyn))
            }
            return (.list(parts.map(\.template)), .list(.dyn))
        case .mapping(let entries):
            let parts = entries.map { (key: $0.name, value: template($0.value, in: scope).template) }
            if parts.allSatisfy({ if case .literal = $0.value { true } else { false } }) {
                return (.literal(node.json), .map(key: .string, value: .dyn))
            }
            return (.map(parts), .map(key: .string, value: .dyn))
        }
    }

    private mutating func scalarTemplate(_ node: Node, in scope: Scope) -> (template: Template, type: CELType) {
        guard let text = node.string, node.interpolation != nil else { return (.literal(node.json), node.celType) }
        guard let pieces = Interpolation.split(text) else {
            let last = Interpolation.unclosed(in: text)
            report(
                Code.interpolation,
                "`${{` is not closed",
                at: source.place(of: last..<last + 3, in: node),
                help: "close it with `}}`"
            )
            return (.literal(node.json), .dyn)
        }
        if pieces.count == 1, case .expression(let inner, let offset) = pieces[0] {
            guard let (parsed, type) = expression(ExpressionText(inner, node, offset: offset), in: scope) else {
                return (.literal(.null), .dyn)
            }
            return (.expression(parsed), type)
        }
        var result: [Template.Piece] = []
        for piece in pieces {
            switch piece {
            case .text(let text): result.append(.text(text))
            case .expression(let inner, let offset):
                let text = ExpressionText(inner, node, offset: offset)
                guard let (parsed, type) = expression(text, in: scope) else { continue }
                result.append(.expression(parsed))
                if !type.isPrintable {
                    mixed.append((start(of: text), type))
                }
            }
        }
        return (.text(result), .string)
    }

    /// The first byte of an expression that is the whole value, for faults of its type.
    func valueStart(_ node: Node) -> Place {
        guard let text = node.string, let pieces = Interpolation.split(text), pieces.count == 1,
            case .expression(let inner, let offset) = pieces[0]
        else { return node.place }
        return start(of: ExpressionText(inner, node, offset: offset))
    }

    /// Reports values that stand inside text and have no text form.
    mutating func settleMixed() {
        for (place, type) in mixed {
            report(
                Code.type,
                "a value of type \(type.description) cannot stand inside text",
                at: place,
                help: "make the `${{ }}` the whole value, or take a part of it"
            )
        }
        mixed = []
    }
}

extension CELType {
    /// Whether `string()` takes a value of this type.
    var isPrintable: Bool {
        switch self {
        case .dyn, .bool, .int, .uint, .double, .string, .bytes, .timestamp, .duration: true
        default: false
        }
    }
}

extension Node {
    fileprivate var celType: CELType {
        switch scalar?.value {
        case .bool: .bool
        case .integer: .int
        case .number: .double
        case .string: .string
        case .null: .null
        case nil: .dyn
        }
    }
}

/// Text cut at its `${{ }}`.
enum Interpolation {
    enum Piece {
        case text(String)
        case expression(String, offset: Int)
    }

    /// Nothing where a `${{` is not closed.
    static func split(_ text: String) -> [Piece]? {
        let bytes = Array(text.utf8)
        var pieces: [Piece] = []
        var at = 0
        while let start = bytes.offset(of: "${{", from: at) {
            if start > at { pieces.append(.text(String(decoding: bytes[at..<start], as: UTF8.self))) }
            guard let end = end(in: bytes, from: start + 3) else { return nil }
            pieces.append(.expression(String(decoding: bytes[start + 3..<end], as: UTF8.self), offset: start + 3))
            at = end + 2
        }
        if at < bytes.count { pieces.append(.text(String(decoding: bytes[at...], as: UTF8.self))) }
        return pieces
    }

    /// Where the first `${{` without an end stands.
    static func unclosed(in text: String) -> Int {
        let bytes = Array(text.utf8)
        var at = 0
        while let start = bytes.offset(of: "${{", from: at) {
            guard let end = end(in: bytes, from: start + 3) else { return start }
            at = end + 2
        }
        return 0
    }

    /// The `}}` that ends an expression: braces and texts of the expression itself do not count.
    private static func end(in bytes: [UInt8], from first: Int) -> Int? {
        var depth = 0
        var quote: UInt8?
        var at = first
        while at < bytes.count {
            let byte = bytes[at]
            if let open = quote {
                if byte == UInt8(ascii: "\\") { at += 1 } else if byte == open { quote = nil }
            } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                quote = byte
            } else if byte == UInt8(ascii: "{") {
                depth += 1
            } else if byte == UInt8(ascii: "}") {
                if depth == 0, at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "}") { return at }
                depth = max(0, depth - 1)
            }
            at += 1
        }
        return bytes.offset(of: "}}", from: first)
    }
}
