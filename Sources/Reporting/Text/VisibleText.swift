import Mustache

/// Text of others made fit to be read: what would hide, reorder or overwrite is shown as its code point.
///
/// Names, messages and evidence in a report come from servers that may be hostile. A right-to-left override turns
/// `gnp.exe` round, a zero-width space makes two names look the same, an escape character drives a terminal.
enum VisibleText {
    /// As much as a cell shows; the JSON has the whole text.
    static let limit = 600

    /// One line: line breaks and tabs become spaces, invisible characters become `⟨U+202E⟩`, and a long text is cut
    /// with the number of bytes that are missing.
    static func line(_ text: String, limit: Int = limit) -> String {
        var result = ""
        var count = 0
        let scalars = text.unicodeScalars
        var position = scalars.startIndex
        while position != scalars.endIndex, count < limit {
            append(scalars[position], to: &result)
            count += 1
            position = scalars.index(after: position)
        }
        if position != scalars.endIndex {
            // Bytes, since counting the characters of a megabyte takes long.
            let rest = text.utf8.distance(from: position, to: text.utf8.endIndex)
            result += "… (\(rest) bytes more)"
        }
        return result
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        switch scalar {
        case "\n", "\r", "\t": result += " "
        case _ where isInvisible(scalar):
            let digits = String(scalar.value, radix: 16, uppercase: true)
            result += "⟨U+\(String(repeating: "0", count: max(0, 4 - digits.utf8.count)))\(digits)⟩"
        default: result.unicodeScalars.append(scalar)
        }
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x7F { return scalar.value < 0x20 }
        if scalar.properties.isDefaultIgnorableCodePoint { return true }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: true
        default: false
        }
    }

    /// How many columns of a terminal a text takes: nothing for combining marks, two for wide scripts and symbols.
    ///
    /// The wide ranges are the large blocks of Unicode's East Asian Width property, not every single character of it.
    static func width(_ text: some StringProtocol) -> Int {
        text.unicodeScalars.reduce(0) { $0 + width(of: $1) }
    }

    static func width(of scalar: Unicode.Scalar) -> Int {
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        return switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F900...0x1F9FF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}

/// Escapes for HTML text and quoted attributes, scalar by scalar.
///
/// The escaper that comes with Mustache compares `Character`s: a quotation mark with a combining accent after it is
/// another character there, passes, and ends an attribute in every browser. Templates name this type in their first
/// line; a template that names a type which is not registered is refused, so there is no way back to the other.
struct HTMLText: MustacheContentType {
    static let name = "LOCKSTEP_HTML"

    func escapeText(_ text: String) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\"": result += "&quot;"
            case "'": result += "&#39;"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
