import Core

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
