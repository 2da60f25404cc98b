import Core

/// The published part of a log: what its checkpoint covers, out of its tiles and bundles.
///
/// Reads beside a writer: a tile that became full meanwhile serves for the partial one that is gone.
package struct LogReader<Disk: LogDisk>: TileSource {
    private let disk: Disk

    package init(_ disk: Disk) {
        self.disk = disk
    }

    /// The checkpoint as it lies there; see `SignedCheckpoint.verified` before believing it.
    ///
    /// - Throws: `missing` where there is no log.
    package func checkpoint() throws(AuditError) -> SignedCheckpoint {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try disk.read(LogFile.checkpoint, limit: SignedNote.maximumBytes)
        } catch {
            guard error == .missing else { throw AuditError(fault: error, at: LogFile.checkpoint) }
            throw AuditError(.missing, "there is no audit log here: it has no `checkpoint`")
        }
        return try SignedCheckpoint(bytes)
    }

    package func hashes(_ name: TileName) throws(AuditError) -> [TreeHash] {
        if let bytes = try bytes(of: name) { return try name.hashes(bytes) }
        let whole = name.whole
        guard !name.isFull, let bytes = try bytes(of: whole) else { throw AuditError(fault: .missing, at: name.path) }
        return Array(try whole.hashes(bytes)[..<name.width])
    }

    /// The entries of a bundle, as many as its name says.
    package func entries(_ name: TileName) throws(AuditError) -> [ArraySlice<UInt8>] {
        if let bytes = try bytes(of: name) { return try EntryBundle.entries(bytes, of: name) }
        let whole = name.whole
        guard !name.isFull, let bytes = try bytes(of: whole) else { throw AuditError(fault: .missing, at: name.path) }
        return Array(try EntryBundle.entries(bytes, of: whole)[..<name.width])
    }

    /// Some of the first `size` entries, in order.
    package func entries(_ range: Range<Int>, size: Int) throws(AuditError) -> [ArraySlice<UInt8>] {
        guard range.lowerBound >= 0, range.upperBound <= size else {
            throw AuditError(.outOfRange, "there is no entry \(range.upperBound - 1) in a log of \(size)")
        }
        var entries: [ArraySlice<UInt8>] = []
        var next = range.lowerBound
        while next < range.upperBound {
            let bundle = Self.bundle(of: next, size: size)
            let first = bundle.index * TileName.fullWidth
            let all = try self.entries(bundle)
            entries += all[(next - first)..<min(all.count, range.upperBound - first)]
            next = first + bundle.width
        }
        return entries
    }

    /// Some of the entries that a checkpoint covers, each proved to be what was signed.
    ///
    /// The checkpoint has to be believed already: see `SignedCheckpoint.verified`.
    /// - Throws: Which entry is not the one that was signed, or cannot be proved.
    package func proven(_ range: Range<Int>, by checkpoint: Checkpoint) throws(AuditError) -> [ArraySlice<UInt8>] {
        var tree = TileTree(size: checkpoint.size, source: self)
        var entries: [ArraySlice<UInt8>] = []
        var next = range.lowerBound
        while next < range.upperBound {
            // A bundle at a time, so that what cannot be read is named by its entry.
            let end = min(range.upperBound, (next / TileName.fullWidth + 1) * TileName.fullWidth)
            do throws(AuditError) {
                for entry in try self.entries(next..<end, size: checkpoint.size) {
                    let path = try tree.inclusion(of: next)
                    let isSigned = MerkleProof.includes(
                        leaf: .leaf(entry),
                        index: next,
                        size: checkpoint.size,
                        path: path,
                        root: checkpoint.root
                    )
                    guard isSigned else {
                        throw AuditError(.contradiction, "it is not the one that was signed")
                    }
                    entries.append(entry)
                    next += 1
                }
            } catch {
                throw AuditError(
                    error.code,
                    "entry \(next) of the audit log: \(error.message)",
                    help: "see `lockstep audit verify`"
                )
            }
        }
        return entries
    }

    /// The name of the bundle that holds an entry of a log of this size.
    package static func bundle(of index: Int, size: Int) -> TileName {
        let place = index / TileName.fullWidth
        return TileName(.entries, index: place, width: min(TileName.fullWidth, size - place * TileName.fullWidth))
    }

    private func bytes(of name: TileName) throws(AuditError) -> [UInt8]? {
        let limit = name.kind == .entries ? EntryBundle.maximumBytes : TileName.fullWidth * TreeHash.byteCount
        do throws(FileFault) {
            return try disk.read(name.path, limit: limit)
        } catch {
            if error == .missing { return nil }
            throw AuditError(fault: error, at: name.path)
        }
    }
}
