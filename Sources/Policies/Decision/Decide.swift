package import Traffic

extension CompiledPolicy {
    /// Decides about one call.
    ///
    /// Total and pure: the same call and context give the same decision, and there is always one. What no rule admits
    /// is denied, a forbid beats everything, and what cannot be answered counts against the call.
    package func decide(_ call: ObservedCall, context: DecisionContext = DecisionContext()) -> Decision {
        let decision = decide(call, task: call.task, context)
        guard !context.isTaskProven, call.task != nil, decision.verdict != .deny else { return decision }
        let without = decide(call, task: nil, context)
        return without.verdict.isStricter(than: decision.verdict) ? without : decision
    }

    private func decide(_ call: ObservedCall, task name: String?, _ context: DecisionContext) -> Decision {
        // What was not looked at cannot be allowed.
        if call.exceedsLimits { return Decision(.deny, reason: "limits") }
        if call.lacksArguments { return Decision(.deny, reason: "unknown-arguments") }
        let surroundings = surroundings(call, task: name, context)
        let tool = tools[call.tool]
        let patterns = patterns(of: call.tool)
        if let forbid = forbid(call, context, surroundings, tool, patterns) { return forbid }
        var verdict = Findings()
        if let tool {
            collect(call, context, surroundings, surroundings.agents.0, tool, &verdict)
            collect(call, context, surroundings, surroundings.agents.1, tool, &verdict)
            collect(call, context, surroundings, surroundings.agents.2, tool, &verdict)
        }
        if let denial = verdict.denial { return denial }
        if verdict.grant == nil, !verdict.isSeen, isUnseenReadAllowed(call, context) {
            if let fault = unseenReadFault(call) { return fault }
            verdict.grant = Decision(.allow, reason: "allowed")
        }
        guard let grant = verdict.grant else {
            if let shadow = verdict.shadow { return Decision(.deny, rule: shadow, reason: "shadow") }
            let (principal, agent, everyone) = surroundings.agents
            let isKnown = principal != Self.nobody || agent != Self.nobody || everyone != Self.nobody
            return Decision(.deny, reason: isKnown ? "unseen-tool" : "no-rule")
        }
        return ask(call, context, surroundings, patterns) ?? verdict.question ?? grant
    }

    func surroundings(_ call: ObservedCall, task name: String?, _ context: DecisionContext) -> Surroundings {
        let principal = agents[call.principal] ?? Self.nobody
        let agent = context.agent.flatMap { $0 == call.principal ? nil : agents[$0] } ?? Self.nobody
        return Surroundings(
            policy: self,
            agents: (principal, agent, principal == everyone || agent == everyone ? Self.nobody : everyone),
            task: name.flatMap { tasks[$0] } ?? 0
        )
    }

    /// What the rules about a tool have said so far.
    private struct Findings {
        var grant: Decision?
        var question: Decision?
        var denial: Decision?
        /// A rule that would have had a say, were it enforced.
        var shadow: String?
        /// Whether any rule is about the tool, so that it is no unseen one.
        var isSeen = false
    }

    private func collect(
        _ call: ObservedCall,
        _ context: DecisionContext,
        _ surroundings: Surroundings,
        _ agent: Int32,
        _ tool: Int32,
        _ findings: inout Findings
    ) {
        guard agent != Self.nobody, findings.denial == nil else { return }
        let task = surroundings.task
        let own = task > 0 ? slots[Key(agent: agent, task: task, tool: tool)] : nil
        let common = slots[Key(agent: agent, task: 0, tool: tool)]
        if let own {
            weigh(own.mined, call, context, surroundings, &findings)
            weigh(own.written, call, context, surroundings, &findings)
        }
        guard let common else { return }
        if own?.mined.isEmpty ?? true {
            let isReplaced =
                policy.scope == .task && task > 0 && ownTasks.contains(PartiesKey(agent: agent, task: task))
            weigh(common.mined, call, context, surroundings, &findings, readsOnly: isReplaced)
        }
        weigh(common.written, call, context, surroundings, &findings)
    }

    private func weigh(
        _ rules: [CompiledRule],
        _ call: ObservedCall,
        _ context: DecisionContext,
        _ surroundings: Surroundings,
        _ findings: inout Findings,
        readsOnly: Bool = false
    ) {
        for rule in rules {
            if readsOnly, !rule.isRead { continue }
            if rule.isPattern { continue }
            findings.isSeen = true
            if rule.rule.mode == .shadow {
                findings.shadow = findings.shadow ?? rule.rule.id
                continue
            }
            if rule.rule.effect == .ask, !rule.applies(call, context) { continue }
            let decision = rule.decide(call, context, surroundings)
            switch decision.verdict {
            case .deny: findings.denial = findings.denial ?? decision
            case .ask:
                findings.question = findings.question ?? decision
                findings.grant = findings.grant ?? decision
            case .allow: findings.grant = findings.grant ?? decision
            }
        }
    }

    private func forbid(
        _ call: ObservedCall,
        _ context: DecisionContext,
        _ surroundings: Surroundings,
        _ tool: Int32?,
        _ patterns: [Int32]
    ) -> Decision? {
        func search(_ agent: Int32, _ tool: Int32) -> Decision? {
            guard agent != Self.nobody else { return nil }
            return search(Key(agent: agent, task: 0, tool: tool))
                ?? (surroundings.task > 0 ? search(Key(agent: agent, task: surroundings.task, tool: tool)) : nil)
        }
        func search(_ key: Key) -> Decision? {
            guard let slot = slots[key] else { return nil }
            for rule in slot.forbids {
                let (isForbidden, argument) = rule.concerns(call, context)
                if isForbidden {
                    return Decision(.deny, rule: rule.rule.id, argument: argument, reason: "forbidden")
                }
            }
            return nil
        }
        func search(_ tool: Int32) -> Decision? {
            search(surroundings.agents.0, tool) ?? search(surroundings.agents.1, tool)
                ?? search(surroundings.agents.2, tool)
        }
        if let tool, let decision = search(tool) { return decision }
        for pattern in patterns {
            if let decision = search(pattern) { return decision }
        }
        return nil
    }

    /// The first rule about many tools that turns an allowed call into a question.
    private func ask(
        _ call: ObservedCall,
        _ context: DecisionContext,
        _ surroundings: Surroundings,
        _ patterns: [Int32]
    ) -> Decision? {
        var question: Decision?
        for tool in patterns {
            for agent in [surroundings.agents.0, surroundings.agents.1, surroundings.agents.2]
            where agent != Self.nobody {
                for task in surroundings.task > 0 ? [0, surroundings.task] : [0] {
                    guard let slot = slots[Key(agent: agent, task: task, tool: tool)] else { continue }
                    for rule in slot.mined + slot.written
                    where rule.rule.effect == .ask && rule.rule.mode == .enforce {
                        let (isConcerned, argument) = rule.concerns(call, context)
                        guard isConcerned else { continue }
                        question = question ?? Decision(.ask, rule: rule.rule.id, argument: argument, reason: "asked")
                    }
                }
            }
        }
        return question
    }

    private func isUnseenReadAllowed(_ call: ObservedCall, _ context: DecisionContext) -> Bool {
        guard call.tier == .read else { return false }
        let server = call.tool.server
        // That it reads is known from its name alone, which says nothing where the others are known by what they are.
        if call.definition == nil, context.needsDefinition || isListed(server) { return false }
        return allowsUnseenReads(call.principal, server) || allowsUnseenReads("*", server)
            || (context.agent.map { allowsUnseenReads($0, server) } ?? false)
    }

    private func unseenReadFault(_ call: ObservedCall) -> Decision? {
        for leaf in call.leaves {
            switch leaf.value.valueClass {
            case .url, .account:
                guard leaf.provenance.prompt == .none, leaf.provenance.fields.isEmpty else { continue }
                return Decision(.deny, argument: leaf.path, reason: "identity")
            case .free: return Decision(.deny, argument: leaf.path, reason: "value")
            default: continue
            }
        }
        return nil
    }
}

extension Decision.Verdict {
    package func isStricter(than other: Self) -> Bool { rank > other.rank }
    private var rank: Int { self == .deny ? 2 : self == .ask ? 1 : 0 }
}
