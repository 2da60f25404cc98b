extension StandardFunction {
    /// `size`, the searches of the standard library, and `matches`.
    func applyToText(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        if self == .size {
            guard arguments.count == 1 else { throw meter.noOverload(rawValue, arguments) }
            switch arguments[0] {
            case .string(let text):
                try meter.charge(bytes: text.utf8.count)
                return .int(Int64(text.unicodeScalars.count))
            case .bytes(let bytes): return .int(Int64(bytes.count))
            case .list(let elements): return .int(Int64(elements.count))
            case .map(let map): return .int(Int64(map.count))
            default: throw meter.noOverload(rawValue, arguments)
            }
        }
        guard arguments.count == 2, case .string(let text) = arguments[0], case .string(let other) = arguments[1] else {
            throw meter.noOverload(rawValue, arguments)
        }
        try meter.charge(bytes: text.utf8.count)
        switch self {
        case .contains: return .bool(Array(text.utf8).firstIndex(of: Array(other.utf8), from: 0) != nil)
        case .startsWith: return .bool(text.utf8.starts(with: other.utf8))
        case .endsWith: return .bool(text.utf8.reversed().starts(with: other.utf8.reversed()))
        default:
            let pattern = try meter.pattern(other)
            return .bool(try pattern.matches(text, &meter))
        }
    }
}

extension Array where Element: Equatable & Comparable {
    /// The first place of a part at or after an index; linear, by the failure table of Knuth, Morris and Pratt.
    func firstIndex(of part: [Element], from start: Int) -> Int? {
        guard !part.isEmpty else { return start <= count ? start : nil }
        var failures = [0]
        failures.reserveCapacity(part.count)
        var length = 0
        for element in part.dropFirst() {
            while length > 0, part[length] != element { length = failures[length - 1] }
            if part[length] == element { length += 1 }
            failures.append(length)
        }
        length = 0
        var index = start
        while index < count {
            while length > 0, part[length] != self[index] { length = failures[length - 1] }
            if part[length] == self[index] { length += 1 }
            if length == part.count { return index - part.count + 1 }
            index += 1
        }
        return nil
    }
}
