package import Core
import FoundationEssentials
import GRDB

/// An event that the audit log has to hear of, as the transaction that wrote the event left it.
package struct OutboxRow: Sendable, Hashable {
    package let id: Int64
    package let run: RunID
    package let event: EventRecord
    /// The hash of the event in its run's chain: it stands for everything of the run up to there.
    package let hash: [UInt8]
}

extension Ledger {
    /// Events that are not in the audit log yet, in the order in which they were written.
    ///
    /// They are delivered in this order, so those that are left lie after the last one that is not.
    package func undelivered(limit: Int) throws(LedgerError) -> [OutboxRow] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT outbox.id AS place, event.* FROM outbox JOIN event USING (run, sequence)
                    WHERE outbox.id > coalesce(
                        (SELECT id FROM outbox WHERE delivered IS NOT NULL ORDER BY id DESC LIMIT 1), 0)
                    ORDER BY outbox.id LIMIT ?
                    """,
                arguments: [limit]
            )
            return rows.map { row in
                OutboxRow(
                    id: row["place"],
                    run: RunID(row["run"]),
                    event: Self.event(row),
                    hash: Array(row["hash"] as Data)
                )
            }
        }
    }

    /// Notes under which index of the audit log events are; all of them or none.
    package func markDelivered(_ places: [(id: Int64, index: Int)]) throws(LedgerError) {
        try write(.progress) { db in
            for (id, index) in places {
                try db.cachedStatement(sql: "UPDATE outbox SET delivered = ? WHERE id = ? AND delivered IS NULL")
                    .execute(arguments: [index, id])
            }
        }
    }

    /// Notes that the log to which events were delivered has ended, and that another goes on.
    ///
    /// None of them waits, and none is in the new one: an index `i` of an ended log is kept as `-1 - i`.
    package func retireDeliveries() throws(LedgerError) {
        try write(.progress) { db in
            try db.execute(sql: "UPDATE outbox SET delivered = -1 - delivered WHERE delivered >= 0")
        }
    }

    /// The highest index of the audit log that an event was delivered to; nothing before the first, and negative where
    /// the last one was delivered to a log that has ended.
    package func lastDelivered() throws(LedgerError) -> Int? {
        try read { db in
            try Int.fetchOne(
                db,
                sql: "SELECT delivered FROM outbox WHERE delivered IS NOT NULL ORDER BY id DESC LIMIT 1"
            )
        }
    }

    /// Where in the audit log an event is; nothing for one that was not meant for it, or is not in it yet.
    ///
    /// `-1 - i` says that it is entry `i` of a log that has ended.
    package func delivered(run: RunID, sequence: Int) throws(LedgerError) -> Int? {
        try read { db in
            try Int.fetchOne(
                db,
                sql: "SELECT delivered FROM outbox WHERE run = ? AND sequence = ? AND delivered IS NOT NULL",
                arguments: [run.text, sequence]
            )
        }
    }
}
