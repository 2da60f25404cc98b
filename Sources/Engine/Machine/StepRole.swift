package import Core
package import Playbooks

/// What an instance is to its step: the work itself, or something that goes with it.
///
/// Companions print with a prefix: `rollback:enforce[inventory]`, `cancel:record`, `after:enforce[1]`.
package enum StepRole: String, Sendable, Hashable, CaseIterable {
    case work
    case rollback
    /// Clears up after a step that was cancelled.
    case cancel
    /// The gate after a wave.
    case after

    /// Whether it takes something back, after the work is over.
    package var isCleaning: Bool { self == .rollback || self == .cancel }
}

extension StepInstance {
    package var role: StepRole {
        // Asked several times a step, and almost never is there a colon.
        guard let colon = step.text.utf8.firstIndex(of: UInt8(ascii: ":")) else { return .work }
        return StepRole(rawValue: String(step.text[..<colon])) ?? .work
    }

    /// The step as the plan names it.
    package var base: StepID {
        let role = role
        return role == .work ? step : StepID(String(step.text.dropFirst(role.rawValue.utf8.count + 1)))
    }

    package func companion(_ role: StepRole, item: String? = nil) -> StepInstance {
        StepInstance(StepID(role.rawValue + ":" + step.text), item: item ?? self.item)
    }
}

/// The steps of a plan by position, with who waits for whom.
struct StepGraph: Sendable {
    /// Steps, then the steps of `finally`.
    let steps: [PlannedStep]
    let finalStart: Int
    let positions: [StepID: Int]
    let dependents: [[Int]]
    let needs: [[Int]]

    init(_ plan: Plan) {
        steps = plan.steps + plan.finally
        finalStart = plan.steps.count
        var positions: [StepID: Int] = [:]
        for (position, step) in steps.enumerated() { positions[step.id] = position }
        var dependents = [[Int]](repeating: [], count: steps.count)
        var needs = [[Int]](repeating: [], count: steps.count)
        for (position, step) in steps.enumerated() where position < finalStart {
            for need in Set(step.needs).compactMap({ positions[$0] }) {
                dependents[need].append(position)
                needs[position].append(need)
            }
        }
        self.positions = positions
        self.dependents = dependents
        self.needs = needs
    }

    /// A step and everything that comes to depend on it, in the order of the plan.
    func descendants(of start: Int) -> [Int] {
        var seen: Set<Int> = [start]
        var queue = [start]
        while let position = queue.popLast() {
            for next in dependents[position] where seen.insert(next).inserted { queue.append(next) }
        }
        return seen.sorted()
    }
}

extension PlannedStep {
    /// The word for its kind in the ledger.
    package var kindName: String {
        switch kind {
        case .action: "action"
        case .gate: "gate"
        case .approval: "approval"
        case .wait: "wait"
        case .playbook: "playbook"
        }
    }
}
