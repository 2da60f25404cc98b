/// Writes protocol buffers by hand, as far as OTLP needs them (protobuf.dev, "Encoding").
///
/// Fields that hold their default are left out by the caller or here alike: a reader takes both for the same.
package struct ProtobufWriter: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// A base 128 number, seven bits a byte, the lowest first.
    package mutating func varint(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private mutating func tag(_ field: Int, _ kind: UInt64) { varint(UInt64(field) << 3 | kind) }

    /// `uint32`, `uint64`, `bool` and enumerations.
    package mutating func number(_ field: Int, _ value: UInt64) {
        tag(field, 0)
        varint(value)
    }

    /// `int64` and `int32`; a negative one takes ten bytes.
    package mutating func signed(_ field: Int, _ value: Int64) { number(field, UInt64(bitPattern: value)) }

    package mutating func fixed64(_ field: Int, _ value: UInt64) {
        tag(field, 1)
        raw64(value)
    }

    package mutating func double(_ field: Int, _ value: Double) { fixed64(field, value.bitPattern) }

    package mutating func fixed32(_ field: Int, _ value: UInt32) {
        tag(field, 5)
        for shift in stride(from: UInt32(0), to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    private mutating func raw64(_ value: UInt64) {
        for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    package mutating func text(_ field: Int, _ value: String) {
        tag(field, 2)
        varint(UInt64(value.utf8.count))
        bytes.append(contentsOf: value.utf8)
    }

    package mutating func data(_ field: Int, _ value: some Collection<UInt8>) {
        tag(field, 2)
        varint(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// `repeated fixed64`, packed.
    package mutating func packed(_ field: Int, _ values: some Collection<UInt64>) {
        tag(field, 2)
        varint(UInt64(values.count * 8))
        for value in values { raw64(value) }
    }

    /// `repeated double`, packed.
    package mutating func packed(_ field: Int, _ values: some Collection<Double>) {
        packed(field, values.map(\.bitPattern))
    }

    /// A message inside the message; its length is put before it when it is known.
    package mutating func message(_ field: Int, _ write: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        write(&inner)
        data(field, inner.bytes)
    }
}
