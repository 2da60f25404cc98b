package import Traffic

/// Why a call was decided as it was, for a person who asks.
///
/// Says which class the value had and where it came from, not the value itself, and what the rule allows only when
/// that is asked for: whoever sees a refusal must not learn from it what would pass.
package struct Explanation: Sendable {
    package var decision: Decision
    package var rule: Rule?
    /// The class and provenance of what failed.
    package var found: Found?
    /// The rule of the argument widened by the one step that would have admitted the value, if there is one.
    package var wider: ArgumentRule?
    /// That step in words.
    package var step: String?
    /// What the argument may be; empty unless asked for.
    package var allowed: [String]

    package struct Found: Sendable, Hashable {
        package var valueClass: ValueClass
        package var provenance: Provenance
        /// Whether it is an identity inside a longer text.
        package var isInText: Bool
    }

    /// For a terminal, a sentence a line.
    package var lines: [String] {
        var lines = ["\(decision.verdict.rawValue): \(decision.reason)"]
        if let rule { lines.append("rule \(rule.id): \(rule.agent) on \(rule.tool)") }
        if let argument = decision.argument { lines.append("argument \(argument)") }
        if let found {
            let what = found.isInText ? "a text that names a value" : "a value"
            lines.append("the call had \(what) of class \(found.valueClass.rawValue), \(found.provenance.words)")
        }
        if let step { lines.append("one step wider: \(step)") }
        return lines + allowed.map { "allowed: \($0)" }
    }
}

extension CompiledPolicy {
    /// Decides about the call and says why.
    package func explain(
        _ call: ObservedCall,
        context: DecisionContext = DecisionContext(),
        showsAllowed: Bool = false
    ) -> Explanation {
        let decision = decide(call, context: context)
        let rule = decision.rule.flatMap { id in policy.rules.first { $0.id == id } }
        var explanation = Explanation(decision: decision, rule: rule, allowed: [])
        guard let rule, decision.verdict == .deny, rule.effect != .forbid, let path = decision.argument else {
            return explanation
        }
        let compiled = CompiledRule(rule)
        guard let fault = compiled.firstFault(call, surroundings(call, task: call.task, context)),
            fault.argument == path
        else { return explanation }
        let argument = rule.arguments.first { $0.path == path }
        if let entity = fault.entity {
            explanation.found = Explanation.Found(
                valueClass: entity.value.valueClass,
                provenance: entity.provenance,
                isInText: true
            )
        } else if let leaf = fault.leaf {
            explanation.found = Explanation.Found(
                valueClass: leaf.value.valueClass,
                provenance: leaf.provenance,
                isInText: false
            )
        }
        (explanation.wider, explanation.step) = Widening(argument ?? ArgumentRule(path: path), call).step(for: fault)
        if showsAllowed, let argument { explanation.allowed = argument.phrases }
        return explanation
    }
}

/// The smallest change to an argument's rule that would admit what failed.
private struct Widening {
    private let argument: ArgumentRule
    private let call: ObservedCall

    init(_ argument: ArgumentRule, _ call: ObservedCall) {
        self.argument = argument
        self.call = call
    }

    func step(for fault: CompiledRule.Fault) -> (ArgumentRule?, String?) {
        var wider = argument
        switch fault.reason {
        case "missing-argument":
            wider.required = false
            return (wider, "the argument may be left out")
        case "items":
            let count = call.listLengths[fault.argument] ?? 0
            wider.maximumItems = count
            return (wider, "most-items: \(count)")
        case "length":
            let length = fault.leaf?.length ?? 0
            wider.maximumLength = length
            return (wider, "longest: \(length)")
        case "entity":
            guard let entity = fault.entity else { return (nil, nil) }
            wider.values.append(entity.value)
            return (wider, "the party is named under values, or known to the agent")
        case "relation": return (nil, "the rule without that relation between its arguments")
        default: break
        }
        guard let leaf = fault.leaf else { return (nil, nil) }
        if fault.reason == "number", let number = leaf.number {
            if let minimum = wider.minimum, number < minimum { wider.minimum = number }
            if let maximum = wider.maximum, number > maximum { wider.maximum = number }
            return (wider, "bounds that reach the number")
        }
        let source = leaf.provenance
        // True and false are never told by where they come from.
        if leaf.value.valueClass == .boolean {
            wider.values.append(leaf.value)
            return (wider, "the value is named under values")
        }
        if source.prompt == .exact {
            wider.fromPrompt = true
            return (wider, "from: \(Phrases.request)")
        }
        if let field = source.fields.min() {
            wider.fromFields.append(field)
            return (wider, "from: \(Phrases.field(field))")
        }
        let kind = leaf.value.valueClass
        if kind.isIdentity {
            wider.values.append(leaf.value)
            let doubt = source.isTextOnly ? "; it is known from free text only, as injected instructions are" : ""
            return (wider, "the value is named under values\(doubt)")
        }
        if let tool = source.texts.min() {
            wider.fromTexts.append(tool)
            return (wider, "from: \(Phrases.text(of: tool))")
        }
        wider.open.append(kind)
        return (wider, "composed: \(kind.rawValue)")
    }
}

extension Provenance {
    /// Where a value came from, in words.
    fileprivate var words: String {
        var parts: [String] = []
        switch prompt {
        case .exact: parts.append("named by the request")
        case .host: parts.append("at a host that the request names")
        case .none: break
        }
        parts += fields.sorted().map { "equal to " + Phrases.field($0) }
        if fields.isEmpty { parts += texts.sorted().map { "found in the " + Phrases.text(of: $0) } }
        return parts.isEmpty ? "from nowhere that was seen" : parts.joined(separator: ", ")
    }
}

extension ArgumentRule {
    /// What passes, a phrase each.
    var phrases: [String] {
        var phrases = values.map { "\($0.valueClass.rawValue) \($0.text)" }
        if fromPrompt { phrases.append("what \(Phrases.request) names") }
        if fromAnyRead { phrases.append(Phrases.anyRead) }
        phrases += fromFields.map(Phrases.field) + fromTexts.map(Phrases.text(of:))
        phrases += domains.map { "anything at \($0)" } + patterns.map { "what matches \($0)" }
        if let minimum { phrases.append("numbers from \(minimum)") }
        if let maximum { phrases.append("numbers up to \(maximum)") }
        phrases += open.map { "composed \($0.rawValue)" } + own.map { "composed \($0.rawValue) that no result shows" }
        return phrases
    }
}
