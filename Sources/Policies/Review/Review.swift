import Core
import Documents
import Traffic

/// Writes decisions into a policy.
///
/// What decides a rule's arguments goes into the rule; what is denied, deferred or asked becomes a rule of its own
/// beside it, with the id `review.ITEM`, so that a later mining cannot undo it. Deciding the same again changes nothing.
package struct Review: Sendable {
    /// Why a decision cannot be written into a policy.
    package struct Refusal: Error, Sendable, Hashable {
        /// A stable word: `no-rule`, `no-step`, `changed`.
        package var code: String
        package var item: String
        /// One lower-case sentence without a full stop.
        package var message: String
        package var help: String?
    }

    private let levels: ReviewLevels

    package init(levels: ReviewLevels = ReviewLevels()) {
        self.levels = levels
    }

    /// The policy with the decisions written into it.
    ///
    /// - Parameters:
    ///   - decisions: Each with the point it is about.
    ///   - policy: As it is, perhaps with earlier decisions.
    ///   - mined: What the miner proposes now: from there a decision that is changed starts anew.
    /// - Returns: The same policy where everything was decided so before.
    /// - Throws: The first decision that there is no place or no step for; nothing is decided then.
    package func deciding(
        _ decisions: [(point: ReviewPoint, record: ReviewRecord)],
        in policy: Policy,
        mined: Policy
    ) throws(Refusal) -> Policy {
        var policy = policy
        for (point, record) in decisions.sorted(by: { $0.point.id < $1.point.id }) {
            guard record.isAbout(point) else { throw noPoint(record) }
            if let earlier = policy.reviewed(point), earlier.saysTheSame(as: record) { continue }
            try decide(point, record, &policy, mined)
        }
        return policy
    }

    private func decide(
        _ point: ReviewPoint,
        _ record: ReviewRecord,
        _ policy: inout Policy,
        _ mined: Policy
    ) throws(Refusal) {
        var targets: [Int] = []
        for (index, rule) in policy.rules.enumerated() where rule.isInQuestion(point, in: policy) {
            targets.append(index)
        }
        if targets.isEmpty {
            switch record.decision {
            case .deny, .defer, .ask: break
            case .accept, .tighten, .widen:
                throw Refusal(
                    code: "no-rule",
                    item: point.id,
                    message:
                        "no rule of the policy lets \(point.agent.inMessage) use \(point.tool.description.inMessage)",
                    help: "decide deny, defer or ask, or write a rule for it"
                )
            }
        }
        for index in targets {
            let rule = policy.rules[index]
            let earlier = rule.reviewed.filter { $0.item != record.item }
            var fresh = rule
            if earlier.count != rule.reviewed.count, let start = mined.rules.first(where: { $0.isTheSame(as: rule) }) {
                // The earlier decision is taken back: all others are applied anew to what the miner proposes.
                fresh = start.keepingWhatPeopleSet(in: rule)
                for other in earlier.sorted(by: { $0.item < $1.item }) { fresh = try apply(other, to: fresh) }
            } else {
                fresh.reviewed = earlier
            }
            policy.rules[index] = try apply(record, to: fresh)
        }
        policy.rules.removeAll { $0.id == Self.id(record) && $0.origin == .written }
        if var rule = Self.rule(record, point) {
            if targets.isEmpty { rule.reviewed = [record] }
            policy.rules.append(rule)
        }
    }

    /// Applies to a rule all decisions that were made about it before, as after a new mining.
    func applying(_ records: [ReviewRecord], to rule: Rule) -> Rule {
        var rule = rule
        for record in records.sorted(by: { $0.item < $1.item }) {
            if let changed = try? apply(record, to: rule) {
                rule = changed
            } else {
                // There is no such step any more; that it was decided stays on record.
                rule.reviewed.append(record)
            }
        }
        return rule
    }

    private func apply(_ record: ReviewRecord, to old: Rule) throws(Refusal) -> Rule {
        var rule = old
        rule.reviewed.append(record)
        guard let path = record.argument else {
            switch record.decision {
            case .accept, .ask: break
            // In shadow the rule grants nothing, and keeps what it was made from.
            case .deny, .defer: rule.mode = .shadow
            case .tighten, .widen: try step(&rule, record)
            }
            return rule
        }
        let isFree = rule.tier == .read && !(rule.argument(path)?.isBinding ?? false)
        switch record.decision {
        case .accept, .ask:
            // A closed read takes any value; a rule about one of its arguments would only narrow it.
            if !record.values.isEmpty, rule.argument(path) != nil || rule.tier != .read {
                rule.change(path) { $0.naming(record.values) }
            }
        case .deny:
            rule.change(path, mayAdd: false) { $0.unnaming(record.values) }
        case .defer:
            let tighter = levels[rule.id, path]?.tighter
            rule.change(path, mayAdd: false) { argument in
                record.values.isEmpty
                    ? argument.tightened(towards: tighter, isFree: isFree) ?? argument
                    : argument.unnaming(record.values)
            }
        case .tighten:
            let argument = (rule.argument(path) ?? ArgumentRule(path: path)).unnaming(record.values)
            guard let tighter = argument.tightened(towards: levels[rule.id, path]?.tighter, isFree: isFree) else {
                throw noStep(
                    record,
                    "\(path.inMessage) of \(rule.id.inMessage) cannot be any tighter",
                    "decide deny or ask"
                )
            }
            rule.change(path) { _ in tighter }
        case .widen:
            let argument = rule.argument(path) ?? ArgumentRule(path: path)
            guard let wider = wider(argument, record, rule, isFree: isFree) else {
                throw noStep(
                    record,
                    "there is no next wider step for \(path.inMessage) of \(rule.id.inMessage)",
                    "decide accept, or write a rule for it"
                )
            }
            rule.change(path) { _ in wider }
        }
        return rule
    }

    /// The values, and the sites they belong to; without values the miner's next level.
    private func wider(_ argument: ArgumentRule, _ record: ReviewRecord, _ rule: Rule, isFree: Bool) -> ArgumentRule? {
        guard !record.values.isEmpty else {
            return argument.widened(towards: levels[rule.id, argument.path]?.looser, isFree: isFree)
        }
        let sites = record.values.compactMap { $0.valueClass == .account ? nil : Hosts.host(of: $0) }
            .filter { !Hosts.isShared($0) }
        guard !sites.isEmpty else { return nil }
        return sites.reduce(argument.naming(record.values)) { $0.naming(site: $1) }
    }

    /// Every argument of the rule one step further.
    private func step(_ rule: inout Rule, _ record: ReviewRecord) throws(Refusal) {
        let old = rule.arguments
        for index in rule.arguments.indices {
            let argument = rule.arguments[index]
            let neighbours = levels[rule.id, argument.path]
            let isFree = rule.tier == .read && !argument.isBinding
            let next =
                record.decision == .tighten
                ? argument.tightened(towards: neighbours?.tighter, isFree: isFree)
                : argument.widened(towards: neighbours?.looser, isFree: isFree)
            rule.arguments[index] = next ?? argument
        }
        guard rule.arguments == old else { return }
        guard record.decision == .tighten, let most = rule.maximumCalls, most > 1 else {
            throw noStep(
                record,
                "no argument of \(rule.id.inMessage) has a \(record.decision == .tighten ? "tighter" : "wider") step",
                record.decision == .tighten ? "decide deny or ask" : "decide accept, or write a rule for it"
            )
        }
        rule.maximumCalls = most / 2
    }

    private func noPoint(_ record: ReviewRecord) -> Refusal {
        Refusal(
            code: "changed",
            item: record.item,
            message: "the point has changed since it was shown, so the decision does not count and it stays open",
            help: "look at it again with `lockstep policy review`"
        )
    }

    private func noStep(_ record: ReviewRecord, _ message: String, _ help: String) -> Refusal {
        Refusal(code: "no-step", item: record.item, message: message, help: help)
    }

    static func id(_ record: ReviewRecord) -> String { ruleID(ofItem: record.item) }

    /// The id of the rule that holds a decision about a point beside the rule in question.
    package static func ruleID(ofItem item: String) -> String { "review.\(item)" }

    /// The rule that holds beside the one in question, if the decision needs one.
    private static func rule(_ record: ReviewRecord, _ point: ReviewPoint) -> Rule? {
        var argument = point.path.map { ArgumentRule(path: $0, isBinding: true) }
        argument?.values = record.values
        switch record.decision {
        case .accept, .tighten, .widen: return nil
        // What was deferred about an argument is a matter of its own rule; a value and a whole rule are not.
        case .defer where point.path != nil && record.values.isEmpty: return nil
        case .deny, .defer:
            return Rule(
                id: id(record),
                agent: point.agent,
                task: point.task,
                tool: point.tool,
                tier: point.tier,
                effect: .forbid,
                arguments: argument.map { [$0] } ?? [],
                origin: .written
            )
        case .ask:
            // A rule about many tools asks and never grants; the condition makes them this one.
            return Rule(
                id: id(record),
                agent: point.agent,
                task: point.task,
                tool: ServerTool(server: point.tool.server, tool: point.tool.tool + "*"),
                tier: point.tier,
                effect: .ask,
                arguments: argument.map { [$0] } ?? [],
                condition: "call.tool == " + String(decoding: JSON.canonical(.string(point.tool.tool)), as: UTF8.self),
                origin: .written
            )
        }
    }
}

extension Policy {
    /// What was decided about a point, if anything was; where two rules say different things, nothing was.
    package func reviewed(_ point: ReviewPoint) -> ReviewRecord? {
        let records = rules.flatMap(\.reviewed).filter { $0.isAbout(point) }
        guard let first = records.first, records.allSatisfy({ $0.decision == first.decision }) else { return nil }
        return first
    }
}

extension Rule {
    func isTheSame(as other: Rule) -> Bool {
        id == other.id && agent == other.agent && task == other.task && tool == other.tool
    }

    /// Whether a decision about the point goes into this rule.
    fileprivate func isInQuestion(_ point: ReviewPoint, in policy: Policy) -> Bool {
        guard origin == .mined, effect != .forbid, !isPattern, agent == point.agent, tool == point.tool else {
            return false
        }
        if id == point.rule { return true }
        // Under the scope of tasks a value of the agent belongs to every task that uses the tool.
        guard point.task == nil || point.task == task else { return false }
        return !policy.rules.contains { $0.id == point.rule && $0.agent == point.agent && $0.tool == point.tool }
    }

    fileprivate func argument(_ path: String) -> ArgumentRule? { arguments.first { $0.path == path } }

    fileprivate mutating func change(_ path: String, mayAdd: Bool = true, _ body: (ArgumentRule) -> ArgumentRule) {
        if let index = arguments.firstIndex(where: { $0.path == path }) {
            arguments[index] = body(arguments[index])
        } else if mayAdd {
            arguments.append(body(ArgumentRule(path: path)))
        }
    }

    /// The rule as the miner made it, with what people set about it in an earlier version.
    func keepingWhatPeopleSet(in earlier: Rule) -> Rule {
        var rule = self
        let wasTakenOut = earlier.reviewed.contains {
            $0.argument == nil && ($0.decision == .deny || $0.decision == .defer)
        }
        rule.owner = earlier.owner
        // A review put it in shadow, and applying what was decided does so again.
        if !wasTakenOut { rule.mode = earlier.mode }
        rule.expires = earlier.expires
        rule.windows = earlier.windows
        rule.condition = earlier.condition
        if earlier.effect != .allow { rule.effect = earlier.effect }
        return rule
    }
}
