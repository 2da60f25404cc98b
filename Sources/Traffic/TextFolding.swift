// The standard library has had NFC since 5.7, but shows it to its own packages only; the alternative is full Foundation.
@_spi(_Unicode) import Swift

/// The steps that make two spellings of the same plain text equal: NFC, one case, no space around.
enum TextFolding {
    /// Composed and in lower case.
    static func fold(_ text: String) -> String {
        let bytes = text.utf8.span
        var all: UInt8 = 0
        var hasCapitals = false
        for at in bytes.indices {
            all |= bytes[at]
            hasCapitals = hasCapitals || ASCII.isUpper(bytes[at])
        }
        // Most texts are folded already, and need no copy.
        if all < 0x80 { return hasCapitals ? text.lowercased() : text }
        return composed(text).lowercased()
    }

    static func composed(_ text: String) -> String {
        if isASCII(text) { return text }
        var result = String.UnicodeScalarView()
        for scalar in text._nfc { result.append(scalar) }
        return String(result)
    }

    static func isASCII(_ text: String) -> Bool {
        let bytes = text.utf8.span
        var all: UInt8 = 0
        for at in bytes.indices { all |= bytes[at] }
        return all < 0x80
    }

    static func scalarCount(_ text: String) -> Int {
        isASCII(text) ? text.utf8.count : text.unicodeScalars.count
    }

    /// Without the white space around it, of any script.
    static func trimmed(_ text: String) -> String {
        let scalars = text.unicodeScalars
        guard let first = scalars.first, let last = scalars.last else { return text }
        if !isSpace(first), !isSpace(last) { return text }
        guard let start = scalars.firstIndex(where: { !isSpace($0) }),
            let end = scalars.lastIndex(where: { !isSpace($0) })
        else { return "" }
        return String(scalars[start...end])
    }

    static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 {
            return scalar == " " || (9...13).contains(scalar.value) || (28...31).contains(scalar.value)
        }
        return scalar.properties.isWhitespace
    }

    /// What a word is made of: letters and digits of any script.
    static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return ASCII.isAlphanumeric(UInt8(scalar.value)) }
        return switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
            .letterNumber, .otherNumber:
            true
        default: false
        }
    }
}

/// Classes of single bytes.
enum ASCII {
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }
    static func isUpper(_ byte: UInt8) -> Bool { byte &- 0x41 < 26 }
    static func upper(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 26 ? byte - 0x20 : byte }
    static func lower(_ byte: UInt8) -> UInt8 { isUpper(byte) ? byte + 0x20 : byte }
    static func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) &- 0x61 < 26 }
    static func isAlphanumeric(_ byte: UInt8) -> Bool { isDigit(byte) || isLetter(byte) }
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 9 < 5 || byte &- 28 < 4 }

    static func hexDigit(_ byte: UInt8) -> UInt8? {
        if isDigit(byte) { return byte - 0x30 }
        let lower = byte | 0x20
        return lower &- 0x61 < 6 ? lower - 0x61 + 10 : nil
    }
}
