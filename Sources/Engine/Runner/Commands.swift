package import Core
import Ledger
import Playbooks

/// What a person may ask of a run.
package enum RunCommand: Sendable, Hashable {
    case pause(reason: String)
    case resume
    case cancel(reason: String)
    case skip(StepInstance, reason: String)
    /// A reason stays with the run where one is given.
    case retry(from: StepID, reason: String? = nil)
    /// Undo what was done after a step, or all of it; ignores windows and gates.
    case rollback(to: StepID?, reason: String)
    case vote(StepInstance, Ballot)
    /// Measure a waiting gate now instead of at its next time; its rules stay as they are.
    case measure(StepInstance)
}

/// Whether a command was carried out, or left for the process that advances the run.
package enum Delivery: Sendable, Hashable {
    case applied
    case posted
}

extension RunMachine {
    /// Why a command cannot be carried out in this state; nothing when it can.
    package func refusal(of command: RunCommand) -> Diagnostic? {
        let state = state(isBusy: false)
        func refuse(_ code: String, _ message: String, help: String? = nil) -> Diagnostic {
            Diagnostic(code: code, message: message, help: help)
        }
        let over = refuse("run.over", "run `\(run)` is \(state.rawValue) already")
        let ending = refuse("run.ending", "run `\(run)` is \(state.rawValue)")
        switch command {
        case .pause:
            if end != nil { return over }
            if mode != .normal { return ending }
            return pause == nil ? nil : refuse("run.paused", "run `\(run)` is paused already")
        case .resume:
            if end != nil { return over }
            let isHeld = pause != nil || attention != nil || question != nil
            return isHeld ? nil : refuse("run.not-paused", "run `\(run)` is not paused, it is \(state.rawValue)")
        case .cancel:
            if end != nil { return over }
            return mode == .normal ? nil : ending
        case .skip(let name, _):
            if end != nil { return over }
            if mode != .normal, !name.role.isCleaning { return ending }
            return refusal(ofSkipping: name)
        case .retry(let step, _):
            if end?.state == .succeeded || end?.state == .rolledBack { return over }
            if end == nil, mode != .normal { return ending }
            guard let position = graph.positions[step], position < graph.finalStart else {
                return refuse("step.unknown", "`\(step)` is no step of `\(plan.id)`")
            }
            let isRunning = open.keys.contains { $0.base == step && instances[$0]?.state == .running }
            guard end != nil || !isRunning else { return refuse("step.running", "`\(step)` is running") }
            let unmet = unmetNeed(of: position)
            return unmet.map {
                refuse(
                    "step.not-reached",
                    "`\(step)` needs `\(graph.steps[$0].id)`, which is not done",
                    help: "retry from `\(graph.steps[$0].id)`"
                )
            }
        case .rollback(let step, _):
            if case .rollingBack = mode { return end == nil ? ending : over }
            if end?.state == .rolledBack { return over }
            if case .cancelling = mode, end == nil { return ending }
            guard let step, graph.positions[step] == nil else { return nil }
            return refuse("step.unknown", "`\(step)` is no step of `\(plan.id)`")
        case .vote(let name, _):
            if end != nil { return over }
            guard instances[name]?.approval?.isOpen ?? false else {
                return refuse(VoteRefusal.Code.notOpen.rawValue, "`\(name)` waits for no vote")
            }
            return nil
        case .measure(let name):
            if end != nil { return over }
            if mode != .normal { return ending }
            if pause != nil {
                return refuse("run.paused", "run `\(run)` is paused", help: "lockstep resume \(run)")
            }
            return refusal(ofMeasuring: name)
        }
    }

    private func refusal(ofSkipping name: StepInstance) -> Diagnostic? {
        guard graph.positions[name.base] != nil, name.item == nil || instances[name] != nil else {
            return Diagnostic(
                code: "step.unknown",
                message: "`\(name)` is no step of `\(plan.id)`",
                help: nearest(to: name.step.text, in: graph.steps.map(\.id.text)).map { "did you mean `\($0)`?" }
            )
        }
        if let refusal = refusal(ofPassing: name) { return refusal }
        switch instances[name]?.state ?? .pending {
        case .running: return Diagnostic(code: "step.running", message: "`\(name)` is running")
        case .failed where name.role.isCleaning: return nil
        case .succeeded, .failed, .skipped, .cancelled:
            return Diagnostic(
                code: "step.over",
                message: "`\(name)` is \(instances[name]?.state.rawValue ?? "") already"
            )
        case .waiting, .needsAttention: return nil
        case .pending:
            // Leaving out a step must not jump over what it waits for: an open approval before it would be passed by.
            guard !name.role.isCleaning, let position = graph.positions[name.base], let need = unmetNeed(of: position)
            else { return nil }
            return Diagnostic(
                code: "step.not-reached",
                message: "`\(name)` needs `\(graph.steps[need].id)`, which is not done",
                help: "skip it when its turn has come"
            )
        }
    }

    /// Why a step may not be left out by whoever can write the state: it is there to hold such a person up.
    ///
    /// Votes are signed and counted, a skip is not; so an approval ends by votes or with its run, and a gate that does
    /// not pass only by an exception, which has an owner, a reason and an end. A playbook below is as good as what it holds.
    private func refusal(ofPassing name: StepInstance) -> Diagnostic? {
        guard !name.role.isCleaning, !(instances[name]?.state.isTerminal ?? false), let step = step(name.base) else {
            return nil
        }
        if gate(of: name) != nil || (name.role == .work && step.afterEachWave != nil) {
            return Diagnostic(
                code: "gate.not-skippable",
                message: "`\(name)` is a gate, and a gate cannot be skipped",
                help: "waive it with `lockstep exception add gate:\(run)/\(name)`, which says how to go on"
            )
        }
        switch step.kind {
        case .approval:
            return Diagnostic(
                code: "approval.not-skippable",
                message: "`\(name)` is an approval, and an approval cannot be skipped",
                help: "decide it with `lockstep approve` or `lockstep reject`, or end the run with `lockstep cancel`"
            )
        case .playbook(let sub):
            guard let check = sub.plan.firstCheck else { return nil }
            return Diagnostic(
                code: "playbook.not-skippable",
                message: "`\(name)` cannot be skipped: `\(check)` of `\(sub.plan.id)` is an approval or a gate",
                help: "let it run, or end the run with `lockstep cancel`"
            )
        case .action, .gate, .wait: return nil
        }
    }

    /// The first step that must have ended well before this one and has not.
    private func unmetNeed(of position: Int) -> Int? {
        graph.needs[position].first { position in
            let need = instances[StepInstance(graph.steps[position].id)]
            return need?.state != .succeeded && need?.state != .skipped
                && !(need?.state == .failed && graph.steps[position].bearsFailure)
        }
    }
}

extension Plan {
    /// The first approval or gate in it or below it.
    fileprivate var firstCheck: String? {
        for step in steps + finally {
            switch step.kind {
            case .approval, .gate: return step.id.text
            case .playbook(let sub): if let below = sub.plan.firstCheck { return "\(step.id)/\(below)" }
            case .action, .wait: if step.afterEachWave != nil { return step.id.text }
            }
        }
        return nil
    }
}

extension Session {
    /// Carries out a command that `refusal` lets through.
    mutating func apply(_ command: RunCommand, by person: String) throws {
        if let refusal = machine.refusal(of: command) { throw InvalidInput([refusal]) }
        switch command {
        case .pause(let reason): try stage(.paused(by: person, reason: reason))
        case .resume: try stage(.resumed(by: person))
        case .cancel(let reason): try stage(.cancelRequested(by: person, reason: reason))
        case .skip(let name, let reason):
            try stage(.skipped(name, reason: reason, by: person))
        case .retry(let step, let reason):
            // A run that is over has given its group away.
            let other = machine.end == nil ? nil : try engine.runAhead(of: machine.plan, machine.run, by: person)
            try voidWhatFollows(step, by: person)
            try stage(.retried(from: step, reason: reason, by: person))
            if let other { try stage(.queued(behind: other)) }
        case .measure(let name): try hasten(name, by: person)
        case .rollback(let step, let reason): try stage(.rollbackRequested(by: person, reason: reason, to: step))
        case .vote(let name, let ballot):
            do {
                try vote(name, ballot)
            } catch let refusal as VoteRefusal {
                throw InvalidInput([refusal.diagnostic])
            }
        }
        skipsChildren = []
    }

    /// Withdraws open questions from a step on and ends the runs below it: what was said there was said of other work.
    private mutating func voidWhatFollows(_ step: StepID, by person: String) throws {
        guard let start = machine.graph.positions[step] else { return }
        let again = Set(machine.graph.descendants(of: start).map { machine.graph.steps[$0].id })
        for name in machine.open.keys.sorted() where again.contains(name.base) {
            if machine.instances[name]?.approval?.isOpen ?? false {
                try stage(.approvalDecided(name, .withdrawn, note: "`\(step)` is done again, as \(person) asked"))
            }
            guard name.base != step, let child = machine.instances[name]?.child else { continue }
            do {
                _ = try engine.command(.cancel(reason: "`\(step)` above it is done again"), run: child, by: person)
            } catch is InvalidInput {}
        }
    }
}

extension Engine {
    /// Carries out a command now, or leaves it for the process that holds the run's lease.
    ///
    /// Pause, resume and cancel reach the runs below. `advance` goes on from there.
    ///
    /// - Throws: `InvalidInput` when the run's state does not allow it.
    package func command(_ command: RunCommand, run: RunID, by person: String) throws -> Delivery {
        guard let record = try ledger.run(run) else {
            throw InvalidInput([Diagnostic(code: "run.unknown", message: "there is no run `\(run)`")])
        }
        if command == .resume, record.state != .paused, record.state != .needsAttention {
            // What is held lies below: whoever resumes the whole means that.
            let held = try heldRuns(below: run)
            for below in held { _ = try self.command(command, run: below, by: person) }
            if !held.isEmpty { return .applied }
        }
        let plan = try pinnedPlan(of: record)
        let (token, expected): (String, Timestamp?)
        do throws(LedgerError) {
            (token, expected) = try take(run)
        } catch {
            guard error.code == .leased else { throw error }
            let delivery = try post(command, run, plan, by: person)
            try passOn(command, of: record, by: person)
            return delivery
        }
        defer { try? ledger.release(run, token: token) }
        var session = try openForCommand(run, plan: plan, token: token)
        session.expectedTime = expected
        try noteClock(&session)
        // A jump of the clock stays recorded also when the command is refused.
        if session.hasNews { try session.commit(isBusy: record.state == .running) }
        try session.apply(command, by: person)
        // Where something can be done now, `tick` finds the run even if this process ends before it advances it.
        try session.commit(isBusy: !session.machine.next(now: clock.now(), inFlight: []).isEmpty)
        try passOn(command, of: record, by: person)
        return .applied
    }

    private func heldRuns(below run: RunID) throws(LedgerError) -> [RunID] {
        var held: [RunID] = []
        for child in try ledger.children(of: run) where !child.state.isTerminal {
            if child.state == .paused || child.state == .needsAttention {
                held.append(child.id)
            } else {
                held += try heldRuns(below: child.id)
            }
        }
        return held
    }

    /// Pause, resume and cancel reach the runs below, a retry the runs above.
    private func passOn(_ command: RunCommand, of record: RunRecord, by person: String) throws {
        switch command {
        case .pause, .resume, .cancel:
            for child in try ledger.children(of: record.id) where !child.state.isTerminal {
                // A run below that is in that state already is no fault of this command.
                do { _ = try self.command(command, run: child.id, by: person) } catch is InvalidInput {}
            }
        case .retry(_, let reason):
            guard let parent = record.parent, try ledger.run(parent.run)?.state.isTerminal ?? false else { return }
            do {
                _ = try self.command(
                    .retry(from: parent.instance.step, reason: reason),
                    run: parent.run,
                    by: person
                )
            } catch is InvalidInput {}
        default: break
        }
    }

    private func post(_ command: RunCommand, _ run: RunID, _ plan: Plan, by person: String) throws -> Delivery {
        let machine = try open(run, plan: plan, token: "").machine
        if let refusal = machine.refusal(of: command) { throw InvalidInput([refusal]) }
        if case .vote(let name, let ballot) = command {
            do throws(VoteRefusal) {
                _ = try proven(ballot, run, name)
                try machine.instances[name]?.approval?.check(ballot, people: people, now: clock.now())
            } catch {
                throw InvalidInput([error.diagnostic])
            }
        }
        var body = command.json
        body["by"] = .string(person)
        try ledger.post(body, to: run, at: clock.now())
        return .posted
    }

    /// Takes in what other processes asked for while this one holds the lease.
    func takeRequests(_ session: inout Session) throws {
        for request in try ledger.requests(to: session.machine.run) {
            session.done(request: request.id)
            // Without a body it carries no seal of this workspace: somebody wrote it past the program.
            guard let body = request.body, let command = RunCommand(body), let person = body["by"]?.string else {
                continue
            }
            // It was allowed when it was posted; what happened since may have overtaken it.
            do { try session.apply(command, by: person) } catch is InvalidInput {}
        }
    }
}
