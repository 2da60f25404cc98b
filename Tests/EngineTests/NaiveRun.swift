import Engine

/// What a playbook comes to, told as plainly as its grammar reads: no events, no store, no clock, one thing at a time.
///
/// Written apart from the engine on purpose. Which of the things under way ends next comes from the same seed as in the
/// run that it is compared with.
struct NaiveRun {
    let book: RandomPlaybook
    var random: SeededRandom
    var states: [String: String] = [:]
    var effects: [String] = []
    var end = ""

    private var running: Set<String> = []
    private var asleep: Set<String> = []
    private var attempts: [String: Int] = [:]
    private var begun: [String: Int] = [:]
    private var undo: [String] = []
    private var hasFailed = false

    init(_ book: RandomPlaybook, order: UInt64) {
        self.book = book
        random = SeededRandom(seed: order)
        for step in book.steps + book.finals { states[step.id] = "pending" }
        if book.endsInRollback { states["check"] = "pending" }
        work(book.steps)
        end = hasFailed ? "failed" : "succeeded"
        if book.endsInRollback, !hasFailed { rollBack() }
        for final in book.finals { work([final]) }
        for name in states.keys where states[name] == "running" { states[name] = "stuck" }
    }

    /// The choice that the run's scheduler makes.
    static func pick(_ names: some Collection<String>, _ random: inout SeededRandom) -> String? {
        names.sorted().randomElement(using: &random)
    }

    private mutating func work(_ steps: [RandomPlaybook.Step]) {
        let isFinal = steps.first?.id.hasPrefix("f") ?? false
        while true {
            settle(steps, isCutOff: hasFailed && !isFinal)
            if running.isEmpty {
                guard !asleep.isEmpty else { return }
                running = asleep
                asleep = []
                continue
            }
            guard let name = Self.pick(running, &random) else { return }
            running.remove(name)
            finish(name, of: steps, mayRetry: !hasFailed || isFinal)
        }
    }

    /// Begins, closes and cuts off whatever can be, until nothing changes.
    private mutating func settle(_ steps: [RandomPlaybook.Step], isCutOff: Bool) {
        var isCutOff = isCutOff
        var before: [String: String]
        repeat {
            before = states
            for step in steps {
                if isCutOff {
                    cutOff(step)
                } else if states[step.id] == "pending", step.needs.allSatisfy(isWell) {
                    if !step.isWanted {
                        states[step.id] = "skipped"
                    } else {
                        states[step.id] = "running"
                        if step.items.isEmpty { running.insert(step.id) }
                    }
                }
                if states[step.id] == "running", !step.items.isEmpty, !isCutOff { attend(step) }
                if states[step.id] == "failed", !step.continueOnError { (hasFailed, isCutOff) = (true, true) }
            }
        } while states != before
    }

    private func isWell(_ id: String) -> Bool {
        let state = states[id] ?? ""
        let forgives = book.steps.first { $0.id == id }?.continueOnError ?? false
        return state == "succeeded" || state == "skipped" || (state == "failed" && forgives)
    }

    private mutating func attend(_ step: RandomPlaybook.Step) {
        let failed = step.instances.contains { states[$0] == "failed" || states[$0] == "cancelled" }
        if failed && step.failFast {
            for name in step.instances where asleep.contains(name) { cancel(name) }
            if running.isDisjoint(with: step.instances) { states[step.id] = "failed" }
            return
        }
        let over = step.instances.count { ["succeeded", "failed", "cancelled"].contains(states[$0]) }
        if over == step.instances.count {
            states[step.id] = failed ? "failed" : "succeeded"
            return
        }
        let wave = over < step.firstWave ? step.firstWave : step.instances.count
        var active = running.union(asleep).intersection(step.instances).count
        while begun[step.id, default: 0] < wave, active < step.parallel {
            let name = step.instances[begun[step.id, default: 0]]
            begun[step.id, default: 0] += 1
            active += 1
            states[name] = "running"
            running.insert(name)
        }
    }

    private mutating func cutOff(_ step: RandomPlaybook.Step) {
        for name in step.instances where asleep.contains(name) { cancel(name) }
        guard !step.items.isEmpty, states[step.id] == "running", running.isDisjoint(with: step.instances) else {
            return
        }
        states[step.id] = "cancelled"
    }

    private mutating func cancel(_ name: String) {
        asleep.remove(name)
        states[name] = "cancelled"
        undo.append(name)
    }

    private mutating func finish(_ name: String, of steps: [RandomPlaybook.Step], mayRetry: Bool) {
        guard let step = steps.first(where: { $0.instances.contains(name) }) else { return }
        attempts[name, default: 0] += 1
        let tries = attempts[name, default: 0]
        if let failure = book.failures[name], tries <= failure.times {
            if mayRetry, !failure.isPermanent, tries <= step.retries {
                asleep.insert(name)
                return
            }
            states[name] = "failed"
        } else {
            states[name] = "succeeded"
            effects.append(name)
        }
        undo.append(name)
    }

    private mutating func rollBack() {
        states["check"] = "failed"
        end = "rolled-back"
        for name in undo.reversed() {
            let step = book.steps.first { $0.instances.contains(name) }
            states["rollback:" + name] = step?.hasRollback ?? false ? "succeeded" : "skipped"
            if step?.hasRollback ?? false { effects.append("rollback:" + name) }
        }
    }
}
