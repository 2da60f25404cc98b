/// The digits of a double, from which every notation is made.
///
/// The language formats as Go does: `string(x)` like `%g` with the shortest digits, `%f` and `%e` exactly rounded.
/// The standard library has only the shortest form; `String(format:)` would need full Foundation.
struct DecimalDigits {
    /// Most significant first, values 0 to 9, no leading zero; empty for zero.
    var digits: [UInt8]
    /// The place of the decimal point: the value is `0.d1d2d3 x 10^point`.
    var point: Int

    /// The shortest digits that read back as the same double.
    init(shortest value: Double) {
        var digits: [UInt8] = []
        var point = 0
        var exponent = 0
        var hasPoint = false
        var text = value.magnitude.description.utf8[...]
        if let mark = text.firstIndex(of: UInt8(ascii: "e")) {
            exponent = Int(String(text[text.index(after: mark)...]) ?? "") ?? 0
            text = text[..<mark]
        }
        for byte in text {
            if byte == UInt8(ascii: ".") {
                hasPoint = true
            } else {
                digits.append(byte - 0x30)
                if !hasPoint { point += 1 }
            }
        }
        self.init(digits: digits, point: point + exponent)
    }

    /// Every digit of the exact binary value, at most about 770 significant ones.
    init(exact value: Double) {
        guard value != 0 else {
            self.init(digits: [], point: 0)
            return
        }
        // value = significand x 2^exponent; for a negative exponent also significand x 5^-exponent / 10^-exponent.
        let fraction = value.significandBitPattern
        let isSubnormal = value.exponentBitPattern == 0
        let significand = isSubnormal ? fraction : fraction | 1 << 52
        let exponent = (isSubnormal ? 1 : Int(value.exponentBitPattern)) - 1075
        // Base 10^9, least significant first.
        var limbs = [UInt32(significand % 1_000_000_000), UInt32(significand / 1_000_000_000 % 1_000_000_000)]
        for _ in 0..<abs(exponent) { Self.multiply(&limbs, by: exponent < 0 ? 5 : 2) }
        let digits = limbs.reversed().flatMap { limb in Int(limb).padded(9).utf8.map { $0 - 0x30 } }
        self.init(digits: digits, point: digits.count - (exponent < 0 ? -exponent : 0))
    }

    private static func multiply(_ limbs: inout [UInt32], by factor: UInt64) {
        var carry: UInt64 = 0
        for index in limbs.indices {
            let product = UInt64(limbs[index]) * factor + carry
            limbs[index] = UInt32(product % 1_000_000_000)
            carry = product / 1_000_000_000
        }
        if carry > 0 { limbs.append(UInt32(carry)) }
    }

    private init(digits: [UInt8], point: Int) {
        let leading = digits.prefix { $0 == 0 }.count
        var digits = Array(digits.dropFirst(leading))
        while digits.last == 0 { digits.removeLast() }
        self.digits = digits
        self.point = digits.isEmpty ? 0 : point - leading
    }

    /// Keeps so many digits, rounding half to even.
    mutating func round(to count: Int) {
        guard count < digits.count else { return }
        guard count >= 0 else {
            self = DecimalDigits(digits: [], point: 0)
            return
        }
        let next = digits[count]
        let isExactHalf = next == 5 && count + 1 == digits.count
        let previousIsOdd = count > 0 && digits[count - 1] % 2 == 1
        digits.removeSubrange(count...)
        if next > 5 || (next == 5 && (!isExactHalf || previousIsOdd)) {
            var index = count - 1
            while index >= 0, digits[index] == 9 {
                digits[index] = 0
                index -= 1
            }
            if index >= 0 {
                digits[index] += 1
            } else {
                digits.insert(1, at: 0)
                point += 1
            }
        }
        self = DecimalDigits(digits: digits, point: point)
    }

    private func digit(_ index: Int) -> UInt8 { digits.indices.contains(index) ? digits[index] + 0x30 : 0x30 }

    func fixed(decimals: Int) -> String {
        var output: [UInt8] = point > 0 ? (0..<point).map(digit) : [0x30]
        if decimals > 0 {
            output.append(UInt8(ascii: "."))
            for index in point..<point + decimals { output.append(digit(index)) }
        }
        return String(decoding: output, as: UTF8.self)
    }

    func scientific(decimals: Int) -> String {
        var output: [UInt8] = [digit(0)]
        if decimals > 0 {
            output.append(UInt8(ascii: "."))
            for index in 1...decimals { output.append(digit(index)) }
        }
        let exponent = digits.isEmpty ? 0 : point - 1
        return String(decoding: output, as: UTF8.self) + "e\(exponent < 0 ? "-" : "+")\(abs(exponent).padded(2))"
    }
}

enum DoubleNotation {
    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "NaN" }
        return value.isInfinite ? sign(value) + "Infinity" : nil
    }

    private static func sign(_ value: Double) -> String { value.sign == .minus ? "-" : "" }

    /// `%g` with the shortest digits: a decimal exponent below -4 or above 5 is written as one, as Go does.
    static func shortest(_ value: Double) -> String {
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value.isNaN { return "NaN" }
        let digits = DecimalDigits(shortest: value)
        let exponent = digits.digits.isEmpty ? 0 : digits.point - 1
        let text =
            exponent < -4 || exponent > 5
            ? digits.scientific(decimals: max(digits.digits.count - 1, 0))
            : digits.fixed(decimals: max(digits.digits.count - digits.point, 0))
        return sign(value) + text
    }

    /// The shortest digits without an exponent.
    static func plain(_ value: Double) -> String {
        if let special = special(value) { return special }
        let digits = DecimalDigits(shortest: value)
        return sign(value) + digits.fixed(decimals: max(digits.digits.count - digits.point, 0))
    }

    static func fixed(_ value: Double, decimals: Int) -> String {
        if let special = special(value) { return special }
        var digits = DecimalDigits(exact: value)
        digits.round(to: digits.point + decimals)
        return sign(value) + digits.fixed(decimals: decimals)
    }

    static func scientific(_ value: Double, decimals: Int) -> String {
        if let special = special(value) { return special }
        var digits = DecimalDigits(exact: value)
        digits.round(to: decimals + 1)
        return sign(value) + digits.scientific(decimals: decimals)
    }
}

extension Double {
    /// Reads decimal notation only: no hexadecimal, no space, no names; too large a number is infinite.
    init?(decimal text: String) {
        guard text.utf8.contains(where: \.isDigit),
            text.utf8.allSatisfy({ $0.isDigit || Array("+-.eE".utf8).contains($0) })
        else { return nil }
        self.init(text)
    }
}
