import Traffic

extension Policy {
    /// The policy in the order in which a document shows it: the same rules, and the same decisions.
    package var sorted: Policy {
        var policy = self
        policy.rules = rules.map(\.sorted).enumerated().sorted { left, right in
            left.element.order != right.element.order
                ? left.element.order.lexicographicallyPrecedes(right.element.order) : left.offset < right.offset
        }.map(\.element)
        policy.unseenReads.sort { ($0.agent, $0.server) < ($1.agent, $1.server) }
        policy.known = known.map { entry in
            var entry = entry
            entry.identities.sort()
            entry.hosts.sort()
            entry.domains.sort()
            return entry
        }
        .enumerated().sorted { left, right in
            (left.element.agent, left.element.task ?? "", left.offset)
                < (right.element.agent, right.element.task ?? "", right.offset)
        }.map(\.element)
        policy.owners.sort { $0.name < $1.name }
        return policy
    }
}

extension Rule {
    fileprivate var order: [String] { [agent, tool.server, tool.tool, task ?? "", id] }

    var sorted: Rule {
        var rule = self
        rule.arguments = arguments.map(\.sorted).sorted { $0.path < $1.path }
        rule.relations = relations.map(\.sorted).sorted { $0.order.lexicographicallyPrecedes($1.order) }
        if origin == .written { (rule.support, rule.mark) = (Support(), nil) }
        rule.reviewed.sort { $0.item < $1.item }
        return rule
    }
}

extension Relation {
    fileprivate var order: [String] {
        switch kind {
        case .equals: [path, other]
        case .given(let when, let values, let folders):
            [path, other, when.valueClass.rawValue, when.text] + values.map(\.text) + folders
        }
    }

    fileprivate var sorted: Relation {
        guard case .given(let when, let values, let folders) = kind else { return self }
        let kind = Kind.given(when: when, values: Set(values).sorted(), folders: Set(folders).sorted())
        return Relation(path: path, other: other, kind: kind)
    }
}

extension ArgumentRule {
    fileprivate var sorted: ArgumentRule {
        var rule = self
        rule.values.sort()
        rule.fromFields.sort()
        rule.fromTexts.sort()
        rule.domains.sort()
        rule.patterns.sort()
        rule.open = Set(open).sorted()
        rule.own = Set(own).sorted()
        return rule
    }
}
