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
