extension Evaluator {
    mutating func negate(_ operand: NodeID, _ id: NodeID) throws(EvaluationError) -> Value {
        let value = try evaluate(operand)
        at(id)
        switch value {
        case .int(let number):
            guard number != .min else { throw overflow("int") }
            return .int(-number)
        case .double(let number): return .double(-number)
        default: throw meter.noOverload("-", [value])
        }
    }

    private func overflow(_ type: String) -> EvaluationError {
        meter.error(.overflow, "the result is outside the range of \(type)")
    }

    mutating func binary(
        _ operation: BinaryOperator,
        _ left: NodeID,
        _ right: NodeID,
        _ id: NodeID
    ) throws(EvaluationError) -> Value {
        let left = try evaluate(left)
        let right = try evaluate(right)
        at(id)
        switch operation {
        case .equal: return .bool(try Value.equal(left, right, &meter))
        case .notEqual: return .bool(!(try Value.equal(left, right, &meter)))
        case .less, .lessOrEqual, .greater, .greaterOrEqual: return .bool(try order(operation, left, right))
        case .contained: return .bool(try isContained(left, right))
        case .add: return try add(left, right)
        case .subtract, .multiply, .divide, .remainder: return try arithmetic(operation, left, right)
        }
    }

    private mutating func order(
        _ operation: BinaryOperator,
        _ left: Value,
        _ right: Value
    ) throws(EvaluationError) -> Bool {
        if case .string(let text) = left { try meter.charge(bytes: text.utf8.count) }
        guard let order = Value.compare(left, right) else {
            switch (left, right) {
            case (.int, .double), (.uint, .double), (.double, .int), (.double, .uint), (.double, .double): return false
            default: throw meter.noOverload(operation.rawValue, [left, right])
            }
        }
        switch operation {
        case .less: return order == .ascending
        case .lessOrEqual: return order != .descending
        case .greater: return order == .descending
        default: return order != .ascending
        }
    }

    private mutating func isContained(_ needle: Value, _ collection: Value) throws(EvaluationError) -> Bool {
        switch collection {
        case .list(let elements):
            for element in elements where try Value.equal(needle, element, &meter) { return true }
            return false
        case .map(let map):
            try meter.charge(text: needle)
            return map[needle] != nil
        default: throw meter.noOverload("in", [needle, collection])
        }
    }

    private mutating func add(_ left: Value, _ right: Value) throws(EvaluationError) -> Value {
        switch (left, right) {
        case (.string(let left), .string(let right)):
            try meter.charge(bytes: left.utf8.count + right.utf8.count)
            return .string(left + right)
        case (.bytes(let left), .bytes(let right)):
            try meter.charge(bytes: left.count + right.count)
            return .bytes(left + right)
        case (.list(let left), .list(let right)):
            try meter.charge(left.count + right.count)
            return .list(left + right)
        case (.timestamp(let timestamp), .duration(let nanoseconds)),
            (.duration(let nanoseconds), .timestamp(let timestamp)):
            guard let sum = timestamp.adding(nanoseconds) else { throw overflow("a timestamp") }
            return .timestamp(sum)
        default: return try arithmetic(.add, left, right)
        }
    }

    private func arithmetic(_ operation: BinaryOperator, _ left: Value, _ right: Value) throws(EvaluationError) -> Value
    {
        switch (left, right) {
        case (.int(let left), .int(let right)): return .int(try integer(operation, left, right, "int"))
        case (.uint(let left), .uint(let right)): return .uint(try integer(operation, left, right, "uint"))
        case (.double(let first), .double(let second)):
            switch operation {
            case .add: return .double(first + second)
            case .subtract: return .double(first - second)
            case .multiply: return .double(first * second)
            case .divide: return .double(first / second)
            default: throw meter.noOverload(operation.rawValue, [left, right])
            }
        case (.duration(let first), .duration(let second)) where operation == .add || operation == .subtract:
            return .duration(nanoseconds: try integer(operation, first, second, "a duration"))
        case (.timestamp(let timestamp), .duration(let nanoseconds)) where operation == .subtract:
            guard nanoseconds != .min, let sum = timestamp.adding(-nanoseconds) else { throw overflow("a timestamp") }
            return .timestamp(sum)
        case (.timestamp(let first), .timestamp(let second)) where operation == .subtract:
            guard let nanoseconds = first.nanoseconds(since: second) else { throw overflow("a duration") }
            return .duration(nanoseconds: nanoseconds)
        default: throw meter.noOverload(operation.rawValue, [left, right])
        }
    }

    private func integer<I: FixedWidthInteger>(
        _ operation: BinaryOperator,
        _ left: I,
        _ right: I,
        _ type: String
    ) throws(EvaluationError) -> I {
        let (result, hasOverflowed): (I, Bool)
        switch operation {
        case .add: (result, hasOverflowed) = left.addingReportingOverflow(right)
        case .subtract: (result, hasOverflowed) = left.subtractingReportingOverflow(right)
        case .multiply: (result, hasOverflowed) = left.multipliedReportingOverflow(by: right)
        default:
            guard right != 0 else { throw meter.error(.divisionByZero, "division by zero") }
            (result, hasOverflowed) =
                operation == .divide
                ? left.dividedReportingOverflow(by: right) : left.remainderReportingOverflow(dividingBy: right)
        }
        guard !hasOverflowed else { throw overflow(type) }
        return result
    }
}
