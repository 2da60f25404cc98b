/// What the exporters know of a policy, written out member by member.
///
/// A kind of constraint that is added to the model has a default and is missing here, so that a rule that makes use of it
/// differs from its copy and is left out of every export until somebody lowers it.
extension Rule {
    var understood: Rule {
        Rule(
            id: id,
            agent: agent,
            task: task,
            tool: tool,
            definition: definition,
            tier: tier,
            effect: effect,
            mode: mode,
            arguments: arguments.map(\.understood),
            relations: relations,
            condition: condition,
            windows: windows,
            maximumCalls: maximumCalls,
            owner: owner,
            expires: expires,
            support: support,
            warnings: warnings,
            origin: origin,
            reviewed: reviewed,
            mark: mark
        )
    }

    /// Whether nothing is said in the rule that lowering does not know.
    var isUnderstood: Bool { self == understood }
}

extension ArgumentRule {
    fileprivate var understood: ArgumentRule {
        ArgumentRule(
            path: path,
            required: required,
            values: values,
            fromPrompt: fromPrompt,
            fromFields: fromFields,
            fromAnyRead: fromAnyRead,
            fromTexts: fromTexts,
            domains: domains,
            patterns: patterns,
            minimum: minimum,
            maximum: maximum,
            open: open,
            own: own,
            maximumLength: maximumLength,
            maximumItems: maximumItems,
            isBinding: isBinding
        )
    }
}

extension Policy {
    /// Whether nothing is said beside the rules that lowering does not know.
    var isUnderstood: Bool {
        let understood = Policy(
            name: name,
            scope: scope,
            rules: rules,
            unseenReads: unseenReads,
            known: known,
            owners: owners,
            mark: mark,
            unprovenProfile: unprovenProfile
        )
        return self == understood
    }
}
