package import Core
import GRDB

/// How far the clock is ahead of the time since a machine started: it changes only when somebody sets the clock.
package struct ClockOffset: Sendable, Hashable {
    /// The kernel's id of that start of the machine.
    package var boot: String
    package var microseconds: Int64

    package init(boot: String, microseconds: Int64) {
        self.boot = boot
        self.microseconds = microseconds
    }
}

extension Ledger {
    /// Takes the lease of a run, so that nobody else advances it.
    ///
    /// `isDead` says whether the process that holds a lease is known to be gone, or known to live, or nothing where only
    /// its heartbeat can tell; a lease of a living process of this machine is never taken, however late it is.
    ///
    /// - Returns: How the clock stood when the run was last taken.
    /// - Throws: `leased` with the owner in the message, `missing` when there is no such run.
    @discardableResult
    package func acquire(
        _ run: RunID,
        _ lease: Lease,
        now: Timestamp,
        clock: ClockOffset? = nil,
        isDead: (Lease) -> Bool?
    ) throws(LedgerError) -> ClockOffset? {
        try write(.progress) { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT * FROM run WHERE id = ?", arguments: [run.text]) else {
                throw LedgerError(.missing, "there is no run `\(run)`")
            }
            if let other = Self.lease(row), other.token != lease.token, !(isDead(other) ?? (other.expires < now)) {
                throw LedgerError(
                    .leased,
                    "run `\(run)` is being advanced by process \(other.process) on `\(other.host)`, last heard of \(other.heartbeat)"
                )
            }
            try db.cachedStatement(
                sql: """
                    UPDATE run SET lease_token = ?, lease_host = ?, lease_boot = ?, lease_pid = ?,
                    lease_heartbeat = ?, lease_expires = ?, clock_boot = ?, clock_offset = ? WHERE id = ?
                    """
            ).execute(arguments: [
                lease.token, lease.host, lease.boot, lease.process, lease.heartbeat.microseconds,
                lease.expires.microseconds, clock?.boot, clock?.microseconds, run.text,
            ])
            guard let boot = row["clock_boot"] as String?, let offset = row["clock_offset"] as Int64? else {
                return nil
            }
            return ClockOffset(boot: boot, microseconds: offset)
        }
    }

    /// Says that the holder lives; false when the lease is lost.
    package func renew(_ run: RunID, token: String, heartbeat: Timestamp, expires: Timestamp) throws(LedgerError)
        -> Bool
    {
        try write(.progress) { db in
            try db.cachedStatement(
                sql: "UPDATE run SET lease_heartbeat = ?, lease_expires = ? WHERE id = ? AND lease_token = ?"
            ).execute(arguments: [heartbeat.microseconds, expires.microseconds, run.text, token])
            return db.changesCount == 1
        }
    }

    /// Gives the lease back; does nothing when it is somebody else's.
    package func release(_ run: RunID, token: String) throws(LedgerError) {
        try write(.progress) { db in
            try db.cachedStatement(
                sql: """
                    UPDATE run SET lease_token = NULL, lease_host = NULL, lease_boot = NULL, lease_pid = NULL,
                    lease_heartbeat = NULL, lease_expires = NULL WHERE id = ? AND lease_token = ?
                    """
            ).execute(arguments: [run.text, token])
        }
    }

    // MARK: - Requests to whoever holds the lease

    /// Leaves a request for the process that advances the run; durable when this returns.
    ///
    /// With a sealer the request carries a code of its key: whoever has only the database cannot ask for anything.
    package func post(_ body: JSON.Object, to run: RunID, at time: Timestamp) throws(LedgerError) {
        let body = sealer?.sealed(body, to: run, at: time) ?? body
        try write(.decision) { db in
            try db.execute(
                sql: "INSERT INTO request (run, time, body) VALUES (?, ?, ?)",
                arguments: [run.text, time.microseconds, Self.text(body)]
            )
        }
    }

    /// What was asked of a run, in the order of asking; without a body where nobody of this workspace asked for it.
    package func requests(to run: RunID) throws(LedgerError) -> [(id: Int64, time: Timestamp, body: JSON.Object?)] {
        let sealer = sealer
        return try read { db in
            try Row.fetchAll(
                db.cachedStatement(sql: "SELECT id, time, body FROM request WHERE run = ? ORDER BY id"),
                arguments: [run.text]
            ).map { row in
                let time = Timestamp(microseconds: row[1])
                let body = try? Self.object(row[2])
                guard let sealer else { return (row[0], time, body) }
                return (row[0], time, body.flatMap { sealer.opened($0, to: run, at: time) })
            }
        }
    }

    // MARK: - Trouble

    /// Sets a run aside whose rows make no sense, so that it cannot stop the others; its events stay as they are.
    package func setAside(_ run: RunID, reason: String, at time: Timestamp) throws(LedgerError) {
        try write(.decision) { db in
            try db.execute(
                sql: "UPDATE run SET state = 'needs-attention', reason = ?, updated = max(updated, ?) WHERE id = ?",
                arguments: [reason, time.microseconds, run.text]
            )
        }
    }
}
