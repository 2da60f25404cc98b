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
    /// Replay is open loop: what the agent would have done after a refusal is not known. With `asDeployed` modes
    /// count as at a gateway, and so does how sure the task is; otherwise every rule counts as enforced.
    package static func run(
        _ policy: Policy,
        over files: [String],
        asDeployed: Bool = false,
        _ body: (Replayed) -> Void
    ) throws(RecordingFiles.Failure) -> RecordingFiles.Count {
        let compiled = CompiledPolicy(asDeployed ? policy : policy.enforced)
        var follower = SessionFollower()
        return try RecordingFiles.read(files) { record in
            let call = follower.observe(record)
            let context = context(record, asDeployed)
            body(Replayed(record: record, call: call, decision: compiled.decide(call, context: context)))
        }
    }

    /// A recorded call and why it was decided as it was.
    package struct Explained: Sendable {
        package var record: CallRecord
        package var explanation: Explanation
    }

    /// Explains one call, by what its session did before; hands over nothing where there is no such call.
    ///
    /// With `showsAllowed` it also says what the argument may be, which whoever was refused must not learn.
    package static func explain(
        _ policy: Policy,
        over files: [String],
        session: String,
        sequence: Int64,
        asDeployed: Bool = false,
        showsAllowed: Bool = false,
        _ body: (Explained) -> Void
    ) throws(RecordingFiles.Failure) -> RecordingFiles.Count {
        let compiled = CompiledPolicy(asDeployed ? policy : policy.enforced)
        // Different principals may have used the same name for a session.
        var observers: [String: SessionObserver] = [:]
        var isFound = false
        return try RecordingFiles.read(files) { record in
            guard record.session == session, !isFound else { return }
            var observer =
                observers.removeValue(forKey: record.principal.id)
                ?? SessionObserver(taskText: record.task?.text, explainsReads: true)
            let call = observer.observe(record)
            observers[record.principal.id] = observer
            guard record.sequence == sequence else { return }
            isFound = true
            let explanation = compiled.explain(call, context: context(record, asDeployed), showsAllowed: showsAllowed)
            body(Explained(record: record, explanation: explanation))
        }
    }

    static func context(_ record: CallRecord, _ asDeployed: Bool) -> DecisionContext {
        DecisionContext(
            now: record.time,
            arguments: record.arguments,
            source: record.peerAddress,
            isTaskProven: !asDeployed || record.task?.assurance == .signed
        )
    }
}

extension Policy {
    /// Every rule in force, without an end: what the policy says, not what is switched on.
    var enforced: Policy { inForce }
}
