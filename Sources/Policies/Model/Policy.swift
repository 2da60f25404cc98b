package import Core
package import Traffic

/// A least-privilege policy: what is not allowed by a rule is denied.
package struct Policy: Sendable, Hashable {
    package var name: String
    /// Whether the rules are keyed by agent alone or by agent and task.
    package var scope: Scope
    package var rules: [Rule]
    /// Reads that nobody was seen to make: allowed on these servers for these agents, because all they did there was to read widely.
    ///
    /// Where a server's rules are bound to definitions, a tool without one is no such read, whatever its name.
    package var unseenReads: [UnseenReads]
    /// Identities that the agent deals with as a matter of course; free text may name them.
    package var known: [KnownParties]
    /// The people who may own a rule; empty where the document does not keep such a list.
    package var owners: [Owner]
    /// What the miner noted of its parties and rules, so that later changes show; see `isReducedByPeople`.
    package var mark: String?
    /// The profile that it was mined from, where somebody named that as a file: nothing proves which traffic is in it.
    package var unprovenProfile: Digest?
    /// How a page for approvers names that profile, so that a release can tell that they were shown it as such.
    package var unprovenSign: String? {
        unprovenProfile.map { "UNPROVEN: rules were mined from a profile that somebody named as a file (\($0))" }
    }

    package enum Scope: String, Sendable, CaseIterable { case agent, task }

    package struct Owner: Sendable, Hashable {
        package var name: String
        /// From then on nobody answers for the rules of this owner.
        package var until: Timestamp?

        package init(name: String, until: Timestamp? = nil) {
            self.name = name
            self.until = until
        }
    }

    package struct UnseenReads: Sendable, Hashable {
        package var agent: String
        package var server: String
        package init(agent: String, server: String) {
            self.agent = agent
            self.server = server
        }
    }

    package struct KnownParties: Sendable, Hashable {
        package var agent: String
        /// Nil: for every task.
        package var task: String?
        package var identities: [CanonicalValue]
        package var hosts: [String]
        package var domains: [String]
        package init(
            agent: String,
            task: String? = nil,
            identities: [CanonicalValue] = [],
            hosts: [String] = [],
            domains: [String] = []
        ) {
            self.agent = agent
            self.task = task
            self.identities = identities
            self.hosts = hosts
            self.domains = domains
        }
    }

    package init(
        name: String,
        scope: Scope,
        rules: [Rule] = [],
        unseenReads: [UnseenReads] = [],
        known: [KnownParties] = [],
        owners: [Owner] = [],
        mark: String? = nil,
        unprovenProfile: Digest? = nil
    ) {
        self.name = name
        self.scope = scope
        self.rules = rules
        self.unseenReads = unseenReads
        self.known = known
        self.owners = owners
        self.mark = mark
        self.unprovenProfile = unprovenProfile
    }
}

extension Policy {
    /// The name that means every agent.
    package static let everyAgent = "*"
}

extension ServerTool {
    /// Whether a policy would take the name for many tools: `*` as the server, or a tool that ends with `*`.
    package var namesMany: Bool { server == "*" || tool.hasSuffix("*") }
}

/// What one agent may do with one tool.
///
/// Of the mined rules about a tool those of the call's task replace those without a task. What people wrote applies
/// besides: every rule that applies must admit the call, so that a written rule wins where it is stricter.
package struct Rule: Sendable, Hashable {
    package enum Effect: String, Sendable, CaseIterable { case allow, ask, forbid }
    package enum Mode: String, Sendable, CaseIterable { case enforce, shadow }
    package enum Origin: String, Sendable, CaseIterable { case mined, written }

    /// Unique in its policy and stable between versions, for example `banking.send_money`.
    package var id: String
    /// A principal or agent; `*` is any.
    package var agent: String
    /// Nil: any task.
    package var task: String?
    /// A forbid or ask may name `*` as its server, and end the tool with `*`: `delete_*`.
    package var tool: ServerTool
    /// Digest of the tool definition that the rule was made for; another one is denied as `definition_changed`.
    package var definition: String?
    package var tier: ToolTier
    package var effect: Effect
    package var mode: Mode
    package var arguments: [ArgumentRule]
    /// What arguments say about each other, for rules that grant.
    package var relations: [Relation]
    /// A CEL condition over `call`, for rules that people write.
    package var condition: String?
    /// When the rule holds; empty is always.
    package var windows: [TimeWindow]
    /// The most calls of the tool in one session: many usual payments may be one theft.
    package var maximumCalls: Int?
    package var owner: String?
    package var expires: Timestamp?
    package var support: Support
    package var warnings: [Warning]
    package var origin: Origin
    /// What people decided about the rule in reviews, by the id of the point.
    package var reviewed: [ReviewRecord]
    /// What the miner noted of a mined rule, so that later changes show; see `isDecidedByPeople`.
    package var mark: String?

    package init(
        id: String,
        agent: String,
        task: String? = nil,
        tool: ServerTool,
        definition: String? = nil,
        tier: ToolTier,
        effect: Effect = .allow,
        mode: Mode = .enforce,
        arguments: [ArgumentRule] = [],
        relations: [Relation] = [],
        condition: String? = nil,
        windows: [TimeWindow] = [],
        maximumCalls: Int? = nil,
        owner: String? = nil,
        expires: Timestamp? = nil,
        support: Support = Support(),
        warnings: [Warning] = [],
        origin: Origin = .mined,
        reviewed: [ReviewRecord] = [],
        mark: String? = nil
    ) {
        self.id = id
        self.agent = agent
        self.task = task
        self.tool = tool
        self.definition = definition
        self.tier = tier
        self.effect = effect
        self.mode = mode
        self.arguments = arguments
        self.relations = relations
        self.condition = condition
        self.windows = windows
        self.maximumCalls = maximumCalls
        self.owner = owner
        self.expires = expires
        self.support = support
        self.warnings = warnings
        self.origin = origin
        self.reviewed = reviewed
        self.mark = mark
    }
}

/// What the value at one path of the arguments may be.
///
/// A value passes if one of the ways admits it; no way admits nothing. Identities inside a text must pass too, either
/// in one of these ways or because the policy knows them. On a closed read any value passes, and only what a text
/// names and its length are looked at, unless `isBinding`; but where there are `patterns`, a path or page must pass. True and false pass where they are listed or open, and where
/// there are no ways at all. In a forbid the ways say what is forbidden.
package struct ArgumentRule: Sendable, Hashable {
    /// As in `ObservedLeaf.path`.
    package var path: String
    /// Whether it must be sent, and nothing of it be empty.
    package var required: Bool
    /// Exact values, canonical.
    package var values: [CanonicalValue]
    /// The user's own request may name the value.
    package var fromPrompt: Bool
    /// The value may equal a structured field of an earlier result.
    package var fromFields: [ResultField]
    /// Any structured field of a closed-world read will do, since one was seen to; for a number any field at all.
    package var fromAnyRead: Bool
    /// The value may stand in the text of an earlier result of these tools.
    package var fromTexts: [ServerTool]
    /// Registered domains or hosts whose addresses and pages are allowed.
    package var domains: [String]
    /// Texts in which `*` stands for anything on one line, compared with the canonical value: `/srv/data/*`.
    ///
    /// A path that may climb, however it is spelled, matches none.
    package var patterns: [String]
    /// Inclusive bounds for numbers.
    package var minimum: Double?
    package var maximum: Double?
    /// Values the agent composes itself, of these classes; identities never.
    package var open: [ValueClass]
    /// Values of these classes that the agent composes itself and that stand in no earlier result; identities never.
    package var own: [ValueClass]
    /// The longest text that passes, in Unicode scalars: the bound itself, with whatever room the miner gave.
    package var maximumLength: Int?
    /// The longest list.
    package var maximumItems: Int?
    /// Whether the ways bind on a closed read as they do elsewhere.
    package var isBinding: Bool

    package init(
        path: String,
        required: Bool = false,
        values: [CanonicalValue] = [],
        fromPrompt: Bool = false,
        fromFields: [ResultField] = [],
        fromAnyRead: Bool = false,
        fromTexts: [ServerTool] = [],
        domains: [String] = [],
        patterns: [String] = [],
        minimum: Double? = nil,
        maximum: Double? = nil,
        open: [ValueClass] = [],
        own: [ValueClass] = [],
        maximumLength: Int? = nil,
        maximumItems: Int? = nil,
        isBinding: Bool = false
    ) {
        self.path = path
        self.required = required
        self.values = values
        self.fromPrompt = fromPrompt
        self.fromFields = fromFields
        self.fromAnyRead = fromAnyRead
        self.fromTexts = fromTexts
        self.domains = domains
        self.patterns = patterns
        self.minimum = minimum
        self.maximum = maximum
        self.open = open
        self.own = own
        self.maximumLength = maximumLength
        self.maximumItems = maximumItems
        self.isBinding = isBinding
    }
}

/// The evidence behind a rule, counted in sessions first.
package struct Support: Sendable, Hashable {
    package var calls: Int
    package var sessions: Int
    package var tasks: Int
    package var days: Int
    package var principals: Int

    package init(calls: Int = 0, sessions: Int = 0, tasks: Int = 0, days: Int = 0, principals: Int = 0) {
        self.calls = calls
        self.sessions = sessions
        self.tasks = tasks
        self.days = days
        self.principals = principals
    }
}

/// One widening or doubt, with its evidence, for whoever reviews the rule.
package struct Warning: Sendable, Hashable {
    /// Stable, for example `text-only-identity`, `open-text`, `few-sessions`, `varying-source`.
    package var code: String
    package var path: String?
    package var detail: String

    package init(code: String, path: String? = nil, detail: String) {
        self.code = code
        self.path = path
        self.detail = detail
    }
}
