package import Core
import Glibc
package import Identity

/// Writes one shard, a chunk at a time, in memory that one chunk bounds.
///
/// Lines are gathered and become a chunk when there are enough of them or `flush` is called; only then are they in the
/// file. What a crash or a full disk cuts off is at most the chunk at hand. The file is locked while it is written, so
/// that nobody takes it for one that a crash left.
package struct ShardWriter: ~Copyable {
    /// Lines are gathered up to about this many bytes; no chunk has more than `ShardReader.maxChunkBytes`.
    package static let chunkBytes = 256 << 10

    package let header: ShardHeader
    package private(set) var calls = 0
    /// Bytes of the file that are whole.
    package private(set) var bytes: Int

    private let descriptor: Int32
    private let cipher: ChunkCipher
    private var position: UInt64 = 0
    private var pending: [UInt8] = []
    private var isFinished = false

    /// Makes the file, which must not exist, for its owner alone.
    package init(_ path: String, header: ShardHeader, key: WorkspaceKey) throws(FileFault) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let file = unsafe open(path, flags, 0o600)
        guard file >= 0 else { throw FileFault(errno: errno) }
        let start = header.bytes
        do throws(FileFault) {
            guard flock(file, LOCK_EX | LOCK_NB) == 0, fchmod(file, 0o600) == 0 else { throw FileFault(errno: errno) }
            try FileBytes.writeAll(start, to: file)
        } catch {
            close(file)
            unsafe unlink(path)
            throw error
        }
        descriptor = file
        self.header = header
        cipher = ChunkCipher(key: key, header: start)
        bytes = start.count
    }

    deinit { close(descriptor) }

    /// Takes one line, with its line feed.
    package mutating func write(_ line: [UInt8]) throws(FileFault) {
        calls += 1
        pending += line
        if pending.count >= Self.chunkBytes { try flushChunks() }
    }

    /// Puts what was gathered into the file, durably.
    package mutating func flush() throws(FileFault) {
        try flushChunks()
        guard fsync(descriptor) == 0 else { throw FileFault(errno: errno) }
    }

    /// Puts everything and the end mark into the file, durably.
    package mutating func finish() throws(FileFault) {
        guard !isFinished else { return }
        try flushChunks()
        try chunk(.end, Array(JSON.canonical(["calls": .integer(Int64(calls))])))
        isFinished = true
        guard fsync(descriptor) == 0 else { throw FileFault(errno: errno) }
    }

    private mutating func flushChunks() throws(FileFault) {
        while !pending.isEmpty {
            let piece = Array(pending.prefix(ShardReader.maxChunkBytes))
            try chunk(.data, piece)
            pending.removeFirst(piece.count)
        }
    }

    private mutating func chunk(_ kind: ShardChunk, _ plain: [UInt8]) throws(FileFault) {
        guard let frame = kind.frame(plain, cipher, at: position) else { throw .tooLarge }
        try append(frame)
        position += 1
    }

    /// Appends whole or not at all: what a full disk took in part is cut off again, so that a later attempt may succeed.
    private mutating func append(_ frame: [UInt8]) throws(FileFault) {
        do throws(FileFault) {
            try FileBytes.writeAll(frame, to: descriptor)
        } catch {
            _ = ftruncate(descriptor, bytes)
            _ = lseek(descriptor, bytes, SEEK_SET)
            throw error
        }
        bytes += frame.count
    }
}

/// The kinds of chunks; the raw value is in the file.
enum ShardChunk: UInt8 {
    case data = 1
    case end = 2

    /// Kind, length, nonce, ciphertext and tag.
    func frame(_ plain: [UInt8], _ cipher: ChunkCipher, at position: UInt64) -> [UInt8]? {
        guard let sealed = cipher.seal(plain, at: position, kind: rawValue) else { return nil }
        let length = UInt32(plain.count)
        return [rawValue] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + sealed
    }
}

enum FileBytes {
    static func writeAll(_ bytes: [UInt8], to file: Int32) throws(FileFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFault(errno: errno)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Reads until the buffer is full or the file ends.
    static func read(_ count: Int, from file: Int32) throws(FileFault) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let length = unsafe bytes.withUnsafeMutableBytes {
                unsafe Glibc.read(file, $0.baseAddress?.advanced(by: filled), count - filled)
            }
            if length < 0 {
                if errno == EINTR { continue }
                throw FileFault(errno: errno)
            }
            if length == 0 { break }
            filled += length
        }
        bytes.removeLast(count - filled)
        return bytes
    }
}
