import Core
import Expressions
import Ledger
import Playbooks

extension Session {
    /// Stages everything that needs nothing from outside, and returns the effects that do.
    mutating func plan(_ inFlight: Set<StepInstance>) throws -> [Effect] {
        var effects: [Effect] = []
        var busy = inFlight
        while true {
            let before = stagedCount
            for work in machine.next(now: now, inFlight: busy) {
                guard let effect = try stage(work) else { continue }
                effects.append(effect)
                busy.insert(effect.instance)
            }
            if stagedCount == before { return effects }
        }
    }

    private mutating func stage(_ work: Work) throws -> Effect? {
        switch work {
        case .begin(let name): return try begin(name)
        case .proceed(let name): return try proceed(name)
        case .recover(let name): return try recover(name)
        case .child(let name, let run):
            guard !skipsChildren.contains(name) else { return nil }
            return try child(name, run)
        case .cancel(let name):
            try cancel(name)
        case .close(let name): try close(name)
        case .finish(let state, let reason): try finish(state, reason)
        }
        return nil
    }

    func context(_ name: StepInstance) -> RunContext {
        var context = RunContext(machine: machine, facts: engine.facts, now: now)
        guard let position = machine.graph.positions[name.base] else { return context }
        let step = machine.graph.steps[position]
        if name.role != .after, let item = name.item, let loop = step.forEach,
            let value = machine.groups[position]?.items.first(where: { $0.key == item })?.value
        {
            context.loop = (loop.variable, value)
        }
        if let gate = machine.gate(of: name) { context.subject = gate.subject }
        return context
    }

    mutating func fail(_ name: StepInstance, _ error: StepError) throws {
        try stage(.failed(name, error, retry: nil))
    }

    // MARK: - Beginning

    private mutating func begin(_ name: StepInstance) throws -> Effect? {
        guard let step = machine.step(name.base) else { return nil }
        switch name.role {
        case .after:
            try stage(.gateOpened(name))
            return try sample(name)
        case .cancel:
            guard let call = step.onCancel else { return nil }
            return try call_(name, call, step)
        case .rollback: return try undo(name, step)
        case .work: break
        }
        do throws(StepError) {
            if name.item == nil, let condition = step.condition, try !context(name).truth(condition) {
                return try skipUnmet(name, condition)
            }
        } catch {
            try fail(name, error)
            return nil
        }
        if name.item == nil, let loop = step.forEach {
            try expand(name, loop)
            return nil
        }
        return try enter(name, step)
    }

    private mutating func skipUnmet(_ name: StepInstance, _ condition: Expression) throws(StepError) -> Effect? {
        do {
            try stage(.skipped(name, reason: "`\(condition.source)` is false", by: nil))
        } catch {
            throw StepError(.permanent, error.description)
        }
        return nil
    }

    /// Waits for the window where there is one, then starts the work.
    private mutating func enter(_ name: StepInstance, _ step: PlannedStep) throws -> Effect? {
        guard let window = step.window else { return try start(name, step) }
        guard let opening = machine.plan.calendar.nextOpening(window, from: now) else {
            try fail(name, StepError(.permanent, "window `\(window)` does not open within two years"))
            return nil
        }
        if opening <= now { return try start(name, step) }
        try wait(name, .window, until: opening, note: "window \(window)")
        return nil
    }

    mutating func wait(
        _ name: StepInstance,
        _ kind: RunEvent.Pending.Kind,
        until due: Core.Timestamp,
        note: String? = nil
    ) throws {
        try stage(.waits(name, pending(name, kind, until: due, note: note)))
    }

    func pending(
        _ name: StepInstance,
        _ kind: RunEvent.Pending.Kind,
        until due: Core.Timestamp,
        note: String? = nil
    ) -> RunEvent.Pending {
        RunEvent.Pending(
            kind: kind,
            generation: (machine.instances[name]?.generation ?? 0) + 1,
            due: due,
            note: note
        )
    }

    private mutating func start(_ name: StepInstance, _ step: PlannedStep) throws -> Effect? {
        switch step.kind {
        case .action(let call): return try call_(name, call, step)
        case .gate:
            try stage(.gateOpened(name))
            return try sample(name)
        case .approval(let approval): try ask(name, approval)
        case .wait(let wait): try begin(wait, name)
        case .playbook(let sub): try begin(sub, name)
        }
        return nil
    }

    private mutating func begin(_ wait: Wait, _ name: StepInstance) throws {
        var due: Core.Timestamp?
        var note: String?
        switch wait {
        case .duration(let duration): due = now + duration
        case .until(let template):
            do throws(StepError) {
                let text = try context(name).text(template)
                due = Core.Timestamp(rfc3339: text)
                if due == nil { throw StepError(.permanent, "`\(text)` is no moment in the form of RFC 3339") }
            } catch {
                return try fail(name, error)
            }
        case .window(let window):
            due = machine.plan.calendar.nextOpening(window, from: now)
            note = "window \(window)"
        }
        guard let due else {
            return try fail(name, StepError(.permanent, "the window does not open within two years"))
        }
        guard due > now else { return try stage(.succeeded(name, ActionResult(outputs: [:]))) }
        try self.wait(name, .wait, until: due, note: note)
    }

    private mutating func expand(_ name: StepInstance, _ loop: ForEach) throws {
        let items: [RunEvent.Item]
        do throws(StepError) {
            items = try Self.items(try context(name).resolve(loop.items))
        } catch {
            return try fail(name, error)
        }
        guard !items.isEmpty else {
            return try stage(.succeeded(name, ActionResult(outputs: [:], summary: "there are no items")))
        }
        try stage(.expanded(name, items: items, waves: loop.ends(of: items.count)))
    }

    /// Each item with a key that people recognise: its text, or its `id` or `name`, or its place.
    private static func items(_ value: JSON.Value) throws(StepError) -> [RunEvent.Item] {
        guard let elements = value.array else {
            throw StepError(.permanent, "`for-each` needs a list, this is of type \(value.kindName)")
        }
        var seen: [String: Int] = [:]
        return elements.enumerated().map { index, element in
            var key = element.string ?? element["id"]?.string ?? element["name"]?.string
            if key == nil, case .integer(let number) = element { key = String(number) }
            let text = key ?? String(index + 1)
            seen[text, default: 0] += 1
            let count = seen[text] ?? 1
            return RunEvent.Item(key: count == 1 ? text : "\(text)#\(count)", value: element)
        }
    }

    // MARK: - Going on

    private mutating func proceed(_ name: StepInstance) throws -> Effect? {
        guard let step = machine.step(name.base), let instance = machine.instances[name] else { return nil }
        switch instance.pending?.kind {
        case .retry: return try again(name, step)
        case .window: return try enter(name, step)
        case .wait: try stage(.succeeded(name, ActionResult(outputs: [:])))
        case .sample: return try sample(name)
        case .expiry: try expire(name, step)
        case nil:
            if machine.gate(of: name) != nil {
                if instance.gate == nil { try stage(.gateOpened(name)) }
                return try sample(name)
            }
            if case .approval(let approval) = step.kind {
                if instance.approval == nil { try ask(name, approval) }
                return nil
            }
            return try start(name, step)
        }
        return nil
    }

    private mutating func again(_ name: StepInstance, _ step: PlannedStep) throws -> Effect? {
        switch name.role {
        case .cancel: return try step.onCancel.map { try call_(name, $0, step) } ?? nil
        case .rollback: return try step.rollback.map { try call_(name, $0, step) } ?? nil
        case .work, .after: return try start(name, step)
        }
    }

    private mutating func recover(_ name: StepInstance) throws -> Effect? {
        guard let step = machine.step(name.base) else { return nil }
        guard let attempt = machine.instances[name]?.attempt else {
            // Nothing was intended yet.
            return name.role == .work ? try start(name, step) : try again(name, step)
        }
        return try recall(name, attempt, step, mayRepeat: false)
    }

    private mutating func undo(_ name: StepInstance, _ step: PlannedStep) throws -> Effect? {
        if case .playbook = step.kind {
            guard let child = machine.instances[StepInstance(step.id, item: name.item)]?.child else {
                try stage(.skipped(name, reason: "nothing to undo: it never ran", by: nil))
                return nil
            }
            if try engine.ledger.run(child)?.state != .rolledBack {
                _ = try engine.command(
                    .rollback(to: nil, reason: machine.reason ?? "the run above rolls back"),
                    run: child,
                    by: "lockstep"
                )
            }
            try stage(.childStarted(name, child))
            return nil
        }
        guard let call = step.rollback else {
            try stage(.skipped(name, reason: "nothing to undo: the step has no `rollback`", by: nil))
            return nil
        }
        return try call_(name, call, step)
    }

    private mutating func cancel(_ name: StepInstance) throws {
        if machine.instances[name]?.approval?.isOpen ?? false {
            try stage(.approvalDecided(name, .withdrawn, note: machine.reason ?? "the step was cancelled"))
        }
        try stage(.cancelled(name))
    }

    /// Ends a `for-each`: each output becomes a map from item to value.
    private mutating func close(_ name: StepInstance) throws {
        guard let position = machine.graph.positions[name.base], let group = machine.groups[position] else { return }
        guard group.failed == 0 else {
            let lost = group.items.first { machine.instances[StepInstance(name.step, item: $0.key)]?.state == .failed }
            let message = lost.flatMap { machine.instances[StepInstance(name.step, item: $0.key)]?.error?.message }
            return try fail(
                name,
                StepError(
                    .permanent,
                    "\(group.failed) of \(group.items.count) items failed" + (message.map { ": \($0)" } ?? "")
                )
            )
        }
        var outputs: [(key: String, value: JSON.Object)] = []
        for item in group.items {
            for (key, value) in machine.instances[StepInstance(name.step, item: item.key)]?.outputs ?? [:] {
                if let index = outputs.firstIndex(where: { $0.key == key }) {
                    outputs[index].value[item.key] = value
                } else {
                    outputs.append((key, [item.key: value]))
                }
            }
        }
        try stage(
            .succeeded(
                name,
                ActionResult(
                    outputs: JSON.Object(outputs.map { ($0.key, .object($0.value)) }),
                    summary: "\(group.items.count) items"
                )
            )
        )
    }

    private mutating func finish(_ state: RunState, _ reason: String?) throws {
        guard state == .succeeded else { return try stage(.ended(state, reason: reason, outputs: [:])) }
        do throws(StepError) {
            let outputs = try RunContext(machine: machine, facts: engine.facts, now: now).resolve(machine.plan.outputs)
            try end(state, reason, outputs)
        } catch {
            try stage(.ended(.failed, reason: "the outputs cannot be given: \(error.message)", outputs: [:]))
        }
    }

    private mutating func end(_ state: RunState, _ reason: String?, _ outputs: JSON.Object) throws(StepError) {
        do { try stage(.ended(state, reason: reason, outputs: outputs)) } catch {
            throw StepError(.permanent, error.description)
        }
    }
}

extension ForEach {
    /// Where each wave ends, counted from the first item; the last one is the end of the list.
    package func ends(of count: Int) -> [Int] {
        var ends: [Int] = []
        for wave in waves {
            let end =
                switch wave {
                case .count(let number): number
                case .percent(let share): (count * share + 99) / 100
                }
            let bounded = min(max(end, 0), count)
            if bounded > ends.last ?? 0 { ends.append(bounded) }
        }
        if ends.last ?? 0 < count { ends.append(count) }
        return ends
    }
}
