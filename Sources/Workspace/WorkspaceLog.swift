package import Audit
package import Core
import FoundationEssentials
package import Identity
package import Ledger

/// The workspace's own audit log, in `.lockstep/audit/workspace/`: what was decided about every run, for outsiders to check.
///
/// Events reach it out of the ledger's outbox, in order and once each. It is signed with a key that follows from the
/// `audit` key of the workspace, so nothing else has to be kept; after a rotation the keys before it sign beside it.
package struct WorkspaceLog: Sendable {
    package let folder: WorkspaceFolder
    private let keys: KeyStore
    private let name: String

    /// The log of a workspace; one of another name is that which a restore looks at.
    package init(folder: WorkspaceFolder, keys: KeyStore, name: String = "workspace") {
        self.folder = folder
        self.keys = keys
        self.name = name
    }

    package var path: String { folder.audit + "/" + name }
    package var exists: Bool { FileManager.default.fileExists(atPath: path) }

    /// So many keys from before the last rotation go on signing.
    private static let keptSigners = 3
    /// So many events are delivered with one signature.
    private static let portion = 512

    /// The published part of the log.
    package var reader: LogReader<FileDisk> { LogReader(FileDisk(reading: path)) }

    // MARK: - Keys

    /// The keys of this workspace that may have signed a log of this origin, the one in use first.
    package func trusted(origin: String) throws -> [VerifierKey] {
        try signers(origin: origin).map(\.verifier)
    }

    private func signers(origin: String) throws -> [NoteSigner] {
        let ring = try keys.load(.audit)
        return try ([ring.current] + ring.retired).map { key in
            // Made for this alone: seals and requests are made over texts that begin otherwise.
            let seed = key.authenticationCode(Array("lockstep.audit-log/1:ed25519:\(origin)".utf8))
            return try NoteSigner(name: origin, kind: .ed25519, seed: Redacted(seed))
        }
    }

    /// The origin of the log that is here; a new one where there is none.
    ///
    /// What the checkpoint claims is safe to take: a key follows from the origin, and only the right one verifies.
    private func origin() throws -> String {
        do throws(AuditError) {
            return try reader.checkpoint().checkpoint.origin
        } catch {
            guard error.code == .missing else { throw error }
        }
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<8).map { _ in UInt8.random(in: 0...255, using: &random) }
        return "lockstep.workspace/" + Hexadecimal.encode(bytes)
    }

    private func writer(_ now: Timestamp, _ patience: LogPatience = .init(limit: nil)) throws -> LogWriter<FileDisk> {
        let disk = try FileDisk(writing: path, patience: patience)
        let origin = try origin()
        let signers = try signers(origin: origin)
        return try LogWriter(
            disk,
            origin: origin,
            signers: Array(signers.prefix(1 + Self.keptSigners)),
            trusted: signers.map(\.verifier),
            at: Self.seconds(now)
        )
    }

    private static func seconds(_ time: Timestamp) -> UInt64 { UInt64(max(0, time.microseconds / 1_000_000)) }

    // MARK: - Delivering

    /// Brings what waits in the outbox into the log; nothing is opened where nothing waits.
    ///
    /// Killed between the log and the mark in the ledger, the next one finds those events in the log by their hashes and
    /// only marks them; so it is with a ledger that was restored and is older than the log.
    /// - Returns: How many events were delivered.
    /// - Throws: `AuditError`, among them `locked` where the patience with another writer ended, `LedgerError`,
    ///   `KeyStoreError`; what was not delivered waits on.
    @discardableResult
    package func deliver(
        from ledger: Ledger,
        now: Timestamp,
        patience: LogPatience = LogPatience(limit: nil)
    ) throws -> Int {
        let told = ToldExceptions(folder)
        guard try !ledger.undelivered(limit: 1).isEmpty || !told.untold(ledger.exceptions(), now: now).isEmpty else {
            return 0
        }
        // Asked before there is a writer: a log that is gone would be begun anew, under another name and in silence.
        if try !hasCheckpoint(), let gone = try shortfall(of: 0, from: ledger) { throw gone }
        var log = try writer(now, patience)
        // What was accepted and not signed when a process died is signed first, and can then be read like the rest.
        try log.publish(at: Self.seconds(now))
        if let gone = try shortfall(of: log.size, from: ledger) { throw gone }
        let known = try unmarked(in: log, ledger)
        // Asked again, now that nobody else may write the log.
        let news = try told.untold(ledger.exceptions(), now: now)
        for entry in news where known[entry.members["hash"]?.string ?? ""] == nil {
            _ = try log.stage(entry.bytes, at: .zero)
        }
        if !news.isEmpty {
            try log.commit()
            try log.publish(at: Self.seconds(now))
            try told.note(news)
        }
        var count = news.count
        while true {
            let rows = try ledger.undelivered(limit: Self.portion)
            guard !rows.isEmpty else { return count }
            var places: [(id: Int64, index: Int)] = []
            for row in rows {
                let hash = Self.text(row.hash)
                if let index = known[hash] {
                    places.append((row.id, index))
                } else {
                    places.append((row.id, try log.stage(Self.entry(row).bytes, at: .zero)))
                }
            }
            try log.commit()
            try log.publish(at: Self.seconds(now))
            try ledger.markDelivered(places)
            count += rows.count
        }
    }

    /// Takes up what a killed writer left and signs it, where there is a log.
    func settle(now: Timestamp) throws {
        var log = try writer(now)
        try log.publish(at: Self.seconds(now))
    }

    /// Appends an entry of the workspace's own, and begins the log with it where there is none.
    func append(_ entry: AuditEntry, now: Timestamp) throws {
        var log = try writer(now)
        _ = try log.stage(entry.bytes, at: .zero)
        try log.publish(at: Self.seconds(now))
    }

    /// Marks what is in the log already and brings nothing into it.
    func reconcile(_ ledger: Ledger, now: Timestamp) throws {
        var log = try writer(now)
        try log.publish(at: Self.seconds(now))
        let known = try unmarked(in: log, ledger)
        let told = ToldExceptions(folder)
        let news = try told.untold(ledger.exceptions(), now: now)
        let heard = news.filter { known[$0.members["hash"]?.string ?? ""] != nil }
        if !heard.isEmpty { try told.note(heard) }
        while true {
            let rows = try ledger.undelivered(limit: Self.portion)
            var places: [(id: Int64, index: Int)] = []
            for row in rows {
                // They are delivered in order: behind the first that is not known all wait.
                guard let index = known[Self.text(row.hash)] else { break }
                places.append((row.id, index))
            }
            try ledger.markDelivered(places)
            if places.count < Self.portion { return }
        }
    }

    private func hasCheckpoint() throws(AuditError) -> Bool {
        do throws(AuditError) {
            _ = try reader.checkpoint()
            return true
        } catch {
            guard error.code == .missing else { throw error }
            return false
        }
    }

    /// What is wrong where a log of so many entries ends before one that the ledger delivered; nil where it does not.
    package func shortfall(of size: Int, from ledger: Ledger) throws(LedgerError) -> AuditError? {
        // After a restore that began a log anew its first entry stands for all that was delivered before.
        guard let last = try ledger.lastDelivered().map({ max(0, $0) }), last >= size else { return nil }
        return AuditError(
            .contradiction,
            (size == 0 ? "the audit log is gone" : "the audit log ends at entry \(size - 1)")
                + " and the ledger delivered entry \(last)" + (size == 0 ? "" : ": the log was put back"),
            help: "bring ledger and log back together with `lockstep restore FILE`"
        )
    }

    /// The entries after the last that the ledger marked, by the hash of their event.
    ///
    /// Among them is whatever was appended and not marked: a portion where a process died, and all that a ledger does not
    /// know of that is older than the log.
    private func unmarked(in log: borrowing LogWriter<FileDisk>, _ ledger: Ledger) throws -> [String: Int] {
        guard let checkpoint = log.checkpoint?.checkpoint else { return [:] }
        var next = max(0, (try ledger.lastDelivered() ?? -1) + 1)
        var known: [String: Int] = [:]
        while next < checkpoint.size {
            let range = next..<min(checkpoint.size, next + Self.portion)
            // An entry that was planted would keep its event out of the log.
            for (index, bytes) in zip(range, try reader.proven(range, by: checkpoint)) {
                guard let hash = AuditEntry(bytes)?.members["hash"]?.string, known[hash] == nil else { continue }
                known[hash] = index
            }
            next = range.upperBound
        }
        return known
    }

    private static func text(_ hash: [UInt8]) -> String { "sha256:" + Hexadecimal.encode(hash) }

    /// An event as strangers may see it.
    ///
    /// Who, which verdict, which result: words of closed sets and identifiers. Reasons, inputs, parameters and outputs
    /// stay in the ledger; `payload` is their digest, and `hash` that of the event with all that came before it.
    static func entry(_ row: OutboxRow) -> AuditEntry {
        var members: JSON.Object = [
            "run": .string(row.run.text), "sequence": .integer(Int64(row.event.sequence)),
            "event": .string(row.event.kind), "hash": .string(text(row.hash)),
            "payload": .string(Digest.sha256(Array(row.event.payload.utf8)).description),
        ]
        if !row.event.instance.isEmpty { members["step"] = .string(short(row.event.instance)) }
        let payload = try? JSON.parse(Array(row.event.payload.utf8))
        for (name, member) in [
            ("by", "by"), ("person", "by"), ("verdict", "verdict"), ("result", "result"), ("state", "state"),
            ("shown", "shown"), ("digest", "digest"),
        ] {
            if let word = payload?[name]?.string { members[member] = .string(short(word)) }
        }
        if let waiver = payload?["waiver"]?["id"]?.string { members["waiver"] = .string(short(waiver)) }
        if let isAuthenticated = payload?["authenticated"]?.bool { members["authenticated"] = .bool(isAuthenticated) }
        return AuditEntry(kind: "ledger.event", time: row.event.time, members: members)
    }

    /// A name that is longer than names are is told by its digest.
    private static func short(_ text: String) -> String {
        text.utf8.count <= 512 ? text : Digest.sha256(Array(text.utf8)).description
    }

    // MARK: - Looking

    /// What is wrong with the log, by the keys of this workspace.
    package func audit(known: [(name: String, checkpoint: SignedCheckpoint)] = []) throws -> LogAudit {
        let claimed: String
        do throws(AuditError) {
            claimed = try reader.checkpoint().checkpoint.origin
        } catch {
            guard error.code == .malformed else { throw error }
            claimed = ""
        }
        let keys = claimed.isEmpty ? [] : try trusted(origin: claimed)
        return try LogAudit(FileDisk(reading: path), keys: keys, known: known, isOwn: true)
    }
}
