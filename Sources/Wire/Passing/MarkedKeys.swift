import Core

/// Keys and names that some readers take for others.
///
/// Foundation's `JSONSerialization` drops U+FEFF, the byte order mark, from the front of a key or text, and of each piece
/// of one that follows an escape. A server that reads with it finds `path` where everybody else finds another key, so
/// that no policy has a word for it. No honest writer puts the mark into a key, or into the name of a tool.
extension PassingReader {
    func refuseMarkedKeys(_ messages: [PassingMessage], _ bytes: Span<UInt8>, id: Range<Int>?) throws(Refusal) {
        guard Self.holdsMark(bytes, 0..<bytes.count) else { return }
        let hasMarkedName = messages.contains { message in
            message.name.map { Self.holdsMark(bytes, outline.range(of: $0)) } ?? false
        }
        guard hasMarkedName || hasMarkedKey(in: outline.root, bytes) else { return }
        throw Refusal(.invalidRequest, .duplicateKey, "a key or name that not every reader takes for the same", id: id)
    }

    /// Depth is bounded by the scan's limit.
    private func hasMarkedKey(in node: JSON.Outline.Node, _ bytes: Span<UInt8>) -> Bool {
        switch outline.kind(of: node) {
        case .object:
            for (key, value) in outline.members(of: node) {
                if Self.holdsMark(bytes, outline.range(of: key)) || hasMarkedKey(in: value, bytes) { return true }
            }
        case .array:
            for element in outline.children(of: node) where hasMarkedKey(in: element, bytes) { return true }
        default: break
        }
        return false
    }

    /// Whether U+FEFF stands there as it is; as an escape everybody reads it.
    private static func holdsMark(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var at = range.lowerBound
        while true {
            at = ByteSearch.first(0xEF, in: bytes, from: at, to: range.upperBound)
            guard at + 2 < range.upperBound else { return false }
            if bytes[at + 1] == 0xBB, bytes[at + 2] == 0xBF { return true }
            at += 1
        }
    }
}
