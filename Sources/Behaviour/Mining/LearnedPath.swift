import Core
import Traffic

/// A value that became a constant.
struct Constant: Sendable {
    var text: String
    var classes: [ValueClass]
    var sessions: Int
    var tasks: Int
    /// Whether it is an identity that mostly nothing but texts explained.
    var isTextOnly: Bool
}

/// What one path of a tool's arguments was found to need.
struct LearnedPath: Sendable {
    var path: String
    var argument: String
    var classes: [Int]
    var sessions: Int
    var tasks: Int
    var constants: [UInt64: Constant] = [:]
    var fields: [UInt64: ResultField] = [:]
    var texts: [UInt64: ServerTool] = [:]
    /// Tools whose text held values in too few sessions to be a source, with those sessions.
    var rareTexts: [(tool: ServerTool, sessions: Int)] = []
    var domains: Set<String> = []
    var minimum: Double?
    var maximum: Double?
    /// Sessions that had the largest number.
    var maximumSessions = 0
    /// Sessions that took a value out of a text that reads like instructions.
    var instructedSessions = 0
    /// Sessions that sent a credential here.
    var secretSessions = 0
    var longest = 0
    var isOpen = false
    var leftOut: LeftOut?
    /// The first folders of the paths that were seen, where they are few and come back; empty where others may come.
    var roots: [String] = []
    /// Whether the request or a field of a result names nearly every date.
    var datesAreNamed = false
    /// The one of true and false that sessions send, where enough do and hardly any sends the other.
    var settledTruth: String?
    /// Whether the agent takes phrases out of what it reads now and then.
    var copiesPhrases = false

    func calls(of valueClass: ValueClass) -> Int { classes[Int(valueClass.bit)] }

    /// Whether the values are parties to something that changes, so that where they come from is who decides about it.
    func widensToAnyRead(_ tier: ToolTier) -> Bool {
        tier >= .write && !fields.isEmpty && ValueClass.allCases.contains { $0.isIdentity && calls(of: $0) > 0 }
    }

    /// Whether the agent writes something new here each time.
    var takesComposedText: Bool { isOpen && calls(of: .short) + calls(of: .free) > 0 }
}

extension LearnedPath {
    init(
        _ evidence: PathEvidence,
        key: UInt64,
        tool: UInt64,
        tier: ToolTier,
        observations: Observations,
        _ hygiene: Hygiene,
        _ parameters: MiningParameters
    ) {
        path = evidence.path
        argument = evidence.argument
        classes = evidence.classes
        sessions = evidence.sessions.count
        tasks = evidence.tasks.count
        for (key, edge) in evidence.fields.elements where edge.sessions.count >= parameters.fieldSessions {
            fields[key] = edge.field
        }
        for (key, edge) in evidence.texts.elements {
            let count = edge.sessions.count
            guard count >= parameters.textSessions, Double(count) >= parameters.textShare * Double(sessions) else {
                rareTexts.append((edge.tool, count))
                continue
            }
            texts[key] = edge.tool
        }
        rareTexts.sort { $0.tool < $1.tool }
        var identities: [String: Int] = [:]
        var instructed: Set<UInt64> = []
        for (key, value) in evidence.values.elements {
            let use = Hygiene.ToolValue(tool: tool, value: key)
            instructed.formUnion(hygiene.instructed[use] ?? [])
            if value.isAbridged || hygiene.values.contains(use) { continue }
            let isTextOnly = value.textOnly.count * 2 >= value.sessions.count
            for valueClass in value.valueClasses where !isTextOnly {
                if let domain = Party.domain(of: CanonicalValue(valueClass, value.text)) {
                    identities[domain, default: 0] += 1
                    break
                }
            }
            let isConstant =
                value.isIdentity
                ? parameters.isKnown(
                    explained: value.explained.count,
                    unexplained: value.unexplained.count,
                    textOnly: value.textOnly.count,
                    vouched: hygiene.vouched[use]?.count ?? 0
                )
                // What only texts name is destroyed when a person says so.
                : value.sessions.count >= parameters.constantSessions && (tier < .destructive || !isTextOnly)
            guard isConstant else { continue }
            constants[key] = Constant(
                text: value.text,
                classes: value.valueClasses,
                sessions: value.sessions.count,
                tasks: value.tasks.count,
                isTextOnly: value.isIdentity && value.textOnly.count * 2 >= value.unexplained.count
            )
        }
        domains = Set(
            identities.filter { $0.value >= parameters.domainIdentities && !Party.isShared($0.key) }.map(\.key)
        )
        instructedSessions = instructed.intersection(observations.sessions).count
        minimum = evidence.numbers.minimum
        maximum = evidence.numbers.maximum
        maximumSessions = evidence.numbers.highest.first?.sessions.count ?? 0
        longest = Int(evidence.lengths.maximum ?? 0)
        roots = Self.roots(evidence, parameters)
        let values = observations.values(tool, key)
        secretSessions = Set(values.lazy.filter { $0.leaf.valueClass == .secret }.map(\.session)).count
        learnOpenness(evidence, values, parameters)
        datesAreNamed = Self.areDatesNamed(values, fields, parameters)
        copiesPhrases = Self.arePhrasesCopied(values, constants, parameters)
        settledTruth = Self.settledTruth(values, constants, parameters)
    }

    /// A date that nobody named is made up, or what somebody wants in a calendar; where users name the day, no other is needed.
    private static func areDatesNamed(
        _ values: [Observations.Value],
        _ fields: [UInt64: ResultField],
        _ parameters: MiningParameters
    ) -> Bool {
        var sessions: [UInt64: Bool] = [:]
        for value in values where value.leaf.valueClass == .date {
            let isNamed = value.leaf.prompt == .exact || value.leaf.fields.contains { fields[$0.key] != nil }
            sessions[value.session] = sessions[value.session, default: true] && isNamed
        }
        let unnamed = sessions.values.count { !$0 }
        // One session may be a slip, or the attack.
        return sessions.count >= parameters.dateSessions
            && Double(unnamed) <= max(1, parameters.openRate * Double(sessions.count))
    }

    private static func arePhrasesCopied(
        _ values: [Observations.Value],
        _ constants: [UInt64: Constant],
        _ parameters: MiningParameters
    ) -> Bool {
        var copying: Set<UInt64> = []
        for value in values where value.leaf.valueClass == .short && value.leaf.isTextOnly {
            if constants[value.leaf.value.key] == nil { copying.insert(value.session) }
        }
        return copying.count >= parameters.constantSessions
            && Double(copying.count) > parameters.copyShare * Double(Set(values.map(\.session)).count)
    }

    /// What was never asked of the tool, as `force` or the end of `dry_run`, is not allowed by never having been sent.
    private static func settledTruth(
        _ values: [Observations.Value],
        _ constants: [UInt64: Constant],
        _ parameters: MiningParameters
    ) -> String? {
        let sent = values.filter { $0.leaf.valueClass == .boolean }
        let sessions = Set(sent.lazy.map(\.session)).count
        let known = Set(sent.lazy.map(\.leaf.value.key)).compactMap { constants[$0]?.text }
        guard sessions >= parameters.truthSessions, known.count == 1 else { return nil }
        let others = Set(sent.lazy.filter { $0.leaf.value.value != known[0] }.map(\.session)).count
        return Double(others) <= parameters.openRate * Double(sessions) ? known[0] : nil
    }

    private static func roots(_ evidence: PathEvidence, _ parameters: MiningParameters) -> [String] {
        var sessions: [String: Int] = [:]
        for (_, value) in evidence.values.elements where value.valueClasses.contains(.path) {
            guard !value.isAbridged, let first = value.text.split(separator: "/").first else { return [] }
            let root = (value.text.hasPrefix("/") ? "/" : "") + first
            sessions[root, default: 0] += value.sessions.count
        }
        // One session alone may be the attack; where many bring a root of their own, it is no root.
        let known = sessions.filter { $0.value >= parameters.rootSessions }
        let rare = sessions.values.reduce(0, +) - known.values.reduce(0, +)
        guard known.count <= parameters.mostRoots,
            !known.keys.contains(where: { $0.contains("*") || $0.hasSuffix("..") }),
            Double(rare) <= parameters.openRate * Double(sessions.values.reduce(0, +))
        else { return [] }
        return known.keys.sorted()
    }

    /// Leaves every session, task and client out once: where too many of them bring text that the rest does not
    /// explain, the agent composes it anew each time.
    private mutating func learnOpenness(
        _ evidence: PathEvidence,
        _ values: [Observations.Value],
        _ parameters: MiningParameters
    ) {
        let composed = values.filter { $0.leaf.valueClass.isComposable }
        guard !composed.isEmpty else { return }
        var found: [LeftOut] = []
        for unit in [LeftOut.Unit.session, .task, .client] {
            var units: [UInt64: Bool] = [:]
            for value in composed {
                guard let id = value.id(unit), units[id] != true else { continue }
                units[id] = !isExplained(value, leavingOut: id, unit, evidence)
            }
            if unit != .session, units.count < parameters.leaveOutUnits { continue }
            found.append(LeftOut(unit: unit, denied: units.values.count { $0 }, of: units.count))
        }
        leftOut = found.max { $0.rate < $1.rate }
        isOpen = leftOut.map { $0.rate > parameters.openRate } ?? false
    }

    private func isExplained(
        _ value: Observations.Value,
        leavingOut id: UInt64,
        _ unit: LeftOut.Unit,
        _ evidence: PathEvidence
    ) -> Bool {
        let leaf = value.leaf
        if leaf.prompt != .none || leaf.fields.contains(where: { fields[$0.key] != nil })
            || leaf.texts.contains(where: { texts[$0.key] != nil })
        {
            return true
        }
        // What is never kept as a value explains nothing.
        guard !leaf.isAbridged, let known = evidence.values[leaf.value.key] else { return false }
        return switch unit {
        case .session: known.sessions.count > 1
        case .task: known.tasks.hasOther(than: id)
        case .client: known.clients.hasOther(than: id)
        }
    }

    /// The part that at least so many tasks support, for lending to tasks that were not seen to do it.
    func shared(_ evidence: PathEvidence, _ parameters: MiningParameters) -> LearnedPath {
        var shared = self
        shared.constants = constants.filter { $0.value.tasks >= parameters.sharedTasks }
        shared.fields = fields.filter { (evidence.fields[$0.key]?.tasks.count ?? 0) >= parameters.sharedTasks }
        shared.texts = texts.filter { (evidence.texts[$0.key]?.tasks.count ?? 0) >= parameters.sharedTasks }
        shared.domains = []
        return shared
    }

    mutating func widen(by shared: LearnedPath) {
        constants.merge(shared.constants) { mine, _ in mine }
        fields.merge(shared.fields) { mine, _ in mine }
        texts.merge(shared.texts) { mine, _ in mine }
        domains.formUnion(shared.domains)
        longest = max(longest, shared.longest)
        secretSessions = max(secretSessions, shared.secretSessions)
        for index in classes.indices { classes[index] += shared.classes[index] }
        if shared.isOpen, !isOpen { leftOut = shared.leftOut }
        isOpen = isOpen || shared.isOpen
        datesAreNamed = datesAreNamed || shared.datesAreNamed
        copiesPhrases = copiesPhrases || shared.copiesPhrases
        if settledTruth != shared.settledTruth { settledTruth = nil }
        minimum = [minimum, shared.minimum].compactMap(\.self).min()
        if let theirs = shared.maximum, theirs > maximum ?? -.infinity {
            maximum = theirs
            maximumSessions = shared.maximumSessions
        }
    }
}

extension Observations.Value {
    func id(_ unit: LeftOut.Unit) -> UInt64? {
        switch unit {
        case .session: session
        case .task: task
        case .client: client
        }
    }
}

extension ValueClass {
    /// Whether an agent may make up values of this class itself.
    var isComposable: Bool {
        switch self {
        case .token, .short, .free, .path, .date: true
        case .email, .url, .account, .phone, .number, .boolean, .empty, .secret: false
        }
    }
}

extension MiningParameters {
    /// Whether an identity is the agent's own habit.
    ///
    /// What the request explains is the user's choice of the day, and what only texts explain may be somebody else's,
    /// unless most who read the text are shown it.
    func isKnown(explained: Int, unexplained: Int, textOnly: Int, vouched: Int) -> Bool {
        if explained >= unexplained || unexplained < constantSessions { return false }
        return textOnly * 2 < unexplained || vouched >= textOnlySessions
    }
}
