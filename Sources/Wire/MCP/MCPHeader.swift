/// The HTTP headers of MCP and the form of their values.
package enum MCPHeader {
    package static let protocolVersion = "MCP-Protocol-Version"
    package static let method = "Mcp-Method"
    package static let name = "Mcp-Name"
    package static let session = "Mcp-Session-Id"

    /// The member of `params` whose value `Mcp-Name` repeats, for the methods that name something.
    package static func namedMember(of method: String) -> String? {
        switch method {
        case "tools/call", "prompts/get": "name"
        case "resources/read": "uri"
        default: nil
        }
    }

    private static let opening = "=?base64?"
    private static let closing = "?="

    /// A value as a header may carry it: printable ASCII as it is, everything else as `=?base64?…?=`.
    package static func encode(_ value: String) -> String {
        let bytes = Array(value.utf8)
        let isPlain = bytes.allSatisfy { (0x20...0x7E).contains($0) } && bytes.first != 0x20 && bytes.last != 0x20
        if isPlain, !(value.hasPrefix(opening) && value.hasSuffix(closing)) { return value }
        return opening + Base64.encode(bytes) + closing
    }

    /// The value that a header stands for, or nothing where the base64 or the UTF-8 inside is not exactly right.
    ///
    /// A value that can be read in two ways must not pass for either, so only canonical base64 is accepted.
    package static func decode(_ value: String) -> String? {
        guard value.hasPrefix(opening), value.hasSuffix(closing), value.utf8.count >= opening.utf8.count + 2 else {
            return value
        }
        guard let bytes = Base64.decode(value.utf8.dropFirst(opening.utf8.count).dropLast(closing.utf8.count)) else {
            return nil
        }
        return String(validating: bytes, as: UTF8.self)
    }
}

/// The padded base64 of RFC 4648 §4; decoding accepts nothing but what encoding makes.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word: UInt32 = 0
            for index in 0..<3 {
                word = word << 8 | (index < group.count ? UInt32(group[start + index]) : 0)
            }
            for index in 0..<4 {
                let sextet = Int(word >> UInt32(18 - 6 * index) & 63)
                text.append(index <= group.count ? alphabet[sextet] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        guard text.count.isMultiple(of: 4) else { return nil }
        var bytes: [UInt8] = []
        var word: UInt32 = 0
        var bits = 0
        let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
        for character in text.dropLast(padding) {
            guard let value = alphabet.firstIndex(of: character) else { return nil }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(word >> UInt32(bits) & 0xFF))
            }
        }
        return encode(bytes).utf8.elementsEqual(text) ? bytes : nil
    }
}
