package import Traffic

/// Why a call was decided as it was, for a person who asks.
///
/// Says which class a value had and where it came from, not the value itself, and what the rule allows only when
/// that is asked for: whoever sees a refusal must not learn from it what would pass.
package struct Explanation: Sendable {
    package var decision: Decision
    package var rule: Rule?
    /// The class and provenance of what failed.
    package var found: Found?
    /// The rules that would allow the call, or ask about it, each widened by as little as that takes.
    ///
    /// Empty where no change to the arguments of a rule would: no rule is about the tool, or it is forbidden.
    package var wider: [Rule] = []
    /// Those changes one by one, in the order in which the call would meet them.
    package var steps: [WideningStep] = []
    /// By what each argument of an allowed call passed.
    package var passed: [Passed] = []
    /// What the argument may be, or each argument where the call was allowed; empty unless asked for.
    package var allowed: [String] = []

    package struct Found: Sendable, Hashable {
        package var valueClass: ValueClass
        package var provenance: Provenance
        /// Whether it is an identity inside a longer text.
        package var isInText: Bool

        /// A clause that does not say the value.
        package var words: String {
            let what = isInText ? "a text that names a value" : "a value"
            return "the call had \(what) of class \(valueClass.rawValue), \(provenance.words)"
        }
    }

    package struct Passed: Sendable, Hashable {
        package var argument: String
        package var valueClass: ValueClass
        /// Each of them alone would have let the value pass.
        package var ways: [String]
    }

    /// For a terminal, a sentence a line.
    package var lines: [String] {
        var lines = ["\(decision.verdict.rawValue): \(decision.reason)"]
        if let rule { lines.append("rule \(rule.id): \(rule.agent) on \(rule.tool)") }
        if let argument = decision.argument { lines.append("argument \(argument.argumentName)") }
        if let found {
            lines.append(found.words)
        }
        if steps.count > 1 { lines.append("\(steps.count) steps wider:") }
        for step in steps {
            lines.append(steps.count == 1 ? "one step wider: \(step.line)" : "  \(sentence(step))")
            if let warning = step.warning { lines.append((steps.count == 1 ? "  " : "    ") + warning) }
        }
        if decision.verdict == .deny, steps.isEmpty, let remedy { lines.append(remedy) }
        lines += passed.map { passed in
            "argument \(passed.argument.argumentName), of class \(passed.valueClass.rawValue), passed: "
                + passed.ways.joined(separator: "; or ")
        }
        return lines + allowed.map { "allowed: \($0)" }
    }

    /// A step with its argument, unless that is the first one and was named before.
    package func sentence(_ step: WideningStep) -> String {
        let isFirst = step == steps.first && step.argument == decision.argument
        return isFirst ? step.line : "\(step.argument.argumentName): \(step.line)"
    }

    /// What a person can do about a refusal that no argument caused.
    private var remedy: String? {
        switch decision.reason {
        case "no-rule": "no rule is about this agent"
        case "unseen-tool": "no rule of this agent is about the tool"
        case "forbidden": "a forbid wins over whatever allows; it has to be taken back"
        case "shadow": "the rule is in shadow and grants nothing until its mode is enforce"
        case "calls": "the session made as many calls of the tool as the rule allows: `most-calls`"
        case "window": "the rule does not hold at that time: `hours`"
        case "expired": "the rule has ended: `expires`"
        case "condition": "the condition of the rule does not hold: `when`"
        case "definition-changed": "the rule was made for another definition of the tool: `definition`"
        case "unknown-arguments": "the recording does not hold the arguments of the call"
        case "limits": "the call has more arguments than are looked at"
        default: "no change of one argument would allow it"
        }
    }
}

extension CompiledPolicy {
    /// So many changes at most are proposed for one call.
    private static let mostSteps = 32

    /// Decides about the call and says why.
    package func explain(
        _ call: ObservedCall,
        context: DecisionContext = DecisionContext(),
        showsAllowed: Bool = false
    ) -> Explanation {
        let decision = decide(call, context: context)
        let rule = decision.rule.flatMap { id in policy.rules.first { $0.id == id } }
        var explanation = Explanation(decision: decision, rule: rule)
        guard decision.verdict == .deny else {
            if let rule, !rule.isPattern {
                explanation.passed = passed(call, rule, context)
                if showsAllowed { explanation.allowed = rule.allowed }
            }
            return explanation
        }
        guard let rule, rule.effect != .forbid, let fault = fault(call, decision, context) else { return explanation }
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
        (explanation.wider, explanation.steps) = widened(for: call, decision, context)
        if showsAllowed { explanation.allowed = rule.allowed(fault.argument) }
        return explanation
    }

    /// What about the arguments made a rule deny the call; nil where it was something else.
    private func fault(
        _ call: ObservedCall,
        _ decision: Decision,
        _ context: DecisionContext
    ) -> CompiledRule.Fault? {
        guard let path = decision.argument, let id = decision.rule,
            let rule = policy.rules.first(where: { $0.id == id })
        else { return nil }
        let task = isWithoutTask(call, decision, context) ? nil : call.task
        guard let fault = CompiledRule(rule).firstFault(call, surroundings(call, task: task, context)),
            fault.argument == path, fault.reason == decision.reason
        else { return nil }
        return fault
    }

    /// Whether a task that nobody proved was left out for the decision.
    private func isWithoutTask(_ call: ObservedCall, _ decision: Decision, _ context: DecisionContext) -> Bool {
        guard !context.isTaskProven, call.task != nil else { return false }
        var proven = context
        proven.isTaskProven = true
        return decide(call, context: proven) != decision
    }

    /// Takes step after step until the policy would not deny; nothing where none leads there.
    private func widened(
        for call: ObservedCall,
        _ decision: Decision,
        _ context: DecisionContext
    ) -> (rules: [Rule], steps: [WideningStep]) {
        var widened = self
        var decision = decision
        var rules: [Rule] = []
        var steps: [WideningStep] = []
        var namesValue = false
        while decision.verdict == .deny {
            guard steps.count < Self.mostSteps, let id = decision.rule,
                let fault = widened.fault(call, decision, context),
                let index = widened.policy.rules.firstIndex(where: { $0.id == id }),
                widened.policy.rules[index].effect != .forbid,
                let (rule, step) = Widening(call, namesValue: namesValue, tier: tier(of:)).step(
                    for: fault,
                    in: widened.policy.rules[index]
                )
            else { return ([], []) }
            var policy = widened.policy
            policy.rules[index] = rule
            let next = CompiledPolicy(policy)
            let after = next.decide(call, context: context)
            if !namesValue, after == decision, let again = next.fault(call, after, context), again.isSame(as: fault) {
                // The smallest step admits what comes from there, but not this.
                namesValue = true
                continue
            }
            namesValue = false
            widened = next
            decision = after
            rules.removeAll { $0.id == rule.id }
            rules.append(rule)
            steps.append(step)
        }
        return (rules, steps)
    }

    /// Asks of each argument by which ways of its rule it passes, one way at a time.
    private func passed(_ call: ObservedCall, _ rule: Rule, _ context: DecisionContext) -> [Explanation.Passed] {
        let surroundings = surroundings(call, task: call.task, context)
        var all: [Explanation.Passed] = []
        for leaf in call.leaves where leaf.value.valueClass != .empty {
            var plain = leaf
            plain.entities = []
            func passes(_ argument: ArgumentRule?) -> Bool {
                var narrow = rule
                narrow.arguments.removeAll { $0.path == leaf.path }
                if let argument { narrow.arguments.append(argument) }
                return CompiledRule(narrow).fault(of: plain, call, surroundings) == nil
            }
            var ways: [String] = []
            if let argument = rule.arguments.first(where: { $0.path == leaf.path }) {
                for (way, phrase) in argument.ways where passes(way) {
                    ways.append(phrase)
                }
                var bare = ArgumentRule(path: argument.path, isBinding: argument.isBinding)
                bare.patterns = []
                if passes(bare) {
                    let isKnown = leaf.value.valueClass.isIdentity && (rule.tier != .read || argument.isBinding)
                    ways = isKnown ? ["a party that the agent deals with"] : [rule.bareWords(leaf.value.valueClass)]
                }
                if !leaf.entities.isEmpty { ways = ways.map { "\($0), and so did whom it names" } }
            } else if passes(nil) {
                ways = ["a closed read may be asked for it"]
            }
            let entry = Explanation.Passed(
                argument: leaf.path,
                valueClass: leaf.value.valueClass,
                ways: ways.isEmpty ? ["several ways together"] : ways
            )
            if !all.contains(entry) { all.append(entry) }
        }
        return all
    }
}

extension CompiledRule.Fault {
    fileprivate func isSame(as other: Self) -> Bool {
        argument == other.argument && reason == other.reason && leaf?.value == other.leaf?.value
            && entity?.value == other.entity?.value
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
        parts += fields.sorted().map { "equal to " + $0.phrase }
        if fields.isEmpty { parts += texts.sorted().map { "found in the " + Phrases.text(of: $0) } }
        return parts.isEmpty ? "from nowhere that was seen" : parts.joined(separator: ", ")
    }
}

extension Rule {
    /// What each argument may be.
    fileprivate var allowed: [String] {
        arguments.map { argument in
            let ways = argument.phrases(in: self).joined(separator: "; or ")
            return ([argument.path.argumentName + ": " + ways] + argument.bounds).joined(separator: ", ")
        } + relations.map { "only where \($0.phrase)" }
    }

    /// What one argument may be, and what has to hold besides.
    fileprivate func allowed(_ path: String) -> [String] {
        guard let argument = arguments.first(where: { $0.path == path }) else {
            return ["nothing: the rule does not list the argument"]
        }
        let bound = relations.filter { $0.path == path }.map { "only where \($0.phrase)" }
        return argument.phrases(in: self) + argument.bounds + bound
    }

    /// Why a value passes that no way has to admit.
    fileprivate func bareWords(_ kind: ValueClass) -> String {
        kind == .boolean && tier != .read ? Phrases.onlyBoolean : "any value, on a closed read"
    }
}

extension String {
    /// A path of arguments in a sentence; an argument may have the empty name.
    var argumentName: String { isEmpty ? "with the empty name" : self }
}

extension ArgumentRule {
    /// Each way by which a value may pass alone, with its words, which name no value.
    fileprivate var ways: [(ArgumentRule, String)] {
        func only(_ change: (inout ArgumentRule) -> Void) -> ArgumentRule {
            var rule = ArgumentRule(path: path, isBinding: isBinding)
            change(&rule)
            return rule
        }
        var ways: [(ArgumentRule, String)] = []
        if !values.isEmpty { ways.append((only { $0.values = values }, "it is named under values")) }
        if fromPrompt { ways.append((only { $0.fromPrompt = true }, "\(Phrases.request) names it")) }
        if fromAnyRead { ways.append((only { $0.fromAnyRead = true }, "from \(Phrases.anyRead)")) }
        for field in fromFields { ways.append((only { $0.fromFields = [field] }, "from \(field.phrase)")) }
        for tool in fromTexts { ways.append((only { $0.fromTexts = [tool] }, "from \(Phrases.text(of: tool))")) }
        for domain in domains { ways.append((only { $0.domains = [domain] }, "it is at \(domain)")) }
        for pattern in patterns { ways.append((only { $0.patterns = [pattern] }, "it matches \(pattern)")) }
        if minimum != nil || maximum != nil {
            let bounded = only {
                $0.minimum = minimum
                $0.maximum = maximum
            }
            ways.append((bounded, "it is within the bounds"))
        }
        for kind in open { ways.append((only { $0.open = [kind] }, "composed \(kind.rawValue)")) }
        for kind in own { ways.append((only { $0.own = [kind] }, "composed \(kind.rawValue) that no result shows")) }
        return ways
    }

    /// What passes, a phrase each.
    var phrases: [String] {
        var phrases = values.map { "\($0.valueClass.rawValue) \($0.text)" }
        if fromPrompt { phrases.append("what \(Phrases.request) names") }
        if fromAnyRead { phrases.append(Phrases.anyRead) }
        phrases += fromFields.map(\.phrase) + fromTexts.map(Phrases.text(of:))
        phrases += domains.map { "anything at \($0)" } + patterns.map { "what matches \($0)" }
        if let minimum, let maximum {
            phrases.append("numbers from \(minimum) to \(maximum)")
        } else if let minimum {
            phrases.append("numbers from \(minimum)")
        } else if let maximum {
            phrases.append("numbers up to \(maximum)")
        }
        phrases += open.map { "composed \($0.rawValue)" } + own.map { "composed \($0.rawValue) that no result shows" }
        return phrases
    }

    /// What passes in this rule: on a closed read only the place of a path or page is looked at, where patterns say one.
    fileprivate func phrases(in rule: Rule) -> [String] {
        if phrases.isEmpty { return [rule.bareArgument] }
        guard rule.tier == .read, !isBinding else { return phrases }
        return patterns.isEmpty ? [Phrases.any] : phrases + ["anything that is no path or page"]
    }

    /// What has to hold besides, whichever way a value passes.
    fileprivate var bounds: [String] {
        var bounds: [String] = []
        if let maximumLength { bounds.append("only up to \(maximumLength) characters") }
        if let maximumItems { bounds.append("only up to \(maximumItems) items") }
        return bounds
    }
}
