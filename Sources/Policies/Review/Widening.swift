import Traffic

/// The smallest change to a rule that would admit what failed.
///
/// What looks smallest may not be enough: a policy decides anew after each step, and where a step changed nothing the
/// value itself is named.
struct Widening {
    private let call: ObservedCall
    /// Whether the smallest step was tried and the same value failed again.
    private let namesValue: Bool

    init(_ call: ObservedCall, namesValue: Bool) {
        self.call = call
        self.namesValue = namesValue
    }

    /// The rule with one step taken, and the step in words; nil where no step is known.
    func step(for fault: CompiledRule.Fault, in rule: Rule) -> (Rule, String)? {
        var wider = rule
        if fault.reason == "relation" {
            guard let index = rule.relations.firstIndex(where: { $0.path == fault.argument && !$0.holds(call) }) else {
                return nil
            }
            wider.relations.remove(at: index)
            return (
                wider,
                "the rule without the relation between `\(rule.relations[index].path)` and `\(rule.relations[index].other)`"
            )
        }
        let index = rule.arguments.firstIndex { $0.path == fault.argument }
        var argument = index.map { rule.arguments[$0] } ?? ArgumentRule(path: fault.argument)
        guard let words = step(for: fault, in: &argument) else { return nil }
        if let index {
            wider.arguments[index] = argument
        } else {
            wider.arguments.append(argument)
        }
        return (wider, (index == nil ? "the argument is listed; " : "") + words)
    }

    private func step(for fault: CompiledRule.Fault, in argument: inout ArgumentRule) -> String? {
        switch fault.reason {
        case "missing-argument":
            argument.required = false
            return "the argument may be left out"
        case "items":
            let count = call.listLengths[fault.argument] ?? 0
            argument.maximumItems = count
            return "most-items: \(count)"
        case "length":
            let length = fault.leaf?.length ?? 0
            argument.maximumLength = length
            return "longest: \(length)"
        case "entity":
            guard let entity = fault.entity else { return nil }
            argument.values.append(entity.value)
            return "the party is named under values, or known to the agent"
        default: break
        }
        guard let leaf = fault.leaf else { return nil }
        if namesValue { return naming(leaf, in: &argument) }
        if fault.reason == "number", let number = leaf.number {
            if let minimum = argument.minimum, number < minimum { argument.minimum = number }
            if let maximum = argument.maximum, number > maximum { argument.maximum = number }
            return "bounds that reach the number"
        }
        // True and false are never told by where they come from.
        if leaf.value.valueClass == .boolean { return naming(leaf, in: &argument) }
        let source = leaf.provenance
        if source.prompt == .exact {
            argument.fromPrompt = true
            return "from: \(Phrases.request)"
        }
        if let field = source.fields.min() {
            argument.fromFields.append(field)
            return "from: \(field.phrase)"
        }
        let kind = leaf.value.valueClass
        if kind.isIdentity { return naming(leaf, in: &argument) }
        if let tool = source.texts.min() {
            argument.fromTexts.append(tool)
            return "from: \(Phrases.text(of: tool))"
        }
        argument.open.append(kind)
        return "composed: \(kind.rawValue)"
    }

    private func naming(_ leaf: ObservedLeaf, in argument: inout ArgumentRule) -> String? {
        if argument.values.contains(where: { $0.text == leaf.value.text }) { return nil }
        argument.values.append(leaf.value)
        let isDoubtful = leaf.value.valueClass.isIdentity && leaf.provenance.isTextOnly
        let doubt = isDoubtful ? "; it is known from free text only, as injected instructions are" : ""
        return "the value is named under values\(doubt)"
    }
}

extension ResultField {
    /// As the policy writes it; a result that is one bare value has no field.
    var phrase: String { field.isEmpty ? "the whole result of \(tool)" : Phrases.field(self) }
}
