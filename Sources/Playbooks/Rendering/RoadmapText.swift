package import Core
import Expressions

extension Roadmap {
    /// The programme as a terminal shows it: the phases with their times, and the plan of each that has a playbook.
    package func text(catalogue: Catalogue, inputs given: JSON.Object = [:]) -> String {
        var lines = ["\(name) (\(id) \(version))", "  \(file), \(digest.description.prefix(19))…", ""]
        if let start { lines += ["Starts on \(start)", ""] }
        if !inputs.isEmpty {
            lines.append("Inputs")
            let width = inputs.map(\.name.count).max() ?? 0
            for input in inputs {
                let value = given[input.name] ?? input.defaultValue
                let text = value.map { $0.string ?? $0.description } ?? "(must be given)"
                lines.append("  \(padded(input.name, width))  \(shortened(text))")
            }
            lines.append("")
        }
        for phase in phases {
            let time =
                phase.due.map { "\(when(phase.start)) to \(when($0))" } ?? "from \(when(phase.start)), without an end"
            lines.append("Phase \(phase.number)  \(phase.name)  (\(phase.id))")
            lines.append("  planned  \(time)")
            if let exit = phase.exit { lines.append("  exit     \(shortened(exit.pass.source))") }
            if let playbook = phase.playbook {
                lines.append("  runs     \(playbook.path)")
                lines.append("")
                let outline = PlanOutline(
                    playbook.plan,
                    catalogue: catalogue,
                    inputs: phase.knownInputs(in: plan, given)
                )
                lines += outline.text.split(separator: "\n", omittingEmptySubsequences: false).map {
                    $0.isEmpty ? "" : "    " + $0
                }
            } else {
                lines.append("  runs     not in this version")
                lines.append("")
            }
        }
        while lines.last?.isEmpty ?? false { lines.removeLast() }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The same content for programs.
    package func json(catalogue: Catalogue, inputs given: JSON.Object = [:]) -> JSON.Value {
        var values = JSON.Object()
        for input in inputs { values[input.name] = given[input.name] ?? input.defaultValue ?? .null }
        return [
            "schema": "lockstep.roadmap-plan/1", "file": .string(file), "id": .string(id), "name": .string(name),
            "version": .string(version), "digest": .string(digest.description),
            "inputs": .object(values), "start": start.map { .string($0.description) } ?? .null,
            "phases": .array(
                phases.map { phase in
                    [
                        "id": .string(phase.id), "number": .integer(Int64(phase.number)), "name": .string(phase.name),
                        "start_seconds": .integer(phase.start.components.seconds),
                        "due_seconds": phase.due.map { .integer($0.components.seconds) } ?? .null,
                        "exit": phase.exit.map { .string($0.pass.source) } ?? .null,
                        "playbook": phase.playbook.map { .string($0.path) } ?? .null,
                        "plan": phase.playbook.map {
                            PlanOutline($0.plan, catalogue: catalogue, inputs: phase.knownInputs(in: plan, given)).json
                        } ?? .null,
                    ]
                }
            ),
        ]
    }

    /// `week 4` from the start, or the day where the start is known.
    private func when(_ offset: Duration) -> String {
        let days = offset.components.seconds / 86_400
        let text = days % 7 == 0 ? "week \(days / 7)" : "day \(days)"
        guard let start else { return text }
        return "\(text) (\(CivilDate(daysSince1970: start.daysSince1970 + days)))"
    }
}

extension Roadmap.Phase {
    fileprivate func knownInputs(in plan: Plan, _ given: JSON.Object) -> JSON.Object {
        let known = KnownValues(plan, inputs: given)
        var inputs = JSON.Object()
        for (name, template) in playbook?.inputs ?? [] {
            let value = known.json(template)
            if value.string?.contains(KnownValues.unknown) != true { inputs[name] = value }
        }
        return inputs
    }
}
