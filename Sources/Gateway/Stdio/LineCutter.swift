import NIOCore

/// Cuts what a pipe brings into lines, of which each is at most as long as it may be.
///
/// A line ends with LF or CR LF. One that is too long is given up from its first byte to its end, and not kept meanwhile;
/// one without an end is none.
struct LineCutter {
    enum Line {
        case whole(ByteBuffer)
        case tooLong
    }

    private let limit: Int
    private var arrived = ByteBuffer()
    /// How many of the bytes are known to hold no line end.
    private var searched = 0
    private var isSkipping = false

    init(limit: Int) { self.limit = limit }

    /// Bytes that are kept until they can be cut.
    var waiting: Int { arrived.readableBytes }

    mutating func feed(_ bytes: ByteBuffer) {
        if arrived.readableBytes == 0 {
            arrived = bytes
            searched = 0
        } else {
            arrived.writeImmutableBuffer(bytes)
        }
    }

    /// The next line that says anything; nothing where it has not arrived whole.
    mutating func next() -> Line? {
        while true {
            guard let length = lineLength() else { return skipUnfinished() }
            var line = arrived.readSlice(length: length) ?? ByteBuffer()
            arrived.moveReaderIndex(forwardBy: 1)
            searched = 0
            if arrived.readableBytes == 0 { arrived = ByteBuffer() }
            let wasSkipping = isSkipping
            isSkipping = false
            // It was said to be too long when it became that.
            if wasSkipping { continue }
            if line.readableBytesUInt8Span.last == 0x0D {
                line = line.getSlice(at: line.readerIndex, length: line.readableBytes - 1) ?? line
            }
            if line.readableBytes > limit { return .tooLong }
            if line.readableBytesUInt8Span.isBlank { continue }
            return .whole(line)
        }
    }

    private func lineLength() -> Int? {
        let rest = arrived.readableBytesView.dropFirst(searched)
        return rest.firstIndex(of: 0x0A).map { $0 - arrived.readableBytesView.startIndex }
    }

    /// What cannot become a line any more takes no memory.
    private mutating func skipUnfinished() -> Line? {
        searched = arrived.readableBytes
        guard isSkipping || searched > limit + 1 else { return nil }
        arrived = ByteBuffer()
        searched = 0
        defer { isSkipping = true }
        return isSkipping ? nil : .tooLong
    }
}

extension Span<UInt8> {
    var last: UInt8? { isEmpty ? nil : self[count - 1] }

    /// Whether nothing stands in it but spaces and tabs.
    var isBlank: Bool {
        for at in 0..<count where self[at] != 0x20 && self[at] != 0x09 { return false }
        return true
    }

    func holds(_ byte: UInt8) -> Bool {
        for at in 0..<count where self[at] == byte { return true }
        return false
    }
}
