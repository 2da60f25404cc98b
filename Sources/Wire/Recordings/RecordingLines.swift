import Core

/// Cuts bytes that arrive in pieces into lines, and gives up on a line that is too long without keeping it.
///
/// Lines end with LF; a CR before it stays, since JSON takes it for space. How the bytes were cut into pieces makes no difference. Where one
/// piece holds the whole line, it is handed on without being copied.
package struct RecordingLines: Sendable {
    package let maxLineBytes: Int
    private var rest: [UInt8] = []
    /// The line at hand is over the limit; its bytes are dropped.
    private var isOver = false
    /// One-based number of the line that is being read.
    private var number = 1

    package init(maxLineBytes: Int = 16 << 20) {
        self.maxLineBytes = maxLineBytes
    }

    /// Hands each complete line to `body`, with its number; nil stands for a line over the limit.
    package mutating func feed(_ bytes: Span<UInt8>, _ body: (Int, Span<UInt8>?) -> Void) {
        var start = 0
        while true {
            let at = ByteSearch.first(0x0A, in: bytes, from: start, to: bytes.count)
            guard at < bytes.count else { break }
            let piece = bytes.extracting(start..<at)
            if isOver || rest.count + piece.count > maxLineBytes {
                body(number, nil)
            } else if rest.isEmpty {
                body(number, piece)
            } else {
                append(piece)
                body(number, rest.span)
            }
            rest.removeAll(keepingCapacity: rest.capacity <= 1 << 20)
            isOver = false
            number += 1
            start = at + 1
        }
        guard start < bytes.count, !isOver else { return }
        if rest.count + bytes.count - start > maxLineBytes {
            isOver = true
            rest = []
        } else {
            append(bytes.extracting(start..<bytes.count))
        }
    }

    /// Hands over the last line, which no line feed ended.
    package mutating func finish(_ body: (Int, Span<UInt8>?) -> Void) {
        if isOver {
            body(number, nil)
        } else if !rest.isEmpty {
            body(number, rest.span)
        }
        rest = []
        isOver = false
        number = 1
    }

    private mutating func append(_ piece: Span<UInt8>) {
        unsafe piece.withUnsafeBufferPointer { unsafe rest.append(contentsOf: $0) }
    }
}
