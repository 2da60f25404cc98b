import Core
import Engine
import Ledger
import Playbooks

/// Does nothing: what is left of a step is the engine's own work.
struct NoOp: StepAction {
    var schema: ActionSchema

    init(_ effect: ActionSchema.Effect) {
        schema = ActionSchema(name: Self.name(effect), summary: "does nothing", effect: effect)
    }

    static func name(_ effect: ActionSchema.Effect) -> ActionName { ActionName("bench.\(effect.rawValue)") }

    func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult { ActionResult(outputs: [:]) }
}

/// What one run of so many steps, one after the other, took.
struct EngineFigures {
    var run: RunID
    var wall: Duration
    /// Processor time of all threads, in user and kernel mode.
    var processor: Duration
    /// Seen by the commit hook from the creation of the run to the return of the lease.
    var commits: Commits
}

/// So many transactions, and how many of them with `synchronous=FULL`.
struct Commits: Equatable {
    var all: Int
    var synced: Int
}

/// Runs a chain of steps that do nothing through the engine, into a ledger on a disk.
struct EngineRun {
    var steps: Int
    var effect: ActionSchema.Effect

    var plan: Plan {
        let call = ActionCall(action: NoOp.name(effect), version: 1)
        var steps: [PlannedStep] = []
        for number in 1...self.steps {
            steps.append(
                PlannedStep(
                    id: StepID("step_\(number)"),
                    kind: .action(call),
                    needs: steps.last.map { [$0.id] } ?? [],
                    place: Place(file: "bench.yaml", line: number, column: 1)
                )
            )
        }
        let source = Array("\(self.steps) steps of bench.\(effect.rawValue)".utf8)
        return Plan(
            id: "bench",
            name: "bench",
            version: "1.0.0",
            digest: Digest.sha256(source),
            source: source,
            file: "bench.yaml",
            steps: steps
        )
    }

    /// Carries the plan out in the ledger at `path`, which may hold runs already.
    func measure(path: String) async throws -> EngineFigures {
        let ledger = try Ledger(path: path)
        let plan = plan
        let engine = Engine(
            ledger: ledger,
            catalogue: Catalogue(actions: [NoOp(effect)]),
            secret: { _ in throw StepError(.permanent, "there are no secrets") },
            planFor: { _, _, _ in throw StepError(.permanent, "there is no playbook") }
        )
        let before = ledger.commits
        let processor = Resources.processorTime()
        let clock = ContinuousClock()
        let start = clock.now
        let run = try engine.start(plan, inputs: [:], startedBy: "bench")
        let summary = try await engine.advance(run, plan: plan)
        let wall = clock.now - start
        let spent = Resources.processorTime() - processor
        guard summary.state == .succeeded else {
            throw BenchmarkFault("the run is \(summary.state.rawValue): \(summary.reason ?? "no reason")")
        }
        let after = ledger.commits
        try ledger.close()
        return EngineFigures(
            run: run,
            wall: wall,
            processor: spent,
            commits: Commits(all: after.all - before.all, synced: after.synced - before.synced)
        )
    }
}

/// Why nothing could be measured.
struct BenchmarkFault: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
