package import Policies
import Core
import Traffic

/// Turns a profile into a least-privilege policy.
///
/// Only successful calls are learned from. Sessions that took something from a source which shows it to nobody else are
/// left out, exactly while the profile's sample holds all sessions; beyond that their values are.
package struct Miner: Sendable {
    package let parameters: MiningParameters

    package init(parameters: MiningParameters = MiningParameters()) {
        self.parameters = parameters
    }

    package func mine(_ profile: Profile, name: String, scope: Policy.Scope = .agent) -> Proposal {
        let sample = profile.sample.sessions
        let isExact = profile.sample.isComplete
        let hygiene = Hygiene(profile, parameters)
        let kept = sample.filter { !hygiene.sessions.contains($0.key) }
        var draft = Draft(
            Proposal(policy: Policy(name: name, scope: scope), profile: profile.digest),
            parameters
        )
        draft.proposal.isExact = isExact
        draft.proposal.excludedSessions = Array(Set(hygiene.findings.map(\.session))).sorted(by: precedes)
        for (key, whole) in profile.agents.elements.sorted(by: { precedes($0.value.principal, $1.value.principal) }) {
            draft.label(whole.principal, among: profile.agents.elements.map(\.value.principal))
            draft.review(Refusals(hygiene: hygiene), whole, key: key)
            guard Refusals.isExact(whole.principal) else { continue }
            let traces = kept.filter { $0.principal.key == key }
            let evidence = isExact ? Self.fold(traces, whole.principal, profile.hash) : whole
            let agent = LearnedAgent(evidence, traces: traces, agent: key, hygiene, parameters)
            switch scope {
            case .agent: draft.add(agent, evidence, task: nil, Observations(traces))
            case .task:
                draft.add(agent, evidence, task: nil, Observations(traces), only: { $0 == .read })
                for (task, own) in Self.byTask(traces) {
                    let evidence = Self.fold(own, whole.principal, profile.hash)
                    var learned = LearnedAgent(evidence, traces: own, agent: key, hygiene, parameters)
                    learned.borrow(from: agent, parameters)
                    draft.review(Refusals(hygiene: hygiene), evidence, key: key, task: task, Set(own.map(\.key)))
                    draft.add(learned, evidence, task: task, Observations(own), only: { $0 != .read })
                }
            }
            draft.addUnseenReads(agent)
        }
        draft.review(hygiene.findings)
        return draft.finished()
    }

    private static func fold(_ traces: [SessionTrace], _ principal: String, _ hash: KeyedHash) -> AgentEvidence {
        var evidence = AgentEvidence(principal)
        for (index, trace) in traces.enumerated() { evidence.note(trace, number: UInt64(index) + 1, hash: hash) }
        return evidence
    }

    /// The calls of each task; a session may serve several.
    private static func byTask(_ traces: [SessionTrace]) -> [(task: String, traces: [SessionTrace])] {
        var tasks: [UInt64: (task: String, traces: [SessionTrace])] = [:]
        for trace in traces {
            var names: [UInt64: String] = [:]
            for call in trace.calls {
                if let task = call.task { names[task.key] = task.value }
            }
            for (key, name) in names {
                var part = trace
                part.calls = trace.calls.filter { $0.task?.key == key }
                tasks[key, default: (name, [])].traces.append(part)
            }
        }
        return tasks.values.sorted { precedes($0.task, $1.task) }
    }
}
