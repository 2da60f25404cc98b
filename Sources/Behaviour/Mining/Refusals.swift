import Policies
import Traffic

/// Tools and agents of a recording that a policy cannot speak of, or should not without a person's word.
struct Refusals {
    let hygiene: Hygiene

    /// Whether the name can stand in a policy and mean the one agent that had it.
    static func isExact(_ agent: String) -> Bool { agent != Policy.everyAgent }

    /// Why nothing is learned of a tool; nil where there is no such reason.
    func refusal(of evidence: ToolEvidence, key: UInt64, agent: UInt64) -> (kind: ReviewItem.Kind, detail: String)? {
        if evidence.tool.namesMany {
            return (.wildcardName, "a policy would take the name for many tools, so nothing was learned of it")
        }
        // What mostly those call who follow planted instructions is what the instructions ask for.
        if let found = hygiene.tools[Hygiene.AgentTool(agent: agent, tool: key)] {
            let shown =
                "\(found.left) of \(found.of) sessions that call it took values which their source showed to few"
            return (.suspectTool, shown)
        }
        return nil
    }

    /// What a person should know of the tools of one agent that were not learned.
    func items(_ evidence: AgentEvidence, key agent: UInt64, rule: (ServerTool) -> String) -> [ReviewItem] {
        if !Self.isExact(evidence.principal) {
            let detail = "a policy would take the name for every agent, so nothing was learned of it"
            return evidence.tools.elements.map { _, tool in
                item(.wildcardName, tool, evidence, rule(tool.tool), detail)
            }
        }
        return evidence.tools.elements.compactMap { key, tool in
            refusal(of: tool, key: key, agent: agent).map {
                item($0.kind, tool, evidence, rule(tool.tool), $0.detail)
            }
        }
    }

    private func item(
        _ kind: ReviewItem.Kind,
        _ tool: ToolEvidence,
        _ agent: AgentEvidence,
        _ rule: String,
        _ detail: String
    ) -> ReviewItem {
        ReviewItem(
            kind: kind,
            rule: rule,
            agent: agent.principal,
            task: nil,
            tool: tool.tool,
            tier: tool.tier,
            path: nil,
            values: [],
            sources: [],
            sessions: tool.sessions.count,
            detail: detail,
            evidence: tool.pointers.places,
            urgency: tool.tier.weight
        )
    }
}
