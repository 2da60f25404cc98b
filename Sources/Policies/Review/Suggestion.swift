import Traffic

extension Policy {
    /// This policy, mined anew, with everything that people decided in the one before.
    ///
    /// Rules that people wrote stay as they are. A mined rule that was there before keeps its owner, mode, expiry, hours
    /// and condition: traffic says nothing about them. What was decided in a review is decided again, on what was mined
    /// now. A rule that somebody turned into a forbid stays that forbid, whatever was seen since.
    package func keepingWhatPeopleWrote(in old: Policy, levels: ReviewLevels = ReviewLevels()) -> Policy {
        var policy = self
        policy.owners = old.owners
        let review = Review(levels: levels)
        let written = old.rules.filter { $0.origin == .written }
        let taken = Set(written.map(\.id))
        let before = Dictionary(
            old.rules.filter { $0.origin == .mined }.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        policy.rules = policy.rules.filter { !taken.contains($0.id) }.map { rule in
            guard let earlier = before[rule.id], earlier.isTheSame(as: rule) else { return rule }
            if earlier.effect == .forbid { return earlier }
            return review.applying(earlier.reviewed, to: rule.keepingWhatPeopleSet(in: earlier))
        }
        policy.rules += written
        // What people forbade or decided about a tool that was not used lately must not be forgotten with it.
        let present = Set(policy.rules.map(\.id))
        policy.rules += old.rules.filter {
            $0.origin == .mined && !present.contains($0.id) && $0.effect == .forbid
        }
        return policy
    }
}

extension Policy {
    /// This policy together with what the mined rules of an earlier one allow besides.
    ///
    /// What lately was not used is not thereby superfluous: a month of traffic says nothing about what is done once a
    /// year. Call it on what `keepingWhatPeopleWrote(in:levels:)` gives, so that what people took away stays away.
    package func keepingWhatWasUsed(in old: Policy) -> Policy {
        var policy = self
        for earlier in old.rules where earlier.origin == .mined {
            if let index = policy.rules.firstIndex(where: { $0.isTheSame(as: earlier) }) {
                let rule = policy.rules[index]
                if rule.origin == .mined, rule.effect != .forbid { policy.rules[index] = earlier.joined(with: rule) }
            } else if !policy.rules.contains(where: { $0.id == earlier.id }) {
                policy.rules.append(earlier)
            }
        }
        policy.unseenReads += old.unseenReads.filter { !unseenReads.contains($0) }
        for parties in old.known {
            if let index = policy.known.firstIndex(where: { $0.agent == parties.agent && $0.task == parties.task }) {
                let now = policy.known[index]
                policy.known[index].identities += parties.identities.filter { !now.identities.contains($0) }
                policy.known[index].hosts += parties.hosts.filter { !now.hosts.contains($0) }
                policy.known[index].domains += parties.domains.filter { !now.domains.contains($0) }
            } else {
                policy.known.append(parties)
            }
        }
        return policy
    }
}

extension Rule {
    /// What this rule or a later one about the same admits; its own relations stay, since they were decided upon more.
    fileprivate func joined(with later: Rule) -> Rule {
        var rule = later
        rule.relations = relations
        rule.definition = later.definition ?? definition
        rule.maximumCalls = maximumCalls.flatMap { most in later.maximumCalls.map { max(most, $0) } }
        let isFree = rule.tier == .read
        rule.arguments = later.arguments.map { argument in
            arguments.first { $0.path == argument.path }?.joined(with: argument, isFree: isFree) ?? argument
        }
        rule.arguments += arguments.filter { old in !later.arguments.contains { $0.path == old.path } }
        if isFree {
            // A closed read may be sent what its rule does not list, without a bound.
            let listed = Set(arguments.map(\.path))
            for index in rule.arguments.indices where !listed.contains(rule.arguments[index].path) {
                rule.arguments[index].maximumLength = nil
                rule.arguments[index].maximumItems = nil
                rule.arguments[index].isBinding = false
            }
        }
        // What only some of the calls sent cannot be required of all.
        let both = Set(arguments.map(\.path)).intersection(later.arguments.map(\.path))
        for index in rule.arguments.indices where !both.contains(rule.arguments[index].path) {
            rule.arguments[index].required = false
        }
        rule.support = Support(
            calls: max(support.calls, later.support.calls),
            sessions: max(support.sessions, later.support.sessions),
            tasks: max(support.tasks, later.support.tasks),
            days: max(support.days, later.support.days),
            principals: max(support.principals, later.support.principals)
        )
        rule.warnings += warnings.filter { old in
            !later.warnings.contains { $0.code == old.code && $0.path == old.path }
        }
        return rule
    }
}
