import GRDB

/// The versions of the schema, oldest first; one that was released is never edited.
enum Schema {
    /// "Lock" in ASCII: what `file` and SQLite's own tools show for our files.
    static let applicationID: Int32 = 0x4C6F_636B

    static let migrations: [[String]] = [runs + people + inventory, trust, coverage, seals]

    static var version: Int32 { Int32(migrations.count) }

    /// Brings a database to the newest version, each step in one transaction; leaves a current one alone.
    static func migrate(_ db: Database, upTo newest: Int32 = version) throws {
        let application = try Int32.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let version = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master") ?? 0
        guard application == applicationID || (application == 0 && version == 0 && tables == 0) else {
            throw LedgerError(.notALedger, "the file is a database of another program")
        }
        guard version <= Self.version else {
            throw LedgerError(
                .newerSchema,
                "the ledger has schema version \(version), this program knows up to \(Self.version): use a newer one"
            )
        }
        for (index, statements) in migrations.enumerated() where index >= Int(version) && index < Int(newest) {
            try db.inTransaction(.immediate) {
                // Another process may have been quicker between our look and our lock.
                guard try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0 == Int32(index) else { return .rollback }
                try db.execute(sql: "PRAGMA application_id = \(applicationID)")
                for statement in statements { try db.execute(sql: statement) }
                try db.execute(sql: "PRAGMA user_version = \(index + 1)")
                return .commit
            }
        }
    }

    /// Everything that a database of a version consists of, as SQLite lists it: tables, indexes, triggers, views.
    static func objects(_ db: Database) throws -> Set<Object> {
        // What `ANALYZE` leaves behind is SQLite's own and holds nothing of ours.
        try Set(
            Row.fetchAll(db, sql: "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_stat_'")
                .map { row in Object(kind: row[0], name: row[1], sql: row[2]) }
        )
    }

    struct Object: Hashable {
        var kind: String
        var name: String
        /// Nothing for an index that SQLite made by itself.
        var sql: String?
    }

    /// How a database differs from what its version says; nothing when it is exactly that.
    ///
    /// A trigger or a view that somebody added would act with the rights of whoever opens the file.
    static func differences(_ db: Database) throws -> [String] {
        let version = try Int32.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard (1...Self.version).contains(version) else { return ["the schema version \(version) is not known"] }
        let found = try objects(db)
        let known = try DatabaseQueue().inDatabase { db in
            try migrate(db, upTo: version)
            return try objects(db)
        }
        let names = Dictionary(grouping: known.symmetricDifference(found), by: \.name).sorted { $0.key < $1.key }
        return names.map { name, objects in
            let isKnown = objects.contains(where: known.contains)
            let isFound = objects.contains(where: found.contains)
            let kind = objects.first?.kind ?? "object"
            return "the \(kind) `\(name)` is \(!isFound ? "missing" : isKnown ? "altered" : "not ours")"
        }
    }

    /// What makes a change of the state by other means show.
    private static let trust: [String] = [
        // A keyed code over the end of the chain of events, and the id of its key.
        "ALTER TABLE run ADD COLUMN seal BLOB",
        "ALTER TABLE run ADD COLUMN seal_key TEXT",
        // How far the clock was ahead of the machine's uptime when somebody last advanced the run.
        "ALTER TABLE run ADD COLUMN clock_boot TEXT",
        "ALTER TABLE run ADD COLUMN clock_offset INTEGER",
        // Whether a signature or only the name of the OS user stands behind a waiver.
        """
        ALTER TABLE exception ADD COLUMN authenticated INTEGER NOT NULL DEFAULT 0 CHECK (authenticated IN (0, 1))
        """,
        "ALTER TABLE exception ADD COLUMN proof TEXT",
    ]

    /// A keyed code over all rows of a table; see `SealedTable`.
    private static let seals: [String] = [
        """
        CREATE TABLE table_seal (
            name TEXT PRIMARY KEY, seal_key TEXT NOT NULL, row_count INTEGER NOT NULL, seal BLOB NOT NULL
        ) STRICT, WITHOUT ROWID
        """
    ]

    /// What a look covered, so that no look ends findings of places where it was not.
    ///
    /// Places are files, `server:ID` where a server answered, and `tools:ID` where its tools could be read.
    private static let coverage: [String] = [
        """
        CREATE TABLE coverage (
            place TEXT NOT NULL, scan INTEGER NOT NULL REFERENCES scan, PRIMARY KEY (place, scan)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE miss (
            server TEXT NOT NULL REFERENCES server, scan INTEGER NOT NULL REFERENCES scan, reason TEXT NOT NULL,
            PRIMARY KEY (server, scan)
        ) STRICT, WITHOUT ROWID
        """,
        "ALTER TABLE finding ADD COLUMN place TEXT",
        "INSERT INTO coverage SELECT DISTINCT 'server:' || server, scan FROM sighting WHERE is_described = 1",
        "INSERT INTO coverage SELECT DISTINCT 'tools:' || server, scan FROM sighting WHERE is_described = 1",
        """
        UPDATE finding SET place = CASE
            WHEN code = 'configuration.world-readable' THEN subject
            WHEN code = 'configuration.inline-secret' THEN substr(subject, 1, instr(subject || '#', '#') - 1)
            WHEN server IS NULL OR code LIKE 'configuration.%' THEN NULL
            WHEN code LIKE 'tool.%' THEN 'tools:' || server ELSE 'server:' || server END
        """,
    ]

    private static let runs: [String] = [
        """
        CREATE TABLE artifact (
            digest TEXT PRIMARY KEY, media_type TEXT NOT NULL, byte_count INTEGER NOT NULL CHECK (byte_count >= 0),
            bytes BLOB, created INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE run (
            id TEXT PRIMARY KEY, playbook TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, phase INTEGER,
            digest TEXT NOT NULL REFERENCES artifact, file TEXT NOT NULL, inputs TEXT NOT NULL,
            started_by TEXT NOT NULL, pins TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'paused', 'cancelling', 'rolling-back',
                'needs-attention', 'succeeded', 'failed', 'cancelled', 'rolled-back')),
            reason TEXT, outputs TEXT, created INTEGER NOT NULL, updated INTEGER NOT NULL, ended INTEGER,
            parent_run TEXT REFERENCES run, parent_instance TEXT, concurrency_group TEXT,
            sequence INTEGER NOT NULL, head BLOB NOT NULL,
            lease_token TEXT, lease_host TEXT, lease_boot TEXT, lease_pid INTEGER, lease_heartbeat INTEGER,
            lease_expires INTEGER,
            CHECK ((parent_run IS NULL) = (parent_instance IS NULL))
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX run_by_state ON run (state)",
        "CREATE INDEX run_by_parent ON run (parent_run) WHERE parent_run IS NOT NULL",
        "CREATE INDEX run_by_group ON run (concurrency_group) WHERE concurrency_group IS NOT NULL",
        """
        CREATE TABLE event (
            run TEXT NOT NULL REFERENCES run, sequence INTEGER NOT NULL CHECK (sequence > 0), time INTEGER NOT NULL,
            kind TEXT NOT NULL, instance TEXT NOT NULL, payload TEXT NOT NULL, hash BLOB NOT NULL,
            PRIMARY KEY (run, sequence)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE step (
            run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, position INTEGER NOT NULL, step TEXT NOT NULL,
            item TEXT, kind TEXT NOT NULL, name TEXT, state TEXT NOT NULL, attempts INTEGER NOT NULL, started INTEGER,
            ended INTEGER, result TEXT, outputs TEXT, error TEXT, summary TEXT, waits_for TEXT, due INTEGER,
            PRIMARY KEY (run, instance)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE timer (
            run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, kind TEXT NOT NULL, generation INTEGER NOT NULL,
            due INTEGER NOT NULL, PRIMARY KEY (run, instance, kind)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX timer_by_due ON timer (due)",
        """
        CREATE TABLE sample (
            run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, number INTEGER NOT NULL, time INTEGER NOT NULL,
            outcome TEXT NOT NULL CHECK (outcome IN ('pass', 'fail', 'inconclusive', 'error')),
            measurements TEXT NOT NULL, note TEXT, PRIMARY KEY (run, instance, number)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE verdict (
            run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, generation INTEGER NOT NULL,
            time INTEGER NOT NULL, result TEXT NOT NULL CHECK (result IN ('pass', 'fail', 'inconclusive', 'error')),
            reason TEXT NOT NULL, PRIMARY KEY (run, instance, generation)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE request (
            id INTEGER PRIMARY KEY, run TEXT NOT NULL REFERENCES run, time INTEGER NOT NULL, body TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX request_by_run ON request (run)",
        """
        CREATE TABLE outbox (
            id INTEGER PRIMARY KEY, run TEXT NOT NULL, sequence INTEGER NOT NULL, delivered INTEGER,
            FOREIGN KEY (run, sequence) REFERENCES event (run, sequence)
        ) STRICT
        """,
    ]

    private static let people: [String] = [
        """
        CREATE TABLE approval (
            run TEXT NOT NULL REFERENCES run, instance TEXT NOT NULL, generation INTEGER NOT NULL,
            state TEXT NOT NULL CHECK (state IN ('open', 'approved', 'rejected', 'expired', 'withdrawn')),
            opened INTEGER NOT NULL, shown BLOB NOT NULL, digest TEXT NOT NULL, approvers TEXT NOT NULL,
            quorum INTEGER NOT NULL CHECK (quorum > 0), excluded TEXT NOT NULL, required TEXT NOT NULL, ticket TEXT,
            expires INTEGER NOT NULL, decided INTEGER, note TEXT, PRIMARY KEY (run, instance, generation)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX approval_open ON approval (state) WHERE state = 'open'",
        """
        CREATE TABLE vote (
            run TEXT NOT NULL, instance TEXT NOT NULL, generation INTEGER NOT NULL, number INTEGER NOT NULL,
            person TEXT NOT NULL, verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'reject', 'withdraw')),
            reason TEXT NOT NULL, ticket TEXT, authenticated INTEGER NOT NULL CHECK (authenticated IN (0, 1)),
            shown TEXT NOT NULL, proof TEXT, time INTEGER NOT NULL, PRIMARY KEY (run, instance, generation, number),
            FOREIGN KEY (run, instance, generation) REFERENCES approval
        ) STRICT, WITHOUT ROWID
        """,
        // A vote is evidence: it can be outvoted or withdrawn by another row, never altered.
        "CREATE TRIGGER vote_stays BEFORE UPDATE ON vote BEGIN SELECT raise(ABORT, 'a vote is never altered'); END",
        "CREATE TRIGGER vote_kept BEFORE DELETE ON vote BEGIN SELECT raise(ABORT, 'a vote is never removed'); END",
        "CREATE TRIGGER event_stays BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'an event is never altered'); END",
        """
        CREATE TABLE exception (
            id TEXT PRIMARY KEY, scope TEXT NOT NULL, owner TEXT NOT NULL, reason TEXT NOT NULL,
            created_by TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL, closed INTEGER,
            CHECK (length(owner) > 0 AND length(reason) > 0)
        ) STRICT, WITHOUT ROWID
        """,
    ]

    private static let inventory: [String] = [
        """
        CREATE TABLE scan (
            id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, label TEXT NOT NULL, time INTEGER NOT NULL,
            examined TEXT NOT NULL, gaps TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX scan_by_label ON scan (label, id)",
        """
        CREATE TABLE snapshot (
            name TEXT PRIMARY KEY, time INTEGER NOT NULL, digest TEXT NOT NULL REFERENCES artifact
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE server (
            id TEXT PRIMARY KEY, canonical_key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, transport TEXT NOT NULL,
            url TEXT, command TEXT NOT NULL, owner TEXT, criticality TEXT, description TEXT, secrets TEXT NOT NULL,
            first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE alias (
            name TEXT NOT NULL, server TEXT NOT NULL REFERENCES server, PRIMARY KEY (name, server)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE sighting (
            scan INTEGER NOT NULL REFERENCES scan, number INTEGER NOT NULL, server TEXT NOT NULL REFERENCES server,
            source TEXT NOT NULL, location TEXT NOT NULL, name TEXT NOT NULL, client TEXT, user TEXT,
            is_described INTEGER NOT NULL CHECK (is_described IN (0, 1)), PRIMARY KEY (scan, number)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX sighting_by_server ON sighting (server, scan)",
        """
        CREATE TABLE definition (
            server TEXT NOT NULL REFERENCES server, kind TEXT NOT NULL, name TEXT NOT NULL,
            first_scan INTEGER NOT NULL REFERENCES scan, last_scan INTEGER NOT NULL REFERENCES scan,
            digest TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (server, kind, name, first_scan)
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE finding (
            scan INTEGER NOT NULL REFERENCES scan, key TEXT NOT NULL, evidence TEXT NOT NULL, code TEXT NOT NULL,
            severity TEXT NOT NULL, subject TEXT NOT NULL, message TEXT NOT NULL, server TEXT REFERENCES server,
            PRIMARY KEY (scan, key, evidence)
        ) STRICT, WITHOUT ROWID
        """,
        "CREATE INDEX finding_by_key ON finding (key)",
    ]
}
