/// Takes the bytes of one body from a connection, as its framing says, and never one byte more.
///
/// Chunks are read strictly (RFC 9112 §7.1): a size is up to eight hexadecimal digits, extensions and trailers are
/// bounded and dropped, and every line ends with CR LF.
package struct BodyScanner: Sendable {
    private enum State: Sendable {
        case length(Int)
        case untilClose
        case size
        case data(Int)
        case dataEnd
        case trailer
        case done
    }

    /// What the bytes at hand give.
    package enum Step: Sendable, Hashable {
        /// So many bytes at the front are data of the body.
        case data(Int)
        /// So many bytes at the front are framing, to be dropped.
        case framing(Int)
        case needsMore
        case done
    }

    private var state: State
    /// Bytes of extensions and trailers so far.
    private var overhead = 0
    static let mostOverhead = 16 << 10
    static let longestSizeLine = 4 << 10

    package init(_ framing: BodyFraming) {
        state =
            switch framing {
            case .none: .done
            case .length(let count): .length(count)
            case .chunked: .size
            case .untilClose: .untilClose
            }
    }

    package var isDone: Bool { if case .done = state { true } else { false } }
    /// Whether the end of the connection is the end of the body.
    package var endsWithConnection: Bool { if case .untilClose = state { true } else { false } }

    /// Says what stands at the front of the bytes; the caller takes it away before it asks again.
    package mutating func next(_ bytes: Span<UInt8>) throws(HTTPFault) -> Step {
        switch state {
        case .done: return .done
        case .untilClose: return bytes.isEmpty ? .needsMore : .data(bytes.count)
        case .length(let left):
            guard !bytes.isEmpty else { return .needsMore }
            let count = min(left, bytes.count)
            state = count == left ? .done : .length(left - count)
            return .data(count)
        case .data(let left):
            guard !bytes.isEmpty else { return .needsMore }
            let count = min(left, bytes.count)
            state = count == left ? .dataEnd : .data(left - count)
            return .data(count)
        case .dataEnd:
            guard !bytes.isEmpty else { return .needsMore }
            guard bytes[0] == 0x0D else { throw .malformed("chunk") }
            guard bytes.count >= 2 else { return .needsMore }
            guard bytes[1] == 0x0A else { throw .malformed("chunk") }
            state = .size
            return .framing(2)
        case .size: return try size(bytes)
        case .trailer: return try trailer(bytes)
        }
    }

    private mutating func size(_ bytes: Span<UInt8>) throws(HTTPFault) -> Step {
        var value = 0
        var digits = 0
        var at = 0
        while at < bytes.count, let digit = Self.hexadecimal(bytes[at]) {
            digits += 1
            guard digits <= 16 else { throw HTTPFault(413, "chunk-size") }
            guard value < 1 << 28 else { throw HTTPFault(413, "chunk-size") }
            value = value << 4 | digit
            at += 1
        }
        guard at < bytes.count else {
            return .needsMore
        }
        guard digits > 0 else { throw .malformed("chunk-size") }
        if bytes[at] != 0x0D {
            // Space may stand before an extension and nowhere else.
            guard bytes[at] == UInt8(ascii: ";") else { throw .malformed("chunk-size") }
        }
        guard let end = try Self.lineEnd(bytes, from: at, limit: Self.longestSizeLine) else { return .needsMore }
        try count(end - digits)
        state = value == 0 ? .trailer : .data(value)
        return .framing(end)
    }

    private mutating func trailer(_ bytes: Span<UInt8>) throws(HTTPFault) -> Step {
        guard let end = try Self.lineEnd(bytes, from: 0, limit: Self.longestSizeLine) else { return .needsMore }
        try count(end)
        if end == 2 {
            state = .done
            return .framing(2)
        }
        var colon = 0
        while colon < end, MessageHead.isToken(bytes[colon]) { colon += 1 }
        guard colon > 0, bytes[colon] == UInt8(ascii: ":") else { throw .malformed("trailer") }
        return .framing(end)
    }

    private mutating func count(_ bytes: Int) throws(HTTPFault) {
        overhead += bytes - 2
        guard overhead <= Self.mostOverhead else { throw HTTPFault(413, "chunk-overhead") }
    }

    /// Where the line's end is past; nil where it has not come yet.
    private static func lineEnd(_ bytes: Span<UInt8>, from start: Int, limit: Int) throws(HTTPFault) -> Int? {
        var at = start
        while at < bytes.count {
            switch bytes[at] {
            case 0x0D:
                guard at + 1 < bytes.count else { return nil }
                guard bytes[at + 1] == 0x0A else { throw .malformed("line-end") }
                return at + 2
            case 0x0A: throw .malformed("line-end")
            case 0..<0x09, 0x0B...0x0C, 0x0E..<0x20, 0x7F: throw .malformed("chunk")
            default: at += 1
            }
            guard at <= limit else { throw HTTPFault(413, "chunk-line") }
        }
        return nil
    }

    private static func hexadecimal(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
        default: nil
        }
    }
}
