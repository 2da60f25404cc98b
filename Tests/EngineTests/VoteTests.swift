import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Testing

@Suite(.timeLimit(.minutes(10)))
struct VoteTests {
    private func ask(
        _ world: World,
        _ change: (inout Approval) throws -> Void = { _ in }
    ) async throws -> RunID {
        var approval = Approval(
            approvers: ["group:leads", "user:cleo"],
            min: 2,
            distinctFrom: [.literal("user:dan")],
            show: [.literal("the plan")],
            expires: .seconds(86_400)
        )
        try change(&approval)
        let plan = try EngineTests.plan("p", [step("review", .approval(approval)), step("go", uses("test.change"))])
        return try await world.run(plan).run
    }

    private func ballot(
        _ world: World,
        _ run: RunID,
        _ person: PersonID,
        _ verdict: Ballot.Verdict = .approve,
        reason: String = "read it",
        ticket: String? = nil,
        generation: Int? = nil,
        shown: Digest? = nil
    ) throws -> Ballot {
        let view = try world.engine().approval(run: run, step: StepInstance("review"))
        return Ballot(
            person: person,
            verdict: verdict,
            reason: reason,
            ticket: ticket,
            shown: shown ?? view.digest,
            generation: generation ?? view.generation,
            isAuthenticated: true
        )
    }

    private func vote(_ world: World, _ run: RunID, _ ballot: Ballot) throws {
        _ = try world.engine().castVote(run: run, step: StepInstance("review"), ballot)
    }

    @Test func aQuorumIsOfDistinctPersons() async throws {
        let world = try World()
        let run = try await ask(world)
        try vote(world, run, ballot(world, run, "ana"))
        try vote(world, run, ballot(world, run, "ana"))
        #expect(try await world.advance(run).state == .waiting)
        try vote(world, run, ballot(world, run, "cleo"))
        #expect(try await world.advance(run).state == .succeeded)
        #expect(try world.ledger.votes(of: run).map(\.person) == ["ana", "ana", "cleo"])
        #expect(try world.check(run) == [])
    }

    struct Refused: CustomTestStringConvertible {
        var code: VoteRefusal.Code
        var person: PersonID = "ana"
        var reason = "ok"
        var ticket: String? = "CHG1"
        var generation: Int?
        var shown: Digest?
        var verdict: Ballot.Verdict = .approve
        var later: Duration = .zero
        var testDescription: String { code.rawValue }
    }

    @Test(arguments: [
        Refused(code: .excluded, person: "ben"), Refused(code: .notEligible, person: "dan"),
        Refused(code: .unknownPerson, person: "mallory"), Refused(code: .reasonMissing, reason: " \t"),
        Refused(code: .ticketMissing, ticket: nil), Refused(code: .ticketDiffers, ticket: "CHG2"),
        Refused(code: .staleGeneration, generation: 7), Refused(code: .staleDigest, shown: Digest.sha256([1])),
        Refused(code: .nothingToWithdraw, verdict: .withdraw), Refused(code: .expired, later: .seconds(86_400)),
    ])
    func refusesVotesThatDoNotCount(_ row: Refused) async throws {
        let world = try World()
        let run = try await ask(world) {
            $0.distinctFrom = [.literal("user:ben")]
            $0.require = [.reason, .ticket]
            $0.ticket = .literal("CHG1")
        }
        world.clock.advance(by: row.later)
        let ballot = try ballot(
            world,
            run,
            row.person,
            row.verdict,
            reason: row.reason,
            ticket: row.ticket,
            generation: row.generation,
            shown: row.shown
        )
        #expect { try vote(world, run, ballot) } throws: { error in
            (error as? InvalidInput)?.diagnostics.map(\.code) == [row.code.rawValue]
        }
        #expect(try world.ledger.votes(of: run).isEmpty)
    }

    @Test func whoStartedTheRunDoesNotApproveIt() async throws {
        let world = try World()
        let run = try await ask(world) { $0.distinctFrom = [.expression(try cel("run.started_by"))] }
        #expect(throws: InvalidInput.self) { try vote(world, run, ballot(world, run, "ana")) }
        #expect(try world.engine().approval(run: run, step: StepInstance("review")).eligible == ["ben", "cleo"])
    }

    @Test func oneRejectDecides() async throws {
        let world = try World()
        let run = try await ask(world)
        try vote(world, run, ballot(world, run, "ana"))
        try vote(world, run, ballot(world, run, "ben", .reject, reason: "not yet"))
        let summary = try await world.advance(run)
        #expect(summary.state == .failed)
        #expect(summary.reason?.contains("rejected by ben: not yet") == true)
        #expect(world.outside.done == [])
    }

    @Test func aWithdrawnVoteDoesNotCount() async throws {
        let world = try World()
        let run = try await ask(world)
        try vote(world, run, ballot(world, run, "ana"))
        try vote(world, run, ballot(world, run, "ana", .withdraw))
        try vote(world, run, ballot(world, run, "ben"))
        #expect(try await world.advance(run).state == .waiting)
        try vote(world, run, ballot(world, run, "cleo"))
        #expect(try await world.advance(run).state == .succeeded)
    }

    @Test(arguments: [(.fail, .failed), (.pause, .paused)] as [(Approval.OnExpiry, RunState)])
    func expiryDoesWhatThePlaybookSays(_ policy: Approval.OnExpiry, _ state: RunState) async throws {
        let world = try World()
        let run = try await ask(world) { $0.onExpiry = policy }
        try vote(world, run, ballot(world, run, "ana"))
        world.clock.advance(by: .seconds(86_400))
        #expect(try await world.engine().tick().map(\.state) == [state])
        guard state == .paused else { return }
        // Asked again, all votes on the old question are void.
        try world.command(.resume, run)
        #expect(try await world.advance(run).state == .waiting)
        try vote(world, run, ballot(world, run, "ben"))
        #expect(try await world.advance(run).state == .waiting)
        try vote(world, run, ballot(world, run, "ana"))
        #expect(try await world.advance(run).state == .succeeded)
        #expect(try world.ledger.approvals(of: run).map(\.state) == [.expired, .approved])
        #expect(try world.check(run) == [])
    }

    @Test func escalationAddsApproversOnceAndThenFails() async throws {
        let world = try World()
        let run = try await ask(world) {
            $0.onExpiry = .escalate
            $0.escalateTo = ["group:ciso"]
        }
        #expect(throws: InvalidInput.self) { try vote(world, run, ballot(world, run, "eve")) }
        world.clock.advance(by: .seconds(86_400))
        #expect(try await world.engine().tick().map(\.state) == [.waiting])
        try vote(world, run, ballot(world, run, "eve"))
        world.clock.advance(by: .seconds(86_400))
        #expect(try await world.engine().tick().map(\.state) == [.failed])
    }

    @Test func aChangedPageVoidsTheVotes() async throws {
        let world = try World()
        let approval = Approval(
            approvers: ["group:leads"],
            min: 2,
            show: [.expression(try cel("exceptions.size()"))],
            expires: .seconds(86_400)
        )
        let plan = try EngineTests.plan("p", [step("review", .approval(approval))])
        let run = try await world.run(plan).run
        let old = try ballot(world, run, "ana")
        try vote(world, run, old)
        let waiver = Core.Exception(
            id: "e",
            scope: "s",
            owner: "o",
            reason: "r",
            createdBy: "c",
            created: world.clock.now(),
            expires: world.clock.now()
        )
        let changed = world.engine(facts: Facts(exceptions: { [waiver] }))
        #expect(try await changed.advance(run).state == .waiting)
        #expect(throws: InvalidInput.self) { try changed.castVote(run: run, step: StepInstance("review"), old) }
        _ = try changed.castVote(run: run, step: StepInstance("review"), ballot(world, run, "ben"))
        #expect(try await changed.advance(run).state == .waiting)
        #expect(try world.ledger.approvals(of: run).map(\.state) == [.withdrawn, .open])
        #expect(try world.check(run) == [])
    }
}
