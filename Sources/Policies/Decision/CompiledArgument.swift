import Traffic

/// An argument's rule with everything hashed that a decision looks up.
final class CompiledArgument: Sendable {
    let rule: ArgumentRule
    let values: Set<String>
    let domains: Set<String>
    let fields: Set<ResultField>
    let texts: Set<ServerTool>
    let patterns: [Wildcard]
    let open: Set<ValueClass>
    let hasBounds: Bool

    init(_ rule: ArgumentRule) {
        self.rule = rule
        // A value's class follows from its text, but for numbers that were sent as text.
        values = Set(rule.values.map(\.text))
        domains = Set(rule.domains)
        fields = Set(rule.fromFields)
        texts = Set(rule.fromTexts)
        patterns = rule.patterns.map(Wildcard.init)
        open = Set(rule.open)
        hasBounds = rule.minimum != nil || rule.maximum != nil
    }

    func isWithinBounds(_ number: Double) -> Bool {
        guard hasBounds, number.isFinite else { return false }
        if let minimum = rule.minimum, !(number >= minimum) { return false }
        if let maximum = rule.maximum, !(number <= maximum) { return false }
        return true
    }

    /// A path that climbs can mean anything: no pattern admits it, and every pattern forbids it.
    func matchesPattern(_ value: CanonicalValue, whenClimbing: Bool) -> Bool {
        if patterns.isEmpty { return false }
        if value.valueClass == .path || value.valueClass == .url, climbs(value.text) { return whenClimbing }
        return patterns.contains { $0.matches(value.text) }
    }

    private func climbs(_ text: String) -> Bool {
        text.utf8.split { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "\\") }.contains { $0.elementsEqual("..".utf8) }
    }

    /// Whether the value is among what a forbid names.
    func forbids(_ leaf: ObservedLeaf) -> Bool {
        if names(leaf.value) { return true }
        if let number = leaf.number, isWithinBounds(number) { return true }
        return leaf.entities.contains { names($0.value) }
    }

    private func names(_ value: CanonicalValue) -> Bool {
        if values.contains(value.text) || matchesPattern(value, whenClimbing: true) { return true }
        guard !domains.isEmpty, value.valueClass == .email || value.valueClass == .url else { return false }
        // A host that cannot be told might be the forbidden one.
        return Hosts.host(of: value).map { Hosts.isHost($0, in: domains) } ?? true
    }

    /// Whether the ways are none: the tool is then forbidden wherever the argument is sent.
    var isBare: Bool { values.isEmpty && domains.isEmpty && patterns.isEmpty && !hasBounds }
}
