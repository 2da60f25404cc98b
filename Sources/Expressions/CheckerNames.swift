extension Checker {
    // MARK: Names

    mutating func identifier(_ name: String, isAbsolute: Bool, _ id: NodeID) -> CELType {
        if !isAbsolute, let local = scope.last(where: { $0.name == name }) { return local.type }
        if let type = variable(name, isAbsolute: isAbsolute) { return type }
        if let type = CELType.denotations[name] { return .type(type) }
        var help: String?
        if let hyphenated = hyphenated.first(where: { $0.range.upperBound == nodes[id].range.upperBound }) {
            help = "`-` subtracts here; a name with a hyphen is written as `[\"\(hyphenated.name)\"]`"
        }
        let names = Set(scope.map(\.name)).union(declarations.variables.keys).filter { !$0.hasPrefix("@") }
        report(
            .undeclared,
            "`\(name.shortened)` is not declared",
            nodes[id].range,
            candidates: Array(names),
            help: help
        )
        return .dyn
    }

    private func variable(_ name: String, isAbsolute: Bool) -> CELType? {
        guard !isAbsolute, !declarations.container.isEmpty else { return declarations.variables[name] }
        for candidate in candidates(for: name, in: declarations.container) {
            if let type = declarations.variables[candidate] { return type }
        }
        return nil
    }

    mutating func select(
        _ operand: NodeID,
        _ field: String,
        _ fieldRange: Range<Int>,
        _ access: Node.Access,
        _ id: NodeID
    ) -> CELType {
        if case .plain = access, let name = nodes.qualifiedName(of: id), name.isAbsolute || !isLocal(name.root) {
            if let type = variable(name.name, isAbsolute: name.isAbsolute) { return type }
            if variable(name.root, isAbsolute: name.isAbsolute) == nil, let type = CELType.denotations[name.name] {
                return .type(type)
            }
        }
        let type = self.field(field, of: substitution.apply(check(operand)), fieldRange, access)
        switch access {
        case .plain: return type
        case .optional:
            if case .optional = type { return type }
            return .optional(type)
        case .test: return .bool
        }
    }

    private mutating func field(
        _ name: String,
        of type: CELType,
        _ range: Range<Int>,
        _ access: Node.Access
    ) -> CELType {
        switch type {
        case .dyn: return .dyn
        case .parameter:
            // Taken for `dyn` from here on, so that nothing later makes it a type without fields.
            _ = substitution.unify([(type, .dyn)])
            return .dyn
        case .map(let key, let value):
            if !substitution.unify([(key, .string)]) {
                report(.typeMismatch, "a map with \(shown(key)) keys has no field `\(name.shortened)`", range)
            }
            return value
        case .record(let record, let fields):
            if let found = fields[name] { return found }
            // `has(a.b)` and `a.?b` ask whether it exists: a field that no record of this type has is a misspelling too.
            report(
                .unknownField,
                "`\(record)` has no field `\(name.shortened)`",
                range,
                candidates: Array(fields.keys)
            )
            return .dyn
        case .optional(let wrapped):
            return .optional(field(name, of: substitution.apply(wrapped), range, access))
        default:
            report(.typeMismatch, "\(shown(type)) has no fields", range)
            return .dyn
        }
    }

    mutating func index(_ operand: NodeID, _ key: NodeID, isOptional: Bool, _ id: NodeID) -> CELType {
        let type = substitution.apply(check(operand))
        let keyType = check(key)
        if case .record = type {
            guard case .literal(.string(let name)) = nodes[key].kind else { return isOptional ? .optional(.dyn) : .dyn }
            let found = field(name, of: type, nodes[key].range, .plain)
            return isOptional ? .optional(found) : found
        }
        return resolve(isOptional ? "[?]" : "[]", [type, keyType], at: nodes[id].range)
    }

    // MARK: Calls

    mutating func call(_ call: Node.Call, _ id: NodeID) -> CELType {
        if let target = call.target {
            if let qualified = call.qualifiedName, let prefix = nodes.qualifiedName(of: target),
                prefix.isAbsolute || !isLocal(prefix.root)
            {
                if call.qualifiedFunction == .greatest || call.qualifiedFunction == .least {
                    return extreme(qualified, call.arguments, nodes[id].range)
                }
                for candidate in prefix.isAbsolute
                    ? [qualified] : candidates(for: qualified, in: declarations.container)
                {
                    guard let overloads = self.overloads(candidate) else { continue }
                    let arguments = call.arguments.map { check($0) }
                    return resolve(qualified, overloads, arguments, isMethod: false, at: nodes[id].range)
                }
            }
            let arguments = ([target] + call.arguments).map { check($0) }
            guard let overloads = overloads(call.name) else { return unknown(call, isMethod: true) }
            checkPattern(call)
            return resolve(call.name, overloads, arguments, isMethod: true, at: nodes[id].range)
        }
        let arguments = call.arguments.map { check($0) }
        for candidate in call.isAbsolute ? [call.name] : candidates(for: call.name, in: declarations.container) {
            guard let overloads = overloads(candidate) else { continue }
            checkPattern(call)
            return resolve(call.name, overloads, arguments, isMethod: false, at: nodes[id].range)
        }
        return unknown(call, isMethod: false)
    }

    private func overloads(_ name: String) -> [Overload]? {
        StandardFunction.overloads[name] ?? declarations.functions[name]
    }

    private mutating func unknown(_ call: Node.Call, isMethod: Bool) -> CELType {
        let all = StandardFunction.overloads.merging(declarations.functions) { first, _ in first }
        let names = all.filter { $0.value.contains { $0.isMethod == isMethod } }.keys
        report(
            .undeclaredFunction,
            "the function `\(call.name.shortened)` is not declared",
            call.nameRange,
            candidates: Array(names)
        )
        return .dyn
    }

    /// `math.greatest` and `math.least` take any number of numbers, or one list of them.
    private mutating func extreme(_ name: String, _ arguments: [NodeID], _ range: Range<Int>) -> CELType {
        var types: [CELType] = arguments.map { check($0) }.map { substitution.apply($0) }
        if types.count == 1, case .list(let element) = types[0] { types = [substitution.apply(element)] }
        let areNumbers = types.allSatisfy { type in
            switch type {
            case .int, .uint, .double, .dyn, .parameter: true
            default: false
            }
        }
        guard areNumbers, let first = types.first else {
            report(
                .noMatchingOverload,
                "`\(name)` does not take (\(types.map { shown($0) }.joined(separator: ", ")))",
                range
            )
            return .dyn
        }
        return types.allSatisfy { $0 == first } ? first : .dyn
    }

    /// A pattern that stands in the source is compiled here already, so that its fault has a place.
    private mutating func checkPattern(_ call: Node.Call) {
        guard call.function == .matches, let last = call.arguments.last,
            case .literal(.string(let source)) = nodes[last].kind
        else { return }
        do {
            _ = try Pattern(source)
        } catch {
            report(.pattern, "`\(source.shortened)` is no pattern: \(error.reason)", nodes[last].range)
        }
    }
}
