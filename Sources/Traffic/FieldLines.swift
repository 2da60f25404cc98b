import Core

/// Reads texts of lines `key: value` with indentation, as programs print YAML and as people print records.
///
/// It is no YAML reader: it answers nil as soon as one line is of another form, since a text that is only partly
/// structured can carry anybody's words in the form of a field.
///
/// It works on bytes: recorded results are for the most part such texts, and reading them is most of what following a
/// session costs.
struct FieldLines {
    private let bytes: [UInt8]
    private let lines: [Range<Int>]
    private var at = 0
    private var fields: [(path: String, text: String)] = []
    private var parents: [(indentation: Int, place: Int)] = []
    private var places: [Place] = []
    /// Where the place of the next line is looked for first: records have the same fields in the same order.
    private var nextPlace = 0

    static let maxFields = 20_000
    /// A field that some records lack is found so far ahead; one that is not found gets a place of its own again.
    private static let lookAhead = 8

    /// A key below another one; most lines have a key that an earlier one had, whose path is then taken.
    private struct Place {
        /// The number of the place above; -1 for none.
        let parent: Int
        let key: ArraySlice<UInt8>
        let path: String
        /// With positions for keys that are numbers.
        let field: String
    }

    /// The fields by their paths, in which a key that is a number is a position.
    static func parse(_ text: String) -> [(path: String, text: String)]? {
        var reader = FieldLines(text)
        return reader.read() ? reader.fields : nil
    }

    private init(_ text: String) {
        bytes = Array(text.utf8)
        lines = TextLines.ranges(in: bytes)
        fields.reserveCapacity(min(lines.count, Self.maxFields))
    }

    private mutating func read() -> Bool {
        while at < lines.count {
            let whole = bytes[lines[at]]
            if TextLines.isBlank(whole) {
                at += 1
                continue
            }
            guard let line = Line(whole), fields.count < Self.maxFields else { return false }
            at += 1
            read(line)
        }
        return true
    }

    private mutating func read(_ line: Line) {
        if line.isKey {
            while let last = parents.last, last.indentation >= line.indentation { parents.removeLast() }
        }
        let place = place(of: line.key)
        var value = line.value
        // Nothing longer is a sign.
        switch value.utf8.count > 2 ? "-" : value {
        case "|", "|-", "|+", ">", ">-", ">+":
            var block: [String] = []
            while at < lines.count, goesOn(line) || TextLines.isBlank(bytes[lines[at]]) {
                block.append(TextLines.trimmed(bytes[lines[at]]))
                at += 1
            }
            value = block.joined(separator: "\n")
        case "[]", "{}": return
        case "":
            if line.isKey {
                parents.append((line.indentation, place))
            } else {
                fields.append((places[place].field, ""))
            }
            return
        default:
            if let quote = value.utf8.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") {
                value = quoted(value, quote)
            } else if line.isKey {
                while at < lines.count, goesOn(line), !TextLines.isBlank(bytes[lines[at]]) {
                    value += " " + TextLines.trimmed(bytes[lines[at]])
                    at += 1
                }
            }
        }
        fields.append((places[place].field, value))
    }

    /// The number of the place of a key below the present one.
    private mutating func place(of key: ArraySlice<UInt8>) -> Int {
        let parent = parents.last?.place ?? -1
        for step in 0..<min(Self.lookAhead, places.count) {
            var at = nextPlace + step
            if at >= places.count { at -= places.count }
            guard places[at].parent == parent else { continue }
            let known = places[at].key
            if ByteSearch.isSame(known.span, key.span) {
                nextPlace = at + 1 == places.count ? 0 : at + 1
                return at
            }
        }
        let path = (parent < 0 ? "" : places[parent].path) + "/" + String(decoding: key, as: UTF8.self)
        places.append(Place(parent: parent, key: key, path: path, field: StructuredResult.generalized(path)))
        nextPlace = 0
        return places.count - 1
    }

    /// Whether the next line is indented more than this one.
    private func goesOn(_ line: Line) -> Bool { bytes[lines[at]].prefix(while: ASCII.isSpace).count > line.base }

    /// A text in quotes may go on over lines until its closing quote.
    private mutating func quoted(_ first: String, _ quote: UInt8) -> String {
        var whole = Array(first.utf8)
        var isOpen = !Self.closes(whole.dropFirst(), quote)
        while isOpen, at < lines.count {
            let next = Array(TextLines.trimmed(bytes[lines[at]]).utf8)
            isOpen = !Self.closes(next[...], quote)
            whole.append(UInt8(ascii: "\n"))
            whole += next
            at += 1
        }
        var rest = Array(TextLines.trimmed(whole[...]).utf8)[...]
        while rest.first == quote { rest.removeFirst() }
        while rest.last == quote { rest.removeLast() }
        return Self.unescaped(rest)
    }

    private static func closes(_ bytes: ArraySlice<UInt8>, _ quote: UInt8) -> Bool {
        var at = bytes.startIndex
        while at < bytes.endIndex {
            let byte = bytes[at]
            if quote == UInt8(ascii: "\""), byte == UInt8(ascii: "\\") {
                at += 2
            } else if byte == quote {
                guard quote == UInt8(ascii: "'"), at + 1 < bytes.endIndex, bytes[at + 1] == quote else { return true }
                at += 2
            } else {
                at += 1
            }
        }
        return false
    }

    private static func unescaped(_ bytes: ArraySlice<UInt8>) -> String {
        guard bytes.contains(UInt8(ascii: "'")) else { return String(decoding: bytes, as: UTF8.self) }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        for byte in bytes {
            if byte == UInt8(ascii: "'"), result.last == byte { continue }
            result.append(byte)
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// One line: `key: value`, `- key: value` or `- value`.
    private struct Line {
        var key: ArraySlice<UInt8>
        var value: String
        var isKey: Bool
        /// Where the key begins, after the marks of lists.
        var indentation: Int
        /// A line that is indented more than this continues the value.
        var base: Int

        private static let longestKey = 81
        private static let position = Array("*".utf8)[...]

        init?(_ line: ArraySlice<UInt8>) {
            let start = line.firstIndex { !ASCII.isSpace($0) } ?? line.endIndex
            let outer = start - line.startIndex
            var rest = line[start...]
            var marks = 0
            while rest.count >= 2, rest[rest.startIndex] == UInt8(ascii: "-"),
                rest[rest.startIndex + 1] == UInt8(ascii: " ")
            {
                rest = rest.dropFirst(2)
                marks += 2
            }
            if let key = Self.key(rest) {
                self.key = key.name
                value = TextLines.trimmed(rest.dropFirst(key.length + 1))
                isKey = true
                indentation = outer + marks
                base = outer + marks
            } else if marks > 0 {
                key = Self.position
                value = TextLines.trimmed(line[(start + 2)...])
                isKey = false
                indentation = outer + 2
                base = outer
            } else {
                return nil
            }
        }

        private static func key(_ bytes: ArraySlice<UInt8>) -> (name: ArraySlice<UInt8>, length: Int)? {
            guard let first = bytes.first, !ASCII.isSpace(first), !":#-[{|>".utf8.contains(first) else { return nil }
            // The first colon ends the key, or the line has none.
            let longest = bytes.prefix(longestKey * 4 + 1)
            guard let colon = longest.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            if colon + 1 < bytes.endIndex, !ASCII.isSpace(bytes[colon + 1]) { return nil }
            let key = bytes[..<colon]
            guard key.count <= longestKey || String(decoding: key, as: UTF8.self).unicodeScalars.count <= longestKey
            else { return nil }
            return (withoutQuotes(key), key.count)
        }

        private static func withoutQuotes(_ key: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
            func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "'") || byte == UInt8(ascii: "\"") }
            var rest = key
            while let first = rest.first, isQuote(first) { rest.removeFirst() }
            while let last = rest.last, isQuote(last) { rest.removeLast() }
            return rest
        }
    }
}

/// Lines of a text, by their bytes.
enum TextLines {
    /// Where the lines stand, without what ends them; a line feed after a carriage return ends none, since both
    /// are one character.
    static func ranges(in bytes: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        // Most lines are longer, and a text of shorter ones grows it once.
        ranges.reserveCapacity(bytes.count / 24 + 1)
        var start = 0
        let span = bytes.span
        var from = 0
        while true {
            let at = ByteSearch.first(UInt8(ascii: "\n"), in: span, from: from, to: span.count)
            guard at < span.count else { break }
            from = at + 1
            if at > 0, span[at - 1] == UInt8(ascii: "\r") { continue }
            ranges.append(start..<at)
            start = at + 1
        }
        ranges.append(start..<bytes.count)
        return ranges
    }

    static func isBlank(_ line: ArraySlice<UInt8>) -> Bool {
        guard let first = line.first(where: { !ASCII.isSpace($0) }) else { return true }
        return first >= 0x80 && String(decoding: line, as: UTF8.self).unicodeScalars.allSatisfy(TextFolding.isSpace)
    }

    /// As `TextFolding.trimmed`.
    static func trimmed(_ line: ArraySlice<UInt8>) -> String {
        guard let start = line.firstIndex(where: { !ASCII.isSpace($0) }),
            let end = line.lastIndex(where: { !ASCII.isSpace($0) })
        else { return "" }
        let inner = line[start...end]
        if line[start] >= 0x80 || line[end] >= 0x80 {
            return TextFolding.trimmed(String(decoding: inner, as: UTF8.self))
        }
        return String(decoding: inner, as: UTF8.self)
    }
}
