package import Core

/// Reads JSON with comments and trailing commas, as editors and desktop clients write their settings.
///
/// Comments and trailing commas are overwritten with blanks, so every offset stays what it was, and the strict JSON
/// reader does the rest. Codes: `jsonc.` and a code of `JSON.ScanError`, or `too-large`.
package enum JSONCReader {
    package static func read(
        _ bytes: [UInt8],
        file: String,
        limits: JSON.Limits = .standard
    ) -> (value: JSON.Value?, diagnostics: [Diagnostic]) {
        guard bytes.count <= limits.maxBytes else {
            let place = Place(file: file, line: 1, column: 1)
            let message = "the file is larger than \(limits.maxBytes >> 20) MiB"
            return (nil, [Diagnostic(code: "jsonc.too-large", message: message, at: place)])
        }
        do throws(JSON.ScanError) {
            return (try JSON.parse(plain(bytes), limits: limits), [])
        } catch {
            let place = place(ofByte: error.offset, in: bytes, file: file)
            return (nil, [Diagnostic(code: "jsonc." + error.code.rawValue, message: error.code.phrase, at: place)])
        }
    }

    /// The same text with blanks in place of what JSON does not know; a byte order mark at the start goes too.
    ///
    /// - Throws: where a comment does not end.
    package static func plain(_ bytes: [UInt8]) throws(JSON.ScanError) -> [UInt8] {
        var bytes = bytes
        var at = 0
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            for index in 0..<3 { bytes[index] = 0x20 }
            at = 3
        }
        // A comma with nothing but blanks and comments since, that follows a value.
        var comma: Int?
        var endsValue = false
        while at < bytes.count {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            case UInt8(ascii: "/") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "/"):
                while at < bytes.count, bytes[at] != 0x0A, bytes[at] != 0x0D {
                    bytes[at] = 0x20
                    at += 1
                }
            case UInt8(ascii: "/") where at + 1 < bytes.count && bytes[at + 1] == UInt8(ascii: "*"):
                at = try blankBlock(&bytes, at)
            case UInt8(ascii: "\""):
                at = endOfString(bytes, at)
                (comma, endsValue) = (nil, true)
            case UInt8(ascii: ","):
                comma = endsValue ? at : nil
                endsValue = false
                at += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if let comma { bytes[comma] = 0x20 }
                (comma, endsValue) = (nil, true)
                at += 1
            case UInt8(ascii: "["), UInt8(ascii: "{"), UInt8(ascii: ":"):
                (comma, endsValue) = (nil, false)
                at += 1
            default:
                (comma, endsValue) = (nil, true)
                at += 1
            }
        }
        return bytes
    }

    private static func blankBlock(_ bytes: inout [UInt8], _ start: Int) throws(JSON.ScanError) -> Int {
        var at = start + 2
        while at + 1 < bytes.count {
            if bytes[at] == UInt8(ascii: "*"), bytes[at + 1] == UInt8(ascii: "/") {
                for index in start..<at + 2 where bytes[index] != 0x0A && bytes[index] != 0x0D { bytes[index] = 0x20 }
                return at + 2
            }
            at += 1
        }
        throw JSON.ScanError(.unterminated, at: start)
    }

    /// The offset after the closing quote; the scanner judges what is inside.
    private static func endOfString(_ bytes: [UInt8], _ start: Int) -> Int {
        var at = start + 1
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""): return at + 1
            case UInt8(ascii: "\\"): at += 2
            default: at += 1
            }
        }
        return bytes.count
    }

    /// Where a byte stands; a byte order mark takes no column, and invalid bytes take one each.
    package static func place(ofByte offset: Int, in bytes: [UInt8], file: String) -> Place {
        var line = 1
        var column = 1
        let start = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        for byte in bytes.prefix(offset).dropFirst(start) {
            if byte == 0x0A {
                (line, column) = (line + 1, 1)
            } else if byte & 0xC0 != 0x80 {
                column += 1
            }
        }
        return Place(file: file, line: line, column: column)
    }
}
