import Core
import Engine
import Expressions
import Ledger
import Playbooks
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10)))
struct RunTests {
    @Test func runsStepsInOrderAndHandsOutputsOn() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [
                step("first", uses("test.change", [("value", .literal("hello"))])),
                step("second", uses("test.change", [("value", .expression(cel("steps.first.outputs.value + '!'")))])),
                step("third", uses("test.read")) { $0.condition = try cel("steps.second.outputs.value == 'no'") },
            ]
        ) { $0.outputs = [("said", .expression(try cel("steps.second.outputs.value")))] }
        let summary = try await world.run(plan)
        #expect(summary.state == .succeeded)
        #expect(summary.outputs == ["said": "hello!"])
        #expect(world.outside.done == ["first", "second"])
        #expect(try world.states(summary.run) == ["first": .succeeded, "second": .succeeded, "third": .skipped])
        #expect(try world.check(summary.run) == [])
    }

    /// Leaves a piece of evidence behind that speaks for a control of its own.
    private struct Witness: StepAction {
        var schema: ActionSchema { ActionSchema(name: "test.witness", summary: "witnesses", effect: .read) }

        func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
            let evidence = Evidence(
                name: "note",
                digest: .sha256([]),
                mediaType: "text/plain",
                byteCount: 0,
                controls: ["own:1"]
            )
            return ActionResult(outputs: [:], evidence: [evidence])
        }
    }

    @Test func whatAStepSpeaksForGoesWithItsEvidence() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [step("look", uses("test.witness")) { $0.evidence.controls = ["soc2:CC6.1", "own:1"] }]
        )
        world.plans.withLock { $0[plan.digest] = plan }
        let engine = world.engine(actions: [Witness()])
        let run = try engine.start(plan, inputs: [:], startedBy: "ana")
        #expect(try await engine.advance(run, plan: plan).state == .succeeded)
        let evidence = try world.ledger.events(of: run).compactMap { event -> [Evidence]? in
            if case .succeeded(_, let result) = try RunEvent(event, run: run).body { result.evidence } else { nil }
        }
        #expect(evidence.flatMap { $0 }.map(\.controls) == [["own:1", "soc2:CC6.1"]])
    }

    @Test func failsFastAndStillRunsFinally() async throws {
        let world = try World()
        world.outside.fail("second", times: 1, .permanent)
        let plan = try EngineTests.plan(
            "p",
            [
                step("first", uses("test.change")), step("second", uses("test.change")),
                step("third", uses("test.change")),
            ]
        ) {
            $0.finally = [try step("report", uses("test.change"))]
        }
        let summary = try await world.run(plan)
        #expect(summary.state == .failed)
        #expect(world.outside.done == ["first", "report"])
        #expect(try world.states(summary.run)["third"] == .pending)
        // Once the cause is gone the run goes on from the step that failed.
        try world.command(.retry(from: "second"), summary.run)
        let again = try await world.advance(summary.run)
        #expect(again.state == .succeeded)
        #expect(world.outside.done == ["first", "report", "second", "third", "report"])
        #expect(try world.check(summary.run) == [])
    }

    @Test func waitsForADurationWithoutAProcess() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [step("nap", .wait(.duration(.seconds(3600)))), step("go", uses("test.change"))]
        )
        let summary = try await world.run(plan)
        #expect(summary.state == .waiting)
        #expect(summary.waiting.map(\.path) == ["nap"])
        #expect(try await world.engine().tick().isEmpty)
        world.clock.advance(by: .seconds(3601))
        let ticked = try await world.engine().tick()
        #expect(ticked.map(\.state) == [.succeeded])
        #expect(try world.check(summary.run) == [])
    }

    @Test func retriesWhatIsTransientAndNothingElse() async throws {
        let world = try World()
        world.outside.fail("a", times: 2)
        let plan = try EngineTests.plan(
            "p",
            [step("a", uses("test.change")) { $0.retry = RetryPolicy(max: 3, initial: .seconds(10)) }]
        )
        var summary = try await world.run(plan)
        #expect(summary.waiting.map(\.waitsFor) == ["retry"])
        world.clock.advance(by: .seconds(10))
        summary = try await world.engine().tick()[0]
        #expect(summary.state == .waiting)
        // Exponential: the second pause is twice the first.
        world.clock.advance(by: .seconds(19))
        #expect(try await world.engine().tick().isEmpty)
        world.clock.advance(by: .seconds(1))
        #expect(try await world.engine().tick().map(\.state) == [.succeeded])
        #expect(world.outside.calls("a") == 3)
    }

    @Test func runsItemsInWavesWithAGateAfterEach() async throws {
        let world = try World()
        world.outside.state.withLock { $0.metrics["series"] = [0, 0, 0] }
        let plan = try EngineTests.plan(
            "p",
            [
                step("roll", uses("test.change", [("value", .expression(cel("server")))])) {
                    $0.forEach = ForEach(
                        items: .literal(["a", "b", "c", "d", "e"]),
                        variable: "server",
                        maxParallel: 2,
                        waves: [.count(1), .percent(50), .percent(100)]
                    )
                    $0.afterEachWave = Gate(
                        pass: try cel("metrics.bad.last == 0.0"),
                        metrics: [.init(name: "bad", source: "test.series")]
                    )
                },
                step("after", uses("test.change", [("value", .expression(cel("steps.roll.outputs.value['c']")))])),
            ]
        )
        let summary = try await world.run(plan)
        #expect(summary.state == .succeeded, "\(summary)")
        let done = world.outside.done
        #expect(done.first == "roll[a]")
        #expect(Set(done[1...2]) == ["roll[b]", "roll[c]"])
        let states = try world.states(summary.run)
        #expect(states["after:roll[1]"] == .succeeded && states["after:roll[3]"] == .succeeded)
        #expect(try world.check(summary.run) == [])
    }

    @Test func whatFinallyDidIsNotTakenBack() async throws {
        let world = try World()
        let undo = ActionCall(action: "test.undo", version: 1)
        let plan = try EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")) { $0.rollback = undo },
                step("check", .gate(Gate(pass: cel("1 == 2"), onFail: .rollback))),
            ]
        ) { $0.finally = [step("report", uses("test.change")) { $0.rollback = undo }] }
        let summary = try await world.run(plan)
        #expect(summary.state == .rolledBack)
        #expect(world.outside.done == ["a", "rollback:a", "report"])
        #expect(try world.states(summary.run)["rollback:report"] == nil)
    }

    @Test func rollsBackNewestFirst() async throws {
        let world = try World()
        let undo = ActionCall(action: "test.undo", version: 1)
        let plan = try EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")) { $0.rollback = undo },
                step("b", uses("test.change")) {
                    $0.rollback = undo
                    $0.forEach = ForEach(items: .literal(["x", "y"]), variable: "i", maxParallel: 1)
                },
                step("c", uses("test.change")),
                step("check", .gate(Gate(pass: cel("1 == 2"), onFail: .rollback))),
            ]
        )
        let summary = try await world.run(plan)
        #expect(summary.state == .rolledBack)
        #expect(world.outside.done == ["a", "b[x]", "b[y]", "c", "rollback:b[y]", "rollback:b[x]", "rollback:a"])
        #expect(try world.states(summary.run)["rollback:c"] == .skipped)
        #expect(try world.check(summary.run) == [])
    }

    @Test func aGateMayLeadBackToAStepOnly() async throws {
        let world = try World()
        let undo = ActionCall(action: "test.undo", version: 1)
        let plan = try EngineTests.plan(
            "p",
            [
                step("a", uses("test.change")) { $0.rollback = undo },
                step("b", uses("test.change")) { $0.rollback = undo },
                step("c", uses("test.change")) { $0.rollback = undo },
                step("check", .gate(Gate(pass: cel("1 == 2"), onFail: .rollback, rollbackTo: "a"))),
            ]
        )
        let summary = try await world.run(plan)
        #expect(summary.state == .rolledBack)
        #expect(world.outside.done == ["a", "b", "c", "rollback:c", "rollback:b"])
        #expect(try world.check(summary.run) == [])
    }

    @Test func aSecretReachesTheActionAndNothingElse() async throws {
        let world = try World()
        let plan = try EngineTests.plan(
            "p",
            [step("a", uses("test.change", [("token", .text([.text("Bearer "), .expression(cel("secrets.key"))]))]))]
        ) {
            $0.secrets = [SecretDeclaration(name: "key", origin: .environment("KEY"))]
        }
        let summary = try await world.run(plan)
        #expect(world.outside.state.withLock { $0.secrets } == ["Bearer hunter2-key"])
        let events = try world.ledger.events(of: summary.run).map(\.payload).joined()
        #expect(!events.contains("hunter2"))
        #expect(events.contains("Bearer <secret:key>"))
    }

    @Test func refusesInputsThatDoNotFit() throws {
        let plan = try EngineTests.plan("p", [step("a", uses("test.change"))]) {
            $0.inputs = [
                InputDeclaration(name: "count", type: .integer, isRequired: true, min: 1, max: 3),
                InputDeclaration(name: "mode", type: .string, defaultValue: "soft", allowed: ["soft", "hard"]),
            ]
        }
        #expect(try plan.checkedInputs(["count": 2]) == ["count": 2, "mode": "soft"])
        for (inputs, code) in [
            (["count": 4], "input.range"), (["count": "x"], "input.type"), ([:], "input.missing"),
            (["count": 1, "mode": "odd"], "input.not-allowed"), (["count": 1, "moed": "soft"], "input.unknown"),
        ] as [(JSON.Object, String)] {
            #expect { try plan.checkedInputs(inputs) } throws: { error in
                (error as? InvalidInput)?.diagnostics.map(\.code) == [code]
            }
        }
    }

    @Test func aSubPlaybookIsARunOfItsOwn() async throws {
        let world = try World()
        let child = try plan(
            "child",
            [
                step("probe", uses("test.change", [("value", .expression(cel("inputs.name")))])),
                step("review", .approval(Approval(approvers: ["group:leads"], expires: .seconds(86_400)))),
            ]
        ) {
            $0.inputs = [InputDeclaration(name: "name", type: .string, isRequired: true)]
            $0.outputs = [("found", .expression(try cel("steps.probe.outputs.value")))]
        }
        world.plans.withLock { $0[child.digest] = child }
        let parent = try plan(
            "parent",
            [
                step(
                    "phase_1",
                    .playbook(SubPlaybook(plan: child, path: "child.yaml", inputs: [("name", .literal("x"))]))
                ),
                step("exit", .gate(Gate(pass: cel("steps.phase_1.outputs.found == 'x'")))),
            ]
        )
        let summary = try await world.run(parent)
        #expect(summary.state == .waiting)
        #expect(summary.waiting.map(\.path) == ["phase_1/review"])
        let place = try world.engine().locate("phase_1/review", in: summary.run)
        let view = try world.engine().approval(run: place.run, step: place.step)
        #expect(view.eligible == ["ana", "ben"])
        let ballot = Ballot(
            person: "ben",
            verdict: .approve,
            reason: "fine",
            shown: view.digest,
            generation: view.generation,
            isAuthenticated: true
        )
        #expect(try world.engine().castVote(run: place.run, step: place.step, ballot) == .applied)
        let end = try await world.advance(summary.run)
        #expect(end.state == .succeeded, "\(end)")
        #expect(try world.check(summary.run) == [])
    }

    @Test func concurrencyGroupsQueueRefuseOrReplace() async throws {
        let world = try World()
        func slow(_ id: String, _ conflict: Concurrency.Conflict) throws -> Plan {
            try plan(id, [step("nap", .wait(.duration(.seconds(60))))]) {
                $0.concurrency = Concurrency(group: "g", onConflict: conflict)
            }
        }
        let first = try await world.run(slow("a", .queue))
        let second = try await world.run(slow("b", .queue))
        #expect(second.state == .queued)
        #expect(throws: InvalidInput.self) { try world.start(slow("c", .fail)) }
        world.clock.advance(by: .seconds(61))
        _ = try await world.engine().tick()
        _ = try await world.engine().tick()
        #expect(try world.ledger.run(first.run)?.state == .succeeded)
        #expect(try world.ledger.run(second.run)?.state == .waiting)
        let third = try world.start(slow("d", .cancelRunning))
        _ = try await world.engine().tick()
        _ = try await world.engine().tick()
        #expect(try world.ledger.run(second.run)?.state == .cancelled)
        #expect(try world.ledger.run(third)?.state == .waiting)
    }
}

/// Hangs until it is cancelled.
private struct Hang: StepAction {
    var outside: Outside
    var schema: ActionSchema { ActionSchema(name: "test.hang", summary: "hangs", effect: .change) }

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        outside.state.withLock { $0.calls["hang", default: 0] += 1 }
        do { try await Task.sleep(for: .seconds(600)) } catch {
            throw StepError(.cancelled, "was cancelled")
        }
        return ActionResult(outputs: [:])
    }
}

@Suite(.timeLimit(.minutes(10)))
struct InterruptionTests {
    private func engine(_ world: World) -> Engine {
        var engine = world.engine(actions: [
            Hang(outside: world.outside), Change(outside: world.outside),
            Change(outside: world.outside, name: "test.undo"),
        ])
        engine.host.isAlive = { _ in true }
        engine.sleep = { try await Task.sleep(for: min($0, .milliseconds(5))) }
        return engine
    }

    private func untilItHangs(_ world: World) async {
        while world.outside.calls("hang") == 0 { await Task.yield() }
    }

    @Test(arguments: [false, true])
    func aCancelFromAnotherProcessEndsWhatHangs(_ isBelow: Bool) async throws {
        let world = try World()
        let inner = try EngineTests.plan(
            "inner",
            [step("hang", uses("test.hang")) { $0.onCancel = ActionCall(action: "test.undo", version: 1) }]
        )
        world.plans.withLock { $0[inner.digest] = inner }
        let outer =
            isBelow
            ? try EngineTests.plan("outer", [step("one", .playbook(SubPlaybook(plan: inner, path: "i")))]) : inner
        let run = try world.start(outer)
        let first = engine(world)
        async let summary = first.advance(run, plan: outer)
        await untilItHangs(world)
        #expect(try engine(world).command(.cancel(reason: "enough"), run: run, by: "ben") == .posted)
        #expect(try await summary.state == .cancelled)
        #expect(world.outside.done == ["cancel:hang"])
        for child in try world.ledger.children(of: run) { #expect(child.state == .cancelled) }
    }

    @Test func aProcessThatIsToldToStopLeavesTheIntentForTheNext() async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("hang", uses("test.hang"))])
        let run = try world.start(plan)
        let first = engine(world)
        let task = Task { try await first.advance(run, plan: plan) }
        await untilItHangs(world)
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        #expect(try world.ledger.run(run)?.lease == nil)
        #expect(try world.states(run) == ["hang": .running])
        #expect(try world.ledger.run(run)?.state == .running)
    }

    @Test func aStepThatTakesTooLongFails() async throws {
        let world = try World()
        let plan = try EngineTests.plan("p", [step("hang", uses("test.hang")) { $0.timeout = .seconds(60) }])
        let run = try world.start(plan)
        let summary = try await engine(world).advance(run, plan: plan)
        #expect(summary.state == .failed)
        #expect(summary.reason?.contains("took longer than 1m") == true)
    }

    @Test func aRetryBelowReopensTheRunAbove() async throws {
        let world = try World()
        world.outside.fail("x", times: 1, .permanent)
        let inner = try EngineTests.plan("inner", [step("w", uses("test.change")), step("x", uses("test.change"))])
        world.plans.withLock { $0[inner.digest] = inner }
        let outer = try EngineTests.plan(
            "outer",
            [step("one", .playbook(SubPlaybook(plan: inner, path: "i"))), step("two", uses("test.change"))]
        )
        let run = try await world.run(outer).run
        #expect(try world.ledger.run(run)?.state == .failed)
        let place = try world.engine().locate("one/x", in: run)
        try world.command(.retry(from: place.step.step), place.run)
        #expect(try await world.engine().tick().map(\.state) == [.succeeded])
        #expect(world.outside.done == ["w", "x", "two"])
        #expect(try world.ledger.children(of: run).count == 1)
        #expect(try world.check(run) == [])
    }
}
