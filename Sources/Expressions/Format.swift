/// `"%s of %d".format([...])`: the clauses `s d f e b o x X` with an optional precision, and `%%`.
struct Format {
    private var rest: Substring.UnicodeScalarView
    private var values: [Value]
    private var next = 0
    private var output = ""

    static func apply(_ text: String, _ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> String {
        guard case .list(let values) = arguments[1] else { throw meter.noOverload("format", arguments) }
        var format = Format(rest: text.unicodeScalars[...], values: values)
        try format.run(&meter)
        return format.output
    }

    private init(rest: Substring.UnicodeScalarView, values: [Value]) {
        self.rest = rest
        self.values = values
    }

    private mutating func run(_ meter: inout Meter) throws(EvaluationError) {
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                output.unicodeScalars.append(scalar)
                continue
            }
            if rest.first == "%" {
                rest.removeFirst()
                output += "%"
            } else {
                let part = try clause(&meter)
                try meter.charge(1 + part.utf8.count >> 3)
                output += part
            }
        }
    }

    private mutating func clause(_ meter: inout Meter) throws(EvaluationError) -> String {
        var precision: Int?
        if rest.first == "." {
            rest.removeFirst()
            var number = 0
            while let digit = rest.first, ("0"..."9").contains(digit) {
                number = min(number * 10 + Int(digit.value - 0x30), 1_000)
                rest.removeFirst()
            }
            guard number < 1_000 else { throw meter.error(.invalidArgument, "the precision of a format is too large") }
            precision = number
        }
        guard let letter = rest.popFirst() else { throw meter.error(.invalidArgument, "a format ends in a `%`") }
        guard ("sdfebo".unicodeScalars.contains(letter) || letter == "x" || letter == "X") else {
            throw meter.error(.invalidArgument, "`%\(letter)` is no clause of a format")
        }
        guard values.indices.contains(next) else {
            throw meter.error(.indexOutOfRange, "a format needs more than \(values.count) values")
        }
        let value = values[next]
        next += 1
        switch letter {
        case "s": return try Self.text(value, &meter)
        case "d": return try Self.decimal(value, meter)
        case "f", "e":
            let number: Double
            switch value {
            case .double(let value): number = value
            case .int(let value): number = Double(value)
            case .uint(let value): number = Double(value)
            default: throw Self.refused(letter, value, meter)
            }
            // The exact digits of a very small number are a multiplication of a thousand steps.
            try meter.charge(500)
            return letter == "f"
                ? DoubleNotation.fixed(number, decimals: precision ?? 6)
                : DoubleNotation.scientific(number, decimals: precision ?? 6)
        default: return try Self.digits(value, letter, &meter)
        }
    }

    private static func refused(_ letter: Unicode.Scalar, _ value: Value, _ meter: Meter) -> EvaluationError {
        meter.error(.noSuchOverload, "`%\(letter)` does not format \(value.type.name)")
    }

    private static func decimal(_ value: Value, _ meter: Meter) throws(EvaluationError) -> String {
        switch value {
        case .int(let number): return String(number)
        case .uint(let number): return String(number)
        case .double(let number): return DoubleNotation.plain(number)
        default: throw refused("d", value, meter)
        }
    }

    private static func digits(
        _ value: Value,
        _ letter: Unicode.Scalar,
        _ meter: inout Meter
    ) throws(EvaluationError) -> String {
        let radix = letter == "b" ? 2 : letter == "o" ? 8 : 16
        switch value {
        case .int(let number): return String(number, radix: radix, uppercase: letter == "X")
        case .uint(let number): return String(number, radix: radix, uppercase: letter == "X")
        case .bool(let bool) where radix == 2: return bool ? "1" : "0"
        case .string(let text) where radix == 16:
            try meter.charge(bytes: text.utf8.count)
            return hexadecimal(text.utf8, uppercase: letter == "X")
        case .bytes(let bytes) where radix == 16:
            try meter.charge(bytes: bytes.count)
            return hexadecimal(bytes, uppercase: letter == "X")
        default: throw refused(letter, value, meter)
        }
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>, uppercase: Bool) -> String {
        let digits = Array((uppercase ? "0123456789ABCDEF" : "0123456789abcdef").utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    /// `%s`: what `string` would give, lists and maps in brackets, the entries of a map in the order of their keys' texts.
    private static func text(_ value: Value, _ meter: inout Meter) throws(EvaluationError) -> String {
        try meter.charge(1)
        switch value {
        case .null: return "null"
        case .double(let number): return DoubleNotation.plain(number)
        case .bytes(let bytes):
            try meter.charge(bytes: bytes.count)
            return String(decoding: bytes, as: UTF8.self)
        case .type(let type): return type.name
        case .list(let elements):
            var parts: [String] = []
            for element in elements { parts.append(try text(element, &meter)) }
            let joined = parts.joined(separator: ", ")
            try meter.charge(bytes: joined.utf8.count)
            return "[\(joined)]"
        case .map(let map):
            var parts: [(key: String, value: String)] = []
            for (key, element) in map { parts.append((try text(key, &meter), try text(element, &meter))) }
            parts.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            let joined = parts.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
            try meter.charge(bytes: joined.utf8.count)
            return "{\(joined)}"
        case .optional: throw refused("s", value, meter)
        default:
            guard case .string(let text) = try StandardFunction.string.convert([value], &meter) else { return "" }
            try meter.charge(bytes: text.utf8.count)
            return text
        }
    }
}
