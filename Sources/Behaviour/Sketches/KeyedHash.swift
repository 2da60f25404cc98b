/// SipHash-1-3 under a secret key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012).
///
/// Samples are drawn by this hash, so that nobody who does not know the key can choose what falls into them. Two
/// profiles merge only under the same key.
package struct KeyedHash: Sendable, Hashable {
    package let first: UInt64
    package let second: UInt64

    package init(_ first: UInt64, _ second: UInt64) {
        self.first = first
        self.second = second
    }

    /// For recordings whose writers are trusted not to choose their own names; the command line uses the workspace's key.
    package static let unkeyed = KeyedHash(0x6c6f_636b_7374_6570, 0x7072_6f66_696c_6500)

    package func hash(_ text: String) -> UInt64 {
        hash(text.utf8Span.span)
    }

    package func hash(_ bytes: Span<UInt8>, rounds: (compression: Int, finish: Int) = (1, 3)) -> UInt64 {
        var state = State(self, rounds)
        var at = 0
        while at &+ 8 <= bytes.count {
            // Within bounds by the loop's condition; every bit pattern is an integer.
            let word = unsafe bytes.bytes.unsafeLoadUnaligned(fromByteOffset: at, as: UInt64.self)
            state.absorb(UInt64(littleEndian: word))
            at &+= 8
        }
        state.absorb(Self.word(bytes, at, bytes.count - at) | UInt64(truncatingIfNeeded: bytes.count) << 56)
        return state.finish()
    }

    /// One hash of two: for keys that are made of several names.
    package func hash(_ left: UInt64, _ right: UInt64) -> UInt64 {
        var state = State(self, (1, 3))
        state.absorb(left)
        state.absorb(right)
        return state.finish()
    }

    @inline(__always)
    private static func word(_ bytes: Span<UInt8>, _ start: Int, _ count: Int) -> UInt64 {
        var word: UInt64 = 0
        for index in 0..<count {
            word |= UInt64(bytes[start &+ index]) &<< UInt64(index &* 8)
        }
        return word
    }

    private struct State {
        private var a: UInt64
        private var b: UInt64
        private var c: UInt64
        private var d: UInt64
        private let rounds: (compression: Int, finish: Int)

        @inline(__always)
        init(_ key: KeyedHash, _ rounds: (compression: Int, finish: Int)) {
            a = key.first ^ 0x736f_6d65_7073_6575
            b = key.second ^ 0x646f_7261_6e64_6f6d
            c = key.first ^ 0x6c79_6765_6e65_7261
            d = key.second ^ 0x7465_6462_7974_6573
            self.rounds = rounds
        }

        @inline(__always)
        mutating func absorb(_ word: UInt64) {
            d ^= word
            mix(rounds.compression)
            a ^= word
        }

        @inline(__always)
        mutating func finish() -> UInt64 {
            c ^= 0xff
            mix(rounds.finish)
            return a ^ b ^ c ^ d
        }

        @inline(__always)
        private mutating func mix(_ count: Int) {
            for _ in 0..<count {
                a = a &+ b
                b = Self.rotate(b, 13) ^ a
                a = Self.rotate(a, 32)
                c = c &+ d
                d = Self.rotate(d, 16) ^ c
                a = a &+ d
                d = Self.rotate(d, 21) ^ a
                c = c &+ b
                b = Self.rotate(b, 17) ^ c
                c = Self.rotate(c, 32)
            }
        }

        @inline(__always)
        private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 {
            word &<< count | word &>> (64 &- count)
        }
    }
}
