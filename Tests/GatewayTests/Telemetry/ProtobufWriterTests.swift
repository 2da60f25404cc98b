import Testing

@testable import Gateway

/// Expected bytes are those of protobuf.dev, "Encoding", or of Google's own library for the same values.
@Suite struct ProtobufWriterTests {
    @Test(
        arguments: [
            (UInt64(0), [0x00]), (1, [0x01]), (127, [0x7F]), (128, [0x80, 0x01]), (150, [0x96, 0x01]),
            (16_384, [0x80, 0x80, 0x01]),
            (.max, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01]),
        ] as [(UInt64, [UInt8])]
    )
    func `a number takes as many bytes as it needs`(_ number: UInt64, _ expected: [UInt8]) {
        var writer = ProtobufWriter()
        writer.varint(number)
        #expect(writer.bytes == expected)
    }

    @Test func `fields are those of the documentation`() {
        var writer = ProtobufWriter()
        writer.number(1, 150)
        writer.text(2, "testing")
        writer.message(3) { $0.number(1, 150) }
        #expect(
            writer.bytes == [0x08, 0x96, 0x01, 0x12, 0x07] + Array("testing".utf8) + [0x1A, 0x03, 0x08, 0x96, 0x01]
        )
    }

    @Test func `a negative number takes ten bytes`() {
        var writer = ProtobufWriter()
        writer.signed(1, -2)
        #expect(writer.bytes == [0x08, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01])
    }

    @Test func `fixed widths have the lowest byte first`() {
        var writer = ProtobufWriter()
        writer.fixed64(1, 0x0102_0304_0506_0708)
        writer.fixed32(16, 0x0102_0304)
        writer.double(2, 1)
        #expect(
            writer.bytes == [0x09, 8, 7, 6, 5, 4, 3, 2, 1] + [0x85, 0x01, 4, 3, 2, 1] + [
                0x11, 0, 0, 0, 0, 0, 0, 0xF0, 0x3F,
            ]
        )
    }

    @Test func `packed numbers have one length before them`() {
        var writer = ProtobufWriter()
        writer.packed(6, [1, 2] as [UInt64])
        writer.packed(7, [0.5])
        #expect(
            writer.bytes == [0x32, 16, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]
                + [0x3A, 8, 0, 0, 0, 0, 0, 0, 0xE0, 0x3F]
        )
    }

    @Test(arguments: [127, 128, 20_000])
    func `a long message has a long length`(_ count: Int) {
        var writer = ProtobufWriter()
        writer.message(1) { $0.data(1, [UInt8](repeating: 7, count: count)) }
        var length = ProtobufWriter()
        length.varint(UInt64(count))
        var outer = ProtobufWriter()
        outer.varint(UInt64(count + 1 + length.bytes.count))
        #expect(writer.bytes.starts(with: [0x0A] + outer.bytes + [0x0A] + length.bytes + [7]))
        #expect(writer.bytes.count == 1 + outer.bytes.count + 1 + length.bytes.count + count)
    }
}

@Suite struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    @Test func `the example of the specification is read`() throws {
        let context = try #require(TraceContext("00-\(Self.trace)-00f067aa0ba902b7-01"))
        #expect(context.traceID == Self.trace)
        #expect(context.parent == 0x00F0_67AA_0BA9_02B7)
        #expect(context.flags == 1)
        #expect(TraceContext("cc-\(Self.trace)-00f067aa0ba902b7-01-what-comes-later") != nil)
    }

    @Test(arguments: [
        "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
        "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
        "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
    ])
    func `what is no context is passed over`(_ text: String) { #expect(TraceContext(text) == nil) }
}
