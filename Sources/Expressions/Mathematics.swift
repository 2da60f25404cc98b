extension StandardFunction {
    /// The extension for mathematics.
    func calculate(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        if self == .greatest || self == .least { return try extreme(arguments, &meter) }
        switch arguments.count {
        case 1: return try calculate(arguments[0], meter)
        case 2: return try bits(arguments[0], arguments[1], meter)
        default: throw meter.noOverload(rawValue, arguments)
        }
    }

    private func extreme(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        var numbers = arguments
        if arguments.count == 1, case .list(let elements) = arguments[0] { numbers = elements }
        try meter.charge(numbers.count)
        guard var result = numbers.first else {
            throw meter.error(.invalidArgument, "`\(rawValue)` needs at least one number")
        }
        for number in numbers {
            switch number {
            case .int, .uint, .double: break
            default: throw meter.noOverload(rawValue, arguments)
            }
            let order = Value.compareNumbers(number, result)
            if order == (self == .greatest ? .descending : .ascending) { result = number }
        }
        return result
    }

    private func calculate(_ value: Value, _ meter: Meter) throws(EvaluationError) -> Value {
        switch (self, value) {
        case (.ceil, .double(let number)): return .double(number.rounded(.up))
        case (.floor, .double(let number)): return .double(number.rounded(.down))
        case (.round, .double(let number)): return .double(number.rounded(.toNearestOrAwayFromZero))
        case (.trunc, .double(let number)): return .double(number.rounded(.towardZero))
        case (.isNaN, .double(let number)): return .bool(number.isNaN)
        case (.isInf, .double(let number)): return .bool(number.isInfinite)
        case (.isFinite, .double(let number)): return .bool(number.isFinite)
        case (.sqrt, .double(let number)): return .double(number.squareRoot())
        case (.sqrt, .int(let number)): return .double(Double(number).squareRoot())
        case (.sqrt, .uint(let number)): return .double(Double(number).squareRoot())
        case (.abs, .double(let number)): return .double(number.magnitude)
        case (.abs, .uint): return value
        case (.abs, .int(let number)):
            guard number != .min else { throw meter.error(.overflow, "the result is outside the range of int") }
            return .int(Swift.abs(number))
        case (.sign, .double(let number)):
            return .double(number.isNaN || number == 0 ? number : number < 0 ? -1 : 1)
        case (.sign, .int(let number)): return .int(number.signum())
        case (.sign, .uint(let number)): return .uint(number == 0 ? 0 : 1)
        case (.bitNot, .int(let number)): return .int(~number)
        case (.bitNot, .uint(let number)): return .uint(~number)
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func bits(_ left: Value, _ right: Value, _ meter: Meter) throws(EvaluationError) -> Value {
        switch (self, left, right) {
        case (.bitAnd, .int(let left), .int(let right)): return .int(left & right)
        case (.bitOr, .int(let left), .int(let right)): return .int(left | right)
        case (.bitXor, .int(let left), .int(let right)): return .int(left ^ right)
        case (.bitAnd, .uint(let left), .uint(let right)): return .uint(left & right)
        case (.bitOr, .uint(let left), .uint(let right)): return .uint(left | right)
        case (.bitXor, .uint(let left), .uint(let right)): return .uint(left ^ right)
        case (.bitShiftLeft, _, .int(let distance)), (.bitShiftRight, _, .int(let distance)):
            guard distance >= 0 else { throw meter.error(.invalidArgument, "a shift by \(distance) is negative") }
            // An int shifts as its bit pattern: to the right, zeros come in whatever the sign.
            switch left {
            case .int(let number): return .int(Int64(bitPattern: shift(UInt64(bitPattern: number), by: distance)))
            case .uint(let number): return .uint(shift(number, by: distance))
            default: throw meter.noOverload(rawValue, [left, right])
            }
        default: throw meter.noOverload(rawValue, [left, right])
        }
    }

    private func shift(_ pattern: UInt64, by distance: Int64) -> UInt64 {
        self == .bitShiftLeft ? pattern << distance : pattern >> distance
    }
}
