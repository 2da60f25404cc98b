import Core
import Policies
import Traffic

/// What the arguments of one tool say about each other, where enough sessions bear it out.
///
/// Three tests, since among many pairs some always seem related: leaving each session out denies next to none; so does
/// leaving out each task; and the pattern is unlikely to be chance (Ernst and others, "Dynamically discovering likely
/// program invariants", 2001). Values that the request names bind nothing and are not bound.
/// The cases of one pair are judged together: that each of four suppliers has an account of its own is no chance, though
/// for each of them alone it might be.
struct Relations {
    private let parameters: MiningParameters
    private let calls: [Observations.Call]
    private let isOneTask: Bool

    init(_ calls: [Observations.Call], isOneTask: Bool, _ parameters: MiningParameters) {
        self.parameters = parameters
        self.calls = calls
        self.isOneTask = isOneTask
    }

    /// One call in which both arguments stand; `value` is of the bound one.
    fileprivate struct Pair {
        var session: UInt64
        var task: UInt64?
        var value: TracedLeaf
        var other: TracedLeaf
    }

    /// What was looked for among the arguments of one tool, and what came of it; nil where there is nothing to compare.
    func found(_ tool: LearnedTool) -> (relations: [Relation], search: RelationSearch.Outcome)? {
        guard tool.tier != .read else { return nil }
        let paths = tool.paths.sorted { precedes($0.value.path, $1.value.path) }.filter { isCandidate($0.value) }
        guard paths.count > 1 else { return nil }
        guard paths.count <= parameters.mostRelated else { return ([], .tooManyArguments(paths.count)) }
        var relations: [Relation] = []
        var (most, mostTasks, isCompared) = (0, 0, false)
        for (key, path) in paths {
            for (otherKey, other) in paths where otherKey != key {
                guard let (pairs, alone) = pairs(key, path, otherKey) else { continue }
                let sessions = Set(pairs.lazy.map(\.session)).count
                most = max(most, sessions)
                guard sessions >= parameters.relationSessions else { continue }
                let tasks = Set(pairs.compactMap(\.task)).count
                mostTasks = max(mostTasks, tasks)
                // What holds in one or two tasks is what they are about.
                guard isOneTask || tasks == 0 || tasks >= parameters.leaveOutUnits else { continue }
                isCompared = true
                if path.path > other.path, alone.isEmpty, isEqual(pairs) {
                    relations.append(Relation(path: path.path, other: other.path, kind: .equals))
                } else {
                    relations += given(pairs, alone, path, other)
                }
            }
        }
        if isCompared { return (relations, .compared(relations.count)) }
        return ([], most < parameters.relationSessions ? .fewSessions(most) : .fewTasks(mostTasks))
    }

    private func isCandidate(_ path: LearnedPath) -> Bool {
        path.calls(of: .free) == 0 && path.calls(of: .secret) == 0 && path.secretSessions == 0
    }

    /// What was sent together, and the values of the other argument with which the bound one was not sent.
    ///
    /// Nil where one call sent several, so that which belongs to which is not known, or where the bound one came without
    /// the other.
    private func pairs(_ key: UInt64, _ path: LearnedPath, _ other: UInt64) -> (pairs: [Pair], alone: Set<UInt64>)? {
        var pairs: [Pair] = []
        var alone: Set<UInt64> = []
        for call in calls {
            let values = call.leaves.filter { $0.path.key == key && !$0.isEmpty }
            let others = call.leaves.filter { $0.path.key == other && !$0.isEmpty }
            if values.isEmpty, others.isEmpty { continue }
            if !values.isEmpty, values.allSatisfy({ $0.prompt == .exact }) { continue }
            guard others.count == 1, values.count <= 1 else { return nil }
            guard let value = values.first else {
                alone.insert(others[0].value.key)
                continue
            }
            guard !value.isAbridged, !others[0].isAbridged else { return nil }
            // What was planted in the text of some sessions must not hide what holds in all others.
            if !Self.isLearned(value, path) { continue }
            pairs.append(Pair(session: call.session, task: call.task, value: value, other: others[0]))
        }
        return (pairs, alone)
    }

    /// Whether anything but a text makes the value one that may be sent; an identity that only texts name goes to review.
    private static func isLearned(_ value: TracedLeaf, _ path: LearnedPath) -> Bool {
        guard value.valueClass.isIdentity, value.isTextOnly else { return true }
        return path.constants[value.value.key] != nil
    }

    private func isEqual(_ pairs: [Pair]) -> Bool {
        var sessions: [UInt64: Set<UInt64>] = [:]
        for pair in pairs {
            guard pair.value.value.value == pair.other.value.value else { return false }
            sessions[pair.value.value.key, default: []].insert(pair.session)
        }
        guard sessions.count >= parameters.relatedValues else { return false }
        // How often two that know nothing of each other would hold the same.
        let all = Double(sessions.values.reduce(0) { $0 + $1.count })
        let share = sessions.values.reduce(0) { $0 + Double($1.count) * Double($1.count) / all / all }
        return Self.power(share, Set(pairs.lazy.map(\.session)).count) <= parameters.chance
    }

    /// For each value of the other argument what this one held.
    private func given(
        _ pairs: [Pair],
        _ alone: Set<UInt64>,
        _ path: LearnedPath,
        _ other: LearnedPath
    ) -> [Relation] {
        guard pairs.allSatisfy({ Self.namesCase($0.other.valueClass) }) else { return [] }
        let groups = Dictionary(grouping: pairs) { $0.other.value.key }.sorted {
            precedes($0.value[0].other.value.value, $1.value[0].other.value.value)
        }
        guard groups.count > 1, groups.count <= parameters.mostCases else { return [] }
        let cases = groups.filter { !alone.contains($0.key) }.map(\.value)
        let kinds = function(cases, among: pairs) ?? single(cases, among: pairs)
        return kinds.map { Relation(path: path.path, other: other.path, kind: $0) }
    }

    /// One value in every case: the cases are judged together, so that few sessions of each are enough.
    private func function(_ cases: [[Pair]], among all: [Pair]) -> [Relation.Kind]? {
        var whole: [UInt64: Set<UInt64>] = [:]
        for pair in all { whole[pair.value.value.key, default: []].insert(pair.session) }
        let sessions = Double(whole.values.reduce(0) { $0 + $1.count })
        var kinds: [Relation.Kind] = []
        var chance = 1.0
        for group in cases {
            let count = Set(group.lazy.map(\.session)).count
            guard count >= parameters.caseSessions else { continue }
            guard Set(group.lazy.map(\.value.value.key)).count == 1, let (kind, _) = values(group) else { return nil }
            // How often so many sessions hold one value, whichever it be, by how often each is held at all.
            chance *= whole.values.reduce(0) { $0 + Self.power(Double($1.count) / sessions, count) }
            kinds.append(kind)
        }
        return kinds.count > 1 && chance <= parameters.chance ? kinds : nil
    }

    /// A few values, or one folder, in some cases: each is judged alone.
    private func single(_ cases: [[Pair]], among all: [Pair]) -> [Relation.Kind] {
        let ways: [([Pair]) -> (kind: Relation.Kind, denied: Set<UInt64>)?] = [values, folder]
        for way in ways {
            var kinds: [Relation.Kind] = []
            var denied: Set<UInt64> = []
            for group in cases {
                let sessions = Set(group.lazy.map(\.session)).count
                guard sessions >= parameters.singleCaseSessions, let found = way(group),
                    isUnlikely(found.kind, group, among: all)
                else { continue }
                denied.formUnion(found.denied)
                kinds.append(found.kind)
            }
            let sessions = Set(all.lazy.map(\.session)).count
            if !kinds.isEmpty,
                Binomial.upperBound(denied.count, of: sessions, confidence: parameters.confidence)
                    <= parameters.wouldDenyTarget
            {
                return kinds
            }
        }
        return []
    }

    private func values(_ group: [Pair]) -> (kind: Relation.Kind, denied: Set<UInt64>)? {
        var sessions: [UInt64: Set<UInt64>] = [:]
        var tasks: [UInt64: Set<UInt64>] = [:]
        var values: Set<CanonicalValue> = []
        for pair in group {
            sessions[pair.value.value.key, default: []].insert(pair.session)
            if let task = pair.task { tasks[pair.value.value.key, default: []].insert(task) }
            values.insert(CanonicalValue(pair.value.valueClass, pair.value.value.value))
        }
        guard values.count <= parameters.mostCases else { return nil }
        // A value of one task says what that task is about.
        if !isOneTask, tasks.values.contains(where: { $0.count < 2 }) { return nil }
        let lonely = sessions.values.filter { $0.count == 1 }.reduce(into: Set<UInt64>()) { $0.formUnion($1) }
        return (.given(when: group[0].otherValue, values: values.sorted(), folders: []), lonely)
    }

    private func folder(_ group: [Pair]) -> (kind: Relation.Kind, denied: Set<UInt64>)? {
        guard group.allSatisfy({ $0.value.valueClass == .path && Self.isPlain($0.value.value.value) }) else {
            return nil
        }
        let parts = group.map { (session: $0.session, task: $0.task, folder: Self.folder($0.value.value.value)) }
        let common = Self.common(parts.map(\.folder))
        guard !common.isEmpty, Set(group.lazy.map { $0.value.value.key }).count >= parameters.relatedValues else {
            return nil
        }
        // Below the common folder are sub-folders, or it is itself the folder: left out, one unit must not move it.
        var denied: Set<UInt64> = []
        let heads = Dictionary(grouping: parts) { $0.folder.count > common.count ? $0.folder[common.count] : "" }
        if heads.count == 2 {
            for (_, part) in heads {
                let units = Set(part.map(\.session))
                let tasks = Set(part.compactMap(\.task))
                if !isOneTask, tasks.count == 1 { return nil }
                if units.count == 1 { denied.formUnion(units) }
            }
        }
        let root = group[0].value.value.value.hasPrefix("/") ? "/" : ""
        let path = root + common.joined(separator: "/")
        return (.given(when: group[0].otherValue, values: [], folders: [path]), denied)
    }

    private static func namesCase(_ kind: ValueClass) -> Bool {
        switch kind {
        case .token, .short, .boolean, .email, .account, .phone: true
        case .url, .path, .free, .date, .number, .empty, .secret: false
        }
    }

    private static func power(_ share: Double, _ count: Int) -> Double {
        var power = 1.0
        for _ in 0..<count { power *= share }
        return power
    }

    /// Whether so many sessions would hardly have kept to it, had the other argument made no difference.
    private func isUnlikely(_ kind: Relation.Kind, _ group: [Pair], among all: [Pair]) -> Bool {
        guard case .given(_, let values, let folders) = kind else { return false }
        let texts = Set(values.map(\.text))
        let isWithin = { (pair: Pair) in
            texts.contains(pair.value.value.value)
                || folders.contains { pair.value.value.value.hasPrefix($0 + "/") || pair.value.value.value == $0 }
        }
        let whole = Set(all.lazy.map(\.session)).count
        let outside = Set(all.lazy.filter { !isWithin($0) }.map(\.session)).count
        let share = 1 - Double(outside) / Double(whole)
        return Self.power(share, Set(group.lazy.map(\.session)).count) <= parameters.chance
    }

    private static func isPlain(_ path: String) -> Bool {
        !path.utf8.contains {
            $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "~") || $0 < 0x20
        }
            && !path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().contains {
                $0.isEmpty || $0 == ".." || $0 == "."
            }
            && !path.hasPrefix(".")
    }

    private static func folder(_ path: String) -> [Substring] { Array(path.split(separator: "/").dropLast()) }

    private static func common(_ folders: [[Substring]]) -> [Substring] {
        guard var common = folders.first else { return [] }
        for folder in folders.dropFirst() {
            common = zip(common, folder).prefix { $0.0 == $0.1 }.map(\.0)
        }
        return common
    }
}

extension Relations.Pair {
    fileprivate var otherValue: CanonicalValue { CanonicalValue(other.valueClass, other.value.value) }
}
