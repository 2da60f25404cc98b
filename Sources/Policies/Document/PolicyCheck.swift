import Core
import Documents
import Traffic

/// Finds rules that cannot do what whoever wrote them meant.
struct PolicyCheck {
    private let policy: Policy
    private let places: [RulePlaces]
    private let problems: DiagnosticCollector
    private let now: Timestamp?

    init(_ policy: Policy, _ places: [RulePlaces], _ problems: DiagnosticCollector, now: Timestamp?) {
        self.policy = policy
        self.places = places
        self.problems = problems
        self.now = now
    }

    func run() {
        guard places.count == policy.rules.count else { return }
        owners()
        forbids()
        for (rule, place) in zip(policy.rules, places) {
            if rule.effect == .allow, rule.isPattern {
                problems.report(
                    "pattern-allows",
                    "a rule that allows must name one tool",
                    at: place.tool,
                    help: "only a forbid or an ask may mean many tools"
                )
            }
            if rule.effect == .forbid, rule.mode == .shadow {
                problems.warn(
                    "forbid-in-shadow",
                    "a forbid holds in shadow, too",
                    at: place.mode,
                    help: "leave `mode` out, or remove the rule"
                )
            }
            if let expires = rule.expires, let now, expires <= now {
                problems.report(
                    "expired-rule",
                    "the rule \(rule.id.inMessage) expired on \(expires)",
                    at: place.expires,
                    help: rule.effect == .forbid
                        ? "remove it, or set a later time" : "it denies; review it and set a later time"
                )
            }
        }
    }

    private func owners() {
        if policy.owners.isEmpty { return }
        let known = Dictionary(policy.owners.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for (rule, place) in zip(policy.rules, places) {
            guard let name = rule.owner else { continue }
            guard let owner = known[name] else {
                problems.report(
                    "unknown-owner",
                    "\(name.inMessage) is not among the owners",
                    at: place.owner,
                    help: nearest(to: name, in: known.keys.sorted()).map { "did you mean \($0.inMessage)?" }
                )
                continue
            }
            if let until = owner.until, let now, until <= now {
                problems.report(
                    "expired-owner",
                    "\(name.inMessage) has owned nothing since \(until)",
                    at: place.owner,
                    help: "name an owner who answers for the rule \(rule.id.inMessage) now"
                )
            }
        }
    }

    /// A forbid and what it covers, found by the tool that it names, so that many rules do not mean many comparisons.
    private func forbids() {
        var forbids: [ServerTool: [Int]] = [:]
        for (index, rule) in policy.rules.enumerated() where rule.effect == .forbid {
            forbids[rule.tool, default: []].append(index)
        }
        if forbids.isEmpty { return }
        let decided = Set(policy.rules.flatMap(\.reviewed).map { Review.ruleID(ofItem: $0.item) })
        for (index, rule) in policy.rules.enumerated() {
            for tool in Self.covering(rule.tool) {
                for other in forbids[tool] ?? [] where other != index {
                    // Each keeps what somebody decided about a point of its own; none of them is one too many.
                    if decided.contains(rule.id), decided.contains(policy.rules[other].id) { continue }
                    if report(rule, places[index], policy.rules[other], isLater: other < index) { break }
                }
            }
        }
    }

    /// Says how the forbid meets the rule, and whether anything was said.
    private func report(_ rule: Rule, _ place: RulePlaces, _ forbid: Rule, isLater: Bool) -> Bool {
        guard forbid.agent == "*" || forbid.agent == rule.agent else { return false }
        guard forbid.task == nil || forbid.task == rule.task else { return false }
        if forbid.isUnconditional {
            if rule.effect == .forbid {
                // Of two that cover each other only the later one is too many.
                guard !rule.isUnconditional || isLater || rule.tool != forbid.tool else { return false }
                problems.warn(
                    "overlapping-forbid",
                    "the forbid \(forbid.id.inMessage) covers this one",
                    at: place.rule,
                    help: "remove one of them"
                )
            } else {
                // In shadow it is not meant to allow anything.
                guard rule.mode == .enforce else { return false }
                problems.report(
                    "unreachable-rule",
                    "this rule can never allow anything: the forbid \(forbid.id.inMessage) covers it",
                    at: place.rule,
                    help: "remove one of them, or narrow the forbid"
                )
            }
            return true
        }
        guard rule.effect != .forbid else { return false }
        for argument in forbid.arguments {
            let allowed = rule.arguments.first { $0.path == argument.path }
            guard let value = allowed?.values.first(where: { Set(argument.values).contains($0) }) else { continue }
            problems.warn(
                "overlapping-forbid",
                "the value \(value.text.inMessage) of \(argument.path.inMessage) is forbidden by \(forbid.id.inMessage)",
                at: place.rule,
                help: "remove it here: the forbid wins"
            )
            return true
        }
        return false
    }

    /// The tool and every way of naming it among others.
    private static func covering(_ tool: ServerTool) -> [ServerTool] {
        var names = [tool.tool]
        let stem = tool.tool.hasSuffix("*") ? tool.tool.dropLast() : tool.tool[...]
        for end in stem.indices.prefix(200) { names.append(stem[..<end] + "*") }
        if stem.endIndex == tool.tool.endIndex { names.append(tool.tool + "*") }
        let servers = tool.server == "*" ? ["*"] : [tool.server, "*"]
        return servers.flatMap { server in names.map { ServerTool(server: server, tool: $0) } }
    }
}

extension Rule {
    /// Whether nothing but the tool matters.
    fileprivate var isUnconditional: Bool {
        arguments.isEmpty && condition == nil && windows.isEmpty && expires == nil
            && maximumCalls == nil
    }
}
