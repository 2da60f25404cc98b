import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

/// Runs below runs: what the one above shows of them, and how they are undone.
@Suite(.timeLimit(.minutes(10)))
struct ChildTests {
    private let undo = ActionCall(action: "test.undo", version: 1)

    private func below(_ world: World, _ inner: Plan) throws -> Plan {
        world.plans.withLock { $0[inner.digest] = inner }
        return try plan(
            "outer",
            [
                step("first", uses("test.change")) { $0.rollback = undo },
                step("below", .playbook(SubPlaybook(plan: inner, path: "inner.yaml"))),
                step("last", uses("test.change")) { $0.rollback = undo },
            ]
        )
    }

    @Test func anExpiredApprovalBelowNamesTheRunToResume() async throws {
        let world = try World()
        let approval = Approval(approvers: ["user:ben"], expires: .seconds(60), onExpiry: .pause)
        let run = try await world.run(below(world, plan("inner", [step("review", .approval(approval))]))).run
        world.clock.advance(by: .seconds(61))
        let summary = try #require(try await world.engine().tick().first)
        let child = try #require(try world.ledger.children(of: run).first?.id)
        #expect(summary.waiting.map(\.path) == ["below/review"])
        #expect(summary.waiting.map(\.waitsFor) == ["resume"])
        #expect(summary.waiting.map(\.run) == [child])
        #expect(try world.ledger.steps(of: child).map(\.waitsFor) == ["resume"])
        _ = try world.engine().command(.resume, run: child, by: "ana")
        #expect(try await world.advance(run).waiting.map(\.waitsFor) == ["approval"])
        #expect(try world.check(run) == [] && world.check(child) == [])
    }

    @Test func runsBelowTakeTheGroupOfTheirPlaybook() async throws {
        let world = try World()
        let inner = try plan("inner", [step("nap", .wait(.duration(.seconds(60))))]) {
            $0.concurrency = Concurrency(group: "g")
        }
        let first = try await world.run(below(world, inner))
        let second = try await world.run(below(world, inner))
        #expect(second.waiting.map(\.waitsFor) == ["another run of its group"])
        let child = try #require(try world.ledger.children(of: second.run).first)
        #expect(child.state == .queued)
        world.clock.advance(by: .seconds(61))
        for _ in 0..<3 { _ = try await world.engine().tick() }
        #expect(try world.ledger.run(first.run)?.state == .succeeded)
        #expect(try world.ledger.run(child.id)?.state == .waiting, "its turn has come")
        world.clock.advance(by: .seconds(61))
        for _ in 0..<2 { _ = try await world.engine().tick() }
        #expect(try world.ledger.run(second.run)?.state == .succeeded)
        #expect(try world.check(second.run) == [] && world.check(child.id) == [])
    }

    @Test func aRunDoesNotWaitForTheOneAboveItInTheSameGroup() async throws {
        let world = try World()
        let inner = try plan("inner", [step("go", uses("test.change"))]) { $0.concurrency = Concurrency(group: "g") }
        var outer = try below(world, inner)
        outer.concurrency = Concurrency(group: "g")
        #expect(try await world.run(outer).state == .succeeded)
    }

    @Test func aRetryWaitsForItsTurnInTheGroup() async throws {
        let world = try World()
        func grouped(_ id: String, _ step: PlannedStep) -> Plan {
            plan(id, [step]) { $0.concurrency = Concurrency(group: "g") }
        }
        world.outside.fail("go", times: 1, .permanent)
        let failed = try await world.run(grouped("a", step("go", uses("test.change"))))
        #expect(failed.state == .failed)
        let other = try await world.run(grouped("b", step("nap", .wait(.duration(.seconds(60))))))
        try world.command(.retry(from: "go"), failed.run)
        #expect(try await world.advance(failed.run).state == .queued)
        #expect(world.outside.done.isEmpty)
        world.clock.advance(by: .seconds(61))
        for _ in 0..<2 { _ = try await world.engine().tick() }
        #expect(try world.ledger.run(other.run)?.state == .succeeded)
        #expect(try world.ledger.run(failed.run)?.state == .succeeded)
        #expect(try world.check(failed.run) == [])
    }

    @Test func resumingTheRunAboveReachesTheOneThatIsHeldBelow() async throws {
        let world = try World()
        let run = try await world.run(
            below(world, plan("inner", [step("nap", .wait(.duration(.seconds(60))))]))
        ).run
        let child = try #require(try world.ledger.children(of: run).first?.id)
        try world.command(.pause(reason: "look"), child)
        _ = try await world.advance(run)
        try world.command(.resume, run)
        #expect(try world.ledger.run(child)?.state != .paused)
    }

    @Test func aRunBelowThatSomebodyPausedIsNamed() async throws {
        let world = try World()
        let run = try await world.run(
            below(world, plan("inner", [step("nap", .wait(.duration(.seconds(60))))]))
        ).run
        let child = try #require(try world.ledger.children(of: run).first?.id)
        try world.command(.pause(reason: "look"), child)
        let waiting = try await world.advance(run).waiting
        #expect(waiting.contains { $0.run == child && $0.waitsFor == "resume" && $0.path == "below" })
    }

    @Test func aRunThatWaitsForOneBelowIsListedAsWaiting() async throws {
        let world = try World()
        let run = try await world.run(
            below(world, plan("inner", [step("nap", .wait(.duration(.seconds(60))))]))
        ).run
        #expect(try world.ledger.run(run)?.state == .waiting)
        #expect(try await world.engine().tick().isEmpty, "nothing is due, nobody died")
        world.clock.advance(by: .seconds(60))
        #expect(try await world.engine().tick().map(\.state) == [.succeeded])
    }

    @Test func aRollbackUndoesTheRunBelowInItsPlace() async throws {
        let world = try World()
        let inner = try plan(
            "inner",
            [
                step("a", uses("test.change")) { $0.rollback = undo },
                step("b", uses("test.change")) { $0.rollback = undo },
            ]
        )
        let run = try await world.run(below(world, inner)).run
        #expect(world.outside.done == ["first", "a", "b", "last"])
        try world.command(.rollback(to: nil, reason: "no"), run)
        #expect(try await world.advance(run).state == .rolledBack)
        #expect(
            world.outside.done.dropFirst(4) == ["rollback:last", "rollback:b", "rollback:a", "rollback:first"]
        )
        #expect(try world.ledger.children(of: run).map(\.state) == [.rolledBack])
        #expect(try world.check(run) == [])
    }

    @Test func aRollbackEndsARunBelowThatStillWaits() async throws {
        let world = try World()
        let inner = try plan(
            "inner",
            [
                step("a", uses("test.change")) { $0.rollback = undo },
                step("review", .approval(Approval(approvers: ["user:ben"], expires: .seconds(600)))),
            ]
        )
        let run = try await world.run(below(world, inner)).run
        try world.command(.rollback(to: nil, reason: "no"), run)
        _ = try await world.advance(run)
        _ = try await world.engine().tick()
        #expect(try world.ledger.run(run)?.state == .rolledBack)
        #expect(world.outside.done == ["first", "a", "rollback:a", "rollback:first"])
        #expect(try world.ledger.openApprovals().isEmpty)
        #expect(try world.check(run) == [])
    }

    @Test func aRunBelowThatSucceededIsDoneAnewWhenItsStepIsRetried() async throws {
        let world = try World()
        let approval = Approval(approvers: ["group:leads"], min: 1, expires: .seconds(86_400))
        let run = try await world.run(
            below(world, plan("inner", [step("review", .approval(approval)), step("act", uses("test.change"))]))
        ).run
        func approve() throws {
            let (child, step) = try world.engine().locate("below/review", in: run)
            let view = try world.engine().approval(run: child, step: step)
            let ballot = Ballot(
                person: "ana",
                verdict: .approve,
                reason: "read it",
                shown: view.digest,
                generation: view.generation,
                isAuthenticated: true
            )
            _ = try world.engine().castVote(run: child, step: step, ballot)
        }
        let nap = try #require(try world.ledger.children(of: run).first?.id)
        try approve()
        world.outside.fail("last", times: 99, .permanent)
        #expect(try await world.advance(run).state == .failed)
        #expect(try world.ledger.run(nap)?.state == .succeeded)
        try world.command(.retry(from: "below"), run)
        let summary = try await world.advance(run)
        #expect(summary.waiting.map(\.waitsFor) == ["approval"], "what was approved was other work")
        #expect(try world.ledger.children(of: run).count == 2)
        #expect(try world.check(run) == [])
    }
}
