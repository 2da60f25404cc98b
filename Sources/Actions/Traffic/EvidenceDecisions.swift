package import Behaviour
package import Policies
import Traffic

/// The recorded calls behind points, ready to be decided by one policy or another.
///
/// What a point is about may pass by a way that its kind says nothing of: a credential inside a composed text does. So what
/// is said of a point is what the policy decides about its calls.
package struct EvidenceDecisions: Sendable {
    private struct Evidence {
        var call: ObservedCall
        var context: DecisionContext
    }

    private struct Place: Hashable {
        var principal: String
        var session: String
        var sequence: Int64
    }

    private var calls: [ReviewPoint: [Evidence]] = [:]

    /// Knows of no calls, as where there are no recordings.
    package init() {}

    /// Reads the recordings once more for the calls that the points name; what cannot be read twice has none.
    package init(
        _ points: [(item: ReviewItem, point: ReviewPoint)],
        from files: [String]
    ) throws(RecordingFiles.Failure) {
        guard !files.isEmpty, !files.contains("-") else { return }
        var wanted: [Place: [Int]] = [:]
        for (index, (item, _)) in points.enumerated() where item.kind.isToldByCalls {
            for pointer in Set(item.evidence) {
                let place = Place(principal: item.agent, session: pointer.session, sequence: pointer.sequence)
                wanted[place, default: []].append(index)
            }
        }
        if wanted.isEmpty { return }
        var found: [ReviewPoint: [Evidence]] = [:]
        var follower = SessionFollower()
        _ = try RecordingFiles.read(files) { record in
            let call = follower.observe(record)
            let place = Place(principal: call.principal, session: call.session, sequence: call.sequence)
            for index in wanted[place] ?? [] where points[index].item.tool == call.tool {
                let context = PolicyReplay.context(record, false)
                found[points[index].point, default: []].append(Evidence(call: call, context: context))
            }
        }
        calls = found
    }

    /// What the policy does with what the point is about; nil where no call on record tells.
    ///
    /// One call that passes is enough for `allowed`, since whoever reads `denied` may look no further. A call that is denied
    /// for another argument alone says nothing against this one.
    package func standing(_ item: ReviewItem, _ point: ReviewPoint, in policy: CompiledPolicy) -> Standing? {
        guard let calls = calls[point], !calls.isEmpty else { return nil }
        let standings = calls.map { standing($0, item, policy) }
        return standings.contains(.allowed) ? .allowed : standings.contains(.asked) ? .asked : .denied
    }

    private func standing(_ evidence: Evidence, _ item: ReviewItem, _ policy: CompiledPolicy) -> Standing {
        let decision = policy.decide(evidence.call, context: evidence.context)
        switch decision.verdict {
        case .allow: return .allowed
        case .ask: return .asked
        case .deny: break
        }
        guard let path = item.path, let argument = decision.argument, argument != path else { return .denied }
        let steps = policy.explain(evidence.call, context: evidence.context).steps
        return steps.isEmpty || steps.contains { $0.argument == path } ? .denied : .allowed
    }
}

extension ReviewItem.Kind {
    /// Whether the evidence of a point is calls with what it is about, and not any calls of the argument or the tool.
    fileprivate var isToldByCalls: Bool {
        switch self {
        case .secret, .rareText, .lonelyExtreme, .textOnlyIdentity, .unexplainedIdentity, .varyingSource, .openText,
            .anyRead:
            true
        case .instructingText, .fewSessions, .severalDefinitions, .manyCalls, .suspectTool, .wildcardName: false
        }
    }
}
