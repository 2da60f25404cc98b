import Core
import Documents

/// A text of the file as a message may quote it: in backticks, at most 80 characters, nothing that moves a terminal.
func quoted(_ text: String) -> String {
    var safe = ""
    var count = 0
    for scalar in text.unicodeScalars {
        if count == 79 {
            safe += "…"
            break
        }
        count += 1
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
            safe += "\\u{" + String(scalar.value, radix: 16) + "}"
        case .spaceSeparator where scalar != " ":
            safe += "\\u{" + String(scalar.value, radix: 16) + "}"
        default: safe.unicodeScalars.append(scalar)
        }
    }
    return "`" + safe + "`"
}

/// `` `a`, `b` and `c` ``; of many only the first ten.
func listed(_ words: some Collection<String>, _ joint: String = "and") -> String {
    let shown = words.prefix(10).map(quoted)
    if words.count > 10 { return shown.joined(separator: ", ") + " and \(words.count - 10) more" }
    guard let last = shown.last, shown.count > 1 else { return shown.first ?? "none" }
    return shown.dropLast().joined(separator: ", ") + " \(joint) " + last
}

/// The help line for a word that is not among the known ones.
func suggestion(for word: String, among known: some Collection<String>, called what: String) -> String? {
    if word.utf8.count <= 128, known.count <= 5000, let near = nearest(to: word, in: known) {
        return "did you mean \(quoted(near))?"
    }
    return known.isEmpty ? nil : "\(what): \(listed(known))"
}

extension Node {
    /// What the node is, in the words of a message.
    var called: String {
        switch content {
        case .scalar(let scalar):
            switch scalar.value {
            case .null: "nothing"
            case .bool: "a boolean"
            case .integer: "an integer"
            case .number: "a number"
            case .string: "text"
            }
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }

    var string: String? { if case .string(let text)? = scalar?.value { text } else { nil } }
    var bool: Bool? { if case .bool(let value)? = scalar?.value { value } else { nil } }
    var integer: Int? { if case .integer(let value)? = scalar?.value { Int(exactly: value) } else { nil } }
    var isNull: Bool { if case .null? = scalar?.value { true } else { false } }

    var number: Double? {
        switch scalar?.value {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// The bytes of the first `${{` in the text.
    var interpolation: Range<Int>? {
        guard let text = string, let start = text.utf8.offset(of: "${{") else { return nil }
        return start..<start + 3
    }
}

extension Node.Entry {
    var name: String { key.scalar?.text ?? "" }
    var keyPlace: Place { key.place }
}

extension Collection<UInt8> {
    /// How many bytes stand before the first occurrence of an ASCII word, from an offset on.
    func offset(of word: StaticString, from first: Int = 0) -> Int? {
        let wanted = word.withUTF8Buffer { unsafe Array($0) }
        guard let head = wanted.first else { return nil }
        var at = index(startIndex, offsetBy: first, limitedBy: endIndex) ?? endIndex
        var offset = first
        while at != endIndex {
            if self[at] == head, self[at...].starts(with: wanted) { return offset }
            at = index(after: at)
            offset += 1
        }
        return nil
    }
}
