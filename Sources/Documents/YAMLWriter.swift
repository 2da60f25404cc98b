package import Core

/// Text of a YAML document to be, with the comments that belong to it.
package struct YAMLNode: Sendable, Hashable {
    package indirect enum Content: Sendable, Hashable {
        /// Null, true, false, a number or a string; an array or object is written as a list or mapping.
        case value(JSON.Value)
        case list([YAMLNode])
        /// In this order; of two equal keys the reader will refuse the second.
        case mapping([Member])
    }

    package struct Member: Sendable, Hashable {
        package var key: String
        package var value: YAMLNode

        package init(_ key: String, _ value: YAMLNode) {
            self.key = key
            self.value = value
        }
    }

    package var content: Content
    /// Lines above the value, without `#`.
    package var comment: String?
    /// Words after the value on its line; above it where the value takes more than one line.
    package var remark: String?
    /// Whether a list or mapping takes as few lines as it can: `[a, b]`, `{a: 1, b: 2}`.
    ///
    /// A list that is too long for one line goes over several, a mapping becomes a block.
    package var isFolded = false

    package init(_ content: Content, comment: String? = nil, remark: String? = nil) {
        self.content = content
        self.comment = comment
        self.remark = remark
    }

    package static func value(_ value: JSON.Value, comment: String? = nil, remark: String? = nil) -> YAMLNode {
        YAMLNode(.value(value), comment: comment, remark: remark)
    }

    package static func list(_ elements: [YAMLNode], comment: String? = nil) -> YAMLNode {
        YAMLNode(.list(elements), comment: comment)
    }

    package static func mapping(_ members: [Member], comment: String? = nil) -> YAMLNode {
        YAMLNode(.mapping(members), comment: comment)
    }
}

/// Writes YAML that every reader of version 1.1 or 1.2 understands in the same way, the same bytes for the same input.
///
/// Block style but for what is to be folded, two spaces a level, members in the given order. Text is quoted unless it is plainly text, and goes into
/// a literal block where it has lines. A number that is not finite becomes `null`.
package enum YAMLWriter {
    package static func write(_ value: JSON.Value) -> String { write(YAMLNode.value(value)) }

    package static func write(_ root: YAMLNode) -> String {
        var lines: [String] = []
        let root = expanded(root)
        lines += comment(root.comment)
        lines += body(root)
        return lines.joined(separator: "\n") + "\n"
    }

    /// Arrays and objects as lists and mappings.
    private static func expanded(_ node: YAMLNode) -> YAMLNode {
        var node = node
        switch node.content {
        case .value(.array(let elements)): node.content = .list(elements.map { YAMLNode.value($0) })
        case .value(.object(let object)):
            node.content = .mapping(object.map { YAMLNode.Member($0.key, YAMLNode.value($0.value)) })
        default: break
        }
        return node
    }

    /// The lines of a value that begins on a line of its own.
    private static func body(_ node: YAMLNode) -> [String] {
        switch node.content {
        case .list(let elements) where !elements.isEmpty: elements.flatMap { element($0) }
        case .mapping(let members) where !members.isEmpty: members.flatMap { member($0) }
        default: inline(node, indent: "  ")
        }
    }

    private static func element(_ node: YAMLNode) -> [String] {
        let node = expanded(node)
        var comments = comment(node.comment)
        if let lines = folded(node, after: "- ") { return comments + lines }
        guard isBlock(node) else {
            let lines = inline(node, indent: "  ")
            return comments + ["- " + lines[0]] + lines.dropFirst()
        }
        comments += comment(node.remark)
        var lines = body(node)
        // A comment cannot stand between the dash and the first member.
        let leading = lines.prefix { $0.hasPrefix("#") }
        comments += leading
        lines.removeFirst(leading.count)
        return comments + ["- " + lines[0]] + lines.dropFirst().map(indented)
    }

    private static func member(_ member: YAMLNode.Member) -> [String] {
        let node = expanded(member.value)
        let key = key(member.key)
        // A reader looks for the colon within 1024 characters and one line.
        let isLong = key.utf8.count > 1000
        var lines = comment(node.comment)
        if isLong { lines.append("? " + key) }
        let head = isLong ? ":" : key + ":"
        if let folded = folded(node, after: head + " ") {
            lines += folded
        } else if isBlock(node) {
            lines += comment(node.remark)
            lines.append(head)
            lines += body(node).map(indented)
        } else {
            let value = inline(node, indent: "  ")
            lines.append(head + " " + value[0])
            lines += value.dropFirst()
        }
        return lines
    }

    /// How wide folded lines may be, without what they are indented by.
    private static let foldedWidth = 120

    /// The lines of a folded value with what stands before it; nil where it has to be a block.
    private static func folded(_ node: YAMLNode, after head: String) -> [String]? {
        guard node.isFolded, node.remark == nil, isBlock(node) else { return nil }
        if let flow = flow(node), head.utf8.count + flow.utf8.count <= foldedWidth { return [head + flow] }
        guard case .list(let elements) = node.content else { return nil }
        var lines: [String] = []
        var line = head + "["
        for (at, element) in elements.enumerated() {
            guard let text = flow(expanded(element)) else { return nil }
            let piece = text + (at + 1 < elements.count ? "," : "]")
            if !line.hasSuffix("["), line.utf8.count + piece.utf8.count + 1 > foldedWidth {
                lines.append(line)
                line = "  " + piece
            } else {
                line += (line.hasSuffix("[") ? "" : " ") + piece
            }
        }
        return lines + [line]
    }

    /// On one line; nil where something in it needs a line of its own.
    private static func flow(_ node: YAMLNode) -> String? {
        guard node.comment == nil, node.remark == nil else { return nil }
        switch node.content {
        case .list(let elements):
            let parts = elements.compactMap { flow(expanded($0)) }
            return parts.count == elements.count ? "[" + parts.joined(separator: ", ") + "]" : nil
        case .mapping(let members):
            let parts = members.compactMap { member in
                flow(expanded(member.value)).map { key(member.key) + ": " + $0 }
            }
            return parts.count == members.count ? "{" + parts.joined(separator: ", ") + "}" : nil
        case .value(.string(let text)): return isPlain(text) ? text : quoted(text)
        case .value(let value): return scalar(value)
        }
    }

    private static func isBlock(_ node: YAMLNode) -> Bool {
        switch node.content {
        case .list(let elements): !elements.isEmpty
        case .mapping(let members): !members.isEmpty
        case .value: false
        }
    }

    private static func indented(_ line: String) -> String { line.isEmpty ? line : "  " + line }

    /// A value that begins on the line of its key or dash.
    private static func inline(_ node: YAMLNode, indent: String) -> [String] {
        var lines: [String]
        switch node.content {
        case .list: lines = ["[]"]
        case .mapping: lines = ["{}"]
        case .value(.string(let text)): lines = string(text, indent: indent)
        case .value(let value): lines = [scalar(value)]
        }
        if let remark = node.remark {
            lines[0] += " # " + comment(remark).map { $0.dropFirst(2) }.joined(separator: " ")
        }
        return lines
    }

    private static func comment(_ text: String?) -> [String] {
        guard let text else { return [] }
        return text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).map { line in
            var scalars = String.UnicodeScalarView()
            for scalar in line.unicodeScalars { scalars.append(isPrintable(scalar) ? scalar : " ") }
            return scalars.isEmpty ? "#" : "# " + String(scalars)
        }
    }
}

extension YAMLWriter {
    private static func scalar(_ value: JSON.Value) -> String {
        switch value {
        case .integer(let whole): return String(whole)
        case .number(let number):
            let text = JSON.pretty(.number(number))
            guard number.isFinite, !text.contains(".") else { return text }
            // YAML 1.1 knows a floating number by its point.
            guard let exponent = text.firstIndex(of: "e") else { return text + ".0" }
            return text[..<exponent] + ".0" + text[exponent...]
        default: return JSON.pretty(value)
        }
    }

    private static func key(_ text: String) -> String { isPlain(text) ? text : quoted(text) }

    private static func string(_ text: String, indent: String) -> [String] {
        if isPlain(text) { return [text] }
        guard isLiteral(text) else { return [quoted(text)] }
        var lines = text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false).map { String(Substring($0)) }
        let endsLine = lines.last == ""
        if endsLine { lines.removeLast() }
        return [endsLine ? "|" : "|-"] + lines.map { $0.isEmpty ? "" : indent + $0 }
    }

    /// Whether all readers take the text for this very text without quotes.
    private static func isPlain(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last, bytes.count <= 200 else { return false }
        guard isLetter(first) || first == UInt8(ascii: "_") || first == UInt8(ascii: "/") else {
            return isDuration(bytes)
        }
        guard last != 0x20, last != UInt8(ascii: ":") else { return false }
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == 0x20, previous == UInt8(ascii: ":") { return false }
            guard isLetter(byte) || isDigit(byte) || "_-./@+ :()".utf8.contains(byte) else { return false }
            previous = byte
        }
        // Other spellings of these words mean something to some reader.
        switch text.lowercased() {
        case "null", "true", "false", "y", "n", "yes", "no", "on", "off", "nan", "inf": return false
        default: break
        }
        if case .value(.string) = PlainScalar(text).reading { return true }
        return false
    }

    /// `30m` and the like, which people expect without quotes; an `e` would make a number.
    private static func isDuration(_ bytes: [UInt8]) -> Bool {
        let digits = bytes.prefix { isDigit($0) }
        guard !digits.isEmpty, digits.first != UInt8(ascii: "0") else { return false }
        return ["ms", "s", "m", "h", "d", "w"].contains { $0.utf8.elementsEqual(bytes[digits.count...]) }
    }

    /// Whether a literal block gives the text back: lines of visible characters without blanks at their ends.
    private static func isLiteral(_ text: String) -> Bool {
        let bytes = text.utf8
        guard bytes.contains(0x0A), let first = bytes.first, first != 0x20, first != 0x0A else { return false }
        var previous: UInt8 = 0
        for byte in bytes {
            if byte == 0x0A, previous == 0x20 { return false }
            previous = byte
        }
        guard !text.utf8.reversed().starts(with: [0x0A, 0x0A]), previous != 0x20 else { return false }
        return text.unicodeScalars.allSatisfy { $0 == "\n" || isPrintable($0) }
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case "\r": result += "\\r"
            default:
                if isPrintable(scalar) {
                    result.unicodeScalars.append(scalar)
                } else {
                    let digits = String(scalar.value, radix: 16)
                    let (letter, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
                    result += "\\" + letter + String(repeating: "0", count: width - digits.utf8.count) + digits
                }
            }
        }
        return result + "\""
    }

    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return scalar.value >= 0x20 && scalar.value != 0x7F }
        return switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: false
        default: true
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isLetter(_ byte: UInt8) -> Bool { UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 }
}
