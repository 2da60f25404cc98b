import Core
import Documents
import Expressions

extension DocumentCheck {
    /// Something that takes named values: an action, a metric or a playbook.
    struct Callee {
        var name: String
        var parameters: [ValueRule]
        var required: [String]
        var secrets: Set<String> = []
        var names: [String: String] = [:]
        var references: [String: ActionSchema.Reference] = [:]

        init(name: String, parameters: [ActionSchema.Parameter]) {
            self.name = name
            self.parameters = parameters.map { ValueRule($0) }
            required = parameters.filter(\.isRequired).map(\.name)
            secrets = Set(parameters.filter(\.isSecret).map(\.name))
            names = Dictionary(
                parameters.filter(\.isName).map { ($0.name, $0.summary) },
                uniquingKeysWith: { first, _ in first }
            )
            for parameter in parameters { references[parameter.name] = parameter.refersTo }
        }

        init(_ plan: Plan) {
            name = plan.id
            parameters = plan.inputs.map { ValueRule($0) }
            required = plan.inputs.filter { $0.isRequired && $0.defaultValue == nil }.map(\.name)
        }
    }

    /// The call of `uses` and `with` in a step, a rollback or an `on-cancel`.
    mutating func call(_ node: Node, in scope: Scope) -> (call: ActionCall, schema: ActionSchema)? {
        guard let uses = node["uses"], let name = uses.string, uses.interpolation == nil else { return nil }
        guard let schema = catalogue.actions[ActionName(name)]?.schema else {
            let known = catalogue.actions.keys.map(\.text).sorted()
            report(
                Code.unknownAction,
                "\(quoted(name)) is not an action",
                at: uses.place,
                help: suggest(name, among: known, called: "actions")
            )
            checkUnknown(node["with"], in: scope)
            return nil
        }
        let callee = Callee(name: name, parameters: schema.parameters)
        let parameters = arguments(node["with"], of: callee, missingAt: uses.place, in: scope)
        return (ActionCall(action: schema.name, version: schema.version, parameters: parameters), schema)
    }

    /// Values for something that is not known: only their expressions can be judged.
    mutating func checkUnknown(_ with: Node?, in scope: Scope) {
        guard let with else { return }
        var open = scope
        open.maySeeSecrets = true
        for entry in with.mapping ?? [] { _ = template(entry.value, in: open) }
        mixed = []
    }

    mutating func arguments(
        _ with: Node?,
        of callee: Callee,
        missingAt place: Place,
        in scope: Scope
    ) -> [(name: String, value: Template)] {
        if let with, with.mapping == nil { return [] }
        var given: [(name: String, value: Template)] = []
        var excused: Set<String> = []
        let known = callee.parameters.map(\.name)
        for entry in with?.mapping ?? [] {
            guard let rule = callee.parameters.first(where: { $0.name == entry.name }) else {
                let near = entry.name.utf8.count <= 64 ? nearest(to: entry.name, in: known) : nil
                if let near { excused.insert(near) }
                report(
                    Code.unknownParameter,
                    "\(quoted(callee.name)) takes no \(quoted(entry.name))",
                    at: entry.keyPlace,
                    help: near.map { "did you mean \(quoted($0))?" }
                        ?? (known.isEmpty ? "it takes no parameters" : "it takes \(listed(known))")
                )
                continue
            }
            var inner = scope
            inner.maySeeSecrets = callee.secrets.contains(rule.name)
            let value = argument(entry.value, rule, isName: callee.names[rule.name], in: inner)
            if let reference = callee.references[rule.name] { check(entry.value, refersTo: reference) }
            given.append((rule.name, value))
        }
        let present = Set(given.map(\.name))
        for name in callee.required where !present.contains(name) && !excused.contains(name) {
            report(
                Code.missingParameter,
                "\(quoted(callee.name)) needs \(quoted(name))",
                at: place,
                help: "give \(quoted(name)) under `with`"
            )
        }
        return given
    }

    private mutating func argument(_ node: Node, _ rule: ValueRule, isName: String?, in scope: Scope) -> Template {
        let before = diagnostics.count
        let (template, type) = self.template(node, in: scope)
        defer { settleMixed() }
        switch template {
        case .literal:
            guard node.interpolation == nil else { break }
            for fault in rule.faults(in: node) {
                report(fault.code, fault.message, at: fault.place, help: fault.help)
            }
            if let isName, let text = node.string, !TextRule.name.accepts(text) {
                report(
                    Code.invalidValue,
                    "\(quoted(text)) is not a name",
                    at: node.place,
                    help: "\(quoted(rule.name)): \(isName)"
                )
            }
        case .expression(let expression):
            guard diagnostics.count == before else { break }
            checkDefault(of: expression, rule)
            if !rule.type.accepts(type) {
                report(
                    Code.type,
                    "\(quoted(rule.name)) is \(rule.type.called), but this is \(type.description)",
                    at: valueStart(node)
                )
            } else if let items = rule.items, case .list(let element) = type, !items.accepts(element) {
                report(
                    Code.type,
                    "\(quoted(rule.name)) is a list of \(items.rawValue) values, but this is \(type.description)",
                    at: valueStart(node)
                )
            }
        case .text:
            guard !rule.type.acceptsText else { break }
            mixed = []
            report(
                Code.type,
                "\(quoted(rule.name)) is \(rule.type.called), not text with values in it",
                at: node.place,
                help: "make one `${{ }}` the whole value"
            )
        case .list, .map:
            for fault in rule.faults(in: node) {
                report(fault.code, fault.message, at: fault.place, help: fault.help)
            }
        }
        return template
    }
}

extension DocumentCheck {
    /// A default that reaches an action as it is must be something that the action takes.
    private mutating func checkDefault(of expression: Expression, _ rule: ValueRule) {
        guard rule.literal != nil, let reference = expression.references.first, reference.root == "inputs",
            let name = reference.path.first?.name, expression.source == "inputs.\(name)",
            let value = names.defaults[name], rule.type.accepts(names.inputs[name] ?? .dyn)
        else { return }
        for fault in rule.faults(in: value) where !diagnostics.contains(where: { $0.place == fault.place }) {
            report(fault.code, fault.message, at: fault.place, help: fault.help)
        }
    }
}

extension ValueFault {
    var code: String {
        switch kind {
        case .type: Code.wrongType
        case .value: Code.invalidValue
        case .duration: Code.invalidDuration
        case .forbidden: Code.outOfBounds
        }
    }
}
