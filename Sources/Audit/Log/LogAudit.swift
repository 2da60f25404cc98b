import Core

/// Reads a whole log and says of each file that is wrong what is wrong with it.
///
/// Everything is computed from the entries, one bundle after another in bounded memory, and compared with the tiles, the
/// journal and the signed root. Which of two files that differ is the wrong one, the signed root says.
package struct LogAudit: Sendable {
    /// One thing that is wrong, and where.
    package struct Finding: Hashable, Sendable {
        package let code: AuditError.Code
        package let file: String
        /// The entry of the log that it is about, where it is about one.
        package let entry: Int?
        package let message: String
    }

    package private(set) var findings: [Finding] = []
    /// The checkpoint, if a trusted key of the writer signed it.
    package private(set) var checkpoint: Checkpoint?
    package private(set) var signedBy: [SignedNote.Verified] = []
    /// Entries that were accepted after the checkpoint and are in the journal only.
    package private(set) var unsigned = 0
    /// How many files of tiles and entries were compared.
    package private(set) var files = 0

    /// Checks a log against the keys that are trusted and checkpoints that are known from before.
    ///
    /// Nothing in a folder tells a writer's own log from a copy that was given on: a copy needs no journal, and whoever
    /// takes the journal away can take away any other sign as well. So the caller says with `isOwn` that the log is
    /// written here; then a missing journal is a finding, as the next writer would refuse it, and so is what others may
    /// write to.
    /// - Throws: `missing` where there is no log; what is wrong with one is a finding.
    package init(
        _ disk: some LogDisk,
        keys: [VerifierKey],
        known: [(name: String, checkpoint: SignedCheckpoint)] = [],
        isOwn: Bool = false
    ) throws(AuditError) {
        let signed: SignedCheckpoint
        do throws(AuditError) {
            signed = try LogReader(disk).checkpoint()
        } catch {
            guard error.code == .malformed else { throw error }
            add(error.code, LogFile.checkpoint, nil, error.message)
            return
        }
        do throws(AuditError) {
            checkpoint = try signed.verified(by: keys)
            signedBy = try signed.note.verified(by: keys)
        } catch {
            // The rest is compared with what it claims all the same: that names the files that are wrong.
            add(error.code, LogFile.checkpoint, nil, error.message)
        }
        var walk = Walk(disk, signed.checkpoint)
        for (name, earlier) in known {
            do throws(AuditError) {
                let old = try earlier.verified(by: keys)
                guard old.origin == signed.checkpoint.origin else {
                    throw AuditError(.contradiction, "it is a checkpoint of `\(old.origin)`")
                }
                guard old.size <= signed.checkpoint.size else {
                    throw AuditError(
                        .contradiction,
                        "it knows \(old.size) entries and the log has \(signed.checkpoint.size): the log was cut or put back"
                    )
                }
                walk.known.append((name, old))
            } catch {
                add(error.code, name, nil, error.message)
            }
        }
        if isOwn { readRights(disk) }
        readJournal(disk, &walk, isOwn: isOwn)
        readNames(disk, &walk)
        readKeys(disk, keys)
        walk.run()
        unsigned = walk.unsigned
        files = walk.files
        findings += walk.findings
    }

    private mutating func add(_ code: AuditError.Code, _ file: String, _ entry: Int?, _ message: String) {
        findings.append(Finding(code: code, file: file, entry: entry, message: message))
    }

    /// What others may write to is theirs by the time somebody signs it.
    private mutating func readRights(_ disk: some LogDisk) {
        do throws(FileFault) {
            for (name, fault) in try disk.exposed() {
                add(.exposed, name.isEmpty ? "." : name, nil, "it \(fault.sentence)")
            }
        } catch {
            add(.unusable, ".", nil, "the folder \(error.sentence)")
        }
    }

    /// Every file is a part of the log, or named as none.
    private mutating func readNames(_ disk: some LogDisk, _ walk: inout Walk<some LogDisk>) {
        let names: [String]
        do throws(FileFault) { names = try disk.files(below: "") } catch {
            return add(.unusable, "", nil, "the folder \(error.sentence)")
        }
        for name in names where !LogFile.all.contains(name) {
            guard let tile = TileName(path: name), walk.mayHave(tile) else {
                add(.contradiction, name, nil, "it is no part of the log")
                continue
            }
            if !tile.isFull { walk.partial[tile.whole, default: []].append(tile) }
        }
    }

    private mutating func readJournal(_ disk: some LogDisk, _ walk: inout Walk<some LogDisk>, isOwn: Bool) {
        do throws(FileFault) {
            let bytes = try disk.read(LogFile.journal, limit: Journal.maximumBytes)
            do throws(AuditError) {
                let journal = try Journal(bytes)
                let end = journal.base + journal.entries.count
                if journal.isTorn {
                    add(
                        .damaged,
                        LogFile.journal,
                        end,
                        "it does not end in a whole batch: a crash leaves this, and the next writer cuts it off"
                    )
                }
                if journal.base > walk.claimed.size || end < walk.claimed.size {
                    add(
                        .contradiction,
                        LogFile.journal,
                        nil,
                        "it has entries \(journal.base) to \(end) and \(walk.claimed.size) are signed"
                    )
                }
                walk.journal = (journal.base, journal.hashes)
            } catch {
                add(error.code, LogFile.journal, nil, error.message)
            }
        } catch {
            guard error == .missing else { return add(.unusable, LogFile.journal, nil, "it \(error.sentence)") }
            // A copy for others needs none.
            guard isOwn else { return }
            add(
                .contradiction,
                LogFile.journal,
                nil,
                "there is a checkpoint and no journal: what was accepted after it is gone"
            )
        }
    }

    private mutating func readKeys(_ disk: some LogDisk, _ keys: [VerifierKey]) {
        guard let bytes = try? disk.read(LogFile.keys, limit: 1 << 20) else { return }
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
            .dropLast()
        {
            do throws(AuditError) {
                let key = try VerifierKey(line)
                guard !keys.contains(key) else { continue }
                add(.untrusted, LogFile.keys, nil, "it names the key `\(key.hexadecimalID)`, which is not trusted here")
            } catch {
                guard error.code != .unsupported else { continue }
                add(error.code, LogFile.keys, nil, error.message)
            }
        }
        if bytes.last != UInt8(ascii: "\n") { add(.malformed, LogFile.keys, nil, "its last line has no end") }
    }
}

/// The reading of all bundles and tiles of one log.
private struct Walk<Disk: LogDisk> {
    let disk: Disk
    let claimed: Checkpoint
    var known: [(name: String, checkpoint: Checkpoint)] = []
    /// Partial tiles that are there, by the full one that they become.
    var partial: [TileName: [TileName]] = [:]
    var journal: (base: Int, hashes: [TreeHash])?
    var unsigned = 0
    var files = 0
    var findings: [LogAudit.Finding] = []

    /// The tree that the entries make, and the one that the lowest tiles make; one until they differ.
    private var byEntries = TreeFrontier()
    private var byTiles: TreeFrontier?
    /// Where entries and the lowest tiles differ: whose fault it is, the root says.
    private var differing: [(entry: Int, bundle: TileName, tile: TileName)] = []
    /// What is wrong with higher tiles if the entries are right, and if the lowest tiles are.
    private var higher: (entries: [LogAudit.Finding], tiles: [LogAudit.Finding]) = ([], [])
    private var isReadable = true

    init(_ disk: Disk, _ claimed: Checkpoint) {
        self.disk = disk
        self.claimed = claimed
    }

    /// Whether a log of this size can have such a tile.
    ///
    /// One that is being written, or whose writer was killed, goes beyond the signature, and never beyond the journal.
    func mayHave(_ name: TileName) -> Bool {
        let level = if case .hashes(let level) = name.kind { level } else { 0 }
        let size = max(claimed.size, journal.map { $0.base + $0.hashes.count } ?? 0)
        let all = size >> (8 * level)
        return name.index * TileName.fullWidth + name.width <= all
    }

    mutating func run() {
        let count = claimed.size / TileName.fullWidth + (claimed.size % TileName.fullWidth > 0 ? 1 : 0)
        // A size that no folder can hold must not keep us: what lies there ends it.
        for index in 0..<count {
            guard isReadable else { break }
            read(index)
        }
        guard isReadable else {
            findings += higher.entries
            return
        }
        for (name, hashes) in byEntries.partialTiles { compare(name, hashes, into: \.higher.entries) }
        for (name, hashes) in byTiles?.partialTiles ?? [] { compare(name, hashes, into: \.higher.tiles) }
        judge()
        compareJournalEnd()
    }

    private mutating func read(_ index: Int) {
        let width = min(TileName.fullWidth, claimed.size - index * TileName.fullWidth)
        let bundle = TileName(.entries, index: index, width: width)
        let tile = TileName(.hashes(level: 0), index: index, width: width)
        let first = index * TileName.fullWidth
        let written: [TreeHash]
        let computed: [TreeHash]
        do throws(AuditError) {
            written = try LogReader(disk).hashes(tile)
        } catch {
            return stop(error, tile.path, first)
        }
        do throws(AuditError) {
            computed = try LogReader(disk).entries(bundle).map { TreeHash.leaf($0) }
        } catch {
            return stop(error, bundle.path, first)
        }
        files += 2
        readPartial(bundle.whole, computed) { bytes, name throws(AuditError) in
            try EntryBundle.entries(bytes, of: name).map { TreeHash.leaf($0) }
        }
        readPartial(tile.whole, written) { bytes, name throws(AuditError) in try name.hashes(bytes) }
        for offset in 0..<width {
            let entry = first + offset
            compareKnown(entry)
            compareJournal(entry, computed[offset])
            if computed[offset] != written[offset] {
                differing.append((entry, bundle, tile))
                if byTiles == nil {
                    byTiles = byEntries
                    higher.tiles = higher.entries
                }
            }
            append(computed[offset], to: \.byEntries, \.higher.entries)
            if byTiles != nil { appendToTiles(written[offset]) }
        }
    }

    private mutating func stop(_ error: AuditError, _ path: String, _ entry: Int) {
        isReadable = false
        add(error.code, path, entry, error.message)
    }

    private mutating func append(
        _ hash: TreeHash,
        to frontier: WritableKeyPath<Self, TreeFrontier>,
        _ faults: WritableKeyPath<Self, [LogAudit.Finding]>
    ) {
        var full: [(TileName, [TreeHash])] = []
        self[keyPath: frontier].append(hash) { full.append(($0, $1)) }
        for (name, hashes) in full { compare(name, hashes, into: faults) }
    }

    private mutating func appendToTiles(_ hash: TreeHash) {
        guard var frontier = byTiles else { return }
        byTiles = nil
        var full: [(TileName, [TreeHash])] = []
        frontier.append(hash) { full.append(($0, $1)) }
        byTiles = frontier
        for (name, hashes) in full { compare(name, hashes, into: \.higher.tiles) }
    }

    /// Compares a tile above the lowest with what the tiles below it make.
    private mutating func compare(
        _ name: TileName,
        _ hashes: [TreeHash],
        into faults: WritableKeyPath<Self, [LogAudit.Finding]>
    ) {
        guard name.kind != .hashes(level: 0) else { return }
        files += 1
        do throws(AuditError) {
            let written = try LogReader(disk).hashes(name)
            if written != hashes {
                self[keyPath: faults].append(
                    .init(
                        code: .contradiction,
                        file: name.path,
                        entry: nil,
                        message: "it does not follow from the tiles below it"
                    )
                )
            }
        } catch {
            self[keyPath: faults].append(.init(code: error.code, file: name.path, entry: nil, message: error.message))
        }
        // The older partial ones of the same place begin as it does.
        readPartial(name.whole, hashes) { bytes, name throws(AuditError) in try name.hashes(bytes) }
    }

    private mutating func readPartial(
        _ whole: TileName,
        _ hashes: [TreeHash],
        _ decode: ([UInt8], TileName) throws(AuditError) -> [TreeHash]
    ) {
        for name in partial.removeValue(forKey: whole) ?? [] where name.width < hashes.count {
            files += 1
            do throws(FileFault) {
                let bytes = try disk.read(name.path, limit: EntryBundle.maximumBytes)
                do throws(AuditError) {
                    let old = try decode(bytes, name)
                    guard let place = old.indices.first(where: { old[$0] != hashes[$0] }) else { continue }
                    let isEntry = name.kind == .entries || name.kind == .hashes(level: 0)
                    let entry = isEntry ? name.index * TileName.fullWidth + place : nil
                    add(.contradiction, name.path, entry, "it does not begin as the later one of its place")
                } catch {
                    add(error.code, name.path, nil, error.message)
                }
            } catch {
                // A writer may take it away meanwhile.
                if error != .missing { add(.unusable, name.path, nil, "it \(error.sentence)") }
            }
        }
    }

    private mutating func compareKnown(_ entry: Int) {
        for (name, old) in known where old.size == entry && old.size > 0 { compareRoot(name, old) }
    }

    private mutating func compareRoot(_ name: String, _ old: Checkpoint) {
        guard byEntries.root != old.root, byTiles?.root != old.root else { return }
        add(
            .contradiction,
            name,
            nil,
            "the log does not begin with the \(old.size) entries that it was signed for: its history was rewritten"
        )
    }

    private mutating func compareJournal(_ entry: Int, _ hash: TreeHash) {
        guard let journal, entry >= journal.base, entry - journal.base < journal.hashes.count,
            journal.hashes[entry - journal.base] != hash
        else { return }
        add(.contradiction, LogFile.journal, entry, "it has another entry than the bundle")
    }

    private mutating func compareJournalEnd() {
        for (name, old) in known where old.size == claimed.size { compareRoot(name, old) }
        if let journal { unsigned = max(0, journal.base + journal.hashes.count - claimed.size) }
    }

    /// Says whose fault it is where entries and tiles differ.
    private mutating func judge() {
        let entriesHold = byEntries.root == claimed.root
        let tilesHold = (byTiles ?? byEntries).root == claimed.root
        if entriesHold || !tilesHold { findings += higher.entries } else { findings += higher.tiles }
        for (entry, bundle, tile) in differing {
            if entriesHold {
                add(.contradiction, tile.path, entry, "it does not have the hash of entry \(entry)")
            } else {
                add(.contradiction, bundle.path, entry, "entry \(entry) is not the one that was signed")
            }
        }
        if !entriesHold, !tilesHold {
            add(.contradiction, LogFile.checkpoint, nil, "the entries do not lead to the signed root")
        }
    }

    private mutating func add(_ code: AuditError.Code, _ file: String, _ entry: Int?, _ message: String) {
        findings.append(.init(code: code, file: file, entry: entry, message: message))
    }
}
