import Core
import Engine
import Expressions
import Foundation
import GRDB
import Ledger
import Playbooks
import Synchronization
import Testing

/// Whoever can write the database, and has no key of the workspace, asks for nothing and changes nothing unseen.
@Suite(.timeLimit(.minutes(10)))
struct TamperTests {
    let path = FileManager.default.temporaryDirectory.appending(path: "tamper-\(UUID().uuidString).db").path

    private static func sealer(_ key: UInt8 = 1) -> Sealer {
        Sealer(keyID: "0000000\(key)") { Digest.sha256([key] + $0).bytes }
    }

    private func world(_ steps: [PlannedStep]? = nil) async throws -> (World, RunID) {
        let world = try World(path: path, sealer: Self.sealer())
        let review = try step(
            "review",
            .approval(Approval(approvers: ["group:leads"], min: 1, expires: .seconds(86_400)))
        )
        let run = try await world.run(plan("p", steps ?? [review, step("go", uses("test.change"))])).run
        return (world, run)
    }

    /// Writes past the program, as somebody with a database shell would.
    private func execute(_ sql: String, _ arguments: StatementArguments = []) throws {
        try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: sql, arguments: arguments) }
    }

    private func ballot(_ world: World, _ run: RunID, proof: JSON.Object? = nil) throws -> Ballot {
        let view = try world.engine().approval(run: run, step: StepInstance("review"))
        return Ballot(
            person: "ana",
            verdict: .approve,
            reason: "read it",
            shown: view.digest,
            generation: view.generation,
            isAuthenticated: true,
            proof: proof
        )
    }

    // MARK: - Requests

    @Test(arguments: [
        #"{"command":"cancel","reason":"x","by":"user:ana"}"#, #"{"command":"pause","reason":"x","by":"user:ana"}"#,
        #"{"command":"cancel","reason":"x","by":"user:ana","seal":{"key":"00000001","code":"00"}}"#,
        #"{"command":"cancel","reason":"x","by":"user:ana","seal":{"key":"00000002","code":"00"}}"#,
        "no json",
    ])
    func aRequestThatTheProgramDidNotPostIsDropped(_ body: String) async throws {
        let (world, run) = try await world()
        try execute("INSERT INTO request (run, time, body) VALUES (?, 1, ?)", [run.text, body])
        #expect(try await world.engine().tick().map(\.state) == [.waiting])
        #expect(try world.ledger.run(run)?.state == .waiting)
        #expect(try world.ledger.requests(to: run).isEmpty)
        #expect(try world.check(run) == [])
    }

    @Test func aForgedVoteIsNotCounted() async throws {
        let (world, run) = try await world()
        let view = try world.engine().approval(run: run, step: StepInstance("review"))
        let body = """
            {"command":"vote","step":"review","by":"user:ben","ballot":{"person":"ben","verdict":"approve","reason":"x",\
            "ticket":null,"shown":"\(view.digest)","generation":1,"authenticated":true,"proof":null}}
            """
        try execute("INSERT INTO request (run, time, body) VALUES (?, 1, ?)", [run.text, body])
        _ = try await world.engine().tick()
        #expect(try world.ledger.votes(of: run).isEmpty)
        #expect(world.outside.done.isEmpty)
    }

    @Test func aRequestBelongsToItsRunAndItsTime() async throws {
        let (world, run) = try await world()
        try world.ledger.post(["command": "pause", "reason": "x", "by": "user:ana"], to: run, at: world.clock.now())
        #expect(try world.ledger.requests(to: run).first?.body?["command"] == "pause")
        try execute("UPDATE request SET time = time + 1")
        #expect(try world.ledger.requests(to: run).map(\.body) == [nil])
    }

    @Test func whetherAVoteIsProvenIsAskedWhereItIsCounted() async throws {
        let (world, run) = try await world()
        let doubtful = world.engine { (ballot, _, _) throws(VoteRefusal) in
            throw VoteRefusal(code: .unproven, message: "the vote of `\(ballot.person)` is not signed")
        }
        #expect(throws: InvalidInput.self) {
            try doubtful.castVote(run: run, step: StepInstance("review"), try ballot(world, run))
        }
        #expect(try world.ledger.votes(of: run).isEmpty)
        // Posted by one who believes it, taken by one who does not.
        let token = try lease(world, run)
        let delivery = try world.engine().castVote(run: run, step: StepInstance("review"), try ballot(world, run))
        #expect(delivery == .posted)
        try world.ledger.release(run, token: token)
        _ = try await doubtful.tick()
        #expect(try world.ledger.votes(of: run).isEmpty)
        #expect(try world.ledger.requests(to: run).isEmpty)
        // The runner says that it rests on the name of an OS user, whatever the ballot says.
        let lax = world.engine { (_, _, _) throws(VoteRefusal) in false }
        _ = try lax.castVote(run: run, step: StepInstance("review"), try ballot(world, run))
        #expect(try world.ledger.votes(of: run).map(\.isAuthenticated) == [false])
    }

    /// Somebody else is at the run.
    private func lease(_ world: World, _ run: RunID) throws -> String {
        let now = world.clock.now()
        let lease = Lease(
            token: "other",
            host: "elsewhere",
            boot: "x",
            process: 1,
            heartbeat: now,
            expires: now + .seconds(60)
        )
        try world.ledger.acquire(run, lease, now: now, isDead: { _ in nil })
        return "other"
    }

    @Test func aVoteThatWasWithdrawnDoesNotComeBack() async throws {
        let two = try step("review", .approval(Approval(approvers: ["group:leads"], min: 2, expires: .seconds(86_400))))
        let (world, run) = try await world([two])
        let engine = world.engine()
        let signed: JSON.Object = ["vote": ["reason": "read it", "time": "1"], "signature": "one"]
        _ = try engine.castVote(run: run, step: StepInstance("review"), try ballot(world, run, proof: signed))
        var withdrawal = try ballot(world, run, proof: ["vote": ["time": "2"], "signature": "s"])
        withdrawal.verdict = .withdraw
        _ = try engine.castVote(run: run, step: StepInstance("review"), withdrawal)
        for signature in ["one", "another of the same text"] {
            var again = signed
            again["signature"] = .string(signature)
            #expect {
                try engine.castVote(run: run, step: StepInstance("review"), try ballot(world, run, proof: again))
            } throws: { error in
                (error as? InvalidInput)?.diagnostics.map(\.code) == ["approval.counted"]
            }
        }
        #expect(try world.ledger.votes(of: run).count == 2)
    }

    // MARK: - History

    @Test(arguments: ["seal.broken", "seal.missing", "seal.unknown-key"])
    func aRunThatIsNotBelievedIsSetAsideAndNeverSealedAnew(_ code: String) async throws {
        let (world, run) = try await world()
        switch code {
        case "seal.missing": try execute("UPDATE run SET seal = NULL, seal_key = NULL")
        case "seal.unknown-key": try execute("UPDATE run SET seal_key = 'ffffffff'")
        default: try launder(world, run)
        }
        let before = try world.ledger.seals()
        let ballot = try ballot(world, run)
        #expect(throws: LedgerError.self) {
            try world.engine().castVote(run: run, step: StepInstance("review"), ballot)
        }
        #expect(throws: LedgerError.self) { try world.command(.cancel(reason: "x"), run) }
        let summary = try await world.advance(run)
        #expect(summary.state == .needsAttention)
        #expect(summary.reason?.contains("[\(code)]") == true)
        world.clock.advance(by: .seconds(90_000))
        _ = try await world.engine().tick()
        #expect(try world.ledger.seals() == before)
        #expect(try world.ledger.run(run)?.state == .needsAttention)
        // The lowest level refuses, too.
        #expect(throws: LedgerError.self) {
            try world.ledger.commit([
                RunCommit(run: run, sequence: before.first?.sequence ?? 0, token: nil, state: .paused)
            ])
        }
        #expect(try world.ledger.votes(of: run).isEmpty && world.outside.done.isEmpty)
    }

    /// Changes an event and computes the whole chain anew, which needs no key.
    private func launder(_ world: World, _ run: RunID) throws {
        var head: [UInt8] = []
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: "DROP TRIGGER event_stays")
            for var event in try world.ledger.events(of: run, checked: false) {
                event.payload = event.payload.replacing("\"ana\"", with: "\"eve\"")
                head = event.hash(after: head, run: run)
                try db.execute(
                    sql: "UPDATE event SET payload = ?, hash = ? WHERE run = ? AND sequence = ?",
                    arguments: [event.payload, Data(head), run.text, event.sequence]
                )
            }
            try db.execute(sql: "UPDATE run SET head = ?, started_by = 'eve'", arguments: [Data(head)])
        }
    }

    @Test func eventsThatDoNotEndWhereTheSealedRunSaysAreNotBelieved() async throws {
        let (world, run) = try await world()
        try execute("DELETE FROM approval")
        try execute("DELETE FROM outbox")
        try execute("DELETE FROM event WHERE sequence = (SELECT max(sequence) FROM event)")
        #expect(throws: LedgerError.self) { try world.ledger.events(of: run) }
        #expect(try await world.advance(run).state == .needsAttention)
    }

    @Test(arguments: [
        "playbook = 'x'", "name = 'x'", "version = '9'", "phase = 7", "file = 'x'", "inputs = '{\"a\":1}'",
        "pins = '{}'",
        "started_by = 'eve'", "concurrency_group = 'x'", "parent_run = id, parent_instance = 'x'", "created = 1",
    ])
    func whatTheFirstEventFixesIsTakenFromThere(_ change: String) async throws {
        let (world, run) = try await world()
        try execute("UPDATE run SET \(change)")
        #expect(try world.engine().replay(run).contains { $0.code == .run })
        let record = try #require(try world.ledger.run(run))
        let summary = try await world.engine().advance(run, plan: try world.engine().pinnedPlan(of: record))
        #expect(summary.state == .needsAttention)
        #expect(summary.reason?.contains("[run.differs]") == true)
    }

    @Test func anotherPlaybookUnderARunThatHasBegunIsNotRun() async throws {
        let (world, run) = try await world()
        let other = try plan("other", [step("go", uses("test.change"))])
        world.plans.withLock { $0[other.digest] = other }
        try execute(
            "INSERT INTO artifact SELECT ?, media_type, ?, ?, created FROM artifact LIMIT 1",
            [other.digest.description, other.source.count, Data(other.source)]
        )
        try execute("UPDATE run SET digest = ?", [other.digest.description])
        let summary = try await world.advance(run)
        #expect(summary.state == .needsAttention)
        #expect(world.outside.done.isEmpty)
        #expect(try !world.engine().replay(run).isEmpty)
    }

    // MARK: - Playbooks below

    @Test func playbooksBelowAreKeptWhenTheRunStartsAndBelongToWhatIsShown() async throws {
        let world = try World(path: path, sealer: Self.sealer())
        let innermost = try plan("innermost", [step("act", uses("test.change"))])
        let inner = try plan("inner", [step("deep", .playbook(SubPlaybook(plan: innermost, path: "deep/x.yaml")))])
        let approval = Approval(approvers: ["group:leads"], min: 1, expires: .seconds(86_400))
        let outer = try plan(
            "outer",
            [
                step("review", .approval(approval)),
                step("below", .playbook(SubPlaybook(plan: inner, path: "inner.yaml"))),
            ]
        )
        let run = try await world.run(outer).run
        for below in [inner, innermost] { #expect(try world.ledger.artifact(below.digest)?.bytes == below.source) }
        let view = try world.engine().approval(run: run, step: StepInstance("review"))
        let shown = String(decoding: view.shown, as: UTF8.self)
        #expect(shown.contains(inner.digest.description) && shown.contains(innermost.digest.description))
        _ = try await world.advance(run)
        #expect(world.pinnedNames.withLock { $0 } == ["deep/x.yaml", "inner.yaml"])
        #expect(try world.engine().replay(run) == [])
        // A kept playbook that is changed or gone ends in words, never in another one.
        try execute("UPDATE artifact SET bytes = x'00' WHERE digest = ?", [inner.digest.description])
        #expect(try await world.advance(run).state == .needsAttention)
    }

    // MARK: - No is no

    @Test func aRefusedApprovalEndsTheRunWhateverItsStepBears() async throws {
        let approval = Approval(approvers: ["group:leads"], min: 1, expires: .seconds(86_400))
        let (world, run) = try await world([
            step("review", .approval(approval)) { $0.continueOnError = true }, try step("go", uses("test.change")),
        ])
        var no = try ballot(world, run)
        no.verdict = .reject
        _ = try world.engine().castVote(run: run, step: StepInstance("review"), no)
        #expect(try await world.advance(run).state == .failed)
        #expect(world.outside.done.isEmpty)
    }

    @Test func aGateThatDidNotPassEndsTheRunWhateverItsStepBears() async throws {
        let (world, _) = try await world([
            step("check", .gate(Gate(pass: try cel("1 > 2")))) { $0.continueOnError = true },
            try step("go", uses("test.change")),
        ])
        #expect(try world.ledger.runs().map(\.state) == [.failed])
        #expect(world.outside.done.isEmpty)
    }
}
