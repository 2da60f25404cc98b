extension JSON {
    static func skipSpace(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x0A, 0x0D, 0x09: at += 1
            default: return at
            }
        }
        return at
    }

    /// Checks the string whose opening quote stands at `start`; `end` is after the closing one.
    static func scanString(
        _ bytes: Span<UInt8>,
        _ start: Int
    ) throws(ScanError) -> (end: Int, hasEscapes: Bool) {
        var at = start + 1
        var hasEscapes = false
        while true {
            at = ByteSearch.endOfPlainText(in: bytes, from: at)
            guard at < bytes.count else { break }
            let byte = bytes[at]
            switch byte {
            case UInt8(ascii: "\""): return (at + 1, hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                at = try scanEscape(bytes, at)
            case 0..<0x20: throw ScanError(.controlCharacter, at: at)
            case 0x20..<0x80: at += 1
            default: at = try scanScalar(bytes, at)
            }
        }
        throw ScanError(.unterminated, at: at)
    }

    /// Checks one scalar of two to four bytes (Unicode 16, table 3-7); returns the offset after it.
    private static func scanScalar(_ bytes: Span<UInt8>, _ start: Int) throws(ScanError) -> Int {
        let lead = bytes[start]
        let (length, second): (Int, ClosedRange<UInt8>) =
            switch lead {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xE1...0xEC, 0xEE...0xEF: (3, 0x80...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: throw ScanError(.invalidUTF8, at: start)
            }
        for offset in 1..<length {
            guard start + offset < bytes.count else { throw ScanError(.unterminated, at: bytes.count) }
            let allowed = offset == 1 ? second : 0x80...0xBF
            guard allowed.contains(bytes[start + offset]) else { throw ScanError(.invalidUTF8, at: start) }
        }
        return start + length
    }

    /// Checks the escape whose backslash stands at `start`; returns the offset after it.
    private static func scanEscape(_ bytes: Span<UInt8>, _ start: Int) throws(ScanError) -> Int {
        guard start + 1 < bytes.count else { throw ScanError(.unterminated, at: bytes.count) }
        switch bytes[start + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start + 2
        case UInt8(ascii: "u"): break
        default: throw ScanError(.badEscape, at: start)
        }
        let unit = try scanUnit(bytes, start)
        switch unit {
        case 0xD800...0xDBFF:
            let next = start + 6
            for (offset, expected) in [UInt8(ascii: "\\"), UInt8(ascii: "u")].enumerated() {
                guard next + offset < bytes.count else { throw ScanError(.unterminated, at: bytes.count) }
                guard bytes[next + offset] == expected else { throw ScanError(.loneSurrogate, at: start) }
            }
            guard case 0xDC00...0xDFFF = try scanUnit(bytes, next) else { throw ScanError(.loneSurrogate, at: start) }
            return next + 6
        case 0xDC00...0xDFFF: throw ScanError(.loneSurrogate, at: start)
        default: return start + 6
        }
    }

    private static func scanUnit(_ bytes: Span<UInt8>, _ escape: Int) throws(ScanError) -> UInt16 {
        var unit: UInt16 = 0
        for at in escape + 2..<escape + 6 {
            guard at < bytes.count else { throw ScanError(.unterminated, at: bytes.count) }
            guard let digit = hexDigit(bytes[at]) else { throw ScanError(.badEscape, at: escape) }
            unit = unit << 4 | digit
        }
        return unit
    }

    fileprivate static func hexDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// Reads the bytes that a checked string with escapes stands for, one by one.
    struct Unescaped {
        private var at: Int
        private let end: Int
        /// The rest of a scalar that was written as an escape, lowest byte first.
        private var pending: UInt32 = 0

        init(_ entry: Outline.Entry) {
            at = Int(entry.start) + 1
            end = Int(entry.end) - 1
        }

        /// Passes over the bytes up to the next escape, which stand for themselves; none inside a scalar.
        mutating func plainRun(in bytes: Span<UInt8>) -> Range<Int> {
            guard pending == 0, at < end else { return at..<at }
            let start = at
            at = ByteSearch.first(UInt8(ascii: "\\"), in: bytes, from: at, to: end)
            return start..<at
        }

        mutating func next(in bytes: Span<UInt8>) -> UInt8? {
            if pending != 0 {
                defer { pending >>= 8 }
                return UInt8(truncatingIfNeeded: pending)
            }
            guard at < end else { return nil }
            let byte = bytes[at]
            guard byte == UInt8(ascii: "\\") else {
                at += 1
                return byte
            }
            let escape = bytes[at + 1]
            at += 2
            switch escape {
            case UInt8(ascii: "b"): return 0x08
            case UInt8(ascii: "f"): return 0x0C
            case UInt8(ascii: "n"): return 0x0A
            case UInt8(ascii: "r"): return 0x0D
            case UInt8(ascii: "t"): return 0x09
            case UInt8(ascii: "u"): return scalar(bytes)
            default: return escape
            }
        }

        private mutating func scalar(_ bytes: Span<UInt8>) -> UInt8 {
            var value = unit(bytes)
            if 0xD800...0xDBFF ~= value {
                at += 2
                value = 0x10000 + (value - 0xD800) << 10 + (unit(bytes) &- 0xDC00)
            }
            switch value {
            case 0..<0x80: return UInt8(value)
            case 0x80..<0x800:
                pending = 0x80 | value & 0x3F
                return UInt8(0xC0 | value >> 6)
            case 0x800..<0x10000:
                pending = (0x80 | value >> 6 & 0x3F) | (0x80 | value & 0x3F) << 8
                return UInt8(0xE0 | value >> 12)
            default:
                pending =
                    (0x80 | value >> 12 & 0x3F) | (0x80 | value >> 6 & 0x3F) << 8 | (0x80 | value & 0x3F) << 16
                return UInt8(truncatingIfNeeded: 0xF0 | value >> 18)
            }
        }

        private mutating func unit(_ bytes: Span<UInt8>) -> UInt32 {
            var value: UInt32 = 0
            for _ in 0..<4 where at < end {
                value = value << 4 | UInt32(hexDigit(bytes[at]) ?? 0)
                at += 1
            }
            return value
        }
    }
}
