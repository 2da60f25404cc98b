package import Traffic

/// The limits of one argument, as far as a schema can say them exactly.
package enum ArgumentNarrowing: Sendable, Hashable {
    /// These texts and no others, in their order.
    case texts([String])
    /// Inclusive bounds of a number.
    case range(minimum: Double?, maximum: Double?)
}

extension CompiledPolicy {
    /// More values than this say nothing to a model that a refusal does not.
    static let mostNarrowedValues = 256

    /// What the arguments of a tool are limited to for an agent, by their names.
    ///
    /// Only where one rule alone decides about the tool for the agent, and only arguments whose ways are nothing but
    /// constants or nothing but bounds: whatever depends on the request, on earlier results, on the task or on other rules
    /// has no place in a schema, and is left as it is. What is said admits nothing that the rule denies, and all that it
    /// allows but other spellings of the same value.
    package func narrowing(of tool: ServerTool, for principal: String) -> [String: ArgumentNarrowing] {
        guard let number = tools[tool], let rule = onlyRule(number, principal), rule.rule.mode == .enforce,
            !rule.isPattern
        else { return [:] }
        var found: [String: ArgumentNarrowing] = [:]
        for (path, argument) in rule.arguments where !path.contains("/") && !path.contains("~") {
            // On a closed read the ways do not bind unless they are said to.
            guard !rule.isRead || argument.rule.isBinding else { continue }
            found[path] = argument.narrowing
        }
        return found
    }

    private func onlyRule(_ tool: Int32, _ principal: String) -> CompiledRule? {
        let named = Set([agents[principal] ?? Self.nobody, everyone]).subtracting([Self.nobody])
        var only: CompiledRule?
        for agent in named {
            for task in Int32(0)...Int32(truncatingIfNeeded: tasks.count) {
                guard let slot = slots[Key(agent: agent, task: task, tool: tool)] else { continue }
                guard slot.forbids.isEmpty else { return nil }
                for rule in slot.mined + slot.written {
                    guard only == nil else { return nil }
                    only = rule
                }
            }
        }
        return only
    }
}

extension CompiledArgument {
    fileprivate var narrowing: ArgumentNarrowing? {
        guard domains.isEmpty, fields.isEmpty, texts.isEmpty, patterns.isEmpty, open.isEmpty, own.isEmpty,
            !rule.fromPrompt, !rule.fromAnyRead
        else { return nil }
        if rule.values.isEmpty {
            return hasBounds ? .range(minimum: rule.minimum, maximum: rule.maximum) : nil
        }
        guard !hasBounds, rule.values.count <= CompiledPolicy.mostNarrowedValues else { return nil }
        let texts = rule.values.map(\.text)
        // A value that is read otherwise when it is sent as it stands here would be shown and then denied.
        let areExact = rule.values.allSatisfy { value in
            (value.valueClass == .token || value.valueClass == .path || value.valueClass == .short)
                && CanonicalValue(text: value.text) == value && value.text.unicodeScalars.count <= rule.longest
        }
        return areExact ? .texts(texts) : nil
    }
}

extension ArgumentRule {
    fileprivate var longest: Int { maximumLength ?? .max }
}
