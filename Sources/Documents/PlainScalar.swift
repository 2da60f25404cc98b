/// An unquoted word of YAML and whether all readers agree on it.
///
/// YAML 1.1 (PyYAML, libyaml's other users) and YAML 1.2 give different values to many words: `no`, `010`, `10:30`,
/// `1e3`, `2026-12-18`. A document that decides who may do what must not depend on the reader, so such words are refused
/// until they are quoted or written plainly. Types: YAML 1.1 at yaml.org/type, YAML 1.2.2 section 10.3.2.
struct PlainScalar {
    enum Reading {
        case value(ScalarValue)
        /// What is unclear, and what to write instead.
        case ambiguous(String, help: String)
    }

    let text: String
    private let bytes: [UInt8]

    init(_ text: String) {
        self.text = text
        bytes = Array(text.utf8)
    }

    private var quote: String { "put it in quotes if it is text: " + quoted }

    /// The text as it should be written; a long one is not repeated.
    private var quoted: String { bytes.count <= 40 ? "`\"\(text)\"`" : "`\"…\"`" }

    var reading: Reading {
        switch text {
        case "", "null", "Null", "NULL": return .value(.null)
        case "true", "True", "TRUE": return .value(.bool(true))
        case "false", "False", "FALSE": return .value(.bool(false))
        case "y", "Y", "yes", "Yes", "YES", "on", "On", "ON":
            return .ambiguous("`\(text)` is true for some readers and text for others", help: word("true"))
        case "n", "N", "no", "No", "NO", "off", "Off", "OFF":
            return .ambiguous("`\(text)` is false for some readers and text for others", help: word("false"))
        case "~": return .ambiguous("`~` is null for some readers and text for others", help: word("null"))
        case "<<", "=": return .ambiguous("`\(text)` has a special meaning for some readers", help: quote)
        default: break
        }
        if isDate {
            return .ambiguous(
                "this date is text for some readers and a time for others",
                help: "put it in quotes: " + quoted
            )
        }
        return number ?? .value(.string(text))
    }

    private func word(_ word: String) -> String { "write `\(word)`, or \(quote)" }

    private var isDate: Bool {
        var at = 0
        guard digits(&at) == 4, take("-", &at), 1...2 ~= digits(&at), take("-", &at), 1...2 ~= digits(&at) else {
            return false
        }
        guard at < bytes.count else { return true }
        guard [UInt8(ascii: "T"), UInt8(ascii: "t"), 0x20, 0x09].contains(bytes[at]) else { return false }
        at += 1
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
        return at < bytes.count && Self.isDigit(bytes[at])
    }

    private var number: Reading? {
        var at = 0
        let hasSign = take("-", &at) || take("+", &at)
        guard at < bytes.count, Self.isDigit(bytes[at]) || bytes[at] == UInt8(ascii: ".") else { return nil }
        let body = text.utf8.dropFirst(at)
        switch String(Substring(body)) {
        case ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN":
            return .ambiguous("only finite numbers are allowed here", help: quote)
        default: break
        }
        if body.first == UInt8(ascii: "0"), let reading = otherBase(body.dropFirst(), hasSign: hasSign) {
            return reading
        }
        return decimal(at, hasSign: hasSign)
    }

    /// Hexadecimal is the same for all; octal and binary are not.
    private func otherBase(_ rest: Substring.UTF8View, hasSign: Bool) -> Reading? {
        guard let letter = rest.first else { return nil }
        let digits = rest.dropFirst()
        let base: Int
        switch letter {
        case UInt8(ascii: "x"): base = 16
        case UInt8(ascii: "o"): base = 8
        case UInt8(ascii: "b"): base = 2
        default: return nil
        }
        guard digits.contains(where: { $0 != UInt8(ascii: "_") }),
            digits.allSatisfy({ $0 == UInt8(ascii: "_") || (Self.digit($0).map { $0 < base } ?? false) })
        else { return nil }
        if base == 16, !hasSign, let value = Int64(String(Substring(digits)), radix: 16) {
            return .value(.integer(value))
        }
        return .ambiguous(
            "this number is text for some readers",
            help: "write it in decimal digits, or \(quote)"
        )
    }

    private func decimal(_ start: Int, hasSign: Bool) -> Reading? {
        var at = start
        let wholeDigits = digitsAndUnderscores(&at)
        if at < bytes.count, bytes[at] == UInt8(ascii: ":") {
            return isBaseSixty(at, wholeDigits)
                ? .ambiguous("this is a number in base 60 for some readers", help: "put it in quotes: " + quoted) : nil
        }
        var fractionDigits: Int?
        if take(".", &at) {
            fractionDigits = digitsAndUnderscores(&at)
            if wholeDigits + (fractionDigits ?? 0) == 0 { return nil }
        }
        let mantissaEnd = at
        var hasExponent = false
        var hasExponentSign = false
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            at += 1
            hasExponent = true
            hasExponentSign = take("-", &at) || take("+", &at)
            if digits(&at) == 0 { return nil }
        }
        guard at == bytes.count, wholeDigits > 0 || Self.isDigit(bytes[start + 1]) else { return nil }
        if bytes.contains(UInt8(ascii: "_")) {
            return .ambiguous(
                "only some readers allow `_` in a number",
                help: "write `\(text.filter { $0 != "_" })`, or \(quote)"
            )
        }
        if hasSign, bytes[0] == UInt8(ascii: "+") || wholeDigits == 0 {
            return .ambiguous("this number is text for some readers", help: "write only digits, or \(quote)")
        }
        if wholeDigits > 1, bytes[start] == UInt8(ascii: "0") {
            return .ambiguous(
                "a number with a leading zero is octal for some readers",
                help: "leave the zero out, or \(quote)"
            )
        }
        if hasExponent, fractionDigits == nil || !hasExponentSign {
            return .ambiguous(
                "this exponent makes a number for some readers only",
                help: "write it like `1.0e+3`, or \(quote)"
            )
        }
        if let fractionDigits, fractionDigits > 1, bytes[mantissaEnd - 1] == UInt8(ascii: "0"), !hasExponent {
            return .ambiguous(
                "the last zero of this number would be lost",
                help: "leave the zero out, or \(quote)"
            )
        }
        if fractionDigits == nil, let value = Int64(text) { return .value(.integer(value)) }
        // Swift's reader wants a digit on both sides of the point.
        let double = Double(text) ?? Double("0" + text) ?? Double(text + "0")
        guard fractionDigits != nil, let double, double.isFinite else {
            return .ambiguous("this number is too large", help: quote)
        }
        return .value(.number(double))
    }

    private func isBaseSixty(_ start: Int, _ wholeDigits: Int) -> Bool {
        guard wholeDigits > 0 else { return false }
        var at = start
        while at < bytes.count, take(":", &at) {
            let part = at
            let count = digits(&at)
            guard count == 1 || (count == 2 && bytes[part] < UInt8(ascii: "6")) else { return false }
        }
        if take(".", &at) { _ = digitsAndUnderscores(&at) }
        return at == bytes.count
    }

    private func take(_ character: Unicode.Scalar, _ at: inout Int) -> Bool {
        guard at < bytes.count, bytes[at] == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private func digits(_ at: inout Int) -> Int {
        let start = at
        while at < bytes.count, Self.isDigit(bytes[at]) { at += 1 }
        return at - start
    }

    /// A run of digits and underscores that begins with a digit; 0 for none.
    private func digitsAndUnderscores(_ at: inout Int) -> Int {
        let start = at
        while at < bytes.count, Self.isDigit(bytes[at]) || (at > start && bytes[at] == UInt8(ascii: "_")) { at += 1 }
        return at - start
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func digit(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
