package import Core
import FoundationEssentials
import GRDB

extension Ledger {
    // MARK: - Runs

    package func run(_ id: RunID) throws(LedgerError) -> RunRecord? {
        try read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM run WHERE id = ?", arguments: [id.text]).map(Self.run)
        }
    }

    /// All runs, oldest first; a run of a sub-playbook names its parent.
    package func runs() throws(LedgerError) -> [RunRecord] {
        try read { db in try Row.fetchAll(db, sql: "SELECT * FROM run ORDER BY created, id").map(Self.run) }
    }

    /// Runs that are not over, oldest first.
    package func unfinishedRuns() throws(LedgerError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM run WHERE state NOT IN ('succeeded', 'failed', 'cancelled', 'rolled-back')
                    ORDER BY created, id
                    """
            ).map(Self.run)
        }
    }

    /// Unfinished runs of a concurrency group, oldest first.
    package func unfinishedRuns(ofGroup group: String) throws(LedgerError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM run WHERE concurrency_group = ?
                    AND state NOT IN ('succeeded', 'failed', 'cancelled', 'rolled-back') ORDER BY created, id
                    """,
                arguments: [group]
            ).map(Self.run)
        }
    }

    package func children(of run: RunID) throws(LedgerError) -> [RunRecord] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT * FROM run WHERE parent_run = ? ORDER BY id", arguments: [run.text])
                .map(Self.run)
        }
    }

    /// How many step instances of a run are in each state, without reading the steps.
    package func stepCounts(of run: RunID) throws(LedgerError) -> [StepState: Int] {
        try read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT state, count(*) FROM step WHERE run = ? GROUP BY state",
                arguments: [run.text]
            )
            return Dictionary(
                rows.compactMap { row in
                    StepState(rawValue: row[0]).map { ($0, row[1] as Int) }
                },
                uniquingKeysWith: +
            )
        }
    }

    /// The step instances of a run in the order of its plan.
    package func steps(of run: RunID, in states: Set<StepState>? = nil) throws(LedgerError) -> [StepRecord] {
        let wanted = (states ?? Set(StepState.allCases)).map(\.rawValue)
        return try read { db in
            let places = wanted.map { _ in "?" }.joined(separator: ", ")
            return try Row.fetchAll(
                db,
                sql: "SELECT * FROM step WHERE run = ? AND state IN (\(places)) ORDER BY position, instance",
                arguments: [run.text] + StatementArguments(wanted)
            ).map(Self.step)
        }
    }

    /// The events of one kind of a run, oldest first; what they say is shown to people and proves nothing.
    package func events(of run: RunID, kind: String) throws(LedgerError) -> [EventRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM event WHERE run = ? AND kind = ? ORDER BY sequence",
                arguments: [run.text, kind]
            ).map(Self.event)
        }
    }

    /// The events of a run, oldest first.
    ///
    /// - Throws: `corrupt` when the chain of hashes does not hold, or does not end where the run's own row says.
    package func events(of run: RunID, checked: Bool = true) throws(LedgerError) -> [EventRecord] {
        try read { db in
            let events = try Self.events(of: run, checked: checked, db)
            if checked, let row = try Row.fetchOne(db, sql: Self.sealQuery, arguments: [run.text]) {
                try Self.compare(events.last, RunSeal(row))
            }
            return events.map(\.record)
        }
    }

    /// What a run is and all that happened to it, as one state of the ledger, believed only with a seal of the workspace.
    ///
    /// - Throws: `missing`; `corrupt` when the chain does not hold; with a sealer `sealMissing`, `sealUnknownKey` or
    ///   `sealBroken` when the chain's end is not sealed by this workspace.
    package func history(of run: RunID) throws(LedgerError) -> (run: RunRecord, events: [EventRecord]) {
        let sealer = sealer
        return try read { db in
            guard let row = try Row.fetchOne(db, sql: "SELECT * FROM run WHERE id = ?", arguments: [run.text]) else {
                throw LedgerError(.missing, "there is no run `\(run)`")
            }
            let seal = RunSeal(row)
            if let fault = sealer?.fault(of: seal) { throw fault.error(run) }
            let events = try Self.events(of: run, checked: true, db)
            try Self.compare(events.last, seal)
            return (try Self.run(row), events.map(\.record))
        }
    }

    /// What created a run, without looking at what followed.
    package func firstEvent(of run: RunID) throws(LedgerError) -> EventRecord? {
        try read { db in
            try Row.fetchOne(
                db,
                sql: "SELECT * FROM event WHERE run = ? AND sequence = 1",
                arguments: [run.text]
            ).map(Self.event)
        }
    }

    static func event(_ row: Row) -> EventRecord {
        EventRecord(
            sequence: row["sequence"],
            time: Timestamp(microseconds: row["time"]),
            kind: row["kind"],
            instance: row["instance"],
            payload: row["payload"]
        )
    }

    static let sealQuery = "SELECT id, sequence, head, seal, seal_key FROM run WHERE id = ?"

    private static func compare(_ last: (record: EventRecord, hash: [UInt8])?, _ seal: RunSeal) throws {
        guard last?.record.sequence ?? 0 == seal.sequence, last?.hash ?? [] == seal.head else {
            throw LedgerError(.corrupt, "the events of run `\(seal.run)` do not end where the run says")
        }
    }

    private static func events(
        of run: RunID,
        checked: Bool,
        _ db: Database
    ) throws -> [(record: EventRecord, hash: [UInt8])] {
        var last: [UInt8] = []
        var events: [(record: EventRecord, hash: [UInt8])] = []
        let rows = try Row.fetchCursor(
            db,
            sql: "SELECT * FROM event WHERE run = ? ORDER BY sequence",
            arguments: [run.text]
        )
        while let row = try rows.next() {
            let event = event(row)
            if checked {
                last = event.hash(after: last, run: run)
                guard Array(row["hash"] as Data) == last, event.sequence == events.count + 1 else {
                    throw LedgerError(
                        .corrupt,
                        "event \(event.sequence) of run `\(run)` does not continue its chain"
                    )
                }
            }
            events.append((event, last))
        }
        return events
    }
}
