import Core

/// Reads the words of a TOML text: keys, strings, numbers, dates.
///
/// The bytes are valid UTF-8 and hold no control characters, which `DocumentText` has checked.
struct TOMLCursor {
    struct Part {
        var key: String
        var offset: Int
    }

    let bytes: [UInt8]
    var at = 0
    /// How many inline tables there were, to tell them apart.
    var scopes = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func takes(_ text: StaticString) -> Bool {
        guard bytes[at...].starts(with: text.description.utf8) else { return false }
        at += text.utf8CodeUnitCount
        return true
    }

    mutating func expect(_ text: StaticString) throws(TOMLProblem) {
        skipBlank(lines: false)
        guard takes(text) else { throw problem("expected `\(text)`") }
    }

    /// Skips blanks, and with `lines` also comments and line ends.
    mutating func skipBlank(lines: Bool) {
        while let byte = peek {
            switch byte {
            case 0x20, 0x09: at += 1
            case 0x0A where lines, 0x0D where lines: at += 1
            case UInt8(ascii: "#") where lines: skipComment()
            default: return
            }
        }
    }

    private mutating func skipComment() {
        while peek != nil, peek != 0x0A { at += 1 }
    }

    /// Nothing but a comment may follow on the line.
    mutating func endLine() throws(TOMLProblem) {
        skipBlank(lines: false)
        if peek == UInt8(ascii: "#") { skipComment() }
        if peek == 0x0D { at += 1 }
        guard let byte = peek else { return }
        guard byte == 0x0A else { throw problem("expected the end of the line") }
        at += 1
    }

    func problem(_ message: String, help: String? = nil) -> TOMLProblem {
        TOMLProblem(.syntax, peek == nil ? "the text ends too early: " + message : message, at: at, help: help)
    }

    /// A key with its dots.
    mutating func path() throws(TOMLProblem) -> [Part] {
        var parts: [Part] = []
        while true {
            skipBlank(lines: false)
            let start = at
            let key: String
            switch peek {
            case UInt8(ascii: "\""): key = try basicString()
            case UInt8(ascii: "'"): key = try literalString()
            default:
                while let byte = peek, Self.isBare(byte) { at += 1 }
                guard at > start else {
                    throw problem("expected a key", help: "quote a key that has other characters than A-Z a-z 0-9 - _")
                }
                key = text(start..<at)
            }
            guard parts.count < TOMLReader.maxDepth else {
                throw TOMLProblem(.tooDeep, "more than \(TOMLReader.maxDepth) levels", at: start)
            }
            parts.append(Part(key: key, offset: start))
            skipBlank(lines: false)
            guard takes(".") else { return parts }
        }
    }

    mutating func scalar() throws(TOMLProblem) -> JSON.Value {
        switch peek {
        case UInt8(ascii: "\""):
            if takes("\"\"\"") { return .string(try longString(isLiteral: false)) }
            return .string(try basicString())
        case UInt8(ascii: "'"):
            if takes("'''") { return .string(try longString(isLiteral: true)) }
            return .string(try literalString())
        default: return try word()
        }
    }

    private func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    static func isBare(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}

extension TOMLCursor {
    private mutating func literalString() throws(TOMLProblem) -> String {
        let start = at
        at += 1
        while let byte = peek, byte != 0x0A {
            at += 1
            if byte == UInt8(ascii: "'") { return text(start + 1..<at - 1) }
        }
        throw TOMLProblem(.syntax, "this string is not closed on its line", at: start)
    }

    private mutating func basicString() throws(TOMLProblem) -> String {
        let start = at
        at += 1
        var content: [UInt8] = []
        while let byte = peek, byte != 0x0A {
            at += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\"): try escape(into: &content)
            default: content.append(byte)
            }
        }
        throw TOMLProblem(.syntax, "this string is not closed on its line", at: start)
    }

    /// The string whose three quotes have been read; a line end right after them does not count.
    private mutating func longString(isLiteral: Bool) throws(TOMLProblem) -> String {
        let start = at - 3
        let quote = bytes[start]
        if peek == 0x0D { at += 1 }
        if peek == 0x0A { at += 1 }
        var content: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case quote where bytes[at...].starts(with: [quote, quote]):
                at += 2
                // Up to two quotes may stand before the closing three.
                for _ in 0..<2 where peek == quote {
                    content.append(quote)
                    at += 1
                }
                return String(decoding: content, as: UTF8.self)
            case UInt8(ascii: "\\") where !isLiteral:
                if !skipLineEnding() { try escape(into: &content) }
            default: content.append(byte)
            }
        }
        throw TOMLProblem(.syntax, "this string is never closed", at: start)
    }

    /// After a backslash at the end of a line: skips to the next visible character.
    private mutating func skipLineEnding() -> Bool {
        var end = at
        var hasLineEnd = false
        while end < bytes.count, [0x20, 0x09, 0x0A, 0x0D].contains(bytes[end]) {
            if bytes[end] == 0x0A { hasLineEnd = true }
            end += 1
        }
        if hasLineEnd { at = end }
        return hasLineEnd
    }

    private mutating func escape(into content: inout [UInt8]) throws(TOMLProblem) {
        let start = at - 1
        guard let letter = peek else { throw problem("an escape is cut off") }
        at += 1
        switch letter {
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): content.append(letter)
        case UInt8(ascii: "u"), UInt8(ascii: "U"):
            let end = at + (letter == UInt8(ascii: "u") ? 4 : 8)
            let digits = end <= bytes.count ? bytes[at..<end] : []
            guard digits.allSatisfy({ Self.isBare($0) }), let value = UInt32(text(at..<at + digits.count), radix: 16),
                let scalar = Unicode.Scalar(value), !digits.isEmpty, digits.first != UInt8(ascii: "-")
            else { throw TOMLProblem(.syntax, "this escape names no character", at: start) }
            content.append(contentsOf: String(scalar).utf8)
            at = end
        default:
            throw TOMLProblem(.syntax, "unknown escape in a string", at: start, help: "write `\\\\` for a backslash")
        }
    }
}

extension TOMLCursor {
    /// A value without quotes: true, false, a number, a date or a time.
    private mutating func word() throws(TOMLProblem) -> JSON.Value {
        let start = at
        while let byte = peek, Self.isBare(byte) || "+.:".utf8.contains(byte) { at += 1 }
        // A date and its time may be apart by one blank.
        if at - start == 10, isDate(bytes[start..<at]), at + 1 < bytes.count, bytes[at] == 0x20, isDigit(bytes[at + 1])
        {
            at += 1
            while let byte = peek, Self.isBare(byte) || "+.:".utf8.contains(byte) { at += 1 }
        }
        let word = bytes[start..<at]
        guard !word.isEmpty else { throw problem("expected a value") }
        switch text(start..<at) {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "inf", "+inf", "-inf", "nan", "+nan", "-nan":
            throw TOMLProblem(.badValue, "only finite numbers are allowed here", at: start)
        default: break
        }
        if let value = number(word) ?? moment(word) { return value }
        throw TOMLProblem(
            .badValue,
            "this is no number, date, `true` or `false`",
            at: start,
            help: "put it in quotes if it is text"
        )
    }

    private func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private func number(_ word: ArraySlice<UInt8>) -> JSON.Value? {
        // Underscores stand between digits only.
        var previous: UInt8 = 0
        var digits: [UInt8] = []
        for (offset, byte) in word.enumerated() {
            if byte == UInt8(ascii: "_") {
                let next = word.startIndex + offset + 1
                guard next < word.endIndex, isHex(previous), isHex(word[next]) else { return nil }
            } else {
                digits.append(byte)
            }
            previous = byte
        }
        let text = String(decoding: digits, as: UTF8.self)
        for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] where text.hasPrefix(prefix) {
            guard digits.count > 2, digits.dropFirst(2).allSatisfy(isHex) else { return nil }
            return Int64(text.dropFirst(2), radix: base).map { .integer($0) }
        }
        let body =
            digits.first == UInt8(ascii: "+") || digits.first == UInt8(ascii: "-") ? digits.dropFirst() : digits[...]
        guard let first = body.first, isDigit(first),
            first != UInt8(ascii: "0") || !(body.dropFirst().first.map(isDigit) ?? false)
        else { return nil }
        if body.allSatisfy(isDigit) { return Int64(text).map { .integer($0) } }
        // A point needs digits on both sides.
        var last = first
        for byte in body.dropFirst() {
            if last == UInt8(ascii: "."), !isDigit(byte) { return nil }
            if byte == UInt8(ascii: "."), !isDigit(last) { return nil }
            guard isDigit(byte) || ".eE+-".utf8.contains(byte) else { return nil }
            last = byte
        }
        guard isDigit(last), let double = Double(text), double.isFinite else { return nil }
        return .number(double)
    }

    private func isHex(_ byte: UInt8) -> Bool {
        isDigit(byte) || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte | 0x20
    }

    private func isDate(_ word: ArraySlice<UInt8>) -> Bool { matches(word, "dddd-dd-dd") }

    /// A date, a time or both, as text; only the shape is checked.
    private func moment(_ word: ArraySlice<UInt8>) -> JSON.Value? {
        var time = word
        if word.count >= 10, isDate(word.prefix(10)) {
            if word.count == 10 { return .string(String(decoding: word, as: UTF8.self)) }
            guard word.count > 18 else { return nil }
            let separator = word[word.startIndex + 10]
            guard separator == 0x20 || separator | 0x20 == UInt8(ascii: "t") else { return nil }
            time = word.dropFirst(11)
            var rest = time
            if let last = time.last, last | 0x20 == UInt8(ascii: "z") {
                rest = time.dropLast()
            } else if time.count > 6, matches(time.suffix(6), "sdd:dd") {
                rest = time.dropLast(6)
            }
            guard isTime(rest) else { return nil }
            var copy = Array(word)
            copy[10] = UInt8(ascii: "T")
            return .string(String(decoding: copy, as: UTF8.self))
        }
        return isTime(time) ? .string(String(decoding: word, as: UTF8.self)) : nil
    }

    private func isTime(_ word: ArraySlice<UInt8>) -> Bool {
        guard matches(word.prefix(8), "dd:dd:dd") else { return false }
        let fraction = word.dropFirst(8)
        return fraction.isEmpty
            || (fraction.first == UInt8(ascii: ".") && fraction.count > 1 && fraction.dropFirst().allSatisfy(isDigit))
    }

    /// Whether the bytes have this shape: `d` is a digit, `s` a sign.
    private func matches(_ word: ArraySlice<UInt8>, _ shape: StaticString) -> Bool {
        guard word.count == shape.utf8CodeUnitCount else { return false }
        return zip(word, shape.description.utf8).allSatisfy { byte, expected in
            switch expected {
            case UInt8(ascii: "d"): isDigit(byte)
            case UInt8(ascii: "s"): byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-")
            default: byte == expected
            }
        }
    }
}
