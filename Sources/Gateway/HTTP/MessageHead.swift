/// The head of one HTTP/1.1 message: its bytes, and where everything stands in them.
///
/// It is read by the strictest reading of RFC 9112, because two readers who differ about a head can be made to see two
/// different messages: lines end with CR LF and nothing else, names are tokens that the colon follows at once, lines are
/// not folded, values hold no controls, and what may stand once stands once.
package struct MessageHead: Sendable {
    package struct Field: Sendable, Hashable {
        package let name: FieldName
        let nameRange: Range<Int>
        let valueRange: Range<Int>
    }

    /// Of the head, without the empty line at its end.
    let bytes: [UInt8]
    /// The first line.
    let startLine: Range<Int>
    package let fields: [Field]

    /// How many fields a head may have.
    static let mostFields = 128

    init(_ bytes: [UInt8]) throws(HTTPFault) {
        self.bytes = bytes
        let span = bytes.span
        var position = 0
        let first = try Self.line(span, &position)
        var fields: [Field] = []
        fields.reserveCapacity(16)
        var seen: UInt32 = 0
        while position < span.count {
            let line = try Self.line(span, &position)
            let field = try Self.field(span, line)
            guard fields.count < Self.mostFields else { throw HTTPFault(431, "fields") }
            if field.name.isSingle {
                let bit = UInt32(1) << field.name.rawValue
                guard seen & bit == 0 else { throw .malformed("repeated-field") }
                seen |= bit
            }
            fields.append(field)
        }
        startLine = first
        self.fields = fields
    }

    /// The bytes of a field's value; nil where the head has no such field.
    package func value(of name: FieldName) -> String? {
        for field in fields where field.name == name { return text(field.valueRange) }
        return nil
    }

    package func has(_ name: FieldName) -> Bool { fields.contains { $0.name == name } }

    package func values(of name: FieldName) -> [String] {
        fields.lazy.filter { $0.name == name }.map { text($0.valueRange) }
    }

    /// Fields by their written names, for those that carry an argument's name.
    package func written(_ name: FieldName) -> [(name: String, value: String)] {
        fields.lazy.filter { $0.name == name }.map { (text($0.nameRange), text($0.valueRange)) }
    }

    /// The fields that mirror a message, as they were written; also those whose names only look like it.
    package var mirrored: [(name: String, value: String)] {
        var found: [(name: String, value: String)] = []
        for field in fields where field.name != .session && startsLikeMCP(field.nameRange) {
            found.append((text(field.nameRange), text(field.valueRange)))
        }
        return found
    }

    private func startsLikeMCP(_ range: Range<Int>) -> Bool {
        range.count > 3 && bytes[range.lowerBound] | 0x20 == UInt8(ascii: "m")
            && bytes[range.lowerBound + 1] | 0x20 == UInt8(ascii: "c")
            && bytes[range.lowerBound + 2] | 0x20 == UInt8(ascii: "p")
    }

    /// Whether a comma list has this element, without regard to capitals.
    package func lists(_ element: String, in name: FieldName) -> Bool {
        for value in values(of: name) {
            for part in value.utf8.split(separator: UInt8(ascii: ",")) where Self.isSame(part, element) { return true }
        }
        return false
    }

    func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

    /// Whether a text is this word, apart from the space around it and from capitals.
    static func isSame(_ text: some BidirectionalCollection<UInt8>, _ word: String) -> Bool {
        var slice = text[...]
        while let first = slice.first, first == 0x20 || first == 0x09 { slice = slice.dropFirst() }
        while let last = slice.last, last == 0x20 || last == 0x09 { slice = slice.dropLast() }
        return slice.elementsEqual(word.utf8) { left, right in
            left == right || (left | 0x20 == right | 0x20 && (0x61...0x7A).contains(left | 0x20))
        }
    }

    private static func line(_ bytes: Span<UInt8>, _ position: inout Int) throws(HTTPFault) -> Range<Int> {
        let start = position
        while position < bytes.count, bytes[position] != 0x0D, bytes[position] != 0x0A { position += 1 }
        let end = position
        if position == bytes.count { return start..<end }
        guard bytes[position] == 0x0D, position + 1 < bytes.count, bytes[position + 1] == 0x0A else {
            throw .malformed("line-end")
        }
        position += 2
        return start..<end
    }

    private static func field(_ bytes: Span<UInt8>, _ line: Range<Int>) throws(HTTPFault) -> Field {
        var colon = line.lowerBound
        while colon < line.upperBound, isToken(bytes[colon]) { colon += 1 }
        guard colon > line.lowerBound else { throw .malformed("field-name") }
        guard colon < line.upperBound, bytes[colon] == UInt8(ascii: ":") else { throw .malformed("field-name") }
        let name = line.lowerBound..<colon
        var start = colon + 1
        var end = line.upperBound
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        for at in start..<end {
            let byte = bytes[at]
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw .malformed("field-value") }
        }
        return Field(name: FieldName.read(bytes, name), nameRange: name, valueRange: start..<end)
    }

    /// Whether the byte may stand in a method or a field's name (RFC 9110 §5.6.2).
    static func isToken(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"), UInt8(ascii: "&"),
            UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "^"), UInt8(ascii: "_"), UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

/// Finds the end of a head in bytes that arrive in pieces.
package struct HeadSearch: Sendable {
    /// Bytes that were looked at already.
    private var looked = 0
    let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// Where the head ends, before its empty line; nil as long as more is needed.
    ///
    /// A line feed without its carriage return, or the other way round, is refused when it is seen: readers differ about
    /// whether it ends a line.
    package mutating func end(in bytes: Span<UInt8>) throws(HTTPFault) -> Int? {
        var at = looked
        while at < bytes.count {
            let byte = bytes[at]
            if byte == 0x0D {
                // The line feed may be still to come.
                guard at + 1 < bytes.count else { break }
                guard bytes[at + 1] == 0x0A else { throw .malformed("line-end") }
                if at >= 2, bytes[at - 1] == 0x0A {
                    looked = 0
                    return at - 2
                }
                at += 2
                continue
            }
            guard byte != 0x0A else { throw .malformed("line-end") }
            guard at < limit else { throw HTTPFault(431, "head-too-large") }
            at += 1
        }
        looked = at
        return nil
    }

    /// Whether nothing of a head was seen yet.
    var isFresh: Bool { looked == 0 }

    package mutating func reset() { looked = 0 }
}
