package import Core

/// An argument that a tool wants repeated in a header: `x-mcp-header` in its schema (2026-07-28, "Custom Headers from
/// Tool Parameters").
package struct HeaderMark: Sendable, Hashable {
    /// The part of the header's name after `Mcp-Param-`.
    package var header: String
    /// The keys that lead to the argument, from the outermost object of arguments.
    package var path: [String]

    package init(header: String, path: [String]) {
        self.header = header
        self.path = path
    }

    /// The marks of an input schema, or nothing where one is not as the specification wants it.
    ///
    /// A definition with a bad mark is to be left out of the list, so that no header is trusted which nobody verifies.
    /// `number` is let through though the text forbids it: published conformance tests use it, and numbers are compared
    /// exactly here.
    package static func marks(of schema: JSON.Value) -> [HeaderMark]? {
        var marks: [HeaderMark] = []
        guard collect(schema, at: [], isReachable: true, into: &marks) else { return nil }
        guard Set(marks.map { $0.header.lowercased() }).count == marks.count else { return nil }
        return marks
    }

    private static let key = "x-mcp-header"
    /// Values of these are data, in which the key means nothing.
    private static let data: Set<String> = ["default", "const", "enum", "examples", key]

    private static func collect(
        _ schema: JSON.Value,
        at path: [String],
        isReachable: Bool,
        into marks: inout [HeaderMark]
    ) -> Bool {
        if let list = schema.array {
            return list.allSatisfy { collect($0, at: path, isReachable: false, into: &marks) }
        }
        guard let object = schema.object else { return true }
        if let mark = object[key] {
            let kinds: Set<String> = ["string", "integer", "boolean", "number"]
            guard isReachable, !path.isEmpty, let header = mark.string, isToken(header),
                let kind = object["type"]?.string, kinds.contains(kind)
            else { return false }
            marks.append(HeaderMark(header: header, path: path))
        }
        for (name, inner) in object where !data.contains(name) {
            guard name == "properties", let properties = inner.object else {
                guard collect(inner, at: path, isReachable: false, into: &marks) else { return false }
                continue
            }
            for (property, inner) in properties {
                guard collect(inner, at: path + [property], isReachable: isReachable, into: &marks) else {
                    return false
                }
            }
        }
        return true
    }

    /// RFC 9110 §5.6.2.
    private static func isToken(_ text: String) -> Bool {
        let others = Array("!#$%&'*+-.^_`|~".utf8)
        return !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"):
                    true
                default: others.contains(byte)
                }
            }
    }
}

/// A number of JSON by its exact value, so that `10`, `10.0` and `1e1` are one.
struct ExactDecimal: Hashable {
    private var isNegative = false
    /// From the first to the last that is not zero.
    private var digits: [UInt8] = []
    /// The power of ten by which the digits, read as a whole number, are multiplied.
    private var exponent = 0

    init?(_ text: [UInt8]) {
        guard text.count <= 64 else { return nil }
        var outline = JSON.Outline()
        guard (try? outline.scan(text.span)) != nil else { return nil }
        guard outline.kind(of: outline.root) == .integer || outline.kind(of: outline.root) == .number,
            outline.range(of: outline.root) == 0..<text.count
        else { return nil }
        var isFraction = false
        for (at, byte) in text.enumerated() {
            if byte | 0x20 == UInt8(ascii: "e") {
                // The digits move the exponent on, which must not leave its range: no double needs half as much.
                guard let power = Int(String(decoding: text[(at + 1)...], as: UTF8.self)), power.magnitude < 1 << 20
                else { return nil }
                exponent += power
                break
            }
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): isFraction = true
            default:
                if isFraction { exponent -= 1 }
                if byte != UInt8(ascii: "0") || !digits.isEmpty { digits.append(byte) }
            }
        }
        while digits.last == UInt8(ascii: "0") {
            digits.removeLast()
            exponent += 1
        }
        if digits.isEmpty {
            isNegative = false
            exponent = 0
        }
    }
}
