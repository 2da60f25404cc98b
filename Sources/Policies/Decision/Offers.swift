package import Traffic

extension CompiledPolicy {
    /// Whether some rule is about exactly this tool.
    package func names(_ tool: ServerTool) -> Bool { tools[tool] != nil }

    /// Whether the agent could be allowed to use the tool with some arguments, so that it is worth being shown.
    ///
    /// Judged by the same tables as calls: a tool that is not offered is never allowed. One that is offered can still be
    /// denied, for its arguments or the hour.
    package func offers(_ tool: ServerTool, to principal: String, agent: String? = nil) -> Bool {
        let names = [agents[principal], agent.flatMap { agents[$0] }, everyone == Self.nobody ? nil : everyone]
        let known = names.compactMap { $0 }
        let number = tools[tool]
        if isForbidden(number, patterns(of: tool), known) { return false }
        if let number, known.contains(where: { grants($0, number) }) { return true }
        guard tier(of: tool) == .read, !isListed(tool.server) else { return false }
        return allowsUnseenReads(principal, tool.server) || allowsUnseenReads("*", tool.server)
            || (agent.map { allowsUnseenReads($0, tool.server) } ?? false)
    }

    private func slots(_ agent: Int32, _ tool: Int32) -> some Sequence<Slot> {
        (Int32(0)...Int32(truncatingIfNeeded: tasks.count)).lazy.compactMap { task in
            self.slots[Key(agent: agent, task: task, tool: tool)]
        }
    }

    private func grants(_ agent: Int32, _ tool: Int32) -> Bool {
        slots(agent, tool).contains { slot in
            (slot.mined + slot.written).contains { !$0.isPattern && $0.rule.mode == .enforce }
        }
    }

    /// Whether a rule without conditions forbids every call.
    private func isForbidden(_ tool: Int32?, _ patterns: [Int32], _ agents: [Int32]) -> Bool {
        let numbers = (tool.map { [$0] } ?? []) + patterns
        return agents.contains { agent in
            numbers.contains { number in
                slots[Key(agent: agent, task: 0, tool: number)]?.forbids.contains(where: \.isUnconditional) ?? false
            }
        }
    }
}
