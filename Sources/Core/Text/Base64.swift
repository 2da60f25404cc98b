/// Base64 of RFC 4648 §4.
///
/// Foundation's decoder accepts non-zero spare bits in the last character, so that several texts mean the same bytes.
/// Where text is signed or compared, one value may have only one form; this decoder refuses all others.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let padding = UInt8(ascii: "=")

    package static func encode(_ bytes: [UInt8], padded: Bool = true) -> String {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits: UInt32 = 0
            for offset in 0..<3 {
                bits = bits << 8 | UInt32(offset < group.count ? group[start + offset] : 0)
            }
            for index in 0...3 {
                if index <= group.count {
                    text.append(alphabet[Int(bits >> UInt32(18 - 6 * index) & 63)])
                } else if padded {
                    text.append(padding)
                }
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The bytes, or nothing where a character, the length, the padding or the spare bits are wrong.
    ///
    /// With `mayLackPadding` text without its `=` counts too, all or none of them: CEL decodes so.
    package static func decode(_ text: some Collection<UInt8>, mayLackPadding: Bool = false) -> [UInt8]? {
        let isWhole = text.count.isMultiple(of: 4)
        guard isWhole || (mayLackPadding && text.count % 4 != 1) else { return nil }
        let padding = isWhole ? text.reversed().prefix { $0 == Self.padding }.count : 0
        guard padding <= 2 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3 + 2)
        var bits: UInt32 = 0
        var held: UInt32 = 0
        for character in text.dropLast(padding) {
            guard let value = value(of: character) else { return nil }
            bits = bits << 6 | value
            held += 6
            if held >= 8 {
                held -= 8
                bytes.append(UInt8(truncatingIfNeeded: bits >> held))
                bits &= (1 << held) - 1
            }
        }
        return bits == 0 ? bytes : nil
    }

    private static func value(of character: UInt8) -> UInt32? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(character - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(character - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(character - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
