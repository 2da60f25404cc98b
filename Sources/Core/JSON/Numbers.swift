extension JSON {
    /// Checks the number that begins at `start`.
    ///
    /// A number that rounds to infinity is refused: it has no canonical form, and readers disagree on it.
    static func scanNumber(
        _ bytes: Span<UInt8>,
        _ start: Int
    ) throws(ScanError) -> (end: Int, isWhole: Bool, isRounded: Bool) {
        var at = start
        if bytes[at] == UInt8(ascii: "-") { at += 1 }
        let firstDigit = at
        at = try digits(bytes, at)
        if bytes[firstDigit] == UInt8(ascii: "0"), at > firstDigit + 1 { throw ScanError(.badNumber, at: start) }
        let wholeDigits = at - firstDigit
        var isWhole = true
        if at < bytes.count, bytes[at] == UInt8(ascii: ".") {
            isWhole = false
            at = try digits(bytes, at + 1)
        }
        if at < bytes.count, bytes[at] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            at += 1
            if at < bytes.count, bytes[at] == UInt8(ascii: "+") || bytes[at] == UInt8(ascii: "-") { at += 1 }
            at = try digits(bytes, at)
        }
        guard at - start <= Limits.maxNumberBytes else { throw ScanError(.tooLarge, at: start) }
        if isWhole, wholeDigits <= 15 { return (at, true, false) }
        let text = bytes.extracting(start..<at)
        guard let double = double(text), double.isFinite else { throw ScanError(.badNumber, at: start) }
        return (at, isWhole, isWhole && !isExact(text, as: double))
    }

    private static func digits(_ bytes: Span<UInt8>, _ start: Int) throws(ScanError) -> Int {
        var at = start
        while at < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[at] { at += 1 }
        if at == start {
            throw at < bytes.count ? ScanError(.badNumber, at: at) : ScanError(.unterminated, at: at)
        }
        return at
    }

    /// The value of a checked number.
    static func number(_ text: Span<UInt8>) -> Value {
        if let whole = whole(text) { return .integer(whole) }
        return .number(double(text) ?? 0)
    }

    /// The number as 64 bits, or nil if it has a fraction or an exponent, is too large, or is `-0`.
    private static func whole(_ text: Span<UInt8>) -> Int64? {
        var result: Int64 = 0
        var isNegative = false
        for at in text.indices {
            let byte = text[at]
            if byte == UInt8(ascii: "-") {
                isNegative = true
                continue
            }
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { return nil }
            // Counting downwards, since the lowest number has no positive twin.
            let (product, tooLarge) = result.multipliedReportingOverflow(by: 10)
            let (sum, tooLow) = product.subtractingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            if tooLarge || tooLow { return nil }
            result = sum
        }
        if isNegative { return result == 0 ? nil : result }
        return result == .min ? nil : -result
    }

    private static func double(_ text: Span<UInt8>) -> Double? {
        Double(Outline.string(text))
    }

    /// Whether the double is exactly the whole number that these digits spell.
    private static func isExact(_ text: Span<UInt8>, as double: Double) -> Bool {
        if let whole = whole(text) { return Int64(exactly: double) == whole }
        guard double.magnitude >= 0x1p63 else { return double == 0 }
        // Beyond 64 bits: compare with the double's own digits, found by dividing its exact value by ten.
        let exponent = Int(double.exponent) - 52
        let significand = (double.significandBitPattern | 1 << 52) << UInt64(exponent % 11)
        var limbs = [UInt32(truncatingIfNeeded: significand), UInt32(truncatingIfNeeded: significand >> 32)]
        for _ in 0..<exponent / 11 { multiply(&limbs, by: 1 << 11) }
        for at in text.indices.reversed() {
            guard text[at] != UInt8(ascii: "-") else { break }
            guard divideByTen(&limbs) == UInt32(text[at] - UInt8(ascii: "0")) else { return false }
        }
        return limbs.allSatisfy { $0 == 0 }
    }

    private static func multiply(_ limbs: inout [UInt32], by factor: UInt64) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            let product = UInt64(limbs[index]) * factor + carry
            limbs[index] = UInt32(truncatingIfNeeded: product)
            carry = product >> 32
        }
        if carry != 0 { limbs.append(UInt32(carry)) }
    }

    private static func divideByTen(_ limbs: inout [UInt32]) -> UInt32 {
        var rest: UInt64 = 0
        for index in limbs.indices.reversed() {
            let value = rest << 32 | UInt64(limbs[index])
            limbs[index] = UInt32(value / 10)
            rest = value % 10
        }
        return UInt32(rest)
    }
}

extension JSON {
    /// Appends a double as ECMAScript prints it (`Number::toString`, which RFC 8785 prescribes).
    static func appendNumber(_ number: Double, to bytes: inout [UInt8]) {
        guard number.isFinite else {
            bytes.append(contentsOf: "null".utf8)
            return
        }
        guard number != 0 else {
            bytes.append(UInt8(ascii: "0"))
            return
        }
        if number < 0 { bytes.append(UInt8(ascii: "-")) }
        let (digits, point) = shortestDigits(number.magnitude)
        let count = digits.count
        let zero = UInt8(ascii: "0")
        switch point {
        case count...max(count, 21) where point <= 21:
            bytes.append(contentsOf: digits)
            bytes.append(contentsOf: repeatElement(zero, count: point - count))
        case 1...21:
            bytes.append(contentsOf: digits[..<point])
            bytes.append(UInt8(ascii: "."))
            bytes.append(contentsOf: digits[point...])
        case -5...0:
            bytes.append(contentsOf: "0.".utf8)
            bytes.append(contentsOf: repeatElement(zero, count: -point))
            bytes.append(contentsOf: digits)
        default:
            bytes.append(digits[0])
            if count > 1 {
                bytes.append(UInt8(ascii: "."))
                bytes.append(contentsOf: digits[1...])
            }
            bytes.append(contentsOf: point > 0 ? "e+".utf8 : "e-".utf8)
            bytes.append(contentsOf: String((point - 1).magnitude).utf8)
        }
    }

    /// The fewest digits that read back as the same double, and where the point stands: 0.0015 is `15` and -2.
    ///
    /// Swift's description has them already (the nearest among the shortest, as ECMAScript wants); only its layout
    /// differs.
    private static func shortestDigits(_ number: Double) -> (digits: [UInt8], point: Int) {
        var digits: [UInt8] = []
        var point: Int?
        var exponent = 0
        var isExponent = false
        var isNegative = false
        for byte in number.description.utf8 {
            switch byte {
            case UInt8(ascii: "e"): isExponent = true
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): point = digits.count
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                if isExponent {
                    exponent = exponent * 10 + Int(byte - UInt8(ascii: "0"))
                } else {
                    digits.append(byte)
                }
            default: break
            }
        }
        var position = (point ?? digits.count) + (isNegative ? -exponent : exponent)
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        let zeros = digits.prefix { $0 == UInt8(ascii: "0") }.count
        digits.removeFirst(zeros)
        position -= zeros
        return (digits, position)
    }
}
