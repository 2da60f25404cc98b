import Core
import Policies
import Traffic

/// What becomes of a decision, and what is written about it.
extension Judge {
    /// What becomes of a decision in this mode, and what is written about it.
    mutating func settle(_ use: PendingCall.Use, _ decision: Decision?) -> Verdict {
        if let decision, isCanary { return settle(canary: use, decision) }
        guard let decision else {
            shared.counters.count(.allowed)
            passage.entries.append((entry(use, nil, "allow"), isDurable(use)))
            return .passes
        }
        // A forbid beats everything in every mode but record.
        let counts = isEnforced || decision.reason == "forbidden"
        guard counts, decision.verdict != .allow else {
            shared.counters.count(decision.verdict == .allow ? .allowed : .shadowed)
            passage.entries.append((entry(use, decision, "allow"), isDurable(use)))
            return .passes
        }
        if decision.verdict == .ask {
            switch ask(use, decision) {
            case .granted:
                shared.counters.count(.allowed)
                passage.entries.append((entry(use, decision, "allow"), true))
                return .passes
            case .asked(let id):
                shared.counters.count(.asked)
                passage.entries.append((entry(use, decision, "ask"), false))
                return .denied(.asked(id: id))
            case .denied: break
            }
        }
        shared.counters.count(.denied)
        passage.entries.append((entry(use, decision, "deny"), false))
        return .denied(.denied(reason: decision.reason, argument: decision.argument))
    }

    /// What the policy does not allow is denied to a canary in every mode, and nobody is asked.
    private mutating func settle(canary use: PendingCall.Use, _ decision: Decision) -> Verdict {
        shared.counters.count(.canaries)
        guard decision.verdict == .allow else {
            passage.entries.append((entry(use, decision, "deny"), false))
            return .denied(.denied(reason: decision.reason, argument: decision.argument))
        }
        guard caller.canary == .sent else {
            passage.entries.append((entry(use, decision, "held"), false))
            return .denied(.held)
        }
        passage.entries.append((entry(use, decision, "allow"), isDurable(use)))
        return .passes
    }

    /// Whether nothing is forwarded before it is on disk.
    private func isDurable(_ use: PendingCall.Use) -> Bool { isMoreThanReading(use.observed) }

    /// Whether what is done can be more than reading.
    ///
    /// What the policy says about a tool counts more than what its name suggests.
    func isMoreThanReading(_ call: ObservedCall) -> Bool {
        (settings.policy?.declaredTier(of: call.tool) ?? call.tier) > .openRead
    }

    private func ask(_ use: PendingCall.Use, _ decision: Decision) -> Asks.Outcome {
        // What nobody can look at nobody can allow.
        guard let shown = ShownArguments.text(use.record.arguments) else { return .denied }
        let canonical = JSON.canonical(.object(use.record.arguments))
        return shared.asks.outcome(
            principal: caller.principal.id,
            server: route.server,
            tool: use.record.tool,
            arguments: .sha256(canonical),
            shown: shown,
            rule: decision.rule,
            at: now
        )
    }

    private func entry(_ use: PendingCall.Use, _ decision: Decision?, _ effective: String) -> [UInt8] {
        DecisionEntry(
            gateway: settings.configuration.id,
            record: use.record,
            decision: decision,
            effective: effective,
            policy: settings.policyName,
            mode: mode,
            isCanary: isCanary
        ).bytes
    }
}
