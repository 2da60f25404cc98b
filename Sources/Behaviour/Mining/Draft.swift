import Core
import Policies
import Traffic

/// A proposal in the making: learned tools become rules, doubts become warnings and review items.
struct Draft {
    var proposal: Proposal
    let parameters: MiningParameters
    private var labels: [String: String] = [:]

    init(_ proposal: Proposal, _ parameters: MiningParameters) {
        self.proposal = proposal
        self.parameters = parameters
    }

    /// Gives an agent the last part of its name for rule ids, or the whole one where that is not its own.
    mutating func label(_ principal: String, among all: [String]) {
        let short = { (name: String) in String(name.split { $0 == "/" || $0 == ":" }.last ?? Substring(name)) }
        let own = short(principal)
        labels[principal] = all.count { short($0) == own } > 1 ? principal : own
    }

    private func id(_ principal: String, _ task: String?, _ tool: ServerTool) -> String {
        "\(labels[principal] ?? principal).\(tool.server).\(tool.tool)" + (task.map { "@\($0)" } ?? "")
    }

    mutating func add(
        _ agent: LearnedAgent,
        _ evidence: AgentEvidence,
        task: String?,
        _ observations: Observations,
        only isWanted: (ToolTier) -> Bool = { _ in true }
    ) {
        // What an agent with one task always does is what it is for.
        let isOneTask = task != nil || evidence.tasks.count == 1
        for (key, tool) in agent.tools.sorted(by: { $0.value.tool < $1.value.tool }) where isWanted(tool.tier) {
            add(tool, key, agent.principal, task, evidence.tools[key], isOneTask: isOneTask, observations)
        }
        guard !agent.identities.isEmpty || !agent.hosts.isEmpty || !agent.domains.isEmpty else { return }
        // Under the scope of tasks those of the whole agent are lent through each task, and to nothing else.
        if proposal.policy.scope == .task, task == nil { return }
        proposal.policy.known.append(
            Policy.KnownParties(
                agent: agent.principal,
                task: task,
                identities: agent.identities.sorted(),
                hosts: agent.hosts.sorted(),
                domains: agent.domains.sorted()
            )
        )
    }

    mutating func addUnseenReads(_ agent: LearnedAgent) {
        let reads = agent.tools.values.filter { $0.tier == .read }
        guard reads.count >= parameters.readsForUnseen else { return }
        for server in Set(reads.map(\.tool.server)).sorted() {
            proposal.policy.unseenReads.append(Policy.UnseenReads(agent: agent.principal, server: server))
        }
    }

    private mutating func add(
        _ tool: LearnedTool,
        _ key: UInt64,
        _ principal: String,
        _ task: String?,
        _ evidence: ToolEvidence?,
        isOneTask: Bool,
        _ observations: Observations
    ) {
        let id = id(principal, task, tool.tool)
        var rule = Rule(
            id: id,
            agent: principal,
            task: task,
            tool: tool.tool,
            definition: tool.definition,
            tier: tool.tier,
            maximumCalls: tool.tier < .write
                ? nil : max(parameters.fewestCalls, parameters.callsFactor * tool.mostCalls),
            support: tool.support
        )
        var named: Set<String> = []
        let required = tool.constancy.required(tool.tier, isOneTask: isOneTask, parameters)
        let doubts = Doubts(rule: rule, tool: tool, parameters: parameters)
        for (path, learned) in tool.paths.sorted(by: { precedes($0.value.path, $1.value.path) }) {
            named.insert(learned.argument)
            let levels = Levels(
                learned,
                tool,
                // Where whatever the agent writes passes, nothing at all says no more.
                isRequired: required.contains(path) && !learned.isOpen,
                evidence?.paths[path],
                parameters
            )
            let argument = levels.chosen
            rule.arguments.append(argument)
            guard tool.tier != .read else { continue }
            rule.warnings += doubts.warnings(learned, argument)
            let values = observations.values(key, path)
            let alternatives = levels.alternatives(id, values, evidence?.paths[path], parameters)
            proposal.alternatives.append(alternatives)
            proposal.review += doubts.items(learned, alternatives, values, evidence?.paths[path])
            if let evidence = evidence?.paths[path] {
                proposal.sufficiency.append(Sufficiency(id, alternatives.chosen, evidence, parameters))
            }
        }
        for name in tool.arguments.keys.sorted(by: precedes) where !named.contains(name) {
            rule.arguments.append(ArgumentRule(path: name))
        }
        if proposal.isExact {
            let relations = Relations(observations.calls(key), isOneTask: isOneTask, parameters)
            if let found = relations.found(tool) {
                rule.relations = found.relations
                proposal.relationSearches.append(RelationSearch(rule: id, outcome: found.search))
            }
        }
        rule.warnings += doubts.warnings()
        proposal.review += doubts.items()
        proposal.policy.rules.append(rule)
    }

    mutating func review(_ refusals: Refusals, _ evidence: AgentEvidence, key: UInt64) {
        proposal.review += refusals.items(evidence, key: key) { id(evidence.principal, nil, $0) }
    }

    /// What is refused to one task of an agent and not to the agent.
    mutating func review(
        _ refusals: Refusals,
        _ evidence: AgentEvidence,
        key: UInt64,
        task: String,
        _ sessions: Set<UInt64>
    ) {
        proposal.review += refusals.items(evidence, key: key, task: (task, sessions)) {
            id(evidence.principal, task, $0)
        }
    }

    /// Values that only a minority of a source's readings shows: one item for each, however many sessions took it.
    mutating func review(_ findings: [SuspiciousValue]) {
        struct Key: Hashable {
            var principal: String
            var tool: ServerTool
            var path: String
            var value: CanonicalValue
        }
        var groups: [Key: [SuspiciousValue]] = [:]
        for finding in findings {
            let key = Key(
                principal: finding.principal,
                tool: finding.tool,
                path: finding.path,
                value: finding.value
            )
            groups[key, default: []].append(finding)
        }
        for (key, found) in groups {
            guard let first = found.first else { continue }
            let sessions = Set(found.map(\.session)).count
            proposal.review.append(
                ReviewItem(
                    kind: .varyingSource,
                    rule: id(key.principal, nil, key.tool),
                    agent: key.principal,
                    task: nil,
                    tool: key.tool,
                    tier: first.tier,
                    path: key.path,
                    values: [key.value],
                    sources: Array(Set(found.flatMap(\.sources))).sorted(),
                    sessions: sessions,
                    detail: "its source showed it in \(first.shown) of \(first.readings) readings",
                    evidence: Array(Set(found.compactMap(\.pointer)).sorted().prefix(5)),
                    urgency: first.tier.weight
                        * Binomial.upperBound(
                            first.readings - first.shown,
                            of: first.readings,
                            confidence: parameters.confidence
                        )
                )
            )
        }
    }

    func finished() -> Proposal {
        var proposal = proposal
        proposal.review.sort {
            ($1.urgency, $0.rule, $0.path ?? "", $0.kind.rawValue, $0.values.first?.text ?? "")
                < ($0.urgency, $1.rule, $1.path ?? "", $1.kind.rawValue, $1.values.first?.text ?? "")
        }
        return proposal
    }
}

extension ToolTier {
    /// What a wrong rule about such a tool costs, for ordering reviews.
    var weight: Double {
        switch self {
        case .read: 0.1
        case .openRead: 0.5
        case .write: 0.7
        case .destructive: 1
        }
    }
}
