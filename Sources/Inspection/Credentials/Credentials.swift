/// Credentials found in a text: which kind, and where.
package struct CredentialMatch: Sendable, Hashable {
    package var kind: CredentialKind
    /// UTF-8 offsets of the part that must not be shown.
    package var range: Range<Int>
}

/// Finds credentials in text by the forms that their issuers gave them, in time linear in the text.
///
/// There is no regular expression and no backtracking: a form is a prefix and a run of one alphabet. When a run is
/// too short, the form is not tried again before that run has ended, so no byte is read twice by the same form.
/// What has no known form is found by its randomness, if the caller asks for that; such a match may be harmless.
package struct Credentials: Sendable {
    static let forms: [[CredentialKind]] = {
        var table = [[CredentialKind]](repeating: [], count: 256)
        for kind in CredentialKind.prefixed {
            if let first = kind.prefix.first { table[Int(first)].append(kind) }
        }
        return table
    }()

    /// Matches in the order of the text, never overlapping.
    package static func find(in text: String, includingRandom: Bool = false) -> [CredentialMatch] {
        find(in: Array(text.utf8), includingRandom: includingRandom)
    }

    /// Matches in UTF-8 text (any bytes are accepted), in order and never overlapping.
    package static func find(in bytes: [UInt8], includingRandom: Bool = false) -> [CredentialMatch] {
        var matches: [CredentialMatch] = []
        var exhausted: [CredentialKind: Int] = [:]
        var position = 0
        while position < bytes.count {
            if let match = match(in: bytes, at: position, exhausted: &exhausted) {
                matches.append(match)
                position = max(match.range.upperBound, position + 1)
            } else {
                position += 1
            }
        }
        return includingRandom ? merge(matches, randomRuns(in: bytes)) : matches
    }

    /// The text with every credential replaced.
    package static func redact(
        _ text: String,
        includingRandom: Bool = true,
        replacement: String = "<redacted>"
    ) -> String {
        let bytes = Array(text.utf8)
        let matches = find(in: bytes, includingRandom: includingRandom)
        guard !matches.isEmpty else { return text }
        var result: [UInt8] = []
        var end = 0
        for match in matches {
            result += bytes[end..<match.range.lowerBound]
            result += Array(replacement.utf8)
            end = match.range.upperBound
        }
        result += bytes[end...]
        return String(decoding: result, as: UTF8.self)
    }

    private static func match(
        in bytes: [UInt8],
        at position: Int,
        exhausted: inout [CredentialKind: Int]
    ) -> CredentialMatch? {
        let byte = bytes[position]
        switch byte {
        case UInt8(ascii: ":"): return urlPassword(in: bytes, at: position, exhausted: &exhausted)
        case UInt8(ascii: "-"): return privateKey(in: bytes, at: position, exhausted: &exhausted)
        default: break
        }
        // A form begins where a word begins: `disk-…` holds no `sk-…`.
        guard position == 0 || !CredentialKind.Alphabet.alphanumeric.contains(bytes[position - 1]) else { return nil }
        for kind in forms[Int(byte)] where has(kind.prefix, in: bytes, at: position) {
            let start = position + kind.prefix.count
            guard start >= exhausted[kind, default: 0] else { continue }
            var end = start
            while end < bytes.count, kind.alphabet.contains(bytes[end]) { end += 1 }
            if end - start >= kind.minimum {
                return CredentialMatch(kind: kind, range: position..<end)
            }
            exhausted[kind] = end
        }
        return byte == UInt8(ascii: "e") ? jsonWebToken(in: bytes, at: position, exhausted: &exhausted) : nil
    }

    /// Three base64url parts with dots between, the first the beginning of a JSON object (RFC 7519).
    private static func jsonWebToken(
        in bytes: [UInt8],
        at position: Int,
        exhausted: inout [CredentialKind: Int]
    ) -> CredentialMatch? {
        let kind = CredentialKind.jsonWebToken
        guard position >= exhausted[kind, default: 0], has(kind.prefix, in: bytes, at: position) else { return nil }
        var end = position
        for part in 0..<3 {
            let start = end
            while end < bytes.count, kind.alphabet.contains(bytes[end]) { end += 1 }
            guard end - start >= (part == 2 ? 0 : kind.minimum) else {
                exhausted[kind] = end
                return nil
            }
            if part < 2 {
                guard end < bytes.count, bytes[end] == UInt8(ascii: ".") else {
                    exhausted[kind] = end
                    return nil
                }
                end += 1
            }
        }
        return CredentialMatch(kind: kind, range: position..<end)
    }

    /// A PEM block whose label ends in `PRIVATE KEY` (RFC 7468), to its end line or the end of the text.
    private static func privateKey(
        in bytes: [UInt8],
        at position: Int,
        exhausted: inout [CredentialKind: Int]
    ) -> CredentialMatch? {
        let kind = CredentialKind.privateKey
        guard position >= exhausted[kind, default: 0], has(kind.prefix, in: bytes, at: position) else { return nil }
        let label = Array("PRIVATE KEY-----".utf8)
        let limit = min(bytes.count, position + 64)
        guard let head = first(label, in: bytes, from: position + kind.prefix.count, to: limit) else { return nil }
        let tail = Array("-----END".utf8)
        var end = bytes.count
        if let close = first(tail, in: bytes, from: head, to: bytes.count) {
            end = close + tail.count
            while end < bytes.count, bytes[end] != 0x0A, bytes[end] != UInt8(ascii: "\\"), bytes[end] != 0x22 {
                end += 1
            }
        }
        return CredentialMatch(kind: kind, range: position..<end)
    }

    /// The password in `scheme://user:password@host` (RFC 3986 §3.2.1).
    private static func urlPassword(
        in bytes: [UInt8],
        at position: Int,
        exhausted: inout [CredentialKind: Int]
    ) -> CredentialMatch? {
        let kind = CredentialKind.urlPassword
        guard position > 0, has(kind.prefix, in: bytes, at: position) else { return nil }
        let start = position + kind.prefix.count
        guard start >= exhausted[kind, default: 0] else { return nil }
        var end = start
        var colon: Int?
        var at: Int?
        scan: while end < bytes.count {
            switch bytes[end] {
            case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"), 0x00...0x20, 0x22, 0x27, 0x3C, 0x3E, 0x60:
                break scan
            case UInt8(ascii: ":") where colon == nil: colon = end
            case UInt8(ascii: "@"): at = end
            default: break
            }
            end += 1
        }
        exhausted[kind] = end
        guard let colon, let at, colon + 1 < at else { return nil }
        return CredentialMatch(kind: kind, range: colon + 1..<at)
    }

    private static func has(_ prefix: [UInt8], in bytes: [UInt8], at position: Int) -> Bool {
        guard position + prefix.count <= bytes.count else { return false }
        for offset in prefix.indices where bytes[position + offset] != prefix[offset] { return false }
        return true
    }

    private static func first(_ word: [UInt8], in bytes: [UInt8], from start: Int, to end: Int) -> Int? {
        var position = start
        while position + word.count <= end {
            if has(word, in: bytes, at: position) { return position }
            position += 1
        }
        return nil
    }

    static func merge(_ known: [CredentialMatch], _ random: [CredentialMatch]) -> [CredentialMatch] {
        var merged: [CredentialMatch] = []
        for match in (known + random).sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if let last = merged.last, match.range.lowerBound < last.range.upperBound {
                let end = max(last.range.upperBound, match.range.upperBound)
                merged[merged.count - 1].range = last.range.lowerBound..<end
            } else {
                merged.append(match)
            }
        }
        return merged
    }
}
