package import Core
import Expressions

/// What a run of a plan would do, before it does anything.
///
/// One value behind `lockstep plan` in both its forms, so that the table and the JSON say the same.
package struct PlanOutline: Sendable {
    /// What a step does to the world outside.
    package enum Verb: String, Sendable, CaseIterable {
        case read, simulate, change, measure, ask, wait, run, skip

        /// The mark before the step in the text.
        var mark: String {
            switch self {
            case .read: "·"
            case .simulate: "≈"
            case .change: "~"
            case .measure: "?"
            case .ask: "!"
            case .wait: "…"
            case .run: "▸"
            case .skip: "-"
            }
        }
    }

    package struct Step: Sendable {
        package var id: String
        package var title: String
        package var verb: Verb
        /// `steps` or `finally`.
        package var section: String
        /// What it is: the action, the condition of the gate, who is asked.
        package var subject: String
        package var needs: [String]
        /// Whether `needs` is only the step before it.
        package var followsPrevious: Bool
        package var details: [(name: String, value: JSON.Value)]
        package var atLeast: Duration
        package var inner: [Step]
    }

    package var file: String
    package var id: String
    package var name: String
    package var version: String
    package var digest: Digest
    package var schedule: Schedule
    package var inputs: [(name: String, value: JSON.Value?)]
    package var steps: [Step]
    /// The longest chain of waits and soaks: no run can be quicker.
    package var atLeast: Duration

    /// The outline of a plan with the inputs that are known; what depends on anything else is marked as not known yet.
    package init(_ plan: Plan, catalogue: Catalogue, inputs: JSON.Object = [:]) {
        let known = KnownValues(plan, inputs: inputs)
        file = plan.file
        id = plan.id
        name = plan.name
        version = plan.version
        digest = plan.digest
        schedule = plan.schedule
        self.inputs = plan.inputs.map { ($0.name, inputs[$0.name] ?? $0.defaultValue) }
        var describer = StepDescriber(plan: plan, known: known, catalogue: catalogue)
        let main = describer.describe(plan.steps, section: "steps")
        steps = main + describer.describe(plan.finally, section: "finally")
        atLeast = StepDescriber.longest(plan.steps, main)
    }

    package func count(_ verb: Verb) -> Int {
        func count(_ steps: [Step]) -> Int { steps.reduce(0) { $0 + ($1.verb == verb ? 1 : 0) + count($1.inner) } }
        return count(steps)
    }
}

/// Turns planned steps into what people read of them.
struct StepDescriber {
    let plan: Plan
    let known: KnownValues
    let catalogue: Catalogue

    mutating func describe(_ steps: [PlannedStep], section: String) -> [PlanOutline.Step] {
        var result: [PlanOutline.Step] = []
        var previous: StepID?
        for step in steps {
            var outline = describe(step, section: section)
            outline.followsPrevious = step.needs == (previous.map { [$0] } ?? [])
            result.append(outline)
            previous = step.id
        }
        return result
    }

    private func describe(_ step: PlannedStep, section: String) -> PlanOutline.Step {
        var outline = PlanOutline.Step(
            id: step.id.text,
            title: step.name.map { known.text($0) } ?? "",
            verb: .read,
            section: section,
            subject: "",
            needs: step.needs.map(\.text),
            followsPrevious: true,
            details: [],
            atLeast: .zero,
            inner: []
        )
        if let condition = step.condition { outline.add("if", condition.source) }
        switch step.kind {
        case .action(let call):
            outline.verb = catalogue.actions[call.action]?.schema.effect == .change ? .change : .read
            outline.subject = call.action.text
            outline.addParameters(call.parameters, known)
        case .gate(let gate):
            outline.verb = .measure
            outline.subject = gate.pass.source
            describe(gate, &outline)
        case .approval(let approval): describe(approval, &outline)
        case .wait(let wait):
            outline.verb = .wait
            switch wait {
            case .duration(let duration):
                outline.subject = "for \(duration.brief)"
                outline.atLeast = duration
            case .until(let template): outline.subject = "until \(known.text(template))"
            case .window(let name): outline.subject = "until \(window(name))"
            }
        case .playbook(let sub):
            outline.verb = .run
            outline.subject = sub.path
            outline.addParameters(sub.inputs, known)
            var inputs = JSON.Object()
            for (name, template) in sub.inputs {
                let value = known.json(template)
                if value.string?.contains(KnownValues.unknown) != true { inputs[name] = value }
            }
            let inner = PlanOutline(sub.plan, catalogue: catalogue, inputs: inputs)
            outline.inner = inner.steps
            outline.atLeast = inner.atLeast
        }
        describeRest(step, &outline)
        return outline
    }

    private func describeRest(_ step: PlannedStep, _ outline: inout PlanOutline.Step) {
        switch step.preview {
        case .read?: outline.verb = .read
        case .simulate?: outline.verb = .simulate
        case .skip?: outline.verb = .skip
        case nil: break
        }
        if let loop = step.forEach {
            outline.add("for each", "\(loop.variable) in \(known.text(loop.items))")
            if let most = loop.maxParallel { outline.add("at a time", "\(most)") }
            if !loop.waves.isEmpty {
                outline.add("waves", loop.waves.map(\.text).joined(separator: " → "))
            }
        }
        if let gate = step.afterEachWave {
            outline.add("after each wave", gate.pass.source)
            if let soak = gate.soak { outline.add("after each wave holds", soak.brief) }
        }
        if let name = step.window { outline.add("window", window(name)) }
        if step.retry.max > 0 {
            outline.add(
                "retries",
                "up to \(step.retry.max), \(step.retry.backoff.rawValue) from \(step.retry.initial.brief)"
            )
        }
        if let timeout = step.timeout { outline.add("timeout", timeout.brief) }
        if case .action = step.kind, !step.evidence.controls.isEmpty {
            outline.add("evidence for", step.evidence.controls.joined(separator: ", "))
        }
        if step.continueOnError { outline.add("on error", "the run goes on") }
        if let rollback = step.rollback {
            outline.add("undone by", rollback.action.text)
        } else if outline.verb == .change {
            outline.add("undone by", "nothing")
        }
    }

    private func describe(_ gate: Gate, _ outline: inout PlanOutline.Step) {
        for metric in gate.metrics {
            let parameters = metric.parameters.map { "\($0.name): \(known.text($0.value))" }.joined(separator: ", ")
            outline.add("measures \(metric.name)", metric.source + (parameters.isEmpty ? "" : " (\(parameters))"))
        }
        if let fail = gate.fail { outline.add("fails when", fail.source) }
        if let every = gate.every {
            outline.add("every", every.brief)
            outline.atLeast = every * (max(1, gate.minSamples) - 1)
        }
        if let soak = gate.soak {
            outline.add("must hold for", soak.brief)
            outline.atLeast = max(outline.atLeast, soak)
        }
        if let within = gate.within { outline.add("within", within.brief) }
        if gate.minSamples > 1 { outline.add("samples", "at least \(gate.minSamples)") }
        let undoing = gate.rollbackTo.map { " of what comes after \($0)" } ?? ""
        outline.add("if it fails", gate.isDryRun ? "nothing (dry run)" : gate.onFail.rawValue + undoing)
        if !gate.isDryRun { outline.add("if it cannot tell", gate.onInconclusive.rawValue) }
    }

    private func describe(_ approval: Approval, _ outline: inout PlanOutline.Step) {
        outline.verb = .ask
        outline.subject = "\(approval.min) of \(approval.approvers.joined(separator: ", "))"
        if !approval.distinctFrom.isEmpty {
            let excluded = approval.distinctFrom.map { template in
                if case .expression(let expression) = template { expression.source } else { known.text(template) }
            }
            outline.add("not by", excluded.joined(separator: ", "))
        }
        for shown in approval.show { outline.add("shows", known.text(shown)) }
        if !approval.require.isEmpty {
            outline.add("each vote needs", approval.require.map(\.rawValue).sorted().joined(separator: ", "))
        }
        if let ticket = approval.ticket { outline.add("ticket", known.text(ticket)) }
        let escalation = approval.escalateTo.isEmpty ? "" : " to " + approval.escalateTo.joined(separator: ", ")
        outline.add("expires", "after \(approval.expires.brief), then \(approval.onExpiry.rawValue)\(escalation)")
    }

    private func window(_ name: String) -> String {
        guard let window = plan.calendar.windows.first(where: { $0.name == name }) else { return name }
        let days = window.days.sorted().map { PlaybookGrammar.weekdays[$0 - 1] }.joined(separator: " ")
        return "\(name) (\(days) \(clock(window.startMinute))-\(clock(window.endMinute)) \(window.zone))"
    }

    private func clock(_ minute: Int) -> String {
        func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(two(minute / 60)):\(two(minute % 60))"
    }

    /// The longest chain of least durations.
    static func longest(_ steps: [PlannedStep], _ outlines: [PlanOutline.Step]) -> Duration {
        var positions: [StepID: Int] = [:]
        for (index, step) in steps.enumerated() { positions[step.id] = index }
        let graph = StepGraph(needs: steps.map { $0.needs.compactMap { positions[$0] } })
        var ends = [Duration](repeating: .zero, count: steps.count)
        for index in graph.order {
            let start = graph.needs[index].map { ends[$0] }.max() ?? .zero
            ends[index] = start + outlines[index].atLeast
        }
        return ends.max() ?? .zero
    }
}

extension PlanOutline.Step {
    fileprivate mutating func add(_ name: String, _ text: String) {
        details.append((name, .string(text)))
    }

    fileprivate mutating func addParameters(_ parameters: [(name: String, value: Template)], _ known: KnownValues) {
        for (name, template) in parameters { details.append(("with \(name)", known.json(template))) }
    }
}

extension ForEach.Wave {
    var text: String {
        switch self {
        case .count(let count): "\(count)"
        case .percent(let share): "\(share)%"
        }
    }
}
