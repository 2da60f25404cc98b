/// What people write who know other languages, at the place where an expression cannot go on.
enum SyntaxHelp {
    /// Functions worth suggesting for a name that is none.
    static let functions = [
        "size", "has", "all", "exists", "exists_one", "filter", "map", "contains", "startsWith", "endsWith", "matches",
        "string", "int", "double", "bool", "timestamp", "duration", "type", "lowerAscii", "upperAscii", "split", "join",
        "replace", "trim", "substring", "indexOf", "charAt", "getDate", "getFullYear", "getHours", "orValue",
    ]

    /// The token that cannot stand there: of a number that runs into a name, the name.
    static func token(in source: String, at offset: Int) -> Int {
        let bytes = Array(source.utf8)
        guard offset < bytes.count, isDigit(bytes[offset]) else { return offset }
        let digits = bytes[offset...].prefix { isDigit($0) }
        guard digits.endIndex < bytes.count, isLetter(bytes[digits.endIndex]) else { return offset }
        return digits.endIndex
    }

    static func help(for source: String, at offset: Int) -> String? {
        let bytes = Array(source.utf8)
        guard offset < bytes.count else { return "the expression ends too early" }
        let rest = bytes[max(0, offset)...]
        let word = String(decoding: rest.prefix { isLetter($0) }, as: UTF8.self)
        switch word {
        case "and": return "write `&&`"
        case "or": return "write `||`"
        case "not": return "write `!`"
        case "is": return "write `==`"
        default: break
        }
        let text = String(decoding: rest.prefix(8), as: UTF8.self)
        if let first = text.unicodeScalars.first {
            if "“”„‘’«»".unicodeScalars.contains(first) { return "write a straight quote: `\"` or `'`" }
            if first == "=" { return "write `==` to compare" }
            if first == "$" { return "an expression names a value without `$`: `inputs.days`" }
            if first == "|" { return "there are no filters: call a function, as in `inputs.pilot.size()`" }
            if first == "*" { return "write `.map(x, …)` or `.all(x, …)` to look at every element" }
        }
        return durationHelp(bytes, offset)
    }

    /// `7d` in an expression: the fault is at the unit or at the number before it.
    private static func durationHelp(_ bytes: [UInt8], _ offset: Int) -> String? {
        var first = offset
        while first > 0, isDigit(bytes[first - 1]) { first -= 1 }
        let digits = bytes[first...].prefix { isDigit($0) }
        guard !digits.isEmpty, digits.count <= 6 else { return nil }
        let number = String(decoding: digits, as: UTF8.self)
        let unit = String(decoding: bytes[(first + digits.count)...].prefix { isLetter($0) }, as: UTF8.self)
        switch unit {
        case "d": return "write `days(\(number))`"
        case "w": return "write `weeks(\(number))`"
        case "ms", "s", "m", "h": return "write `duration(\"\(number)\(unit)\")`"
        default: return nil
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
}
