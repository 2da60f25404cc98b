import Core
import Ledger
import Playbooks

/// An event that does not fit its plan: the run is set aside, the others go on.
package struct MachineFault: Error, Sendable, Hashable, CustomStringConvertible {
    package var description: String
}

extension RunMachine {
    /// Takes in what happened.
    package mutating func apply(_ event: RunEvent) throws(MachineFault) {
        sequence += 1
        lastEvent = max(lastEvent, event.time)
        switch event.body {
        case .created(let inputs, let startedBy, let digest, let origin):
            self.inputs = inputs
            self.digest = digest
            self.origin = origin
            self.startedBy = startedBy
            created = event.time
        case .queued(let other): queuedBehind = other
        case .dequeued: queuedBehind = nil
        case .paused(let by, let reason): pause = (by, reason)
        case .resumed: resume()
        case .cancelRequested(_, let reason):
            mode = .cancelling(reason: reason)
            liftHolds()
        case .rollbackRequested(_, let reason, let step):
            mode = .rollingBack(reason: reason, to: step)
            end = nil
            for final in graph.steps[graph.finalStart...] { forget(StepInstance(final.id)) }
            liftHolds()
        case .retried(let step, _, _): try retry(from: step)
        case .attention(let reason): attention = reason
        case .clockJumped:
            clockJump = lastEvent
            for name in open.keys { instances[name]?.gate?.noteClock() }
        case .ended(let state, let reason, let outputs): end = (state, reason, outputs)
        default:
            guard let name = event.instance, let position = graph.positions[name.base] else {
                throw MachineFault(
                    description: "event \(sequence) is about `\(event.instance?.description ?? "")`, which is no step"
                )
            }
            apply(event, to: name, at: position)
        }
    }

    private mutating func apply(_ event: RunEvent, to name: StepInstance, at position: Int) {
        switch event.body {
        case .started(_, let attempt):
            start(name, position, attempt, at: event.time)
        case .succeeded(_, let result):
            succeed(name, position, result, at: event.time)
            finish(name, position, .succeeded, event)
        default: applyRarer(event, to: name, at: position)
        }
    }

    private mutating func applyRarer(_ event: RunEvent, to name: StepInstance, at position: Int) {
        var instance = instances[name] ?? Instance()
        if open[name] == nil, instance.state == .pending { begin(name, position) }
        if instance.started == nil { instance.started = event.time }
        switch event.body {
        case .expanded(_, let items, let waves):
            instance.state = .running
            groups[position] = Group(items: items, ends: waves)
        case .waits(_, let pending):
            instance.state = .waiting
            instance.pending = pending
            instance.generation = pending.generation
        case .asked(_, let question):
            instance.state = .needsAttention
            instance.question = question
        case .childStarted(_, let run):
            instance.state = .running
            instance.child = run
            instance.attempts += 1
        case .failed(_, let error, let retry?):
            instance.error = error
            instance.state = .waiting
            instance.pending = retry
            instance.generation = retry.generation
            instance.attempt = nil
        case .gateOpened, .sampled, .decided, .approvalOpened, .voted, .escalated, .approvalDecided:
            checkpoint(event, name, position, &instance)
        case .failed(_, let error, nil):
            instance.error = error
            instances[name] = instance
            return finish(name, position, .failed, event)
        case .skipped(_, let reason, let by):
            instance.summary = reason
            instance.actor = by
            instances[name] = instance
            return finish(name, position, .skipped, event)
        case .cancelled:
            instances[name] = instance
            return finish(name, position, .cancelled, event)
        default: break
        }
        instances[name] = instance
    }

    private func checkpoint(
        _ event: RunEvent,
        _ name: StepInstance,
        _ position: Int,
        _ instance: inout Instance
    ) {
        switch event.body {
        case .gateOpened:
            instance.state = .waiting
            instance.result = nil
            instance.pending = nil
            guard let gate = gate(of: name) else { return }
            instance.gate = GateMachine(GateMachine.Limits(gate), opened: event.time)
        case .sampled(_, let sample, _, let next):
            _ = instance.gate?.take(sample)
            instance.samples += 1
            instance.pending = next
            if let next { instance.generation = next.generation }
        case .decided(_, let result, _, let waiver):
            instance.result = result.rawValue
            instance.waiver = waiver
            instance.verdicts += 1
            instance.pending = nil
        case .approvalOpened(let record):
            instance.state = .waiting
            instance.result = nil
            instance.approval = ApprovalMachine(record)
            instance.questions = record.generation
            instance.generation += 1
            instance.pending = RunEvent.Pending(
                kind: .expiry,
                generation: instance.generation,
                due: record.expires
            )
        case .voted(let vote): instance.approval?.votes.append(vote)
        case .escalated(_, let approvers, let expires):
            instance.approval?.record.approvers = approvers
            instance.approval?.record.expires = expires
            instance.approval?.isEscalated = true
            instance.generation += 1
            instance.pending = RunEvent.Pending(kind: .expiry, generation: instance.generation, due: expires)
        case .approvalDecided(_, let state, let note):
            instance.approval?.record.state = state
            instance.approval?.record.decided = event.time
            instance.approval?.record.note = note
            instance.result = state.rawValue
            instance.pending = nil
            instance.actor = instance.approval?.standing.map(\.person.text).joined(separator: ", ")
        default: break
        }
    }

    /// The gate that an instance asks: its step's own, or the one after each wave.
    func gate(of name: StepInstance) -> Gate? {
        guard let step = step(name.base) else { return nil }
        if name.role == .after { return step.afterEachWave }
        if case .gate(let gate) = step.kind { return gate }
        return nil
    }

    mutating func begin(_ name: StepInstance, _ position: Int) {
        open[name] = sequence
        guard name.role == .work else { return }
        if name.item == nil {
            if let index = ready.firstIndex(of: position) { ready.remove(at: index) }
        } else {
            groups[position]?.begun += 1
            groups[position]?.active += 1
        }
    }

    private mutating func finish(_ name: StepInstance, _ position: Int, _ state: StepState, _ event: RunEvent) {
        open[name] = nil
        instances[name]?.close(state, at: event.time)
        let step = graph.steps[position]
        switch name.role {
        case .rollback, .cancel:
            if state == .failed, attention == nil {
                attention = "`\(name)` failed: \(instances[name]?.error?.message ?? "")"
            }
            if state == .skipped { attention = nil }
        case .after:
            groups[position]?.wave += 1
            if state == .failed { groups[position]?.failed += 1 }
        case .work where name.item != nil:
            groups[position]?.active -= 1
            groups[position]?.finished += 1
            if state == .failed || state == .cancelled { groups[position]?.failed += 1 }
            closeWaves(position)
            note(name, step, state)
        case .work:
            if groups[position] == nil { note(name, step, state) }
            finishStep(name, position, step, state)
        }
    }

    /// Remembers what may have to be undone or cleared up later.
    private mutating func note(_ name: StepInstance, _ step: PlannedStep, _ state: StepState) {
        switch state {
        case .succeeded:
            if isUndoable(step) { done.append(name) }
        case .failed:
            // An attempt that failed may have done a part of its work.
            if isUndoable(step), instances[name]?.attempts ?? 0 > 0 { done.append(name) }
        case .cancelled:
            if isUndoable(step), instances[name]?.attempts ?? 0 > 0 { done.append(name) }
            if step.onCancel != nil { cutOff.append(name) }
        default: break
        }
    }

    private func isUndoable(_ step: PlannedStep) -> Bool {
        switch step.kind {
        case .action, .playbook: true
        case .gate, .approval, .wait: false
        }
    }

    /// Passes over the ends of waves after which nothing is asked.
    mutating func closeWaves(_ position: Int) {
        guard var group = groups[position] else { return }
        let asks = graph.steps[position].afterEachWave != nil
        while group.wave < group.ends.count, group.finished >= group.ends[group.wave], !asks { group.wave += 1 }
        groups[position] = group
    }

    private mutating func finishStep(
        _ name: StepInstance,
        _ position: Int,
        _ step: PlannedStep,
        _ state: StepState
    ) {
        guard position < graph.finalStart else {
            if state == .failed, !step.bearsFailure, failure == nil {
                failure = "`\(name)` failed: \(instances[name]?.error?.message ?? "")"
            }
            return
        }
        unfinished -= 1
        let isWell = state == .succeeded || state == .skipped || (state == .failed && step.bearsFailure)
        guard isWell else {
            if state == .failed, failure == nil {
                failure = "`\(name)` failed: \(instances[name]?.error?.message ?? "")"
            }
            return
        }
        for next in graph.dependents[position] {
            unmet[next] -= 1
            // A step that was skipped ahead of its time does not begin any more.
            let isOver = instances[StepInstance(graph.steps[next].id)]?.state.isTerminal ?? false
            if unmet[next] == 0, !isOver { ready.append(next) }
        }
    }

    // MARK: - Commands of people

    private mutating func resume() {
        pause = nil
        attention = nil
        for (name, instance) in instances where instance.state == .failed && name.role.isCleaning {
            // What could not be undone is tried again.
            forget(name)
        }
        for (name, instance) in instances where open[name] != nil {
            if instance.state == .needsAttention {
                // Looked at again: the effect may be known by now.
                instances[name]?.state = .running
                instances[name]?.question = nil
            }
            guard instance.state == .waiting, instance.result != nil else { continue }
            // The question is asked anew; the old answer stays in the ledger.
            instances[name]?.gate = nil
            instances[name]?.approval = nil
            instances[name]?.result = nil
            instances[name]?.generation += 1
        }
    }

    private mutating func liftHolds() {
        pause = nil
        attention = nil
        queuedBehind = nil
    }

    private mutating func retry(from step: StepID) throws(MachineFault) {
        guard let start = graph.positions[step] else {
            throw MachineFault(description: "event \(sequence) retries `\(step)`, which is no step")
        }
        liftHolds()
        end = nil
        failure = nil
        mode = .normal
        cutOff = []
        let again = graph.descendants(of: start).filter { $0 < graph.finalStart }
        let keepsItems = instances[StepInstance(step)]?.state != .succeeded
        for position in again {
            reset(position, keepsItems: keepsItems && position == start)
            // Only a run below that was retried itself is taken up again; after other work its votes are void, and so are
            // they when what had succeeded is wanted once more.
            guard position != start || !keepsItems else { continue }
            for name in instances.keys where name.base == graph.steps[position].id {
                instances[name]?.formerChild = nil
            }
        }
        for final in graph.steps[graph.finalStart...] { forget(StepInstance(final.id)) }
        // Steps that never began because the run had failed are pending already; those that were cut off begin again.
        for position in 0..<graph.finalStart
        where instances[StepInstance(graph.steps[position].id)]?.state == .cancelled {
            reset(position, keepsItems: true)
        }
        recount()
    }

    private mutating func reset(_ position: Int, keepsItems: Bool) {
        let step = graph.steps[position]
        let names = instances.keys.filter { $0.base == step.id }
        for name in names where !(keepsItems && name.item != nil && instances[name]?.state == .succeeded) {
            forget(name)
        }
        if keepsItems, groups[position] != nil {
            // The items stay as they were expanded; those that succeeded are not done again.
            restart(position)
        } else {
            groups[position] = nil
        }
    }

    private mutating func restart(_ position: Int) {
        guard var group = groups[position] else { return }
        let id = graph.steps[position].id
        let kept = group.items.filter { instances[StepInstance(id, item: $0.key)]?.state == .succeeded }
        // Those that are done come first, so that counting from the front stays right.
        group.items = kept + group.items.filter { instances[StepInstance(id, item: $0.key)]?.state != .succeeded }
        group.begun = kept.count
        group.finished = kept.count
        group.failed = 0
        group.active = 0
        group.wave = 0
        while group.wave < group.ends.count, group.ends[group.wave] <= kept.count, !group.ends.isEmpty {
            group.wave += 1
        }
        groups[position] = group
        instances[StepInstance(id)] = Instance(state: .running)
        open[StepInstance(id)] = sequence
    }

    /// Takes an instance back to the beginning, with what must outlive that: its count of successes and generations.
    private mutating func forget(_ name: StepInstance) {
        guard let old = instances[name] else { return }
        var new = Instance()
        new.epoch = old.epoch
        new.generation = old.generation + 1
        new.samples = old.samples
        new.verdicts = old.verdicts
        new.questions = old.questions
        new.formerChild = old.child ?? old.formerChild
        // An outcome that nobody knows stays to be observed.
        if old.state == .needsAttention, let attempt = old.attempt {
            new.attempt = attempt
        }
        instances[name] = new
        open[name] = nil
        done.removeAll { $0 == name }
    }

    /// Derives who is ready from the states of the steps.
    private mutating func recount() {
        unfinished = 0
        ready = []
        for position in 0..<graph.finalStart {
            let name = StepInstance(graph.steps[position].id)
            unmet[position] = graph.needs[position].count { !isWell($0) }
            let isOver = instances[name]?.state.isTerminal ?? false
            if !isOver { unfinished += 1 }
            if !isOver, open[name] == nil, unmet[position] == 0 { ready.append(position) }
        }
    }

    private func isWell(_ position: Int) -> Bool {
        let step = graph.steps[position]
        return switch instances[StepInstance(step.id)]?.state {
        case .succeeded, .skipped: true
        case .failed: step.bearsFailure
        default: false
        }
    }
}
