import Core
import Expressions
import Playbooks

let nowhere = Place(file: "test.yaml", line: 1, column: 1)

func cel(_ source: String) throws -> Expression { try Expression.parse(source) }

func step(
    _ id: StepID,
    _ kind: PlannedStep.Kind,
    needs: [StepID] = [],
    _ change: (inout PlannedStep) throws -> Void = { _ in }
) rethrows -> PlannedStep {
    var step = PlannedStep(id: id, kind: kind, needs: needs, place: nowhere)
    try change(&step)
    return step
}

func uses(_ action: ActionName, _ parameters: [(name: String, value: Template)] = []) -> PlannedStep.Kind {
    .action(ActionCall(action: action, version: 1, parameters: parameters))
}

/// Steps one after the other, as a playbook without `needs` has them.
func plan(
    _ id: String = "test",
    _ steps: [PlannedStep],
    isChain: Bool = true,
    _ change: (inout Plan) throws -> Void = { _ in }
) rethrows -> Plan {
    var steps = steps
    if isChain {
        for index in steps.indices.dropFirst() { steps[index].needs = [steps[index - 1].id] }
    }
    let source = Array("plan \(id) \(steps.map(\.id.text).joined(separator: " "))".utf8)
    var plan = Plan(
        id: id,
        name: id,
        version: "1.0.0",
        digest: Digest.sha256(source),
        source: source,
        file: "\(id).yaml",
        steps: steps
    )
    try change(&plan)
    return plan
}
