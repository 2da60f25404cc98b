/// Looks for bytes eight at a time, since most of a recording is text in which nothing has to be looked at.
///
/// A word is searched as in Warren, "Hacker's Delight", 2nd edition, section 6-1: subtracting one from every byte borrows
/// only where a byte is zero. Bytes above the first that is found may be marked wrongly, so only the first counts.
package enum ByteSearch {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let tops: UInt64 = 0x8080_8080_8080_8080

    /// The position of the first such byte, or `end` if there is none before it.
    package static func first(_ byte: UInt8, in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
        let pattern = ones &* UInt64(byte)
        var at = start
        let last = min(end, bytes.count)
        while at &+ 8 <= last {
            let word = word(bytes, at) ^ pattern
            let marks = (word &- ones) & ~word & tops
            if marks != 0 { return at &+ marks.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < last, bytes[at] != byte { at &+= 1 }
        return at
    }

    /// Whether both are the same bytes.
    package static func isSame(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        var at = 0
        while at &+ 8 <= left.count {
            if word(left, at) != word(right, at) { return false }
            at &+= 8
        }
        while at < left.count {
            if left[at] != right[at] { return false }
            at &+= 1
        }
        return true
    }

    /// Where the run of characters of a JSON string ends that need no second look: ASCII, no control, quote or backslash.
    static func endOfPlainText(in bytes: Span<UInt8>, from start: Int) -> Int {
        end(in: bytes, from: start, alsoAt: tops)
    }

    /// Where the run of bytes ends that a JSON string holds as they are.
    static func endOfUnescaped(in bytes: Span<UInt8>, from start: Int) -> Int {
        end(in: bytes, from: start, alsoAt: 0)
    }

    @inline(__always)
    private static func end(in bytes: Span<UInt8>, from start: Int, alsoAt bits: UInt64) -> Int {
        let quotes = ones &* UInt64(UInt8(ascii: "\""))
        let backslashes = ones &* UInt64(UInt8(ascii: "\\"))
        var at = start
        while at &+ 8 <= bytes.count {
            let word = word(bytes, at)
            let quote = word ^ quotes
            let backslash = word ^ backslashes
            let ends = (quote &- ones) & ~quote | (backslash &- ones) & ~backslash | (word &- ones &* 0x20) & ~word
            let marks = ends & tops | word & bits
            if marks != 0 { return at &+ marks.trailingZeroBitCount >> 3 }
            at &+= 8
        }
        while at < bytes.count {
            let byte = bytes[at]
            if byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return at }
            if UInt64(byte) & bits != 0 { return at }
            at &+= 1
        }
        return at
    }

    /// Eight bytes, the first one lowest; the caller has seen that there are so many.
    @inline(__always)
    static func word(_ bytes: Span<UInt8>, _ at: Int) -> UInt64 {
        UInt64(littleEndian: unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self))
    }
}
