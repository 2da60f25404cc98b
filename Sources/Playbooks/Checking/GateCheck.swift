import Core
import Documents
import Expressions

extension DocumentCheck {
    mutating func gate(_ node: Node, in outer: Scope) -> Gate? {
        guard node.mapping != nil else { return nil }
        var scope = outer
        var metrics: [Gate.Metric] = []
        scope.metrics = (node["metrics"]?.mapping ?? []).map(\.name)
        for entry in node["metrics"]?.mapping ?? [] {
            guard let source = entry.value["source"], let name = source.string, source.interpolation == nil else {
                continue
            }
            guard let schema = catalogue.metrics[name]?.schema else {
                report(
                    Code.unknownMetricSource,
                    "\(quoted(name)) is not a source of measurements",
                    at: source.place,
                    help: suggest(name, among: catalogue.metrics.keys.sorted(), called: "sources")
                )
                checkUnknown(entry.value["with"], in: outer)
                continue
            }
            let callee = Callee(name: name, parameters: schema.parameters)
            let parameters = arguments(entry.value["with"], of: callee, missingAt: source.place, in: outer)
            metrics.append(Gate.Metric(name: entry.name, source: name, parameters: parameters))
        }
        let pass = node["pass"].flatMap {
            condition($0, "pass", in: scope, always: "this gate always passes", never: "this gate never passes")
        }
        let fail = node["fail"].flatMap {
            condition($0, "fail", in: scope, always: "this gate always fails", never: "`fail` never holds")
        }
        let message = node["message"].map { text($0, in: scope) }
        guard let pass else { return nil }
        return Gate(
            pass: pass,
            fail: fail,
            metrics: metrics,
            every: node.duration("every"),
            soak: node.duration("for"),
            within: node.duration("within"),
            minSamples: node["min-samples"]?.integer ?? 1,
            failureLimit: node["failure-limit"]?.integer ?? 0,
            consecutiveErrors: node["consecutive-errors"]?.integer ?? 4,
            onFail: node.choice("on-fail") ?? .abort,
            rollbackTo: rollbackTarget(node, in: outer),
            onInconclusive: node.choice("inconclusive") ?? .pause,
            isDryRun: node["dry-run"]?.bool ?? false,
            message: message
        )
    }

    /// The step back to which a failed gate rolls back: one that has been done when the gate is asked.
    private mutating func rollbackTarget(_ node: Node, in scope: Scope) -> StepID? {
        guard let target = node["rollback-to"], let name = target.string else { return nil }
        let onFail: Gate.OnFail? = node.choice("on-fail")
        guard onFail == .rollback else {
            report(
                Code.invalidValue,
                "`rollback-to` has a meaning only where a failure leads to a rollback",
                at: target.place,
                help: "write `on-fail: rollback` beside it"
            )
            return nil
        }
        guard case .before(let position, _, _) = scope.steps, let step = names.steps[name], step.position < position
        else {
            report(
                Code.unknownName,
                "`rollback-to` names \(quoted(name)), which is no step before this one",
                at: target.place,
                help: suggest(name, among: names.steps.keys.sorted(), called: "steps")
            )
            return nil
        }
        return StepID(name)
    }

    /// A template that becomes text.
    mutating func text(_ node: Node, in scope: Scope) -> Template {
        let (template, _) = self.template(node, in: scope)
        // In prose a list is shown as JSON.
        mixed = []
        return template
    }

    /// A gate that is given less time than it needs to pass.
    mutating func checkTimeout(_ step: Node, _ gate: Node) {
        guard let node = step["timeout"], let timeout = step.duration("timeout") else { return }
        for key in ["for", "within"] {
            guard let needed = gate.duration(key), timeout < needed else { continue }
            report(
                Code.gateTimeout,
                "the timeout \(quoted(node.string ?? "")) is shorter than \(quoted(key)), which is \(quoted(gate[key]?.string ?? ""))",
                at: node.place,
                help: "give at least \(quoted(gate[key]?.string ?? "")), or leave the timeout out"
            )
            return
        }
    }

    mutating func approval(_ node: Node, in scope: Scope) -> Approval? {
        guard node.mapping != nil else { return nil }
        let approvers = node.texts("approvers")
        let min = node["min"]?.integer
        if surroundings == nil, let min, let place = node["min"]?.place, !approvers.isEmpty,
            approvers.allSatisfy({ $0.hasPrefix("user:") })
        {
            let people = Set(approvers).count
            if min > people, min <= 10 {
                report(
                    Code.quorumImpossible,
                    "\(min) votes are wanted of \(people) \(people == 1 ? "person" : "people")",
                    at: place,
                    help: "lower `min` to \(people), or name more approvers"
                )
            }
        }
        let escalateTo = node.texts("escalate-to")
        let onExpiry: Approval.OnExpiry = node.choice("on-expiry") ?? .fail
        if onExpiry == .escalate, node["escalate-to"] == nil, let place = node["on-expiry"]?.place {
            report(
                Code.escalateWithoutTarget,
                "the approval escalates to nobody",
                at: place,
                help: "name people or groups in `escalate-to`"
            )
        }
        for key in ["approvers", "escalate-to"] {
            for principal in node[key]?.sequence ?? [] { checkPrincipal(principal) }
        }
        let distinct = (node["distinct-from"]?.sequence ?? []).compactMap { excluded($0, in: scope) }
        if let min { checkVoters(node, approvers: approvers, min: min, distinct: distinct) }
        let show = (node["show"]?.sequence ?? []).map { text($0, in: scope) }
        let ticket = node["ticket"].map { text($0, in: scope) }
        guard let expires = node.duration("expires"), let min else { return nil }
        let require = node["require"] == nil ? ["reason"] : node.texts("require")
        return Approval(
            approvers: approvers,
            min: min,
            distinctFrom: distinct,
            show: show,
            require: Set(require.compactMap { Approval.Requirement(rawValue: $0) }),
            ticket: ticket,
            expires: expires,
            onExpiry: onExpiry,
            escalateTo: escalateTo
        )
    }

    /// Who may not vote: a person, or an expression that names one.
    private mutating func excluded(_ node: Node, in scope: Scope) -> Template? {
        guard let text = node.string, node.interpolation == nil else { return nil }
        if TextRule.principal.accepts(text) {
            guard text.hasPrefix("user:") else {
                report(
                    Code.invalidValue,
                    "`distinct-from` excludes people, and \(quoted(text)) is a group",
                    at: node.place,
                    help: "write `user:` and a name, `run.started_by` or the `actor` of a step"
                )
                return nil
            }
            checkPrincipal(node)
            return .literal(.string(text))
        }
        let before = diagnostics.count
        guard let (parsed, type) = expression(ExpressionText(text, node), in: scope) else { return nil }
        if diagnostics.count == before, type != .string, type != .dyn {
            report(Code.type, "`distinct-from` names people, but this is \(type.description)", at: node.place)
        }
        return .expression(parsed)
    }
}

extension Node {
    func duration(_ key: String) -> Duration? {
        self[key]?.string.flatMap { Duration(playbook: $0) }.flatMap { $0 > .zero ? $0 : nil }
    }

    func offset(_ key: String) -> Duration? { self[key]?.string.flatMap { Duration(iso8601: $0) } }

    func choice<Choice: RawRepresentable<String>>(_ key: String) -> Choice? {
        self[key]?.string.flatMap { Choice(rawValue: $0) }
    }

    func texts(_ key: String) -> [String] { (self[key]?.sequence ?? []).compactMap(\.string) }
}
