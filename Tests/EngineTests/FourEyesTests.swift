import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

/// What nobody may pass by who can merely write the state.
@Suite(.timeLimit(.minutes(10)))
struct FourEyesTests {
    private let question = Approval(approvers: ["user:ben"], expires: .seconds(86_400))

    private func codes(_ world: World, _ command: RunCommand, _ run: RunID) -> [String] {
        do {
            _ = try world.engine().command(command, run: run, by: "ana")
            return []
        } catch { return (error as? InvalidInput)?.diagnostics.map(\.code) ?? ["\(error)"] }
    }

    private func approve(_ world: World, _ run: RunID, as person: PersonID = "ben") throws {
        let name = StepInstance("review")
        let view = try world.engine().approval(run: run, step: name)
        _ = try world.engine().castVote(
            run: run,
            step: name,
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

    @Test func anOpenApprovalIsNotSkipped() async throws {
        let world = try World()
        let run = try await world.run(
            plan("p", [step("review", .approval(question)), step("go", uses("test.change"))])
        ).run
        let error = #expect(throws: InvalidInput.self) {
            try world.command(.skip(StepInstance("review"), reason: "in a hurry"), run)
        }
        #expect(error?.diagnostics.map(\.code) == ["approval.not-skippable"])
        for word in ["lockstep approve", "lockstep reject", "lockstep cancel"] {
            #expect(error?.diagnostics.first?.help?.contains(word) == true)
        }
        #expect(try await world.advance(run).state == .waiting)
        #expect(try world.ledger.openApprovals().count == 1)
        #expect(world.outside.done == [])
    }

    @Test func anApprovalThatHasNotBegunIsNotSkipped() async throws {
        let world = try World()
        let plan = try plan(
            "p",
            [step("review", .approval(question)), step("go", uses("test.change"))],
            isChain: false
        ) {
            $0.concurrency = Concurrency(group: "g")
        }
        _ = try await world.run(
            EngineTests.plan("first", [step("nap", .wait(.duration(.seconds(60))))]) {
                $0.concurrency = plan.concurrency
            }
        )
        let run = try await world.run(plan).run
        #expect(codes(world, .skip(StepInstance("review"), reason: "x"), run) == ["approval.not-skippable"])
    }

    @Test func aGateIsNotSkipped() async throws {
        let world = try World()
        let run = try await world.run(
            plan(
                "p",
                [step("check", .gate(Gate(pass: try cel("false"), onFail: .pause))), step("go", uses("test.change"))]
            )
        ).run
        let error = #expect(throws: InvalidInput.self) {
            try world.command(.skip(StepInstance("check"), reason: "x"), run)
        }
        #expect(error?.diagnostics.map(\.code) == ["gate.not-skippable"])
        #expect(error?.diagnostics.first?.help?.contains("exception add gate:\(run)/check") == true)
        #expect(try await world.advance(run).state == .paused)
        #expect(world.outside.done == [])
    }

    @Test func aPlaybookThatHoldsAnApprovalIsNotSkipped() async throws {
        let world = try World()
        let inner = try plan("inner", [step("review", .approval(question))])
        world.plans.withLock { $0[inner.digest] = inner }
        let run = try await world.run(
            plan(
                "outer",
                [
                    step("nap", .wait(.duration(.seconds(60)))),
                    step("below", .playbook(SubPlaybook(plan: inner, path: "inner.yaml"))),
                    step("go", uses("test.change")),
                ],
                isChain: false
            ) { $0.steps[2].needs = ["below"] }
        ).run
        #expect(codes(world, .skip(StepInstance("below"), reason: "x"), run) == ["playbook.not-skippable"])
    }

    struct Waiver: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var scope: String
        var isClosed = false
        var length: Duration = .seconds(600)
        var state: RunState = .paused
    }

    @Test(arguments: [
        Waiver(testDescription: "of this gate", scope: "gate:RUN/check", state: .succeeded),
        Waiver(testDescription: "of another gate", scope: "gate:RUN/other"),
        Waiver(testDescription: "of another run", scope: "gate:r/check"),
        Waiver(testDescription: "closed", scope: "gate:RUN/check", isClosed: true),
        Waiver(testDescription: "past its end", scope: "gate:RUN/check", length: .zero),
    ])
    func onlyAnActiveWaiverPassesAFailingGate(_ row: Waiver) async throws {
        let world = try World()
        let run = try await world.run(
            plan(
                "p",
                [step("check", .gate(Gate(pass: try cel("false"), onFail: .pause))), step("go", uses("test.change"))]
            )
        ).run
        var waiver = Core.Exception(
            id: "x-1",
            scope: row.scope.replacing("RUN", with: run.text),
            owner: "user:ben",
            reason: "known",
            createdBy: "ana",
            created: world.clock.now(),
            expires: world.clock.now() + row.length
        )
        if row.isClosed { waiver.closed = world.clock.now() }
        let engine = world.engine(facts: Facts(waivers: { [waiver] in [waiver] }))
        _ = try engine.command(.resume, run: run, by: "ana")
        #expect(try await engine.advance(run).state == row.state)
        #expect(world.outside.done == (row.state == .succeeded ? ["go"] : []))
        let verdicts = try world.ledger.verdicts(of: run).map(\.result)
        #expect(verdicts == ["fail", "fail"], "a waiver passes a gate by, it does not change what was measured")
        guard row.state == .succeeded else { return }
        let summary = try world.ledger.steps(of: run).first { $0.instance == StepInstance("check") }?.summary
        #expect(summary?.contains("waived by exception x-1 of user:ben until ") == true)
        #expect(try world.check(run) == [])
    }

    @Test func aRetryFromBeforeAnApprovalVoidsItsVotes() async throws {
        let world = try World()
        let two = Approval(approvers: ["group:leads"], min: 2, expires: .seconds(86_400))
        let run = try await world.run(
            plan(
                "p",
                [step("make", uses("test.change")), step("review", .approval(two)), step("go", uses("test.change"))]
            )
        ).run
        try approve(world, run)
        try world.command(.retry(from: "make"), run)
        #expect(try world.ledger.openApprovals().isEmpty)
        #expect(try await world.advance(run).state == .waiting)
        #expect(try world.ledger.approvals(of: run).map(\.state) == [.withdrawn, .open])
        // One more vote makes two in all, but only one since the work was done again.
        try approve(world, run, as: "ana")
        #expect(try await world.advance(run).state == .waiting)
        try approve(world, run)
        #expect(try await world.advance(run).state == .succeeded)
        #expect(try world.check(run) == [])
    }

    @Test func aRetryFromBeforeAPlaybookAsksItsApprovalsAnew() async throws {
        let world = try World()
        let inner = try plan("inner", [step("review", .approval(question))])
        world.plans.withLock { $0[inner.digest] = inner }
        let outer = try plan(
            "outer",
            [
                step("make", uses("test.change")),
                step("below", .playbook(SubPlaybook(plan: inner, path: "inner.yaml"))),
                step("go", uses("test.change")),
            ]
        )
        world.outside.fail("go", times: 1, .permanent)
        let run = try await world.run(outer).run
        let first = try #require(try world.ledger.children(of: run).first?.id)
        try approve(world, first)
        #expect(try await world.advance(run).state == .failed)
        world.clock.advance(by: .seconds(1))
        try world.command(.retry(from: "make"), run)
        #expect(try await world.advance(run).state == .waiting)
        let runs = try world.ledger.children(of: run)
        #expect(runs.map(\.state) == [.succeeded, .waiting])
        #expect(world.outside.done == ["make", "make"])
        // Done again while the second one waits: that one ends and asks nobody any more.
        world.clock.advance(by: .seconds(1))
        try world.command(.retry(from: "make"), run)
        _ = try await world.engine().tick()
        #expect(try world.ledger.children(of: run).map(\.state) == [.succeeded, .cancelled, .waiting])
        #expect(try world.ledger.openApprovals().map(\.run) == [world.ledger.children(of: run).last?.id])
    }
}
