import Core
import Documents
import Expressions

/// A step as it was written, before its meaning is looked at.
struct WrittenStep {
    let node: Node
    let id: String?
    /// Position among `steps` or among `finally`.
    let position: Int
    let isFinal: Bool

    var place: Place { node["id"]?.place ?? node.lead }
}

extension DocumentCheck {
    /// What a step gives to others, known before any expression is looked at.
    mutating func known(_ step: WrittenStep, sub: Plan?) -> KnownStep? {
        guard let id = step.id else { return nil }
        let outputs: [(name: String, type: CELType)]?
        if let uses = step.node["uses"]?.string {
            outputs = catalogue.actions[ActionName(uses)]?.schema.outputs.map { ($0.name, $0.type.celType()) }
        } else if step.node["playbook"] != nil {
            outputs = sub.map { plan in plan.outputs.map { ($0.name, plan.outputTypes[$0.name] ?? .dyn) } }
        } else {
            let isKnownKind = ["gate", "approval", "wait"].contains { step.node[$0] != nil }
            outputs = isKnownKind ? [] : nil
        }
        return KnownStep(
            id: id,
            position: step.position,
            isFinal: step.isFinal,
            outputs: outputs,
            isLoop: step.node["for-each"] != nil
        )
    }

    mutating func check(_ step: WrittenStep, needs: [StepID], defaults: Defaults, sub: (plan: Plan, path: String)?)
        -> PlannedStep?
    {
        let node = step.node
        guard node.mapping != nil else { return nil }
        var scope = Scope(
            steps: .before(position: step.position, isFinal: step.isFinal, mayReadItself: false)
        )
        let condition = node["if"].flatMap {
            self.condition($0, "if", in: scope, always: "this step always runs", never: "this step never runs")
        }
        let key = node["idempotency-key"]
        let forEach = node["for-each"].flatMap { self.forEach($0, in: scope) }
        if let forEach { scope.loop = (forEach.loop.variable, forEach.type) }
        let name = node["name"].map { text($0, in: scope) }
        let idempotencyKey = key.flatMap { node in
            node.interpolation == nil
                ? node.string.flatMap { expression(ExpressionText($0, node), in: scope)?.expression } : nil
        }

        var kind: PlannedStep.Kind?
        var schema: ActionSchema?
        if node["uses"] != nil {
            if let (call, found) = call(node, in: scope) {
                kind = .action(call)
                schema = found
            }
        }
        if let gate = node["gate"] {
            kind = self.gate(gate, in: scope).map { .gate($0) } ?? kind
            checkTimeout(node, gate)
        }
        if let approval = node["approval"] { kind = self.approval(approval, in: scope).map { .approval($0) } ?? kind }
        if let wait = node["wait"] { kind = self.wait(wait, in: scope).map { .wait($0) } ?? kind }
        if let playbook = node["playbook"] {
            if let sub {
                let inputs = arguments(node["with"], of: Callee(sub.plan), missingAt: playbook.place, in: scope)
                kind = .playbook(SubPlaybook(plan: sub.plan, path: sub.path, inputs: inputs))
            } else {
                checkUnknown(node["with"], in: scope)
            }
        }
        checkPlacement(node, schema)

        var undoing = scope
        undoing.steps = .before(position: step.position, isFinal: step.isFinal, mayReadItself: true)
        let rollback = node["rollback"].flatMap { call($0, in: undoing)?.call }
        let onCancel = node["on-cancel"].flatMap { call($0, in: scope)?.call }
        if let schema, schema.effect == .change, !schema.isAdditive, !step.isFinal, node["rollback"] == nil,
            let uses = node["uses"]
        {
            warn(
                Code.missingRollback,
                "\(quoted(schema.name.text)) changes something and the step cannot be undone",
                at: uses.place,
                help: "name the action that undoes it in `rollback`"
            )
        }
        var waveGate: Gate?
        if let gate = node["after-each-wave"]?["gate"] {
            var outside = scope
            outside.loop = nil
            waveGate = self.gate(gate, in: outside)
        }
        let window = node["window"].flatMap { windowName($0) }
        let outputs = self.outputs(node["outputs"], of: schema)
        guard let id = step.id, let kind else { return nil }
        let isAction = if case .action = kind { true } else { false }
        return PlannedStep(
            id: StepID(id),
            name: name,
            kind: kind,
            needs: needs,
            condition: condition,
            forEach: forEach?.loop,
            afterEachWave: waveGate,
            retry: retry(node["retry"]) ?? (isAction ? defaults.retry : nil) ?? .none,
            timeout: node.duration("timeout") ?? (isAction ? defaults.timeout : nil),
            window: window,
            continueOnError: node["continue-on-error"]?.bool ?? false,
            rollback: rollback,
            onCancel: onCancel,
            outputs: outputs,
            evidence: evidence(node["evidence"], over: defaults.evidence),
            preview: node.choice("plan"),
            idempotencyKey: idempotencyKey,
            place: step.place
        )
    }

    /// Keys that mean nothing for a step of this kind.
    private mutating func checkPlacement(_ node: Node, _ schema: ActionSchema?) {
        func key(_ name: String) -> Node.Entry? { node.mapping?.first { $0.name == name } }
        let kinds = PlaybookGrammar.stepKinds.filter { key($0) != nil }
        guard kinds.count == 1, let kind = kinds.first else { return }
        if kind == "approval" || kind == "gate", node["continue-on-error"]?.bool == true,
            let place = key("continue-on-error")?.keyPlace
        {
            report(
                Code.checkPassedBy,
                "the run would go on past \(kind == "gate" ? "a gate that did not pass" : "an approval that was refused")",
                at: place,
                help: kind == "gate" ? "a gate on trial has `dry-run: true`" : "leave out `continue-on-error`"
            )
        }
        if let with = key("with"), kind != "uses", kind != "playbook" {
            report(Code.invalidValue, "\(quoted(kind)) takes no `with`", at: with.keyPlace)
        }
        if let waves = key("after-each-wave"), key("for-each") == nil {
            report(Code.invalidValue, "`after-each-wave` needs `for-each`", at: waves.keyPlace)
        }
        if let timeout = key("timeout"), let help = Self.timeLimits[kind] {
            report(Code.invalidValue, "\(quoted(kind)) takes no `timeout`", at: timeout.keyPlace, help: help)
        }
        if let plan = key("plan"), let schema, schema.effect == .change, plan.value.string == "read" {
            report(
                Code.invalidValue,
                "\(quoted(schema.name.text)) changes something and cannot be planned as `read`",
                at: plan.value.place,
                help: "write `simulate` or `skip`, or leave it out"
            )
        }
        for name in PlaybookGrammar.keysOfActions where kind != "uses" {
            guard let entry = key(name) else { continue }
            report(
                Code.invalidValue,
                "\(quoted(name)) belongs to a step that `uses` an action",
                at: entry.keyPlace
            )
        }
    }

    /// What limits the time of a step that is no attempt at something; nothing for a kind that has a `timeout`.
    private static let timeLimits = [
        "approval": "say in `expires` how long people have, and in `on-expiry` what happens then",
        "wait": "give `for`, `until` or `window` as it should be",
        "playbook": "give the steps of that playbook a `timeout` each",
    ]

    private mutating func forEach(_ node: Node, in scope: Scope) -> (loop: ForEach, type: CELType)? {
        guard node.mapping != nil else { return nil }
        var type = CELType.dyn
        var items: Template = .literal(.array([]))
        if let given = node["items"] {
            let (template, found) = self.template(given, in: scope)
            mixed = []
            items = template
            switch found {
            case .list(let element): type = element
            case .dyn: break
            default:
                report(
                    given.interpolation == nil ? Code.wrongType : Code.type,
                    "`items` is a list, but this is \(found.description)",
                    at: valueStart(given),
                    help: "give a list of items, or `${{ }}` with a list"
                )
            }
            if let elements = given.sequence, !elements.isEmpty {
                type = elements.allSatisfy { $0.string != nil && $0.interpolation == nil } ? .string : .dyn
            }
        }
        guard let name = node["as"]?.string else { return nil }
        if let place = node["as"]?.place, Names.fault(in: name) == nil, let fault = Names.shadowing(name) {
            report(Code.invalidIdentifier, fault.message, at: place, help: fault.help)
        }
        return (
            ForEach(
                items: items,
                variable: name,
                maxParallel: node["max-parallel"]?.integer,
                failFast: node["fail-fast"]?.bool ?? true,
                waves: waves(node["waves"])
            ), type
        )
    }

    private mutating func waves(_ node: Node?) -> [ForEach.Wave] {
        var waves: [ForEach.Wave] = []
        var count = 0
        var percent = 0
        for wave in node?.sequence ?? [] {
            let text = wave.string ?? wave.integer.map(String.init) ?? ""
            if let number = wave.integer, number > 0 {
                if number <= count {
                    report(
                        Code.waveOrder,
                        "wave \(quoted(text)) is not larger than `\(count)` before it",
                        at: wave.place,
                        help: "waves are counted from the start and must grow"
                    )
                }
                count = max(count, number)
                waves.append(.count(number))
            } else if TextRule.percent.accepts(text), let number = Int(text.dropLast()) {
                if number > 100 {
                    report(
                        Code.waveOrder,
                        "wave \(quoted(text)) is more than all items",
                        at: wave.place,
                        help: "the last wave is `100%`"
                    )
                } else if number <= percent {
                    report(
                        Code.waveOrder,
                        "wave \(quoted(text)) is not larger than `\(percent)%` before it",
                        at: wave.place,
                        help: "waves are counted from the start and must grow"
                    )
                }
                percent = max(percent, number)
                waves.append(.percent(number))
            }
        }
        return waves
    }

    private mutating func wait(_ node: Node, in scope: Scope) -> Wait? {
        if let duration = node.duration("for") { return .duration(duration) }
        if let until = node["until"] {
            let (template, type) = self.template(until, in: scope)
            mixed = []
            if case .expression = template, !ValueType.timestamp.accepts(type) {
                report(Code.type, "`until` is a moment, but this is \(type.description)", at: valueStart(until))
            }
            return .until(template)
        }
        return node["window"].flatMap { windowName($0) }.map { .window($0) }
    }

    private mutating func windowName(_ node: Node) -> String? {
        guard let name = node.string, node.interpolation == nil else { return nil }
        let known = calendar.windows.map(\.name)
        if !known.contains(name) {
            report(
                Code.unknownWindow,
                "\(quoted(name)) is not a window of `calendar`",
                at: node.place,
                help: known.isEmpty
                    ? "the playbook has no windows" : suggest(name, among: known, called: "windows")
            )
        }
        return name
    }

    private mutating func outputs(_ node: Node?, of schema: ActionSchema?) -> [(name: String, type: ValueType)] {
        var declared: [(name: String, type: ValueType)] = []
        for entry in node?.mapping ?? [] {
            let type = entry.value.string.flatMap { ValueType(rawValue: $0) }
            if let schema {
                if let given = schema.outputs.first(where: { $0.name == entry.name }) {
                    if let type, type != given.type, !(type == .string && given.type == .artifact) {
                        report(
                            Code.outputType,
                            "\(quoted(entry.name)) of \(quoted(schema.name.text)) is \(given.type.called)",
                            at: entry.value.place,
                            help: "write \(quoted(given.type.rawValue))"
                        )
                    }
                } else {
                    let known = schema.outputs.map(\.name)
                    report(
                        Code.outputType,
                        "\(quoted(schema.name.text)) gives no \(quoted(entry.name))",
                        at: entry.keyPlace,
                        help: known.isEmpty ? "it gives nothing" : "it gives \(listed(known))"
                    )
                }
            }
            if let type { declared.append((entry.name, type)) }
        }
        return declared.isEmpty ? schema?.outputs ?? [] : declared
    }
}

/// What steps have unless they say otherwise.
struct Defaults {
    var timeout: Duration?
    var retry: RetryPolicy?
    var evidence = EvidencePolicy()
}

extension DocumentCheck {
    func defaults(_ node: Node?) -> Defaults {
        guard let node else { return Defaults() }
        return Defaults(
            timeout: node.duration("timeout"),
            retry: retry(node["retry"]),
            evidence: evidence(node["evidence"], over: EvidencePolicy())
        )
    }

    private func retry(_ node: Node?) -> RetryPolicy? {
        guard let node, let max = node["max"]?.integer else { return nil }
        var policy = RetryPolicy(max: max)
        if let backoff: RetryPolicy.Backoff = node.choice("backoff") { policy.backoff = backoff }
        if let initial = node.duration("initial") { policy.initial = initial }
        if let longest = node.duration("max-interval") { policy.maxInterval = longest }
        if let jitter = node["jitter"]?.number { policy.jitter = jitter }
        if node["retry-if"] != nil {
            policy.conditions = Set(node.texts("retry-if").compactMap { RetryPolicy.Condition(rawValue: $0) })
        }
        return policy
    }

    private func evidence(_ node: Node?, over defaults: EvidencePolicy) -> EvidencePolicy {
        guard let node else { return defaults }
        return EvidencePolicy(
            keep: node.offset("keep") ?? defaults.keep,
            controls: node["controls"] == nil ? defaults.controls : node.texts("controls")
        )
    }
}
