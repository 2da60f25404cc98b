import Core
import Documents
import Expressions

extension DocumentCheck {
    /// What the order of steps lets one foresee: changes that nobody lets happen, and steps that are never reached.
    mutating func checkOrder(_ graph: StepGraph, _ steps: [WrittenStep]) {
        var isGuarded = [Bool](repeating: false, count: steps.count)
        var isShut = isGuarded
        /// The gate that never passes before a step, if there is one.
        var blocker = [Int?](repeating: nil, count: steps.count)
        for position in graph.order {
            let step = steps[position]
            let needs = graph.needs[position]
            isGuarded[position] = needs.contains { isGuarded[$0] || Self.isGuard(steps[$0].node) }
            blocker[position] = needs.compactMap { blocker[$0] ?? (isShut[$0] ? $0 : nil) }.first
            isShut[position] = Self.neverPasses(step.node)
            if let gate = blocker[position].map({ steps[$0] }) {
                let name = quoted(step.id ?? "step \(position + 1)")
                warn(
                    Code.unreachableStep,
                    "\(name) never starts: the gate \(quoted(gate.id ?? "before it")) never passes",
                    at: step.place
                )
            }
            guard !isGuarded[position], let uses = step.node["uses"], let name = uses.string,
                let schema = catalogue.actions[ActionName(name)]?.schema, schema.effect == .change, !schema.isAdditive
            else { continue }
            warn(
                Code.changeUnguarded,
                "\(quoted(name)) changes something, and nobody is asked and nothing is measured before it",
                at: uses.place,
                help: "put an `approval` or a `gate` before the step"
            )
        }
    }

    /// Whether a step holds a run up until somebody agrees or a measurement is good.
    ///
    /// What another playbook does is judged there; a condition may leave the step out, and a gate on trial holds nothing.
    private static func isGuard(_ step: Node) -> Bool {
        if step["continue-on-error"]?.bool == true { return false }
        if step["approval"] != nil || step["playbook"] != nil { return true }
        guard let gate = step["gate"] else { return false }
        return gate["dry-run"]?.bool != true
    }

    /// Whether a step is a gate whose answer is no, whatever is measured.
    private static func neverPasses(_ step: Node) -> Bool {
        guard let gate = step["gate"], gate["dry-run"]?.bool != true, step["continue-on-error"]?.bool != true,
            step["if"] == nil, let pass = gate["pass"]?.string, pass.utf8.count <= 1 << 10,
            let parsed = try? Expression.parse(pass)
        else { return false }
        if case .bool(false)? = try? parsed.evaluate(options: EvaluationOptions(costLimit: 10_000)) { return true }
        return false
    }
}
