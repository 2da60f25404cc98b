import Core
import Policies

/// Writes an agent's limits into the schema of a tool, in between the server's own bytes.
///
/// Keywords of a schema only ever add conditions, so that what is put beside them narrows. Where a schema says something
/// of the kind already, or is not plainly that of a text or a number, it is left as it is.
enum SchemaNarrowing {
    /// The bytes of the tool's definition with what the arguments are limited to, or nothing where none can be.
    static func narrowed(
        _ entry: JSON.Outline.Node,
        _ limits: [String: ArgumentNarrowing],
        outline: borrowing JSON.Outline,
        in bytes: Span<UInt8>
    ) -> [UInt8]? {
        guard !limits.isEmpty, let schema = outline.member("inputSchema", of: entry, in: bytes),
            outline.kind(of: schema) == .object,
            let properties = outline.member("properties", of: schema, in: bytes),
            outline.kind(of: properties) == .object
        else { return nil }
        var additions: [(at: Int, text: [UInt8])] = []
        for (name, limit) in limits {
            guard let property = outline.member(name, of: properties, in: bytes),
                outline.kind(of: property) == .object,
                let object = outline.value(of: property, in: bytes).object, let text = keywords(limit, beside: object)
            else { continue }
            // A type stands there, so that the object is not empty and a comma follows.
            additions.append((outline.range(of: property).lowerBound + 1, text + [UInt8(ascii: ",")]))
        }
        guard !additions.isEmpty else { return nil }
        let range = outline.range(of: entry)
        var output: [UInt8] = []
        var from = range.lowerBound
        for (at, text) in additions.sorted(by: { $0.at < $1.at }) {
            output += Judge.copy(bytes, from..<at)
            output += text
            from = at
        }
        output += Judge.copy(bytes, from..<range.upperBound)
        return output
    }

    private static func keywords(_ limit: ArgumentNarrowing, beside schema: JSON.Object) -> [UInt8]? {
        let said: Set = ["enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "$ref", "not"]
        guard said.allSatisfy({ schema[$0] == nil }), let type = schema["type"]?.string else { return nil }
        var members: [(key: String, value: JSON.Value)] = []
        switch limit {
        case .texts(let texts):
            guard type == "string" else { return nil }
            if texts.count == 1 {
                members.append(("const", .string(texts[0])))
            } else {
                members.append(("enum", .array(texts.map(JSON.Value.string))))
            }
        case .range(let minimum, let maximum):
            guard type == "number" || type == "integer" else { return nil }
            if let minimum { members.append(("minimum", number(minimum))) }
            if let maximum { members.append(("maximum", number(maximum))) }
        }
        return Array(JSON.canonical(.object(JSON.Object(members))).dropFirst().dropLast())
    }

    private static func number(_ value: Double) -> JSON.Value {
        Int64(exactly: value).map(JSON.Value.integer) ?? .number(value)
    }
}
