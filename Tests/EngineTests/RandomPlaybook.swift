import Core
import Engine
import Expressions
import Playbooks

/// A small playbook drawn from a seed, with what goes wrong outside while it runs.
struct RandomPlaybook: Sendable, CustomStringConvertible {
    struct Step: Sendable {
        var id: String
        var needs: [String] = []
        var isWanted = true
        /// None for a step without `for-each`.
        var items: [String] = []
        var parallel = 1
        var failFast = true
        var firstWave = 0
        var retries = 0
        var continueOnError = false
        var hasRollback = false

        var instances: [String] { items.isEmpty ? [id] : items.map { "\(id)[\($0)]" } }
    }

    struct Failure: Sendable {
        var times: Int
        var isPermanent: Bool
    }

    var steps: [Step] = []
    var finals: [Step] = []
    var failures: [String: Failure] = [:]
    /// Whether a gate after everything else fails and asks for a rollback.
    var endsInRollback = false

    /// A forgiving one has only failures that cut off nothing else: then no order of things matters.
    init(seed: UInt64, isForgiving: Bool = false) {
        var random = SeededRandom(seed: seed)
        func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }
        for number in 0..<Int.random(in: 2...6, using: &random) {
            var step = Step(id: "s\(number)")
            for earlier in steps where chance(35) { step.needs.append(earlier.id) }
            step.isWanted = !chance(15)
            if chance(45) {
                step.items = Array(["a", "b", "c", "d"].prefix(Int.random(in: 1...4, using: &random)))
                step.parallel = Int.random(in: 1...3, using: &random)
                step.failFast = !isForgiving && chance(50)
                step.firstWave = chance(40) ? 1 : 0
            }
            step.retries = chance(50) ? Int.random(in: 1...2, using: &random) : 0
            step.continueOnError = isForgiving || chance(40)
            step.hasRollback = chance(60)
            for instance in step.instances where chance(isForgiving ? 40 : 25) {
                failures[instance] = Failure(
                    times: Int.random(in: 1...3, using: &random),
                    isPermanent: chance(25)
                )
            }
            steps.append(step)
        }
        if chance(60) { finals.append(Step(id: "f0", retries: 1)) }
        if chance(30) { finals.append(Step(id: "f1", isWanted: chance(50))) }
        if !finals.isEmpty, chance(30) { failures["f0"] = Failure(times: 1, isPermanent: false) }
        endsInRollback = chance(30)
    }

    func plan() throws -> Plan {
        var planned = try steps.map(Self.planned)
        if endsInRollback {
            planned.append(
                try step("check", .gate(Gate(pass: try cel("false"), onFail: .rollback)), needs: planned.map(\.id))
            )
        }
        return try EngineTests.plan("random", planned, isChain: false) { $0.finally = try finals.map(Self.planned) }
    }

    private static func planned(_ one: Step) throws -> PlannedStep {
        try step(StepID(one.id), uses("test.change"), needs: one.needs.map { StepID($0) }) {
            if !one.isWanted { $0.condition = try cel("1 == 2") }
            if !one.items.isEmpty {
                $0.forEach = ForEach(
                    items: .literal(.array(one.items.map { .string($0) })),
                    variable: "item",
                    maxParallel: one.parallel,
                    failFast: one.failFast,
                    waves: one.firstWave > 0 ? [.count(one.firstWave), .percent(100)] : []
                )
            }
            if one.retries > 0 { $0.retry = RetryPolicy(max: one.retries, backoff: .constant, initial: .seconds(10)) }
            $0.continueOnError = one.continueOnError
            if one.hasRollback { $0.rollback = ActionCall(action: "test.undo", version: 1) }
        }
    }

    /// Written as a playbook is, so that a failing seed can be read and cut down by hand.
    var description: String {
        func lines(_ step: Step) -> [String] {
            var lines = ["- id: \(step.id)", "  needs: [\(step.needs.joined(separator: ", "))]"]
            if !step.isWanted { lines.append("  if: 1 == 2") }
            if !step.items.isEmpty {
                lines.append("  for-each: [\(step.items.joined(separator: ", "))]  # max-parallel \(step.parallel)")
                lines.append("  # fail-fast \(step.failFast), first wave \(step.firstWave)")
            }
            if step.retries > 0 { lines.append("  retry: { max: \(step.retries) }") }
            if step.continueOnError { lines.append("  continue-on-error: true") }
            if step.hasRollback { lines.append("  rollback: { uses: test.undo }") }
            for name in step.instances {
                guard let failure = failures[name] else { continue }
                lines.append("  # `\(name)` fails \(failure.times) times\(failure.isPermanent ? " for good" : "")")
            }
            return lines
        }
        var text = ["steps:"] + steps.flatMap(lines)
        if endsInRollback { text.append("- id: check  # a gate that fails and rolls back") }
        text += ["finally:"] + finals.flatMap(lines)
        return text.joined(separator: "\n")
    }
}
