import Core
import Policies
import Traffic

/// What the arguments of one tool say about each other, where enough sessions bear it out.
///
/// Three tests, since among many pairs some always seem related: leaving each session out denies next to none; so does
/// leaving out each task; and the pattern is unlikely to be chance (Ernst and others, "Dynamically discovering likely
/// program invariants", 2001). Values that the request names bind nothing and are not bound.
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

    func found(_ tool: LearnedTool) -> [Relation] {
        guard tool.tier != .read, Set(calls.lazy.map(\.session)).count >= parameters.relationSessions else { return [] }
        let paths = tool.paths.sorted { precedes($0.value.path, $1.value.path) }.filter { isCandidate($0.value) }
        guard paths.count > 1, paths.count <= parameters.mostRelated else { return [] }
        var relations: [Relation] = []
        for (key, path) in paths {
            for (otherKey, other) in paths where otherKey != key {
                guard let (pairs, alone) = pairs(key, otherKey) else { continue }
                if path.path > other.path, alone.isEmpty, isEqual(pairs) {
                    relations.append(Relation(path: path.path, other: other.path, kind: .equals))
                } else {
                    relations += given(pairs, alone, path, other)
                }
            }
        }
        return relations
    }

    private func isCandidate(_ path: LearnedPath) -> Bool {
        path.calls(of: .free) == 0 && path.calls(of: .secret) == 0 && path.secretSessions == 0
    }

    /// What was sent together, and the values of the other argument with which the bound one was not sent.
    ///
    /// Nil where too few sessions sent both, where one call sent several, so that which belongs to which is not known, or
    /// where the bound one came without the other.
    private func pairs(_ key: UInt64, _ other: UInt64) -> (pairs: [Pair], alone: Set<UInt64>)? {
        var pairs: [Pair] = []
        var alone: Set<UInt64> = []
        var sessions: Set<UInt64> = []
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
            pairs.append(Pair(session: call.session, task: call.task, value: value, other: others[0]))
            sessions.insert(call.session)
        }
        guard sessions.count >= parameters.relationSessions else { return nil }
        let tasks = Set(pairs.compactMap(\.task)).count
        // What holds in one or two tasks is what they are about.
        return isOneTask || tasks == 0 || tasks >= parameters.leaveOutUnits ? (pairs, alone) : nil
    }

    private func isEqual(_ pairs: [Pair]) -> Bool {
        pairs.allSatisfy { $0.value.value.value == $0.other.value.value }
            && Set(pairs.lazy.map { $0.value.value.key }).count >= parameters.relatedValues
    }

    /// For each value of the other argument what this one held.
    private func given(
        _ pairs: [Pair],
        _ alone: Set<UInt64>,
        _ path: LearnedPath,
        _ other: LearnedPath
    ) -> [Relation] {
        guard pairs.allSatisfy({ $0.other.valueClass == .token || $0.other.valueClass == .boolean }) else { return [] }
        let groups = Dictionary(grouping: pairs) { $0.other.value.key }
        guard groups.count > 1, groups.count <= parameters.mostCases else { return [] }
        let ways: [([Pair]) -> (kind: Relation.Kind, denied: Set<UInt64>)?] = [values, folder]
        for way in ways {
            var relations: [Relation] = []
            var denied: Set<UInt64> = []
            for (key, group) in groups.sorted(by: {
                precedes($0.value[0].other.value.value, $1.value[0].other.value.value)
            }) {
                let sessions = Set(group.lazy.map(\.session)).count
                guard !alone.contains(key), sessions >= parameters.caseSessions, let found = way(group),
                    isUnlikely(found.kind, group, among: pairs)
                else { continue }
                denied.formUnion(found.denied)
                relations.append(Relation(path: path.path, other: other.path, kind: found.kind))
            }
            let all = Set(pairs.lazy.map(\.session)).count
            if !relations.isEmpty,
                Binomial.upperBound(denied.count, of: all, confidence: parameters.confidence)
                    <= parameters.wouldDenyTarget
            {
                return relations
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
        var chance = 1.0
        for _ in 0..<Set(group.lazy.map(\.session)).count { chance *= share }
        return chance <= parameters.chance
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
