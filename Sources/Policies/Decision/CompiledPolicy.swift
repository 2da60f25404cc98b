package import Traffic

/// A policy as tables: what is decided about a call costs the same for ten rules and for ten thousand.
///
/// Made once from a policy and then shared by everybody who decides; it never changes.
package final class CompiledPolicy: Sendable {
    /// What a tool can do, for tools that no rule is about; nil is not known, and its results are trusted with nothing.
    package typealias Tiers = @Sendable (ServerTool) -> ToolTier?

    struct Key: Hashable {
        var agent: Int32
        /// 0 is no task.
        var task: Int32
        var tool: Int32
    }

    struct PartiesKey: Hashable {
        var agent: Int32
        var task: Int32
    }

    /// Rules about one tool for one agent and task.
    final class Slot: Sendable {
        let mined: [CompiledRule]
        let written: [CompiledRule]
        let forbids: [CompiledRule]

        init(_ rules: [CompiledRule]) {
            forbids = rules.filter { $0.rule.effect == .forbid }
            let others = rules.filter { $0.rule.effect != .forbid }
            mined = others.filter { $0.rule.origin == .mined }
            written = others.filter { $0.rule.origin == .written }
        }
    }

    /// Whom an agent deals with.
    final class Parties: Sendable {
        let identities: Set<CanonicalValue>
        let hosts: Set<String>
        let domains: Set<String>

        init(_ known: [Policy.KnownParties]) {
            identities = Set(known.flatMap(\.identities))
            hosts = Set(known.flatMap(\.hosts))
            domains = Set(known.flatMap(\.domains))
        }
    }

    /// Stands for a name that the policy has not.
    static let nobody: Int32 = -1

    package let policy: Policy
    let agents: [String: Int32]
    let tasks: [String: Int32]
    let tools: [ServerTool: Int32]
    let slots: [Key: Slot]
    let everyone: Int32
    let prefixLengths: [Int]
    /// Tasks of an agent that have rules of their own.
    let ownTasks: Set<PartiesKey>
    private let known: [PartiesKey: Parties]
    private let unseenReads: Set<Policy.UnseenReads>
    /// Servers whose tools are known by their definitions.
    private let listedServers: Set<String>
    private let tiers: [ServerTool: ToolTier]
    private let otherTiers: Tiers

    /// Compiles the policy; a rule that is faulty denies what it is about.
    ///
    /// - Parameters:
    ///   - policy: As it was read or mined.
    ///   - otherTiers: Of the tools that no rule is about; by name as long as nobody knows better.
    package init(
        _ policy: Policy,
        tiers otherTiers: @escaping Tiers = { ToolTier.classify(tool: $0.tool, server: $0.server) }
    ) {
        self.policy = policy
        self.otherTiers = otherTiers
        var agents: [String: Int32] = [:]
        var tasks: [String: Int32] = [:]
        var tools: [ServerTool: Int32] = [:]
        var tiers: [ServerTool: ToolTier] = [:]
        var lengths: Set<Int> = []
        var groups: [Key: [CompiledRule]] = [:]
        var ownTasks: Set<PartiesKey> = []
        func number<Name: Hashable>(_ name: Name, _ table: inout [Name: Int32], from first: Int32 = 0) -> Int32 {
            if let known = table[name] { return known }
            let next = first + Int32(truncatingIfNeeded: table.count)
            table[name] = next
            return next
        }
        for rule in policy.rules {
            let compiled = CompiledRule(rule)
            let agent = number(rule.agent, &agents)
            let task = rule.task.map { number($0, &tasks, from: 1) } ?? 0
            let tool = number(rule.tool, &tools)
            groups[Key(agent: agent, task: task, tool: tool), default: []].append(compiled)
            if compiled.isPattern {
                lengths.insert(rule.tool.tool.hasSuffix("*") ? rule.tool.tool.utf8.count - 1 : -1)
            } else {
                // Of two opinions on a tool the more dangerous one counts; a forbid has none.
                if rule.effect == .forbid { continue }
                tiers[rule.tool] = max(tiers[rule.tool] ?? rule.tier, rule.tier)
                if task > 0, rule.origin == .mined { ownTasks.insert(PartiesKey(agent: agent, task: task)) }
            }
        }
        var parties: [PartiesKey: [Policy.KnownParties]] = [:]
        for entry in policy.known {
            let agent = number(entry.agent, &agents)
            let task = entry.task.map { number($0, &tasks, from: 1) } ?? 0
            parties[PartiesKey(agent: agent, task: task), default: []].append(entry)
        }
        self.agents = agents
        self.tasks = tasks
        self.tools = tools
        self.tiers = tiers
        self.ownTasks = ownTasks
        prefixLengths = lengths.sorted()
        slots = groups.mapValues(Slot.init)
        known = parties.mapValues(Parties.init)
        unseenReads = Set(policy.unseenReads)
        listedServers = Set(
            policy.rules.lazy.filter { $0.definition != nil && $0.effect != .forbid }.map(\.tool.server)
        )
        everyone = agents["*"] ?? Self.nobody
    }

    func parties(_ agent: Int32, task: Int32) -> Parties? { known[PartiesKey(agent: agent, task: task)] }

    func tier(of tool: ServerTool) -> ToolTier? { tiers[tool] ?? otherTiers(tool) }

    /// What a tool can do by the rules about it; nil where no rule names it.
    package func declaredTier(of tool: ServerTool) -> ToolTier? { tiers[tool] }

    func allowsUnseenReads(_ agent: String, _ server: String) -> Bool {
        if unseenReads.isEmpty { return false }
        return unseenReads.contains(Policy.UnseenReads(agent: agent, server: server))
            || unseenReads.contains(Policy.UnseenReads(agent: agent, server: "*"))
    }

    /// Whether the tools of a server have definitions, so that one without is not the server's, or not yet looked at.
    func isListed(_ server: String) -> Bool { listedServers.contains(server) }

    /// The numbers of the tools that rules about many tools name and that this tool is one of.
    func patterns(of tool: ServerTool) -> [Int32] {
        if prefixLengths.isEmpty { return [] }
        var found: [Int32] = []
        let bytes = tool.tool.utf8
        for length in prefixLengths {
            // Only the server is a pattern.
            if length < 0 {
                if let number = tools[ServerTool(server: "*", tool: tool.tool)] { found.append(number) }
                continue
            }
            guard length <= bytes.count else { break }
            let prefix = String(decoding: bytes.prefix(length), as: UTF8.self) + "*"
            for server in [tool.server, "*"] {
                if let number = tools[ServerTool(server: server, tool: prefix)] { found.append(number) }
            }
        }
        return found
    }
}
