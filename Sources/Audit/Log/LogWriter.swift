import Core

/// Appends to a log, one writer an origin: an entry that was accepted is never lost, and what is signed never forks.
///
/// Entries are staged, gathered for a moment and written to the journal as one batch with one sync: `commit`. From time
/// to time they are put into tiles and the tree over them is signed: `publish`. Only what is durable is signed, and a
/// tree follows from its entries alone, so a crash at any instant leads to the same tree. `LogRecovery` has the rest.
///
/// One value is owned by one thread; the disk's lock keeps other processes away.
package struct LogWriter<Disk: LogDisk>: ~Copyable {
    package let origin: String
    let disk: Disk
    let signers: [NoteSigner]

    /// The edge of the tree over everything that was accepted.
    var frontier = TreeFrontier()
    /// The accepted entries after the last full bundle, as a bundle has them.
    var bundle: [UInt8] = []
    /// Full tiles and bundles that are in the journal and not yet in files.
    var unwritten: [(name: TileName, bytes: [UInt8])] = []
    var journalLength = 0
    /// The last checkpoint that is durable.
    var published: SignedCheckpoint?
    /// Why nothing may be written any more; a log that is opened anew knows what is durable, this value does not.
    private var stop: AuditError?

    private var stagedHashes: [TreeHash] = []
    private var stagedPayload: [UInt8] = []
    private var firstStaged: Duration?

    /// How long a batch may gather.
    package static var gathering: Duration { .milliseconds(5) }
    /// A batch of more is due at once.
    private static var fullBatch: Int { 1 << 20 }
    /// A journal of more is begun anew when the tree over it is published.
    private static var longJournal: Int { 1 << 20 }
    /// The journal is not let grow further without publishing.
    private static var fullJournal: Int { 64 << 20 }

    /// Opens a log, or makes it where there is none, and recovers from whatever a crash left.
    ///
    /// The first of the signers has the origin as its name. `trusted` are the keys whose checkpoint is gone on from: those
    /// of the signers, and of those before them. The time is in seconds since 1970.
    /// - Throws: `contradiction`, `damaged` or `untrusted` where the files are not what this log can have written; then
    ///   nothing was changed.
    package init(
        _ disk: consuming Disk,
        origin: String,
        signers: [NoteSigner],
        trusted: [VerifierKey],
        at time: UInt64
    ) throws(AuditError) {
        precondition(signers.first?.verifier.name == origin, "the writer signs under the name of its log")
        self.disk = disk
        self.origin = origin
        self.signers = signers
        try recover(trusted: trusted, at: time)
    }

    /// How many entries are accepted.
    package var size: Int { frontier.size }
    /// The checkpoint that others can see.
    package var checkpoint: SignedCheckpoint? { published }

    // MARK: - Accepting

    /// Takes an entry into the batch that gathers; it counts when `commit` has returned.
    ///
    /// `now` is what a steady clock of the caller shows.
    /// - Returns: The index that the entry will have.
    /// - Throws: `entrySize`, or `stopped` after a write that failed badly.
    package mutating func stage(_ entry: some Collection<UInt8>, at now: Duration) throws(AuditError) -> Int {
        if let stop { throw stop }
        guard entry.count <= EntryBundle.maximumEntry else {
            throw AuditError(.entrySize, "an entry of \(entry.count) bytes is too large for the audit log")
        }
        guard stagedPayload.count + entry.count < Journal.maximumBatch else {
            throw AuditError(.entrySize, "the batch is full")
        }
        EntryBundle.append(entry, to: &stagedPayload)
        stagedHashes.append(.leaf(entry))
        firstStaged = firstStaged ?? now
        return size + stagedHashes.count - 1
    }

    /// When the batch has to be committed by the caller's clock; nothing while it is empty.
    package var due: Duration? {
        guard let firstStaged else { return nil }
        return stagedPayload.count >= Self.fullBatch ? firstStaged : firstStaged + Self.gathering
    }

    /// Makes the batch durable: after this its entries are accepted.
    ///
    /// When it throws, none of the batch is accepted. It may be found in the log all the same where only the sync
    /// failed, as after any request whose answer was lost; then the writer has stopped, and the log is opened anew.
    /// - Returns: The indexes of the accepted entries.
    @discardableResult
    package mutating func commit() throws(AuditError) -> Range<Int> {
        if let stop { throw stop }
        guard !stagedHashes.isEmpty else { return size..<size }
        let hashes = stagedHashes
        let payload = stagedPayload
        stagedHashes.removeAll(keepingCapacity: true)
        stagedPayload.removeAll(keepingCapacity: true)
        firstStaged = nil
        let batch = Journal.batch(first: size, hashes: hashes, payload: payload)
        do throws(FileFault) {
            try disk.append(batch, to: LogFile.journal, at: journalLength)
        } catch {
            // The next batch is written over what is there; cut, so that a disk that is full has its space back.
            do throws(FileFault) { try disk.cut(LogFile.journal, to: journalLength) } catch {
                halt(error, LogFile.journal)
            }
            throw AuditError(fault: error, at: LogFile.journal)
        }
        do throws(FileFault) {
            try disk.sync(LogFile.journal)
        } catch {
            // After a failed fsync the kernel may call the pages clean (fsyncgate): nobody knows what is durable.
            halt(error, LogFile.journal)
            throw AuditError(fault: error, at: LogFile.journal)
        }
        journalLength += batch.count
        let first = size
        accept(hashes, payload)
        return first..<size
    }

    /// Puts durable entries into the tree.
    mutating func accept(_ hashes: [TreeHash], _ payload: [UInt8]) {
        var place = 0
        for hash in hashes {
            let length = 2 + Int(payload[place]) << 8 + Int(payload[place + 1])
            bundle += payload[place..<(place + length)]
            place += length
            var full: [(name: TileName, bytes: [UInt8])] = []
            frontier.append(hash) { name, hashes in full.append((name, Self.bytes(hashes))) }
            guard !full.isEmpty else { continue }
            unwritten.append((TileName(.entries, index: size / TileName.fullWidth - 1), bundle))
            unwritten += full
            bundle.removeAll(keepingCapacity: true)
        }
    }

    // MARK: - Publishing

    /// Signs the tree over everything that was accepted, once its tiles are durable.
    ///
    /// The time is in seconds since 1970, for cosignatures.
    /// - Returns: The checkpoint that others can see now.
    /// - Throws: What the disk said; entries that were accepted stay accepted, and it can be tried again.
    @discardableResult
    package mutating func publish(at time: UInt64) throws(AuditError) -> SignedCheckpoint {
        if let stop { throw stop }
        try commit()
        if let published, published.checkpoint.size == size, isSigned(published) { return published }
        try writeTiles()
        let checkpoint = Checkpoint(origin: origin, size: size, root: frontier.root)
        let signed = try SignedCheckpoint(checkpoint, signers: signers, at: time)
        do throws(FileFault) { try disk.replace(LogFile.checkpoint, with: signed.bytes) } catch {
            throw AuditError(fault: error, at: LogFile.checkpoint)
        }
        let last = published?.checkpoint.size ?? 0
        published = signed
        try noteKeys()
        clearPartial(from: last)
        if journalLength > Self.longJournal { try beginJournal() }
        return signed
    }

    /// Whether the journal is so long that `publish` is due before more is accepted.
    package var isPublishingDue: Bool { journalLength > Self.fullJournal }

    private func isSigned(_ checkpoint: SignedCheckpoint) -> Bool {
        signers.allSatisfy { signer in
            checkpoint.note.signatures.contains { $0.name == signer.verifier.name && $0.keyID == signer.verifier.id }
        }
    }

    private mutating func writeTiles() throws(AuditError) {
        var tiles = unwritten
        let width = size % TileName.fullWidth
        if width > 0 { tiles.append((TileName(.entries, index: size / TileName.fullWidth, width: width), bundle)) }
        tiles += frontier.partialTiles.map { ($0.name, Self.bytes($0.hashes)) }
        // A tile that the last signature stands on is never opened for writing again.
        let kept = Set(TileName.partial(ofSize: published?.checkpoint.size ?? 0))
        tiles.removeAll { kept.contains($0.name) }
        var folders: Set<String> = []
        for tile in tiles {
            do throws(FileFault) { folders.formUnion(try disk.write(tile.bytes, to: tile.name.path)) } catch {
                throw AuditError(fault: error, at: tile.name.path)
            }
        }
        for tile in tiles {
            do throws(FileFault) { try disk.sync(tile.name.path) } catch {
                throw AuditError(fault: error, at: tile.name.path)
            }
        }
        for folder in folders.sorted(by: >) {
            do throws(FileFault) { try disk.syncFolder(folder) } catch { throw AuditError(fault: error, at: folder) }
        }
        unwritten.removeAll()
    }

    /// Writes down which keys sign, beside those that did.
    private func noteKeys() throws(AuditError) {
        let known = (try? disk.read(LogFile.keys, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let lines = known.split(separator: "\n").map(String.init)
        let new = signers.map(\.verifier.description).filter { !lines.contains($0) }
        guard !new.isEmpty else { return }
        let text = (lines + new.reversed()).map { $0 + "\n" }.joined()
        do throws(FileFault) { try disk.replace(LogFile.keys, with: Array(text.utf8)) } catch {
            throw AuditError(fault: error, at: LogFile.keys)
        }
    }

    /// Takes away the partial tiles whose full one is published now, as C2SP tlog-tiles allows; a failure only leaves some.
    private func clearPartial(from last: Int) {
        for name in TileName.partial(ofSize: last) {
            let level = if case .hashes(let level) = name.kind { level } else { 0 }
            guard size >> (8 * (level + 1)) > name.index else { continue }
            let folder = TileName(name.kind, index: name.index, width: 1).folder
            for file in (try? disk.files(below: folder)) ?? [] { try? disk.remove(file) }
        }
    }

    /// Begins the journal anew after everything in it was published.
    mutating func beginJournal() throws(AuditError) {
        let header = Journal.header(base: size)
        do throws(FileFault) { try disk.replace(LogFile.journal, with: header) } catch {
            // Old or new, both are right; which one it is must be known before more is written.
            halt(error, LogFile.journal)
            throw AuditError(fault: error, at: LogFile.journal)
        }
        journalLength = header.count
    }

    private mutating func halt(_ fault: FileFault, _ name: String) {
        stop = AuditError(
            .stopped,
            "the audit log stopped after `\(name)` could not be written: it \(fault.sentence)",
            help: "look at the disk; the next start takes up what is durable"
        )
    }

    static func bytes(_ hashes: [TreeHash]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(hashes.count * TreeHash.byteCount)
        for hash in hashes { hash.append(to: &bytes) }
        return bytes
    }
}
