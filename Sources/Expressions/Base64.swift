/// RFC 4648 base64 with the standard alphabet.
enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let group = bytes[index..<min(index + 3, bytes.count)]
            var bits = group.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            bits <<= UInt32(3 - group.count) * 8
            for position in 0..<4 {
                output.append(position <= group.count ? alphabet[Int(bits >> UInt32(18 - 6 * position)) & 63] : 0x3D)
            }
            index += 3
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Reads with or without padding; `nil` for a foreign character, a wrong length, or bits that no byte needs.
    static func decode(_ text: String) -> [UInt8]? {
        var characters = Array(text.utf8)
        if characters.count % 4 == 0, characters.last == 0x3D {
            characters.removeLast()
            if characters.last == 0x3D { characters.removeLast() }
        }
        guard characters.count % 4 != 1 else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(characters.count / 4 * 3)
        var bits: UInt32 = 0
        var count: UInt32 = 0
        for character in characters {
            guard let value = alphabetValue(character) else { return nil }
            bits = bits << 6 | value
            count += 6
            if count >= 8 {
                count -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> count))
                bits &= (1 << count) - 1
            }
        }
        return bits == 0 ? output : nil
    }

    private static func alphabetValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): UInt32(byte - UInt8(ascii: "A"))
        case UInt8(ascii: "a")...UInt8(ascii: "z"): UInt32(byte - UInt8(ascii: "a")) + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0")) + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}

extension StandardFunction {
    /// `base64.encode` and `base64.decode`.
    func code(_ arguments: [Value], _ meter: inout Meter) throws(EvaluationError) -> Value {
        guard arguments.count == 1 else { throw meter.noOverload(rawValue, arguments) }
        switch (self, arguments[0]) {
        case (.base64Encode, .bytes(let bytes)):
            try meter.charge(bytes: bytes.count * 2)
            return .string(Base64.encode(bytes))
        case (.base64Decode, .string(let text)):
            try meter.charge(bytes: text.utf8.count * 2)
            guard let bytes = Base64.decode(text) else {
                throw meter.error(.invalidArgument, "`\(text.shortened)` is not base64")
            }
            return .bytes(bytes)
        default: throw meter.noOverload(rawValue, arguments)
        }
    }
}
