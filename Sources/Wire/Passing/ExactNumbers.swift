import Core

/// Numbers that a policy and a server could take for different ones.
///
/// RFC 8259 §6 leaves the range and precision of numbers to the reader. A whole number that a double rounds, more
/// digits than a double can tell apart, and a value that a double makes zero are each read differently by readers with
/// doubles and readers with decimals; a bound that the one keeps, the other breaks.
extension PassingReader {
    /// Seventeen significant digits are what a writer needs for every double, and what writers in the field send.
    private static let mostDigits = 17

    func refuseInexactNumbers(_ bytes: Span<UInt8>, id: Range<Int>?) throws(Refusal) {
        guard outline.firstRoundedInteger == nil, !hasInexactNumber(in: outline.root, bytes) else {
            throw Refusal(.invalidRequest, .number, "a number that not every reader takes for the same", id: id)
        }
    }

    /// Depth is bounded by the scan's limit.
    private func hasInexactNumber(in node: JSON.Outline.Node, _ bytes: Span<UInt8>) -> Bool {
        for child in outline.children(of: node) {
            switch outline.kind(of: child) {
            case .object, .array:
                if hasInexactNumber(in: child, bytes) { return true }
            case .number:
                if !Self.isExactEnough(bytes.extracting(outline.range(of: child))) { return true }
            default: break
            }
        }
        return false
    }

    static func isExactEnough(_ text: Span<UInt8>) -> Bool {
        var digits = 0
        var zeros = 0
        var hasExponent = false
        for at in text.indices {
            let byte = text[at]
            if byte | 0x20 == UInt8(ascii: "e") {
                hasExponent = true
                break
            }
            guard UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte else { continue }
            // Zeros before the first and after the last other digit say nothing about precision.
            if byte == UInt8(ascii: "0") {
                if digits > 0 { zeros += 1 }
            } else {
                digits += zeros + 1
                zeros = 0
            }
        }
        guard digits <= mostDigits else { return false }
        // Without an exponent a long run of zeros can still reach what no double holds.
        guard digits > 0, hasExponent || text.count > 300 else { return true }
        return Double(String(decoding: text.copied, as: UTF8.self))?.isNormal ?? false
    }
}
