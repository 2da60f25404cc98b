import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

private final class Reached: Sendable {
    let count = Mutex(0)
}

private enum Scenario: String, CaseIterable, Sendable {
    case chain, fanOut, gateAndRetry, rollback, subPlaybook

    func plan() throws -> Plan {
        let undo = ActionCall(action: "test.undo", version: 1)
        switch self {
        case .chain:
            return try EngineTests.plan(
                "chain",
                [
                    step("a", uses("test.change")), step("b", uses("test.read")), step("c", uses("test.change")),
                    step("d", uses("test.change", [("value", .expression(cel("steps.a.outputs.value")))])),
                ]
            ) { $0.finally = [try step("report", uses("test.change"))] }
        case .fanOut:
            return try EngineTests.plan(
                "fan",
                [
                    step("a", uses("test.change")) {
                        $0.forEach = ForEach(
                            items: .literal(["p", "q", "r", "s"]),
                            variable: "i",
                            maxParallel: 2,
                            waves: [.count(1)]
                        )
                    },
                    step("b", uses("test.change")),
                ]
            )
        case .gateAndRetry:
            return try EngineTests.plan(
                "gate",
                [
                    step("a", uses("test.change")) { $0.retry = RetryPolicy(max: 2, initial: .seconds(5)) },
                    step(
                        "soak",
                        .gate(
                            Gate(
                                pass: cel("metrics.m.max <= 2.0"),
                                metrics: [.init(name: "m", source: "test.series")],
                                every: .seconds(60),
                                soak: .seconds(180)
                            )
                        )
                    ),
                    step("nap", .wait(.duration(.seconds(60)))), step("b", uses("test.change")),
                ]
            )
        case .rollback:
            return try EngineTests.plan(
                "back",
                [
                    step("a", uses("test.change")) { $0.rollback = undo },
                    step("b", uses("test.change")) {
                        $0.rollback = undo
                        $0.forEach = ForEach(items: .literal(["x", "y"]), variable: "i")
                    },
                    step("check", .gate(Gate(pass: cel("false"), onFail: .rollback))),
                ]
            ) { $0.finally = [try step("report", uses("test.change"))] }
        case .subPlaybook:
            let child = try EngineTests.plan(
                "child",
                [
                    step("x", uses("test.change")), step("nap", .wait(.duration(.seconds(60)))),
                    step("y", uses("test.change")),
                ]
            )
            return try EngineTests.plan(
                "parent",
                [
                    step("one", .playbook(SubPlaybook(plan: child, path: "child.yaml"))),
                    step("two", uses("test.change")),
                ]
            )
        }
    }

    func prepare(_ world: World) throws {
        world.outside.state.withLock { $0.metrics["series"] = [1] }
        if self == .gateAndRetry { world.outside.fail("a", times: 1) }
        for case .playbook(let sub) in try plan().steps.map(\.kind) {
            world.plans.withLock { $0[sub.plan.digest] = sub.plan }
        }
    }
}

@Suite(.timeLimit(.minutes(10)))
struct CrashTests {
    /// Goes on, a process a time, until the run is over; the first process dies at its n-th crash point.
    private func drive(_ scenario: Scenario, seed: UInt64, dieAt wanted: Int) async throws -> (World, RunID, Int) {
        let world = try World(seed: seed)
        try scenario.prepare(world)
        let plan = try scenario.plan()
        let run = try world.start(plan)
        let reached = Reached()
        let points = CrashPoints { point in
            let number = reached.count.withLock {
                $0 += 1
                return $0
            }
            if number == wanted { throw CrashPoints.Crash(point: point) }
        }
        for _ in 0..<40 {
            do {
                let summary = try await world.engine(crash: points).advance(run)
                if summary.state.isTerminal { return (world, run, reached.count.withLock { $0 }) }
                if let due = summary.nextDue { world.clock.set(max(due, world.clock.now())) }
            } catch is CrashPoints.Crash {
                continue
            }
        }
        return (world, run, reached.count.withLock { $0 })
    }

    /// What must be the same however often the process died: the end, the steps, the effects as a set.
    private func end(_ world: World, _ run: RunID) throws -> [String] {
        let record = try #require(try world.ledger.run(run))
        let steps = try world.ledger.steps(of: run).map { "\($0.instance) \($0.state) \($0.result ?? "")" }
        return [record.state.rawValue] + steps + world.outside.done.sorted()
    }

    @Test(arguments: Scenario.allCases, [1, 7, 23] as [UInt64])
    private func everyPointLeadsToTheSameEnd(_ scenario: Scenario, seed: UInt64) async throws {
        let (whole, first, points) = try await drive(scenario, seed: seed, dieAt: 0)
        let expected = try end(whole, first)
        #expect(points > 8)
        for point in 1...points {
            let (world, run, _) = try await drive(scenario, seed: seed, dieAt: point)
            let got = try end(world, run)
            #expect(got == expected, "\(scenario) seed \(seed) died at \(point)")
            #expect(try world.check(run) == [], "\(scenario) seed \(seed) died at \(point)")
        }
    }

    @Test func dyingAtEveryOtherPointLosesAndRepeatsNothing() async throws {
        let world = try World(seed: 5)
        let items = (1...40).map { JSON.Value.string("i\($0)") }
        let plan = try EngineTests.plan(
            "many",
            [
                step("a", uses("test.change")) {
                    $0.forEach = ForEach(items: .literal(.array(items)), variable: "i", maxParallel: 4)
                },
                step("b", uses("test.change")),
            ]
        )
        let run = try world.start(plan)
        var random = SeededRandom(seed: 99)
        var deaths = 0
        for _ in 0..<500 {
            let reached = Reached()
            let wanted = Int.random(in: 3...14, using: &random)
            let points = CrashPoints { point in
                let number = reached.count.withLock {
                    $0 += 1
                    return $0
                }
                if number >= wanted { throw CrashPoints.Crash(point: point) }
            }
            do {
                if try await world.engine(crash: points).advance(run).state.isTerminal { break }
            } catch is CrashPoints.Crash {
                deaths += 1
            }
        }
        #expect(deaths > 5)
        #expect(try world.ledger.run(run)?.state == .succeeded)
        #expect(world.outside.done.count == 41)
        #expect(try world.check(run) == [])
    }

    private enum Answer: CaseIterable { case absent, done, unknown }

    /// Dies between the act and its record, or before the act, and is asked afterwards.
    @Test(arguments: Answer.allCases)
    private func recoveryAsksWhetherTheEffectIsThere(_ answer: Answer) async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("a", uses("test.change")), step("b", uses("test.change"))])
        let run = try world.start(plan)
        let at = answer == .absent ? "before effect of a" : "after effect of a"
        let points = CrashPoints { if $0 == at { throw CrashPoints.Crash(point: $0) } }
        await #expect(throws: CrashPoints.Crash.self) { try await world.engine(crash: points).advance(run) }
        if answer == .unknown { world.outside.state.withLock { _ = $0.unknown.insert("a") } }
        let summary = try await world.advance(run)
        #expect(world.outside.state.withLock { $0.asked } == ["a"])
        guard answer == .unknown else {
            #expect(summary.state == .succeeded)
            #expect(world.outside.done == ["a", "b"])
            return
        }
        #expect(summary.state == .needsAttention)
        #expect(summary.waiting.map(\.waitsFor) == ["question"])
        #expect(try world.ledger.run(run)?.reason?.contains("is it there?") == true)
        // Asked again, it may be known by then.
        world.outside.state.withLock { _ = $0.unknown.remove("a") }
        try world.command(.resume, run)
        #expect(try await world.advance(run).state == .succeeded)
        #expect(world.outside.done == ["a", "b"])
        #expect(try world.check(run) == [])
    }

    @Test func aReadThatWasInterruptedIsSimplyRepeated() async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("a", uses("test.read"))])
        let run = try world.start(plan)
        let points = CrashPoints { if $0 == "after effect of a" { throw CrashPoints.Crash(point: $0) } }
        await #expect(throws: CrashPoints.Crash.self) { try await world.engine(crash: points).advance(run) }
        #expect(try await world.advance(run).state == .succeeded)
        #expect(world.outside.state.withLock { $0.asked } == [])
    }

    @Test func aLivingProcessKeepsItsLease() async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("a", uses("test.change"))])
        let run = try world.start(plan)
        let points = CrashPoints { if $0 == "before effect of a" { throw CrashPoints.Crash(point: $0) } }
        await #expect(throws: CrashPoints.Crash.self) { try await world.engine(crash: points).advance(run) }
        var other = world.engine()
        other.host.isAlive = { _ in true }
        world.clock.advance(by: .seconds(86_400))
        await #expect { try await other.advance(run) } throws: { error in
            (error as? LedgerError)?.code == .leased && "\(error)".contains("is being advanced by process")
        }
        // Its requests wait for the one that holds the lease.
        #expect(try other.command(.pause(reason: "stop"), run: run, by: "ben") == .posted)
        other.host.isAlive = { _ in false }
        #expect(try await other.advance(run).state == .paused)
    }

    @Test func aPoisonedRunDoesNotStopTheOthers() async throws {
        let world = try World()
        let nap = try EngineTests.plan("nap", [step("nap", .wait(.duration(.seconds(60))))])
        let lost = try EngineTests.plan(
            "lost",
            [step("nap", .wait(.duration(.seconds(60)))), step("b", uses("test.read"))]
        )
        let first = try await world.run(lost)
        let second = try await world.run(nap)
        _ = world.plans.withLock { $0.removeValue(forKey: lost.digest) }
        world.clock.advance(by: .seconds(61))
        let summaries = try await world.engine().tick()
        #expect(summaries.map(\.state).sorted { $0.rawValue < $1.rawValue } == [.needsAttention, .succeeded])
        #expect(try world.ledger.run(first.run)?.state == .needsAttention)
        #expect(try world.ledger.run(second.run)?.state == .succeeded)
    }

    @Test func anUnknownActionVersionIsSetAsideNotReplaced() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [step("nap", .wait(.duration(.seconds(60)))), step("a", uses("test.change"))]
        )
        let summary = try await world.run(plan)
        world.clock.advance(by: .seconds(61))
        let newer = world.engine(actions: [Change(outside: world.outside, version: 2)])
        let end = try await newer.advance(summary.run)
        #expect(end.state == .needsAttention)
        #expect(end.reason == "unknown action version: `test.change` 1, this program has version 2")
        #expect(world.outside.done == [])
    }
}
