package import Core
package import Policies
package import Traffic
import Wire

/// What a policy would have decided about recorded calls.
package enum PolicyReplay {
    /// A recorded call and what was decided about it.
    package struct Replayed: Sendable {
        package var record: CallRecord
        package var call: ObservedCall
        package var decision: Decision
    }

    /// Decides every call of the recordings, in their order.
    ///
    /// Replay is open loop: what the agent would have done after a refusal is not known.
    /// - Parameter asDeployed: Looks at modes as a gateway would, and at how sure the task is; otherwise every rule counts as enforced.
    package static func run(
        _ policy: Policy,
        over files: [String],
        asDeployed: Bool = false,
        _ body: (Replayed) -> Void
    ) throws(RecordingFiles.Failure) -> RecordingFiles.Count {
        var policy = policy
        if !asDeployed {
            for index in policy.rules.indices { policy.rules[index].mode = .enforce }
        }
        let compiled = CompiledPolicy(policy)
        var follower = SessionFollower()
        return try RecordingFiles.read(files) { record in
            let call = follower.observe(record)
            let context = DecisionContext(
                now: record.time,
                arguments: record.arguments,
                source: record.peerAddress,
                isTaskProven: !asDeployed || record.task?.assurance == .signed
            )
            body(Replayed(record: record, call: call, decision: compiled.decide(call, context: context)))
        }
    }
}
