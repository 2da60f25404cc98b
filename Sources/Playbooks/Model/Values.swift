package import Core
package import Expressions

extension Value {
    /// The value of a JSON text; whole numbers stay integers.
    package init(_ json: JSON.Value) {
        switch json {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .integer(let value): self = .int(value)
        case .number(let value): self = .double(value)
        case .string(let value): self = .string(value)
        case .array(let elements): self = .list(elements.map(Value.init))
        case .object(let object): self = Value(object)
        }
    }

    package init(_ object: JSON.Object) {
        self = .map(ValueMap(object.lazy.map { ($0.key, Value($0.value)) }))
    }

    package init(_ time: Core.Timestamp) {
        let seconds = time.epochSeconds
        let rest = Int32(truncatingIfNeeded: (time.microseconds - seconds * 1_000_000) * 1000)
        self = Expressions.Timestamp(seconds: seconds, nanoseconds: rest).map(Value.timestamp) ?? .null
    }

    package init(_ duration: Duration) {
        let (product, overflow) = duration.microseconds.multipliedReportingOverflow(by: 1000)
        self = .duration(nanoseconds: overflow ? (duration < .zero ? .min : .max) : product)
    }
}

extension JSON.Value {
    /// The JSON form of a value, or nothing for what JSON has no form for: types, bytes, infinities.
    ///
    /// Times become RFC 3339 text and durations text in seconds, as CEL's `string()` writes them.
    package init?(_ value: Expressions.Value) {
        switch value {
        case .null: self = .null
        case .bool(let value): self = .bool(value)
        case .int(let value): self = .integer(value)
        case .uint(let value):
            guard let small = Int64(exactly: value) else { return nil }
            self = .integer(small)
        case .double(let value):
            guard let number = JSON.Value(finite: value) else { return nil }
            self = number
        case .string(let value): self = .string(value)
        case .list(let elements):
            var array: [JSON.Value] = []
            for element in elements {
                guard let json = JSON.Value(element) else { return nil }
                array.append(json)
            }
            self = .array(array)
        case .map(let map):
            var object = JSON.Object()
            for (key, value) in map {
                guard let name = key.keyText, let json = JSON.Value(value) else { return nil }
                object[name] = json
            }
            self = .object(object)
        case .timestamp(let time):
            let micros = time.seconds * 1_000_000 + Int64(time.nanoseconds / 1000)
            self = .string(Core.Timestamp(microseconds: micros).description)
        case .duration(let nanoseconds): self = .string(Expressions.Value.text(nanoseconds: nanoseconds))
        case .optional(let wrapped):
            guard let wrapped else {
                self = .null
                return
            }
            self.init(wrapped)
        case .address, .network, .bytes, .type: return nil
        }
    }
}

extension Value {
    /// The text of a map key; JSON's keys are text.
    fileprivate var keyText: String? {
        switch self {
        case .string(let value): value
        case .int(let value): String(value)
        case .uint(let value): String(value)
        case .bool(let value): String(value)
        default: nil
        }
    }

    fileprivate static func text(nanoseconds: Int64) -> String {
        let sign = nanoseconds < 0 ? "-" : ""
        let (seconds, rest) = nanoseconds.magnitude.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard rest > 0 else { return "\(sign)\(seconds)s" }
        var digits = String(rest)
        digits = String(repeating: "0", count: 9 - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(sign)\(seconds).\(digits)s"
    }
}
