/// Computes the value of a tree, one node at a time, on one bill.
struct Evaluator {
    let nodes: [Node]
    let root: NodeID
    let bindings: Bindings
    let options: EvaluationOptions
    var meter: Meter
    /// Variables of macros in sight, innermost last.
    var locals: [(name: String, value: Value)] = []
    private var depth = 0
    /// Whether a dotted name can mean something else than a selection, which costs a look-up for each selection.
    let hasQualifiedNames: Bool

    init(_ expression: Expression, _ bindings: Bindings, _ options: EvaluationOptions) {
        nodes = expression.nodes
        root = expression.root
        self.bindings = bindings
        self.options = options
        meter = Meter(limit: options.costLimit, zoneOffset: options.zoneOffset)
        hasQualifiedNames =
            !options.container.isEmpty || bindings.variables.keys.contains { $0.utf8.contains(UInt8(ascii: ".")) }
    }

    mutating func run() throws(EvaluationError) -> Value {
        let value = try evaluate(root)
        try measure(value)
        return value
    }

    /// Bills the full size of a value that leaves the evaluator: sharing can make it far larger than its cost so far.
    mutating func measure(_ value: Value) throws(EvaluationError) {
        switch value {
        case .list(let elements):
            try meter.charge(elements.count)
            for element in elements { try measure(element) }
        case .map(let map):
            try meter.charge(map.count)
            for (_, element) in map { try measure(element) }
        case .optional(let wrapped?): try measure(wrapped)
        case .string(let text): try meter.charge(bytes: text.utf8.count)
        case .bytes(let bytes): try meter.charge(bytes: bytes.count)
        default: break
        }
    }

    mutating func evaluate(_ id: NodeID) throws(EvaluationError) -> Value {
        depth += 1
        defer { depth -= 1 }
        meter.offset = nodes[id].range.lowerBound
        guard depth <= options.recursionLimit else {
            throw meter.error(.recursionLimit, "the evaluation nests deeper than \(options.recursionLimit) levels")
        }
        try meter.charge(1)
        switch nodes[id].kind {
        case .literal(let value): return value
        case .identifier(let name, let isAbsolute): return try identifier(name, isAbsolute: isAbsolute, id)
        case .select(let operand, let field, _, let access): return try select(operand, field, access, id)
        case .index(let operand, let key, let isOptional):
            return try index(operand, key, isOptional: isOptional, id)
        case .call(let call): return try self.call(call, id)
        case .not(let operand): return .bool(!(try bool(operand)))
        case .negate(let operand): return try negate(operand, id)
        case .binary(let operation, let left, let right): return try binary(operation, left, right, id)
        case .logical(let isOr, let operands): return .bool(try logical(isOr: isOr, operands))
        case .conditional(let condition, let first, let second):
            return try bool(condition) ? try evaluate(first) : try evaluate(second)
        case .list(let elements): return try list(elements)
        case .map(let entries): return try map(entries)
        case .message(let name, _):
            throw meter.error(.undeclaredReference, "the message type `\(name)` does not exist")
        case .comprehension(let loop): return try comprehension(loop)
        case .bind(let name, let value, let body):
            locals.append((name, try evaluate(value)))
            defer { locals.removeLast() }
            return try evaluate(body)
        case .block(let values, let body): return try block(values, body)
        case .optionalMap(let target, let name, let body, let isFlat):
            return try optionalMap(target, name, body, isFlat: isFlat, id)
        }
    }

    /// Moves the place for errors back to a node after its operands were evaluated.
    mutating func at(_ id: NodeID) { meter.offset = nodes[id].range.lowerBound }

    mutating func bool(_ id: NodeID) throws(EvaluationError) -> Bool {
        let value = try evaluate(id)
        guard case .bool(let result) = value else {
            at(id)
            throw meter.error(.noSuchOverload, "a condition must be a bool, not \(value.type.name)")
        }
        return result
    }

    /// One deciding operand is enough, wherever it stands; an error counts only when none decides.
    private mutating func logical(isOr: Bool, _ operands: [NodeID]) throws(EvaluationError) -> Bool {
        var failure: EvaluationError?
        for operand in operands {
            do throws(EvaluationError) {
                if try bool(operand) == isOr { return isOr }
            } catch {
                if error.isLimit { throw error }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        return !isOr
    }

    private mutating func list(_ elements: [Node.Element]) throws(EvaluationError) -> Value {
        try meter.charge(elements.count)
        var values: [Value] = []
        values.reserveCapacity(elements.count)
        for element in elements {
            let value = try evaluate(element.value)
            guard element.isOptional else {
                values.append(value)
                continue
            }
            if let wrapped = try optional(value, element.value) { values.append(wrapped) }
        }
        return .list(values)
    }

    private mutating func map(_ entries: [Node.Entry]) throws(EvaluationError) -> Value {
        try meter.charge(entries.count)
        var map = ValueMap()
        for entry in entries {
            let key = try evaluate(entry.key)
            var value = try evaluate(entry.value)
            if entry.isOptional {
                guard let wrapped = try optional(value, entry.value) else { continue }
                value = wrapped
            }
            at(entry.key)
            try insert(key, value, into: &map)
        }
        return .map(map)
    }

    mutating func insert(_ key: Value, _ value: Value, into map: inout ValueMap) throws(EvaluationError) {
        try meter.charge(text: key)
        switch map.insert(key, value) {
        case .inserted: return
        case .duplicateKey: throw meter.error(.duplicateKey, "the map has a key twice")
        case .unsupportedKey: throw meter.error(.unsupportedKeyType, "\(key.type.name) cannot be a key of a map")
        }
    }

    private mutating func optional(_ value: Value, _ id: NodeID) throws(EvaluationError) -> Value? {
        guard case .optional(let wrapped) = value else {
            at(id)
            throw meter.error(.noSuchOverload, "an element with `?` must be an optional value, not \(value.type.name)")
        }
        return wrapped
    }
}
