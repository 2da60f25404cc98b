import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

@Suite struct GateTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var name: String
        var limits: @Sendable (inout GateMachine.Limits) -> Void = { _ in }
        /// One letter a sample, a minute apart: pass, fail, inconclusive, error.
        var samples: String
        /// The answer, or nothing while the gate still asks.
        var expected: GateResult?
        var testDescription: String { name }
    }

    /// The table of workflow.md 1.4, in the manner of Argo Rollouts' analysis tests.
    static let rows: [Row] = [
        Row(name: "one pass is enough without limits", samples: "p", expected: .pass),
        Row(name: "one failure is enough", samples: "f", expected: .fail),
        Row(name: "neither is inconclusive", samples: "i", expected: .inconclusive),
        Row(
            name: "an expression that errs is an error at once",
            limits: { $0.every = nil },
            samples: "e",
            expected: .error
        ),
        Row(name: "a sensor is asked again", limits: { $0.hasMetrics = true }, samples: "e", expected: nil),
        Row(
            name: "errors in a row",
            limits: {
                $0.hasMetrics = true; $0.consecutiveErrors = 2
            },
            samples: "eee",
            expected: .error
        ),
        Row(
            name: "errors apart do not add up",
            limits: {
                $0.hasMetrics = true; $0.consecutiveErrors = 1; $0.minSamples = 3; $0.every = .seconds(60)
            },
            samples: "epepep",
            expected: .pass
        ),
        Row(
            name: "failures within the limit are borne",
            limits: {
                $0.failureLimit = 2; $0.every = .seconds(60); $0.minSamples = 2
            },
            samples: "ffpp",
            expected: .pass
        ),
        Row(
            name: "failures above the limit fail",
            limits: {
                $0.failureLimit = 2; $0.every = .seconds(60); $0.minSamples = 9
            },
            samples: "fpfpf",
            expected: .fail
        ),
        Row(
            name: "a pass needs its samples",
            limits: {
                $0.minSamples = 3; $0.every = .seconds(60)
            },
            samples: "pp",
            expected: nil
        ),
        Row(
            name: "soak is not over",
            limits: {
                $0.soak = .seconds(180); $0.every = .seconds(60)
            },
            samples: "ppp",
            expected: nil
        ),
        Row(
            name: "soak is over",
            limits: {
                $0.soak = .seconds(180); $0.every = .seconds(60)
            },
            samples: "pppp",
            expected: .pass
        ),
        Row(
            name: "a soak with too few samples is inconclusive",
            limits: {
                $0.soak = .seconds(120); $0.every = .seconds(60); $0.minSamples = 5
            },
            samples: "ppp",
            expected: .inconclusive
        ),
        Row(
            name: "a failure ends a soak",
            limits: {
                $0.soak = .seconds(600); $0.every = .seconds(60)
            },
            samples: "ppf",
            expected: .fail
        ),
        Row(
            name: "before the deadline not yet is no failure",
            limits: {
                $0.within = .seconds(300); $0.every = .seconds(60)
            },
            samples: "ffff",
            expected: nil
        ),
        Row(
            name: "passes before the deadline",
            limits: {
                $0.within = .seconds(300); $0.every = .seconds(60)
            },
            samples: "fip",
            expected: .pass
        ),
        Row(
            name: "fails at the deadline",
            limits: {
                $0.within = .seconds(120); $0.every = .seconds(60)
            },
            samples: "fff",
            expected: .fail
        ),
        Row(
            name: "a deadline with broken sensors is inconclusive",
            limits: {
                $0.within = .seconds(120); $0.every = .seconds(60); $0.hasMetrics = true
            },
            samples: "eee",
            expected: .inconclusive
        ),
        Row(
            name: "a stated failure counts before the deadline",
            limits: {
                $0.within = .seconds(600); $0.every = .seconds(60); $0.hasFailCondition = true
            },
            samples: "if",
            expected: .fail
        ),
    ]

    @Test(arguments: rows)
    func decides(_ row: Row) {
        var limits = GateMachine.Limits()
        row.limits(&limits)
        let opened = Timestamp(seconds: 1_000_000)
        var gate = GateMachine(limits, opened: opened)
        var decision: GateMachine.Decision?
        for (index, letter) in row.samples.enumerated() {
            let outcome: GateResult = ["p": .pass, "f": .fail, "i": .inconclusive, "e": .error][letter] ?? .error
            decision = gate.take(.init(time: opened + .seconds(60 * index), outcome: outcome))
        }
        if case .decided(let result, _)? = decision {
            #expect(result == row.expected)
        } else {
            #expect(row.expected == nil)
        }
    }

    @Test func nothingMeasuredIsNeverAPass() {
        let gate = GateMachine(GateMachine.Limits(), opened: Timestamp(seconds: 0))
        #expect(gate.terminated == .decided(.inconclusive, reason: "nothing was measured"))
    }

    @Test func aggregatesAreOfAllSamples() {
        var gate = GateMachine(GateMachine.Limits(), opened: Timestamp(seconds: 0))
        _ = gate.take(.init(time: Timestamp(seconds: 1), outcome: .pass, measurements: ["m": 2]))
        #expect(
            gate.aggregates(adding: ["m": 4])["m"]
                == ["last": 4, "min": 2, "max": 4, "sum": 6, "avg": 3, "count": 2]
        )
    }

    @Test func aBrokenSensorPausesAndNeverRollsBack() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [1, nil] }
        let plan = try EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")) { $0.rollback = ActionCall(action: "test.undo", version: 1) },
                step(
                    "soak",
                    .gate(
                        Gate(
                            pass: cel("metrics.m.last < 9.0"),
                            metrics: [.init(name: "m", source: "test.series")],
                            every: .seconds(60),
                            soak: .seconds(600),
                            consecutiveErrors: 1,
                            onFail: .rollback
                        )
                    )
                ),
            ]
        )
        let run = try await world.run(plan).run
        for _ in 0..<2 {
            world.clock.advance(by: .seconds(60))
            _ = try await world.engine().tick()
        }
        #expect(try world.ledger.run(run)?.state == .paused)
        #expect(try world.ledger.samples(of: run).map(\.outcome) == ["pass", "error", "error"])
        #expect(try world.ledger.verdicts(of: run).map(\.result) == ["error"])
        #expect(world.outside.done == ["a"])
        // Measured anew when a person says so; the old verdict stays.
        world.outside.state.withLock { $0.metrics["series"] = [1] }
        try world.command(.resume, run)
        #expect(try await world.advance(run).state == .waiting)
        for _ in 1..<10 {
            world.clock.advance(by: .seconds(60))
            #expect(try await world.engine().tick().map(\.state) == [.waiting])
        }
        world.clock.advance(by: .seconds(60))
        #expect(try await world.engine().tick().map(\.state) == [.succeeded])
        #expect(try world.ledger.verdicts(of: run).map(\.result) == ["error", "pass"])
        #expect(try world.check(run) == [])
    }

    @Test func aDryRunGateDecidesNothing() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [step("g", .gate(Gate(pass: cel("false"), isDryRun: true))), step("a", uses("test.change"))]
        )
        let run = try await world.run(plan)
        #expect(run.state == .succeeded)
        #expect(try world.ledger.verdicts(of: run.run).map(\.result) == ["fail"])
    }

    @Test func anUndefinedNameIsAnErrorAndNotFalse() async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("g", .gate(Gate(pass: cel("steps.g.outputs.missing == 1"))))])
        let run = try await world.run(plan)
        #expect(run.state == .paused)
        #expect(try world.ledger.verdicts(of: run.run).map(\.result) == ["error"])
    }

    @Test func aGateThatIsNotDecidedWithinItsTimeoutIsInconclusive() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [1] }
        let gate = Gate(
            pass: try cel("metrics.series.last > 2.0"),
            fail: try cel("metrics.series.last < 0.0"),
            metrics: [.init(name: "series", source: "test.series")],
            every: .seconds(60),
            within: .seconds(86_400)
        )
        let run = try await world.run(plan("p", [step("check", .gate(gate)) { $0.timeout = .seconds(90) }])).run
        world.clock.advance(by: .seconds(60))
        #expect(try await world.advance(run).waiting.map(\.due) == [world.clock.now() + .seconds(30)])
        world.clock.advance(by: .seconds(30))
        #expect(try await world.advance(run).state == .paused)
        #expect(try world.ledger.verdicts(of: run).map(\.result) == ["inconclusive"])
        #expect(try world.check(run) == [])
    }

    // MARK: - A soak is covered

    private func soak(_ minutes: [Int], bearsGaps: Bool = false, clockSetBefore set: Int? = nil) -> GateMachine
        .Decision?
    {
        var limits = GateMachine.Limits()
        limits.soak = .seconds(600)
        limits.every = .seconds(60)
        let opened = Timestamp(seconds: 1_000_000)
        var gate = GateMachine(limits, opened: opened)
        gate.bearsGaps = bearsGaps
        var last: GateMachine.Decision?
        for minute in minutes {
            if set == minute { gate.noteClock() }
            last = gate.take(GateMachine.Sample(time: opened + .seconds(60 * minute), outcome: .pass))
        }
        return last
    }

    private func reason(_ decision: GateMachine.Decision?) -> String? {
        if case .decided(.pass, let reason)? = decision { reason } else { nil }
    }

    @Test func aSoakThatWasLookedAtOnlyAtItsEndsBeginsAnew() {
        #expect(reason(soak([0, 10])) == nil)
        #expect(reason(soak(Array(0...10))) == "kept passing for 10m, 11 passed of 11")
        #expect(reason(soak([0, 3, 6, 9, 10])) != nil, "three times the rhythm is borne")
        let begun = soak([0, 1, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18])
        #expect(reason(begun) == nil)
        let late = reason(soak([0, 1] + Array(9...19)))
        #expect(late?.contains("the soak began anew at") == true)
        #expect(late?.contains("without a sample, 11 passed of 13") == true)
    }

    @Test func aClockThatWasSetBeginsTheSoakAnew() {
        #expect(reason(soak(Array(0...10), clockSetBefore: 5)) == nil)
        #expect(reason(soak(Array(0...15), clockSetBefore: 5))?.contains("after the clock was set") == true)
    }

    @Test func aRehearsalLooksSeldomAndBearsIt() {
        #expect(reason(soak([0, 10], bearsGaps: true)) == "kept passing for 10m, 2 passed of 2")
    }
}
