/// The types of content that the transport has (RFC 9110 §8.3).
enum MediaType {
    /// `application/json`, and at most one parameter, which says UTF-8.
    static func isJSON(_ value: String) -> Bool { matches(value, "application/json") }

    static func isEventStream(_ value: String) -> Bool { matches(value, "text/event-stream") }

    private static func matches(_ value: String, _ type: String) -> Bool {
        if value == type { return true }
        let parts = value.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard let first = parts.first, MessageHead.isSame(first, type), parts.count <= 2 else { return false }
        guard parts.count == 2 else { return true }
        let parameter = parts[1].split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
        guard parameter.count == 2, MessageHead.isSame(parameter[0], "charset") else { return false }
        return ["utf-8", "\"utf-8\"", "utf8"].contains { MessageHead.isSame(parameter[1], $0) }
    }
}
