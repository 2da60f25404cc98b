import Core
import Ledger

/// The rows that a run left behind, written once more through bare SQLite in the same transactions.
///
/// Same schema, same rows, same number of commits, same `synchronous` for each; none of the engine's thinking, hashing,
/// JSON or reading. What the engine takes longer than this is its own.
struct Replay {
    private enum Statement: Int, CaseIterable {
        case begin, commit, full, normal, artifact, run, event, head, progress, step, outbox, lease

        var sql: String {
            switch self {
            case .begin: "BEGIN IMMEDIATE"
            case .commit: "COMMIT"
            case .full: "PRAGMA synchronous = FULL"
            case .normal: "PRAGMA synchronous = NORMAL"
            case .artifact:
                "INSERT INTO artifact (digest, media_type, byte_count, bytes, created) VALUES (?, ?, ?, ?, ?)"
            case .run:
                """
                INSERT INTO run (id, playbook, name, version, digest, file, inputs, started_by, pins, state, created,
                updated, sequence, head) VALUES (?, ?, ?, ?, ?, ?, '{}', ?, '{}', 'running', ?, ?, 0, x'')
                """
            case .event:
                """
                INSERT INTO event (run, sequence, time, kind, instance, payload, hash) VALUES (?, ?, ?, ?, ?, ?, ?)
                """
            case .head: "UPDATE run SET sequence = ?, head = ?, state = ?, updated = ?, ended = ? WHERE id = ?"
            // As in the engine: a state that stays is not written, which spares the page of its index.
            case .progress: "UPDATE run SET sequence = ?, head = ?, updated = ? WHERE id = ?"
            case .step:
                """
                INSERT INTO step (run, instance, position, step, kind, state, attempts, started, ended, result, summary)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, instance) DO UPDATE SET
                state = excluded.state, attempts = excluded.attempts, started = excluded.started,
                ended = excluded.ended, result = excluded.result, summary = excluded.summary
                """
            case .outbox: "INSERT INTO outbox (run, sequence) VALUES (?, ?)"
            case .lease:
                """
                UPDATE run SET lease_token = ?, lease_host = 'bench', lease_boot = 'bench', lease_pid = 1,
                lease_heartbeat = ?, lease_expires = ? WHERE id = ?
                """
            }
        }
    }

    private typealias Write = (statement: Statement, values: [BareSQLite.Value])

    private struct Transaction {
        var isSynced: Bool
        var writes: [Write]
    }

    private var transactions: [Transaction] = []
    /// How many transactions it makes, and how many of them synced.
    var count: Commits {
        Commits(all: transactions.count, synced: transactions.count(where: \.isSynced))
    }

    /// Reads what the engine wrote and sorts it into the transactions in which it was written.
    init(of figures: EngineFigures, syncsIntents: Bool, path: String) throws {
        let ledger = try Ledger(readOnly: path)
        let run = figures.run
        guard let record = try ledger.run(run), let artifact = try ledger.artifact(record.digest) else {
            throw BenchmarkFault("the run is not in the ledger")
        }
        let events = try ledger.events(of: run)
        let steps = try ledger.steps(of: run)
        try ledger.close()
        let rows = Dictionary(steps.map { ($0.instance.description, $0) }, uniquingKeysWith: { first, _ in first })
        let id = BareSQLite.Value.text(run.text)
        let created = BareSQLite.Value.integer(record.created.microseconds)
        let hash = BareSQLite.Value.blob(record.head)

        func lease(_ token: String?) -> Transaction {
            Transaction(isSynced: false, writes: [(.lease, [.text(token), created, created, id])])
        }
        func step(_ step: StepRecord, _ state: StepState) -> Write {
            let isOver = state.isTerminal
            return (
                .step,
                [
                    id, .text(step.instance.description), .integer(step.position), .text(step.instance.step.text),
                    .text(step.kind), .text(state.rawValue), .integer(isOver || state == .running ? 1 : 0),
                    .integer(step.started?.microseconds), isOver ? .integer(step.ended?.microseconds) : .null,
                    isOver ? .text(step.result) : .null, isOver ? .text(step.summary) : .null,
                ]
            )
        }
        func head(_ event: EventRecord, _ state: RunState) -> Write {
            let time = BareSQLite.Value.integer(event.time.microseconds)
            return (.head, [.integer(event.sequence), hash, .text(state.rawValue), time, .null, id])
        }
        func progress(_ event: EventRecord) -> Write {
            (.progress, [.integer(event.sequence), hash, .integer(event.time.microseconds), id])
        }
        func row(_ event: EventRecord) -> Write {
            (
                .event,
                [
                    id, .integer(event.sequence), .integer(event.time.microseconds), .text(event.kind),
                    .text(event.instance), .text(event.payload), hash,
                ]
            )
        }

        guard let first = events.first, let last = events.last else { throw BenchmarkFault("the run has no events") }
        var creation: [Write] = [
            (
                .artifact,
                [
                    .text(record.digest.description), .text(artifact.mediaType), .integer(artifact.byteCount),
                    .blob(artifact.bytes ?? []), created,
                ]
            ),
            (
                .run,
                [
                    id, .text(record.playbook), .text(record.name), .text(record.version),
                    .text(record.digest.description), .text(record.file), .text(record.startedBy), created, created,
                ]
            ), row(first), head(first, .running),
        ]
        creation += steps.map { step($0, .pending) } + [(.outbox, [id, .integer(first.sequence)])]
        transactions = [Transaction(isSynced: true, writes: creation), lease("bench")]

        // An outcome is written together with the next intent, the last one together with the end of the run.
        var writes: [Write] = []
        for event in events.dropFirst() {
            writes.append(row(event))
            if let record = rows[event.instance] {
                writes.append(step(record, event.kind == "step.started" ? .running : record.state))
            }
            if event.kind == "step.started" {
                transactions.append(Transaction(isSynced: syncsIntents, writes: writes + [progress(event)]))
                writes = []
            }
        }
        writes += [head(last, record.state), (.outbox, [id, .integer(last.sequence)])]
        transactions += [Transaction(isSynced: true, writes: writes), lease(nil)]
        // A run that took longer than a second also renewed its lease.
        let renewals = figures.commits.all - transactions.count
        if renewals > 0 { transactions += Array(repeating: lease(nil), count: renewals) }
        guard count == figures.commits else {
            throw BenchmarkFault("the engine made \(figures.commits), the replay would make \(count)")
        }
    }

    /// Writes it all into a new file and answers how long that took, on the clock and of the processor.
    func measure(path: String) throws -> (wall: Duration, processor: Duration) {
        // The schema is the ledger's own.
        try Ledger(path: path).close()
        let database = try BareSQLite(path: path)
        try database.execute("PRAGMA foreign_keys = ON")
        let numbers = try Statement.allCases.map { statement in
            // Preparing such a pragma carries it out, and it is run when it is needed.
            statement == .full || statement == .normal ? -1 : try database.prepare(statement.sql)
        }
        let clock = ContinuousClock()
        let processor = Resources.processorTime()
        let start = clock.now
        var isSynced: Bool?
        for transaction in transactions {
            if isSynced != transaction.isSynced {
                try database.execute((transaction.isSynced ? Statement.full : .normal).sql)
                isSynced = transaction.isSynced
            }
            try database.run(numbers[Statement.begin.rawValue])
            for write in transaction.writes { try database.run(numbers[write.statement.rawValue], write.values) }
            try database.run(numbers[Statement.commit.rawValue])
        }
        return (clock.now - start, Resources.processorTime() - processor)
    }
}
