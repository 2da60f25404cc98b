package import Core
package import Ledger
package import Playbooks

/// A run: the fold of its events over its plan.
///
/// Holds no clock, no store and no task. `apply` takes what happened, `next` says what could be done; whoever does it
/// (the `Runner`) records the outcome as further events.
package struct RunMachine: Sendable {
    package enum Mode: Sendable, Hashable {
        case normal
        case cancelling(reason: String)
        case rollingBack(reason: String, to: StepID?)
    }

    /// What is known of one step instance.
    package struct Instance: Sendable {
        package var state: StepState = .pending
        package var attempts = 0
        /// Counts what it waited for; a timer of an older one is void.
        package var generation = 0
        package var started: Timestamp?
        package var ended: Timestamp?
        package var result: String?
        package var outputs = JSON.Object()
        package var error: StepError?
        package var summary: String?
        package var pending: RunEvent.Pending?
        /// The intent whose outcome is not recorded yet.
        package var attempt: RunEvent.Attempt?
        package var gate: GateMachine?
        package var samples = 0
        package var verdicts = 0
        /// What the newest verdict of a gate was borne by, where it was not a pass.
        package var waiver: GateWaiver?
        /// The generation of the newest approval that was opened here.
        package var questions = 0
        package var approval: ApprovalMachine?
        package var child: RunID?
        /// The run below of an earlier time; taken up again when it was retried itself.
        package var formerChild: RunID?
        package var question: String?
        /// How often it succeeded: a repetition on purpose gets another idempotency key.
        package var epoch = 0
        package var actor: String?

        mutating func close(_ end: StepState, at time: Timestamp) {
            state = end
            ended = time
            pending = nil
            attempt = nil
            question = nil
        }
    }

    /// The items of a `for-each` and how far they are.
    struct Group: Sendable {
        var items: [RunEvent.Item]
        /// Where each wave ends, as a count of items.
        var ends: [Int]
        var wave = 0
        var begun = 0
        var active = 0
        var finished = 0
        var failed = 0

        var isOver: Bool { finished >= items.count && wave >= ends.count }
    }

    package let run: RunID
    package let plan: Plan
    let graph: StepGraph

    package internal(set) var inputs = JSON.Object()
    package internal(set) var startedBy = ""
    /// What the first event says of the run, beside its inputs and who started it.
    var digest = ""
    var origin: JSON.Object?
    package internal(set) var created = Timestamp(microseconds: 0)
    package internal(set) var lastEvent = Timestamp(microseconds: 0)
    /// The time that was recorded when the clock last jumped.
    package internal(set) var clockJump: Timestamp?
    package internal(set) var mode: Mode = .normal
    package internal(set) var pause: (by: String, reason: String)?
    package internal(set) var attention: String?
    package internal(set) var queuedBehind: RunID?
    package internal(set) var end: (state: RunState, reason: String?, outputs: JSON.Object)?
    /// Why the run cannot succeed any more.
    package internal(set) var failure: String?
    package internal(set) var instances: [StepInstance: Instance] = [:]
    /// How many events were folded.
    package internal(set) var sequence = 0

    var groups: [Int: Group] = [:]
    var unmet: [Int]
    /// Positions whose needs are met and that have not begun, in the order in which they became so.
    var ready: [Int] = []
    /// Instances that have begun and are not over, with the number of the event that began them.
    var open: [StepInstance: Int] = [:]
    /// Work that is done and may have to be undone, oldest first.
    var done: [StepInstance] = []
    /// Work that was cut off and has something to clear up.
    var cutOff: [StepInstance] = []
    var unfinished: Int

    package init(run: RunID, plan: Plan) {
        self.run = run
        self.plan = plan
        graph = StepGraph(plan)
        unmet = graph.needs.map(\.count)
        unfinished = graph.finalStart
        ready = (0..<graph.finalStart).filter { unmet[$0] == 0 }
        instances.reserveCapacity(graph.steps.count)
    }

    package func step(_ id: StepID) -> PlannedStep? { graph.positions[id].map { graph.steps[$0] } }

    package func instance(_ name: StepInstance) -> Instance? { instances[name] }

    /// Where the run stands; `isBusy` while somebody works on it.
    package func state(isBusy: Bool) -> RunState {
        if let end { return end.state }
        if queuedBehind != nil { return .queued }
        if attention != nil { return .needsAttention }
        if !isBusy, question != nil { return .needsAttention }
        if pause != nil { return .paused }
        switch mode {
        case .cancelling: return .cancelling
        case .rollingBack: return .rollingBack
        case .normal: return isBusy ? .running : .waiting
        }
    }

    /// The first question that a person has to answer.
    package var question: (instance: StepInstance, text: String)? {
        // Asked for several times a step, which almost never has one.
        guard !open.isEmpty else { return nil }
        let asked = open.keys.lazy.filter { instances[$0]?.state == .needsAttention }
        return asked.min().map { ($0, instances[$0]?.question ?? "its outcome is unknown") }
    }

    package var reason: String? {
        if let end { return end.reason }
        if let queuedBehind { return "waits for run `\(queuedBehind)`" }
        if let attention { return attention }
        if let question { return "`\(question.instance)`: \(question.text)" }
        if let pause { return "paused by \(pause.by): \(pause.reason)" }
        switch mode {
        case .cancelling(let reason), .rollingBack(let reason, _): return reason
        case .normal: return failure
        }
    }
}
