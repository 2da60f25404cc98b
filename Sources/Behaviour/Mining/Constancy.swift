import Policies
import Traffic

/// The arguments that no call of a tool went without, and how much bears that out.
///
/// A server fills in what is missing, and may take nothing for everything: `delete` without a filter.
struct Constancy: Sendable {
    private var sessions = 0
    private var tasks = 0
    /// The paths that held something in every call, and nothing empty in any.
    private var always: Set<UInt64> = []
    /// Whether the agent as a whole bears it out, where this is about one of its tasks.
    private var isLent = false

    init(_ calls: [Observations.Call]) {
        sessions = Set(calls.lazy.map(\.session)).count
        tasks = Set(calls.lazy.compactMap(\.task)).count
        for (index, call) in calls.enumerated() {
            let empty = Set(call.leaves.lazy.filter(\.isEmpty).map(\.path.key))
            let filled = Set(call.leaves.lazy.map(\.path.key)).subtracting(empty)
            if index == 0 { always = filled } else { always.formIntersection(filled) }
        }
    }

    /// What the other tasks of the agent went without is not needed in this one.
    mutating func borrow(from agent: Constancy, _ tier: ToolTier, _ parameters: MiningParameters) {
        always.formIntersection(agent.always)
        isLent = agent.isBorneOut(tier, isOneTask: false, parameters)
    }

    /// The paths that a rule requires.
    func required(_ tier: ToolTier, isOneTask: Bool, _ parameters: MiningParameters) -> Set<UInt64> {
        isLent || isBorneOut(tier, isOneTask: isOneTask, parameters) ? always : []
    }

    /// Leaving out one session after the other denies none: what counts is how many there were.
    private func isBorneOut(_ tier: ToolTier, isOneTask: Bool, _ parameters: MiningParameters) -> Bool {
        guard tier >= .write, sessions > 0 else { return false }
        let target = tier == .destructive ? parameters.requiredRateOfDestruction : parameters.requiredRate
        // What one or two tasks always send is what they are about.
        let isBroad = isOneTask || tasks == 0 || tasks >= parameters.leaveOutUnits
        return isBroad && Binomial.upperBound(0, of: sessions, confidence: parameters.confidence) <= target
    }
}
