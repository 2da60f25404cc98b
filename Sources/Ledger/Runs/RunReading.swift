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

    private static func event(_ row: Row) -> EventRecord {
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

extension Ledger {
    static func run(_ row: Row) throws -> RunRecord {
        guard let state = RunState(rawValue: row["state"]), let digest = Digest(row["digest"]) else {
            throw LedgerError(.corrupt, "the row of run `\(row["id"] as String)` makes no sense")
        }
        var run = RunRecord(
            id: RunID(row["id"]),
            playbook: row["playbook"],
            name: row["name"],
            version: row["version"],
            phase: row["phase"],
            digest: digest,
            file: row["file"],
            inputs: try object(row["inputs"]),
            startedBy: row["started_by"],
            state: state,
            created: Timestamp(microseconds: row["created"])
        )
        for (action, version) in try object(row["pins"]) { run.pins[action] = Int(version.int ?? 0) }
        run.reason = row["reason"]
        run.outputs = try (row["outputs"] as String?).map(object)
        run.updated = Timestamp(microseconds: row["updated"])
        run.ended = (row["ended"] as Int64?).map(Timestamp.init(microseconds:))
        run.group = row["concurrency_group"]
        run.sequence = row["sequence"]
        run.head = Array(row["head"] as Data)
        if let parent = row["parent_run"] as String?, let instance = row["parent_instance"] as String? {
            run.parent = RunRecord.Parent(run: RunID(parent), instance: StepInstance(parsing: instance))
        }
        run.lease = lease(row)
        return run
    }

    static func lease(_ row: Row) -> Lease? {
        guard let token = row["lease_token"] as String? else { return nil }
        return Lease(
            token: token,
            host: row["lease_host"],
            boot: row["lease_boot"],
            process: row["lease_pid"],
            heartbeat: Timestamp(microseconds: row["lease_heartbeat"]),
            expires: Timestamp(microseconds: row["lease_expires"])
        )
    }

    private static func step(_ row: Row) throws -> StepRecord {
        guard let state = StepState(rawValue: row["state"]) else {
            throw LedgerError(.corrupt, "the row of step `\(row["instance"] as String)` makes no sense")
        }
        var step = StepRecord(
            instance: StepInstance(StepID(row["step"]), item: row["item"]),
            position: row["position"],
            kind: row["kind"],
            name: row["name"],
            state: state
        )
        step.attempts = row["attempts"]
        step.started = (row["started"] as Int64?).map(Timestamp.init(microseconds:))
        step.ended = (row["ended"] as Int64?).map(Timestamp.init(microseconds:))
        step.result = row["result"]
        step.outputs = try (row["outputs"] as String?).map(object)
        step.error = row["error"]
        step.summary = row["summary"]
        step.waitsFor = row["waits_for"]
        step.due = (row["due"] as Int64?).map(Timestamp.init(microseconds:))
        return step
    }

    private static func approval(_ row: Row) throws -> ApprovalRecord {
        guard let state = ApprovalRecord.State(rawValue: row["state"]), let digest = Digest(row["digest"]) else {
            throw LedgerError(.corrupt, "the row of approval `\(row["instance"] as String)` makes no sense")
        }
        var approval = ApprovalRecord(
            run: RunID(row["run"]),
            instance: StepInstance(parsing: row["instance"]),
            generation: row["generation"],
            state: state,
            opened: Timestamp(microseconds: row["opened"]),
            shown: Array(row["shown"] as Data),
            digest: digest,
            approvers: try strings(row["approvers"]),
            quorum: row["quorum"],
            excluded: try strings(row["excluded"]),
            required: try strings(row["required"]),
            ticket: row["ticket"],
            expires: Timestamp(microseconds: row["expires"])
        )
        approval.decided = (row["decided"] as Int64?).map(Timestamp.init(microseconds:))
        approval.note = row["note"]
        return approval
    }

    private static func vote(_ row: Row) throws -> VoteRecord {
        guard let shown = Digest(row["shown"]) else {
            throw LedgerError(.corrupt, "a vote of run `\(row["run"] as String)` makes no sense")
        }
        return VoteRecord(
            run: RunID(row["run"]),
            instance: StepInstance(parsing: row["instance"]),
            generation: row["generation"],
            number: row["number"],
            person: PersonID(row["person"]),
            verdict: row["verdict"],
            reason: row["reason"],
            ticket: row["ticket"],
            isAuthenticated: row["authenticated"],
            shown: shown,
            proof: row["proof"],
            time: Timestamp(microseconds: row["time"])
        )
    }

    static func value(_ text: String) throws -> JSON.Value {
        do {
            return try JSON.parse(text)
        } catch {
            throw LedgerError(.corrupt, "a value of the ledger is no json: \(error)")
        }
    }

    static func object(_ text: String) throws -> JSON.Object {
        guard let object = try value(text).object else {
            throw LedgerError(.corrupt, "a value of the ledger is no object")
        }
        return object
    }

    static func strings(_ text: String) throws -> [String] { try value(text).array?.compactMap(\.string) ?? [] }
}
