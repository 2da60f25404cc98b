/// Tells patterns that somebody wrote as a regular expression or for a shell, where only `*` stands for other characters.
///
/// Such a pattern is not wrong, and a rule with it silently matches nothing: one that forbids lets all pass.
enum ForeignPattern {
    /// Only what no pattern of places, addresses or words is likely to hold as it is.
    static func isLikely(_ pattern: String) -> Bool {
        let bytes = Array(pattern.utf8)
        if bytes.first == UInt8(ascii: "^") || bytes.last == UInt8(ascii: "$") { return true }
        if bytes.contains(UInt8(ascii: "|")), bytes.contains(UInt8(ascii: "(")) { return true }
        // A question begins the query of an address.
        if bytes.contains(UInt8(ascii: "?")), !bytes.contains(UInt8(ascii: "/")) { return true }
        if has("[", then: "]", bytes) || has("{", then: "}", bytes) { return true }
        return zip(bytes, bytes.dropFirst()).contains { first, second in
            (first == UInt8(ascii: "\\") && "dDsSwWb.".utf8.contains(second))
                || (first == UInt8(ascii: ".") && second == UInt8(ascii: "+"))
        }
    }

    private static func has(_ open: Character, then close: Character, _ bytes: [UInt8]) -> Bool {
        guard let open = open.asciiValue, let close = close.asciiValue, let begin = bytes.firstIndex(of: open) else {
            return false
        }
        return bytes[begin...].contains(close)
    }
}
