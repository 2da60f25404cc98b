package import Core

/// A 64-bit hash that is the same in every process, so that profiles of different machines can be merged.
///
/// It is not keyed: whoever chooses both inputs can make two of them collide. It may therefore choose what to look at,
/// never what to allow.
package struct Fingerprint: Sendable, Hashable {
    package private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    package init() {}

    package mutating func combine(_ word: UInt64) {
        let product = (word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: value ^ 0xE703_7ED1_A0B4_28DB)
        value = (value << 23 | value >> 41) &+ (product.high ^ product.low)
    }

    package mutating func combine(_ bytes: Span<UInt8>) {
        combine(UInt64(truncatingIfNeeded: bytes.count))
        let raw = unsafe bytes.bytes
        var at = 0
        while at + 8 <= raw.byteCount {
            // Within bounds by the loop's condition; every bit pattern is an integer.
            combine(UInt64(littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)))
            at += 8
        }
        var rest: UInt64 = 0
        var shift: UInt64 = 0
        while at < bytes.count {
            rest |= UInt64(bytes[at]) &<< shift
            shift &+= 8
            at += 1
        }
        if shift > 0 { combine(rest) }
    }

    package mutating func combine(_ text: String) {
        combine(text.utf8.span)
    }

    /// The order of an object's members makes no difference, nor how a number is written.
    package mutating func combine(_ value: JSON.Value) {
        switch value {
        case .null: combine(1 as UInt64)
        case .bool(let flag): combine((flag ? 3 : 2) as UInt64)
        case .integer, .number:
            let number = value.double ?? 0
            combine(4 as UInt64)
            combine(number == 0 ? 0 : number.bitPattern)
        case .string(let text):
            combine(5 as UInt64)
            combine(text)
        case .array(let elements):
            combine(6 as UInt64)
            combine(UInt64(elements.count))
            for element in elements { combine(element) }
        case .object(let object): combine(object)
        }
    }

    package mutating func combine(_ object: JSON.Object) {
        var sum: UInt64 = 0
        for (key, value) in object {
            var member = Fingerprint()
            member.combine(key)
            member.combine(value)
            sum &+= member.value
        }
        combine(7 as UInt64)
        combine(UInt64(object.count))
        combine(sum)
    }

    /// The fingerprint of one text.
    package static func of(_ text: String) -> UInt64 {
        var print = Fingerprint()
        print.combine(text)
        return print.value
    }
}
