import FoundationEssentials
import GRDB
import Synchronization

/// The state of a workspace: runs, votes, inventory, findings, in one SQLite file.
///
/// One connection writes, others read beside it (write-ahead log). A write is one transaction and leaves nothing behind
/// when it fails. Decisions are synced to the disk before a call returns; samples and progress may be lost in a power
/// cut, never in a crash of the process: that is the difference between `Durability.decision` and `.progress`.
package final class Ledger: Sendable {
    package enum Durability: Int, Sendable, Comparable {
        case progress, decision

        package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    /// How many transactions were committed through this object since it was opened, seen by SQLite's commit hook.
    package struct CommitCount: Sendable, Hashable {
        package var all = 0
        /// Those with `synchronous=FULL`.
        package var synced = 0
    }

    let database: any DatabaseWriter
    private let counter: CommitCounter
    /// Owned by whoever is inside `write`.
    let prepared = Prepared()
    /// As `prepared`; none where there is no file.
    private let log: WriteAheadLog?
    /// Seals what is committed; without it a run that changes loses its seal.
    let sealer: Sealer?
    /// Which durability the writing connection is set to; owned by whoever is inside `write`.
    private let durability: Mutex<Durability?> = Mutex(nil)

    /// Opens the file, makes it when it is missing and may be made, and brings its schema up to date.
    ///
    /// Where there must be a ledger, `mayCreate` is false: a new empty one would hide that votes and runs are gone.
    ///
    /// - Throws: `missing`, `notALedger`, `newerSchema`, `corrupt`, `busy`, `readOnly`, `full` or `io`.
    package init(
        path: String,
        busyTimeout: Duration = .seconds(5),
        mayCreate: Bool = true,
        sealer: Sealer? = nil
    ) throws(LedgerError) {
        self.sealer = sealer
        do {
            try Self.refuseForeign(path, mayCreate: mayCreate)
            let pool = try DatabasePool(path: path, configuration: Self.configuration(busyTimeout))
            try pool.writeWithoutTransaction { db in
                try Schema.migrate(db)
            }
            database = pool
            log = WriteAheadLog()
            counter = CommitCounter()
            pool.add(transactionObserver: counter, extent: .observerLifetime)
        } catch {
            throw LedgerError(error)
        }
    }

    /// Opens an existing file for looking only.
    package init(readOnly path: String, busyTimeout: Duration = .seconds(5)) throws(LedgerError) {
        sealer = nil
        do {
            try Self.refuseForeign(path)
            guard FileManager.default.fileExists(atPath: path) else {
                throw LedgerError(.lost, "there is no ledger here: run `lockstep init` first")
            }
            var configuration = Self.configuration(busyTimeout)
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            try queue.inDatabase { db in
                guard try Int32.fetchOne(db, sql: "PRAGMA application_id") == Schema.applicationID else {
                    throw LedgerError(.notALedger, "the file is a database of another program")
                }
                let version = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                guard version == Schema.version else {
                    throw LedgerError(
                        version > Schema.version ? .newerSchema : .olderSchema,
                        "the ledger has schema version \(version), this program writes \(Schema.version)"
                    )
                }
            }
            database = queue
            log = nil
            counter = CommitCounter()
        } catch {
            throw LedgerError(error)
        }
    }

    private init(memory queue: DatabaseQueue, _ sealer: Sealer?) {
        self.sealer = sealer
        database = queue
        log = nil
        counter = CommitCounter()
        queue.add(transactionObserver: counter, extent: .observerLifetime)
    }

    /// A ledger without a file, for tests and rehearsals of a plan.
    package static func inMemory(sealer: Sealer? = nil) throws(LedgerError) -> Ledger {
        do {
            let queue = try DatabaseQueue(configuration: configuration(.zero))
            try queue.inDatabase { db in try Schema.migrate(db) }
            return Ledger(memory: queue, sealer)
        } catch {
            throw LedgerError(error)
        }
    }

    private static func configuration(_ busyTimeout: Duration) -> Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(Double(busyTimeout.components.seconds))
        configuration.maximumReaderCount = 4
        configuration.label = "ledger"
        return configuration
    }

    /// Looks before a connection that may write is opened: changing the journal mode is a write already.
    ///
    /// Goes through SQLite, since closing a descriptor of our own would drop the locks of other connections to the file
    /// (sqlite.org/howtocorrupt.html, 2.2).
    private static func refuseForeign(_ path: String, mayCreate: Bool = true) throws {
        guard FileManager.default.fileExists(atPath: path) else {
            if mayCreate { return }
            throw LedgerError(.lost, "the workspace has lost its ledger")
        }
        var configuration = configuration(.seconds(5))
        configuration.readonly = true
        let queue = try DatabaseQueue(path: path, configuration: configuration)
        try queue.inDatabase { db in
            let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
            if application == Schema.applicationID { return }
            let isBlank = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") == 0
            guard application == 0, isBlank else {
                throw LedgerError(.notALedger, "the file is a database of another program")
            }
            if !mayCreate { throw LedgerError(.lost, "the workspace has lost its ledger: the file is empty") }
        }
        try queue.close()
    }

    package var commits: CommitCount { counter.count.withLock { $0 } }

    // MARK: - Reading and writing

    /// Runs one transaction; nothing of it remains when `body` throws.
    func write<Result>(
        _ wanted: Durability,
        _ body: (Database) throws -> Result
    ) throws(LedgerError) -> Result {
        do {
            return try database.writeWithoutTransaction { db in
                try durability.withLock { current in
                    // The setting cannot change inside a transaction.
                    guard current != wanted else { return }
                    try db.execute(sql: "PRAGMA synchronous = \(wanted == .decision ? "FULL" : "NORMAL")")
                    current = wanted
                }
                counter.isSynced.withLock { $0 = wanted == .decision }
                return try transact(db, body)
            }
        } catch {
            throw LedgerError(error)
        }
    }

    /// As `Database.inTransaction`, with a beginning and an end that are not compiled anew each time.
    private func transact<Result>(_ db: Database, _ body: (Database) throws -> Result) throws -> Result {
        try prepared.run(.begin, db)
        do {
            log?.prepare(db, syncedCommits: commits.synced)
            let result = try body(db)
            // SQLite ends a transaction by itself when the disk is full.
            guard prepared.isInTransaction(db) else {
                throw LedgerError(.io, "the ledger's transaction was broken off")
            }
            let before = counter.count.withLock { $0 }
            do {
                try prepared.run(.commit, db)
            } catch {
                // The hook is asked before the commit is written.
                counter.count.withLock { $0 = before }
                throw error
            }
            return result
        } catch {
            if db.isInsideTransaction { try? db.rollback() }
            throw error
        }
    }

    func read<Result>(_ body: (Database) throws -> Result) throws(LedgerError) -> Result {
        do {
            return try database.read(body)
        } catch {
            throw LedgerError(error)
        }
    }

    // MARK: - Care

    /// What SQLite's own check says: nothing when all is well.
    package func integrityCheck() throws(LedgerError) -> [String] {
        try read { db in
            let lines = try String.fetchAll(db, sql: "PRAGMA integrity_check")
            let orphans = try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").map { row in
                "a row of `\(row[0] as String? ?? "?")` refers to a missing row of `\(row[2] as String? ?? "?")`"
            }
            return (lines == ["ok"] ? [] : lines) + orphans
        }
    }

    /// How the file's tables, indexes and triggers differ from what this program made; nothing when they do not.
    package func schemaDifferences() throws(LedgerError) -> [String] {
        try read { db in try Schema.differences(db) }
    }

    /// Looks at a file that came from elsewhere before anything of it can act: nothing is written, no trigger fires.
    ///
    /// - Returns: The version of its schema.
    /// - Throws: `notALedger`, `newerSchema`, `foreignSchema` with what is wrong, `corrupt`.
    @discardableResult
    package static func inspect(_ path: String) throws(LedgerError) -> Int32 {
        do {
            try refuseForeign(path, mayCreate: false)
            var configuration = configuration(.seconds(5))
            configuration.readonly = true
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            let version = try queue.inDatabase { db in
                try db.execute(sql: "PRAGMA trusted_schema = OFF")
                let version = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
                guard version <= Schema.version else {
                    throw LedgerError(
                        .newerSchema,
                        "the ledger has schema version \(version), this program knows up to \(Schema.version)"
                    )
                }
                if let difference = try Schema.differences(db).first {
                    throw LedgerError(.foreignSchema, "this program did not make this ledger: \(difference)")
                }
                return version
            }
            try queue.close()
            return version
        } catch {
            throw LedgerError(error)
        }
    }

    /// The version of the schema from which on every run that this program wrote has a seal.
    package static let firstSealedVersion: Int32 = 2

    /// Copies the ledger into a new file while it is in use; the copy is one consistent state.
    package func backup(to path: String) throws(LedgerError) {
        do {
            guard !FileManager.default.fileExists(atPath: path) else {
                throw LedgerError(.duplicate, "the backup's file is there already")
            }
            try database.vacuum(into: path)
        } catch {
            throw LedgerError(error)
        }
    }

    /// Limits the file to so many pages: how a test sees a full disk.
    package func limit(pages: Int) throws(LedgerError) {
        do {
            try database.writeWithoutTransaction { db in
                // A short log, so that pages of the file itself are asked for.
                try db.execute(sql: "PRAGMA max_page_count = \(pages)")
            }
        } catch {
            throw LedgerError(error)
        }
    }

    package func pageCount() throws(LedgerError) -> Int {
        try read { db in try Int.fetchOne(db, sql: "PRAGMA page_count") ?? 0 }
    }

    /// Closes all connections; later calls throw.
    package func close() throws(LedgerError) {
        do {
            database.writeWithoutTransaction { _ in prepared.clear() }
            try database.close()
        } catch {
            throw LedgerError(error)
        }
    }
}

/// Counts through SQLite's commit hook, so that no code path can forget to count.
private final class CommitCounter: TransactionObserver, Sendable {
    let count = Mutex(Ledger.CommitCount())
    let isSynced = Mutex(false)

    func observes(eventsOfKind eventKind: DatabaseEventKind) -> Bool { false }
    func databaseDidChange(with event: DatabaseEvent) {}
    func databaseDidRollback(_ db: Database) {}
    func databaseDidCommit(_ db: Database) {}

    /// Called by the hook itself, whoever runs the statement that commits.
    func databaseWillCommit() {
        let synced = isSynced.withLock { $0 }
        count.withLock {
            $0.all += 1
            if synced { $0.synced += 1 }
        }
    }
}
