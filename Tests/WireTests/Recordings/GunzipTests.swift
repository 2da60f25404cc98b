import Testing
import Wire

/// Gzip files made of the header and one block with the fixed codes (RFC 1951 §3.2.6), since nothing here packs.
@Suite struct GunzipTests {
    private static let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]

    /// A zero, then copies of 258 zeros each: a byte of them unpacks to about 159, a longer code would give more.
    private static func zeros(_ copies: Int) -> [UInt8] {
        var bytes = header
        var (buffer, count) = (0, 0)
        func put(_ value: Int, _ bits: Int) {
            buffer |= value << count
            count += bits
            while count >= 8 {
                bytes.append(UInt8(truncatingIfNeeded: buffer))
                buffer >>= 8
                count -= 8
            }
        }
        put(0b1, 1)
        put(0b01, 2)
        // Codes go in with their highest bit first: 0x30 is the zero, 0xC5 the length 258, 0 the distance 1.
        put(0b0000_1100, 8)
        for _ in 0..<copies {
            put(0b1010_0011, 8)
            put(0, 5)
        }
        put(0, 15)
        return bytes
    }

    private static func unpack(_ bytes: [UInt8], _ body: ([UInt8]) -> Void = { _ in }) -> Gunzip.Failure? {
        var rest = bytes[...]
        return Gunzip.unpack(
            {
                let piece = Array(rest.prefix(4096))
                rest = rest.dropFirst(piece.count)
                return piece
            },
            body
        )
    }

    @Test(arguments: [0, 1, 5, 9, 10, 11, 20])
    func aFileThatEndsInsideAMemberIsNamed(_ length: Int) {
        let expected: Gunzip.Failure? = length == 0 ? nil : .truncated
        #expect(Self.unpack(Array(Self.zeros(4).prefix(length))) == expected)
    }

    @Test func whatExpandsLikeARecordingIsUnpacked() {
        var count = 0
        // The checksum is not there, so it ends in the middle; what matters is that nothing was refused before.
        #expect(Self.unpack(Self.zeros(300_000)) { count += $0.count } == .truncated)
        #expect(count == 300_000 * 258 + 1)
    }
}
