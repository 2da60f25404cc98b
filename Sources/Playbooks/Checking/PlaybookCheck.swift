import Core
import Documents
import Expressions

extension DocumentCheck {
    /// The plan of a playbook whose form was looked at already; nothing is promised about it if there are errors.
    mutating func playbook(_ root: Node, digest: Digest, bytes: [UInt8]) -> Plan? {
        // Nothing is done with the owner of a document, so one that is unknown ends nothing.
        if let owner = root["owner"] { checkPrincipal(owner, as: .warning) }
        let inputs = self.inputs(root["inputs"])
        let secrets = self.secrets(root["secrets"])
        let variables = self.variables(root["vars"])
        calendar = calendar(root["calendar"])
        let defaults = self.defaults(root["defaults"])

        let steps = written(root["steps"], isFinal: false)
        let finals = written(root["finally"], isFinal: true)
        var subs: [Int: (plan: Plan, path: String)] = [:]
        for (index, step) in (steps + finals).enumerated() {
            let sub = step.node["playbook"].flatMap { subPlaybook($0, missing: Code.unknownPlaybook) }
            subs[index] = sub
            remember(step, known(step, sub: sub?.plan))
        }
        let stepNeeds = needs(of: steps, finals: finals)
        let finalNeeds = needs(of: finals, finals: [])
        let stepGraph = graph(stepNeeds, steps)
        let finalGraph = graph(finalNeeds, finals)
        checkOrder(stepGraph, steps)

        var planned: [PlannedStep] = []
        var plannedFinals: [PlannedStep] = []
        for (index, step) in (steps + finals).enumerated() {
            let others = step.isFinal ? finals : steps
            let needed = (step.isFinal ? finalNeeds : stepNeeds)[step.position].compactMap {
                others[$0].id.map { StepID($0) }
            }
            guard let result = check(step, needs: needed, defaults: defaults, sub: subs[index]) else { continue }
            if step.isFinal { plannedFinals.append(result) } else { planned.append(result) }
        }
        let (outputs, types) = self.outputs(root["outputs"])
        settleReadings(stepGraph, isFinal: false)
        settleReadings(finalGraph, isFinal: true)

        guard let id = root["id"]?.string, let name = root["name"]?.string, let version = root["version"]?.string else {
            return nil
        }
        var plan = Plan(
            id: id,
            name: name,
            version: version,
            phase: root["phase"]?.integer,
            summary: root["description"]?.string,
            owner: root["owner"]?.string,
            digest: digest,
            source: bytes,
            file: source.file,
            inputs: inputs,
            secrets: secrets,
            variables: variables,
            schedule: Schedule(start: root["schedule"]?.offset("start"), due: root["schedule"]?.offset("due")),
            calendar: calendar,
            concurrency: concurrency(root["concurrency"]),
            steps: planned,
            finally: plannedFinals,
            outputs: outputs
        )
        plan.outputTypes = types
        return plan
    }

    // MARK: Graph

    private func written(_ node: Node?, isFinal: Bool) -> [WrittenStep] {
        (node?.sequence ?? []).enumerated().map { position, step in
            let id = step["id"].flatMap { $0.interpolation == nil ? $0.string : nil }
            return WrittenStep(node: step, id: id, position: position, isFinal: isFinal)
        }
    }

    private mutating func remember(_ step: WrittenStep, _ known: KnownStep?) {
        guard let known else { return }
        if let first = names.steps[known.id] {
            report(
                Code.duplicateStep,
                "\(quoted(known.id)) is already the id of another step",
                at: step.place,
                help: first.isFinal == step.isFinal
                    ? "give one of them another id" : "steps of `finally` share the names of `steps`"
            )
            return
        }
        names.steps[known.id] = known
        names.stepWords.append(known.id)
    }

    /// The positions that each step waits for: the one before it, unless it says otherwise.
    private mutating func needs(of steps: [WrittenStep], finals: [WrittenStep]) -> [[Int]] {
        var positions: [String: Int] = [:]
        for step in steps { if let id = step.id, positions[id] == nil { positions[id] = step.position } }
        let finalIDs = Set(finals.compactMap(\.id))
        var result: [[Int]] = []
        result.reserveCapacity(steps.count)
        for step in steps {
            guard let given = step.node["needs"] else {
                result.append(step.position > 0 ? [step.position - 1] : [])
                continue
            }
            var needed: [Int] = []
            var seen: Set<String> = []
            for element in given.sequence ?? [] {
                guard let id = element.string, element.interpolation == nil else { continue }
                if !seen.insert(id).inserted {
                    report(Code.invalidValue, "\(quoted(id)) is needed twice", at: element.place)
                } else if id == step.id {
                    report(Code.selfDependency, "\(quoted(id)) waits for itself", at: element.place)
                } else if let position = positions[id] {
                    needed.append(position)
                } else if finalIDs.contains(id) {
                    report(
                        Code.unknownStep,
                        "\(quoted(id)) is a step of `finally`, which runs when all steps are over",
                        at: element.place
                    )
                } else {
                    let known = step.isFinal ? steps.compactMap(\.id) : names.stepWords
                    report(
                        Code.unknownStep,
                        "\(quoted(id)) is not a step",
                        at: element.place,
                        help: suggest(id, among: known, called: "steps")
                    )
                }
            }
            result.append(needed)
        }
        return result
    }

    private mutating func graph(_ needs: [[Int]], _ steps: [WrittenStep]) -> StepGraph {
        let graph = StepGraph(needs: needs)
        let cycles = graph.cycles()
        guard !cycles.isEmpty else { return graph }
        func name(_ position: Int) -> String { quoted(steps[position].id ?? "step \(position + 1)") }
        var onCycle: [Int: Int] = [:]
        for (number, cycle) in cycles.enumerated() {
            for step in cycle { onCycle[step] = number }
        }
        for (number, cycle) in cycles.enumerated() {
            let first = cycle[0]
            guard let next = needs[first].first(where: { onCycle[$0] == number }) else { continue }
            let entry = steps[first].node["needs"]?.sequence?.first { $0.string == steps[next].id }
            report(
                Code.cycle,
                "\(name(first)) waits for \(name(next)), which waits for \(cycle.count == 2 ? name(first) : "it in turn")",
                at: entry?.place ?? steps[first].place,
                help: "on the cycle: \(listed(cycle.map { steps[$0].id ?? "step \($0 + 1)" }))"
            )
        }
        let isOrdered = Set(graph.order)
        var blockers: [Int: Int] = onCycle.mapValues { cycles[$0][0] }
        // A step behind a cycle may stand before what it waits for: repeat until nothing more is learnt.
        var open = steps.indices.filter { !isOrdered.contains($0) && onCycle[$0] == nil }
        while !open.isEmpty {
            let found = open.compactMap { step in needs[step].first { blockers[$0] != nil }.map { (step, $0) } }
            if found.isEmpty { break }
            for (step, blocker) in found {
                blockers[step] = blocker
                report(
                    Code.unreachableStep,
                    "\(name(step)) never starts: it waits for \(name(blocker))",
                    at: steps[step].place,
                    help: onCycle[blocker] == nil ? nil : "\(name(blocker)) is on a cycle"
                )
            }
            open.removeAll { blockers[$0] != nil }
        }
        return graph
    }

    // MARK: Head

    mutating func inputs(_ node: Node?) -> [InputDeclaration] {
        var result: [InputDeclaration] = []
        for entry in node?.mapping ?? [] {
            let given = entry.value
            let type = given["type"]?.string.flatMap { ValueType(rawValue: $0) }
            let items = given["items"]?.string.flatMap { ValueType(rawValue: $0) }
            names.inputs[entry.name] = type?.celType(items: items) ?? .dyn
            names.defaults[entry.name] = given["default"]
            guard let type else { continue }
            var input = InputDeclaration(
                name: entry.name,
                type: type,
                items: items,
                isRequired: given["required"]?.bool ?? false,
                defaultValue: given["default"]?.json,
                allowed: (given["enum"]?.sequence ?? []).map(\.json),
                min: given["min"]?.number,
                max: given["max"]?.number,
                summary: given["description"]?.string
            )
            if let pattern = given["pattern"], let text = pattern.string, pattern.interpolation == nil {
                if Pattern.isValid(text) {
                    input.pattern = text
                } else {
                    report(
                        Code.invalidValue,
                        "\(quoted(text)) is not a regular expression",
                        at: pattern.place,
                        help: "patterns are written in the syntax of RE2"
                    )
                }
            }
            if let value = given["default"] {
                for fault in ValueRule(input).faults(in: value) {
                    report(
                        Code.defaultType,
                        fault.message,
                        at: fault.place,
                        help: fault.help
                    )
                }
            }
            result.append(input)
        }
        return result
    }

    private mutating func secrets(_ node: Node?) -> [SecretDeclaration] {
        var result: [SecretDeclaration] = []
        for entry in node?.mapping ?? [] {
            names.secrets.insert(entry.name)
            guard let from = entry.value["from"]?.string, TextRule.secretOrigin.accepts(from),
                let colon = from.firstIndex(of: ":")
            else { continue }
            let rest = String(from[from.index(after: colon)...])
            let origin: SecretDeclaration.Origin = from[..<colon] == "env" ? .environment(rest) : .file(rest)
            if case .file = origin, let place = entry.value["from"]?.place, WorkspacePath.touchesState(rest) {
                report(
                    Code.outOfBounds,
                    "the state folder of the workspace holds no secrets for playbooks",
                    at: place,
                    help: "keep the secret in a file of its own, as in `file:/run/secrets/mcp`"
                )
            }
            result.append(SecretDeclaration(name: entry.name, origin: origin))
        }
        return result
    }

    /// Variables see inputs and the run, and no other variables: their order means nothing.
    private mutating func variables(_ node: Node?) -> [(name: String, value: Template)] {
        var scope = Scope(steps: .none)
        scope.hasVariables = false
        var result: [(name: String, value: Template)] = []
        var types: [String: CELType] = [:]
        for entry in node?.mapping ?? [] {
            let (template, type) = self.template(entry.value, in: scope)
            settleMixed()
            result.append((entry.name, template))
            types[entry.name] = type
        }
        names.variables = types
        return result
    }

    private mutating func calendar(_ node: Node?) -> Calendar {
        var calendar = Calendar()
        for entry in node?.mapping ?? [] where entry.name != "freeze" {
            let days = entry.value.texts("days").compactMap {
                PlaybookGrammar.weekdays.firstIndex(of: $0).map { $0 + 1 }
            }
            let hours = entry.value["hours"]?.string.flatMap { Hours($0) }
            // A window that is half wrong is still a window that steps may name.
            calendar.windows.append(
                Calendar.Window(
                    name: entry.name,
                    days: Set(days),
                    startMinute: hours?.start ?? 0,
                    endMinute: hours?.end ?? 0,
                    zone: entry.value["tz"]?.string ?? "UTC"
                )
            )
        }
        for freeze in node?["freeze"]?.sequence ?? [] {
            guard let from = freeze["from"]?.string.flatMap({ CivilDate($0) }), let end = freeze["to"],
                let to = end.string.flatMap({ CivilDate($0) })
            else { continue }
            if to < from {
                report(
                    Code.invalidCalendar,
                    "the freeze ends before it begins on \(quoted(from.description))",
                    at: end.place,
                    help: "swap `from` and `to`"
                )
            }
            calendar.freezes.append(.init(from: from, to: to, reason: freeze["reason"]?.string ?? ""))
        }
        return calendar
    }

    private func concurrency(_ node: Node?) -> Concurrency? {
        guard let node, let group = node["group"]?.string else { return nil }
        return Concurrency(group: group, onConflict: node.choice("on-conflict") ?? .queue)
    }

    private mutating func outputs(_ node: Node?) -> ([(name: String, value: Template)], [String: CELType]) {
        let scope = Scope(steps: .all)
        var result: [(name: String, value: Template)] = []
        var types: [String: CELType] = [:]
        for entry in node?.mapping ?? [] {
            let (template, type) = self.template(entry.value, in: scope)
            settleMixed()
            result.append((entry.name, template))
            types[entry.name] = type
        }
        return (result, types)
    }
}
