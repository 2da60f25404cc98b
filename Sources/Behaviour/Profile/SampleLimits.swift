import Core

/// How many values of one path, and identities of one agent, a profile keeps: the more of them there are, the fewer.
///
/// A recording with thousands of arguments that are different in every call would otherwise fill any memory. The limits
/// are the largest steps at which all samples together fit, which is a matter of what there is, not of its order.
struct SampleLimits: Mergeable {
    private static let least = 64

    /// Of values and of identities in all; each takes about half a kilobyte.
    private let mostValues: Int
    private let mostIdentities: Int

    private(set) var values = ValueEvidence.limit
    private(set) var identities = IdentityEvidence.limit

    init(mostValues: Int = 1 << 16, mostIdentities: Int = 1 << 15) {
        self.mostValues = mostValues
        self.mostIdentities = mostIdentities
    }

    mutating func lower(for agents: BottomK<AgentEvidence>) {
        var paths: [Int] = []
        var parties: [Int] = []
        var isCut = agents.isCut
        agents.forEach { agent in
            parties.append(agent.identities.count)
            isCut = isCut || agent.tools.isCut
            agent.tools.forEach { tool in
                isCut = isCut || tool.paths.isCut
                tool.paths.forEach { paths.append($0.values.count) }
            }
        }
        // Of what was dropped altogether nobody knows how much it was.
        if isCut {
            values = Self.least
            identities = Self.least
            return
        }
        values = Self.limit(values, paths, mostValues)
        identities = Self.limit(identities, parties, mostIdentities)
    }

    private static func limit(_ current: Int, _ counts: [Int], _ most: Int) -> Int {
        var limit = current
        while limit > least, counts.reduce(0, { $0 + min($1, limit) }) > most { limit /= 2 }
        return limit
    }

    func apply(to agents: inout BottomK<AgentEvidence>) {
        guard values < ValueEvidence.limit || identities < IdentityEvidence.limit else { return }
        agents.updateAll { agent in
            agent.identities.lower(to: identities)
            agent.tools.updateAll { tool in
                tool.paths.updateAll { $0.values.lower(to: values) }
            }
        }
    }

    mutating func merge(_ other: SampleLimits) {
        values = min(values, other.values)
        identities = min(identities, other.identities)
    }

    var json: JSON.Value { ["values": Form.count(values), "identities": Form.count(identities)] }

    init?(json: JSON.Value) {
        guard let values = Form.count(json["values"]), let identities = Form.count(json["identities"]),
            Self.isStep(values, of: ValueEvidence.limit), Self.isStep(identities, of: IdentityEvidence.limit)
        else { return nil }
        self.init()
        self.values = values
        self.identities = identities
    }

    private static func isStep(_ limit: Int, of most: Int) -> Bool {
        limit >= least && limit <= most && limit.nonzeroBitCount == 1
    }
}
