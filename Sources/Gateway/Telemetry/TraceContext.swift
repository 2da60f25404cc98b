/// What a `traceparent` says (W3C Trace Context, §3.2): the trace, and the span that asks.
package struct TraceContext: Sendable, Hashable {
    package let high: UInt64
    package let low: UInt64
    package let parent: UInt64
    package let flags: UInt8

    package init(high: UInt64, low: UInt64, parent: UInt64, flags: UInt8) {
        self.high = high
        self.low = low
        self.parent = parent
        self.flags = flags
    }

    /// Reads one; nil where the specification asks to pass it over.
    package init?(_ text: String) {
        let bytes = text.utf8.span
        guard bytes.count >= 55, bytes[2] == Self.dash, bytes[35] == Self.dash, bytes[52] == Self.dash,
            let version = Self.number(bytes, 0..<2), version != 0xFF,
            let high = Self.number(bytes, 3..<19), let low = Self.number(bytes, 19..<35),
            let parent = Self.number(bytes, 36..<52), let flags = Self.number(bytes, 53..<55)
        else { return nil }
        // The first version ends here; later ones may say more.
        guard bytes.count == 55 || version > 0 && bytes[55] == Self.dash else { return nil }
        guard high != 0 || low != 0, parent != 0 else { return nil }
        self.init(high: high, low: low, parent: parent, flags: UInt8(truncatingIfNeeded: flags))
    }

    /// The id of the trace as 32 digits.
    package var traceID: String { Self.digits(high) + Self.digits(low) }

    static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    private static let dash = UInt8(ascii: "-")

    /// Digits in lower case only, as the specification has them.
    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> UInt64? {
        var number: UInt64 = 0
        for at in range {
            switch bytes[at] {
            case 0x30...0x39: number = number << 4 | UInt64(bytes[at] - 0x30)
            case 0x61...0x66: number = number << 4 | UInt64(bytes[at] - 0x57)
            default: return nil
            }
        }
        return number
    }
}
