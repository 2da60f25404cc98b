package import Core
import FoundationEssentials
import GRDB

/// Everything that one transaction changes about one run: its new events and the rows that follow from them.
package struct RunCommit: Sendable {
    package var run: RunID
    /// How many events the writer believes the run to have; a mismatch refuses the whole transaction.
    package var sequence: Int
    /// The lease under which the writer acts, or nothing for the first commit of a run.
    package var token: String?
    /// The hash of its last event, where the writer knows it, and the state of its row: then nothing is read first.
    package var known: (head: [UInt8], state: RunState)?
    package var durability: Ledger.Durability = .progress
    package var events: [EventRecord] = []
    package var state: RunState
    package var reason: String?
    package var outputs: JSON.Object?
    package var ended: Timestamp?
    package var steps: [StepRecord] = []
    package var timers: [TimerRecord] = []
    package var stoppedTimers: [TimerKey] = []
    package var samples: [SampleRecord] = []
    package var verdicts: [VerdictRecord] = []
    package var approvals: [ApprovalRecord] = []
    package var votes: [VoteRecord] = []
    package var artifacts: [ArtifactRecord] = []
    package var doneRequests: [Int64] = []
    /// Events that the audit log has to hear of, by sequence.
    package var outbox: [Int] = []
    /// The run's own row, when this commit creates it.
    package var creation: RunRecord?

    package struct TimerKey: Sendable, Hashable {
        package var instance: StepInstance
        package var kind: String

        package init(instance: StepInstance, kind: String) {
            self.instance = instance
            self.kind = kind
        }
    }

    package init(run: RunID, sequence: Int, token: String?, state: RunState) {
        self.run = run
        self.sequence = sequence
        self.token = token
        self.state = state
    }
}

extension Ledger {
    /// Writes all of it or nothing, in one transaction as durable as its most demanding part.
    ///
    /// - Returns: The hash of the last event of each run.
    /// - Throws: `conflict` when somebody else wrote to a run or took its lease.
    @discardableResult
    package func commit(_ commits: [RunCommit]) throws(LedgerError) -> [[UInt8]] {
        let durability = commits.lazy.map(\.durability).max() ?? .progress
        return try write(durability) { db in
            var heads: [[UInt8]] = []
            for index in commits.indices { heads.append(try apply(commits[index], db)) }
            return heads
        }
    }

    private func apply(_ commit: RunCommit, _ db: Database) throws -> [UInt8] {
        for artifact in commit.artifacts { try Self.insert(artifact, db) }
        if let record = commit.creation { try Self.insert(record, db) }
        let run = commit.run.text
        let hashes = try move(commit, db)
        for (event, hash) in zip(commit.events, hashes) {
            try prepared.run(.event, db) { values in
                values.add(run)
                values.add(event.sequence)
                values.add(event.time.microseconds)
                values.add(event.kind)
                values.add(event.instance)
                values.add(event.payload)
                values.add(hash)
            }
        }
        for step in commit.steps { try put(step, run: run, isNew: commit.creation != nil, db) }
        for key in commit.stoppedTimers {
            try db.cachedStatement(sql: "DELETE FROM timer WHERE run = ? AND instance = ? AND kind = ?")
                .execute(arguments: [run, key.instance.description, key.kind])
        }
        for timer in commit.timers {
            try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO timer (run, instance, kind, generation, due) VALUES (?, ?, ?, ?, ?)"
            ).execute(arguments: [
                run, timer.instance.description, timer.kind, timer.generation, timer.due.microseconds,
            ])
        }
        try Self.applyDecisions(commit, db)
        for request in commit.doneRequests {
            try db.cachedStatement(sql: "DELETE FROM request WHERE id = ?").execute(arguments: [request])
        }
        for sequence in commit.outbox {
            try prepared.run(.outbox, db) { values in
                values.add(run)
                values.add(sequence)
            }
        }
        return hashes.last ?? []
    }

    /// Moves the run's own row on, if it is still what the writer believes it to be.
    ///
    /// - Returns: The hashes of the new events; where there are none, the one that the run has.
    private func move(_ commit: RunCommit, _ db: Database) throws -> [[UInt8]] {
        func addOld(_ values: inout Values) {
            values.add(commit.run.text)
            values.add(commit.sequence)
            values.add(commit.token)
        }
        if let known = commit.known, known.state == commit.state {
            let hashes = Self.hashes(of: commit, after: known.head)
            try prepared.run(.progress, db) { values in
                addChanges(commit, hashes, to: &values)
                addOld(&values)
                values.add(known.head)
                values.add(known.state.rawValue)
            }
            if prepared.changes(db) == 1 { return hashes }
        }
        guard let head = try prepared.run(.head, db, addOld), commit.known.map({ $0.head == head }) ?? true else {
            throw LedgerError(.conflict, "run `\(commit.run)` was changed by somebody else meanwhile")
        }
        if commit.known == nil, let sealer, commit.sequence > 0,
            let row = try Row.fetchOne(db, sql: Self.sealQuery, arguments: [commit.run.text]),
            let fault = sealer.fault(of: RunSeal(row))
        {
            // A new seal over an old break would make it whole.
            throw fault.error(commit.run)
        }
        let hashes = Self.hashes(of: commit, after: head)
        try prepared.run(.move, db) { values in
            addChanges(commit, hashes, to: &values)
            values.add(commit.state.rawValue)
            values.add(commit.run.text)
        }
        return hashes
    }

    private static func hashes(of commit: RunCommit, after head: [UInt8]) -> [[UInt8]] {
        var hashes: [[UInt8]] = []
        hashes.reserveCapacity(commit.events.count)
        for event in commit.events { hashes.append(event.hash(after: hashes.last ?? head, run: commit.run)) }
        return hashes.isEmpty ? [head] : hashes
    }

    private func addChanges(_ commit: RunCommit, _ hashes: [[UInt8]], to values: inout Values) {
        let last = commit.events.last
        let sequence = last?.sequence ?? commit.sequence
        let head = hashes.last ?? []
        values.add(sequence)
        values.add(head)
        values.add(commit.reason)
        values.add(commit.outputs.map(Self.text))
        values.add(last?.time.microseconds ?? 0)
        values.add(commit.ended?.microseconds)
        values.add(sealer?.seal(commit.run, sequence: sequence, head: head))
        values.add(sealer?.keyID)
    }

    private static func applyDecisions(_ commit: RunCommit, _ db: Database) throws {
        let run = commit.run.text
        for sample in commit.samples {
            try db.cachedStatement(
                sql: """
                    INSERT INTO sample (run, instance, number, time, outcome, measurements, note)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                run, sample.instance.description, sample.number, sample.time.microseconds, sample.outcome,
                text(sample.measurements), sample.note,
            ])
        }
        for verdict in commit.verdicts {
            try db.cachedStatement(
                sql: """
                    INSERT INTO verdict (run, instance, generation, time, result, reason) VALUES (?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                run, verdict.instance.description, verdict.generation, verdict.time.microseconds, verdict.result,
                verdict.reason,
            ])
        }
        for approval in commit.approvals { try put(approval, db) }
        for vote in commit.votes {
            try db.cachedStatement(
                sql: """
                    INSERT INTO vote (run, instance, generation, number, person, verdict, reason, ticket,
                    authenticated, shown, proof, time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                run, vote.instance.description, vote.generation, vote.number, vote.person.text, vote.verdict,
                vote.reason, vote.ticket, vote.isAuthenticated ? 1 : 0, vote.shown.description, vote.proof,
                vote.time.microseconds,
            ])
        }
    }

    private static func insert(_ run: RunRecord, _ db: Database) throws {
        if try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM run WHERE id = ?)", arguments: [run.id.text])
            == true
        {
            throw LedgerError(.duplicate, "there is a run `\(run.id)` already")
        }
        try db.execute(
            sql: """
                INSERT INTO run (id, playbook, name, version, phase, digest, file, inputs, started_by, pins, state,
                created, updated, parent_run, parent_instance, concurrency_group, sequence, head)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, x'')
                """,
            arguments: [
                run.id.text, run.playbook, run.name, run.version, run.phase, run.digest.description, run.file,
                text(run.inputs), run.startedBy,
                text(JSON.Object(run.pins.sorted { $0.key < $1.key }.map { ($0.key, .integer(Int64($0.value))) })),
                run.state.rawValue, run.created.microseconds, run.created.microseconds, run.parent?.run.text,
                run.parent?.instance.description, run.group,
            ]
        )
    }

    static func insert(_ artifact: ArtifactRecord, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO artifact (digest, media_type, byte_count, bytes, created) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT (digest) DO NOTHING
                """
        ).execute(arguments: [
            artifact.digest.description, artifact.mediaType, artifact.byteCount, artifact.bytes.map { Data($0) },
            artifact.created.microseconds,
        ])
    }

    /// Changes the row of a step instance, or makes it.
    private func put(_ step: StepRecord, run: String, isNew: Bool, _ db: Database) throws {
        let instance = step.instance.description
        func add(_ values: inout Values) {
            values.add(step.name)
            values.add(step.state.rawValue)
            values.add(step.attempts)
            values.add(step.started?.microseconds)
            values.add(step.ended?.microseconds)
            values.add(step.result)
            values.add(step.outputs.map(Self.text))
            values.add(step.error)
            values.add(step.summary)
            values.add(step.waitsFor)
            values.add(step.due?.microseconds)
            values.add(run)
            values.add(instance)
        }
        if !isNew {
            // Almost every instance has its row since the run was created: an upsert would first try to add another.
            try prepared.run(.change, db, add)
            if prepared.changes(db) == 1 { return }
        }
        try prepared.run(.step, db) { values in
            add(&values)
            values.add(step.position)
            values.add(step.instance.step.text)
            values.add(step.instance.item)
            values.add(step.kind)
        }
    }

    private static func put(_ approval: ApprovalRecord, _ db: Database) throws {
        try db.execute(
            sql: """
                INSERT INTO approval (run, instance, generation, state, opened, shown, digest, approvers, quorum,
                excluded, required, ticket, expires, decided, note)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                ON CONFLICT (run, instance, generation) DO UPDATE SET state = excluded.state,
                approvers = excluded.approvers, expires = excluded.expires, decided = excluded.decided,
                note = excluded.note
                """,
            arguments: [
                approval.run.text, approval.instance.description, approval.generation, approval.state.rawValue,
                approval.opened.microseconds, Data(approval.shown), approval.digest.description,
                list(approval.approvers), approval.quorum, list(approval.excluded), list(approval.required),
                approval.ticket, approval.expires.microseconds, approval.decided?.microseconds, approval.note,
            ]
        )
    }

    static func text(_ object: JSON.Object) -> String { text(.object(object)) }
    static func text(_ value: JSON.Value) -> String { String(decoding: JSON.canonical(value), as: UTF8.self) }
    static func list(_ strings: [String]) -> String { text(.array(strings.map(JSON.Value.string))) }
}

extension EventRecord {
    /// The hash of this event in its run's chain: SHA-256 over the last hash and every column, each with its length.
    package func hash(after last: [UInt8], run: RunID) -> [UInt8] {
        var bytes = last
        bytes.reserveCapacity(last.count + payload.utf8.count + 160)
        func append(_ field: String) {
            bytes.append(contentsOf: String(field.utf8.count).utf8)
            bytes.append(UInt8(ascii: ":"))
            bytes.append(contentsOf: field.utf8)
        }
        append(run.text)
        append(String(sequence))
        append(String(time.microseconds))
        append(kind)
        append(instance)
        append(payload)
        return Digest.sha256(bytes).bytes
    }
}
