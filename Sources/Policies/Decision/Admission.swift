import Traffic

/// What a rule needs to know beyond itself: whom the policy knows, and how far other tools can be trusted.
struct Surroundings {
    let policy: CompiledPolicy
    /// The agent under its names, `CompiledPolicy.nobody` for a name that the policy has not.
    let agents: (Int32, Int32, Int32)
    let task: Int32

    func knows(where test: (CompiledPolicy.Parties) -> Bool) -> Bool {
        knows(agents.0, test) || knows(agents.1, test) || knows(agents.2, test)
    }

    private func knows(_ agent: Int32, _ test: (CompiledPolicy.Parties) -> Bool) -> Bool {
        if agent == CompiledPolicy.nobody { return false }
        if task > 0, let parties = policy.parties(agent, task: task), test(parties) { return true }
        return policy.parties(agent, task: 0).map(test) ?? false
    }

    func tier(of tool: ServerTool) -> ToolTier? { policy.tier(of: tool) }

    func isClosedRead(_ tool: ServerTool) -> Bool { tier(of: tool) == .read }
}

extension CompiledRule {
    /// An address, page or account that is a whole argument.
    func admits(identity leaf: ObservedLeaf, _ argument: CompiledArgument, _ surroundings: Surroundings) -> Bool {
        let value = leaf.value
        let provenance = leaf.provenance
        if argument.values.contains(value.text) { return true }
        if argument.rule.fromPrompt, provenance.prompt == .exact { return true }
        if isFromField(provenance, argument, surroundings) || argument.matchesPattern(value) {
            return true
        }
        guard value.valueClass != .account, let host = Hosts.host(of: value) else { return false }
        if Hosts.isHost(host, in: argument.domains) { return true }
        switch value.valueClass {
        // The request named the site, or the agent deals with it: its pages may be visited, and its people written to.
        case .url where rule.tier != .openRead: return false
        case .email where Hosts.isShared(host): return false
        default: break
        }
        if argument.rule.fromPrompt, provenance.prompt == .host { return true }
        return surroundings.knows { $0.hosts.contains(host) }
    }

    /// Anything else that is a whole argument.
    ///
    /// With `isPartial` not all earlier results are known, and what seems composed may stand in one of them.
    func admits(
        _ leaf: ObservedLeaf,
        _ argument: CompiledArgument,
        isPartial: Bool,
        _ surroundings: Surroundings
    ) -> Bool {
        let kind = leaf.value.valueClass
        let provenance = leaf.provenance
        if argument.values.contains(leaf.value.text) { return true }
        if argument.rule.fromPrompt, provenance.prompt == .exact { return true }
        if kind == .number {
            if let number = leaf.number, argument.isWithinBounds(number) { return true }
            if argument.rule.fromAnyRead, !provenance.fields.isEmpty { return true }
        }
        if isFromField(provenance, argument, isSecret: kind == .secret, surroundings)
            || argument.matchesPattern(leaf.value)
        {
            return true
        }
        if !argument.texts.isEmpty, provenance.texts.contains(where: { argument.texts.contains($0) }) { return true }
        if argument.own.contains(kind), provenance.texts.isEmpty, !isPartial { return true }
        guard argument.open.contains(kind) else { return false }
        if kind == .date || kind == .free || (provenance.texts.isEmpty && !isPartial) { return true }
        // The agent's own words: a single word that also stands in a text, or a few that do, are no trace of it.
        if kind == .short { return leaf.words < 4 }
        if kind == .token, Self.isWord(leaf.value.text) { return true }
        guard !isPartial, kind == .token || kind == .path || kind == .secret else { return false }
        return provenance.texts.allSatisfy { tool in
            switch surroundings.tier(of: tool) {
            case .write?, .destructive?: true
            default: false
            }
        }
    }

    /// An identity that a text names.
    func admits(
        _ entity: ObservedEntity,
        _ argument: CompiledArgument,
        isFree: Bool,
        _ call: ObservedCall,
        _ surroundings: Surroundings
    ) -> Bool {
        let value = entity.value
        let provenance = entity.provenance
        let mayAsk = isFree || argument.rule.fromPrompt
        if mayAsk, provenance.prompt == .exact { return true }
        if argument.values.contains(value.text) || surroundings.knows(where: { $0.identities.contains(value) }) {
            return true
        }
        if provenance.fields.contains(where: { surroundings.isClosedRead($0.tool) }) { return true }
        // Any identity that stands as an argument of this call was admitted before the texts are looked at.
        if !isFree, call.leaves.contains(where: { $0.value.valueClass.isIdentity && $0.value.text == value.text }) {
            return true
        }
        guard value.valueClass != .account, let host = Hosts.host(of: value) else { return false }
        if Hosts.isHost(host, in: argument.domains) { return true }
        if surroundings.knows(where: { Hosts.isHost(host, in: $0.domains) }) { return true }
        if !Hosts.isShared(host) {
            if mayAsk, provenance.prompt == .host { return true }
            if surroundings.knows(where: { $0.hosts.contains(host) }) { return true }
        }
        guard !isFree, value.valueClass == .url else { return false }
        return call.leaves.contains { leaf in
            leaf.value.valueClass == .email
                && (Hosts.host(of: leaf.value).map { !Hosts.isShared($0) && Hosts.isSameSite($0, host) } ?? false)
        }
    }

    private func isFromField(
        _ provenance: Provenance,
        _ argument: CompiledArgument,
        isSecret: Bool = false,
        _ surroundings: Surroundings
    ) -> Bool {
        if provenance.fields.isEmpty { return false }
        if !argument.fields.isEmpty, provenance.fields.contains(where: { argument.fields.contains($0) }) { return true }
        // A credential goes where it is known to go, not wherever something read may.
        guard argument.rule.fromAnyRead, !isSecret else { return false }
        // A result that is one bare value has no field: it is a text.
        return provenance.fields.contains { !$0.field.isEmpty && surroundings.isClosedRead($0.tool) }
    }

    private static func isWord(_ text: String) -> Bool {
        var count = 0
        for scalar in text.unicodeScalars {
            count += 1
            guard count <= 20, scalar == "_" || scalar.properties.isAlphabetic else { return false }
        }
        return count > 0
    }
}
