import Core
package import Policies
package import Traffic

/// What recorded calls would meet another decision under another policy.
package struct PolicyComparison: Sendable {
    /// A decision that would differ, and how many calls it would concern.
    package struct Turn: Sendable, Hashable {
        package var tool: ServerTool
        package var before: Decision.Verdict
        package var after: Decision.Verdict
        package var argument: String?
        package var reason: String
    }

    package struct Place: Sendable, Hashable {
        package var session: String
        package var sequence: Int64
    }

    package private(set) var calls = 0
    /// Each with the first call that it concerns.
    package private(set) var turns: [Turn: (count: Int, first: Place)] = [:]

    /// Decides every call under both policies, each rule as if it were enforced.
    package init(
        from old: Policy,
        to new: Policy,
        over files: [String]
    ) throws(RecordingFiles.Failure) {
        let before = CompiledPolicy(old.enforced)
        let after = CompiledPolicy(new.enforced)
        var follower = SessionFollower()
        var calls = 0
        var turns: [Turn: (count: Int, first: Place)] = [:]
        _ = try RecordingFiles.read(files) { record in
            let call = follower.observe(record)
            let context = PolicyReplay.context(record, false)
            let was = before.decide(call, context: context)
            let becomes = after.decide(call, context: context)
            calls += 1
            guard was.verdict != becomes.verdict else { return }
            let turn = Turn(
                tool: call.tool,
                before: was.verdict,
                after: becomes.verdict,
                argument: becomes.argument,
                reason: becomes.reason
            )
            let place = Place(session: record.session, sequence: record.sequence)
            turns[turn, default: (0, place)].count += 1
        }
        self.calls = calls
        self.turns = turns
    }

    /// How many calls that were not denied would be.
    package var denied: Int { turns.filter { $0.key.after == .deny }.map(\.value.count).reduce(0, +) }

    /// How many calls that were not allowed would be.
    package var allowed: Int { turns.filter { $0.key.after == .allow }.map(\.value.count).reduce(0, +) }
}

/// What speaks for opening a policy further.
package enum PolicySuggestion {
    /// So many calls are weighed at most.
    private static let mostCalls = 20_000

    /// The calls that were refused by a policy and would not be by the suggested one; nil where they are too many to weigh.
    ///
    /// A call that failed needed nothing: it is not learned from either.
    package static func calls(
        deniedBy old: Policy,
        allowedBy suggested: Policy,
        over files: [String]
    ) throws(RecordingFiles.Failure) -> [NeededCall]? {
        let before = CompiledPolicy(old.enforced)
        let after = CompiledPolicy(suggested.enforced)
        var follower = SessionFollower()
        var calls: [NeededCall] = []
        _ = try RecordingFiles.read(files) { record in
            let call = follower.observe(record)
            let context = PolicyReplay.context(record, false)
            guard calls.count <= mostCalls, call.succeeded,
                before.decide(call, context: context).verdict == .deny,
                after.decide(call, context: context).verdict != .deny
            else { return }
            calls.append(NeededCall(call, context: context))
        }
        return calls.count > mostCalls ? nil : calls
    }
}
