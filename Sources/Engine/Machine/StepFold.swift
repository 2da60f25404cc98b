import Core
import Ledger
import Playbooks

/// What happens to every step changes its instance where it lies: taking it out and putting it back copies twenty parts.
extension RunMachine {
    /// The intent to act is recorded.
    mutating func start(_ name: StepInstance, _ position: Int, _ attempt: RunEvent.Attempt, at time: Timestamp) {
        var isFirst = false
        func change(_ instance: inout Instance) {
            isFirst = instance.state == .pending
            instance.started = instance.started ?? time
            instance.state = .running
            instance.attempts = attempt.number
            instance.attempt = attempt
            instance.pending = nil
            instance.question = nil
        }
        change(&instances[name, default: Instance()])
        if isFirst, open[name] == nil { begin(name, position) }
    }

    /// The act is recorded as done; what follows from its end comes after.
    mutating func succeed(_ name: StepInstance, _ position: Int, _ result: ActionResult, at time: Timestamp) {
        var isFirst = false
        let startedBy = startedBy
        func change(_ instance: inout Instance) {
            isFirst = instance.state == .pending
            instance.started = instance.started ?? time
            instance.outputs = result.outputs
            instance.summary = result.summary.isEmpty ? nil : result.summary
            instance.epoch += 1
            instance.actor = instance.actor ?? startedBy
        }
        change(&instances[name, default: Instance()])
        if isFirst, open[name] == nil { begin(name, position) }
    }
}
