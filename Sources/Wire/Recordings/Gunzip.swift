/// Unpacks gzip (RFC 1952, RFC 1951) as it comes, in memory that one window bounds.
///
/// Members one after the other are one text, as `cat a.gz b.gz` makes them. Checksums are compared at the end of each
/// member; what was handed over before a member turned out to be damaged was handed over all the same.
package struct Gunzip: Sendable {
    package enum Failure: String, Error, Sendable, Hashable {
        /// The file ends in the middle.
        case truncated
        /// No gzip, or a method that nobody uses.
        case header
        case damaged
        /// The text is not the one that was packed.
        case checksum
        /// So much comes out of so little that it is no recording but made to exhaust whoever unpacks it.
        case expansion

        package var sentence: String {
            switch self {
            case .truncated: "is compressed and ends in the middle"
            case .header: "has no gzip header that this version knows"
            case .damaged: "is compressed and damaged"
            case .checksum: "is compressed, and its checksum is another"
            case .expansion: "unpacks to more than \(Gunzip.mostExpansion) times its size, which no recording does"
            }
        }
    }

    private static let windowBytes = 32 << 10
    private static let pieceBytes = 256 << 10
    /// Logs that repeat themselves reach about a hundred; the form itself allows for about a thousand.
    private static let mostExpansion = 200
    /// So much may come out of whatever there is.
    private static let freeBytes = 64 << 20

    private var input: Input
    /// The last bytes that were unpacked, then those that were not handed over yet.
    private var output: [UInt8] = []
    private var handedOver = 0
    private var checksum: UInt32 = 0xFFFF_FFFF
    private var length: UInt32 = 0
    private var unpackedBytes = 0

    package static func isGzip(_ beginning: [UInt8]) -> Bool { beginning.starts(with: [0x1F, 0x8B]) }

    /// Unpacks everything; `more` gives the next bytes, empty at the end, and `body` takes the pieces of the text.
    package static func unpack<Fault: Error>(
        _ more: () throws(Fault) -> [UInt8],
        _ body: ([UInt8]) -> Void
    ) throws(Fault) -> Failure? {
        var reader = Gunzip(input: Input())
        var fault: Fault?
        let failure = reader.run(
            {
                do throws(Fault) { return try more() } catch {
                    fault = error
                    return []
                }
            },
            body
        )
        if let fault { throw fault }
        return failure
    }

    private init(input: Input) { self.input = input }

    private mutating func run(_ more: () -> [UInt8], _ body: ([UInt8]) -> Void) -> Failure? {
        do throws(Failure) {
            var isFirst = true
            while try input.hasMore(more) {
                // Zeros may pad the end of a file (RFC 1952 leaves them to the reader, gzip passes over them).
                if !isFirst, input.peek == 0 {
                    _ = try input.byte(more)
                    continue
                }
                try member(more, body)
                isFirst = false
            }
            return nil
        } catch {
            hand(over: body)
            return error
        }
    }

    private mutating func member(_ more: () -> [UInt8], _ body: ([UInt8]) -> Void) throws(Failure) {
        try header(more)
        checksum = 0xFFFF_FFFF
        length = 0
        output.removeAll(keepingCapacity: true)
        handedOver = 0
        var isLast = false
        while !isLast {
            isLast = try input.bits(1, more) == 1
            switch try input.bits(2, more) {
            case 0: try stored(more, body)
            case 1: try compressed(.fixedLengths, .fixedDistances, more, body)
            case 2:
                let (lengths, distances) = try tables(more)
                try compressed(lengths, distances, more, body)
            default: throw .damaged
            }
        }
        hand(over: body)
        input.align()
        let expected = try word(more)
        let size = try word(more)
        guard expected == ~checksum, size == length else { throw .checksum }
    }

    private mutating func header(_ more: () -> [UInt8]) throws(Failure) {
        guard try input.byte(more) == 0x1F, try input.byte(more) == 0x8B, try input.byte(more) == 8 else {
            throw .header
        }
        let flags = try input.byte(more)
        guard flags & 0xE0 == 0 else { throw .header }
        for _ in 0..<6 { _ = try input.byte(more) }
        if flags & 4 != 0 {
            let count = Int(try input.byte(more)) | Int(try input.byte(more)) << 8
            for _ in 0..<count { _ = try input.byte(more) }
        }
        for flag in [UInt8(8), 16] where flags & flag != 0 {
            while try input.byte(more) != 0 {}
        }
        if flags & 2 != 0 { for _ in 0..<2 { _ = try input.byte(more) } }
    }

    private mutating func word(_ more: () -> [UInt8]) throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for shift in 0..<4 { value |= UInt32(try input.byte(more)) << (8 * UInt32(shift)) }
        return value
    }

    private mutating func stored(_ more: () -> [UInt8], _ body: ([UInt8]) -> Void) throws(Failure) {
        input.align()
        let count = Int(try input.byte(more)) | Int(try input.byte(more)) << 8
        let complement = Int(try input.byte(more)) | Int(try input.byte(more)) << 8
        guard count == complement ^ 0xFFFF else { throw .damaged }
        for _ in 0..<count { output.append(try input.byte(more)) }
        if output.count - handedOver >= Self.pieceBytes { try handPiece(over: body) }
    }

    private mutating func compressed(
        _ lengths: Codes,
        _ distances: Codes,
        _ more: () -> [UInt8],
        _ body: ([UInt8]) -> Void
    ) throws(Failure) {
        while true {
            let symbol = try lengths.next(&input, more)
            if symbol < 256 {
                output.append(UInt8(symbol))
            } else if symbol == 256 {
                return
            } else {
                guard symbol <= 285 else { throw .damaged }
                let at = symbol - 257
                let count = Codes.lengthBases[at] + Int(try input.bits(Codes.lengthBits[at], more))
                let place = try distances.next(&input, more)
                guard place < 30 else { throw .damaged }
                let distance = Codes.distanceBases[place] + Int(try input.bits(Codes.distanceBits[place], more))
                guard distance <= output.count else { throw .damaged }
                var from = output.count - distance
                for _ in 0..<count {
                    output.append(output[from])
                    from += 1
                }
            }
            if output.count - handedOver >= Self.pieceBytes { try handPiece(over: body) }
        }
    }

    /// The code tables of a block, which are compressed themselves.
    private mutating func tables(_ more: () -> [UInt8]) throws(Failure) -> (Codes, Codes) {
        let lengthCount = Int(try input.bits(5, more)) + 257
        let distanceCount = Int(try input.bits(5, more)) + 1
        let codeCount = Int(try input.bits(4, more)) + 4
        guard lengthCount <= 286, distanceCount <= 30 else { throw .damaged }
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        var codeLengths = [UInt8](repeating: 0, count: 19)
        for at in 0..<codeCount { codeLengths[order[at]] = UInt8(try input.bits(3, more)) }
        let codes = try Codes(codeLengths)
        var lengths: [UInt8] = []
        while lengths.count < lengthCount + distanceCount {
            let symbol = try codes.next(&input, more)
            switch symbol {
            case 0..<16: lengths.append(UInt8(symbol))
            case 16:
                guard let last = lengths.last else { throw .damaged }
                let count = 3 + Int(try input.bits(2, more))
                lengths += [UInt8](repeating: last, count: count)
            case 17:
                let count = 3 + Int(try input.bits(3, more))
                lengths += [UInt8](repeating: 0, count: count)
            default:
                let count = 11 + Int(try input.bits(7, more))
                lengths += [UInt8](repeating: 0, count: count)
            }
        }
        guard lengths.count == lengthCount + distanceCount, lengths[256] > 0 else { throw .damaged }
        return (try Codes(Array(lengths[..<lengthCount])), try Codes(Array(lengths[lengthCount...])))
    }

    /// Hands over what is new, unless far more came out already than a recording can have packed.
    private mutating func handPiece(over body: ([UInt8]) -> Void) throws(Failure) {
        unpackedBytes += output.count - handedOver
        guard unpackedBytes <= Self.freeBytes || unpackedBytes / Self.mostExpansion <= input.consumed else {
            throw .expansion
        }
        hand(over: body)
    }

    /// Hands over what is new, and keeps the window.
    private mutating func hand(over body: ([UInt8]) -> Void) {
        let new = Array(output[handedOver...])
        guard !new.isEmpty else { return }
        checksum = Checksum.update(checksum, new)
        length &+= UInt32(truncatingIfNeeded: new.count)
        body(new)
        if output.count > Self.windowBytes { output.removeFirst(output.count - Self.windowBytes) }
        handedOver = output.count
    }
}

extension Gunzip {
    /// The bits of the packed bytes, the lowest first.
    struct Input: Sendable {
        private var bytes: [UInt8] = []
        private var at = 0
        private var before = 0
        private var buffer: UInt64 = 0
        private var count = 0

        mutating func hasMore(_ more: () -> [UInt8]) throws(Failure) -> Bool {
            if at == bytes.count { refill(more) }
            return at < bytes.count
        }

        /// The next whole byte, where `hasMore` said that there is one and no bit of a byte is left.
        var peek: UInt8 { bytes[at] }

        /// Packed bytes that were taken so far.
        var consumed: Int { before + at }

        private mutating func refill(_ more: () -> [UInt8]) {
            before += bytes.count
            bytes = more()
            at = 0
        }

        mutating func bits(_ wanted: Int, _ more: () -> [UInt8]) throws(Failure) -> UInt32 {
            try need(wanted, more)
            let value = UInt32(truncatingIfNeeded: buffer & ((1 << UInt64(wanted)) - 1))
            drop(wanted)
            return value
        }

        mutating func byte(_ more: () -> [UInt8]) throws(Failure) -> UInt8 {
            UInt8(truncatingIfNeeded: try bits(8, more))
        }

        private mutating func need(_ wanted: Int, _ more: () -> [UInt8]) throws(Failure) {
            while count < wanted {
                if at == bytes.count { refill(more) }
                guard at < bytes.count else { throw .truncated }
                buffer |= UInt64(bytes[at]) << UInt64(count)
                count += 8
                at += 1
            }
        }

        /// The next bits without taking them, zeros where the input ends; how many there are.
        mutating func look(_ wanted: Int, _ more: () -> [UInt8]) -> (value: Int, count: Int) {
            while count < wanted {
                if at == bytes.count { refill(more) }
                guard at < bytes.count else { break }
                buffer |= UInt64(bytes[at]) << UInt64(count)
                count += 8
                at += 1
            }
            return (Int(truncatingIfNeeded: buffer & ((1 << UInt64(wanted)) - 1)), count)
        }

        mutating func drop(_ used: Int) {
            buffer >>= UInt64(used)
            count -= used
        }

        /// Leaves the rest of the byte at hand; whole bytes that were taken in ahead are given back.
        mutating func align() {
            drop(count % 8)
            while count >= 8, at > 0 {
                count -= 8
                at -= 1
            }
            // What was taken in before a refill is still in the buffer, below the bytes that went back.
            buffer &= (1 << UInt64(count)) - 1
        }
    }

    /// A Huffman code as a table by its bits; codes longer than that are found bit by bit.
    struct Codes: Sendable {
        private static let tableBits = 15
        /// The symbol times 16 plus its length; 0 where no code begins so.
        private var table: [UInt16]
        private var longest: Int

        init(_ lengths: [UInt8]) throws(Failure) {
            longest = max(1, Int(lengths.max() ?? 0))
            guard longest <= Self.tableBits else { throw .damaged }
            var counts = [Int](repeating: 0, count: Self.tableBits + 1)
            for length in lengths where length > 0 { counts[Int(length)] += 1 }
            var next = [Int](repeating: 0, count: Self.tableBits + 2)
            var code = 0
            var left = 1
            for length in 1...Self.tableBits {
                left = left << 1 - counts[length]
                guard left >= 0 else { throw .damaged }
                next[length] = code
                code = (code + counts[length]) << 1
            }
            table = [UInt16](repeating: 0, count: 1 << longest)
            for (symbol, length) in lengths.enumerated() where length > 0 {
                let length = Int(length)
                var reversed = 0
                for bit in 0..<length where next[length] >> bit & 1 == 1 { reversed |= 1 << (length - 1 - bit) }
                next[length] += 1
                var at = reversed
                while at < table.count {
                    table[at] = UInt16(symbol << 4 | length)
                    at += 1 << length
                }
            }
        }

        func next(_ input: inout Input, _ more: () -> [UInt8]) throws(Failure) -> Int {
            let (value, count) = input.look(longest, more)
            let entry = table[value]
            let length = Int(entry & 15)
            guard length > 0 else { throw count < longest ? .truncated : .damaged }
            guard length <= count else { throw .truncated }
            input.drop(length)
            return Int(entry >> 4)
        }

        static let fixedLengths = fixed(
            [UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112)
                + [UInt8](repeating: 7, count: 24) + [UInt8](repeating: 8, count: 8)
        )
        static let fixedDistances = fixed([UInt8](repeating: 5, count: 30))

        private static func fixed(_ lengths: [UInt8]) -> Codes {
            guard let codes = try? Codes(lengths) else { preconditionFailure("RFC 1951 §3.2.6 is a code") }
            return codes
        }

        static let lengthBases = [
            3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195,
            227, 258,
        ]
        static let lengthBits = [
            0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
        ]
        static let distanceBases = [
            1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
            6145, 8193, 12_289, 16_385, 24_577,
        ]
        static let distanceBits = [
            0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
        ]
    }

    /// CRC-32 as gzip uses it (RFC 1952 §8).
    private enum Checksum {
        private static let table: [UInt32] = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
        }

        static func update(_ start: UInt32, _ bytes: [UInt8]) -> UInt32 {
            bytes.reduce(start) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ $0 >> 8 }
        }
    }
}
