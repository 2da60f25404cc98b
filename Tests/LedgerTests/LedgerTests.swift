import Core
import Foundation
import GRDB
import Ledger
import Testing

@Suite struct LedgerTests {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("ledger-\(UUID().uuidString)")
    var path: String { folder.appendingPathComponent("lockstep.db").path }
    let now = Timestamp(seconds: 1_800_000_000)

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func creation(_ run: RunID, note: String = "x") -> RunCommit {
        let source = Array("playbook \(note)".utf8)
        let digest = Digest.sha256(source)
        var commit = RunCommit(run: run, sequence: 0, token: nil, state: .running)
        commit.durability = .decision
        commit.creation = RunRecord(
            id: run,
            playbook: "p",
            name: "P",
            version: "1.0.0",
            digest: digest,
            file: "p.yaml",
            inputs: ["a": 1],
            startedBy: "ana",
            pins: ["x.y": 1],
            state: .running,
            created: now
        )
        commit.artifacts = [
            ArtifactRecord(
                digest: digest,
                mediaType: "application/yaml",
                byteCount: source.count,
                bytes: source,
                created: now
            )
        ]
        commit.events = [EventRecord(sequence: 1, time: now, kind: "run.created", instance: "", payload: "{}")]
        return commit
    }

    private func code<Result>(_ body: () throws -> Result) -> LedgerError.Code? {
        do { _ = try body() } catch { return (error as? LedgerError)?.code }
        return nil
    }

    @Test func keepsWhatItWasGiven() throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation("r1")])
        let run = try #require(try Ledger(readOnly: path).run("r1"))
        #expect(run.inputs == ["a": 1] && run.pins == ["x.y": 1] && run.sequence == 1)
        #expect(try ledger.artifact(run.digest)?.bytes == Array("playbook x".utf8))
        #expect(try ledger.integrityCheck() == [])
        #expect(ledger.commits.all == 1 && ledger.commits.synced == 1)
    }

    @Test func refusesASecondRunOfTheSameName() throws {
        let ledger = try Ledger.inMemory()
        try ledger.commit([creation("r1")])
        #expect(code { try ledger.commit([creation("r1")]) } == .duplicate)
    }

    @Test func refusesAWriterWhosePictureIsOld() throws {
        let ledger = try Ledger.inMemory()
        try ledger.commit([creation("r1")])
        #expect(
            code { try ledger.commit([RunCommit(run: "r1", sequence: 0, token: nil, state: .running)]) } == .conflict
        )
        #expect(
            code { try ledger.commit([RunCommit(run: "r1", sequence: 1, token: "t", state: .running)]) } == .conflict
        )
        #expect(code { try ledger.commit([RunCommit(run: "r1", sequence: 1, token: nil, state: .paused)]) } == nil)
    }

    @Test func aWriterWhoKnowsTheHeadIsHeldToTheSamePicture() throws {
        let ledger = try Ledger.inMemory()
        var head = try #require(try ledger.commit([creation("r1")]).last)
        func next(_ sequence: Int, token: String? = nil, _ state: RunState = .running) -> RunCommit {
            var commit = RunCommit(run: "r1", sequence: sequence, token: token, state: state)
            commit.known = (head, .running)
            commit.events = [
                EventRecord(sequence: sequence + 1, time: now, kind: "k", instance: "a", payload: "{}")
            ]
            return commit
        }
        head = try #require(try ledger.commit([next(1)]).last)
        #expect(try ledger.run("r1")?.head == head)
        #expect(code { try ledger.commit([next(1)]) } == .conflict)
        #expect(code { try ledger.commit([next(2, token: "t")]) } == .conflict)
        // Set aside by somebody meanwhile: what the holder knows of the row is old, its next state is written.
        try ledger.setAside("r1", reason: "strange", at: now)
        head = try #require(try ledger.commit([next(2)]).last)
        #expect(try ledger.run("r1")?.state == .running)
        head = try #require(try ledger.commit([next(3, .waiting)]).last)
        #expect(try ledger.run("r1")?.state == .waiting)
        // Reading verifies the chain of all of them.
        #expect(try ledger.events(of: "r1").map(\.sequence) == [1, 2, 3, 4])
    }

    @Test(arguments: ["", "é e\u{301} \u{1F512}", String(repeating: "x", count: 100_000)])
    func keepsEveryText(_ text: String) throws {
        let ledger = try Ledger.inMemory()
        var commit = creation("r1")
        commit.events.append(EventRecord(sequence: 2, time: now, kind: "k", instance: text, payload: text))
        var step = StepRecord(instance: StepInstance("a", item: text), position: 0, kind: "action", name: text)
        step.error = text
        commit.steps = [step]
        try ledger.commit([commit])
        let event = try #require(try ledger.events(of: "r1").last)
        #expect(Array(event.payload.utf8) == Array(text.utf8) && Array(event.instance.utf8) == Array(text.utf8))
        let row = try #require(try ledger.steps(of: "r1").first)
        #expect(row.name == text && row.error == text && row.summary == nil && row.instance.item == text)
    }

    @Test func nothingRemainsOfACommitThatFails() throws {
        let ledger = try Ledger.inMemory()
        var second = creation("r2")
        second.events.append(EventRecord(sequence: 1, time: now, kind: "twice", instance: "", payload: "{}"))
        #expect(code { try ledger.commit([creation("r1"), second]) } == .conflict)
        #expect(try ledger.runs().isEmpty)
    }

    @Test func aChangedEventBreaksTheChain() throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation("r1")])
        try DatabaseQueue(path: path).write { db in
            try db.execute(sql: "DROP TRIGGER event_stays")
            try db.execute(sql: "UPDATE event SET payload = '{\"by\":\"mallory\"}'")
        }
        #expect(code { try ledger.events(of: "r1") } == .corrupt)
    }

    @Test func votesAndEventsAreNeverAltered() throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation("r1")])
        #expect(throws: DatabaseError.self) {
            try DatabaseQueue(path: path).write { try $0.execute(sql: "UPDATE event SET kind = 'other'") }
        }
    }

    @Test func saysWhoHoldsALease() throws {
        let ledger = try Ledger.inMemory()
        try ledger.commit([creation("r1")])
        let mine = Lease(token: "a", host: "h", boot: "b", process: 41, heartbeat: now, expires: now + .seconds(60))
        let other = Lease(token: "c", host: "h", boot: "b", process: 42, heartbeat: now, expires: now + .seconds(60))
        try ledger.acquire("r1", mine, now: now, isDead: { _ in nil })
        #expect { try ledger.acquire("r1", other, now: now, isDead: { _ in nil }) } throws: { error in
            (error as? LedgerError)?.message.contains("process 41 on `h`") == true
        }
        #expect(code { try ledger.acquire("r1", other, now: now + .seconds(99), isDead: { _ in false }) } == .leased)
        try ledger.acquire("r1", other, now: now + .seconds(99), isDead: { _ in nil })
        #expect(try !ledger.renew("r1", token: "a", heartbeat: now, expires: now))
        try ledger.release("r1", token: "a")
        #expect(try ledger.run("r1")?.lease == other)
        #expect(code { try ledger.acquire("none", mine, now: now, isDead: { _ in nil }) } == .missing)
    }

    // MARK: - Faults

    @Test(arguments: [Array("not a database, but long enough to be one? ".utf8), Array(repeating: 0, count: 5000)])
    func refusesAFileThatIsNoDatabase(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        #expect(code { try Ledger(path: path) } == .corrupt)
        #expect(Array(try Data(contentsOf: URL(fileURLWithPath: path))) == bytes)
    }

    @Test func refusesTheDatabaseOfAnotherProgram() throws {
        try DatabaseQueue(path: path).write { try $0.execute(sql: "PRAGMA application_id = 7; CREATE TABLE t (x)") }
        #expect(code { try Ledger(path: path) } == .notALedger)
        try FileManager.default.removeItem(atPath: path)
        try DatabaseQueue(path: path).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        #expect(code { try Ledger(path: path) } == .notALedger)
    }

    @Test func refusesANewerSchema() throws {
        try Ledger(path: path).close()
        try DatabaseQueue(path: path).inDatabase { try $0.execute(sql: "PRAGMA user_version = 99") }
        #expect(code { try Ledger(path: path) } == .newerSchema)
        #expect(code { try Ledger(readOnly: path) } == .newerSchema)
    }

    @Test func findsDamage() throws {
        let ledger = try Ledger(path: path)
        for number in 0..<200 {
            try ledger.commit([creation(RunID("r\(number)"), note: String(repeating: "z", count: 500))])
        }
        try ledger.close()
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        for index in (4096 * 3)..<(4096 * 40) where index < bytes.count { bytes[index] = 0xAA }
        try bytes.write(to: URL(fileURLWithPath: path))
        let isFound: Bool
        do {
            let damaged = try Ledger(path: path)
            isFound = try !damaged.integrityCheck().isEmpty
        } catch {
            isFound = error.code == .corrupt
        }
        #expect(isFound)
    }

    @Test func aLockedDatabaseIsBusyAndLosesNothing() throws {
        let ledger = try Ledger(path: path, busyTimeout: .zero)
        try ledger.commit([creation("r1")])
        let other = try DatabaseQueue(path: path)
        try other.inDatabase { db in
            try db.execute(sql: "BEGIN IMMEDIATE")
            #expect(code { try ledger.commit([creation("r2")]) } == .busy)
            #expect(try ledger.runs().count == 1)
            try db.execute(sql: "COMMIT")
        }
        try ledger.commit([creation("r2")])
        #expect(try ledger.runs().count == 2)
    }

    @Test func aFullDiskIsSaidAndLosesNothing() throws {
        let ledger = try Ledger(path: path)
        try ledger.limit(pages: try ledger.pageCount() + 4)
        var code: LedgerError.Code?
        var count = 0
        for number in 0..<500 where code == nil {
            code = self.code {
                try ledger.commit([creation(RunID("r\(number)"), note: String(repeating: "\(number)", count: 900))])
            }
            if code == nil { count += 1 }
        }
        #expect(code == .full)
        #expect(try ledger.runs().count == count)
        #expect(try ledger.integrityCheck() == [])
        try ledger.limit(pages: 100_000)
        try ledger.commit([creation("later")])
    }

    @Test func aReadOnlyLedgerIsNotWritten() throws {
        try Ledger(path: path).commit([creation("r1")])
        let ledger = try Ledger(readOnly: path)
        #expect(try ledger.runs().count == 1)
        #expect(code { try ledger.commit([creation("r2")]) } == .readOnly)
        #expect(code { try Ledger(readOnly: path + ".none") } == .lost)
        #expect(code { try Ledger(path: folder.path + "/none/lockstep.db") } == .io)
    }

    @Test func aBackupIsWhole() throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation("r1")])
        let copy = path + ".backup"
        try ledger.backup(to: copy)
        try ledger.commit([creation("r2")])
        #expect(try Ledger(readOnly: copy).runs().map(\.id) == ["r1"])
        #expect(code { try ledger.backup(to: copy) } == .duplicate)
    }

    // MARK: - Versions

    /// The dump of a ledger as a version of the schema wrote it.
    private func dump(_ version: Int) throws -> String {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return try String(contentsOf: folder.appending(path: "Cases/schema-\(version).sql"), encoding: .utf8)
    }

    @Test(arguments: [1, 2])
    func aLedgerOfAnEarlierVersionIsBroughtUpToDateAndKeepsEverything(_ version: Int) throws {
        let text = try dump(version)
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { try $0.execute(sql: text) }
        try queue.close()
        try Ledger.inspect(path)
        #expect(code { try Ledger(readOnly: path) } == .olderSchema)
        let ledger = try Ledger(path: path, sealer: sealer())
        #expect(try ledger.schemaDifferences() == [])
        #expect(try ledger.integrityCheck() == [])
        #expect(try ledger.events(of: "r1").map(\.kind) == ["run.created", "run.attention"])
        #expect(try ledger.votes(of: "r1").map(\.person) == ["ben"])
        #expect(try ledger.exceptions().map(\.isAuthenticated) == [false])
        #expect(try ledger.seals().map(\.seal) == [nil])
        let next = RunCommit(run: "r1", sequence: 2, token: nil, state: .paused)
        #expect(code { try ledger.commit([next]) } == .sealMissing, "only `sealAll` vouches for what was there")
        try ledger.sealAll(with: sealer())
        try ledger.commit([next])
        #expect(try ledger.seals().allSatisfy { sealer().fault(of: $0) == nil })
    }

    // MARK: - Seals

    private func sealer(_ key: UInt8 = 1) -> Sealer {
        Sealer(keyID: "0000000\(key)") { Digest.sha256([key] + $0).bytes }
    }

    @Test func aChainThatIsComputedAnewWithoutTheKeyBreaksItsSeal() throws {
        let ledger = try Ledger(path: path, sealer: sealer())
        try ledger.commit([creation("r1"), creation("r2")])
        #expect(try ledger.seals().allSatisfy { sealer().fault(of: $0) == nil })
        #expect(try !ledger.seals().contains { sealer(2).fault(of: $0) == nil })
        let forged = EventRecord(
            sequence: 1,
            time: now,
            kind: "run.created",
            instance: "",
            payload: #"{"by":"mallory"}"#
        )
        let head = Data(forged.hash(after: [], run: "r1"))
        try DatabaseQueue(path: path).write { db in
            try db.execute(sql: "DROP TRIGGER event_stays")
            try db.execute(
                sql: "UPDATE event SET payload = ?, hash = ? WHERE run = 'r1'",
                arguments: [forged.payload, head]
            )
            try db.execute(sql: "UPDATE run SET head = ? WHERE id = 'r1'", arguments: [head])
        }
        #expect(code { try ledger.events(of: "r1") } == nil, "without a key the chain looks whole")
        #expect(try ledger.seals().filter { sealer().fault(of: $0) != nil }.map(\.run) == ["r1"])
        #expect(try ledger.schemaDifferences() == ["the trigger `event_stays` is missing"])
    }

    private func inventory(_ ledger: Ledger, _ name: String) throws {
        let body: JSON.Value = ["name": "lookup"]
        let tool = Definition(kind: .tool, name: "lookup", body: body, digest: .sha256(JSON.canonical(body)))
        let sighting = Sighting(
            source: "network",
            location: "here",
            canonicalKey: "http://\(name)/mcp",
            name: name,
            transport: .streamableHTTP,
            description: ServerDescription(name: name, definitions: [tool])
        )
        let finding = Finding(code: "tool.poisoned", severity: .critical, subject: "\(name)/lookup", message: "m")
        _ = try ledger.record(SurveyResult(sightings: [sighting], findings: [finding]), key: name, label: "l", at: now)
        _ = try ledger.snapshot(named: name, at: now)
        try ledger.add(
            Exception(
                id: "x-\(name)",
                scope: "server:\(name)",
                owner: "user:ana",
                reason: "r",
                createdBy: "user:ana",
                created: now,
                expires: now + .seconds(60)
            )
        )
    }

    @Test(arguments: [
        ("exception", "UPDATE exception SET expires = expires + 1"), ("exception", "DELETE FROM exception"),
        (
            "exception",
            "INSERT INTO exception SELECT 'y', scope, owner, reason, created_by, created, expires, closed, 1, proof FROM exception"
        ),
        ("finding", "DELETE FROM finding"), ("finding", "UPDATE finding SET severity = 'low'"),
        ("server", "UPDATE server SET owner = 'user:ana'"), ("definition", "UPDATE definition SET digest = 'x'"),
        ("snapshot", "DELETE FROM snapshot"), ("scan", "UPDATE scan SET gaps = '[{}]'"),
        ("alias", "INSERT INTO alias VALUES ('other', 'hr')"), ("sighting", "UPDATE sighting SET is_described = 0"),
        ("finding", "DELETE FROM table_seal WHERE name = 'finding'"),
    ])
    func aTableThatWasChangedWithoutTheKeyIsFoundAndNeverSealedOver(_ table: String, _ sql: String) throws {
        let ledger = try Ledger(path: path, sealer: sealer())
        try ledger.sealTables(with: sealer())
        try inventory(ledger, "hr")
        #expect(try ledger.tableFaults(sealer()).isEmpty)
        try DatabaseQueue(path: path).write { try $0.execute(sql: sql) }
        #expect(try ledger.tableFaults(sealer()).map(\.table.rawValue) == [table])
        try inventory(ledger, "finance")
        try ledger.sealTables(with: sealer())
        #expect(
            try ledger.tableFaults(sealer()).map(\.table.rawValue) == [table],
            "an honest writer seals nothing over"
        )
    }

    @Test func tablesAreSealedWithTheNewKeyAfterARotation() throws {
        let first = try Ledger(path: path, sealer: sealer())
        try first.sealTables(with: sealer())
        try inventory(first, "hr")
        let code: Sealer.Code = { Digest.sha256([1] + $0).bytes }
        let rotated = Sealer(keyID: "00000002", retired: ["00000001": code]) { Digest.sha256([2] + $0).bytes }
        #expect(try first.tableFaults(rotated).isEmpty)
        try inventory(try Ledger(path: path, sealer: rotated), "finance")
        #expect(try first.tableFaults(rotated).isEmpty)
        #expect(try first.tableFaults(sealer(3)).allSatisfy { $0.code == "seal.unknown-key" })
    }

    @Test func whoeverWritesWithoutTheKeyLeavesNoSeal() throws {
        try Ledger(path: path, sealer: sealer()).commit([creation("r1")])
        let ledger = try Ledger(path: path)
        try ledger.commit([RunCommit(run: "r1", sequence: 1, token: nil, state: .paused)])
        #expect(try ledger.seals().map(\.seal) == [nil])
        try ledger.sealAll(with: sealer())
        #expect(try ledger.seals().allSatisfy { sealer().fault(of: $0) == nil })
    }

    @Test(arguments: [
        "CREATE TRIGGER t AFTER INSERT ON vote BEGIN SELECT 1; END", "CREATE VIEW v AS SELECT 1",
        "CREATE TABLE extra (x)", "DROP TRIGGER vote_kept", "CREATE INDEX i ON run (name)",
        "DROP TABLE outbox", "ALTER TABLE run ADD COLUMN extra TEXT",
    ])
    func aSchemaThatIsNotOursIsFoundBeforeItActs(_ sql: String) throws {
        try Ledger(path: path).close()
        try Ledger.inspect(path)
        try DatabaseQueue(path: path).inDatabase { try $0.execute(sql: sql) }
        #expect(code { try Ledger.inspect(path) } == .foreignSchema)
        #expect(try Ledger(readOnly: path).schemaDifferences().count == 1)
    }
}
