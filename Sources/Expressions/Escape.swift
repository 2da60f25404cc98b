/// Reads one escape sequence of a string or bytes literal.
///
/// In a string `\xff` is the code point U+00FF, in bytes it is the octet 255. A surrogate has no UTF-8 form and is refused.
struct Escape {
    let source: [UInt8]
    let end: Int
    let isBytes: Bool

    func read(_ position: inout Int, into output: inout [UInt8]) throws(ExpressionError) {
        let start = position
        guard start + 1 < end else {
            throw ExpressionError(.literal, "an escape sequence is cut off", at: start..<end)
        }
        let letter = source[start + 1]
        position = start + 2
        switch letter {
        case UInt8(ascii: "a"): output.append(0x07)
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0C)
        case UInt8(ascii: "n"): output.append(0x0A)
        case UInt8(ascii: "r"): output.append(0x0D)
        case UInt8(ascii: "t"): output.append(0x09)
        case UInt8(ascii: "v"): output.append(0x0B)
        case UInt8(ascii: "\\"), UInt8(ascii: "?"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"):
            output.append(letter)
        case UInt8(ascii: "x"), UInt8(ascii: "X"):
            try append(digits(2, radix: 16, from: start, &position), from: start, to: position, &output)
        case UInt8(ascii: "u") where !isBytes:
            try append(digits(4, radix: 16, from: start, &position), from: start, to: position, &output)
        case UInt8(ascii: "U") where !isBytes:
            try append(digits(8, radix: 16, from: start, &position), from: start, to: position, &output)
        case UInt8(ascii: "0")...UInt8(ascii: "3"):
            position = start + 1
            try append(digits(3, radix: 8, from: start, &position), from: start, to: position, &output)
        default:
            var stop = start + 2
            while stop < end, source[stop] & 0xC0 == 0x80 { stop += 1 }
            throw ExpressionError(
                .literal,
                "`\(String(decoding: source[start..<stop], as: UTF8.self))` is no escape sequence",
                at: start..<stop
            )
        }
    }

    private func digits(
        _ count: Int,
        radix: UInt32,
        from start: Int,
        _ position: inout Int
    ) throws(ExpressionError) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<count {
            guard position < end, let digit = source[position].hexValue, digit < radix else {
                throw ExpressionError(
                    .literal,
                    "an escape sequence needs \(count) \(radix == 8 ? "octal" : "hexadecimal") digits",
                    at: start..<min(position + 1, end)
                )
            }
            value = value &* radix &+ digit
            position += 1
        }
        return value
    }

    private func append(
        _ value: UInt32,
        from start: Int,
        to position: Int,
        _ output: inout [UInt8]
    ) throws(ExpressionError) {
        if isBytes {
            output.append(UInt8(truncatingIfNeeded: value))
        } else if let scalar = Unicode.Scalar(value) {
            output.append(contentsOf: UTF8.encode(scalar).map(Array.init) ?? [])
        } else {
            throw ExpressionError(.literal, "an escape sequence names no Unicode code point", at: start..<position)
        }
    }
}
