package import Traffic

/// A call that one policy denies and a suggested one does not: a reason to open something.
package struct NeededCall: Sendable {
    package var call: ObservedCall
    package var context: DecisionContext

    package init(_ call: ObservedCall, context: DecisionContext) {
        self.call = call
        self.context = context
    }
}

extension Policy {
    /// This suggestion without what it opens further than an earlier policy and none of the calls needs.
    ///
    /// Mining anew draws its lines anew, and a line that is drawn elsewhere is no reason to allow more. Each change is taken
    /// back on trial, and stays away where all of the calls still pass without it. Of an argument whose ways were also
    /// narrowed all changes go together: what passed before must not be refused because half of them went.
    package func opening(_ old: Policy, onlyFor calls: [NeededCall]) -> Policy {
        var policy = self
        let changes = PolicyDifference(from: old, to: self).changes.filter { $0.direction != .tighter }
        let narrowed = Set(
            PolicyDifference(from: old, to: self).changes.lazy.filter { $0.direction == .tighter }.map(Place.init)
        )
        for change in changes {
            var trial = policy
            trial.takeBack(change, to: old, wholly: narrowed.contains(Place(change)))
            if trial == policy { continue }
            let concerned = calls.filter { change.tool == nil || change.tool == $0.call.tool }
            if !concerned.isEmpty {
                let compiled = CompiledPolicy(trial.inForce)
                guard concerned.allSatisfy({ compiled.decide($0.call, context: $0.context).verdict != .deny }) else {
                    continue
                }
            }
            policy = trial
        }
        return policy
    }

    /// Every rule in force: what the policy says, not what is switched on.
    package var inForce: Policy {
        var policy = self
        for index in policy.rules.indices { policy.rules[index].mode = .enforce }
        return policy
    }

    private struct Place: Hashable {
        var rule: String?
        var argument: String?

        init(_ change: PolicyDifference.Change) {
            rule = change.rule
            argument = change.argument
        }
    }

    /// Takes one change back, as far as it opens something.
    private mutating func takeBack(_ change: PolicyDifference.Change, to old: Policy, wholly: Bool) {
        switch change.what {
        case "known-added": return takeBackParties(change, to: old)
        case "unseen-reads-added":
            unseenReads.removeAll { $0.agent == change.agent && !old.unseenReads.contains($0) }
            return
        default: break
        }
        guard let index = rules.firstIndex(where: { $0.id == change.rule && $0.tool == change.tool }),
            rules[index].origin == .mined
        else { return }
        guard let earlier = old.rules.first(where: { $0.isTheSame(as: rules[index]) }) else {
            if change.what == "rule-added" { rules.remove(at: index) }
            return
        }
        guard let path = change.argument else { return rules[index].takeBack(change.what, to: earlier) }
        let place = rules[index].arguments.firstIndex { $0.path == path }
        guard let before = earlier.arguments.first(where: { $0.path == path }) else {
            if let place { rules[index].arguments.remove(at: place) }
            return
        }
        guard let place else { return rules[index].arguments.append(before) }
        if wholly {
            rules[index].arguments[place] = before
        } else {
            rules[index].arguments[place].takeBack(change.what, to: before)
        }
    }

    private mutating func takeBackParties(_ change: PolicyDifference.Change, to old: Policy) {
        let before = old.known.filter { $0.agent == change.agent && $0.task == change.task }
        for index in known.indices where known[index].agent == change.agent && known[index].task == change.task {
            known[index].identities.removeAll { value in !before.contains { $0.identities.contains(value) } }
            known[index].hosts.removeAll { host in !before.contains { $0.hosts.contains(host) } }
            known[index].domains.removeAll { domain in !before.contains { $0.domains.contains(domain) } }
        }
    }
}

extension Rule {
    fileprivate mutating func takeBack(_ what: String, to old: Rule) {
        switch what {
        case "effect": effect = old.effect
        case "mode": mode = old.mode
        case "tier": tier = old.tier
        case "definition": definition = old.definition
        case "condition": condition = old.condition
        case "hours": windows = old.windows
        case "expires": expires = old.expires
        case "most-calls": maximumCalls = old.maximumCalls
        case "relations-removed": relations += old.relations.filter { !relations.contains($0) }
        default: break
        }
    }
}

extension ArgumentRule {
    fileprivate mutating func takeBack(_ what: String, to old: ArgumentRule) {
        switch what {
        case "values-added": values.removeAll { !old.values.contains($0) }
        case "sources-added":
            fromPrompt = fromPrompt && old.fromPrompt
            fromAnyRead = fromAnyRead && old.fromAnyRead
            fromFields.removeAll { !old.fromFields.contains($0) }
            fromTexts.removeAll { !old.fromTexts.contains($0) }
        case "domains-added": domains.removeAll { !old.domains.contains($0) }
        case "patterns-added": patterns.removeAll { !old.patterns.contains($0) }
        case "classes-added":
            open.removeAll { !old.open.contains($0) }
            own.removeAll { !old.own.contains($0) }
        case "required": required = old.required
        case "strict": isBinding = old.isBinding
        case "bounds": (minimum, maximum) = (old.minimum, old.maximum)
        case "length": maximumLength = old.maximumLength
        case "items": maximumItems = old.maximumItems
        default: break
        }
    }
}
