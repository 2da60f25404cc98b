import Core
import Policies
import Traffic

/// What one tool was found to need.
struct LearnedTool: Sendable {
    var tool: ServerTool
    var tier: ToolTier
    var support: Support
    var definition: String?
    var definitions: Int
    /// Names of top-level arguments, with the tasks that send them (five stands for more than four).
    var arguments: [String: Int]
    /// Calls in one session, as many as enough sessions made: one session alone may be the attack.
    var mostCalls: Int
    /// The most that any session made.
    var calls: Int
    /// The longest list by argument.
    var lists: [String: Int]
    var paths: [UInt64: LearnedPath]
    /// What no call went without.
    var constancy: Constancy
    /// What other tasks may borrow; paths that enough tasks have.
    var shared: [UInt64: LearnedPath]
    var pointers: [EvidencePointer]
}

/// What one agent was found to need, for all its tasks or for one.
struct LearnedAgent: Sendable {
    var principal: String
    var tools: [UInt64: LearnedTool] = [:]
    var identities: Set<CanonicalValue> = []
    var hosts: Set<String> = []
    var domains: Set<String> = []
    /// Of identities and hosts those that enough tasks deal with.
    var sharedIdentities: Set<CanonicalValue> = []
    var sharedHosts: Set<String> = []

    init(
        _ evidence: AgentEvidence,
        traces: [SessionTrace],
        agent: UInt64,
        _ hygiene: Hygiene,
        _ parameters: MiningParameters
    ) {
        principal = evidence.principal
        let observations = Observations(traces)
        let refusals = Refusals(hygiene: hygiene)
        for (key, tool) in evidence.tools.elements where tool.learned > 0 {
            if refusals.refusal(of: tool, key: key, agent: agent, among: observations.sessions) != nil { continue }
            tools[key] = LearnedTool(tool, key: key, observations, hygiene, parameters)
        }
        learnParties(evidence, hygiene, parameters)
    }

    private mutating func learnParties(
        _ evidence: AgentEvidence,
        _ hygiene: Hygiene,
        _ parameters: MiningParameters
    ) {
        let suspicious = Set(hygiene.values.map(\.value))
        var byDomain: [String: Int] = [:]
        for (_, identity) in evidence.identities.elements {
            let value = identity.value
            let domain = Party.domain(of: value)
            let isTextOnly = identity.textOnly.count * 2 >= identity.explained.count + identity.unexplained.count
            if identity.isParty, !isTextOnly, !suspicious.contains(identity.text), let domain {
                byDomain[domain, default: 0] += 1
            }
            guard !suspicious.contains(identity.text),
                parameters.isKnown(
                    explained: identity.explained.count,
                    unexplained: identity.unexplained.count,
                    textOnly: identity.textOnly.count,
                    vouched: hygiene.vouched(identity.text)
                )
            else { continue }
            identities.insert(value)
            let isShared = identity.tasks.count >= parameters.sharedTasks
            if isShared { sharedIdentities.insert(value) }
            if let host = Party.host(of: value), let domain, !Party.isShared(domain), !host.isEmpty {
                hosts.insert(host)
                if isShared { sharedHosts.insert(host) }
            }
        }
        domains = Set(
            byDomain.filter { $0.value >= parameters.domainIdentities && !Party.isShared($0.key) }.map(\.key)
        )
    }

    /// Widens what one task needs by what the agent does in several.
    ///
    /// Closed reads are not widened here: they are shared whole.
    mutating func borrow(from agent: LearnedAgent, _ parameters: MiningParameters) {
        for (key, common) in agent.tools where common.tier != .read {
            guard var own = tools[key] else { continue }
            own.tier = max(own.tier, common.tier)
            own.constancy.borrow(from: common.constancy, own.tier, parameters)
            own.mostCalls = max(own.mostCalls, common.mostCalls)
            for (name, tasks) in common.arguments where tasks >= parameters.sharedTasks {
                own.arguments[name] = max(own.arguments[name] ?? 0, tasks)
            }
            for (path, shared) in common.shared {
                if own.paths[path] == nil { own.paths[path] = shared } else { own.paths[path]?.widen(by: shared) }
            }
            for (name, count) in common.lists where own.arguments[name] != nil {
                own.lists[name] = max(own.lists[name] ?? 0, count)
            }
            tools[key] = own
        }
        identities.formUnion(agent.sharedIdentities)
        hosts.formUnion(agent.sharedHosts)
    }
}

extension LearnedTool {
    init(
        _ evidence: ToolEvidence,
        key: UInt64,
        _ observations: Observations,
        _ hygiene: Hygiene,
        _ parameters: MiningParameters
    ) {
        tool = evidence.tool
        tier = evidence.tier
        support = Support(
            calls: evidence.learned,
            sessions: evidence.sessions.count,
            tasks: evidence.tasks.count,
            days: evidence.days.count,
            principals: 1
        )
        let known = evidence.definitions.elements.map(\.value)
        definition = known.max { ($0.last, $0.name) < ($1.last, $1.name) }?.name
        definitions = known.count
        mostCalls = Int(evidence.callsPerSession.largest(of: parameters.constantSessions) ?? 0)
        calls = Int(evidence.callsPerSession.maximum ?? 0)
        arguments = [:]
        lists = [:]
        paths = [:]
        constancy = Constancy(observations.calls(key))
        shared = [:]
        pointers = evidence.pointers.places
        for (_, argument) in evidence.arguments.elements {
            arguments[argument.name] = argument.tasks.count
            if let longest = argument.lists.maximum { lists[argument.name] = Int(longest) }
        }
        for (path, found) in evidence.paths.elements {
            let learned = LearnedPath(
                found,
                key: path,
                tool: key,
                tier: tier,
                observations: observations,
                hygiene,
                parameters
            )
            paths[path] = learned
            if learned.tasks >= parameters.sharedTasks { shared[path] = learned.shared(found, parameters) }
        }
    }
}
