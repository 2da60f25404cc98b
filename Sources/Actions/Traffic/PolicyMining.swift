package import Behaviour
import Core
import Inspection
package import Policies
import Traffic

/// Mining as commands and actions do it: what the miner proposes, without the credentials that recordings may hold.
package enum PolicyMining {
    /// A recording that nobody imported still has its credentials in the clear; none of them becomes part of a policy.
    ///
    /// - Parameters:
    ///   - profile: What was seen.
    ///   - name: Of the policy.
    ///   - scope: Of its rules.
    ///   - isUnproven: Whether somebody named the profile as a file, so that the policy says so to whoever approves it.
    /// - Returns: The proposal, each mined rule with its mark.
    package static func propose(
        _ profile: Profile,
        name: String,
        scope: Policy.Scope = .agent,
        isUnproven: Bool = false
    ) -> Proposal {
        var proposal = Miner().mine(profile, name: name, scope: scope)
        for index in proposal.policy.rules.indices { strip(&proposal.policy.rules[index]) }
        for index in proposal.alternatives.indices {
            strip(&proposal.alternatives[index].chosen.rule)
            if var rule = proposal.alternatives[index].tighter?.rule {
                strip(&rule)
                proposal.alternatives[index].tighter?.rule = rule
            }
            if var rule = proposal.alternatives[index].looser?.rule {
                strip(&rule)
                proposal.alternatives[index].looser?.rule = rule
            }
        }
        for index in proposal.review.indices {
            let path = proposal.review[index].path
            proposal.review[index].values.removeAll { isSecret($0, at: path ?? "") }
        }
        proposal.policy = proposal.policy.markedAsMined
        if isUnproven { proposal.policy.unprovenProfile = proposal.profile }
        return proposal
    }

    private static func strip(_ rule: inout Rule) {
        for index in rule.arguments.indices where strip(&rule.arguments[index]) {
            let path = rule.arguments[index].path
            rule.warnings.append(
                Warning(
                    code: "secret",
                    path: path,
                    detail: "credentials recorded in the clear are not written here: import the recording first"
                )
            )
        }
    }

    @discardableResult
    private static func strip(_ rule: inout ArgumentRule) -> Bool {
        let path = rule.path
        let count = rule.values.count
        rule.values.removeAll { isSecret($0, at: path) }
        return rule.values.count < count
    }

    private static func isSecret(_ value: CanonicalValue, at path: String) -> Bool {
        switch value.valueClass {
        case .token, .short, .free, .number, .path, .secret: break
        case .email, .url, .account, .phone, .date, .boolean, .empty: return false
        }
        let name = path.split(separator: "/").last { $0 != "*" }.map(String.init)
        return Credentials.tokenise(value.text, named: name) { _ in "" } != nil
    }
}
