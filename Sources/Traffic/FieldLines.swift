/// Reads texts of lines `key: value` with indentation, as programs print YAML and as people print records.
///
/// It is no YAML reader: it answers nil as soon as one line is of another form, since a text that is only partly
/// structured can carry anybody's words in the form of a field.
struct FieldLines {
    private let lines: [Substring]
    private var at = 0
    private var fields: [(path: String, text: String)] = []
    private var parents: [(indentation: Int, key: String)] = []

    static let maxFields = 20_000

    static func parse(_ text: String) -> [(path: String, text: String)]? {
        var reader = FieldLines(text)
        return reader.read() ? reader.fields : nil
    }

    private init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    }

    private mutating func read() -> Bool {
        while at < lines.count {
            if isBlank(lines[at]) {
                at += 1
                continue
            }
            guard let line = Line(lines[at]), fields.count < Self.maxFields else { return false }
            at += 1
            read(line)
        }
        return true
    }

    private mutating func read(_ line: Line) {
        if line.isKey {
            while let last = parents.last, last.indentation >= line.indentation { parents.removeLast() }
        }
        let path = parents.map { "/" + $0.key }.joined() + "/" + line.key
        var value = line.value
        switch value {
        case "|", "|-", "|+", ">", ">-", ">+":
            var block: [String] = []
            while at < lines.count, isBlank(lines[at]) || Self.indentation(lines[at]) > line.base {
                block.append(TextFolding.trimmed(String(lines[at])))
                at += 1
            }
            value = block.joined(separator: "\n")
        case "[]", "{}": return
        case "":
            if line.isKey { parents.append((line.indentation, line.key)) } else { fields.append((path, "")) }
            return
        default:
            if let quote = value.utf8.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") {
                value = quoted(value, quote)
            } else if line.isKey {
                while at < lines.count, !isBlank(lines[at]), Self.indentation(lines[at]) > line.base {
                    value += " " + TextFolding.trimmed(String(lines[at]))
                    at += 1
                }
            }
        }
        fields.append((path, value))
    }

    /// A text in quotes may go on over lines until its closing quote.
    private mutating func quoted(_ first: String, _ quote: UInt8) -> String {
        var whole = first
        var isOpen = !Self.closes(first.utf8.dropFirst(), quote)
        while isOpen, at < lines.count {
            let next = TextFolding.trimmed(String(lines[at]))
            isOpen = !Self.closes(next.utf8[...], quote)
            whole += "\n" + next
            at += 1
        }
        var bytes = Array(TextFolding.trimmed(whole).utf8)[...]
        while bytes.first == quote { bytes.removeFirst() }
        while bytes.last == quote { bytes.removeLast() }
        return Self.unescaped(bytes)
    }

    private static func closes(_ bytes: Substring.UTF8View, _ quote: UInt8) -> Bool {
        var bytes = bytes.makeIterator()
        var pending = bytes.next()
        while let byte = pending {
            pending = bytes.next()
            if quote == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") {
                pending = bytes.next()
            } else if byte == quote {
                guard quote == UInt8(ascii: "'"), pending == quote else { return true }
                pending = bytes.next()
            }
        }
        return false
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        var result: [UInt8] = []
        for byte in bytes {
            if byte == UInt8(ascii: "'"), result.last == byte { continue }
            result.append(byte)
        }
        return String(decoding: result, as: UTF8.self)
    }

    private func isBlank(_ line: Substring) -> Bool { line.unicodeScalars.allSatisfy(TextFolding.isSpace) }

    private static func indentation(_ line: Substring) -> Int { line.utf8.prefix(while: ASCII.isSpace).count }

    /// One line: `key: value`, `- key: value` or `- value`.
    private struct Line {
        var key: String
        var value: String
        var isKey: Bool
        /// Where the key begins, after the marks of lists.
        var indentation: Int
        /// A line that is indented more than this continues the value.
        var base: Int

        private static let longestKey = 81

        init?(_ line: Substring) {
            let bytes = line.utf8
            let outer = bytes.prefix(while: ASCII.isSpace).count
            var rest = bytes.dropFirst(outer)
            var marks = 0
            while rest.starts(with: "- ".utf8) {
                rest = rest.dropFirst(2)
                marks += 2
            }
            if let key = Self.key(rest) {
                self.key = key.name
                value = TextFolding.trimmed(String(Substring(rest.dropFirst(key.length + 1))))
                isKey = true
                indentation = outer + marks
                base = outer + marks
            } else if marks > 0 {
                key = "*"
                value = TextFolding.trimmed(String(Substring(bytes.dropFirst(outer + 2))))
                isKey = false
                indentation = outer + 2
                base = outer
            } else {
                return nil
            }
        }

        private static func key(_ bytes: Substring.UTF8View) -> (name: String, length: Int)? {
            guard let first = bytes.first, !ASCII.isSpace(first), !":#-[{|>".utf8.contains(first) else { return nil }
            var length = 0
            var previous: UInt8 = 0
            for byte in bytes {
                if previous == UInt8(ascii: ":") {
                    guard ASCII.isSpace(byte) else { return nil }
                    break
                }
                previous = byte
                if byte != UInt8(ascii: ":") { length += 1 }
                guard length <= longestKey * 4 else { return nil }
            }
            guard previous == UInt8(ascii: ":") else { return nil }
            let key = Substring(bytes.prefix(length))
            guard length <= longestKey || key.unicodeScalars.count <= longestKey else { return nil }
            return (key.trimmingQuotes, length)
        }
    }
}

extension Substring {
    fileprivate var trimmingQuotes: String {
        var bytes = Array(utf8)[...]
        while let first = bytes.first, first == UInt8(ascii: "'") || first == UInt8(ascii: "\"") { bytes.removeFirst() }
        while let last = bytes.last, last == UInt8(ascii: "'") || last == UInt8(ascii: "\"") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
