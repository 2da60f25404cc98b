import Core
import Documents

/// What a workspace declares and playbooks only name: people, groups and hooks.
package struct Surroundings: Sendable {
    package var people: [String]
    package var groups: [(name: String, members: [String])]
    package var hooks: [String]

    package init(people: [String], groups: [(name: String, members: [String])], hooks: [String]) {
        self.people = people
        self.groups = groups
        self.hooks = hooks
    }

    /// Everybody whom one of these references means, each once.
    func members(of references: [String]) -> Set<String> {
        references.reduce(into: []) { found, reference in
            if let name = reference.name(after: "user:") {
                if people.contains(name) { found.insert(name) }
            } else if let name = reference.name(after: "group:") {
                found.formUnion(groups.first { $0.name == name }?.members ?? [])
            }
        }
    }
}

extension String {
    fileprivate func name(after prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}

extension DocumentCheck {
    /// A text that names something of the workspace; without a workspace nothing can be said.
    mutating func check(_ node: Node, refersTo reference: ActionSchema.Reference) {
        guard let text = node.string, node.interpolation == nil else { return }
        switch reference {
        case .principal:
            guard TextRule.principal.accepts(text) else {
                return report(
                    Code.invalidValue,
                    "\(quoted(text)) names nobody",
                    at: node.place,
                    help: "write \(TextRule.principal.inWords)"
                )
            }
            checkPrincipal(node)
        case .hook:
            guard let surroundings, TextRule.name.accepts(text), !surroundings.hooks.contains(text) else { return }
            report(
                Code.unknownHook,
                "\(quoted(text)) is not a hook of `lockstep.yaml`",
                at: node.place,
                help: suggest(text, among: surroundings.hooks, called: "hooks")
                    ?? "`lockstep.yaml` has no hooks: add it there"
            )
        }
    }

    /// A `user:` or `group:` that the workspace must know.
    mutating func checkPrincipal(_ node: Node, as severity: Diagnostic.Severity = .error) {
        guard let surroundings, let text = node.string, node.interpolation == nil, TextRule.principal.accepts(text)
        else { return }
        let groups = surroundings.groups.map(\.name)
        let code: String
        let what: String
        var help: String?
        if let name = text.name(after: "user:") {
            if surroundings.people.contains(name) { return }
            (code, what) = (Code.unknownPerson, "person")
            help =
                groups.contains(name)
                ? "write \(quoted("group:" + name))"
                : suggest(text, among: surroundings.people.map { "user:" + $0 }, called: "people")
        } else if let name = text.name(after: "group:") {
            if groups.contains(name) { return }
            (code, what) = (Code.unknownGroup, "group")
            help =
                surroundings.people.contains(name)
                ? "write \(quoted("user:" + name))"
                : suggest(text, among: groups.map { "group:" + $0 }, called: "groups")
        } else {
            return
        }
        diagnostics.append(
            Diagnostic(
                severity,
                code: code,
                message: "\(quoted(text)) is not a \(what) of `lockstep.yaml`",
                at: node.place,
                help: help ?? "add it to `lockstep.yaml`"
            )
        )
    }

    /// Whether the people of the workspace can give the votes that an approval asks for.
    mutating func checkVoters(_ node: Node, approvers: [String], min: Int, distinct: [Template]) {
        guard let surroundings, let place = node["min"]?.place, (1...10).contains(min) else { return }
        // Who is unknown was reported; that the votes do not suffice then follows from it.
        let unknown = approvers.contains { reference in
            if let name = reference.name(after: "user:") { return !surroundings.people.contains(name) }
            if let name = reference.name(after: "group:") { return !surroundings.groups.contains { $0.name == name } }
            return true
        }
        guard !unknown, !approvers.isEmpty else { return }
        var voters = surroundings.members(of: approvers)
        var others = false
        for template in distinct {
            if case .literal(let value) = template, let name = value.string?.name(after: "user:") {
                voters.remove(name)
            } else {
                others = true
            }
        }
        let people = "\(voters.count) \(voters.count == 1 ? "person" : "people")"
        if voters.count < min {
            report(
                Code.quorumImpossible,
                "\(min) \(min == 1 ? "vote is" : "votes are") wanted of \(voters.isEmpty ? "nobody" : people)",
                at: place,
                help: voters.isEmpty
                    ? "add people to the groups in `lockstep.yaml`"
                    : "lower `min` to \(voters.count), or name more approvers"
            )
        } else if others, voters.count == min, let exclusion = node["distinct-from"]?.place {
            // A warning: votes are counted by the people of the moment, and a run may wait until somebody has joined.
            let all = voters.isSuperset(of: surroundings.people)
            warn(
                Code.noOtherVoter,
                all
                    ? "\(min) of \(people) must vote, and whoever starts the run is one of them and may not"
                    : "\(min) of \(people) must vote, which fails when `distinct-from` means one of them",
                at: exclusion,
                help: "add people to \(listed(approvers, "or")) in `lockstep.yaml`, or lower `min`"
            )
        }
    }
}
