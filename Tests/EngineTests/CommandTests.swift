import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

/// Every state of a run times every command: each cell has a defined answer.
@Suite(.timeLimit(.minutes(10)))
struct CommandTests {
    enum Given: String, CaseIterable, Sendable {
        case queued, waiting, paused, needsAttention, cancelling, rollingBack, succeeded, failed, cancelled, rolledBack
    }

    enum Verb: String, CaseIterable, Sendable {
        case pause, resume, cancel, skip, retry, rollback, vote

        var command: RunCommand {
            switch self {
            case .pause: .pause(reason: "stop")
            case .resume: .resume
            case .cancel: .cancel(reason: "no more")
            case .skip: .skip(StepInstance("b"), reason: "not needed")
            case .retry: .retry(from: "b")
            case .rollback: .rollback(to: nil, reason: "undo")
            case .vote:
                .vote(
                    StepInstance("b"),
                    Ballot(
                        person: "ana",
                        verdict: .approve,
                        reason: "x",
                        shown: Digest.sha256([]),
                        generation: 1,
                        isAuthenticated: true
                    )
                )
            }
        }
    }

    /// The state after the command and everything that follows from it; a code where it is refused.
    static let table: [Given: [Verb: String]] = [
        .queued: [
            .pause: "queued", .resume: "run.not-paused", .cancel: "cancelled", .skip: "step.not-reached",
            .retry: "step.not-reached", .rollback: "rolled-back", .vote: "approval.not-open",
        ],
        .waiting: [
            .pause: "paused", .resume: "run.not-paused", .cancel: "cancelled", .skip: "succeeded", .retry: "waiting",
            .rollback: "rolled-back", .vote: "approval.not-open",
        ],
        .paused: [
            .pause: "run.paused", .resume: "waiting", .cancel: "cancelled", .skip: "paused", .retry: "waiting",
            .rollback: "rolled-back", .vote: "approval.not-open",
        ],
        .needsAttention: [
            .pause: "needs-attention", .resume: "needs-attention", .cancel: "cancelled", .skip: "succeeded",
            .retry: "succeeded", .rollback: "rolled-back", .vote: "approval.not-open",
        ],
        .cancelling: [
            .pause: "run.ending", .resume: "cancelled", .cancel: "run.ending", .skip: "run.ending",
            .retry: "run.ending", .rollback: "run.ending", .vote: "approval.not-open",
        ],
        .rollingBack: [
            .pause: "run.ending", .resume: "rolled-back", .cancel: "run.ending", .skip: "run.ending",
            .retry: "run.ending", .rollback: "run.ending", .vote: "approval.not-open",
        ],
        .succeeded: [
            .pause: "run.over", .resume: "run.over", .cancel: "run.over", .skip: "run.over", .retry: "run.over",
            .rollback: "rolled-back", .vote: "run.over",
        ],
        .failed: [
            .pause: "run.over", .resume: "run.over", .cancel: "run.over", .skip: "run.over", .retry: "succeeded",
            .rollback: "rolled-back", .vote: "run.over",
        ],
        .cancelled: [
            .pause: "run.over", .resume: "run.over", .cancel: "run.over", .skip: "run.over", .retry: "waiting",
            .rollback: "rolled-back", .vote: "run.over",
        ],
        .rolledBack: [
            .pause: "run.over", .resume: "run.over", .cancel: "run.over", .skip: "run.over", .retry: "run.over",
            .rollback: "run.over", .vote: "run.over",
        ],
    ]

    private func given(_ given: Given, _ world: World) async throws -> RunID {
        let undo = ActionCall(action: "test.undo", version: 1)
        let isSlow = [.queued, .waiting, .paused, .cancelled].contains(given)
        let plan = EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")) { $0.rollback = undo },
                step("b", isSlow ? .wait(.duration(.seconds(60))) : uses("test.change")) {
                    $0.onCancel = undo
                    $0.rollback = undo
                },
            ]
        ) { $0.concurrency = Concurrency(group: "g") }
        switch given {
        case .queued:
            _ = try await world.run(plan)
            return try await world.run(EngineTests.plan("q", plan.steps) { $0.concurrency = plan.concurrency }).run
        case .waiting, .succeeded: break
        case .failed: world.outside.fail("b", times: 1, .permanent)
        case .needsAttention:
            world.outside.state.withLock { _ = $0.unknown.insert("b") }
            let run = try world.start(plan)
            let points = CrashPoints { if $0 == "before effect of b" { throw CrashPoints.Crash(point: $0) } }
            _ = try? await world.engine(crash: points).advance(run)
            _ = try await world.advance(run)
            return run
        case .cancelling:
            // Clearing up after the step that was cut off fails, and a person is asked.
            world.outside.state.withLock { _ = $0.unknown.insert("b") }
            let run = try world.start(plan)
            let points = CrashPoints { if $0 == "before effect of b" { throw CrashPoints.Crash(point: $0) } }
            _ = try? await world.engine(crash: points).advance(run)
            _ = try await world.advance(run)
            world.outside.fail("cancel:b", times: 1, .permanent)
            try world.command(.cancel(reason: "no"), run)
            _ = try await world.advance(run)
            return run
        case .rollingBack:
            world.outside.fail("rollback:a", times: 1, .permanent)
            let run = try await world.run(plan).run
            try world.command(.rollback(to: nil, reason: "no"), run)
            _ = try await world.advance(run)
            return run
        case .paused, .cancelled, .rolledBack: break
        }
        let run = try await world.run(plan).run
        switch given {
        case .paused: try world.command(.pause(reason: "stop"), run)
        case .cancelled: try world.command(.cancel(reason: "no"), run)
        case .rolledBack: try world.command(.rollback(to: nil, reason: "no"), run)
        default: break
        }
        _ = try await world.advance(run)
        return run
    }

    @Test(arguments: Given.allCases, Verb.allCases)
    func everyCellIsDefined(_ state: Given, _ verb: Verb) async throws {
        let world = try World()
        let run = try await given(state, world)
        let answer: String
        do {
            _ = try world.engine().command(verb.command, run: run, by: "ana")
            answer = try await world.advance(run).state.rawValue
        } catch let error as InvalidInput {
            answer = error.diagnostics.map(\.code).joined()
        }
        #expect(answer == Self.table[state]?[verb], "\(state) + \(verb)")
        #expect(try world.check(run) == [], "\(state) + \(verb)")
    }

    @Test func skippingALaterStepDoesNotPassAnOpenApprovalBy() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [
                step("review", .approval(Approval(approvers: ["user:ben"], expires: .seconds(600)))),
                step("soak", .wait(.duration(.seconds(60)))), step("change", uses("test.change")),
            ]
        )
        let run = try await world.run(plan).run
        let error = #expect(throws: InvalidInput.self) {
            try world.engine().command(.skip(StepInstance("soak"), reason: "in a hurry"), run: run, by: "ana")
        }
        #expect(error?.diagnostics.map(\.code) == ["step.not-reached"])
        #expect(try await world.advance(run).state == .waiting)
        #expect(try world.check(run) == [])
    }

    @Test func nothingStartsAfterACancelButClearingUp() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")),
                step("b", .wait(.duration(.seconds(60)))) { $0.onCancel = ActionCall(action: "test.undo", version: 1) },
                step("c", uses("test.change")),
            ]
        ) { $0.finally = [try step("report", uses("test.change"))] }
        let run = try await world.run(plan).run
        try world.command(.cancel(reason: "no"), run)
        world.clock.advance(by: .seconds(120))
        #expect(try await world.advance(run).state == .cancelled)
        #expect(world.outside.done == ["a", "cancel:b", "report"])
    }

    @Test func aTimerOfAnOlderGenerationFiresIntoNothing() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [step("nap", .wait(.duration(.seconds(60)))), step("b", .wait(.duration(.seconds(600))))]
        )
        let run = try await world.run(plan).run
        let old = try #require(try world.ledger.timers(of: run).first)
        try world.command(.skip(StepInstance("nap"), reason: "awake"), run)
        #expect(try await world.advance(run).state == .waiting)
        world.clock.set(old.due)
        #expect(try await world.engine().tick().isEmpty)
        try world.command(.retry(from: "nap"), run)
        #expect(try await world.advance(run).state == .waiting)
        let new = try #require(try world.ledger.timers(of: run).first)
        #expect(new.generation > old.generation && new.due == old.due + .seconds(60))
    }

    @Test(arguments: [nil, "the list was wrong"] as [String?])
    func aRetryKeepsTheReasonThatItWasGiven(_ reason: String?) async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("nap", .wait(.duration(.seconds(60))))])
        let run = try await world.run(plan).run
        try world.command(.retry(from: "nap", reason: reason), run)
        let event = try #require(try world.ledger.events(of: run).last { $0.kind == "run.retried" })
        #expect(event.payload.contains("reason") == (reason != nil))
        #expect(reason.map(event.payload.contains) ?? true)
        #expect(try await world.advance(run).state == .waiting)
        #expect(try world.check(run) == [])
    }

    struct Jump: CustomTestStringConvertible, Sendable {
        var testDescription: String
        /// How far the clock moves, and how far the machine's uptime does.
        var clock: Duration
        var uptime: Duration
        var isRecorded: Bool
    }

    @Test(arguments: [
        Jump(
            testDescription: "nobody looked for three days",
            clock: .seconds(259_200),
            uptime: .seconds(259_200),
            isRecorded: false
        ),
        Jump(testDescription: "set forward", clock: .seconds(259_200), uptime: .seconds(5), isRecorded: true),
        Jump(testDescription: "corrected", clock: .seconds(1800), uptime: .seconds(5), isRecorded: false),
        Jump(testDescription: "set back a little", clock: .seconds(-600), uptime: .seconds(5), isRecorded: true),
        Jump(testDescription: "set back", clock: .seconds(-7200), uptime: .seconds(5), isRecorded: true),
    ])
    func aClockThatWasSetIsRecordedWithBothTimes(_ jump: Jump) async throws {
        let world = try World()
        world.uptime.withLock { $0 = .seconds(1000) }
        let plan = try EngineTests.plan(
            "p",
            [step("review", .approval(Approval(approvers: ["user:ben"], expires: .seconds(8_640_000))))]
        )
        let start = world.clock.now()
        let run = try await world.run(plan).run
        world.clock.advance(by: jump.clock)
        world.uptime.withLock { $0 = .seconds(1000) + jump.uptime }
        for _ in 0..<3 { #expect(try await world.advance(run).state == .waiting) }
        let jumps = try world.ledger.clockJumps(of: run)
        #expect(jumps.count == (jump.isRecorded ? 1 : 0))
        guard let first = jumps.first else { return }
        #expect(first.from == start + jump.uptime && first.to == start + jump.clock)
        #expect(try world.check(run) == [])
    }

    @Test(arguments: [Duration.seconds(-7200), .seconds(259_200)])
    func aClockThatJumpsNeitherHangsNorRepeats(_ jump: Duration) async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")), step("nap", .wait(.duration(.seconds(3600)))),
                step("b", uses("test.change")),
            ]
        )
        let run = try await world.run(plan).run
        world.clock.advance(by: jump)
        let summary = try await world.advance(run)
        #expect(summary.state == (jump > .zero ? .succeeded : .waiting))
        let kinds = try world.ledger.events(of: run).map(\.kind)
        #expect(kinds.contains("clock.jumped") == (jump < .zero))
        let times = try world.ledger.events(of: run).map(\.time)
        #expect(times == times.sorted())
        if jump < .zero { world.clock.advance(by: .seconds(10_800)) }
        #expect(try await world.advance(run).state == .succeeded)
        #expect(world.outside.done == ["a", "b"])
        #expect(try world.check(run) == [])
    }
}
