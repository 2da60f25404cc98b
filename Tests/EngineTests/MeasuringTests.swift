import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

/// Measuring a gate ahead of its time: recorded like any other measurement, and no way around the gate's rules.
@Suite struct MeasuringTests {
    private func gate(_ change: (inout Gate) -> Void) throws -> Plan {
        var gate = Gate(pass: try Expression.parse("metrics.m.last == 0.0"))
        gate.metrics = [Gate.Metric(name: "m", source: "test.series")]
        gate.every = .seconds(86_400)
        gate.within = .seconds(10 * 86_400)
        change(&gate)
        return try EngineTests.plan("p", [step("g", .gate(gate)), step("after", uses("test.change"))])
    }

    private func code(_ world: World, _ run: RunID, _ step: StepID) -> String? {
        do {
            try world.command(.measure(StepInstance(step)), run)
            return nil
        } catch {
            return (error as? InvalidInput)?.diagnostics.first?.code
        }
    }

    @Test func aGateIsMeasuredNowAndNotADayLater() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [3, 0] }
        let run = try await world.run(try gate { _ in }).run
        world.clock.advance(by: .seconds(60))
        #expect(try await world.advance(run).state == .waiting)
        #expect(try world.ledger.samples(of: run).count == 1)
        #expect(try world.engine().waitingGates(of: run).map(\.path) == ["g"])
        #expect(code(world, run, "g") == nil)
        #expect(try await world.advance(run).state == .succeeded)
        #expect(try world.ledger.samples(of: run).map(\.outcome) == ["fail", "pass"])
        #expect(try world.check(run) == [])
    }

    @Test func aMeasurementThatFailsLeavesTheGateWaitingInItsRhythm() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [3] }
        let run = try await world.run(try gate { _ in }).run
        world.clock.advance(by: .seconds(60))
        #expect(code(world, run, "g") == nil)
        let summary = try await world.advance(run)
        #expect(summary.state == .waiting)
        #expect(summary.waiting.first?.due == world.clock.now() + .seconds(86_400))
        #expect(summary.waiting.first?.waitsFor == "gate")
        #expect(try world.ledger.samples(of: run).count == 2)
    }

    @Test func aSoakTimeIsNotShortenedHoweverOftenSomebodyMeasures() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [0] }
        let plan = try gate {
            $0.within = nil
            $0.soak = .seconds(3 * 86_400)
        }
        let run = try await world.run(plan).run
        for _ in 0..<5 {
            world.clock.advance(by: .seconds(60))
            #expect(code(world, run, "g") == nil)
            #expect(try await world.advance(run).state == .waiting)
        }
        #expect(try world.ledger.samples(of: run).count == 6)
    }

    @Test(arguments: [1, 3])
    func aWaiverTakesEffectOnAWaitingGateAtTheNextTick(_ minSamples: Int) async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [3] }
        let run = try await world.run(try gate { $0.minSamples = minSamples }).run
        world.clock.advance(by: .seconds(60))
        let waiver = Core.Exception(
            id: "x-1",
            scope: "gate:\(run)/g",
            owner: "user:ben",
            reason: "known",
            createdBy: "user:ben",
            created: world.clock.now(),
            expires: world.clock.now() + .seconds(3600)
        )
        #expect(try await world.engine().tick().isEmpty, "nothing is due for a day")
        let summaries = try await world.engine(facts: Facts(waivers: { [waiver] })).tick()
        #expect(summaries.map(\.state) == [.succeeded])
        #expect(try world.ledger.verdicts(of: run).map(\.result) == ["fail"], "what was measured stays what it was")
        let summary = try world.ledger.steps(of: run).first { $0.instance == StepInstance("g") }?.summary
        #expect(summary?.contains("waived by exception x-1 of user:ben until ") == true)
        let decided = try world.ledger.events(of: run).last { $0.kind == "gate.decided" }
        #expect(decided?.payload.contains(#""waiver":{"authenticated":false,"by":"user:ben","id":"x-1""#) == true)
        #expect(try world.check(run) == [])
    }

    @Test func severalMeasurementsAreTakenOverTimeAndNotInAMinute() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [0] }
        let run = try await world.run(try gate { $0.minSamples = 3 }).run
        #expect(code(world, run, "g") == "gate.paced")
        #expect(try world.ledger.samples(of: run).count == 1)
    }

    @Test func whatIsNoWaitingGateIsNotMeasured() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [3] }
        let run = try await world.run(try gate { _ in }).run
        #expect(code(world, run, "after") == "gate.not-open")
        #expect(code(world, run, "gg") == "step.unknown")
        try world.command(.pause(reason: "stop"), run)
        #expect(code(world, run, "g") == "run.paused")
        try world.command(.cancel(reason: "no"), run)
        #expect(code(world, run, "g") == "run.ending")
        _ = try await world.advance(run)
        #expect(code(world, run, "g") == "run.over")
    }
}
