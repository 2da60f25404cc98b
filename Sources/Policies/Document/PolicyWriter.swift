package import Documents
import Core
import Traffic

/// Writes a policy as the document that people review.
///
/// The same policy gives the same bytes in whatever order its rules came, and the reader gives `policy.sorted` back.
/// Bounds that are no finite numbers are left out, both of them: the argument then admits no number by its size.
package enum PolicyWriter {
    package static func write(_ policy: Policy) -> String { YAMLWriter.write(node(policy)) }

    package static func node(_ policy: Policy) -> YAMLNode {
        let policy = policy.sorted
        var members = Members()
        members.add("apiVersion", "lockstep/v1")
        members.add("kind", "Policy")
        members.add("name", policy.name)
        members.add("scope", policy.scope.rawValue)
        if let profile = policy.unprovenProfile { members.add("unproven-profile", profile.description) }
        if let mark = policy.mark { members.add("as-mined", mark) }
        if !policy.owners.isEmpty {
            let owners = policy.owners.map { owner in
                var members = Members()
                members.add("name", owner.name)
                if let until = owner.until { members.add("until", until.description) }
                return members.node
            }
            members.add("owners", .list(owners))
        }
        let names = Set(policy.rules.map(\.agent) + policy.unseenReads.map(\.agent) + policy.known.map(\.agent))
        let agents = names.sorted().map { YAMLNode.Member($0, agent($0, policy)) }
        members.add("agents", .mapping(agents))
        var node = members.node
        var comment = ["What no rule here allows is denied."]
        if policy.rules.contains(where: { !$0.arguments.isEmpty }) {
            comment.append(
                "Of values, from, bounds (at-least, at-most) and composed any one lets a value pass; longest, required and relations hold always."
            )
        }
        if policy.rules.contains(where: { !$0.reviewed.isEmpty }) {
            comment.append(
                "Who decided a point (`by`) is a note that nobody signed: what counts is who signs the approval of this policy."
            )
        }
        if policy.unprovenProfile != nil {
            comment.append(
                "Mined from a profile that was named as a file: nothing proves which traffic it was folded from."
            )
        }
        node.comment = comment.joined(separator: "\n")
        return node
    }

    private static func agent(_ name: String, _ policy: Policy) -> YAMLNode {
        var members = Members()
        members.add("unseen-reads", texts: policy.unseenReads.filter { $0.agent == name }.map(\.server))
        let known = policy.known.filter { $0.agent == name }
        if !known.isEmpty { members.add("known", .list(known.map(parties))) }
        var servers: [YAMLNode.Member] = []
        let rules = policy.rules.filter { $0.agent == name }
        var start = rules.startIndex
        while start < rules.endIndex {
            let server = rules[start].tool.server
            let end = rules[start...].firstIndex { $0.tool.server != server } ?? rules.endIndex
            servers.append(YAMLNode.Member(server, .list(rules[start..<end].map(rule))))
            start = end
        }
        if !servers.isEmpty { members.add("servers", .mapping(servers)) }
        return members.node
    }

    private static func parties(_ known: Policy.KnownParties) -> YAMLNode {
        var members = Members()
        if let task = known.task { members.add("task", task) }
        members.add("identities", values: known.identities)
        members.add("hosts", texts: known.hosts)
        members.add("domains", texts: known.domains)
        return members.node
    }

    static func rule(_ rule: Rule) -> YAMLNode {
        var members = Members()
        members.add("id", rule.id)
        members.add("tool", rule.tool.tool)
        if let task = rule.task { members.add("task", task) }
        members.add("tier", rule.tier.rawValue)
        if rule.effect != .allow { members.add("effect", rule.effect.rawValue) }
        if rule.mode != .enforce { members.add("mode", rule.mode.rawValue) }
        if let definition = rule.definition { members.add("definition", definition) }
        if let condition = rule.condition { members.add("when", condition) }
        members.add("hours", texts: rule.windows.map(Phrases.window))
        if let most = rule.maximumCalls { members.add("most-calls", .value(.integer(Int64(most)))) }
        if let owner = rule.owner { members.add("owner", owner) }
        if let expires = rule.expires { members.add("expires", expires.description) }
        if rule.origin == .mined {
            members.add("support", Phrases.support(rule.support))
            if let mark = rule.mark { members.add("as-mined", mark) }
        }
        if !rule.arguments.isEmpty {
            let arguments = rule.arguments.map { YAMLNode.Member($0.path, argument($0, of: rule)) }
            members.add("arguments", .mapping(arguments))
        }
        if !rule.relations.isEmpty { members.add("relations", .list(rule.relations.map(relation))) }
        if !rule.warnings.isEmpty { members.add("warnings", .list(rule.warnings.map(warning))) }
        if !rule.reviewed.isEmpty { members.add("reviewed", .list(rule.reviewed.map(record))) }
        return members.node
    }

    private static func relation(_ relation: Relation) -> YAMLNode {
        var members = Members()
        members.add("argument", relation.path)
        switch relation.kind {
        case .equals: members.add("equals", relation.other)
        case .given(let when, let values, let folders):
            members.add("given", relation.other)
            members.add("is", values: [when])
            members.add("values", values: values)
            members.add("under", texts: folders)
        }
        return members.node
    }

    static func argument(_ argument: ArgumentRule, of rule: Rule) -> YAMLNode {
        var members = Members()
        if argument.required { members.add("required", .value(.bool(true))) }
        if argument.isBinding != rule.bindsByDefault { members.add("strict", .value(.bool(argument.isBinding))) }
        members.add("values", values: argument.values)
        var sources: [YAMLNode] = []
        if argument.fromPrompt { sources.append(.value(.string(Phrases.request))) }
        if argument.fromAnyRead { sources.append(.value(.string(Phrases.anyRead))) }
        sources += argument.fromFields.map(field)
        sources += argument.fromTexts.map(text)
        members.add("from", some: sources)
        members.add("domains", texts: argument.domains)
        members.add("matches", texts: argument.patterns)
        if [argument.minimum, argument.maximum].allSatisfy({ $0?.isFinite ?? true }) {
            if let minimum = argument.minimum { members.add("at-least", number(minimum)) }
            if let maximum = argument.maximum { members.add("at-most", number(maximum)) }
        }
        members.add("composed", texts: argument.open.map(\.rawValue))
        members.add("composed-anew", texts: argument.own.map(\.rawValue))
        if let longest = argument.maximumLength { members.add("longest", .value(.integer(Int64(longest)))) }
        if let most = argument.maximumItems { members.add("most-items", .value(.integer(Int64(most)))) }
        if members.isEmpty { return .value(.string(rule.bareArgument)) }
        return members.folded
    }

    private static func number(_ number: Double) -> YAMLNode {
        if let whole = Int64(exactly: number), abs(number) < 1e15 { return .value(.integer(whole)) }
        return .value(.number(number))
    }

    private static func field(_ field: ResultField) -> YAMLNode {
        let phrase = Phrases.field(field)
        if Phrases.parseField(phrase) == field { return .value(.string(phrase)) }
        var members = Members()
        members.add("field", field.field)
        members.add("server", field.tool.server)
        members.add("tool", field.tool.tool)
        return members.node
    }

    private static func text(_ tool: ServerTool) -> YAMLNode {
        let phrase = Phrases.text(of: tool)
        if Phrases.parseText(phrase) == tool { return .value(.string(phrase)) }
        var members = Members()
        members.add("server", tool.server)
        members.add("tool", tool.tool)
        return members.node
    }

    private static func record(_ record: ReviewRecord) -> YAMLNode {
        var members = Members()
        members.add("item", record.item)
        if let path = record.argument { members.add("argument", path) }
        members.add("values", values: record.values)
        members.add("decision", record.decision.rawValue)
        members.add("by", record.by)
        members.add("at", record.at.description)
        if let reason = record.reason { members.add("reason", reason) }
        if let shown = record.shown { members.add("shown", shown.description) }
        return members.node
    }

    private static func warning(_ warning: Warning) -> YAMLNode {
        var members = Members()
        members.add("code", warning.code)
        if let path = warning.path { members.add("argument", path) }
        members.add("detail", warning.detail)
        return members.folded
    }
}

extension Rule {
    /// A rule that a person wrote means what it says on every tool; a mined one leaves closed reads free.
    var bindsByDefault: Bool { origin == .written }

    /// Whether the rule names many tools; such a rule never grants.
    var isPattern: Bool { tool.namesMany }

    /// Whether the arguments say which calls are meant, and not what they may hold.
    var isSelecting: Bool { effect == .forbid || isPattern }

    /// What an argument without any way is called.
    var bareArgument: String {
        isSelecting || (tier == .read && !bindsByDefault) ? Phrases.any : Phrases.onlyBoolean
    }
}

/// The members of a mapping while it is put together.
private struct Members {
    private var members: [YAMLNode.Member] = []

    var node: YAMLNode { .mapping(members) }
    var isEmpty: Bool { members.isEmpty }

    /// On one line where it fits, so that a policy of many tools can still be read in one sitting.
    var folded: YAMLNode {
        var node = node
        node.isFolded = true
        return node
    }

    mutating func add(_ key: String, _ node: YAMLNode) { members.append(YAMLNode.Member(key, node)) }

    mutating func add(_ key: String, _ text: String) { add(key, .value(.string(text))) }

    /// A list of one is written as its element.
    mutating func add(_ key: String, some nodes: [YAMLNode]) {
        guard let first = nodes.first else { return }
        if nodes.count == 1, case .value(.string) = first.content {
            add(key, first)
        } else {
            var list = YAMLNode.list(nodes)
            list.isFolded = true
            add(key, list)
        }
    }

    mutating func add(_ key: String, texts: [String]) { add(key, some: texts.map { .value(.string($0)) }) }

    mutating func add(_ key: String, values: [CanonicalValue]) {
        if values.isEmpty { return }
        var inner = Members()
        for kind in ValueClass.allCases.sorted() {
            inner.add(kind.rawValue, texts: values.filter { $0.valueClass == kind }.map(\.text))
        }
        add(key, inner.folded)
    }
}
