/// Deduces types from the leaves up and collects what cannot be right.
struct Checker {
    let nodes: [Node]
    let root: NodeID
    let declarations: Declarations
    let hyphenated: [HyphenatedName]
    var substitution = Substitution()
    var issues: [ExpressionIssue] = []
    private(set) var scope: [(name: String, type: CELType)] = []

    init(_ expression: Expression, _ declarations: Declarations) {
        nodes = expression.nodes
        root = expression.root
        hyphenated = expression.hyphenatedNames
        self.declarations = declarations
    }

    mutating func run() -> CheckResult {
        let type = check(root)
        let deduced = substitution.apply(type, freeAsDyn: true)
        if substitution.isExhausted {
            report(.tooComplex, "the types of the expression are too complex to check", nodes[root].range)
        }
        issues.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
        return CheckResult(type: deduced, issues: issues)
    }

    /// Deduces the type of a node.
    ///
    /// What is wrong is `dyn`, so that one fault is reported once.
    mutating func check(_ id: NodeID) -> CELType {
        let node = nodes[id]
        switch node.kind {
        case .literal(let value):
            return value.type
        case .identifier(let name, let isAbsolute): return identifier(name, isAbsolute: isAbsolute, id)
        case .select(let operand, let field, let range, let access):
            return select(operand, field, range, access, id)
        case .index(let operand, let key, let isOptional): return index(operand, key, isOptional: isOptional, id)
        case .call(let call): return self.call(call, id)
        case .not(let operand):
            expect(.bool, operand, "the operand of `!`")
            return .bool
        case .negate(let operand): return resolve("-", [check(operand)], at: node.range)
        case .binary(let operation, let left, let right):
            return resolve(operation.rawValue, [check(left), check(right)], at: node.range)
        case .logical(let isOr, let operands):
            for operand in operands { expect(.bool, operand, "an operand of `\(isOr ? "||" : "&&")`") }
            return .bool
        case .conditional(let condition, let first, let second):
            return conditional(condition, first, second, node.range)
        case .list(let elements): return list(elements)
        case .map(let entries): return map(entries)
        case .message(let name, let values):
            for value in values { _ = check(value) }
            report(.unknownType, "the message type `\(name)` does not exist", node.range)
            return .dyn
        case .comprehension(let loop): return comprehension(loop)
        case .bind(let name, let value, let body):
            let type = check(value)
            return within([(name, type)]) { $0.check(body) }
        case .block(let values, let body):
            let outer = scope.count
            defer { scope.removeLast(scope.count - outer) }
            for (index, value) in values.enumerated() { scope.append(("@index:\(index)", check(value))) }
            return check(body)
        case .optionalMap(let target, let name, let body, let isFlat):
            return optionalMap(target, name, body, isFlat: isFlat)
        }
    }

    mutating func report(
        _ code: ExpressionIssue.Code,
        _ message: String,
        _ range: Range<Int>,
        candidates: [String] = [],
        help: String? = nil
    ) {
        issues.append(
            ExpressionIssue(code: code, message: message, range: range, candidates: candidates.sorted(), help: help)
        )
    }

    mutating func within<Result>(
        _ locals: [(name: String, type: CELType)],
        _ body: (inout Checker) -> Result
    ) -> Result {
        scope.append(contentsOf: locals)
        defer { scope.removeLast(locals.count) }
        return body(&self)
    }

    func isLocal(_ name: String) -> Bool { scope.contains { $0.name == name } }

    mutating func expect(_ type: CELType, _ id: NodeID, _ role: String) {
        let found = check(id)
        guard !substitution.unify([(type, found)]) else { return }
        report(.typeMismatch, "\(role) must be \(type), not \(shown(found))", nodes[id].range)
    }

    mutating func shown(_ type: CELType) -> String { substitution.apply(type, freeAsDyn: true).description }

    // MARK: Overloads

    /// Chooses among the overloads of an operator.
    mutating func resolve(_ name: String, _ arguments: [CELType], at range: Range<Int>) -> CELType {
        let overloads = StandardFunction.operators[name] ?? []
        return resolve(name, overloads, arguments, isMethod: false, at: range)
    }

    /// The result of all overloads that fit; `dyn` where they do not agree.
    mutating func resolve(
        _ name: String,
        _ overloads: [Overload],
        _ arguments: [CELType],
        isMethod: Bool,
        at range: Range<Int>
    ) -> CELType {
        var result: CELType?
        for overload in overloads where overload.isMethod == isMethod && overload.parameters.count == arguments.count {
            let instance = substitution.instantiate(overload)
            guard substitution.unify(Array(zip(instance.parameters, arguments))) else { continue }
            let type = substitution.apply(instance.result)
            if let known = result, known != type { result = .dyn } else { result = type }
        }
        if let result { return result }
        let types = arguments.map { shown($0) }.joined(separator: ", ")
        report(.noMatchingOverload, "`\(name)` does not take (\(types))", range)
        return .dyn
    }

    // MARK: Aggregates

    private mutating func conditional(
        _ condition: NodeID,
        _ first: NodeID,
        _ second: NodeID,
        _ range: Range<Int>
    ) -> CELType {
        expect(.bool, condition, "the condition of `?:`")
        return resolve("?:", [.bool, check(first), check(second)], at: range)
    }

    private mutating func list(_ elements: [Node.Element]) -> CELType {
        var joined: CELType?
        for element in elements {
            let type = value(element.value, isOptional: element.isOptional)
            joined = joined.map { substitution.join($0, type) } ?? type
        }
        return .list(joined ?? substitution.fresh())
    }

    private mutating func map(_ entries: [Node.Entry]) -> CELType {
        var key: CELType?
        var value: CELType?
        for entry in entries {
            var keyType = check(entry.key)
            switch substitution.apply(keyType) {
            case .bool, .int, .uint, .string, .dyn, .parameter: break
            case let other:
                report(.typeMismatch, "\(other) cannot be a key of a map", nodes[entry.key].range)
                keyType = .dyn
            }
            key = key.map { substitution.join($0, keyType) } ?? keyType
            let type = self.value(entry.value, isOptional: entry.isOptional)
            value = value.map { substitution.join($0, type) } ?? type
        }
        return .map(key: key ?? substitution.fresh(), value: value ?? substitution.fresh())
    }

    private mutating func value(_ id: NodeID, isOptional: Bool) -> CELType {
        guard isOptional else { return check(id) }
        let wrapped = substitution.fresh()
        expect(.optional(wrapped), id, "an element with `?`")
        return substitution.apply(wrapped)
    }

    // MARK: Macros

    private mutating func comprehension(_ loop: Node.Comprehension) -> CELType {
        let range = substitution.apply(check(loop.range))
        let first: CELType
        let second: CELType
        switch range {
        case .list(let element): (first, second) = loop.names.count == 1 ? (element, .dyn) : (.int, element)
        case .map(let key, let value): (first, second) = (key, value)
        case .record: (first, second) = (.string, .dyn)
        case .dyn: (first, second) = (.dyn, .dyn)
        case .parameter:
            _ = substitution.unify([(range, .dyn)])
            (first, second) = (.dyn, .dyn)
        default:
            report(
                .notIterable,
                "a macro walks over a list or a map, not over \(range)",
                nodes[loop.range].range
            )
            (first, second) = (.dyn, .dyn)
        }
        let locals = Array(zip(loop.names, [first, second])).map { (name: $0.0, type: $0.1) }
        let body = within(locals) { checker -> CELType in
            if let predicate = loop.predicate { checker.expect(.bool, predicate, "the condition of a macro") }
            return loop.transform.map { checker.check($0) } ?? first
        }
        switch loop.kind {
        case .all, .exists, .existsOne: return .bool
        case .filter, .map: return .list(body)
        case .transformMap: return .map(key: first, value: body)
        case .transformMapEntry:
            let result = CELType.map(key: substitution.fresh(), value: substitution.fresh())
            if !substitution.unify([(result, body)]), let transform = loop.transform {
                report(.typeMismatch, "`transformMapEntry` needs a map, not \(shown(body))", nodes[transform].range)
            }
            return substitution.apply(result)
        }
    }

    private mutating func optionalMap(_ target: NodeID, _ name: String, _ body: NodeID, isFlat: Bool) -> CELType {
        let wrapped = substitution.fresh()
        expect(.optional(wrapped), target, "the target of `\(isFlat ? "optFlatMap" : "optMap")`")
        let type = within([(name, substitution.apply(wrapped))]) { $0.check(body) }
        guard isFlat else { return .optional(type) }
        let inner = CELType.optional(substitution.fresh())
        if !substitution.unify([(inner, type)]) {
            report(.typeMismatch, "`optFlatMap` needs an optional value, not \(shown(type))", nodes[body].range)
        }
        return substitution.apply(inner)
    }
}
