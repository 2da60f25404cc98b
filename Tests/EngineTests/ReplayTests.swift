import Core
import Engine
import Expressions
import Foundation
import GRDB
import Ledger
import Playbooks
import Synchronization
import Testing

/// Every row of a run follows from its events; whatever was changed by hand shows.
@Suite(.timeLimit(.minutes(10)))
struct ReplayTests {
    let path = FileManager.default.temporaryDirectory.appending(path: "replay-\(UUID().uuidString).db").path

    /// A run with every kind of row: an approved question, a gate that passed after a failing sample, a wait.
    private func world() async throws -> (World, RunID) {
        let world = try World(path: path)
        world.outside.state.withLock { $0.metrics["series"] = [1, 5] }
        let gate = Gate(
            pass: try cel("metrics.series.last > 2.0"),
            metrics: [.init(name: "series", source: "test.series")],
            every: .seconds(60),
            within: .seconds(600)
        )
        let plan = try plan(
            "p",
            [
                step("make", uses("test.change")), step("check", .gate(gate)),
                step("review", .approval(Approval(approvers: ["group:leads"], min: 2, expires: .seconds(86_400)))),
                step("nap", .wait(.duration(.seconds(600)))),
            ]
        )
        let run = try await world.run(plan).run
        world.clock.advance(by: .seconds(60))
        _ = try await world.advance(run)
        for person in ["ana", "ben"] as [PersonID] {
            let view = try world.engine().approval(run: run, step: StepInstance("review"))
            _ = try world.engine().castVote(
                run: run,
                step: StepInstance("review"),
                Ballot(
                    person: person,
                    verdict: .approve,
                    reason: "read it",
                    shown: view.digest,
                    generation: view.generation,
                    isAuthenticated: true
                )
            )
        }
        #expect(try await world.advance(run).state == .waiting)
        return (world, run)
    }

    @Test func everyPayloadIsCanonicalHoweverItWasPutDown() async throws {
        let world = try World()
        let text = "\u{1} \"\\ é \u{FFFD} \u{1F512} \u{2028}"
        let run = try await world.run(
            plan(
                "p",
                [step("make", uses("test.change", [("value", .literal(.string(text)))])), step("b", uses("test.read"))]
            )
        ).run
        let events = try world.ledger.events(of: run)
        for event in events {
            #expect(event.payload == String(decoding: JSON.canonical(try JSON.parse(event.payload)), as: UTF8.self))
        }
        let made = events.filter { $0.instance == "make" }.map(\.payload)
        #expect(
            try made.map { try JSON.parse($0).object?.keys } == [
                ["action", "attempt", "effect", "key", "parameters", "version"], ["outputs", "summary"],
            ]
        )
        #expect(try made.map { try JSON.parse($0)["parameters"]?["value"]?.string ?? "" } == [text, ""])
    }

    @Test func whatTheEngineWroteFollowsFromItsEvents() async throws {
        let (world, run) = try await world()
        #expect(try world.engine().replay(run) == [])
        try world.command(.retry(from: "check"), run)
        #expect(try world.engine().replay(run) == [])
        _ = try await world.advance(run)
        #expect(try world.engine().replay(run) == [])
        try world.command(.rollback(to: nil, reason: "no"), run)
        #expect(try await world.advance(run).state == .rolledBack)
        #expect(try world.engine().replay(run) == [])
    }

    /// Writes past the program, as somebody with a database shell would.
    private func execute(_ sql: String) throws {
        try DatabaseQueue(path: path).writeWithoutTransaction { try $0.execute(sql: sql) }
    }

    struct Edit: CustomTestStringConvertible, Sendable {
        var code: Discrepancy.Code
        var sql: String
        var words: String
        var testDescription: String { sql }
    }

    @Test(arguments: [
        Edit(code: .run, sql: "UPDATE run SET state = 'succeeded'", words: "listed as succeeded"),
        Edit(code: .run, sql: "UPDATE run SET started_by = 'mallory'", words: "the starter"),
        Edit(code: .run, sql: "UPDATE run SET inputs = '{\"a\":1}'", words: "an input"),
        Edit(
            code: .step,
            sql: "UPDATE step SET state = 'succeeded' WHERE instance = 'nap'",
            words: "step `nap` is not what"
        ),
        Edit(code: .step, sql: "UPDATE step SET outputs = '{}' WHERE instance = 'make'", words: "step `make`"),
        Edit(code: .step, sql: "DELETE FROM step WHERE instance = 'make'", words: "step `make` was removed"),
        Edit(code: .approval, sql: "UPDATE approval SET quorum = 1", words: "question 1 at `review`"),
        Edit(code: .approval, sql: "UPDATE approval SET state = 'rejected'", words: "question 1"),
        Edit(code: .approval, sql: "UPDATE approval SET excluded = '[\"ana\"]'", words: "question 1"),
        Edit(code: .approval, sql: "UPDATE approval SET opened = opened - 86400000000", words: "question 1"),
        Edit(
            code: .vote,
            sql: "DROP TRIGGER vote_kept; DELETE FROM vote WHERE person = 'ben'",
            words: "vote 2 of `ben`"
        ),
        Edit(
            code: .vote,
            sql: """
                INSERT INTO vote SELECT run, instance, generation, 3, 'cleo', verdict, reason, ticket, authenticated,
                shown, proof, time FROM vote LIMIT 1
                """,
            words: "vote 3 of `cleo` at `review` has no event behind it"
        ),
        Edit(
            code: .vote,
            sql: "DROP TRIGGER vote_stays; UPDATE vote SET reason = 'never read it' WHERE person = 'ben'",
            words: "vote 2 of `ben`"
        ),
        Edit(code: .verdict, sql: "UPDATE verdict SET result = 'fail'", words: "verdict 1 of `check`"),
        Edit(code: .verdict, sql: "DELETE FROM verdict", words: "verdict 1 of `check` was removed"),
        Edit(code: .sample, sql: "UPDATE sample SET outcome = 'pass' WHERE number = 1", words: "sample 1 of `check`"),
        Edit(code: .sample, sql: "UPDATE sample SET measurements = '{\"series\":9}'", words: "sample 1 of `check`"),
        Edit(code: .timer, sql: "UPDATE timer SET due = due + 1", words: "timer of `nap`"),
        Edit(code: .events, sql: "UPDATE artifact SET bytes = x'00'", words: "not the one that was started"),
        Edit(
            code: .events,
            sql: "DROP TRIGGER event_stays; UPDATE event SET payload = replace(payload, 'read it', 'read')",
            words: "does not continue its chain"
        ),
    ])
    func aChangeByHandShows(_ edit: Edit) async throws {
        let (world, run) = try await world()
        try execute(edit.sql)
        let found = try world.engine().replay(run)
        #expect(found.contains { $0.code == edit.code && $0.message.contains(edit.words) }, "\(found)")
        #expect(Set(found.map(\.code)) == [edit.code])
    }
}
