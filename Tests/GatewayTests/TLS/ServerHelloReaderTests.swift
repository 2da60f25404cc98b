import NIOCore
import Testing

@testable import Gateway

/// `ServerHello` messages by RFC 8446 §4.1.3, written out here.
struct ServerHelloReaderTests {
    private static let retry: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
        0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]

    private static func hello(_ group: UInt16, random: [UInt8] = .init(repeating: 7, count: 32)) -> [UInt8] {
        let share: [UInt8] = random == retry ? [] : [0, 2, 9, 9]
        let code = [UInt8(group >> 8), UInt8(group & 0xFF)]
        let versions: [UInt8] = [0, 43, 0, 2, 3, 4]
        let extensions = versions + [0, 51, 0, UInt8(2 + share.count)] + code + share
        let body: [UInt8] =
            [3, 3] + random + [2, 1, 1] + [0x13, 0x01, 0] + [0, UInt8(extensions.count)] + extensions
        let message: [UInt8] = [2, 0, 0, UInt8(body.count)] + body
        return [22, 3, 3, 0, UInt8(message.count)] + message
    }

    private static let sealed: [UInt8] = [23, 3, 3, 0, 1, 0]

    private static func group(_ bytes: [UInt8], inPiecesOf size: Int) -> String? {
        var reader = ServerHelloReader()
        for start in stride(from: 0, to: bytes.count, by: size) {
            reader.feed(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
        }
        return reader.group
    }

    @Test(arguments: [1, 3, 64, 4_096])
    func theLastHelloNamesTheGroupHoweverItArrives(size: Int) {
        let bytes =
            Self.hello(0x11EC, random: Self.retry) + [20, 3, 3, 0, 1, 1] + Self.hello(0x11EC) + Self.sealed
        #expect(Self.group(bytes, inPiecesOf: size) == "X25519MLKEM768")
        #expect(Self.group(Self.hello(0x001D) + Self.sealed, inPiecesOf: size) == "x25519")
        #expect(Self.group(Self.hello(0x0100), inPiecesOf: size) == "0x100")
    }

    @Test func aRequestToTryAgainAgreesOnNothing() {
        #expect(Self.group(Self.hello(0x11EC, random: Self.retry), inPiecesOf: 64) == nil)
        #expect(Self.group([21, 3, 3, 0, 2, 2, 40], inPiecesOf: 64) == nil)
    }

    @Test(arguments: 0..<200)
    func brokenBytesAreReadToTheirEnd(seed: Int) {
        var bytes = Self.hello(0x11EC) + Self.sealed
        let at = seed * 31 % bytes.count
        bytes[at] = UInt8(truncatingIfNeeded: seed &* 97)
        bytes.removeLast(seed % 7)
        _ = Self.group(bytes, inPiecesOf: 1 + seed % 40)
    }
}
