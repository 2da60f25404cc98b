package import Core
import FoundationEssentials
import GRDB

/// What the runs of a ledger wait for, and what was measured and answered.
extension Ledger {
    // MARK: - Time

    /// When the clock was set while a run was under way: the time that it should have shown, and what it showed.
    package func clockJumps(of run: RunID) throws(LedgerError) -> [(from: Timestamp, to: Timestamp)] {
        try read { db in
            try String.fetchAll(
                db,
                sql: "SELECT payload FROM event WHERE run = ? AND kind = 'clock.jumped' ORDER BY sequence",
                arguments: [run.text]
            ).compactMap { text in
                let payload = try Self.object(text)
                guard let from = payload["from"]?.int else { return nil }
                return (
                    Timestamp(microseconds: from), Timestamp(microseconds: payload["to"]?.int ?? from)
                )
            }
        }
    }

    /// Timers that are due, earliest first.
    package func dueTimers(at time: Timestamp) throws(LedgerError) -> [TimerRecord] {
        try timers(sql: "SELECT * FROM timer WHERE due <= ? ORDER BY due, run", [time.microseconds])
    }

    package func timers(of run: RunID) throws(LedgerError) -> [TimerRecord] {
        try timers(sql: "SELECT * FROM timer WHERE run = ? ORDER BY due", [run.text])
    }

    /// When the next timer of any run is due.
    package func nextDue() throws(LedgerError) -> Timestamp? {
        try read { db in
            try Int64.fetchOne(db, sql: "SELECT min(due) FROM timer").map(Timestamp.init(microseconds:))
        }
    }

    private func timers(sql: String, _ arguments: StatementArguments) throws(LedgerError) -> [TimerRecord] {
        try read { db in
            try Row.fetchAll(db, sql: sql, arguments: arguments).map { row in
                TimerRecord(
                    run: RunID(row["run"]),
                    instance: StepInstance(parsing: row["instance"]),
                    kind: row["kind"],
                    generation: row["generation"],
                    due: Timestamp(microseconds: row["due"])
                )
            }
        }
    }

    // MARK: - Gates and people

    package func samples(of run: RunID, instance: StepInstance? = nil) throws(LedgerError) -> [SampleRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM sample WHERE run = ?1 AND (?2 IS NULL OR instance = ?2) ORDER BY time, number",
                arguments: [run.text, instance?.description]
            ).map { row in
                SampleRecord(
                    instance: StepInstance(parsing: row["instance"]),
                    number: row["number"],
                    time: Timestamp(microseconds: row["time"]),
                    outcome: row["outcome"],
                    measurements: try Self.object(row["measurements"]),
                    note: row["note"]
                )
            }
        }
    }

    package func verdicts(of run: RunID) throws(LedgerError) -> [VerdictRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM verdict WHERE run = ? ORDER BY time", arguments: [run.text])
                .map { row in
                    VerdictRecord(
                        instance: StepInstance(parsing: row["instance"]),
                        generation: row["generation"],
                        time: Timestamp(microseconds: row["time"]),
                        result: row["result"],
                        reason: row["reason"]
                    )
                }
        }
    }

    /// Every question that waits for votes, oldest first.
    package func openApprovals() throws(LedgerError) -> [ApprovalRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM approval WHERE state = 'open' ORDER BY opened, run, instance")
                .map(Self.approval)
        }
    }

    package func approvals(of run: RunID) throws(LedgerError) -> [ApprovalRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM approval WHERE run = ? ORDER BY opened, instance, generation",
                arguments: [run.text]
            ).map(Self.approval)
        }
    }

    package func votes(of run: RunID, instance: StepInstance? = nil) throws(LedgerError) -> [VoteRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM vote WHERE run = ?1 AND (?2 IS NULL OR instance = ?2)
                    ORDER BY instance, generation, number
                    """,
                arguments: [run.text, instance?.description]
            ).map(Self.vote)
        }
    }

    package func artifact(_ digest: Digest) throws(LedgerError) -> ArtifactRecord? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: "SELECT * FROM artifact WHERE digest = ?",
                arguments: [digest.description]
            ).map { row in
                ArtifactRecord(
                    digest: digest,
                    mediaType: row["media_type"],
                    byteCount: row["byte_count"],
                    bytes: (row["bytes"] as Data?).map { Array($0) },
                    created: Timestamp(microseconds: row["created"])
                )
            }
        }
    }

    /// Keeps the digest of a file that the workspace stores, or small bytes themselves.
    package func record(_ artifact: ArtifactRecord) throws(LedgerError) {
        try write(.progress) { db in try Self.insert(artifact, db) }
    }
}
