extension Value: CustomStringConvertible {
    /// The value as an expression would write it, for reports and messages.
    ///
    /// Text is quoted and escaped, so that a value cannot pass for the sentence around it.
    package var description: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .int(let value): String(value)
        case .uint(let value): "\(value)u"
        case .double(let value):
            value.isFinite ? Self.literal(value) : "double(\"\(DoubleNotation.plain(value))\")"
        case .string(let value): Self.quoted(value)
        case .bytes(let value): "b\"" + value.map(Self.escaped).joined() + "\""
        case .list(let elements): "[" + elements.map(\.description).joined(separator: ", ") + "]"
        case .map(let map): "{" + map.map { "\($0.key): \($0.value)" }.joined(separator: ", ") + "}"
        case .timestamp(let value): "timestamp(\"\(value)\")"
        case .duration(let nanoseconds): "duration(\"\(DurationNotation.text(nanoseconds))\")"
        case .type(let type): type.name
        case .optional(let wrapped): wrapped.map { "optional.of(\($0))" } ?? "optional.none()"
        case .address(let value): "ip(\"\(value)\")"
        case .network(let value): "cidr(\"\(value)\")"
        }
    }

    /// A double keeps a point or an exponent: without one it would read as an int.
    private static func literal(_ value: Double) -> String {
        let text = DoubleNotation.shortest(value)
        return text.utf8.contains { $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "e") } ? text : text + ".0"
    }

    private static func quoted(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": output += "\\\(scalar)"
            case "\n": output += "\\n"
            case "\r": output += "\\r"
            case "\t": output += "\\t"
            case _ where isInvisible(scalar):
                let digits = String(scalar.value, radix: 16)
                output += "\\U" + String(repeating: "0", count: 8 - digits.utf8.count) + digits
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output + "\""
    }

    /// Controls, and the format characters with which a text could show itself in another order.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned: true
        default: false
        }
    }

    private static func escaped(_ byte: UInt8) -> String {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): return "\\" + String(UnicodeScalar(byte))
        case 0x20...0x7E: return String(UnicodeScalar(byte))
        default: return (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
        }
    }
}
