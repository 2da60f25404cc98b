import Policies
import Traffic

/// Tools and agents of a recording that a policy cannot speak of, or should not without a person's word.
struct Refusals {
    let hygiene: Hygiene

    /// Whether the name can stand in a policy and mean the one agent that had it.
    static func isExact(_ agent: String) -> Bool { agent != Policy.everyAgent }

    /// Why nothing is learned of a tool; nil where there is no such reason.
    ///
    /// Sessions are those that count, where only a part of the agent's is learned from.
    func refusal(
        of evidence: ToolEvidence,
        key: UInt64,
        agent: UInt64,
        among sessions: Set<UInt64>? = nil
    ) -> (kind: ReviewItem.Kind, detail: String)? {
        if evidence.tool.namesMany {
            return (.wildcardName, "a policy would take the name for many tools, so nothing was learned of it")
        }
        // What mostly those call who follow planted instructions is what the instructions ask for.
        if let found = hygiene.tools[Hygiene.AgentTool(agent: agent, tool: key)] {
            let shown =
                "\(found.left) of \(found.of) sessions that call it took values which their source showed to few"
            return (.suspectTool, shown)
        }
        // What nobody does but who was told to by a text is what the text wants.
        if evidence.tier >= .write, let count = hygiene.followers(key, of: agent, among: sessions) {
            let who = count == 1 ? "the one session that calls it" : "all \(count) sessions that call it"
            return (.instructingText, "\(who) took values from a text that reads like instructions")
        }
        return nil
    }

    /// What a person should know of the tools of one agent that were not learned.
    ///
    /// - Parameters:
    ///   - evidence: Of the agent, or of one task of it.
    ///   - agent: Its key.
    ///   - task: The task and its sessions, for what is refused to that task alone.
    ///   - rule: The id that a rule about a tool has.
    /// - Returns: A point for each tool of which nothing is learned.
    func items(
        _ evidence: AgentEvidence,
        key agent: UInt64,
        task: (name: String, sessions: Set<UInt64>)? = nil,
        rule: (ServerTool) -> String
    ) -> [ReviewItem] {
        if let task {
            return evidence.tools.elements.compactMap { key, tool in
                guard refusal(of: tool, key: key, agent: agent) == nil,
                    let found = refusal(of: tool, key: key, agent: agent, among: task.sessions)
                else { return nil }
                return item(found.kind, tool, evidence, task: task.name, rule(tool.tool), found.detail)
            }
        }
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
        task: String? = nil,
        _ rule: String,
        _ detail: String
    ) -> ReviewItem {
        ReviewItem(
            kind: kind,
            rule: rule,
            agent: agent.principal,
            task: task,
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
