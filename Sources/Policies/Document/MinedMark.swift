import Core
import Documents

/// How a policy shows what of it people changed by hand.
///
/// Whoever edits a mined rule leaves no name. The miner therefore writes beside each rule a digest of what it mined
/// (`as-mined`), and one for whom its agents know and which rules there are. Where it does not fit any more, or is not there,
/// a person has been at it. It proves nothing against somebody who wants to deceive; what proves is the approval.
extension Rule {
    /// The first 64 bits of a digest over what a miner decides about a rule.
    ///
    /// Who owns it, its mode, end, hours and condition are people's in any case, and support and warnings decide nothing.
    package var minedDigest: String {
        var rule = self
        (rule.owner, rule.mode, rule.expires, rule.windows, rule.condition) = (nil, .enforce, nil, [], nil)
        (rule.origin, rule.support, rule.warnings, rule.reviewed, rule.mark) = (.mined, Support(), [], [], nil)
        return PolicyMark.digest(of: PolicyWriter.rule(rule.sorted))
    }

    /// Whether a person wrote the rule, decided about it in a review, or changed what was mined by hand.
    ///
    /// In doubt it is a person's.
    package var isDecidedByPeople: Bool { origin == .written || !reviewed.isEmpty || mark != minedDigest }
}

extension Policy {
    /// As of a rule: of whom agents know, what they may read unseen, and which rules were mined.
    package var minedDigest: String {
        let policy = Policy(name: "", scope: .agent, unseenReads: unseenReads, known: known).sorted
        let ids = rules.filter { $0.origin == .mined }.map(\.id).sorted()
        let node = YAMLNode.list([PolicyWriter.node(policy)] + ids.map { .value(.string($0)) })
        return PolicyMark.digest(of: node)
    }

    /// Whether a person took a mined rule away, or changed whom an agent knows.
    package var isReducedByPeople: Bool {
        let hasMined = !known.isEmpty || !unseenReads.isEmpty || rules.contains { $0.origin == .mined }
        return mark == nil ? hasMined : mark != minedDigest
    }

    /// The policy as a miner hands it over, with what shows later changes.
    package var markedAsMined: Policy {
        var policy = self
        for index in rules.indices where rules[index].origin == .mined {
            policy.rules[index].mark = rules[index].minedDigest
        }
        policy.mark = policy.minedDigest
        return policy
    }
}

enum PolicyMark {
    static func digest(of node: YAMLNode) -> String {
        String(Digest.sha256(Array(YAMLWriter.write(node).utf8)).hex.prefix(16))
    }
}
