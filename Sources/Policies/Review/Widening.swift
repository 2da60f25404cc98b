import Traffic

/// The smallest change to a rule that would admit what failed.
///
/// What looks smallest may not be enough: a policy decides anew after each step, and where a step changed nothing the
/// value itself is named.
struct Widening {
    private let call: ObservedCall
    /// Whether the smallest step was tried and the same value failed again.
    private let namesValue: Bool
    /// How far a tool can be trusted whose result showed a value.
    private let tier: (ServerTool) -> ToolTier?

    init(_ call: ObservedCall, namesValue: Bool, tier: @escaping (ServerTool) -> ToolTier?) {
        self.call = call
        self.namesValue = namesValue
        self.tier = tier
    }

    /// The rule with one step taken, and the step; nil where no step is known.
    func step(for fault: CompiledRule.Fault, in rule: Rule) -> (Rule, WideningStep)? {
        guard let (wider, words) = change(for: fault, in: rule) else { return nil }
        let isAboutValue = !["missing-argument", "items", "length"].contains(fault.reason)
        let leaf = fault.leaf ?? call.leaves.first { $0.path == fault.argument }
        let value = fault.entity?.value ?? leaf?.value
        let step = WideningStep(
            fault.argument,
            words,
            from: isAboutValue ? fault.entity?.provenance ?? leaf?.provenance : nil,
            isIdentity: value?.valueClass.isIdentity ?? false,
            in: rule,
            tier: tier
        )
        return (wider, step)
    }

    private func change(for fault: CompiledRule.Fault, in rule: Rule) -> (Rule, String)? {
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
        let kind = leaf.value.valueClass
        // Of several fields the one that the fewest can write; nobody's web page says whom a call may concern from now on.
        let closed = source.fields.filter { tier($0.tool) != .openRead }
        if let field = closed.min() ?? (kind.isIdentity ? nil : source.fields.min()) {
            argument.fromFields.append(field)
            return "from: \(field.phrase)"
        }
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
        return "the value is named under values"
    }
}

extension ResultField {
    /// As the policy writes it; a result that is one bare value has no field.
    var phrase: String { field.isEmpty ? "the whole result of \(tool)" : Phrases.field(self) }
}
