import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Testing

/// What a step costs, counted and not timed: commits, as SQLite's commit hook sees them.
@Suite(.timeLimit(.minutes(2)))
struct CostTests {
    private func chain(_ count: Int, _ action: ActionName) throws -> Plan {
        try EngineTests.plan("chain", (1...count).map { try step(StepID("s\($0)"), uses(action)) })
    }

    @Test(arguments: [("test.read", 0), ("test.change", 1)] as [(ActionName, Int)])
    func aSequentialStepTakesAtMostTwoCommits(_ action: ActionName, synced: Int) async throws {
        let world = try World()
        let plan = try chain(1000, action)
        let run = try world.start(plan)
        let before = world.ledger.commits
        #expect(try await world.engine().advance(run, plan: plan).state == .succeeded)
        let after = world.ledger.commits
        let all = Double(after.all - before.all) / 1000
        let full = Double(after.synced - before.synced) / 1000
        #expect(all <= 2.01, "\(all) commits a step")
        #expect(full <= Double(synced) + 0.01, "\(full) synced commits a step")
        #expect(try world.check(run) == [])
    }

    @Test func fanningOutSharesCommits() async throws {
        let world = try World()
        let items = (1...1000).map { JSON.Value.string("i\($0)") }
        let plan = try EngineTests.plan(
            "fan",
            [
                step("a", uses("test.read")) {
                    $0.forEach = ForEach(items: .literal(.array(items)), variable: "i", maxParallel: 64)
                }
            ]
        )
        let run = try world.start(plan)
        let before = world.ledger.commits.all
        #expect(try await world.engine().advance(run, plan: plan).state == .succeeded)
        #expect(world.ledger.commits.all - before <= 1100)
    }

    @Test func theCountsOfALargeRunComeFromTheRowsAlone() async throws {
        let world = try World()
        let run = try world.start(chain(10_000, "test.read"))
        #expect(try world.ledger.stepCounts(of: run) == [.pending: 10_000])
    }
}
