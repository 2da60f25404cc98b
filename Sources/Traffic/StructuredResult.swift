import Core

/// The fields of a tool's result: whole values at named places, which is what evidence for a value is made of.
///
/// A result is structured or it is not: JSON, a Python literal, lines `key: value`, or a short list of short lines. A
/// text that is only partly so has no fields, because free text inside it would otherwise pass as one.
enum StructuredResult {
    struct Field: Hashable {
        /// As in `ResultField.field`.
        var path: String
        /// Canonical.
        var text: String
    }

    static let maxFields = 20_000

    static func fields(of text: String) -> [Field] {
        var trimmed = TextFolding.trimmed(text)
        if trimmed.hasPrefix("<<"), trimmed.hasSuffix(">>"), trimmed.utf8.count >= 4 {
            trimmed = TextFolding.trimmed(String(trimmed.dropFirst(2).dropLast(2)))
        }
        guard let first = trimmed.utf8.first else { return [] }
        if first == UInt8(ascii: "[") || first == UInt8(ascii: "{"), let value = parse(trimmed) {
            return fields(of: value)
        }
        if let lines = FieldLines.parse(trimmed) { return lines.compactMap { field(at: $0.path, $0.text) } }
        if let lines = shortLines(trimmed) { return lines.compactMap { field("/list", $0) } }
        let isOneWord = trimmed.utf8.count <= 320 && !trimmed.unicodeScalars.contains { $0 == "\n" || $0 == " " }
        guard isOneWord, trimmed.unicodeScalars.count <= 80 else { return [] }
        return field("", trimmed).map { [$0] } ?? []
    }

    /// Opens a list or an object that was written as a text.
    static func parse(_ text: String) -> JSON.Value? {
        let limits = JSON.Limits(maxBytes: 1 << 20, maxDepth: 64, maxTokens: 200_000)
        if let value = try? JSON.parse(text, limits: limits) { return value }
        return PythonLiteral.parse(text)
    }

    static func fields(of value: JSON.Value) -> [Field] {
        var fields: [Field] = []
        collect(value, at: "", into: &fields)
        return fields
    }

    private static func collect(_ value: JSON.Value, at path: String, into fields: inout [Field]) {
        guard fields.count < maxFields else { return }
        switch value {
        case .array(let elements):
            for element in elements { collect(element, at: path + "/*", into: &fields) }
        case .object(let object):
            for (key, inner) in object {
                if isName(key) {
                    collect(inner, at: "\(path)/\(key)", into: &fields)
                } else {
                    if let field = field(path + "/#key", key) { fields.append(field) }
                    collect(inner, at: path + "/*", into: &fields)
                }
            }
        case .string(let text):
            if let field = field(path, text) { fields.append(field) }
        case .integer, .number:
            if let number = CanonicalValue(argument: value) { fields.append(Field(path: path, text: number.text)) }
        case .null, .bool: break
        }
    }

    private static func field(_ path: String, _ text: String) -> Field? { field(at: generalized(path), text) }

    private static func field(at path: String, _ text: String) -> Field? {
        let value = CanonicalValue(text: text)
        return value.valueClass == .empty ? nil : Field(path: path, text: value.text)
    }

    /// A key that is a number is a position.
    static func generalized(_ path: String) -> String {
        guard path.utf8.contains(where: ASCII.isDigit) else { return path }
        return path.split(separator: "/", omittingEmptySubsequences: false)
            .map { !$0.isEmpty && $0.utf8.allSatisfy(ASCII.isDigit) ? "*" : String($0) }
            .joined(separator: "/")
    }

    /// A key that names a field; any other key is data.
    private static func isName(_ key: String) -> Bool {
        guard let first = key.unicodeScalars.first, first == "_" || first.properties.isAlphabetic else { return false }
        return key.unicodeScalars.allSatisfy { $0 == "_" || TextFolding.isWord($0) }
    }

    /// The elements of a list that is printed one a line, perhaps under a heading; sentences are no elements.
    private static func shortLines(_ text: String) -> [String]? {
        var lines: [String] = []
        let bytes = Array(text.utf8)
        for line in TextLines.ranges(in: bytes) {
            let trimmed = TextLines.trimmed(bytes[line])
            guard !trimmed.isEmpty else { continue }
            guard trimmed.utf8.count <= 360, trimmed.unicodeScalars.count <= 90, lines.count < maxFields else {
                return nil
            }
            lines.append(trimmed)
        }
        guard lines.count >= 2 else { return nil }
        if let colon = headingEnd(lines[0]) {
            let rest = TextFolding.trimmed(String(lines[0][lines[0].index(after: colon)...]))
            lines.removeFirst()
            if !rest.isEmpty { lines.insert(rest, at: 0) }
        }
        return lines.allSatisfy(isElement) ? lines : nil
    }

    private static func headingEnd(_ line: String) -> String.Index? {
        guard let first = line.utf8.first, ASCII.isLetter(first),
            let colon = line.firstIndex(of: ":"), line.distance(from: line.startIndex, to: colon) <= 41
        else { return nil }
        let name = line[..<colon].unicodeScalars
        return name.allSatisfy { TextFolding.isWord($0) || $0 == "_" || $0 == " " } ? colon : nil
    }

    private static func isElement(_ line: String) -> Bool {
        if let last = line.utf8.last, ".!?:".utf8.contains(last) { return false }
        var words = 0
        var isInside = false
        var previous: Unicode.Scalar = " "
        for scalar in line.unicodeScalars {
            if scalar == " ", previous == "." || previous == "!" || previous == "?" { return false }
            let isWord = TextFolding.isWord(scalar) || scalar == "_"
            if isWord, !isInside { words += 1 }
            isInside = isWord
            previous = scalar
        }
        return words <= 7
    }
}
