import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

/// Holds every effect until all of them are under way, so that they end together.
private struct Together: StepAction {
    final class Meeting: Sendable {
        let waiting = Mutex<[CheckedContinuation<Void, Never>]>([])
    }

    var count: Int
    let meeting = Meeting()
    let schema = ActionSchema(name: "test.together", summary: "waits for the others", effect: .read)

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        await withCheckedContinuation { continuation in
            let all = meeting.waiting.withLock { waiting in
                waiting.append(continuation)
                return waiting.count == count ? waiting : []
            }
            for one in all { one.resume() }
        }
        return ActionResult(outputs: [:])
    }
}

/// What a step costs, counted and not timed: commits, as SQLite's commit hook sees them.
@Suite(.timeLimit(.minutes(10)))
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
        #expect(world.ledger.commits.all - before <= 200)
    }

    @Test(arguments: [8, 64])
    func outcomesThatArriveTogetherShareACommit(_ count: Int) async throws {
        let world = try World()
        let items = (1...count).map { JSON.Value.string("i\($0)") }
        let plan = try EngineTests.plan(
            "together",
            [
                step("a", uses("test.together")) {
                    $0.forEach = ForEach(items: .literal(.array(items)), variable: "i", maxParallel: count)
                }
            ]
        )
        let run = try world.start(plan)
        let before = world.ledger.commits.all
        let engine = world.engine(actions: [Together(count: count)])
        #expect(try await engine.advance(run, plan: plan).state == .succeeded)
        // The lease, all intents, the outcomes and the end, the lease again; a few more where a thread was held up.
        let commits = world.ledger.commits.all - before
        #expect(commits <= 8, "\(commits) commits")
        #expect(try world.check(run) == [])
    }

    @Test func theCountsOfALargeRunComeFromTheRowsAlone() async throws {
        let world = try World()
        let run = try world.start(chain(10_000, "test.read"))
        #expect(try world.ledger.stepCounts(of: run) == [.pending: 10_000])
    }
}
