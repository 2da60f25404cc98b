import Core

/// Texts within a text: base64, hexadecimal digits, escapes and entities.
enum ScreenEncoded {
    /// A shorter run is looked at only beside the wish to decode it.
    static let shortest = 16

    static func find(in bytes: [UInt8], depth: Int, _ work: inout ScreenWork) -> (code: String, evidence: String)? {
        var wishes: Bool?
        var at = 0
        work.steps += bytes.count
        while at < bytes.count, !work.isSpent {
            guard isBase64(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, isBase64(bytes[at]) { at += 1 }
            guard at - start >= shortest else { continue }
            work.steps += (at - start) * 8
            guard mayBeReadable(bytes.span, start..<at) else { continue }
            while at < bytes.count, bytes[at] == UInt8(ascii: "=") { at += 1 }
            let run = bytes[start..<at]
            work.steps += run.count * 8 + 100
            guard let text = readable(run) else { continue }
            if wishes == nil { wishes = wantsDecoding(bytes) }
            if wishes == true || ResultScreen.isOrderedOver(text, &work)
                || ResultScreen.sign(in: String(decoding: text, as: UTF8.self), depth: depth + 1, &work) != nil
            {
                return ("encoded", Sign.shown(run.prefix(80)))
            }
        }
        guard let plain = unescaped(bytes, &work) else { return nil }
        return ResultScreen.sign(in: String(decoding: plain, as: UTF8.self), depth: depth + 1, &work).map {
            ("encoded", $0.evidence)
        }
    }

    /// Whether `readable` may find words in a run; it asks for less than that does, and sets nothing aside.
    static func mayBeReadable(_ bytes: borrowing Span<UInt8>, _ run: Range<Int>) -> Bool {
        if run.count >= shortest * 2, isHexadecimalText(bytes, run) { return true }
        // A letter in front shifts all that follows.
        for skipped in 0..<5 {
            var bits: UInt32 = 0
            var held: UInt32 = 0
            var all = 0
            var odd = 0
            var letters = 0
            var hasSpace = false
            let mostOdd = run.count / 16 + 3
            for at in run.dropFirst(skipped) {
                bits = bits << 6 | UInt32(value(bytes[at]))
                held += 6
                guard held >= 8 else { continue }
                held -= 8
                let byte = UInt8(truncatingIfNeeded: bits >> held)
                all += 1
                if (byte | 0x20) &- 0x61 < 26 { letters += 1 }
                if byte == 0x20 { hasSpace = true }
                if byte >= 0x7F || byte < 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 {
                    odd += 1
                    if odd > mostOdd { break }
                }
            }
            if odd <= mostOdd, hasSpace, all > 8, letters * 10 >= all * 4 { return true }
        }
        return false
    }

    private static func isHexadecimalText(_ bytes: borrowing Span<UInt8>, _ run: Range<Int>) -> Bool {
        var odd = 0
        var high: UInt8?
        for at in run {
            guard let digit = nibble(bytes[at]) else { return at > run.lowerBound + 4 ? false : true }
            if let first = high {
                if first < 2 || first > 7 { odd += 1 }
                high = nil
            } else {
                high = digit
            }
        }
        return odd <= run.count / 16 + 3
    }

    private static func value(_ byte: UInt8) -> UInt8 {
        switch byte {
        case 0x41...0x5A: byte - 0x41
        case 0x61...0x7A: byte - 0x47
        case 0x30...0x39: byte + 4
        case 0x2B, 0x2D: 62
        default: 63
        }
    }

    static func isBase64(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 || byte == 0x2B || byte == 0x2F || byte == 0x2D || byte == 0x5F
    }

    private static func wantsDecoding(_ bytes: [UInt8]) -> Bool {
        let words = bytes.split { !(($0 | 0x20) &- 0x61 < 26) && !($0 &- 0x30 < 10) }
        return words.contains { word in
            guard word.count < 16, word.count > 5 else { return false }
            let text = String(decoding: word, as: UTF8.self).lowercased()
            return [
                "decode", "decoded", "decoding", "base64", "decipher", "decrypt", "deobfuscate", "unhex",
                "base64decode", "atob",
            ].contains(text)
        }
    }

    /// What a run stands for, if that is a text of words; a hash or a key is none.
    static func readable(_ run: ArraySlice<UInt8>) -> [UInt8]? {
        var digits = run.filter { $0 != UInt8(ascii: "=") }
        if digits.count >= shortest * 2, let hex = hexadecimal(digits), isWords(hex) { return hex }
        for index in digits.indices {
            if digits[index] == 0x2D { digits[index] = 0x2B }
            if digits[index] == 0x5F { digits[index] = 0x2F }
        }
        // A letter in front shifts all that follows.
        for skipped in 0..<4 where digits.count - skipped >= shortest - 1 {
            let whole = digits[skipped...].prefix((digits.count - skipped) / 4 * 4)
            guard var decoded = Base64.decode(whole, mayLackPadding: true) else { continue }
            let rest = digits[(skipped + whole.count)...]
            if rest.count > 1 {
                let padded = rest + [UInt8](repeating: UInt8(ascii: "="), count: 4 - rest.count)
                decoded += Base64.decode(padded) ?? []
            }
            if isWords(decoded) { return decoded }
        }
        return nil
    }

    private static func isWords(_ bytes: [UInt8]) -> Bool {
        guard bytes.count >= 10 else { return false }
        let letters = bytes.count { ($0 | 0x20) &- 0x61 < 26 || $0 == 0x20 }
        let odd = bytes.count { $0 < 0x20 && $0 != 0x0A && $0 != 0x0D && $0 != 0x09 || $0 >= 0x7F }
        return odd * 20 <= bytes.count && letters * 10 >= bytes.count * 7 && bytes.contains(0x20)
    }

    private static func hexadecimal(_ digits: [UInt8]) -> [UInt8]? {
        guard digits.count.isMultiple(of: 2) else { return nil }
        var result: [UInt8] = []
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = nibble(digits[index]), let low = nibble(digits[index + 1]) else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// The text with `\u0053`, `\x53`, `%53` and `&#83;` as what they stand for, where there are at least eight letters of them.
    private static func unescaped(_ bytes: [UInt8], _ work: inout ScreenWork) -> [UInt8]? {
        guard bytes.contains(where: { $0 == 0x5C || $0 == 0x25 || $0 == 0x26 }) else { return nil }
        work.steps += bytes.count * 4
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var letters = 0
        var at = 0
        while at < bytes.count {
            if let (value, end) = escape(bytes, at), value > 0x08, value < 0x7F {
                result.append(UInt8(value))
                if UInt8(value | 0x20) &- 0x61 < 26 { letters += 1 }
                at = end
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return letters >= 8 ? result : nil
    }

    /// The character that is written at a place, and where what stands for it ends.
    private static func escape(_ bytes: [UInt8], _ at: Int) -> (value: Int, end: Int)? {
        let left = bytes.count - at
        switch bytes[at] {
        case 0x5C where left > 5 && bytes[at + 1] | 0x20 == 0x75: return number(bytes, (at + 2)..<(at + 6), isHex: true)
        case 0x5C where left > 3 && bytes[at + 1] | 0x20 == 0x78: return number(bytes, (at + 2)..<(at + 4), isHex: true)
        case 0x25 where left > 2: return number(bytes, (at + 1)..<(at + 3), isHex: true)
        case 0x26 where left > 3 && bytes[at + 1] == 0x23:
            guard let end = bytes[at..<min(bytes.count, at + 10)].firstIndex(of: 0x3B) else { return nil }
            let isHex = bytes[at + 2] | 0x20 == 0x78
            return number(bytes, (at + (isHex ? 3 : 2))..<max(end, at + 3), isHex: isHex).map { ($0.value, end + 1) }
        default: return nil
        }
    }

    private static func number(_ bytes: [UInt8], _ digits: Range<Int>, isHex: Bool) -> (value: Int, end: Int)? {
        guard !digits.isEmpty else { return nil }
        var number = 0
        for at in digits {
            guard let digit = nibble(bytes[at]), isHex || digit < 10 else { return nil }
            number = number * (isHex ? 16 : 10) + Int(digit)
        }
        return (number, digits.upperBound)
    }
}

extension ResultScreen {
    /// Whether what was encoded gives an order: who hides it from people has no claim to the benefit of the doubt.
    static func isOrderedOver(_ bytes: [UInt8], _ work: inout ScreenWork) -> Bool {
        isOrder(ScreenText(String(decoding: bytes, as: UTF8.self)).folded, &work)
    }
}
