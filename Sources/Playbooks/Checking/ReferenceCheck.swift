import Core
import Expressions

extension DocumentCheck {
    struct NameFault {
        var code = Code.unknownName
        var message: String
        var help: String?
    }

    /// A subtraction that spells a known name with a hyphen.
    func hyphenTrap(in expression: Expression, _ scope: Scope) -> (range: Range<Int>, message: String, help: String)? {
        for trap in expression.hyphenatedNames {
            let reference = expression.references.first {
                $0.rootRange.lowerBound == trap.range.lowerBound && $0.range.upperBound <= trap.range.upperBound
            }
            guard let reference else { continue }
            let joined = trap.name.replacing("-", with: "_")
            let path = [reference.root] + reference.path.map(\.name)
            let isKnown =
                switch (path.first, path.count) {
                case ("steps", 2): names.steps[joined] != nil || names.steps[trap.name] != nil
                case ("inputs", 2): names.inputs[joined] != nil || names.inputs[trap.name] != nil
                case ("vars", 2): names.variables[joined] != nil || names.variables[trap.name] != nil
                case ("secrets", 2): names.secrets.contains(joined) || names.secrets.contains(trap.name)
                case ("metrics", 2): scope.metrics?.contains { $0 == joined || $0 == trap.name } ?? false
                case ("steps", 4):
                    names.steps[path[1]]?.outputs?.contains { $0.name == joined || $0.name == trap.name } ?? false
                case (_, 1): scope.loop?.name == joined
                default: false
                }
            guard isKnown else { continue }
            let written = (path.dropLast() + [trap.name]).joined(separator: ".")
            let meant = (path.dropLast() + [joined]).joined(separator: ".")
            return (
                reference.rootRange.lowerBound..<trap.range.upperBound,
                "\(quoted(written)) is a subtraction", "did you mean \(quoted(meant))?"
            )
        }
        return nil
    }

    /// Why a reference names nothing that is visible here; nothing for a sound one.
    mutating func fault(of reference: Reference, in scope: Scope) -> NameFault? {
        let path = reference.path
        let first = path.first?.name
        switch reference.root {
        case let root where scope.loop?.name == root: return nil
        case "now": return nil
        case "run": return member(first, of: "run", among: DocumentNames.run.map(\.name))
        case "phase" where scope.phase != nil:
            return member(first, of: "phase", among: ["id", "name", "number", "outputs", "result", "status"])
        case "exceptions" where scope.phase == nil: return nil
        case "inputs" where scope.phase == nil: return member(first, of: "inputs", among: names.inputs.keys.sorted())
        case "vars" where scope.phase == nil && scope.hasVariables:
            return member(first, of: "vars", among: names.variables.keys.sorted())
        case "metrics":
            guard let metrics = scope.metrics else {
                return NameFault(
                    message: "there are no `metrics` here",
                    help: "they are measured by a gate and known only inside it"
                )
            }
            return member(first, of: "metrics", among: metrics)
                ?? (path.count > 1
                    ? member(
                        path[1].name,
                        of: "metrics.\(path[0].name)",
                        among: DocumentNames.measurement.map(\.name)
                    ) : nil)
        case "secrets": return secretFault(reference, in: scope)
        case "steps": return stepFault(reference, in: scope)
        default:
            var help = suggest(reference.root, among: scope.roots, called: "known here")
            if reference.root == "phase" { help = "`phase(1)` is a function; a step knows no phase of its own" }
            if reference.root == "env" { help = "the environment is reached only by `secrets`" }
            return NameFault(message: "\(quoted(reference.root)) is not known here", help: help)
        }
    }

    private mutating func member(_ name: String?, of root: String, among known: [String]) -> NameFault? {
        guard let name, !known.contains(name) else { return nil }
        let full = known.map { root + "." + $0 }
        return NameFault(
            message: "\(quoted(root + "." + name)) is not known here",
            help: suggest(root + "." + name, among: full, called: "known")
        )
    }

    private mutating func secretFault(_ reference: Reference, in scope: Scope) -> NameFault? {
        guard scope.maySeeSecrets, let name = reference.path.first?.name else {
            return NameFault(
                code: Code.secretPlacement,
                message: reference.path.isEmpty
                    ? "secrets can only be named one by one" : "a secret cannot stand here",
                help: "give it to a parameter that is declared secret, such as `token`"
            )
        }
        return member(name, of: "secrets", among: names.secrets.sorted())
    }

    private mutating func stepFault(_ reference: Reference, in scope: Scope) -> NameFault? {
        switch scope.steps {
        case .none:
            let help =
                scope.phase == nil
                ? "no step has run yet" : "an exit sees what the playbook hands out: `phase.outputs`"
            return NameFault(message: "there are no `steps` here", help: help)
        case .all, .before: break
        }
        let path = reference.path
        guard let id = path.first?.name else { return nil }
        guard let step = names.steps[id] else {
            let help = suggest("steps." + id, among: names.stepWords.lazy.map { "steps." + $0 }, called: "steps")
            return NameFault(message: "\(quoted("steps." + id)) is not a step", help: help)
        }
        if case .before(_, let isFinal, _) = scope.steps, step.isFinal, !isFinal {
            return NameFault(
                code: Code.forwardReference,
                message: "\(quoted(id)) runs in `finally`, when this is over",
                help: "read it in `outputs`, or move the step out of `finally`"
            )
        }
        guard path.count > 1 else { return nil }
        let known = KnownStep.fields.map(\.name) + ["outputs"]
        if !known.contains(path[1].name) {
            return NameFault(
                message: "a step has no \(quoted(path[1].name))",
                help: "a step has \(listed(known)); what an action gives is under `outputs`"
            )
        }
        guard path[1].name == "outputs", path.count > 2, let outputs = step.outputs else { return nil }
        guard !outputs.contains(where: { $0.name == path[2].name }) else { return nil }
        return NameFault(
            message: "\(quoted(id)) has no output \(quoted(path[2].name))",
            help: outputs.isEmpty
                ? "it has none" : suggest(path[2].name, among: outputs.map(\.name), called: "it has")
        )
    }

    /// Remembers that a step is read, so that it must be done by then.
    mutating func note(_ reference: Reference, at place: Place, in scope: Scope) {
        guard reference.root == "steps", let id = reference.path.first?.name, let step = names.steps[id],
            case .before(let position, let isFinal, let mayReadItself) = scope.steps, step.isFinal == isFinal
        else { return }
        if mayReadItself, step.position == position { return }
        readings.append(
            Reading(step: position, target: step.position, isFinal: isFinal, name: id, place: place)
        )
    }

    /// Types of exactly what the expression names: steps that it does not mention cost nothing.
    func declarations(for expression: Expression, in scope: Scope) -> Declarations {
        var variables: [String: CELType] = [
            "now": .timestamp,
            "run": .record(
                "run",
                fields: Dictionary(uniqueKeysWithValues: DocumentNames.run.map { ($0.name, $0.type) })
            ),
        ]
        for root in Set(expression.references.map(\.root)) {
            switch root {
            case "inputs": variables[root] = .record("inputs", fields: names.inputs)
            case "vars": variables[root] = .record("vars", fields: names.variables)
            case "exceptions": variables[root] = .list(DocumentNames.exception)
            case "secrets": variables[root] = .map(key: .string, value: .string)
            case "phase": variables[root] = scope.phase
            case "metrics":
                let measurement = CELType.record(
                    "metric",
                    fields: Dictionary(uniqueKeysWithValues: DocumentNames.measurement.map { ($0.name, $0.type) })
                )
                let metrics = scope.metrics ?? []
                variables[root] = .record(
                    "metrics",
                    fields: Dictionary(metrics.map { ($0, measurement) }, uniquingKeysWith: { $1 })
                )
            case "steps":
                let named = expression.references.filter { $0.root == root }.map { $0.path.first?.name }
                if named.contains(nil) {
                    variables[root] = .map(key: .string, value: .dyn)
                } else {
                    let known = named.compactMap { $0 }.compactMap { names.steps[$0] }
                    variables[root] = .record(
                        "steps",
                        fields: Dictionary(known.map { ($0.id, $0.type) }, uniquingKeysWith: { $1 })
                    )
                }
            default: break
            }
        }
        if let loop = scope.loop { variables[loop.name] = loop.type }
        return Declarations(
            variables: variables,
            functions: DocumentNames.functions
        )
    }
}
