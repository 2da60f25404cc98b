/// A message as the screen reads it, with escapes and lookalikes of signs and spaces as the bytes that they stand for.
enum FastFolds {
    /// The bytes with `\u2014` and `—` as `-`, `\/` as `/`, curly quotes as escaped ones, and other escapes as UTF-8.
    ///
    /// - Returns: Nothing where there is a character that no plain text has, so that the message may hold a sign.
    static func folded(_ bytes: Span<UInt8>) -> [UInt8]? {
        // What is written is never longer than what it stands for.
        var result = [UInt8](repeating: 0, count: bytes.count)
        var count = 0
        func add(_ byte: UInt8) {
            result[count] = byte
            count += 1
        }
        var at = 0
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 0x80, byte != 0x5C {
                add(byte)
                at += 1
                continue
            }
            if byte == 0x5C, at + 1 < bytes.count, bytes[at + 1] != 0x75 {
                if bytes[at + 1] != 0x2F { add(byte) }
                add(bytes[at + 1])
                at += 2
                continue
            }
            guard let (value, length) = byte == 0x5C ? escape(bytes, at) : scalar(bytes, at) else { return nil }
            if value == 0xFE0F {
                guard isOfEmoji(bytes, at, length) else { return nil }
            } else if value < 0x80 {
                guard value == 0x26 || value == 0x3C || value == 0x3E else { return nil }
                add(UInt8(value))
            } else if isOdd(value) {
                return nil
            } else if let plain = plain(value) {
                // A quote within a string.
                if plain == 0x22 || plain == 0x5C { add(0x5C) }
                add(plain)
            } else {
                guard let scalar = Unicode.Scalar(UInt32(value)), let units = UTF8.encode(scalar) else { return nil }
                for unit in units { add(unit) }
            }
            at += length
        }
        result.removeLast(result.count - count)
        return result
    }

    /// The byte of ASCII that the screen reads in the place of a character.
    static func plain(_ value: Int) -> UInt8? {
        guard let scalar = Unicode.Scalar(UInt32(value)) else { return nil }
        let plain = Lookalikes.plain(scalar)
        return plain.isASCII ? UInt8(plain.value) : nil
    }

    /// Whether a character beyond ASCII is invisible, a control, or a letter that looks like one of ASCII.
    static func isOdd(_ value: Int) -> Bool {
        switch value {
        // Signs, and letters that look like no other or stand for themselves; spaces and dashes only part words.
        case 0xA0...0xAC, 0xAE...0x130, 0x132...0x24F, 0x02BC: false
        case 0x0590...0x10FF, 0x1161...0x180D, 0x180F...0x200A, 0x2010...0x2029, 0x202F...0x205F: false
        case 0x2070...0x24B5, 0x24EA...0x3163, 0x3165...0xD7FF, 0xE000...0xFDFF, 0xFE10...0xFEFE: false
        case 0x1D6A4...0x1F12F, 0x1F14A...0x3FFFF: false
        default: true
        }
    }

    /// Whether a selector makes a sign an emoji, once and after no letter.
    static func isOfEmoji(_ bytes: Span<UInt8>, _ at: Int, _ length: Int) -> Bool {
        let isAfterSign = at > 2 && bytes[at - 1] >= 0x80 && bytes[at - 3] >= 0xE2
        let isLast = at + length >= bytes.count || bytes[at + length] < 0x80
        return isAfterSign && isLast && length == 3
    }

    /// The character of an escape, and how long that is.
    private static func escape(_ bytes: Span<UInt8>, _ at: Int) -> (value: Int, length: Int)? {
        guard let high = unit(bytes, at) else { return nil }
        guard high >= 0xD800, high < 0xE000 else { return (high, 6) }
        guard high < 0xDC00, let low = unit(bytes, at + 6), low >= 0xDC00, low < 0xE000 else { return nil }
        return (0x10000 + (high - 0xD800) << 10 + (low - 0xDC00), 12)
    }

    private static func unit(_ bytes: Span<UInt8>, _ at: Int) -> Int? {
        guard at + 6 <= bytes.count, bytes[at] == 0x5C, bytes[at + 1] == 0x75 else { return nil }
        var number = 0
        for place in (at + 2)..<(at + 6) {
            guard let digit = ScreenEncoded.nibble(bytes[place]) else { return nil }
            number = number << 4 | Int(digit)
        }
        return number
    }

    /// The character of a sequence of UTF-8, and how long that is.
    static func scalar(_ bytes: Span<UInt8>, _ at: Int) -> (value: Int, length: Int)? {
        let first = bytes[at]
        let length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
        guard first >= 0xC0, at + length <= bytes.count else { return nil }
        var value = Int(first) & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
        for place in (at + 1)..<(at + length) { value = value << 6 | Int(bytes[place] & 0x3F) }
        return (value, length)
    }
}
