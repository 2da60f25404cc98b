import Core

extension LogWriter {
    /// Takes up the log where it is, or begins it.
    ///
    /// What is signed is believed first: the tiles must lead to the root of the checkpoint, the last entries to their
    /// hashes, and the journal must reach as far as the signature. Only then a torn end of the journal, which no caller
    /// was told to be accepted, is cut off. Everything else is refused as it is, since going on would sign a fork.
    mutating func recover(trusted: [VerifierKey], at time: UInt64) throws(AuditError) {
        let checkpoint = try signed(by: trusted)
        let journal = try journal()
        switch (checkpoint, journal) {
        case (nil, nil):
            guard try files().isEmpty else {
                throw contradiction("there are tiles and neither a checkpoint nor a journal")
            }
            try beginJournal()
            try publish(at: time)
        case (nil, let journal?):
            // The first checkpoint, over nothing, comes right after the empty journal and before any entry.
            guard journal.base == 0, journal.entries.isEmpty, try files().isEmpty else {
                throw contradiction("there are entries and no checkpoint")
            }
            try beginJournal()
            try publish(at: time)
        case (.some, nil):
            throw contradiction("there is a checkpoint and no journal")
        case (let checkpoint?, let journal?):
            published = checkpoint
            let tail = try edge(of: checkpoint.checkpoint)
            try goOn(with: journal, after: checkpoint.checkpoint, tail: tail)
        }
    }

    private func signed(by trusted: [VerifierKey]) throws(AuditError) -> SignedCheckpoint? {
        let signed: SignedCheckpoint
        do throws(AuditError) {
            signed = try LogReader(disk).checkpoint()
        } catch {
            if error.code == .missing { return nil }
            throw error
        }
        let checkpoint: Checkpoint
        do throws(AuditError) {
            checkpoint = try signed.verified(by: trusted)
        } catch {
            throw AuditError(
                .untrusted,
                "the checkpoint of the audit log is not from this writer: \(error.message)",
                help: AuditError.restoring
            )
        }
        guard checkpoint.origin == origin else {
            throw contradiction("its checkpoint is that of `\(checkpoint.origin)`")
        }
        return signed
    }

    private func journal() throws(AuditError) -> Journal? {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try disk.read(LogFile.journal, limit: Journal.maximumBytes)
        } catch {
            if error == .missing { return nil }
            throw AuditError(fault: error, at: LogFile.journal)
        }
        return try Journal(bytes)
    }

    private func files() throws(AuditError) -> [String] {
        do throws(FileFault) { return try disk.files(below: "tile") } catch {
            throw AuditError(fault: error, at: "tile")
        }
    }

    /// Reads the right edge of the signed tree and compares it with the signature.
    ///
    /// - Returns: The hashes of the entries after the last full tile.
    private mutating func edge(of checkpoint: Checkpoint) throws(AuditError) -> [TreeHash] {
        let reader = LogReader(disk)
        var tiles: [TileName: [TreeHash]] = [:]
        var tail: [TreeHash] = []
        for name in TileName.partial(ofSize: checkpoint.size) where name.kind != .entries {
            let hashes = try reader.hashes(name)
            tiles[name] = hashes
            if name.kind == .hashes(level: 0) { tail = hashes }
        }
        guard let edge = TreeFrontier(size: checkpoint.size, tiles: tiles), edge.root == checkpoint.root else {
            throw contradiction("its tiles do not lead to the signed root of \(checkpoint.size) entries")
        }
        frontier = edge
        guard let name = TileName.partial(ofSize: checkpoint.size).first, name.kind == .entries else { return tail }
        for (offset, entry) in try reader.entries(name).enumerated() {
            guard TreeHash.leaf(entry) == tail[offset] else {
                let index = name.index * TileName.fullWidth + offset
                throw contradiction("entry \(index) in `\(name.path)` is not the one that was signed")
            }
            EntryBundle.append(entry, to: &bundle)
        }
        return tail
    }

    /// Takes the entries that were accepted after the signature out of the journal.
    private mutating func goOn(
        with journal: Journal,
        after checkpoint: Checkpoint,
        tail: [TreeHash]
    ) throws(AuditError) {
        let signed = checkpoint.size
        guard journal.base <= signed else {
            throw contradiction("its journal begins at entry \(journal.base) and its checkpoint ends at \(signed)")
        }
        let known = signed - journal.base
        guard journal.entries.count >= known else {
            throw contradiction(
                "its journal ends at entry \(journal.base + journal.entries.count) and \(signed) are signed"
            )
        }
        let first = signed - tail.count
        for index in max(first, journal.base)..<signed where journal.hashes[index - journal.base] != tail[index - first]
        {
            throw contradiction("entry \(index) in its journal is not the one that was signed")
        }
        journalLength = journal.length
        if journal.isTorn {
            do throws(FileFault) {
                try disk.cut(LogFile.journal, to: journal.length)
                try disk.sync(LogFile.journal)
            } catch {
                throw AuditError(fault: error, at: LogFile.journal)
            }
        }
        guard journal.entries.count > known else { return }
        try clearUnsigned(from: signed, to: journal.base + journal.entries.count)
        // A process that died may have left whole batches unsynced: signed is only what is durable.
        do throws(FileFault) { try disk.sync(LogFile.journal) } catch {
            throw AuditError(fault: error, at: LogFile.journal)
        }
        var payload: [UInt8] = []
        for entry in journal.entries[known...] { EntryBundle.append(entry, to: &payload) }
        accept(Array(journal.hashes[known...]), payload)
    }

    /// Takes away the partial tiles of a publication that never came to its signature: they may be torn.
    ///
    /// A full one needs no care: it is written anew before a signature stands on it, under the same name.
    private func clearUnsigned(from signed: Int, to end: Int) throws(AuditError) {
        for level in 0..<TileName.levels where end >> (8 * level) > 0 {
            for kind in level == 0 ? [.entries, .hashes(level: 0)] : [TileName.Kind.hashes(level: level)] {
                let here = signed >> (8 * level)
                for index in (here / TileName.fullWidth)...(end >> (8 * level) / TileName.fullWidth) {
                    try clear(TileName(kind, index: index, width: 1).folder) { name in
                        name.index * TileName.fullWidth + name.width > here
                    }
                }
            }
        }
    }

    private func clear(_ folder: String, where isUnsigned: (TileName) -> Bool) throws(AuditError) {
        do throws(FileFault) {
            for file in try disk.files(below: folder) where TileName(path: file).map(isUnsigned) ?? false {
                try disk.remove(file)
            }
        } catch {
            throw AuditError(fault: error, at: folder)
        }
    }

    private func contradiction(_ reason: String) -> AuditError {
        AuditError(
            .contradiction,
            "the audit log of `\(origin)` contradicts itself: \(reason)",
            help: AuditError.restoring
        )
    }
}
