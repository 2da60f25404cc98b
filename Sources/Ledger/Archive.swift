import Core
import FoundationEssentials
import GRDB

/// A file of a backup: its path inside the workspace, its mode and its bytes.
package struct ArchivedFile: Sendable {
    package var path: String
    package var mode: UInt32
    package var bytes: [UInt8]

    package init(path: String, mode: UInt32, bytes: [UInt8]) {
        self.path = path
        self.mode = mode
        self.bytes = bytes
    }
}

/// A backup: one SQLite file whose only table holds the files of a workspace, each with its digest.
///
/// One file, checkable with SQLite's own tools. The ledger is one of the files, as a consistent copy, so that a flipped
/// bit in it is found as surely as in any other.
package enum Archive {
    /// The name under which the copy of the ledger lies in an archive.
    package static let ledgerPath = ".lockstep/lockstep.db"
    /// `LSBK` as SQLite's application id, so that a backup is not taken for a ledger.
    private static let applicationID: Int32 = 0x4C53_424B

    /// The text is that of every version so far: SQLite keeps it, and reading compares it.
    private static let table = """
        CREATE TABLE archived_file (
            path TEXT PRIMARY KEY, mode INTEGER NOT NULL, digest TEXT NOT NULL, bytes BLOB NOT NULL
        ) STRICT
        """

    /// Copies the ledger while it is in use, then the files.
    ///
    /// Since a file is always written before the row that names it, every file that the copy names is there by then.
    /// `path` must be an empty file or none; `files` gives the other files, one at a time.
    package static func write(
        _ ledger: Ledger,
        to path: String,
        files: (_ add: (ArchivedFile) throws -> Void) throws -> Void
    ) throws(LedgerError) {
        let copy = path + ".ledger"
        defer { try? FileManager.default.removeItem(atPath: copy) }
        try ledger.backup(to: copy)
        do {
            let queue = try DatabaseQueue(path: path)
            try queue.writeWithoutTransaction { db in
                try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA application_id = \(applicationID)")
                try db.inTransaction {
                    try db.execute(sql: table)
                    func add(_ file: ArchivedFile) throws {
                        try db.execute(
                            sql: "INSERT INTO archived_file (path, mode, digest, bytes) VALUES (?, ?, ?, ?)",
                            arguments: [
                                file.path, Int(file.mode), Digest.sha256(file.bytes).description, Data(file.bytes),
                            ]
                        )
                    }
                    let bytes = try Data(contentsOf: URL(filePath: copy))
                    try add(ArchivedFile(path: ledgerPath, mode: 0o600, bytes: Array(bytes)))
                    try files(add)
                    return .commit
                }
            }
            try queue.close()
        } catch {
            throw LedgerError(error)
        }
    }

    /// Checks an archive and hands out its files, the ledger among them.
    ///
    /// Nothing is handed out before SQLite's own check has passed; each file is checked against its digest.
    ///
    /// - Throws: `missing`, `notALedger` (no backup at all), `corrupt`.
    package static func read(_ path: String, files: (ArchivedFile) throws -> Void) throws(LedgerError) {
        do {
            guard FileManager.default.fileExists(atPath: path) else {
                throw LedgerError(.missing, "there is no backup `\(path)`")
            }
            var configuration = Configuration()
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.inDatabase { db in
                guard try Int32.fetchOne(db, sql: "PRAGMA application_id") == applicationID,
                    try db.tableExists("archived_file")
                else { throw LedgerError(.notALedger, "`\(path)` is not a backup of a workspace") }
                try db.execute(sql: "PRAGMA trusted_schema = OFF")
                let known = try DatabaseQueue().inDatabase { db in
                    try db.execute(sql: table)
                    return try Schema.objects(db)
                }
                guard try Schema.objects(db) == known else {
                    throw LedgerError(.foreignSchema, "this program did not make this backup: it holds more than files")
                }
                guard try String.fetchAll(db, sql: "PRAGMA integrity_check") == ["ok"] else {
                    throw LedgerError(.corrupt, "the backup is damaged: SQLite's integrity check fails")
                }
                let rows = try Row.fetchCursor(db, sql: "SELECT * FROM archived_file ORDER BY path")
                while let row = try rows.next() {
                    let file = ArchivedFile(
                        path: row["path"],
                        mode: UInt32(truncatingIfNeeded: row["mode"] as Int64),
                        bytes: Array(row["bytes"] as Data)
                    )
                    guard row["digest"] == Digest.sha256(file.bytes).description else {
                        throw LedgerError(.corrupt, "the backup is damaged: `\(file.path)` is not what was saved")
                    }
                    try files(file)
                }
            }
            try queue.close()
        } catch {
            throw LedgerError(error)
        }
    }
}
