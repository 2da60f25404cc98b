package import Core
import Expressions

extension Plan {
    /// What actions would refuse of the values that inputs give them: a public range, something that is no port.
    ///
    /// The linter judges what is written out in the document; what a person gives for a run is known only then. A value
    /// is followed through sub-playbooks as far as inputs and variables alone decide it.
    package func ruleFaults(of inputs: JSON.Object, catalogue: Catalogue) -> [Diagnostic] {
        var faults: [Diagnostic] = []
        gather(inputs, [:], catalogue, into: &faults)
        return faults.reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// `origins` names the input of the outermost document behind each input here.
    private func gather(
        _ inputs: JSON.Object,
        _ origins: [String: String],
        _ catalogue: Catalogue,
        into faults: inout [Diagnostic]
    ) {
        let known = KnownValues(self, inputs: inputs)
        func origin(_ template: Template) -> String? {
            guard case .expression(let expression) = template, let reference = expression.references.first,
                reference.root == "inputs", let name = reference.path.first?.name, expression.source == "inputs.\(name)"
            else { return nil }
            return origins[name] ?? name
        }
        for step in steps + finally {
            if case .playbook(let child) = step.kind {
                var values = JSON.Object()
                var names: [String: String] = [:]
                for (name, template) in child.inputs {
                    let value = known.json(template)
                    if value.string?.contains(KnownValues.unknown) != true { values[name] = value }
                    names[name] = origin(template)
                }
                child.plan.gather(values, names, catalogue, into: &faults)
            }
            var calls = [step.rollback, step.onCancel].compactMap { $0 }
            if case .action(let call) = step.kind { calls.append(call) }
            for call in calls {
                guard let schema = catalogue.actions[call.action]?.schema else { continue }
                for (name, template) in call.parameters {
                    guard let rule = schema.parameters.first(where: { $0.name == name })?.rule else { continue }
                    let subject =
                        origin(template).map { "input \(quoted($0))" }
                        ?? "\(quoted(name)) of \(quoted(schema.name.text))"
                    let value = known.json(template)
                    for element in value.array ?? [value] {
                        let text = element.string ?? element.description
                        guard !text.contains(KnownValues.unknown), let (reason, help) = rule.refusal(of: text) else {
                            continue
                        }
                        faults.append(
                            Diagnostic(
                                code: "input.refused",
                                message: "\(subject): \(quoted(text)) \(reason)",
                                help: help
                            )
                        )
                    }
                }
            }
        }
    }
}

extension LiteralRule {
    fileprivate func refusal(of text: String) -> (reason: String, help: String)? {
        switch judge(text) {
        case .fine: nil
        case .malformed(let reason, let help), .forbidden(let reason, let help): (reason, help)
        }
    }
}
