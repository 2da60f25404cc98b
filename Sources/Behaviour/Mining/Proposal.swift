package import Core
package import Policies
package import Traffic

/// A mined policy with everything that a person needs to judge it.
package struct Proposal: Sendable {
    package var policy: Policy
    /// By rule and path, sorted.
    package var alternatives: [ArgumentAlternatives] = []
    /// What the miner did not decide alone; the most pressing first.
    package var review: [ReviewItem] = []
    package var sufficiency: [Sufficiency] = []
    /// By rule: where arguments could say something about each other, and whether enough was seen to tell.
    package var relationSearches: [RelationSearch] = []
    /// Sessions that were not learned from, sorted.
    package var excludedSessions: [String] = []
    /// Whether single sessions could be left out exactly, because the profile's sample holds them all.
    package var isExact = true
    /// Of the profile from which it was mined.
    package var profile: Digest

    package init(policy: Policy, profile: Digest) {
        self.policy = policy
        self.profile = profile
    }
}

/// How far an argument's rule reaches, from the tightest.
package enum GeneralisationLevel: String, Sendable, CaseIterable, Comparable {
    /// The values that were seen often enough, and no others.
    case exact
    /// Besides, what the request names and what comes from learned sources.
    case sourced
    /// Besides, domains of which several identities were seen, or the range of the numbers.
    case ranged
    /// Besides, whatever the agent composes; never an identity.
    case open

    package static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
}

/// One way to rule an argument, and how often it would have denied a session that it had not learned from.
package struct ArgumentAlternative: Sendable {
    package var level: GeneralisationLevel
    package var rule: ArgumentRule
    /// Sessions of the sample, each left out once.
    package var wouldDeny: LeftOut
    /// The upper bound of the would-deny rate (Clopper and Pearson).
    package var upperBound: Double
}

/// The rule of an argument with its next tighter and its next looser level.
package struct ArgumentAlternatives: Sendable {
    package var rule: String
    package var path: String
    package var chosen: ArgumentAlternative
    package var tighter: ArgumentAlternative?
    package var looser: ArgumentAlternative?
}

/// Something to decide for a person.
package struct ReviewItem: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        /// A source showed it to this session and not to the others.
        case varyingSource = "varying-source"
        /// An identity that only free text explains and too few sessions support.
        case textOnlyIdentity = "text-only-identity"
        /// An identity that a few sessions handed to what changes something, and that nothing on record explains.
        case unexplainedIdentity = "unexplained-identity"
        /// Composed text of a tool that cannot be undone.
        case openText = "open-text"
        /// A rule that hangs on very few sessions.
        case fewSessions = "few-sessions"
        /// One session alone has the extreme.
        case lonelyExtreme = "lonely-extreme"
        case severalDefinitions = "several-definitions"
        /// Texts of a tool held values in too few sessions for it to be a source.
        case rareText = "rare-text"
        /// A session made more calls than the rule allows.
        case manyCalls = "many-calls"
        /// Mostly sessions that are not learned from called the tool.
        case suspectTool = "suspect-tool"
        /// A name that a policy would take for many.
        case wildcardName = "wildcard-name"
        /// Values came from a text that reads like instructions.
        case instructingText = "instructing-text"
        /// Whom a tool that changes something deals with may come from any field that was read.
        case anyRead = "any-read"
        /// A credential goes where the rule lets none pass.
        case secret
    }

    package var kind: Kind
    package var rule: String
    package var agent: String
    package var task: String?
    package var tool: ServerTool
    package var tier: ToolTier
    package var path: String?
    package var values: [CanonicalValue]
    /// Tools whose text showed the values.
    package var sources: [ServerTool]
    /// Sessions behind it.
    package var sessions: Int
    package var detail: String
    package var evidence: [EvidencePointer]
    /// Tier, times how little is known, times how far it reaches: from 0 to 1.
    package var urgency: Double
}

/// Whether enough was seen of an argument, counted in sessions and tasks.
package struct Sufficiency: Sendable {
    package var rule: String
    package var path: String
    package var sessions: IncidenceCoverage
    /// Upper bound of the would-deny rate of the chosen rule.
    package var upperBound: Double
    /// About how many more sessions until the bound meets the target; nil: more sessions will not do.
    package var moreSessions: Int?
    package var isSufficient: Bool
}

/// What came of comparing the arguments of one tool with each other.
package struct RelationSearch: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        /// Pairs were compared, and so many relations hold that are no chance.
        case compared(Int)
        /// The most sessions that sent two arguments together, the bound one not by request.
        case fewSessions(Int)
        /// The most tasks that did.
        case fewTasks(Int)
        case tooManyArguments(Int)
    }

    package var rule: String
    package var outcome: Outcome

    package init(rule: String, outcome: Outcome) {
        self.rule = rule
        self.outcome = outcome
    }
}
