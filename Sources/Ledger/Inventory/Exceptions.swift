package import Core
import GRDB

extension Ledger {
    /// Keeps a waiver; its id must be new.
    package func add(_ exception: Core.Exception) throws(LedgerError) {
        try write(.decision, sealing: [.exception]) { db in
            try db.execute(
                sql: """
                    INSERT INTO exception (id, scope, owner, reason, created_by, created, expires, closed,
                    authenticated, proof) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    exception.id, exception.scope, exception.owner, exception.reason, exception.createdBy,
                    exception.created.microseconds, exception.expires.microseconds, exception.closed?.microseconds,
                    exception.isAuthenticated ? 1 : 0, exception.proof,
                ]
            )
        }
    }

    /// All waivers, oldest first, with those that are closed or past.
    package func exceptions() throws(LedgerError) -> [Core.Exception] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM exception ORDER BY created, id").map { row in
                Core.Exception(
                    id: row["id"],
                    scope: row["scope"],
                    owner: row["owner"],
                    reason: row["reason"],
                    createdBy: row["created_by"],
                    created: Timestamp(microseconds: row["created"]),
                    expires: Timestamp(microseconds: row["expires"]),
                    closed: (row["closed"] as Int64?).map(Timestamp.init(microseconds:)),
                    isAuthenticated: row["authenticated"],
                    proof: row["proof"]
                )
            }
        }
    }

    /// Moves the end of a waiver that is still open.
    package func extend(exception id: String, to expires: Timestamp) throws(LedgerError) {
        try change(id, "UPDATE exception SET expires = ? WHERE id = ? AND closed IS NULL", [expires.microseconds, id])
    }

    /// Ends a waiver now; it stays in the list.
    package func close(exception id: String, at time: Timestamp) throws(LedgerError) {
        try change(id, "UPDATE exception SET closed = ? WHERE id = ? AND closed IS NULL", [time.microseconds, id])
    }

    private func change(_ id: String, _ sql: String, _ arguments: StatementArguments) throws(LedgerError) {
        try write(.decision, sealing: [.exception]) { db in
            try db.execute(sql: sql, arguments: arguments)
            guard db.changesCount == 1 else {
                throw LedgerError(.missing, "there is no open exception `\(id)`")
            }
        }
    }
}
