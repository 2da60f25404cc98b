extension Policy {
    /// This policy, mined anew, with everything that people decided in the one before.
    ///
    /// Rules that people wrote stay as they are. A mined rule that was there before keeps its owner, mode, expiry, hours
    /// and condition: traffic says nothing about them.
    package func keepingWhatPeopleWrote(in old: Policy) -> Policy {
        var policy = self
        policy.owners = old.owners
        let written = old.rules.filter { $0.origin == .written }
        let taken = Set(written.map(\.id))
        let before = Dictionary(
            old.rules.filter { $0.origin == .mined }.map { ($0.id, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        policy.rules = policy.rules.filter { !taken.contains($0.id) }.map { rule in
            guard let earlier = before[rule.id], earlier.tool == rule.tool, earlier.agent == rule.agent,
                earlier.task == rule.task
            else { return rule }
            var rule = rule
            rule.owner = earlier.owner
            rule.mode = earlier.mode
            rule.expires = earlier.expires
            rule.windows = earlier.windows
            rule.condition = earlier.condition
            if earlier.effect != .allow { rule.effect = earlier.effect }
            return rule
        }
        policy.rules += written
        return policy
    }
}
