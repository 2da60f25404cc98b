import Core
import Expressions

/// The steps of a plan and what they wait for, as a picture.
package struct GraphDrawing: Sendable {
    private let plan: Plan

    package init(_ plan: Plan) {
        self.plan = plan
    }

    // MARK: Mermaid

    /// A flowchart in Mermaid's language (mermaid.js.org, "Flowcharts").
    package var mermaid: String {
        var lines = ["flowchart TD"]
        lines.append("  start_((start))")
        appendMermaid(plan.steps, from: "start_", prefix: "s", to: &lines)
        if !plan.finally.isEmpty {
            lines.append("  subgraph finally_ [finally]")
            appendMermaid(plan.finally, from: nil, prefix: "f", to: &lines)
            lines.append("  end")
            let needed = Set(plan.steps.flatMap(\.needs))
            for (index, step) in plan.steps.enumerated() where !needed.contains(step.id) {
                lines.append("  s\(index) -.-> finally_")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func appendMermaid(_ steps: [PlannedStep], from start: String?, prefix: String, to lines: inout [String]) {
        var numbers: [StepID: Int] = [:]
        for (index, step) in steps.enumerated() { numbers[step.id] = index }
        for (index, step) in steps.enumerated() {
            let (open, close) = step.mermaidShape
            let label = [step.id.text, step.subject].filter { !$0.isEmpty }.map(Self.escaped).joined(separator: "<br/>")
            lines.append("  \(prefix)\(index)\(open)\"\(label)\"\(close)")
            let arrow = step.condition.map { "-- \"\(Self.escaped(Self.short($0.source)))\" -->" } ?? "-->"
            if step.needs.isEmpty, let start { lines.append("  \(start) \(arrow) \(prefix)\(index)") }
            for need in step.needs {
                guard let other = numbers[need] else { continue }
                lines.append("  \(prefix)\(other) \(arrow) \(prefix)\(index)")
            }
        }
    }

    /// Text that cannot end a label or be read as markup.
    private static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in shortened(text).unicodeScalars {
            switch scalar {
            case "\"", "<", ">", "&", "#", ";", "`", "\\", "|", "{", "}", "[", "]": result += "#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    private static func short(_ text: String) -> String { text.count <= 40 ? text : String(text.prefix(39)) + "…" }

    // MARK: Terminal

    /// One line a step, with a line for each open branch at the left, as `git log --graph` draws history.
    package var terminal: String {
        var lines = ["\(plan.name) (\(plan.id) \(plan.version))", ""]
        lines += draw(plan.steps)
        if !plan.finally.isEmpty {
            lines += ["", "finally"]
            lines += draw(plan.finally)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static let mostLanes = 24

    private func draw(_ steps: [PlannedStep]) -> [String] {
        // A lane ends in a step that later ones still wait for.
        var openNeeds: [StepID: Int] = [:]
        for step in steps { for need in Set(step.needs) { openNeeds[need, default: 0] += 1 } }
        let width = min(32, steps.map(\.id.text.count).max() ?? 0)
        var lanes: [StepID?] = []
        var lines: [String] = []
        for step in steps {
            let joined = Set(step.needs)
            var own = lanes.firstIndex { $0.map { joined.contains($0) } ?? false }
            for need in joined { openNeeds[need, default: 1] -= 1 }
            // The step takes the lane of what it waits for, unless another step waits for that too.
            if let lane = own, let before = lanes[lane], openNeeds[before, default: 0] > 0 { own = nil }
            let merged = lanes.indices.filter { lane in
                guard let before = lanes[lane], lane != own else { return false }
                return joined.contains(before) && openNeeds[before, default: 0] == 0
            }
            let lane = own ?? merged.first ?? lanes.firstIndex { $0 == nil } ?? lanes.count
            if lane == lanes.count { lanes.append(nil) }
            let ends = Set(merged.filter { $0 != lane })
            if !ends.isEmpty { lines.append(Self.merge(lanes, into: lane, ends)) }
            for end in ends { lanes[end] = nil }
            lanes[lane] = step.id
            while let last = lanes.last, last == nil { lanes.removeLast() }
            var cells: [String] = []
            for index in lanes.indices.prefix(Self.mostLanes) {
                if index == lane { cells.append(step.mark) } else { cells.append(lanes[index] == nil ? " " : "│") }
            }
            if lanes.count > Self.mostLanes { cells.append("…") }
            let after = step.needs.count > 1 ? "  ← " + step.needs.map(\.text).joined(separator: ", ") : ""
            let condition = step.condition.map { "  if " + Self.short($0.source) } ?? ""
            let graph = cells.joined(separator: " ")
            lines.append(shortened("\(graph)  \(padded(step.id.text, width))  \(step.subject)\(condition)\(after)"))
            if openNeeds[step.id, default: 0] == 0 { lanes[lane] = nil }
            while let last = lanes.last, last == nil { lanes.removeLast() }
        }
        return lines
    }

    /// The line on which lanes run together.
    private static func merge(_ lanes: [StepID?], into target: Int, _ ends: Set<Int>) -> String {
        let all = ends.union([target])
        guard let first = all.min(), let last = all.max() else { return "" }
        var text = ""
        for index in lanes.indices.prefix(mostLanes) {
            let isInside = index > first && index < last
            switch true {
            case index == target: text += index == first ? "├" : index == last ? "┤" : "┼"
            case ends.contains(index): text += index == first ? "╰" : index == last ? "╯" : "┴"
            case lanes[index] != nil: text += isInside ? "┼" : "│"
            default: text += isInside ? "─" : " "
            }
            if index + 1 < lanes.count { text += index >= first && index < last ? "─" : " " }
        }
        return text
    }
}

extension PlannedStep {
    /// What the step is, in a few words.
    fileprivate var subject: String {
        switch kind {
        case .action(let call): call.action.text + (forEach.map { " for each \($0.variable)" } ?? "")
        case .gate(let gate): "gate: " + gate.pass.source
        case .approval(let approval): "approval: \(approval.min) of " + approval.approvers.joined(separator: ", ")
        case .wait(.duration(let duration)): "wait \(duration.brief)"
        case .wait(.until): "wait until a moment"
        case .wait(.window(let name)): "wait for \(name)"
        case .playbook(let sub): "playbook: " + sub.path
        }
    }

    fileprivate var mark: String {
        switch kind {
        case .action: "●"
        case .gate: "◆"
        case .approval: "▲"
        case .wait: "○"
        case .playbook: "■"
        }
    }

    fileprivate var mermaidShape: (String, String) {
        switch kind {
        case .action: ("[", "]")
        case .gate: ("{{", "}}")
        case .approval: ("([", "])")
        case .wait: ("[/", "/]")
        case .playbook: ("[[", "]]")
        }
    }
}
