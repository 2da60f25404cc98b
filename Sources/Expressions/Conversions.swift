extension StandardFunction {
    /// The functions named like types, and `type` itself.
    func convert(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        guard arguments.count == 1 else { throw meter.noOverload(rawValue, arguments) }
        let value = arguments[0]
        switch self {
        case .dyn: return value
        case .type: return .type(value.type)
        default: try meter.charge(text: value)
        }
        switch self {
        case .bool: return try toBool(value, &meter)
        case .int: return .int(try toInt(value, &meter))
        case .uint: return .uint(try toUInt(value, &meter))
        case .double: return .double(try toDouble(value, &meter))
        case .string: return .string(try toString(value, &meter))
        case .bytes: return .bytes(try toBytes(value, &meter))
        case .timestamp: return .timestamp(try toTimestamp(value, &meter))
        default: return .duration(nanoseconds: try toDuration(value, &meter))
        }
    }

    private func refused(_ value: Value, _ meter: Meter) -> EvaluationError {
        switch value {
        case .string(let text):
            meter.error(.invalidConversion, "`\(text.shortened)` cannot be converted to \(rawValue)")
        default: meter.error(.invalidConversion, "the \(value.type.name) is outside the range of \(rawValue)")
        }
    }

    private func toBool(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> Value {
        switch value {
        case .bool: return value
        case .string(let text):
            // The spellings that Go's `strconv.ParseBool` takes.
            switch text {
            case "1", "t", "T", "true", "TRUE", "True": return .bool(true)
            case "0", "f", "F", "false", "FALSE", "False": return .bool(false)
            default: throw refused(value, meter)
            }
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toInt(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> Int64 {
        switch value {
        case .int(let number): return number
        case .uint(let number):
            guard let exact = Int64(exactly: number) else { throw refused(value, meter) }
            return exact
        case .double(let number):
            // Both bounds are open: the nearest doubles to them stand for numbers outside too.
            guard number > -0x1p63, number < 0x1p63 else { throw refused(value, meter) }
            return Int64(number)
        case .string(let text):
            guard let number = Int64(text) else { throw refused(value, meter) }
            return number
        case .timestamp(let timestamp): return timestamp.seconds
        case .duration(let nanoseconds): return nanoseconds / 1_000_000_000
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toUInt(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> UInt64 {
        switch value {
        case .uint(let number): return number
        case .int(let number):
            guard let exact = UInt64(exactly: number) else { throw refused(value, meter) }
            return exact
        case .double(let number):
            guard number >= 0, number < 0x1p64 else { throw refused(value, meter) }
            return UInt64(number)
        case .string(let text):
            guard let number = UInt64(text) else { throw refused(value, meter) }
            return number
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toDouble(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> Double {
        switch value {
        case .double(let number): return number
        case .int(let number): return Double(number)
        case .uint(let number): return Double(number)
        case .string(let text):
            switch text {
            case "NaN", "nan": return .nan
            case "Infinity", "+Infinity", "Inf", "+Inf", "inf", "+inf": return .infinity
            case "-Infinity", "-Inf", "-inf": return -.infinity
            default:
                try meter.charge(bytes: text.utf8.count)
                guard let number = Double(decimal: text), number.isFinite else { throw refused(value, meter) }
                return number
            }
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toString(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> String {
        switch value {
        case .string(let text): return text
        case .bool(let bool): return bool ? "true" : "false"
        case .int(let number): return String(number)
        case .uint(let number): return String(number)
        case .double(let number): return DoubleNotation.shortest(number)
        case .bytes(let bytes):
            try meter.charge(bytes: bytes.count)
            guard let text = String(validating: bytes, as: UTF8.self) else {
                throw meter.error(.invalidConversion, "the bytes are not UTF-8")
            }
            return text
        case .timestamp(let timestamp): return timestamp.description
        case .duration(let nanoseconds): return DurationNotation.text(nanoseconds)
        case .address(let address): return address.description
        case .network(let network): return network.description
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toBytes(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> [UInt8] {
        switch value {
        case .bytes(let bytes): return bytes
        case .string(let text):
            try meter.charge(bytes: text.utf8.count)
            return Array(text.utf8)
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toTimestamp(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> Timestamp {
        switch value {
        case .timestamp(let timestamp): return timestamp
        case .int(let seconds):
            guard let timestamp = Timestamp(seconds: seconds) else { throw refused(value, meter) }
            return timestamp
        case .string(let text):
            guard let timestamp = Timestamp(text) else { throw refused(value, meter) }
            return timestamp
        default: throw meter.noOverload(rawValue, [value])
        }
    }

    private func toDuration(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> Int64 {
        switch value {
        case .duration(let nanoseconds): return nanoseconds
        case .int(let seconds):
            let (nanoseconds, hasOverflowed) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
            guard !hasOverflowed else { throw refused(value, meter) }
            return nanoseconds
        case .string(let text):
            guard let nanoseconds = DurationNotation.nanoseconds(text) else { throw refused(value, meter) }
            return nanoseconds
        default: throw meter.noOverload(rawValue, [value])
        }
    }
}
