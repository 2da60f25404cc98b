extension JSON {
    /// One JSON value.
    ///
    /// Strings and keys are equal when their scalars are equal: unlike `String`, a composed and a decomposed `é` differ,
    /// as they do for everyone else who reads JSON. Numbers are equal when they are the same number: `1` is `1.0`, and
    /// `0` is `-0`.
    package enum Value: Sendable {
        case null
        case bool(Bool)
        case integer(Int64)
        /// A finite double. JSON has no word for the others: the writers print `null` for them, as ECMAScript does;
        /// `init(finite:)` refuses them earlier.
        case number(Double)
        case string(String)
        case array([Value])
        case object(Object)

        /// A number, or nil for an infinity or "not a number".
        package init?(finite number: Double) {
            guard number.isFinite else { return nil }
            self = .number(number)
        }
    }
}

extension JSON.Value {
    package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The value as a 64-bit integer; `3.0` is one too, `3.5` is not.
    package var int: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The value as a double; an integer beyond 2^53 is rounded.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var array: [JSON.Value]? {
        if case .array(let value) = self { value } else { nil }
    }

    package var object: JSON.Object? {
        if case .object(let value) = self { value } else { nil }
    }

    /// The member of this name, or nil where this is no object or has none.
    package subscript(key: String) -> JSON.Value? { object?[key] }

    /// The element at this position, or nil where this is no array or a shorter one.
    package subscript(index: Int) -> JSON.Value? {
        guard case .array(let elements) = self, elements.indices.contains(index) else { return nil }
        return elements[index]
    }

    /// What kind of value this is, in the words of JSON Schema.
    package var kindName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }
}

extension JSON.Value: Hashable {
    package static func == (left: Self, right: Self) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right || (left.isNaN && right.isNaN)
        case (.integer(let whole), .number(let number)), (.number(let number), .integer(let whole)):
            Int64(exactly: number) == whole
        case (.string(let left), .string(let right)): JSON.Name(left) == JSON.Name(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }

    package func hash(into hasher: inout Hasher) {
        switch self {
        case .null: hasher.combine(0 as UInt8)
        case .bool(let value): hasher.combine(value)
        case .integer(let value): hasher.combine(value)
        case .number(let value):
            if let whole = Int64(exactly: value) {
                hasher.combine(whole)
            } else {
                hasher.combine(value.isNaN ? 0x7FF8_0000_0000_0000 : value.bitPattern)
            }
        case .string(let value): hasher.combine(JSON.Name(value))
        case .array(let value): hasher.combine(value)
        case .object(let value): hasher.combine(value)
        }
    }
}

extension JSON.Value: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringInterpolation, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(nilLiteral: ()) { self = .null }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .string(value) }
    package init(arrayLiteral elements: JSON.Value...) { self = .array(elements) }

    package init(dictionaryLiteral elements: (String, JSON.Value)...) {
        self = .object(JSON.Object(elements.lazy.map { (key: $0.0, value: $0.1) }))
    }
}

extension JSON.Value: CustomStringConvertible {
    /// The canonical text.
    package var description: String { String(decoding: JSON.canonical(self), as: UTF8.self) }
}
