import Crypto

/// A SHA-256 digest (FIPS 180-4), printed as `sha256:` and 64 lower-case hexadecimal digits.
package struct Digest: Sendable, Hashable, CustomStringConvertible {
    package let bytes: [UInt8]

    package static func sha256(_ bytes: some Sequence<UInt8>) -> Digest { sha256(Array(bytes)) }

    /// Bytes that lie in one piece already are not copied: every event of a run is hashed.
    package static func sha256(_ bytes: [UInt8]) -> Digest {
        Digest(bytes: Array(SHA256.hash(data: bytes)))
    }

    init(_ digest: SHA256.Digest) { bytes = Array(digest) }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Reads what `description` prints; nothing else is accepted.
    package init?(_ text: String) {
        let prefix = "sha256:"
        guard text.hasPrefix(prefix), let bytes = Hexadecimal.decode(text.dropFirst(prefix.count).utf8),
            bytes.count == 32
        else { return nil }
        self.bytes = bytes
    }

    package var hex: String { Hexadecimal.encode(bytes) }
    package var description: String { "sha256:" + hex }
}

/// Lower-case hexadecimal text.
package enum Hexadecimal {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var text: [UInt8] = []
        text.reserveCapacity(bytes.underestimatedCount * 2)
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    package static func decode(_ text: some Sequence<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in text {
            let value: UInt8
            switch character {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = character - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? bytes : nil
    }
}
