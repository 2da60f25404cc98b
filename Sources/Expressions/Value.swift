/// A value of the expression language.
///
/// `==` is the language's equality: numbers compare by magnitude over `int`, `uint` and `double`, `NaN` differs from
/// itself, and strings compare by code points (not by canonical equivalence, as Swift's `String` does).
package enum Value: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    case uint(UInt64)
    case double(Double)
    case string(String)
    case bytes([UInt8])
    case list([Value])
    case map(ValueMap)
    case timestamp(Timestamp)
    case duration(nanoseconds: Int64)
    case type(CELType)
    indirect case optional(Value?)
    case address(IPAddress)
    case network(IPNetwork)

    /// The run-time type, with `dyn` for the parameters of aggregates.
    package var type: CELType {
        switch self {
        case .null: .null
        case .bool: .bool
        case .int: .int
        case .uint: .uint
        case .double: .double
        case .string: .string
        case .bytes: .bytes
        case .list: .list(.dyn)
        case .map: .map(key: .dyn, value: .dyn)
        case .timestamp: .timestamp
        case .duration: .duration
        case .type: .type(.dyn)
        case .optional: .optional(.dyn)
        case .address: .address
        case .network: .network
        }
    }

    /// Whether `optional.ofNonZeroValue` takes this for nothing: zero, empty, null, the epoch of a duration.
    var isZero: Bool {
        switch self {
        case .null: true
        case .bool(let value): !value
        case .int(let value): value == 0
        case .uint(let value): value == 0
        case .double(let value): value == 0
        case .string(let value): value.isEmpty
        case .bytes(let value): value.isEmpty
        case .list(let value): value.isEmpty
        case .map(let value): value.isEmpty
        case .timestamp(let value): value.seconds == 0 && value.nanoseconds == 0
        case .duration(let nanoseconds): nanoseconds == 0
        case .optional(let value): value == nil
        case .type, .address, .network: false
        }
    }
}

extension Value: Equatable {
    package static func == (left: Value, right: Value) -> Bool {
        var meter = Meter.unlimited
        return (try? equal(left, right, &meter)) ?? false
    }

    /// Compares with a bill: lists may share their elements, so that a small expression describes a huge comparison.
    static func equal(_ left: Value, _ right: Value, _ meter: inout Meter) throws(EvaluationError) -> Bool {
        try meter.charge(1)
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let left), .bool(let right)): return left == right
        case (.string(let left), .string(let right)):
            try meter.charge(bytes: left.utf8.count)
            return left.hasSameCodePoints(as: right)
        case (.bytes(let left), .bytes(let right)):
            try meter.charge(bytes: left.count)
            return left == right
        case (.list(let left), .list(let right)):
            guard left.count == right.count else { return false }
            for index in left.indices where try !equal(left[index], right[index], &meter) { return false }
            return true
        case (.map(let left), .map(let right)):
            guard left.count == right.count else { return false }
            for (key, value) in left {
                guard let other = right[key] else { return false }
                guard try equal(value, other, &meter) else { return false }
            }
            return true
        case (.timestamp(let left), .timestamp(let right)): return left == right
        case (.duration(let left), .duration(let right)): return left == right
        case (.type(let left), .type(let right)): return left.name == right.name
        case (.optional(let left), .optional(let right)):
            guard let left, let right else { return left == nil && right == nil }
            return try equal(left, right, &meter)
        case (.address(let left), .address(let right)): return left == right
        case (.network(let left), .network(let right)): return left == right
        default: return compareNumbers(left, right) == .equal
        }
    }
}

/// How two values stand to each other where an order exists.
enum Order {
    case ascending
    case equal
    case descending

    init<T: Comparable>(_ left: T, _ right: T) {
        self = left < right ? .ascending : left == right ? .equal : .descending
    }

    var reversed: Order {
        switch self {
        case .ascending: .descending
        case .equal: .equal
        case .descending: .ascending
        }
    }
}

extension Value {
    /// Orders numbers of any two kinds; `nil` where one is no number or is `NaN`.
    static func compareNumbers(_ left: Value, _ right: Value) -> Order? {
        switch (left, right) {
        case (.int(let left), .int(let right)): Order(left, right)
        case (.uint(let left), .uint(let right)): Order(left, right)
        case (.int(let left), .uint(let right)): left < 0 ? .ascending : Order(UInt64(left), right)
        case (.uint(let left), .int(let right)): right < 0 ? .descending : Order(left, UInt64(right))
        case (.double(let left), .double(let right)): left.isNaN || right.isNaN ? nil : Order(left, right)
        case (.int(let left), .double(let right)): compare(left, right)
        case (.double(let left), .int(let right)): compare(right, left)?.reversed
        case (.uint(let left), .double(let right)): compare(left, right)
        case (.double(let left), .uint(let right)): compare(right, left)?.reversed
        default: nil
        }
    }

    /// Compares as doubles, as every implementation of the language does: beyond 2^53 neighbours can be equal.
    private static func compare<I: FixedWidthInteger>(_ left: I, _ right: Double) -> Order? {
        right.isNaN ? nil : Order(Double(left), right)
    }

    /// Orders two values of one kind, or two numbers; `nil` where the language has no order.
    static func compare(_ left: Value, _ right: Value) -> Order? {
        switch (left, right) {
        case (.bool(let left), .bool(let right)): Order(left ? 1 : 0, right ? 1 : 0)
        case (.string(let left), .string(let right)): order(left.utf8, right.utf8)
        case (.bytes(let left), .bytes(let right)): order(left, right)
        case (.timestamp(let left), .timestamp(let right)): Order(left, right)
        case (.duration(let left), .duration(let right)): Order(left, right)
        default: compareNumbers(left, right)
        }
    }

    private static func order<C: Collection<UInt8>>(_ left: C, _ right: C) -> Order {
        if left.lexicographicallyPrecedes(right) { return .ascending }
        return left.elementsEqual(right) ? .equal : .descending
    }
}

extension String {
    /// Whether both are the same code points; Swift's `==` also takes canonically equivalent strings for equal.
    func hasSameCodePoints(as other: String) -> Bool {
        self == other && utf8.count == other.utf8.count && utf8.elementsEqual(other.utf8)
    }
}
