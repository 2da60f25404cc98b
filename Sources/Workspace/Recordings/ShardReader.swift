import Core
import Glibc
package import Identity

/// Reads one shard, a chunk at a time.
///
/// Every chunk is checked before a byte of it is handed on. An altered, moved or foreign chunk ends the reading with an
/// error; an end that is missing does not: a writer that was killed leaves such a file, and what it had written counts.
package struct ShardReader: ~Copyable {
    package static let maxChunkBytes = 1 << 20

    /// How a shard ended.
    package enum Ending: Sendable, Hashable {
        case complete(calls: Int)
        /// There is no end mark: the writer still runs or was killed, or somebody cut the file.
        ///
        /// So many bytes of a chunk that was not finished were left out.
        case unfinished(lost: Int)
    }

    package let header: ShardHeader
    /// Bytes of the file up to the end of the last whole chunk.
    package private(set) var wholeBytes: Int
    /// Chunks read so far.
    package private(set) var position: UInt64 = 0
    package private(set) var ending: Ending?

    private let descriptor: Int32
    private let cipher: ChunkCipher

    /// Opens a shard and reads its header.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - key: Gives the workspace key of an id.
    /// - Throws: `ShardFault`, also where there is no such key.
    package init(_ path: String, key: (String) throws(ShardFault) -> WorkspaceKey?) throws(ShardFault) {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .file(FileFault(errno: errno)) }
        do throws(ShardFault) {
            let header = try Self.header(file)
            guard let key = try key(header.keyID) else { throw .unknownKey(header.keyID) }
            self.header = header
            cipher = ChunkCipher(key: key, header: header.bytes)
            descriptor = file
            wholeBytes = header.bytes.count
        } catch {
            close(file)
            throw error
        }
    }

    deinit { close(descriptor) }

    /// The header alone, without a key.
    package static func header(of path: String) throws(ShardFault) -> ShardHeader {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw .file(FileFault(errno: errno)) }
        defer { close(file) }
        return try header(file)
    }

    private static func header(_ file: Int32) throws(ShardFault) -> ShardHeader {
        let head = try bytes(ShardHeader.limit, file)
        guard ShardHeader.isShard(head),
            let end = head.dropFirst(ShardHeader.magic.count).firstIndex(of: 0x0A),
            let header = ShardHeader(line: Array(head[ShardHeader.magic.count..<end]))
        else { throw .header }
        guard lseek(file, end + 1, SEEK_SET) >= 0 else { throw .file(FileFault(errno: errno)) }
        return header
    }

    /// The plain bytes of the next chunk, or nil at the end; then `ending` says how it ended.
    package mutating func next() throws(ShardFault) -> [UInt8]? {
        guard ending == nil else { return nil }
        let head = try Self.bytes(5, descriptor)
        guard head.count == 5 else { return try unfinished(head) }
        let length = head[1...].reduce(0) { $0 << 8 | Int($1) }
        guard let kind = ShardChunk(rawValue: head[0]), length <= Self.maxChunkBytes else {
            // A file system may leave zeros where the machine stopped.
            return head == [0, 0, 0, 0, 0] ? try unfinished(head) : try fail()
        }
        let sealed = try Self.bytes(length + ChunkCipher.overhead, descriptor)
        guard sealed.count == length + ChunkCipher.overhead else { return try unfinished(head + sealed) }
        guard let plain = cipher.open(sealed, at: position, kind: kind.rawValue) else {
            return sealed.allSatisfy { $0 == 0 } ? try unfinished(head + sealed) : try fail()
        }
        guard kind == .end else {
            position += 1
            wholeBytes += head.count + sealed.count
            return plain
        }
        guard try Self.bytes(1, descriptor).isEmpty else { throw .trailing }
        let calls = (try? JSON.parse(plain))?["calls"]?.int
        ending = .complete(calls: calls.map { Int($0) } ?? 0)
        return nil
    }

    private func fail() throws(ShardFault) -> [UInt8]? { throw .altered(chunk: position) }

    /// The rest is what one unfinished write left; where more follows than that can be, somebody altered the file.
    private mutating func unfinished(_ tail: [UInt8]) throws(ShardFault) -> [UInt8]? {
        var lost = tail.count
        while true {
            let more = try Self.bytes(1 << 16, descriptor)
            if more.isEmpty { break }
            guard more.allSatisfy({ $0 == 0 }) else { throw .altered(chunk: position) }
            lost += more.count
        }
        ending = .unfinished(lost: lost)
        return nil
    }

    private static func bytes(_ count: Int, _ file: Int32) throws(ShardFault) -> [UInt8] {
        do throws(FileFault) { return try FileBytes.read(count, from: file) } catch { throw .file(error) }
    }
}

extension ShardWriter {
    /// Gives a shard that a killed writer left its end mark; what was not finished is cut off.
    ///
    /// - Returns: How many bytes were lost, or nil where the shard is whole or its writer still runs.
    package static func mend(
        _ path: String,
        key: (String) throws(ShardFault) -> WorkspaceKey?
    ) throws(ShardFault) -> Int? {
        let file = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw .file(FileFault(errno: errno)) }
        defer { close(file) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { return nil }
        var reader = try ShardReader(path, key: key)
        var calls = 0
        while let chunk = try reader.next() { calls += chunk.count { $0 == 0x0A } }
        guard case .unfinished(let lost)? = reader.ending else { return nil }
        guard let key = try key(reader.header.keyID) else { throw .unknownKey(reader.header.keyID) }
        let cipher = ChunkCipher(key: key, header: reader.header.bytes)
        let end = JSON.canonical(["calls": .integer(Int64(calls))])
        guard let frame = ShardChunk.end.frame(end, cipher, at: reader.position) else { throw .header }
        do throws(FileFault) {
            guard ftruncate(file, reader.wholeBytes) == 0, lseek(file, 0, SEEK_END) >= 0 else {
                throw FileFault(errno: errno)
            }
            try FileBytes.writeAll(frame, to: file)
            guard fsync(file) == 0 else { throw FileFault(errno: errno) }
        } catch {
            throw .file(error)
        }
        return lost
    }
}
