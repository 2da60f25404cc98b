import Core
import Documents
import Expressions

extension DocumentCheck {
    /// The roadmap of a document whose form was looked at already.
    mutating func roadmap(_ root: Node, digest: Digest, bytes: [UInt8]) -> Roadmap? {
        let inputs = self.inputs(root["inputs"])
        if let owner = root["owner"] { checkPrincipal(owner, as: .warning) }
        var phases: [Roadmap.Phase] = []
        var ids: Set<String> = []
        for node in root["phases"]?.sequence ?? [] {
            if let id = node["id"], let text = id.string, id.interpolation == nil, !ids.insert(text).inserted {
                report(
                    Code.duplicatePhase,
                    "\(quoted(text)) is already the id of another phase",
                    at: id.place,
                    help: "give one of them another id"
                )
            }
            if let phase = phase(node) { phases.append(phase) }
        }
        guard let id = root["id"]?.string, let name = root["name"]?.string, let version = root["version"]?.string else {
            return nil
        }
        return Roadmap(
            id: id,
            name: name,
            version: version,
            summary: root["description"]?.string,
            owner: root["owner"]?.string,
            digest: digest,
            source: bytes,
            file: source.file,
            inputs: inputs,
            start: root["start"]?.string.flatMap { CivilDate($0) },
            phases: phases
        )
    }

    private mutating func phase(_ node: Node) -> Roadmap.Phase? {
        guard node.mapping != nil else { return nil }
        let start = node.offset("start")
        let due = node.offset("due")
        if let start, let due, due < start, let place = node["due"]?.place {
            report(
                Code.phaseOrder,
                "`due` is \(quoted(node["due"]?.string ?? "")), before `start`, which is \(quoted(node["start"]?.string ?? ""))",
                at: place,
                help: "both count from the start of the roadmap"
            )
        }
        var scope = Scope(steps: .none)
        scope.hasVariables = false
        // What a phase is given is fixed before it begins: the inputs are known then, and nothing of the phase is.
        let before = scope
        scope.phase = DocumentNames.phase
        var playbook: SubPlaybook?
        let isNone = node["playbook"]?.string == "none"
        if let given = node["playbook"], !isNone {
            if let sub = subPlaybook(given, missing: Code.missingPlaybook) {
                let inputs = arguments(node["with"], of: Callee(sub.plan), missingAt: given.place, in: before)
                playbook = SubPlaybook(plan: sub.plan, path: sub.path, inputs: inputs)
                scope.phase = phaseType(sub.plan)
            } else {
                checkUnknown(node["with"], in: before)
            }
        } else if isNone, let with = node.mapping?.first(where: { $0.name == "with" }) {
            report(Code.invalidValue, "a phase without a playbook takes no `with`", at: with.keyPlace)
        }
        var exit: Gate?
        if let given = node["exit"] {
            if given.mapping != nil {
                exit = gate(given, in: scope)
            } else {
                exit = condition(
                    given,
                    "exit",
                    in: scope,
                    always: "this exit is always open",
                    never: "this exit never opens"
                ).map { Gate(pass: $0) }
            }
        }
        guard let id = node["id"]?.string, let number = node["number"]?.integer, let name = node["name"]?.string,
            let start
        else { return nil }
        return Roadmap.Phase(
            id: id,
            number: number,
            name: name,
            start: start,
            due: due,
            playbook: playbook,
            exit: exit
        )
    }

    private func phaseType(_ plan: Plan) -> CELType {
        guard case .record(let name, var fields) = DocumentNames.phase else { return .dyn }
        fields["outputs"] = .record("outputs of \(plan.id)", fields: plan.outputTypes)
        return .record(name, fields: fields)
    }
}
