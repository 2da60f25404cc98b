import Core

extension PassingReader {
    /// The refusal of a text that is not JSON as this project reads it.
    func refusal(_ error: JSON.ScanError, _ bytes: Span<UInt8>) -> Refusal {
        let isTooLong = bytes.count > limits.maxBytes
        let (reason, code): (Refusal.Reason, JSONRPC.ErrorCode) =
            switch error.code {
            case .duplicateKey: (.duplicateKey, .parse)
            case .invalidUTF8, .loneSurrogate: (.notUTF8, .parse)
            case .tooDeep: (.tooDeep, .invalidRequest)
            case .tooLarge: (.tooLarge, .invalidRequest)
            case .unexpected, .unterminated, .trailing, .byteOrderMark, .controlCharacter, .badNumber, .badEscape:
                (.notJSON, .parse)
            }
        // Where the text is cut differently by different readers, so is the id.
        let isPlain =
            switch error.code {
            case .duplicateKey, .loneSurrogate, .tooDeep, .tooLarge: !isTooLong
            default: false
            }
        return Refusal(
            code,
            reason,
            error.code.phrase,
            status: isTooLong ? 413 : 400,
            id: isPlain ? OuterMembers.id(in: bytes, limit: idLimit) : nil
        )
    }
}

/// Finds the id of a message that the scan refused for something further in.
///
/// On stdio a refusal without an id leaves the caller waiting for ever.
private enum OuterMembers {
    /// Where the one member `id` of the outermost object stands; nothing where there are two, or a lookalike.
    static func id(in bytes: Span<UInt8>, limit: Int) -> Range<Int>? {
        var at = space(bytes, 0)
        guard at < bytes.count, bytes[at] == UInt8(ascii: "{") else { return nil }
        var found: Range<Int>?
        repeat {
            at = space(bytes, at + 1)
            guard let afterKey = string(bytes, at) else { return nil }
            let key = bytes.extracting(at + 1..<afterKey - 1)
            let colon = space(bytes, afterKey)
            guard colon < bytes.count, bytes[colon] == UInt8(ascii: ":") else { return nil }
            let start = space(bytes, colon + 1)
            guard let end = value(bytes, start) else { return nil }
            if ByteSearch.first(UInt8(ascii: "\\"), in: key, from: 0, to: key.count) < key.count { return nil }
            if key.count == 2, key[0] | 0x20 == UInt8(ascii: "i"), key[1] | 0x20 == UInt8(ascii: "d") {
                guard found == nil, key[0] == UInt8(ascii: "i"), key[1] == UInt8(ascii: "d") else { return nil }
                found = start..<end
            }
            at = space(bytes, end)
        } while at < bytes.count && bytes[at] == UInt8(ascii: ",")
        guard at < bytes.count, bytes[at] == UInt8(ascii: "}"), space(bytes, at + 1) == bytes.count else { return nil }
        guard let found, found.count <= limit else { return nil }
        var outline = JSON.Outline()
        guard (try? outline.scan(bytes.extracting(found))) != nil else { return nil }
        switch outline.kind(of: outline.root) {
        case .string, .integer: return found
        default: return nil
        }
    }

    private static func space(_ bytes: Span<UInt8>, _ start: Int) -> Int {
        var at = start
        while at < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[at]) { at += 1 }
        return at
    }

    /// The offset after the string that begins here.
    private static func string(_ bytes: Span<UInt8>, _ start: Int) -> Int? {
        guard start < bytes.count, bytes[start] == UInt8(ascii: "\"") else { return nil }
        var at = start + 1
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""): return at + 1
            case UInt8(ascii: "\\"): at += 2
            default: at += 1
            }
        }
        return nil
    }

    /// The offset after the value that begins here, by its brackets and strings alone.
    private static func value(_ bytes: Span<UInt8>, _ start: Int) -> Int? {
        var depth = 0
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case UInt8(ascii: "\""):
                guard let end = string(bytes, at) else { return nil }
                at = end
                if depth == 0 { return at }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                at += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if depth == 0 { return at > start ? at : nil }
                depth -= 1
                at += 1
                if depth == 0 { return at }
            case UInt8(ascii: ","), 0x20, 0x0A, 0x0D, 0x09:
                if depth == 0 { return at > start ? at : nil }
                at += 1
            default: at += 1
            }
        }
        return nil
    }
}
