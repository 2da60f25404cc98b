import Audit
import Core
import Foundation
import GRDB
import Identity
import Ledger
import Workspace

/// A workspace with a run whose events are all for the log.
final class Logged {
    let folder: WorkspaceFolder
    let now = Timestamp(seconds: 1_700_000_000)
    private(set) var ledger: Ledger
    let log: WorkspaceLog
    let run: RunID = "r-1"
    /// What is said in the events, so that two histories differ.
    var words = "the secret words"
    private var count = 0

    init() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "lockstep-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        folder = WorkspaceFolder(root: root)
        var random = SystemRandomNumberGenerator()
        try WorkspaceInit(folder: folder, rehearsalFactor: nil, person: .init(id: "ana", name: "Ana"))
            .run(now: now, using: &random)
        ledger = try Self.ledger(of: folder, now)
        log = WorkspaceLog(folder: folder, keys: KeyStore(directory: folder.keys))
        var commit = RunCommit(run: run, sequence: 0, token: nil, state: .running)
        commit.artifacts = [
            ArtifactRecord(digest: .sha256([]), mediaType: "application/yaml", byteCount: 0, bytes: [], created: now)
        ]
        commit.creation = RunRecord(
            id: run,
            playbook: "p",
            name: "P",
            version: "1",
            digest: .sha256([]),
            file: "p.yaml",
            inputs: [:],
            startedBy: "user:ana",
            state: .running,
            created: now
        )
        try add(1, to: commit)
    }

    private static func ledger(of folder: WorkspaceFolder, _ now: Timestamp) throws -> Ledger {
        let sealing = Sealing(keys: KeyStore(directory: folder.keys), folder: folder)
        return try Ledger(path: folder.database, sealer: try sealing.sealer(now: now))
    }

    /// Brings a backup back, and goes on with it.
    func restore(_ archive: String, accepting reason: String? = nil) throws -> RestoredLog {
        try ledger.close()
        var outcome = RestoredLog.none
        defer { if let opened = try? Self.ledger(of: folder, now) { ledger = opened } }
        _ = try Backup.restore(
            archive,
            into: folder,
            acceptingRollback: reason,
            clock: ManualClock(now),
            tell: { outcome = $0 }
        )
        count = try ledgerCount()
        return outcome
    }

    private func ledgerCount() throws -> Int {
        let queue = try DatabaseQueue(path: folder.database)
        return try queue.read { db in try Int.fetchOne(db, sql: "SELECT max(sequence) FROM event") ?? 0 }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder.root) }

    func add(_ events: Int, to first: RunCommit? = nil) throws {
        var commit = first ?? RunCommit(run: run, sequence: count, token: nil, state: .running)
        for _ in 0..<events {
            count += 1
            commit.events.append(
                EventRecord(
                    sequence: count,
                    time: now,
                    kind: "gate.decided",
                    instance: "gate",
                    payload: #"{"reason":"\#(words)","result":"pass"}"#
                )
            )
            commit.outbox.append(count)
        }
        try ledger.commit([commit])
    }

    func entries() throws -> [AuditEntry] {
        let size = try log.reader.checkpoint().checkpoint.size
        return try log.reader.entries(0..<size, size: size).compactMap { AuditEntry($0) }
    }

    func sequences() throws -> [Int64?] { try entries().map { $0.members["sequence"]?.int } }

    /// Takes back what the ledger knows of the delivery: how it looks when the process died before the mark.
    func forget(after id: Int) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { db in
            try db.execute(sql: "UPDATE outbox SET delivered = NULL WHERE id > ?", arguments: [id])
        }
        try queue.close()
    }
}
