import Core
package import Traffic

/// What one policy allows that another does not, rule by rule and argument by argument.
///
/// Rules are the same if they have the same id, agent, task and tool. What changes no decision (support, warnings) is
/// left out.
package struct PolicyDifference: Sendable, Hashable {
    package enum Direction: String, Sendable {
        case wider, tighter
        /// Neither, or it cannot be said.
        case other
    }

    package struct Change: Sendable, Hashable {
        /// A stable word: `rule-added`, `rule-removed`, `effect`, `mode`, `definition`, `tier`, `condition`, `hours`,
        /// `expires`, `most-calls`, `owner`, `argument-added`, `argument-removed`, `required`, `strict`, `values-added`,
        /// `values-removed`, `sources-added`, `sources-removed`, `domains-added`, `domains-removed`, `patterns-added`,
        /// `patterns-removed`, `bounds`, `classes-added`, `classes-removed`, `length`, `items`, `known-added`,
        /// `known-removed`, `relations-added`, `relations-removed`, `unseen-reads-added`, `unseen-reads-removed`, `scope`.
        package var what: String
        package var direction: Direction
        package var agent: String
        package var task: String?
        package var tool: ServerTool?
        package var rule: String?
        /// The path of the argument.
        package var argument: String?
        package var before: [String]
        package var after: [String]
    }

    package private(set) var changes: [Change] = []

    package init(from old: Policy, to new: Policy) {
        let old = old.sorted
        let new = new.sorted
        if old.scope != new.scope {
            changes.append(
                Change(
                    what: "scope",
                    direction: .other,
                    agent: "*",
                    before: [old.scope.rawValue],
                    after: [new.scope.rawValue]
                )
            )
        }
        let before = Dictionary(old.rules.map { (Key($0), $0) }, uniquingKeysWith: { first, _ in first })
        let after = Dictionary(new.rules.map { (Key($0), $0) }, uniquingKeysWith: { first, _ in first })
        for rule in old.rules where after[Key(rule)] == nil {
            add("rule-removed", rule.effect == .forbid ? .wider : .tighter, rule, before: rule.gist)
        }
        for rule in new.rules {
            if let earlier = before[Key(rule)] {
                compare(earlier, rule)
            } else {
                add("rule-added", rule.addition, rule, after: rule.gist)
            }
        }
        compareKnown(old, new)
    }

    package var isEmpty: Bool { changes.isEmpty }
    package var widens: Bool { changes.contains { $0.direction != .tighter } }

    private struct Key: Hashable {
        var id: String
        var agent: String
        var task: String?
        var tool: ServerTool

        init(_ rule: Rule) {
            id = rule.id
            agent = rule.agent
            task = rule.task
            tool = rule.tool
        }
    }

    private mutating func add(
        _ what: String,
        _ direction: Direction,
        _ rule: Rule,
        argument: String? = nil,
        before: [String] = [],
        after: [String] = []
    ) {
        changes.append(
            Change(
                what: what,
                direction: direction,
                agent: rule.agent,
                task: rule.task,
                tool: rule.tool,
                rule: rule.id,
                argument: argument,
                before: before,
                after: after
            )
        )
    }

    private mutating func compare(_ old: Rule, _ new: Rule) {
        if old.effect != new.effect {
            let direction: Direction = old.effect.severity < new.effect.severity ? .tighter : .wider
            add("effect", direction, new, before: [old.effect.rawValue], after: [new.effect.rawValue])
        }
        // What a forbid says more of, less is allowed by.
        let isSelecting = new.isSelecting
        func turned(_ direction: Direction) -> Direction { isSelecting ? direction.opposite : direction }
        if old.mode != new.mode, new.effect != .forbid {
            let grants: Direction = new.isPattern ? .tighter : .wider
            add(
                "mode",
                new.mode == .enforce ? grants : grants.opposite,
                new,
                before: [old.mode.rawValue],
                after: [new.mode.rawValue]
            )
        }
        if old.tier != new.tier {
            add(
                "tier",
                turned(new.tier < old.tier ? .wider : .tighter),
                new,
                before: [old.tier.rawValue],
                after: [new.tier.rawValue]
            )
        }
        optional("definition", old.definition, new.definition, turned(.tighter), new)
        optional("condition", old.condition, new.condition, turned(.tighter), new)
        if old.windows != new.windows {
            let direction: Direction = old.windows.isEmpty ? .tighter : new.windows.isEmpty ? .wider : .other
            add(
                "hours",
                turned(direction),
                new,
                before: old.windows.map(Phrases.window),
                after: new.windows.map(Phrases.window)
            )
        }
        if old.expires != new.expires {
            let isLater = new.expires.map { later in old.expires.map { later > $0 } ?? false } ?? true
            let direction: Direction = isLater ? .wider : .tighter
            add(
                "expires",
                turned(direction),
                new,
                before: [old.expires?.description].compactMap(\.self),
                after: [new.expires?.description].compactMap(\.self)
            )
        }
        if old.maximumCalls != new.maximumCalls {
            let isMore = new.maximumCalls ?? .max > old.maximumCalls ?? .max
            add(
                "most-calls",
                turned(isMore ? .wider : .tighter),
                new,
                before: [old.maximumCalls.map(String.init)].compactMap(\.self),
                after: [new.maximumCalls.map(String.init)].compactMap(\.self)
            )
        }
        let (was, now) = (Set(old.relations), Set(new.relations))
        let added = new.relations.filter { !was.contains($0) }.map(\.phrase)
        let removed = old.relations.filter { !now.contains($0) }.map(\.phrase)
        if !added.isEmpty { add("relations-added", .tighter, new, after: added) }
        if !removed.isEmpty { add("relations-removed", .wider, new, before: removed) }
        optional("owner", old.owner, new.owner, .other, new)
        let before = Dictionary(old.arguments.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        let after = Dictionary(new.arguments.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
        for argument in old.arguments where after[argument.path] == nil {
            add(
                "argument-removed",
                argument.required ? .other : .tighter.turned(isSelecting),
                new,
                argument: argument.path
            )
        }
        for argument in new.arguments {
            guard let earlier = before[argument.path] else {
                add(
                    "argument-added",
                    argument.required ? .other : .wider.turned(isSelecting),
                    new,
                    argument: argument.path
                )
                continue
            }
            compare(earlier, argument, new)
        }
    }

    /// A condition that was added narrows; one that was changed may do anything.
    private mutating func optional(_ what: String, _ old: String?, _ new: String?, _ added: Direction, _ rule: Rule) {
        guard old != new else { return }
        let direction: Direction = old == nil ? added : new == nil ? added.opposite : .other
        add(what, direction, rule, before: [old].compactMap(\.self), after: [new].compactMap(\.self))
    }

    private mutating func compare(_ old: ArgumentRule, _ new: ArgumentRule, _ rule: Rule) {
        // In a forbid each value more is one fewer that passes.
        let more: Direction = rule.isSelecting ? .tighter : .wider
        func both(_ what: String, _ before: [String], _ after: [String]) {
            let (was, now) = (Set(before), Set(after))
            let added = after.filter { !was.contains($0) }
            let removed = before.filter { !now.contains($0) }
            if !added.isEmpty { add(what + "-added", more, rule, argument: new.path, after: added) }
            if !removed.isEmpty { add(what + "-removed", more.opposite, rule, argument: new.path, before: removed) }
        }
        func single(_ what: String, _ before: String, _ after: String, _ direction: Direction) {
            guard before != after else { return }
            add(what, direction, rule, argument: new.path, before: [before], after: [after])
        }
        both("values", old.values.map(Self.text), new.values.map(Self.text))
        both("sources", old.sources, new.sources)
        both("domains", old.domains, new.domains)
        both("patterns", old.patterns, new.patterns)
        both("classes", old.classes, new.classes)
        single("required", "\(old.required)", "\(new.required)", new.required ? .tighter : .wider)
        single("strict", "\(old.isBinding)", "\(new.isBinding)", new.isBinding ? .tighter : .wider)
        let reach = Self.direction(from: old.interval, to: new.interval)
        single("bounds", old.bounds, new.bounds, rule.isSelecting ? reach.opposite : reach)
        let (length, items) = (old.maximumLength ?? .max, old.maximumItems ?? .max)
        let (newLength, newItems) = (new.maximumLength ?? .max, new.maximumItems ?? .max)
        single("length", Self.text(length), Self.text(newLength), newLength > length ? .wider : .tighter)
        single("items", Self.text(items), Self.text(newItems), newItems > items ? .wider : .tighter)
    }

    private static func text(_ value: CanonicalValue) -> String { "\(value.valueClass.rawValue) \(value.text)" }
    private static func text(_ limit: Int) -> String { limit == .max ? "any" : String(limit) }

    private static func direction(from old: ClosedRange<Double>?, to new: ClosedRange<Double>?) -> Direction {
        switch (old, new) {
        case (nil, _): .wider
        case (_, nil): .tighter
        case (let old?, let new?):
            new.lowerBound <= old.lowerBound && new.upperBound >= old.upperBound
                ? .wider
                : new.lowerBound >= old.lowerBound && new.upperBound <= old.upperBound ? .tighter : .other
        }
    }

    private mutating func compareKnown(_ old: Policy, _ new: Policy) {
        func texts(_ policy: Policy) -> [KnownKey: Set<String>] {
            policy.known.reduce(into: [:]) { result, known in
                let key = KnownKey(agent: known.agent, task: known.task)
                result[key, default: []].formUnion(known.identities.map(Self.text))
                result[key, default: []].formUnion(known.hosts.map { "host \($0)" })
                result[key, default: []].formUnion(known.domains.map { "domain \($0)" })
            }
        }
        let (before, after) = (texts(old), texts(new))
        for key in Set(before.keys).union(after.keys).sorted() {
            let (was, now) = (before[key] ?? [], after[key] ?? [])
            note("known", key, added: now.subtracting(was), removed: was.subtracting(now))
        }
        let was = Dictionary(grouping: old.unseenReads, by: \.agent).mapValues { Set($0.map(\.server)) }
        let now = Dictionary(grouping: new.unseenReads, by: \.agent).mapValues { Set($0.map(\.server)) }
        for agent in Set(was.keys).union(now.keys).sorted() {
            let (was, now) = (was[agent] ?? [], now[agent] ?? [])
            let key = KnownKey(agent: agent, task: nil)
            note("unseen-reads", key, added: now.subtracting(was), removed: was.subtracting(now))
        }
    }

    private struct KnownKey: Hashable, Comparable {
        var agent: String
        var task: String?

        static func < (left: Self, right: Self) -> Bool {
            (left.agent, left.task ?? "") < (right.agent, right.task ?? "")
        }
    }

    private mutating func note(_ what: String, _ key: KnownKey, added: Set<String>, removed: Set<String>) {
        if !added.isEmpty {
            changes.append(
                Change(
                    what: what + "-added",
                    direction: .wider,
                    agent: key.agent,
                    task: key.task,
                    before: [],
                    after: added.sorted()
                )
            )
        }
        if !removed.isEmpty {
            changes.append(
                Change(
                    what: what + "-removed",
                    direction: .tighter,
                    agent: key.agent,
                    task: key.task,
                    before: removed.sorted(),
                    after: []
                )
            )
        }
    }
}

extension PolicyDifference.Direction {
    fileprivate var opposite: Self { self == .wider ? .tighter : self == .tighter ? .wider : .other }
    fileprivate func turned(_ isTurned: Bool) -> Self { isTurned ? opposite : self }
}

extension Rule {
    /// The rule in a few words: its effect, and for each argument what it may be.
    fileprivate var gist: [String] {
        var words = [effect.rawValue + (mode == .shadow ? " in shadow" : "")]
        for argument in arguments {
            let phrases = argument.phrases
            let most = 6
            let some = phrases.prefix(most).joined(separator: "; ")
            let rest = phrases.count > most ? "; and \(phrases.count - most) more" : ""
            words.append("\(argument.path): \(phrases.isEmpty ? bareArgument : some + rest)")
        }
        return words
    }

    /// What it means that the rule is new: one that people wrote narrows what a mined one allows, and may also grant.
    fileprivate var addition: PolicyDifference.Direction {
        if isSelecting { return .tighter }
        return origin == .mined ? .wider : .other
    }
}

extension Rule.Effect {
    fileprivate var severity: Int { self == .allow ? 0 : self == .ask ? 1 : 2 }
}

extension ArgumentRule {
    fileprivate var classes: [String] { open.map(\.rawValue) + own.map { "\($0.rawValue) in no result" } }

    fileprivate var sources: [String] {
        (fromPrompt ? [Phrases.request] : []) + (fromAnyRead ? [Phrases.anyRead] : [])
            + fromFields.map(Phrases.field) + fromTexts.map(Phrases.text(of:))
    }

    fileprivate var interval: ClosedRange<Double>? {
        guard minimum != nil || maximum != nil else { return nil }
        let (low, high) = (minimum ?? -.infinity, maximum ?? .infinity)
        return low <= high ? low...high : nil
    }

    fileprivate var bounds: String {
        let parts = [minimum.map { "at least \($0)" }, maximum.map { "at most \($0)" }].compactMap(\.self)
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }
}
