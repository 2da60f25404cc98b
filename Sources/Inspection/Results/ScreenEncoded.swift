import Core

/// Texts within a text: base64, hexadecimal digits, escapes and entities.
enum ScreenEncoded {
    /// A shorter run is looked at only beside the wish to decode it.
    static let shortest = 16
    static let mostRuns = 4_096

    static func find(in bytes: [UInt8], depth: Int) -> (code: String, evidence: String)? {
        let wishes = wantsDecoding(bytes)
        var runs = 0
        var at = 0
        while at < bytes.count, runs < mostRuns {
            guard isBase64(bytes[at]) else {
                at += 1
                continue
            }
            let start = at
            while at < bytes.count, isBase64(bytes[at]) { at += 1 }
            guard at - start >= shortest else { continue }
            runs += 1
            while at < bytes.count, bytes[at] == UInt8(ascii: "=") { at += 1 }
            let run = bytes[start..<at]
            guard let text = readable(run) else { continue }
            if wishes || ResultScreen.isOrderedOver(text)
                || ResultScreen.sign(in: String(decoding: text, as: UTF8.self), depth: depth + 1) != nil
            {
                return ("encoded", Sign.shown(run.prefix(80)))
            }
        }
        guard let plain = unescaped(bytes) else { return nil }
        return ResultScreen.sign(in: String(decoding: plain, as: UTF8.self), depth: depth + 1).map {
            ("encoded", $0.evidence)
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

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }

    /// The text with `\u0053`, `\x53`, `%53` and `&#83;` as what they stand for, where there are at least eight letters of them.
    private static func unescaped(_ bytes: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var letters = 0
        var at = 0
        func number(_ range: ArraySlice<UInt8>, radix: Int) -> Int? {
            Int(String(decoding: range, as: UTF8.self), radix: radix)
        }
        while at < bytes.count {
            var value: Int?
            var length = 1
            let rest = bytes[at...]
            switch bytes[at] {
            case 0x5C where rest.count > 5 && rest[at + 1] | 0x20 == 0x75:
                (value, length) = (number(rest[(at + 2)..<(at + 6)], radix: 16), 6)
            case 0x5C where rest.count > 3 && rest[at + 1] | 0x20 == 0x78:
                (value, length) = (number(rest[(at + 2)..<(at + 4)], radix: 16), 4)
            case 0x25 where rest.count > 2:
                (value, length) = (number(rest[(at + 1)..<(at + 3)], radix: 16), 3)
            case 0x26 where rest.count > 3 && rest[at + 1] == 0x23:
                if let end = rest.prefix(10).firstIndex(of: 0x3B) {
                    let isHex = rest[at + 2] | 0x20 == 0x78
                    (value, length) = (number(rest[(at + (isHex ? 3 : 2))..<end], radix: isHex ? 16 : 10), end - at + 1)
                }
            default: break
            }
            if let value, value > 0x08, value < 0x7F {
                result.append(UInt8(value))
                if UInt8(value | 0x20) &- 0x61 < 26 { letters += 1 }
                at += length
            } else {
                result.append(bytes[at])
                at += 1
            }
        }
        return letters >= 8 ? result : nil
    }
}

extension ResultScreen {
    /// Whether what was encoded gives an order: who hides it from people has no claim to the benefit of the doubt.
    static func isOrderedOver(_ bytes: [UInt8]) -> Bool {
        isOrder(ScreenText(String(decoding: bytes, as: UTF8.self)).folded)
    }
}
