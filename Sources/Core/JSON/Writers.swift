extension JSON {
    /// The one canonical text of a value (RFC 8785): no space, keys by UTF-16 code units, ECMAScript numbers.
    ///
    /// All numbers are doubles there, so integers beyond 2^53 are rounded as every other implementation rounds them;
    /// `Outline.firstRoundedInteger` finds texts that this touches. A double that is not finite becomes `null`.
    package static func canonical(_ value: Value) -> [UInt8] {
        var bytes: [UInt8] = []
        append(value, to: &bytes)
        return bytes
    }

    /// Adds the canonical text of a value, for documents that are too large to be held as values.
    package static func append(_ value: Value, to bytes: inout [UInt8]) {
        switch value {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: value ? "true".utf8 : "false".utf8)
        case .integer(let value):
            if value.magnitude <= 1 << 53 {
                appendWhole(value, to: &bytes)
            } else {
                appendNumber(Double(value), to: &bytes)
            }
        case .number(let value): appendNumber(value, to: &bytes)
        case .string(let value): appendString(value, to: &bytes)
        case .array(let elements):
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                append(element, to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object):
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in object.sorted(by: { precedes($0.key, $1.key) }).enumerated() {
                if position > 0 { bytes.append(UInt8(ascii: ",")) }
                appendString(member.key, to: &bytes)
                bytes.append(UInt8(ascii: ":"))
                append(member.value, to: &bytes)
            }
            bytes.append(UInt8(ascii: "}"))
        }
    }

    /// Adds a text as a string, without a value in between.
    package static func append(text: String, to bytes: inout [UInt8]) { appendString(text, to: &bytes) }

    private static func appendWhole(_ value: Int64, to bytes: inout [UInt8]) {
        if value < 0 { bytes.append(UInt8(ascii: "-")) }
        let start = bytes.count
        var rest = value.magnitude
        repeat {
            bytes.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        bytes[start...].reverse()
    }

    /// Whether a key stands before another in canonical order, which compares UTF-16 code units.
    ///
    /// UTF-8 sorts the same way except that scalars beyond the basic plane (lead bytes from F0) go before U+E000 to
    /// U+FFFF (lead bytes EE and EF), as surrogates are smaller than those.
    static func precedes(_ left: String, _ right: String) -> Bool {
        var right = right.utf8.makeIterator()
        for byte in left.utf8 {
            guard let other = right.next() else { return false }
            if byte == other { continue }
            if byte >= 0xEE, other >= 0xEE, (byte >= 0xF0) != (other >= 0xF0) { return byte >= 0xF0 }
            return byte < other
        }
        return right.next() != nil
    }

    private static let hex = Array("0123456789abcdef".utf8)

    private static func appendString(_ text: String, to bytes: inout [UInt8], _ isForPeople: Bool = false) {
        bytes.append(UInt8(ascii: "\""))
        if isForPeople {
            for scalar in text.unicodeScalars {
                if isInvisible(scalar) {
                    for unit in String(scalar).utf16 { appendEscape(unit, to: &bytes) }
                } else {
                    for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { append(byte, to: &bytes) }
                }
            }
        } else {
            let plain = text.utf8.span
            var at = 0
            while at < plain.count {
                let end = ByteSearch.endOfUnescaped(in: plain, from: at)
                unsafe plain.extracting(at..<end).withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
                if end < plain.count { append(plain[end], to: &bytes) }
                at = end + 1
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func append(_ byte: UInt8, to bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): bytes.append(contentsOf: "\\\"".utf8)
        case UInt8(ascii: "\\"): bytes.append(contentsOf: "\\\\".utf8)
        case 0x08: bytes.append(contentsOf: "\\b".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0C: bytes.append(contentsOf: "\\f".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0..<0x20: appendEscape(UInt16(byte), to: &bytes)
        default: bytes.append(byte)
        }
    }

    private static func appendEscape(_ unit: UInt16, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\\u".utf8)
        for shift in [12, 8, 4, 0] { bytes.append(hex[Int(unit >> UInt16(shift) & 0xF)]) }
    }

    /// What would change a terminal or hide in it, such as C1 controls and bidirectional overrides.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x7F else { return false }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }
}

extension JSON {
    /// The value for people: two spaces a level, members in their own order, invisible characters as escapes.
    ///
    /// Unlike the canonical text it keeps all digits of a 64-bit integer.
    package static func pretty(_ value: Value) -> String {
        var bytes: [UInt8] = []
        appendPretty(value, level: 0, to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func appendPretty(_ value: Value, level: Int, to bytes: inout [UInt8]) {
        switch value {
        case .integer(let value): bytes.append(contentsOf: String(value).utf8)
        case .string(let value): appendString(value, to: &bytes, true)
        case .array(let elements) where !elements.isEmpty:
            bytes.append(UInt8(ascii: "["))
            for (position, element) in elements.enumerated() {
                newLine(position, level + 1, to: &bytes)
                appendPretty(element, level: level + 1, to: &bytes)
            }
            newLine(0, level, to: &bytes)
            bytes.append(UInt8(ascii: "]"))
        case .object(let object) where !object.isEmpty:
            bytes.append(UInt8(ascii: "{"))
            for (position, member) in object.enumerated() {
                newLine(position, level + 1, to: &bytes)
                appendString(member.key, to: &bytes, true)
                bytes.append(contentsOf: ": ".utf8)
                appendPretty(member.value, level: level + 1, to: &bytes)
            }
            newLine(0, level, to: &bytes)
            bytes.append(UInt8(ascii: "}"))
        default: append(value, to: &bytes)
        }
    }

    private static func newLine(_ position: Int, _ level: Int, to bytes: inout [UInt8]) {
        if position > 0 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\n"))
        bytes.append(contentsOf: repeatElement(UInt8(ascii: " "), count: level * 2))
    }
}
