extension Evaluator {
    mutating func comprehension(_ loop: Node.Comprehension) throws(EvaluationError) -> Value {
        let range = try evaluate(loop.range)
        let steps: [(first: Value, second: Value)]
        switch range {
        case .list(let elements):
            steps =
                loop.names.count == 1
                ? elements.map { ($0, .null) } : elements.enumerated().map { (.int(Int64($0.offset)), $0.element) }
        case .map(let map): steps = map.map { ($0.key, $0.value) }
        default:
            at(loop.range)
            throw meter.error(.noSuchOverload, "a macro walks over a list or a map, not over \(range.type.name)")
        }
        try meter.charge(steps.count)
        let base = locals.count
        for name in loop.names { locals.append((name, .null)) }
        defer { locals.removeLast(locals.count - base) }
        switch loop.kind {
        case .all, .exists: return .bool(try quantify(loop, steps, base))
        case .existsOne:
            var count = 0
            for step in steps {
                set(step, base)
                if try holds(loop) { count += 1 }
            }
            return .bool(count == 1)
        case .filter, .map: return .list(try collect(loop, steps, base))
        case .transformMap, .transformMapEntry: return .map(try transform(loop, steps, base))
        }
    }

    private mutating func set(_ step: (first: Value, second: Value), _ base: Int) {
        locals[base].value = step.first
        if locals.count > base + 1 { locals[base + 1].value = step.second }
    }

    private mutating func holds(_ loop: Node.Comprehension) throws(EvaluationError) -> Bool {
        guard let predicate = loop.predicate else { return true }
        return try bool(predicate)
    }

    /// Like a chain of `&&` or `||`: an error counts only when no step decides.
    private mutating func quantify(
        _ loop: Node.Comprehension,
        _ steps: [(first: Value, second: Value)],
        _ base: Int
    ) throws(EvaluationError) -> Bool {
        var isExists = false
        if case .exists = loop.kind { isExists = true }
        var failure: EvaluationError?
        for step in steps {
            set(step, base)
            do throws(EvaluationError) {
                if try holds(loop) == isExists { return isExists }
            } catch {
                if error.isLimit { throw error }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return !isExists
    }

    private mutating func collect(
        _ loop: Node.Comprehension,
        _ steps: [(first: Value, second: Value)],
        _ base: Int
    ) throws(EvaluationError) -> [Value] {
        var values: [Value] = []
        for step in steps {
            set(step, base)
            guard try holds(loop) else { continue }
            values.append(try loop.transform.map { id throws(EvaluationError) in try evaluate(id) } ?? step.first)
        }
        return values
    }

    private mutating func transform(
        _ loop: Node.Comprehension,
        _ steps: [(first: Value, second: Value)],
        _ base: Int
    ) throws(EvaluationError) -> ValueMap {
        var result = ValueMap()
        for step in steps {
            set(step, base)
            guard try holds(loop), let body = loop.transform else { continue }
            let value = try evaluate(body)
            at(body)
            if case .transformMap = loop.kind {
                try insert(step.first, value, into: &result)
            } else if case .map(let entries) = value {
                try meter.charge(entries.count)
                for (key, value) in entries { try insert(key, value, into: &result) }
            } else {
                throw meter.error(.noSuchOverload, "`transformMapEntry` needs a map, not \(value.type.name)")
            }
        }
        return result
    }

    mutating func block(_ values: [NodeID], _ body: NodeID) throws(EvaluationError) -> Value {
        let base = locals.count
        defer { locals.removeLast(locals.count - base) }
        for (index, value) in values.enumerated() { locals.append(("@index:\(index)", try evaluate(value))) }
        return try evaluate(body)
    }

    mutating func optionalMap(
        _ target: NodeID,
        _ name: String,
        _ body: NodeID,
        isFlat: Bool,
        _ id: NodeID
    ) throws(EvaluationError) -> Value {
        let value = try evaluate(target)
        at(id)
        guard case .optional(let wrapped) = value else {
            throw meter.noOverload(isFlat ? "optFlatMap" : "optMap", [value])
        }
        guard let wrapped else { return .optional(nil) }
        locals.append((name, wrapped))
        defer { locals.removeLast() }
        let result = try evaluate(body)
        guard isFlat else { return .optional(result) }
        guard case .optional = result else {
            at(body)
            throw meter.error(.noSuchOverload, "`optFlatMap` needs an optional value, not \(result.type.name)")
        }
        return result
    }
}
