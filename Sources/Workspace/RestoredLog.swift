import Audit
import Core
import FoundationEssentials
import Identity
import Ledger

/// With which audit log a workspace goes on after a restore: one origin never signs two histories.
///
/// The log that is there goes on where it begins with that of the backup. Where it is gone, or was put back, nobody knows
/// how far the origin signed: the log of the backup ends, and one under a new origin goes on from it and names it.
package enum RestoredLog: Hashable, Sendable {
    /// Nothing was signed before.
    case none
    /// The log that is there goes on, with so many entries more than the backup's has.
    case kept(more: Int)
    /// The backup's log lies in `folder`, below `audit/`; the new one names its last checkpoint.
    case begun(after: Int, folder: String)
    /// The backup's log goes on under its origin; somebody answers for it.
    case accepted(entries: Int)
    /// The log of the backup is not whole, and nothing goes on from it.
    case damaged
}

/// The restore of a log, on a staged state that nobody uses yet.
struct LogRestore {
    /// The state that is brought in.
    let staged: WorkspaceFolder
    /// The workspace as it is; nothing where it is another one than the one that was saved.
    let current: WorkspaceFolder?
    /// Why somebody answers for a log that may have been longer.
    let reason: String?
    let now: Timestamp

    private static let limit = 1 << 30
    /// Where the words of those who answered for it are kept; the log is for strangers and has their digest.
    private static let words = "rollbacks"

    func settle() throws -> RestoredLog {
        let log = WorkspaceLog(folder: staged, keys: KeyStore(directory: staged.keys))
        let saved = try whole(log)
        let there = try fetch()
        defer { try? FileManager.default.removeItem(atPath: incoming.path) }
        let ledger = try Ledger(path: staged.database, mayCreate: false)
        defer { try? ledger.close() }
        guard let saved else {
            // Nothing that could be compared was signed: a log that has all that the ledger delivered goes on.
            if let there, !there.isPutBack, try (ledger.lastDelivered() ?? -1) < there.checkpoint.checkpoint.size {
                return try keep(there.checkpoint, over: 0)
            }
            return log.exists ? .damaged : .none
        }
        if let there {
            if try extends(there.checkpoint, saved) {
                if !there.isPutBack { return try keep(there.checkpoint, over: saved.checkpoint.size) }
            } else if try !extends(saved, there.checkpoint, in: log) {
                guard reason != nil else { throw Self.forked(there.checkpoint.checkpoint, saved.checkpoint) }
                return try begin(log, after: saved, ledger)
            }
        }
        // A backup of a log that was put back already: nothing says how it went on.
        let isShort = try (ledger.lastDelivered() ?? -1) >= saved.checkpoint.size
        guard let reason, !isShort else {
            return isShort && reason == nil ? .damaged : try begin(log, after: saved, ledger)
        }
        try log.append(Self.entry("log.rollback", saved, reason, now), now: now)
        try note(reason, saved)
        return .accepted(entries: saved.checkpoint.size)
    }

    // MARK: - What is there

    private struct Current {
        var checkpoint: SignedCheckpoint
        /// Whether its ledger delivered more than it has.
        var isPutBack: Bool
    }

    /// A copy of the log that is there; what is there stays untouched, whatever comes of this.
    private var incoming: WorkspaceLog {
        WorkspaceLog(
            folder: staged,
            keys: KeyStore(directory: (current ?? staged).keys),
            name: "incoming"
        )
    }

    private func fetch() throws -> Current? {
        guard let current else { return nil }
        let log = WorkspaceLog(folder: current, keys: KeyStore(directory: current.keys))
        guard log.exists else { return nil }
        let disk = FileDisk(reading: log.path)
        do throws(FileFault) {
            for name in try disk.files(below: "") {
                let bytes = try disk.read(name, limit: Self.limit)
                do { try write(bytes, to: name) } catch { throw FileFault.failed(errno: 0) }
            }
        } catch {
            // A log that cannot be read is as good as gone.
            return nil
        }
        guard let checkpoint = try whole(incoming) else { return nil }
        let delivered = (try? Ledger(readOnly: current.database)).flatMap { ledger in
            defer { try? ledger.close() }
            return try? ledger.lastDelivered()
        }
        return Current(checkpoint: checkpoint, isPutBack: (delivered ?? -1) >= checkpoint.checkpoint.size)
    }

    private func write(_ bytes: [UInt8], to name: String) throws {
        var path = incoming.path
        try DurableFile.makeFolder(path)
        for part in name.split(separator: "/").dropLast() {
            path += "/" + part
            try DurableFile.makeFolder(path)
        }
        try DurableFile.write(bytes, to: incoming.path + "/" + name)
    }

    /// The checkpoint of a log whose every file is what was signed, after a torn end was cut off; nothing for another.
    private func whole(_ log: WorkspaceLog) throws -> SignedCheckpoint? {
        // Without a checkpoint a writer would begin a log.
        guard (try? log.reader.checkpoint()) != nil, (try? log.settle(now: now)) != nil, let audit = try? log.audit(),
            audit.findings.isEmpty
        else { return nil }
        return try log.reader.checkpoint()
    }

    /// Whether a log that is there begins with an older checkpoint, by a proof out of its own tiles.
    private func extends(
        _ new: SignedCheckpoint,
        _ old: SignedCheckpoint,
        in log: WorkspaceLog? = nil
    ) throws -> Bool {
        let (new, old) = (new.checkpoint, old.checkpoint)
        guard new.origin == old.origin, new.size >= old.size else { return false }
        guard old.size > 0 else { return true }
        var tree = TileTree(size: new.size, source: (log ?? incoming).reader)
        let path = try tree.consistency(from: old.size)
        return MerkleProof.extends(old: (old.size, old.root), new: (new.size, new.root), path: path)
    }

    // MARK: - Outcomes

    private func keep(_ checkpoint: SignedCheckpoint, over size: Int) throws -> RestoredLog {
        let place = staged.audit + "/workspace"
        try? FileManager.default.removeItem(atPath: place)
        try FileManager.default.moveItem(atPath: incoming.path, toPath: place)
        try keepKey()
        return .kept(more: checkpoint.checkpoint.size - size)
    }

    /// A log and the key that signs it go together: one that was rotated since the backup stays in use.
    private func keepKey() throws {
        guard let current, let ring = try? KeyStore(directory: current.keys).load(.audit) else { return }
        let saved = try? KeyStore(directory: staged.keys).load(.audit)
        let known = (saved.map { [$0.current] + $0.retired } ?? []).map(\.id)
        guard known.allSatisfy({ ring.key(id: $0) != nil }) else { return }
        let name = "/\(KeyPurpose.audit.rawValue).json"
        try DurableFile.write(try DurableFile.read(current.keys + name), to: staged.keys + name)
    }

    private func begin(_ log: WorkspaceLog, after saved: SignedCheckpoint, _ ledger: Ledger) throws -> RestoredLog {
        // What the old log has is not delivered again to the new one.
        try log.reconcile(ledger, now: now)
        try ledger.retireDeliveries()
        let folder = "workspace-\(saved.checkpoint.size)-" + saved.checkpoint.origin.suffix(16).filter(\.isHexDigit)
        try FileManager.default.moveItem(atPath: log.path, toPath: staged.audit + "/" + folder)
        try log.append(Self.entry("log.continued", saved, reason, now), now: now)
        if let reason { try note(reason, saved) }
        return .begun(after: saved.checkpoint.size, folder: folder)
    }

    /// What a log goes on from, as strangers may see it.
    private static func entry(
        _ kind: String,
        _ former: SignedCheckpoint,
        _ reason: String?,
        _ now: Timestamp
    ) -> AuditEntry {
        var members: JSON.Object = [
            "event": .string(kind), "former": .string(former.checkpoint.origin),
            "size": .integer(Int64(former.checkpoint.size)), "root": .string(former.checkpoint.root.base64),
            "checkpoint": .string(String(decoding: former.bytes, as: UTF8.self)),
        ]
        if let reason { members["reason"] = .string(Digest.sha256(Array(reason.utf8)).description) }
        return AuditEntry(kind: kind, time: now, members: members)
    }

    private func note(_ reason: String, _ former: SignedCheckpoint) throws {
        let path = staged.audit + "/" + Self.words
        let line: JSON.Value = [
            "time": .string(now.description), "reason": .string(reason),
            "former": .string(former.checkpoint.origin), "size": .integer(Int64(former.checkpoint.size)),
        ]
        let before = FileManager.default.fileExists(atPath: path) ? try DurableFile.read(path) : []
        try DurableFile.write(before + JSON.canonical(line) + [UInt8(ascii: "\n")], to: path)
    }

    private static func forked(_ current: Checkpoint, _ saved: Checkpoint) -> WorkspaceError {
        let what =
            current.origin == saved.origin
            ? "the audit log that is there, of \(current.size) entries, does not go on from that of the backup, of \(saved.size)"
            : "the audit log that is there is not the one of the backup: it was begun under another name since"
        return WorkspaceError(
            .forkedLog,
            what,
            help:
                "look who signed two histories; `--accept-log-rollback REASON` goes on with the backup under a new name"
        )
    }
}
