import Core
package import Traffic

/// A value that a session took from a source which, read by others, does not show it.
///
/// What somebody slips into a source is in the readings of a few sessions and not in those of the rest.
package struct SuspiciousValue: Sendable, Hashable {
    package var principal: String
    package var session: String
    package var tool: ServerTool
    package var tier: ToolTier
    package var path: String
    package var value: CanonicalValue
    package var sources: [ServerTool]
    /// Sessions that read the source, and those of them to which it showed the value.
    package var readings: Int
    package var shown: Int
    package var pointer: EvidencePointer?
    var use: Hygiene.ToolValue
}

/// Finds sessions that are not to be learned from.
struct Hygiene {
    struct ToolValue: Hashable {
        var tool: UInt64
        var value: UInt64
    }

    struct AgentTool: Hashable {
        var agent: UInt64
        var tool: UInt64
    }

    private struct Asked: Hashable {
        var reading: UInt64
        var value: UInt64
    }

    private let parameters: MiningParameters
    private let hash: KeyedHash
    private let readings: BottomK<ReadingEvidence>
    private var grams: [UInt64: [UInt32]] = [:]
    /// Sessions that handed a value to a tool without having been shown it.
    private var unshown: [ToolValue: Set<UInt64>] = [:]
    private var holders: [Asked: Set<UInt64>] = [:]
    private var shares: [Asked: (shown: Int, sessions: Int)] = [:]
    private var stable: [UInt64: Bool] = [:]

    /// The sessions of an agent.
    private var sessionsOfAgent: [UInt64: Int] = [:]
    /// The sessions that called a tool, where it can do more than read.
    private var callers: [AgentTool: Set<UInt64>] = [:]

    /// Sessions that took a value for a tool out of texts that cannot be compared.
    private var unclear: [ToolValue: [(session: UInt64, agent: UInt64, finding: SuspiciousValue)]] = [:]

    private(set) var sessions: Set<UInt64> = []
    private(set) var values: Set<ToolValue> = []
    private(set) var findings: [SuspiciousValue] = []
    /// Sessions that took a value for a tool out of a text which shows it to most who read it, or with which agents come
    /// up of themselves.
    private(set) var vouched: [ToolValue: Set<UInt64>] = [:]
    /// Sessions that took a value for a tool out of a text that reads like instructions.
    private(set) var instructed: [ToolValue: Set<UInt64>] = [:]
    /// Of those all that took one value or another for a tool.
    private var instructedCallers: [UInt64: Set<UInt64>] = [:]
    private var vouchedOfAll: [UInt64: Set<UInt64>] = [:]
    /// Tools that mostly sessions called which are not learned from, with those sessions and all that called them.
    private(set) var tools: [AgentTool: (left: Int, of: Int)] = [:]

    init(_ profile: Profile, _ parameters: MiningParameters) {
        self.parameters = parameters
        hash = profile.hash
        readings = profile.readings
        let traces = profile.sample.sessions
        for trace in traces { collectHolders(trace) }
        for trace in traces { collectUnshown(trace) }
        for trace in traces { examine(trace) }
        for trace in traces { sessionsOfAgent[trace.principal.key, default: 0] += 1 }
        follow()
        for (use, sessions) in vouched { vouchedOfAll[use.value, default: []].formUnion(sessions) }
        for (tool, callers) in callers {
            // What so many call is no tool that only the few call who follow planted instructions.
            guard isRare(callers.count, of: tool.agent) else { continue }
            let left = callers.intersection(sessions).count
            if left * 2 > callers.count { tools[tool] = (left, callers.count) }
        }
    }

    /// What one source gave away is planted in others too: where a session took the same value for the same tool out of
    /// a text that cannot be compared, it is not learned from either.
    private mutating func follow() {
        for (use, followers) in unclear where values.contains(use) {
            let sure = Set(findings.lazy.filter { $0.use == use }.map(\.session))
            let all = sure.union(followers.map(\.finding.session))
            // What so many do was not planted for a few.
            guard let agent = followers.first?.agent, isRare(all.count, of: agent) else { continue }
            for follower in followers where sessions.insert(follower.session).inserted {
                findings.append(follower.finding)
            }
        }
    }

    /// Whether few enough of an agent's sessions do something for it to have been planted.
    private func isRare(_ count: Int, of agent: UInt64) -> Bool {
        Double(count) <= max(parameters.handful, parameters.suspectUse * Double(sessionsOfAgent[agent] ?? 0))
    }

    /// Sessions that are learned from and called the tool, where each of them took a value for it out of a text that
    /// reads like instructions; nil where one did not, or none called it.
    ///
    /// With `some` only those sessions count.
    func followers(_ tool: UInt64, of agent: UInt64, among some: Set<UInt64>? = nil) -> Int? {
        guard var support = callers[AgentTool(agent: agent, tool: tool)] else { return nil }
        support.subtract(sessions)
        if let some { support.formIntersection(some) }
        guard !support.isEmpty, support.isSubset(of: instructedCallers[tool] ?? []) else { return nil }
        return support.count
    }

    /// How many sessions took the value for one tool or another from where most see it.
    func vouched(_ value: UInt64) -> Int { vouchedOfAll[value]?.count ?? 0 }

    /// Notes who came by a value alone: what agents use of themselves nobody had to plant.
    private mutating func collectUnshown(_ trace: SessionTrace) {
        for call in trace.calls where call.tier != .read && call.succeeded {
            callers[AgentTool(agent: trace.principal.key, tool: call.tool.key), default: []].insert(trace.key)
            for leaf in call.leaves where leaf.texts.isEmpty && !leaf.isAbridged {
                unshown[ToolValue(tool: call.tool.key, value: leaf.value.key), default: []].insert(trace.key)
            }
        }
    }

    /// Notes which results were seen to hold which value: the same result holds it for everybody who got it.
    private mutating func collectHolders(_ trace: SessionTrace) {
        var results: [UInt64: UInt64] = [:]
        for call in trace.calls {
            for leaf in call.leaves {
                for reading in leaf.readings { hold(leaf.value.key, reading, results[reading]) }
                for entity in leaf.entities {
                    for reading in entity.readings { hold(entity.value.key, reading, results[reading]) }
                }
            }
            if call.result != 0, results[call.reading] == nil { results[call.reading] = call.result }
        }
    }

    private mutating func hold(_ value: UInt64, _ reading: UInt64, _ result: UInt64?) {
        guard let result else { return }
        holders[Asked(reading: reading, value: value), default: []].insert(result)
    }

    private mutating func examine(_ trace: SessionTrace) {
        var seen: [UInt64: ServerTool] = [:]
        for call in trace.calls {
            if call.tier != .read, !seen.isEmpty {
                for leaf in call.leaves {
                    if Self.isTaken(leaf) {
                        examine(leaf.valueClass, leaf.value, leaf.readings, leaf, call, trace, seen)
                    }
                    for entity in leaf.entities where entity.isTextOnly {
                        examine(entity.valueClass, entity.value, entity.readings, leaf, call, trace, seen)
                    }
                }
            }
            if call.tier < .write, call.result != 0 { seen[call.reading] = call.tool.value }
        }
    }

    /// Whether a value may be an instruction that was followed: nothing but a text explains it.
    private static func isTaken(_ leaf: TracedLeaf) -> Bool {
        if leaf.isAbridged || leaf.texts.isEmpty || !leaf.fields.isEmpty { return false }
        switch leaf.valueClass {
        case .email, .url, .account, .phone: return leaf.prompt != .exact
        case .token, .path, .short, .free: return leaf.prompt == .none && leaf.value.value.unicodeScalars.count < 300
        case .date, .number, .boolean, .empty, .secret: return false
        }
    }

    private mutating func examine(
        _ valueClass: ValueClass,
        _ value: Keyed<String>,
        _ taken: [UInt64],
        _ leaf: TracedLeaf,
        _ call: TracedCall,
        _ trace: SessionTrace,
        _ seen: [UInt64: ServerTool]
    ) {
        let use = ToolValue(tool: call.tool.key, value: value.key)
        if let others = unshown[use], others.count >= parameters.unshownSessions {
            vouched[use, default: []].insert(trace.key)
            return
        }
        let phrase = phrase(value)
        let isInstructed = taken.contains { isInstructing($0, value.key, phrase) }
        if isInstructed { note(instructed: use, trace.key) }
        var best: (shown: Int, sessions: Int)?
        var sources: Set<ServerTool> = []
        var (isExplained, isUnclear) = (false, false)
        for reading in taken {
            guard let tool = seen[reading] else { continue }
            guard let evidence = readings[reading], evidence.sessions >= parameters.sourceSessions else {
                isUnclear = true
                continue
            }
            let share = share(reading, value.key, phrase, evidence)
            sources.insert(tool)
            // One source that shows the value to most is enough to explain it.
            if Double(share.shown) >= parameters.shownShare * Double(share.sessions) { isExplained = true }
            if !isStable(reading, evidence) { isUnclear = true }
            if best.map({ share.shown * $0.sessions > $0.shown * share.sessions }) ?? true { best = share }
        }
        if isExplained {
            // What tells everybody to do something vouches for nothing.
            if !isInstructed { vouched[use, default: []].insert(trace.key) }
            return
        }
        let finding = SuspiciousValue(
            principal: trace.principal.value,
            session: trace.session,
            tool: call.tool.value,
            tier: call.tier,
            path: leaf.path.value,
            value: CanonicalValue(valueClass, value.value),
            sources: sources.sorted(),
            readings: best?.sessions ?? 0,
            shown: best?.shown ?? 0,
            pointer: call.pointer,
            use: use
        )
        // Of a value that a source about which too little is known may explain, nothing is said on its own.
        guard best != nil, !isUnclear else {
            unclear[use, default: []].append((trace.key, trace.principal.key, finding))
            return
        }
        sessions.insert(trace.key)
        values.insert(use)
        findings.append(finding)
    }

    private mutating func note(instructed use: ToolValue, _ session: UInt64) {
        instructed[use, default: []].insert(session)
        instructedCallers[use.tool, default: []].insert(session)
    }

    private mutating func phrase(_ value: Keyed<String>) -> [UInt32] {
        if let known = grams[value.key] { return known }
        let phrase = TextGrams.grams(value.value, hash)
        grams[value.key] = phrase
        return phrase
    }

    /// Whether a text of the reading reads like instructions and shows the value.
    private func isInstructing(_ reading: UInt64, _ value: UInt64, _ phrase: [UInt32]) -> Bool {
        guard let texts = readings[reading]?.texts.elements else { return false }
        let holders = holders[Asked(reading: reading, value: value)] ?? []
        return texts.contains { $1.isInstructing && (holders.contains($0) || $1.holds(phrase)) }
    }

    private mutating func isStable(_ reading: UInt64, _ evidence: ReadingEvidence) -> Bool {
        if let known = stable[reading] { return known }
        let commonest = evidence.texts.elements.map(\.value.sessions).max() ?? 0
        let isStable = Double(commonest) >= parameters.stableShare * Double(evidence.sessions)
        stable[reading] = isStable
        return isStable
    }

    private mutating func share(
        _ reading: UInt64,
        _ value: UInt64,
        _ phrase: [UInt32],
        _ evidence: ReadingEvidence
    ) -> (shown: Int, sessions: Int) {
        let asked = Asked(reading: reading, value: value)
        if let known = shares[asked] { return known }
        var shown = 0
        let holders = holders[asked] ?? []
        for (result, text) in evidence.texts.elements where holders.contains(result) || text.holds(phrase) {
            shown += text.sessions
        }
        let share = (shown, evidence.sessions)
        shares[asked] = share
        return share
    }
}
