package import Core

extension PlanOutline {
    /// The plan as a terminal shows it.
    package var text: String {
        var lines = ["\(name) (\(id) \(version))", "  \(file), \(digest.description.prefix(19))…"]
        if let planned = schedule.inWords { lines.append("  planned \(planned) of the roadmap") }
        lines.append("")
        if !inputs.isEmpty {
            lines.append("Inputs")
            let width = inputs.map(\.name.count).max() ?? 0
            for (name, value) in inputs {
                let text = value.map { $0.string ?? $0.description } ?? "(must be given)"
                lines.append("  \(padded(name, width))  \(shortened(text))")
            }
            lines.append("")
        }
        lines.append("Steps")
        append(steps.filter { $0.section == "steps" }, indent: 2, to: &lines)
        let last = steps.filter { $0.section == "finally" }
        if !last.isEmpty {
            lines += ["", "Finally, however the steps ended"]
            append(last, indent: 2, to: &lines)
        }
        lines += ["", summary]
        return lines.map { $0.trimmingEnd() }.joined(separator: "\n") + "\n"
    }

    /// One line: what is read, simulated, changed, measured and asked, and how long that takes at least.
    package var summary: String {
        let words: [(Verb, String)] = [
            (.read, "to read"), (.simulate, "to simulate"), (.change, "to change"), (.measure, "to measure"),
            (.ask, "to ask for"), (.wait, "to wait for"), (.skip, "to skip"),
        ]
        let counts = words.compactMap { verb, words in count(verb) == 0 ? nil : "\(count(verb)) \(words)" }
        let wait = atLeast == .zero ? "" : "; takes at least \(atLeast.brief)"
        return "Plan: " + (counts.isEmpty ? "nothing to do" : counts.joined(separator: ", ")) + wait
    }

    private func append(_ steps: [Step], indent: Int, to lines: inout [String]) {
        let margin = String(repeating: " ", count: indent)
        let width = min(32, steps.map(\.id.count).max() ?? 0)
        for (index, step) in steps.enumerated() {
            var head = "\(margin)\(step.verb.mark) \(padded(step.id, width))  \(step.verb.rawValue)  \(step.subject)"
            if !step.followsPrevious {
                head +=
                    step.needs.isEmpty
                    ? (index == 0 ? "" : "  [at once]") : "  [after \(step.needs.joined(separator: ", "))]"
            }
            lines.append(head)
            if !step.title.isEmpty { lines.append("\(margin)    \(step.title)") }
            let names = step.details.map(\.name.count).max() ?? 0
            for (name, value) in step.details {
                lines.append("\(margin)    \(padded(name, names))  \(shortened(value.string ?? value.description))")
            }
            append(step.inner, indent: indent + 4, to: &lines)
        }
    }

    /// The same content for programs.
    package var json: JSON.Value {
        var inputs = JSON.Object()
        for (name, value) in self.inputs { inputs[name] = value ?? .null }
        var counts = JSON.Object()
        for verb in Verb.allCases { counts[verb.rawValue] = .integer(Int64(count(verb))) }
        return [
            "schema": "lockstep.plan/1", "file": .string(file), "id": .string(id), "name": .string(name),
            "version": .string(version), "digest": .string(digest.description), "inputs": .object(inputs),
            "planned_start_seconds": schedule.start.map { .integer($0.components.seconds) } ?? .null,
            "planned_due_seconds": schedule.due.map { .integer($0.components.seconds) } ?? .null,
            "steps": .array(steps.map(\.json)), "counts": .object(counts),
            "at_least_seconds": .integer(atLeast.components.seconds),
        ]
    }
}

extension PlanOutline.Step {
    fileprivate var json: JSON.Value {
        .object([
            "id": .string(id), "title": .string(title), "section": .string(section), "verb": .string(verb.rawValue),
            "subject": .string(subject), "needs": .array(needs.map { .string($0) }),
            "details": .array(details.map { ["name": .string($0.name), "value": $0.value] }),
            "at_least_seconds": .integer(atLeast.components.seconds), "steps": .array(inner.map(\.json)),
        ])
    }
}

func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
}

/// One line of at most 120 characters that cannot move a terminal.
func shortened(_ text: String) -> String {
    var result = ""
    var count = 0
    for scalar in text.unicodeScalars {
        count += 1
        if count > 120 { return result + "…" }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .surrogate, .unassigned:
            result += scalar == "\n" ? " " : "?"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

extension String {
    fileprivate func trimmingEnd() -> String {
        var text = self[...]
        while text.last == " " { text.removeLast() }
        return String(text)
    }
}

extension Schedule {
    /// `from day 0 to day 28`; nothing where the playbook has no schedule.
    fileprivate var inWords: String? {
        let parts = [("from", start), ("to", due)].compactMap { word, offset in
            offset.map { "\(word) day \($0.components.seconds / 86_400)" }
        }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }
}
