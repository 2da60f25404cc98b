import Behaviour
import Core
import Policies
import Traffic

extension Policy {
    /// Whether people forbade what a bound is about, or took its rule out of force: nothing is missing from it then.
    func isTakenAway(_ sufficiency: Sufficiency) -> Bool {
        guard let rule = rules.first(where: { $0.id == sufficiency.rule }) else { return true }
        if rule.effect == .forbid || rule.mode == .shadow { return true }
        return rules.contains { forbid in
            guard forbid.effect == .forbid, forbid.agent == rule.agent || forbid.agent == "*", forbid.tool == rule.tool,
                forbid.task == nil || forbid.task == rule.task, forbid.condition == nil, forbid.windows.isEmpty,
                forbid.expires == nil, forbid.maximumCalls == nil
            else { return false }
            // A forbid about an argument as a whole takes every call with it; where the rule needs it, that is all calls.
            return forbid.arguments.allSatisfy { argument in
                argument.values.isEmpty
                    && (argument.path == sufficiency.path
                        || rule.arguments.contains { $0.path == argument.path && $0.required })
            }
        }
    }
}

extension [Sufficiency] {
    /// So many are named.
    private static var most: Int { 3 }

    /// The arguments that a new session is most likely to be denied for, in a clause; what causes a high bound, and what of it
    /// more sessions mend.
    var weakest: String {
        let ordered = sorted { left, right in
            left.upperBound != right.upperBound
                ? left.upperBound > right.upperBound
                : (left.rule, left.path) < (right.rule, right.path)
        }
        let named = ordered.prefix(Self.most).map { sufficiency in
            let bound = (sufficiency.upperBound * 1_000).rounded(.up) / 1_000
            let sessions = counted(sufficiency.sessions.units, "session")
            let more =
                switch sufficiency.moreSessions {
                case nil: ", more sessions like these do not lower it"
                case 0?: ""
                case let more?: ", about \(more) more that use it would do"
                }
            return "\(sufficiency.rule) \(sufficiency.path) up to \(bound) (\(sessions)\(more))"
        }
        let rest = count - named.count
        return named.isEmpty
            ? "none, nothing was measured"
            : named.joined(separator: "; ") + (rest > 0 ? "; \(rest) more are no higher" : "")
    }
}
