import Core

/// The file that accepted entries are in first: batches one after another, each made durable by one sync.
///
/// `lockstep.journal/1 BASE` and a newline; then a batch is `LSJB`, the index of its first entry (8 bytes), how many
/// (4), how many bytes (4), SHA-256 over those 20 bytes and the hashes of its entries (32), and the entries as in a
/// bundle. Numbers are big-endian. It is begun anew when its entries are in tiles under a signed checkpoint.
struct Journal: Hashable, Sendable {
    /// How many entries the log had when the journal was begun.
    var base: Int
    var entries: [ArraySlice<UInt8>] = []
    var hashes: [TreeHash] = []
    /// Where the last whole batch ends; what follows was never accepted.
    var length: Int
    /// Whether something follows that is not a whole batch.
    var isTorn = false

    static let maximumBytes = 1 << 30
    static let maximumBatch = 64 << 20
    private static let schema = "lockstep.journal/1 "
    private static let mark = Array("LSJB".utf8)
    private static let headBytes = 52

    static func header(base: Int) -> [UInt8] { Array("\(schema)\(base)\n".utf8) }

    /// A batch that may be appended: `payload` is what `EntryBundle.append` made of the entries with these hashes.
    static func batch(first: Int, hashes: [TreeHash], payload: [UInt8]) -> [UInt8] {
        var bytes = head(first, hashes.count, payload.count)
        bytes.reserveCapacity(headBytes + payload.count)
        bytes += check(bytes, hashes[...])
        bytes += payload
        return bytes
    }

    private static func head(_ first: Int, _ count: Int, _ length: Int) -> [UInt8] {
        var bytes = mark
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: first >> shift)) }
        for value in [count, length] {
            for shift in stride(from: 24, through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: value >> shift))
            }
        }
        return bytes
    }

    private static func check(_ head: [UInt8], _ hashes: ArraySlice<TreeHash>) -> [UInt8] {
        var bytes = head
        bytes.reserveCapacity(head.count + hashes.count * TreeHash.byteCount)
        for hash in hashes { hash.append(to: &bytes) }
        return Digest.sha256(bytes).bytes
    }

    /// Reads a journal up to its last whole batch.
    ///
    /// A batch that is not whole can be what a crash left of an append that never succeeded, if nothing follows it. A
    /// whole batch after it was accepted, and so was this one: then it is damage, and the journal is refused.
    init(_ bytes: [UInt8]) throws(AuditError) {
        guard let end = bytes.prefix(64).firstIndex(of: UInt8(ascii: "\n")),
            let line = String(validating: bytes[..<end], as: UTF8.self), line.hasPrefix(Self.schema),
            let base = Int(line.dropFirst(Self.schema.count)), (0...Checkpoint.maximumSize).contains(base),
            Self.header(base: base).count == end + 1
        else {
            throw AuditError(.damaged, "the journal of the audit log does not begin as one", help: AuditError.restoring)
        }
        self.base = base
        length = end + 1
        while length < bytes.count {
            guard let head = Self.head(bytes, at: length), head.first == base + entries.count,
                let batch = Self.read(bytes, head)
            else {
                isTorn = true
                break
            }
            entries += batch.entries
            hashes += batch.hashes
            length = batch.end
        }
        if isTorn { try searchForLater(bytes) }
    }

    /// Refuses the journal where a whole batch follows the one that is not whole.
    ///
    /// Heads that lie in one another's batches would each be hashed to the end: batches that were written after one
    /// another are not longer than what they lie in, so more than that is not read.
    private func searchForLater(_ bytes: [UInt8]) throws(AuditError) {
        let next = base + entries.count
        var budget = 2 * (bytes.count - length)
        for start in bytes.indices[length...] where bytes[start] == Self.mark[0] && start > length {
            guard let head = Self.head(bytes, at: start), head.first > next else { continue }
            budget -= Self.headBytes + head.length
            guard budget >= 0 else {
                throw AuditError(
                    .damaged,
                    "entry \(next) in the journal of the audit log is damaged: what follows it looks like batches in batches",
                    help: AuditError.restoring
                )
            }
            guard Self.read(bytes, head) != nil else { continue }
            throw AuditError(
                .damaged,
                "entry \(next) in the journal of the audit log is damaged: whole ones follow it",
                help: AuditError.restoring
            )
        }
    }

    /// What a batch says of itself, before any of it is hashed.
    private struct Head {
        var first: Int
        var count: Int
        var length: Int
        var payload: Int
    }

    private static func head(_ bytes: [UInt8], at start: Int) -> Head? {
        guard bytes.count - start >= headBytes, bytes[start..<(start + 4)].elementsEqual(mark) else { return nil }
        func number(_ range: Range<Int>) -> UInt64 {
            bytes[(start + range.lowerBound)..<(start + range.upperBound)].reduce(0) { $0 << 8 | UInt64($1) }
        }
        let payload = start + headBytes
        guard let first = Int(exactly: number(4..<12)), let count = Int(exactly: number(12..<16)),
            let length = Int(exactly: number(16..<20)), length <= bytes.count - payload, count <= length / 2
        else { return nil }
        return Head(first: first, count: count, length: length, payload: payload)
    }

    private static func read(
        _ bytes: [UInt8],
        _ head: Head
    ) -> (entries: [ArraySlice<UInt8>], hashes: [TreeHash], end: Int)? {
        var entries: [ArraySlice<UInt8>] = []
        var place = head.payload
        let end = head.payload + head.length
        while place < end {
            guard end - place >= 2 else { return nil }
            let size = Int(bytes[place]) << 8 | Int(bytes[place + 1])
            guard end - place - 2 >= size else { return nil }
            entries.append(bytes[(place + 2)..<(place + 2 + size)])
            place += 2 + size
        }
        guard entries.count == head.count else { return nil }
        let hashes = entries.map { TreeHash.leaf($0) }
        let check = check(Self.head(head.first, head.count, head.length), hashes[...])
        guard bytes[(head.payload - 32)..<head.payload].elementsEqual(check) else { return nil }
        return (entries, hashes, end)
    }
}
