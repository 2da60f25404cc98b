package import Core
package import Ledger
import Playbooks

/// Something that could be done for a run now.
package enum Work: Sendable, Hashable {
    /// Starts an instance: its condition, its window, then its work.
    case begin(StepInstance)
    /// What it waited for has come.
    case proceed(StepInstance)
    /// An intent without an outcome: somebody died between the two.
    case recover(StepInstance)
    case child(StepInstance, RunID)
    case cancel(StepInstance)
    /// All items of a `for-each` are over.
    case close(StepInstance)
    case finish(RunState, reason: String?)
}

extension RunMachine {
    /// How many items of one `for-each` run side by side when the playbook does not say.
    static let defaultParallel = 16

    /// What can be done at a moment, beside what is being done already.
    package func next(now: Timestamp, inFlight: Set<StepInstance>) -> [Work] {
        guard end == nil, queuedBehind == nil, attention == nil else { return [] }
        if pause != nil { return [] }
        var waiting = open.keys.filter { !inFlight.contains($0) }
        if waiting.count > 1 { waiting.sort { open[$0] ?? 0 < open[$1] ?? 0 } }
        if let question, mode == .normal || question.instance.role.isCleaning { return [] }
        switch mode {
        case .cancelling(let reason): return ending(.cancelled, reason, now, waiting, inFlight)
        case .rollingBack(let reason, _): return ending(.rolledBack, reason, now, waiting, inFlight)
        case .normal: break
        }
        if failure != nil, open.keys.contains(where: { graph.positions[$0.base] ?? 0 < graph.finalStart }) {
            return stopping(waiting, inFlight)
        }
        if failure != nil || unfinished == 0 {
            return finals(failure == nil ? .succeeded : .failed, failure, now, waiting, inFlight)
        }
        var work = waiting.flatMap { continuing($0, now, inFlight) }
        for position in ready {
            let name = StepInstance(graph.steps[position].id)
            if !inFlight.contains(name) { work.append(.begin(name)) }
        }
        return work
    }

    /// What an open instance can do now.
    private func continuing(_ name: StepInstance, _ now: Timestamp, _ inFlight: Set<StepInstance>) -> [Work] {
        guard let instance = instances[name], let position = graph.positions[name.base] else { return [] }
        switch instance.state {
        case .waiting:
            if let pending = instance.pending { return pending.due <= now ? [.proceed(name)] : [] }
            return instance.result == nil ? [.proceed(name)] : []
        case .running:
            if name.role == .work, name.item == nil, groups[position] != nil {
                return items(name, position, inFlight)
            }
            if let child = instance.child { return [.child(name, child)] }
            return [.recover(name)]
        default: return []
        }
    }

    private func items(_ name: StepInstance, _ position: Int, _ inFlight: Set<StepInstance>) -> [Work] {
        guard let group = groups[position], let loop = graph.steps[position].forEach else { return [] }
        let isStopped = group.failed > 0 && (loop.failFast || group.finished >= bound(group))
        if isStopped || group.isOver {
            let left = open.keys.filter { $0.base == name.step && $0 != name }
            if left.isEmpty { return [.close(name)] }
            return left.filter { !inFlight.contains($0) && instances[$0]?.state == .waiting }.map { .cancel($0) }
        }
        let end = bound(group)
        if group.finished >= end, graph.steps[position].afterEachWave != nil {
            let gate = name.companion(.after, item: String(group.wave + 1))
            return open[gate] == nil && !inFlight.contains(gate) ? [.begin(gate)] : []
        }
        let limit = max(1, loop.maxParallel ?? Self.defaultParallel)
        let count = min(end - group.begun, limit - group.active)
        guard count > 0 else { return [] }
        return group.items[group.begun..<group.begun + count].map { .begin(StepInstance(name.step, item: $0.key)) }
            .filter { if case .begin(let item) = $0 { !inFlight.contains(item) } else { true } }
    }

    private func bound(_ group: Group) -> Int {
        group.wave < group.ends.count ? group.ends[group.wave] : group.items.count
    }

    /// Ends what is open: what waits is cancelled, what may have happened is found out first.
    private func stopping(_ waiting: [StepInstance], _ inFlight: Set<StepInstance>) -> [Work] {
        waiting.compactMap { name in
            guard let instance = instances[name], let position = graph.positions[name.base] else { return nil }
            switch instance.state {
            case .running:
                if name.role == .work, name.item == nil, groups[position] != nil {
                    let hasOpenItems = open.keys.contains { $0.base == name.step && $0 != name }
                    return hasOpenItems ? nil : .cancel(name)
                }
                if let child = instance.child { return .child(name, child) }
                return .recover(name)
            default: return .cancel(name)
            }
        }
    }

    private func ending(
        _ state: RunState,
        _ reason: String,
        _ now: Timestamp,
        _ waiting: [StepInstance],
        _ inFlight: Set<StepInstance>
    ) -> [Work] {
        let isMain = { (name: StepInstance) in
            name.role != .rollback && name.role != .cancel
                && self.graph.positions[name.base] ?? 0 < self.graph.finalStart
        }
        if open.keys.contains(where: isMain) { return stopping(waiting.filter(isMain), inFlight) }
        if let step = companion(now, inFlight) { return step }
        return finals(state, reason, now, waiting, inFlight)
    }

    /// The next thing to clear up or undo, one at a time.
    private func companion(_ now: Timestamp, _ inFlight: Set<StepInstance>) -> [Work]? {
        if let open = open.keys.first(where: { $0.role == .rollback || $0.role == .cancel }) {
            guard !inFlight.contains(open), let instance = instances[open] else { return [] }
            if let pending = instance.pending { return pending.due <= now ? [.proceed(open)] : [] }
            if let child = instance.child { return [.child(open, child)] }
            return instance.state == .running ? [.recover(open)] : [.proceed(open)]
        }
        for name in cutOff {
            let clear = name.companion(.cancel)
            if !(instances[clear]?.state.isTerminal ?? false) { return [.begin(clear)] }
        }
        guard case .rollingBack(_, let to) = mode else { return nil }
        for name in undoable(to) {
            let undo = name.companion(.rollback)
            if !(instances[undo]?.state.isTerminal ?? false) { return [.begin(undo)] }
        }
        return nil
    }

    /// What a rollback undoes, newest first; with a step, only what comes after it in the plan.
    ///
    /// Never what `finally` did: it runs after the undoing, and would be taken back as soon as it is done.
    package func undoable(_ to: StepID?) -> [StepInstance] {
        let last = to.flatMap { graph.positions[$0] } ?? -1
        return done.reversed().filter {
            let position = graph.positions[$0.base] ?? 0
            return position > last && position < graph.finalStart
        }
    }

    /// The steps of `finally` one after the other, then the end.
    private func finals(
        _ state: RunState,
        _ reason: String?,
        _ now: Timestamp,
        _ waiting: [StepInstance],
        _ inFlight: Set<StepInstance>
    ) -> [Work] {
        for step in graph.steps[graph.finalStart...] {
            let name = StepInstance(step.id)
            if inFlight.contains(where: { $0.base == step.id }) { return [] }
            if open[name] != nil { return waiting.flatMap { continuing($0, now, inFlight) } }
            if !(instances[name]?.state.isTerminal ?? false) { return [.begin(name)] }
        }
        let hasFailedFinal = state == .succeeded && failure != nil
        return [.finish(hasFailedFinal ? .failed : state, reason: reason)]
    }

    /// Whether an instance is part of the work of a run that only ends, clears up and reports any more.
    func isEnding(_ name: StepInstance) -> Bool {
        guard !name.role.isCleaning, graph.positions[name.base] ?? 0 < graph.finalStart else { return false }
        return mode != .normal || failure != nil
    }

    /// When something can be done at the earliest that cannot be done now.
    package var nextDue: Timestamp? { open.keys.compactMap { instances[$0]?.pending?.due }.min() }
}
