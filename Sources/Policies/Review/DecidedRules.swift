extension Policy {
    /// This suggestion, in which every rule stays as it was that a person decided, with what is asked instead.
    ///
    /// Traffic is no reason to take back what somebody tightened, wrote or decided in a review: what it would change there is
    /// a question. Where a person took a mined rule away, or a party that an agent knows, new ones are questions as well.
    ///
    /// - Parameters:
    ///   - old: The policy before, as people left it.
    ///   - taken: Names of questions that a person has answered with yes: ids of rules, and `known:AGENT`.
    /// - Returns: The policy, marked anew where nobody but the miner was at it, and what would change besides.
    package func keepingDecidedRules(
        of old: Policy,
        except taken: Set<String> = []
    ) -> (policy: Policy, questions: [PolicyDifference.Change]) {
        var policy = self
        for earlier in old.rules where earlier.origin == .mined && earlier.isDecidedByPeople {
            if taken.contains(earlier.id) { continue }
            if let index = policy.rules.firstIndex(where: { $0.isTheSame(as: earlier) }) {
                policy.rules[index] = earlier
            } else if !policy.rules.contains(where: { $0.id == earlier.id }) {
                policy.rules.append(earlier)
            }
        }
        if old.isReducedByPeople { policy.reduce(to: old, except: taken) }
        let questions = PolicyDifference(from: policy, to: self).changes
        for index in policy.rules.indices where policy.rules[index].origin == .mined {
            let rule = policy.rules[index]
            let earlier = old.rules.first { $0.isTheSame(as: rule) && $0.isDecidedByPeople }
            // What was taken over on somebody's word stays theirs.
            policy.rules[index].mark = earlier == nil ? rule.minedDigest : earlier?.mark
        }
        policy.mark = old.isReducedByPeople ? old.mark : policy.minedDigest
        return (policy, questions)
    }

    /// Without the mined rules and parties that the earlier policy has not.
    private mutating func reduce(to old: Policy, except taken: Set<String>) {
        let ids = Set(old.rules.map(\.id))
        rules.removeAll { $0.origin == .mined && !ids.contains($0.id) && !taken.contains($0.id) }
        func isTaken(_ agent: String) -> Bool { taken.contains(Self.questionName(known: agent)) }
        unseenReads.removeAll { !old.unseenReads.contains($0) && !isTaken($0.agent) }
        known = known.compactMap { entry in
            if isTaken(entry.agent) { return entry }
            let before = old.known.filter { $0.agent == entry.agent && $0.task == entry.task }
            var entry = entry
            entry.identities.removeAll { value in !before.contains { $0.identities.contains(value) } }
            entry.hosts.removeAll { host in !before.contains { $0.hosts.contains(host) } }
            entry.domains.removeAll { domain in !before.contains { $0.domains.contains(domain) } }
            let isEmpty = entry.identities.isEmpty && entry.hosts.isEmpty && entry.domains.isEmpty
            return isEmpty && before.isEmpty ? nil : entry
        }
    }

    /// How a question about whom an agent knows is named.
    package static func questionName(known agent: String) -> String { "known:\(agent)" }
}

extension PolicyDifference.Change {
    /// By what a person says yes to it where it is a question.
    package var questionName: String { rule ?? Policy.questionName(known: agent) }
}
