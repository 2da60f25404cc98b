import Traffic

/// An argument's rule with everything hashed that a decision looks up.
final class CompiledArgument: Sendable {
    let rule: ArgumentRule
    let values: Set<String>
    /// Parties among the values, as a forbid finds them in any spelling.
    private let parties: ForbiddenIdentities
    let domains: Set<String>
    let fields: Set<ResultField>
    let texts: Set<ServerTool>
    let patterns: [Wildcard]
    let open: Set<ValueClass>
    let own: Set<ValueClass>
    let hasBounds: Bool

    init(_ rule: ArgumentRule) {
        self.rule = rule
        // A value's class follows from its text, but for numbers that were sent as text.
        // People write identities as they find them, and calls hold them in canonical form.
        let respelled = rule.values.lazy.filter(\.valueClass.isIdentity).map { CanonicalValue(text: $0.text) }
        values = Set(rule.values.map(\.text)).union(respelled.filter(\.valueClass.isIdentity).map(\.text))
        parties = ForbiddenIdentities(rule.values)
        domains = Set(rule.domains)
        fields = Set(rule.fromFields)
        texts = Set(rule.fromTexts)
        patterns = rule.patterns.map(Wildcard.init)
        self.open = Set(rule.open)
        own = Set(rule.own)
        hasBounds = rule.minimum != nil || rule.maximum != nil
    }

    func isWithinBounds(_ number: Double) -> Bool {
        guard hasBounds, number.isFinite else { return false }
        if let minimum = rule.minimum, !(number >= minimum) { return false }
        if let maximum = rule.maximum, !(number <= maximum) { return false }
        return true
    }

    /// Whether true or false may stand here: where it is listed, where it was seen, and where the rule has no ways at all.
    ///
    /// Anywhere else `true` would pass for any code or amount in a server that compares loosely.
    func admitsTruth(_ value: CanonicalValue) -> Bool {
        values.contains(value.text) || open.contains(.boolean) || isWayless
    }

    private var isWayless: Bool {
        isBare && open.isEmpty && own.isEmpty && fields.isEmpty && texts.isEmpty && !rule.fromPrompt
            && !rule.fromAnyRead
    }

    /// Whether a pattern admits the value, as it is and however a server may read it.
    func matchesPattern(_ value: CanonicalValue) -> Bool {
        if patterns.isEmpty { return false }
        let spelling = PathSpelling(value.text)
        return !spelling.mayClimb && !spelling.hasControls && patterns.contains { $0.matches(value.text) }
    }

    /// Whether the rule says where a closed read may look, and the value is a place.
    func bindsPlace(_ value: CanonicalValue) -> Bool {
        if patterns.isEmpty { return false }
        switch value.valueClass {
        case .path, .url: return true
        case .email, .account, .phone, .date, .number, .boolean, .empty, .secret: return false
        case .token, .short, .free:
            return value.text.hasPrefix("~")
                || value.text.utf8.contains { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }
        }
    }

    /// Whether a pattern means the value in any reading of it; a path that may climb can mean anything.
    private func isMeant(_ value: CanonicalValue) -> Bool {
        if patterns.isEmpty { return false }
        let spelling = PathSpelling(value.text)
        if spelling.mayClimb { return true }
        return ([value.text] + spelling.readings).contains { text in patterns.contains { $0.matches(text) } }
    }

    /// Whether the value is among what a forbid names.
    func forbids(_ leaf: ObservedLeaf) -> Bool {
        if names(leaf.value) { return true }
        if let number = leaf.number, isWithinBounds(number) { return true }
        return leaf.entities.contains { names($0.value) }
    }

    private func names(_ value: CanonicalValue) -> Bool {
        if values.contains(value.text) || isMeant(value) { return true }
        let plain = value.plainSpelling
        if let plain, values.contains(plain.text) { return true }
        if parties.areNamed(in: value.text) { return true }
        guard !domains.isEmpty, value.valueClass == .email || value.valueClass == .url else { return false }
        // A host that cannot be told might be the forbidden one.
        return Hosts.named(by: plain ?? value).map { Hosts.isHost($0, in: domains) } ?? true
    }

    /// Whether the ways are none: the tool is then forbidden wherever the argument is sent.
    var isBare: Bool { values.isEmpty && domains.isEmpty && patterns.isEmpty && !hasBounds }
}
