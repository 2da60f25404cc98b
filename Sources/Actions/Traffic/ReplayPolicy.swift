import Core
package import Playbooks
import Policies

/// `policy.replay`: says which recorded calls a policy would allow.
package struct ReplayPolicy: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "policy.replay",
            summary: "say which recorded calls a policy would allow",
            effect: .read,
            parameters: [
                .init("policy", .string, isRequired: true, rule: .recording, summary: "the policy"),
                .init("digest", .string, summary: "what the policy must be, so that what was approved is replayed"),
                .init(
                    "recordings",
                    .list,
                    items: .string,
                    isRequired: true,
                    rule: .recording,
                    summary: "recordings as lockstep.call/1 lines"
                ),
            ],
            outputs: [
                ("calls", .integer), ("allowed", .integer), ("asked", .integer), ("denied", .integer),
                ("denied_share", .number), ("sessions", .integer), ("sessions_allowed", .integer),
                ("reasons", .list),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let path = request.parameters["policy"]?.string ?? ""
        let (policy, digest) = try estate.policy(path, now: request.now)
        if let wanted = request.parameters["digest"]?.string, wanted != digest.description {
            throw StepError(
                .permanent,
                "the policy `\(path)` is \(digest), not \(wanted)",
                help: "it was changed since it was mined: give the changed policy to a new run as its input "
                    + "`baseline`, so that it is mined with it and approved"
            )
        }
        var verdicts: [Decision.Verdict: Int] = [:]
        var sessions: Set<String> = []
        var refused: Set<String> = []
        var reasons: [String: Int] = [:]
        let files = try estate.recordings(request)
        do throws(RecordingFiles.Failure) {
            _ = try PolicyReplay.run(policy, over: files) { replayed in
                let decision = replayed.decision
                let session = replayed.record.principal.id + "\u{0}" + replayed.record.session
                verdicts[decision.verdict, default: 0] += 1
                sessions.insert(session)
                guard decision.verdict != .allow else { return }
                refused.insert(session)
                let argument = decision.argument.map { " \($0)" } ?? ""
                reasons[
                    "\(replayed.record.server)/\(replayed.record.tool)\(argument): \(decision.reason)",
                    default: 0
                ] +=
                    1
            }
        } catch {
            throw StepError(.permanent, "`\(error.file)` cannot be read: \(error.fault)")
        }
        let calls = verdicts.values.reduce(0, +)
        // A replay of nothing would read as a proof.
        guard calls > 0 else { throw StepError(.permanent, "there is no call in the recordings") }
        func count(_ verdict: Decision.Verdict) -> JSON.Value { .integer(Int64(verdicts[verdict] ?? 0)) }
        let most = reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(100)
        return ActionResult(
            outputs: [
                "calls": .integer(Int64(calls)), "allowed": count(.allow), "asked": count(.ask),
                "denied": count(.deny), "denied_share": .number(Double(verdicts[.deny] ?? 0) / Double(calls)),
                "sessions": .integer(Int64(sessions.count)),
                "sessions_allowed": .integer(Int64(sessions.count - refused.count)),
                "reasons": .array(most.map { .string("\($0.value) × \($0.key)") }),
            ],
            summary: "\(verdicts[.allow] ?? 0) of \(counted(calls, "call")) allowed, "
                + "\(sessions.count - refused.count) of \(counted(sessions.count, "session")) wholly"
        )
    }
}
