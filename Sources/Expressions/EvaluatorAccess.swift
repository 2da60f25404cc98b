extension Evaluator {
    // MARK: Names

    func isLocal(_ name: String) -> Bool { locals.contains { $0.name == name } }

    mutating func identifier(_ name: String, isAbsolute: Bool, _ id: NodeID) throws(EvaluationError) -> Value {
        if !isAbsolute, let local = locals.last(where: { $0.name == name }) { return local.value }
        if let value = variable(name, isAbsolute: isAbsolute) { return value }
        if let type = CELType.denotations[name] { return .type(type) }
        throw meter.error(.undeclaredReference, "`\(name)` is not declared")
    }

    /// Looks a name up in the container, then in what encloses it, outwards.
    private func variable(_ name: String, isAbsolute: Bool) -> Value? {
        if !isAbsolute, !options.container.isEmpty {
            for candidate in candidates(for: name, in: options.container) {
                if let value = bindings.variables[candidate] { return value }
            }
        } else if let value = bindings.variables[name] {
            return value
        }
        return bindings.resolve?(name)
    }

    // MARK: Selection

    mutating func select(
        _ operand: NodeID,
        _ field: String,
        _ access: Node.Access,
        _ id: NodeID
    ) throws(EvaluationError) -> Value {
        if hasQualifiedNames, case .plain = access, let name = nodes.qualifiedName(of: id),
            name.isAbsolute || !isLocal(name.root)
        {
            for candidate in name.isAbsolute ? [name.name] : candidates(for: name.name, in: options.container) {
                if let value = bindings.variables[candidate] { return value }
            }
        }
        let value: Value
        do throws(EvaluationError) {
            value = try evaluate(operand)
        } catch {
            if error.code == .undeclaredReference, let name = nodes.qualifiedName(of: id)?.name,
                let type = CELType.denotations[name]
            {
                return .type(type)
            }
            throw error
        }
        at(id)
        switch access {
        case .plain: return try self.field(field, of: value)
        case .optional: return .optional(try optionalField(field, of: value))
        case .test: return .bool(try optionalField(field, of: value) != nil)
        }
    }

    private func field(_ name: String, of value: Value) throws(EvaluationError) -> Value {
        switch value {
        case .map(let map):
            if let found = map[name] { return found }
            throw meter.error(.noSuchKey, "the map has no key `\(name.shortened)`")
        case .optional: return .optional(try optionalField(name, of: value))
        default: throw noFields(value)
        }
    }

    private func optionalField(_ name: String, of value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .map(let map): return map[name]
        case .optional(let wrapped):
            guard let wrapped else { return nil }
            return try optionalField(name, of: wrapped)
        default: throw noFields(value)
        }
    }

    private func noFields(_ value: Value) -> EvaluationError {
        meter.error(.noSuchField, "\(value.type.name) has no fields")
    }

    // MARK: Index

    mutating func index(
        _ operand: NodeID,
        _ key: NodeID,
        isOptional: Bool,
        _ id: NodeID
    ) throws(EvaluationError) -> Value {
        let value = try evaluate(operand)
        let key = try evaluate(key)
        at(id)
        if isOptional { return .optional(try optionalElement(key, of: value)) }
        switch value {
        case .optional: return .optional(try optionalElement(key, of: value))
        default:
            if let found = try optionalElement(key, of: value) { return found }
            if case .list(let elements) = value {
                throw meter.error(.indexOutOfRange, "the index is outside a list of \(elements.count)")
            }
            throw meter.error(.noSuchKey, "the map has no such key")
        }
    }

    private mutating func optionalElement(_ key: Value, of value: Value) throws(EvaluationError) -> Value? {
        switch value {
        case .list(let elements):
            let position: Int?
            switch key {
            case .int(let number): position = Int(exactly: number)
            case .uint(let number): position = Int(exactly: number) ?? .max
            case .double(let number): position = Int(exactly: number)
            default: position = nil
            }
            guard let position else {
                throw meter.error(.invalidArgument, "a list takes a whole number as index, not \(key.type.name)")
            }
            return elements.indices.contains(position) ? elements[position] : nil
        case .map(let map):
            try meter.charge(text: key)
            return map[key]
        case .optional(let wrapped):
            guard let wrapped else { return nil }
            return try optionalElement(key, of: wrapped)
        default: throw meter.error(.noSuchOverload, "\(value.type.name) has no index")
        }
    }

    // MARK: Calls

    mutating func call(_ call: Node.Call, _ id: NodeID) throws(EvaluationError) -> Value {
        if let target = call.target {
            if let qualified = call.qualifiedName, let prefix = nodes.qualifiedName(of: target),
                prefix.isAbsolute || !isLocal(prefix.root)
            {
                if let function = call.qualifiedFunction {
                    return try apply(function, try values(call.arguments), isMethod: false, id)
                }
                for candidate in prefix.isAbsolute ? [qualified] : candidates(for: qualified, in: options.container) {
                    if let function = bindings.functions[candidate] {
                        return try host(function, try values(call.arguments), id)
                    }
                }
            }
            let arguments = try values([target] + call.arguments)
            if let function = call.function { return try apply(function, arguments, isMethod: true, id) }
            if let function = bindings.functions[call.name] { return try host(function, arguments, id) }
        } else {
            if let function = call.function {
                return try apply(function, try values(call.arguments), isMethod: false, id)
            }
            for candidate in call.isAbsolute ? [call.name] : candidates(for: call.name, in: options.container) {
                if let function = bindings.functions[candidate] {
                    return try host(function, try values(call.arguments), id)
                }
            }
        }
        at(id)
        throw meter.error(.undeclaredFunction, "the function `\(call.name)` is not declared")
    }

    private mutating func values(_ ids: [NodeID]) throws(EvaluationError) -> [Value] {
        var values: [Value] = []
        values.reserveCapacity(ids.count)
        for id in ids { values.append(try evaluate(id)) }
        return values
    }

    private mutating func apply(
        _ function: StandardFunction,
        _ arguments: [Value],
        isMethod: Bool,
        _ id: NodeID
    ) throws(EvaluationError) -> Value {
        at(id)
        return try function.apply(arguments, isMethod: isMethod, &meter)
    }

    private mutating func host(
        _ function: HostFunction,
        _ arguments: [Value],
        _ id: NodeID
    ) throws(EvaluationError) -> Value {
        at(id)
        for argument in arguments { try measure(argument) }
        do throws(EvaluationError) {
            let value = try function(arguments)
            try measure(value)
            return value
        } catch {
            // A host does not know where its call stands; a limit keeps its own place.
            throw error.isLimit ? error : EvaluationError(error.code, error.message, offset: meter.offset)
        }
    }
}

/// The names that a name may mean inside a container, innermost first: `a.b.x`, `a.x`, `x`.
func candidates(for name: String, in container: String) -> [String] {
    guard !container.isEmpty else { return [name] }
    let parts = container.split(separator: ".")
    return (0...parts.count).reversed().map { count in (parts.prefix(count) + [name[...]]).joined(separator: ".") }
}
