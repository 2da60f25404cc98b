/// A text in which `*` stands for any run of characters.
struct Wildcard: Sendable {
    private let parts: [[UInt8]]

    init(_ text: String) {
        parts = text.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false).map(Array.init)
    }

    /// Linear in the text for each part, since the first place where a part stands is always as good as a later one.
    func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { buffer in
            let bytes = unsafe Span(_unsafeElements: buffer)
            let head = parts[0]
            guard Self.holds(head, bytes, at: 0) else { return false }
            guard parts.count > 1 else { return bytes.count == head.count }
            let tail = parts[parts.count - 1]
            let end = bytes.count - tail.count
            guard end >= head.count, Self.holds(tail, bytes, at: end) else { return false }
            var position = head.count
            for part in parts[1..<(parts.count - 1)] where !part.isEmpty {
                while position + part.count <= end, !Self.holds(part, bytes, at: position) { position += 1 }
                guard position + part.count <= end else { return false }
                position += part.count
            }
            return true
        }
    }

    private static func holds(_ part: [UInt8], _ bytes: Span<UInt8>, at start: Int) -> Bool {
        guard start + part.count <= bytes.count else { return false }
        for index in part.indices where bytes[start + index] != part[index] { return false }
        return true
    }
}
