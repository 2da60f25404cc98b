import Core

/// The bytes of a document, checked before any grammar: UTF-8, and no character that hides or that readers count
/// differently.
///
/// A byte order mark at the very start is dropped, since editors write it unasked. Line separators that only some
/// readers honour, lone carriage returns, control characters and bidirectional overrides are refused: with them a
/// person and a machine could see different documents.
struct DocumentText {
    let bytes: [UInt8]
    let file: String
    private(set) var diagnostics: [Diagnostic] = []

    /// More of one kind tells a person nothing new.
    private static let mostReports = 20

    init(_ bytes: [UInt8], file: String, codePrefix: String) {
        let hasMark = bytes.starts(with: [0xEF, 0xBB, 0xBF])
        self.bytes = hasMark ? Array(bytes.dropFirst(3)) : bytes
        self.file = file
        check(code: codePrefix + ".encoding")
    }

    private mutating func check(code: String) {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            report(code, "the file is not utf-8", 1, 1, help: "save it as utf-8")
            return
        }
        var line = 1
        var column = 1
        var at = 0
        var hasLoneReturn = false
        while at < bytes.count, diagnostics.count < Self.mostReports {
            let byte = bytes[at]
            if 0x20..<0x7F ~= byte || byte == 0x09 {
                at += 1
                column += 1
                continue
            }
            if byte == 0x0A {
                at += 1
                (line, column) = (line + 1, 1)
                continue
            }
            guard let scalar = scalar(at: at) else {
                report(code, "invalid utf-8", line, column, help: "save the file as utf-8")
                return
            }
            if scalar == "\r" {
                // A file of another time has one at every line: that is one mistake.
                if !hasLoneReturn, at + 1 == bytes.count || bytes[at + 1] != 0x0A {
                    hasLoneReturn = true
                    report(code, "a carriage return stands alone", line, column, help: "end lines with a newline")
                }
            } else if let name = Self.refusal(of: scalar) {
                let number = String(scalar.value, radix: 16, uppercase: true)
                let digits = String(repeating: "0", count: max(0, 4 - number.utf8.count)) + number
                report(
                    code,
                    "\(name) (U+\(digits)) is not allowed",
                    line,
                    column,
                    help: scalar.value == 0
                        ? "is this a text file?" : "remove it, or write it as an escape in double quotes"
                )
                // Nothing readable follows in a binary file.
                if scalar.value == 0 { return }
            }
            at += UTF8.width(scalar)
            column += 1
        }
    }

    private func scalar(at start: Int) -> Unicode.Scalar? {
        var input = bytes[start..<min(start + 4, bytes.count)].makeIterator()
        var decoder = UTF8()
        guard case .scalarValue(let scalar) = decoder.decode(&input) else { return nil }
        return scalar
    }

    private static func refusal(of scalar: Unicode.Scalar) -> String? {
        switch scalar.value {
        case 0x09: nil
        case 0..<0x20, 0x7F..<0xA0: "a control character"
        case 0x2028, 0x2029: "a line separator"
        case 0xFEFF: "a byte order mark"
        case 0x200E, 0x200F, 0x061C, 0x202A...0x202E, 0x2066...0x2069: "a hidden change of the writing direction"
        case 0xFFFE, 0xFFFF: "a noncharacter"
        default: nil
        }
    }

    private mutating func report(_ code: String, _ message: String, _ line: Int, _ column: Int, help: String) {
        diagnostics.append(
            Diagnostic(
                code: code,
                message: message,
                at: Place(file: file, line: line, column: column),
                help: help
            )
        )
    }

    /// Where the byte at this offset stands.
    func place(ofByte offset: Int) -> Place {
        var line = 1
        var column = 1
        for byte in bytes.prefix(offset) {
            if byte == 0x0A {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return Place(file: file, line: line, column: column)
    }

    /// Where a line begins with `%` although so many lines before it have; nil if none does.
    func surplusDirective(after most: Int) -> Place? {
        var count = 0
        var isLineStart = true
        for (offset, byte) in bytes.enumerated() {
            if isLineStart, byte == UInt8(ascii: "%") {
                count += 1
                if count > most { return place(ofByte: offset) }
            }
            isLineStart = byte == 0x0A
        }
        return nil
    }

    /// The column of the first tab among the blanks and dashes that open a line; nil if there is none.
    func tabInIndentation(ofLine line: Int) -> Int? {
        var current = 1
        var at = bytes.startIndex
        while current < line {
            guard let end = bytes[at...].firstIndex(of: 0x0A) else { return nil }
            at = end + 1
            current += 1
        }
        var column = 1
        for byte in bytes[at...] {
            if byte == 0x09 { return column }
            guard byte == 0x20 || byte == UInt8(ascii: "-") else { return nil }
            column += 1
        }
        return nil
    }
}
