import Core
import Policies
import Testing
import Traffic

private struct Row: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var rules: [Rule]
    var call: ObservedCall
    var context = DecisionContext()
    var verdict: Decision.Verdict
    var reason: String
    var argument: String?

    init(
        _ name: String,
        _ rules: [Rule],
        _ call: ObservedCall,
        _ verdict: Decision.Verdict,
        _ reason: String,
        at argument: String? = nil
    ) {
        self.init(name, rules, call, DecisionContext(), verdict, reason, at: argument)
    }

    init(
        _ name: String,
        _ rules: [Rule],
        _ call: ObservedCall,
        _ context: DecisionContext,
        _ verdict: Decision.Verdict,
        _ reason: String,
        at argument: String? = nil
    ) {
        testDescription = name
        self.rules = rules
        self.call = call
        self.context = context
        self.verdict = verdict
        self.reason = reason
        self.argument = argument
    }
}

private let named = ArgumentRule(path: "to", values: [ann])
private let noon = Timestamp(rfc3339: "2026-06-01T12:00:00Z").unsafelyKnown
private let weekdays = TimeWindow(zone: "UTC", days: [1, 2, 3, 4, 5], start: 540, end: 1020)

extension Optional {
    /// For constants of a test alone.
    fileprivate var unsafelyKnown: Wrapped {
        guard let self else { preconditionFailure("a constant of the test is wrong") }
        return self
    }
}

private let rows: [Row] = [
    Row("nothing is allowed without a rule", [], call(nil), .deny, "no-rule"),
    Row("another agent's rule is no rule", [rule(agent: "clerk")], call(nil), .deny, "no-rule"),
    Row("a tool without a rule", [rule(tool: ServerTool(server: "bank", tool: "x"))], call(nil), .deny, "unseen-tool"),
    Row(
        "a tool of the same name elsewhere",
        [rule()],
        call(nil, tool: ServerTool(server: "b", tool: "send")),
        .deny,
        "unseen-tool"
    ),
    Row("a named value", [rule([named])], call(ann), .allow, "allowed"),
    Row("another identity", [rule([named])], call(CanonicalValue(.email, "eve@evil.org")), .deny, "identity", at: "to"),
    Row(
        "an identity from free text",
        [rule([ArgumentRule(path: "to", fromPrompt: true, fromAnyRead: true, fromTexts: [send])])],
        call(ann, provenance: Provenance(texts: [send])),
        .deny,
        "identity",
        at: "to"
    ),
    Row(
        "an identity that the request names",
        [rule([ArgumentRule(path: "to", fromPrompt: true)])],
        call(ann, provenance: Provenance(prompt: .exact)),
        .allow,
        "allowed"
    ),
    Row("an argument that nobody sent", [rule([named])], call(ann, path: "bcc"), .deny, "unseen-argument", at: "bcc"),
    Row(
        "a number in bounds",
        [rule([ArgumentRule(path: "n", minimum: 0, maximum: 10)])],
        call(CanonicalValue(.number, "10"), path: "n"),
        .allow,
        "allowed"
    ),
    Row(
        "a number out of bounds",
        [rule([ArgumentRule(path: "n", minimum: 0, maximum: 10)])],
        call(CanonicalValue(.number, "10.5"), path: "n"),
        .deny,
        "number",
        at: "n"
    ),
    Row(
        "a missing argument",
        [rule([ArgumentRule(path: "to", required: true, values: [ann])])],
        call(nil),
        .deny,
        "missing-argument",
        at: "to"
    ),
    Row(
        "a required argument that is sent empty",
        [rule([ArgumentRule(path: "to", required: true, values: [ann])])],
        call(CanonicalValue(.empty, "")),
        .deny,
        "missing-argument",
        at: "to"
    ),
    Row(
        "an argument that is sent empty",
        [rule([ArgumentRule(path: "to", values: [ann])])],
        call(CanonicalValue(.empty, "")),
        .allow,
        "allowed"
    ),
    Row(
        "a text that names a stranger",
        [rule([ArgumentRule(path: "b", open: [.free])])],
        call(CanonicalValue(.free, "see"), path: "b", entities: [ObservedEntity(value: ann, provenance: Provenance())]),
        .deny,
        "entity",
        at: "b"
    ),
    Row(
        "a text that is too long",
        [rule([ArgumentRule(path: "b", open: [.free], maximumLength: 2)])],
        call(CanonicalValue(.free, "see"), path: "b"),
        .deny,
        "length",
        at: "b"
    ),
    Row(
        "a forbid beats an allow",
        [rule([named]), rule(id: "f") { $0.effect = .forbid }],
        call(ann),
        .deny,
        "forbidden"
    ),
    Row(
        "a forbid beats a task's own rule",
        [
            rule([named]) { $0.task = "t" },
            rule(id: "f", agent: "*", tool: ServerTool(server: "*", tool: "se*")) { $0.effect = .forbid },
        ],
        call(ann, task: "t"),
        .deny,
        "forbidden"
    ),
    Row(
        "a forbid of another value",
        [rule([named]), rule([ArgumentRule(path: "to", domains: ["evil.org"])], id: "f") { $0.effect = .forbid }],
        call(ann),
        .allow,
        "allowed"
    ),
    Row(
        "a forbid whose condition fails",
        [
            rule([named]),
            rule(id: "f") {
                $0.effect = .forbid; $0.condition = "call.args.x == 1"
            },
        ],
        call(ann),
        .deny,
        "forbidden"
    ),
    Row(
        "a climbing path meets every forbid",
        [
            rule([ArgumentRule(path: "p", open: [.path])]),
            rule([ArgumentRule(path: "p", patterns: ["/etc/*"])], id: "f") { $0.effect = .forbid },
        ],
        call(CanonicalValue(.path, "/srv/../etc/x"), path: "p"),
        .deny,
        "forbidden",
        at: "p"
    ),
    Row("an ask", [rule([named]) { $0.effect = .ask }], call(ann), .ask, "asked"),
    Row(
        "an ask does not admit what it does not name",
        [rule([named]) { $0.effect = .ask }],
        call(CanonicalValue(.email, "e@evil.org")),
        .deny,
        "identity",
        at: "to"
    ),
    Row(
        "an ask about many tools",
        [rule([named]), rule(id: "a", agent: "*", tool: ServerTool(server: "*", tool: "*")) { $0.effect = .ask }],
        call(ann),
        .ask,
        "asked"
    ),
    Row(
        "an ask about many tools grants nothing",
        [rule(id: "a", agent: "*", tool: ServerTool(server: "*", tool: "*")) { $0.effect = .ask }],
        call(ann),
        .deny,
        "unseen-tool"
    ),
    Row(
        "an allow of many tools grants nothing",
        [rule(tool: ServerTool(server: "bank", tool: "*"))],
        call(nil),
        .deny,
        "unseen-tool"
    ),
    Row("a rule in shadow", [rule([named]) { $0.mode = .shadow }], call(ann), .deny, "shadow"),
    Row(
        "another definition",
        [rule([named]) { $0.definition = "sha256:a" }],
        call(ann, definition: "sha256:b"),
        .deny,
        "definition-changed"
    ),
    Row(
        "an unknown definition where it is needed",
        [rule([named]) { $0.definition = "sha256:a" }],
        call(ann),
        DecisionContext(needsDefinition: true),
        .deny,
        "definition-changed"
    ),
    Row(
        "an expired rule",
        [rule([named]) { $0.expires = noon }],
        call(ann),
        DecisionContext(now: noon),
        .deny,
        "expired"
    ),
    Row("an expiry without a clock", [rule([named]) { $0.expires = noon }], call(ann), .deny, "expired"),
    Row(
        "a rule that has not expired",
        [rule([named]) { $0.expires = noon + .seconds(1) }],
        call(ann),
        DecisionContext(now: noon),
        .allow,
        "allowed"
    ),
    Row(
        "in its hours",
        [rule([named]) { $0.windows = [weekdays] }],
        call(ann),
        DecisionContext(now: noon),
        .allow,
        "allowed"
    ),
    Row(
        "out of its hours",
        [rule([named]) { $0.windows = [weekdays] }],
        call(ann),
        DecisionContext(now: noon + .seconds(6 * 3600)),
        .deny,
        "window"
    ),
    Row(
        "a condition that holds",
        [rule([named]) { $0.condition = "call.args.n < 5 && call.source.startsWith('10.')" }],
        call(ann),
        DecisionContext(arguments: JSON.Object([(key: "n", value: .integer(3))]), source: "10.1.1.1"),
        .allow,
        "allowed"
    ),
    Row(
        "a condition that does not hold",
        [rule([named]) { $0.condition = "call.tool == 'x'" }],
        call(ann),
        .deny,
        "condition"
    ),
    Row("a condition that fails", [rule([named]) { $0.condition = "call.args.n < 5" }], call(ann), .deny, "condition"),
    Row("a condition that is none", [rule([named]) { $0.condition = "((" }], call(ann), .deny, "condition"),
    Row(
        "a written rule wins where it is stricter",
        [rule([named]), rule([ArgumentRule(path: "to")], id: "w") { $0.origin = .written }],
        call(ann),
        .deny,
        "identity",
        at: "to"
    ),
    Row(
        "a written rule for everybody narrows",
        [
            rule([named]),
            rule([named], id: "w", agent: "*") {
                $0.origin = .written; $0.condition = "false"
            },
        ],
        call(ann),
        .deny,
        "condition"
    ),
    Row(
        "a task's rule replaces the common one",
        [rule(), rule([named], id: "t") { $0.task = "t" }],
        call(ann, task: "t"),
        .allow,
        "allowed"
    ),
]

@Suite struct DecisionTests {
    @Test(arguments: rows) fileprivate func decides(row: Row) {
        let decision = decide(row.rules, row.call, row.context)
        #expect(decision.verdict == row.verdict)
        #expect(decision.reason == row.reason)
        #expect(decision.argument == row.argument)
    }

    @Test func aTaskThatIsOnlyDeclaredDoesNotWiden() {
        let rules = [rule([named]) { $0.task = "t" }]
        #expect(decide(rules, call(ann, task: "t")).verdict == .allow)
        #expect(decide(rules, call(ann, task: "t"), DecisionContext(isTaskProven: false)).verdict == .deny)
    }

    @Test func whatWasNotLookedAtIsDenied() {
        var call = call(ann)
        call.exceedsLimits = true
        #expect(decide([rule([named])], call).reason == "limits")
    }

    @Test(arguments: 0..<400 as Range<UInt64>) func tablesDecideAsTheNaiveModelDoes(seed: UInt64) {
        var dice = Dice(seed: seed)
        let policy = Samples.policy(&dice, rules: Int.random(in: 0...14, using: &dice))
        let compiled = CompiledPolicy(policy)
        for _ in 0..<40 {
            let call = Samples.call(&dice)
            let decision = compiled.decide(call)
            let expected = NaiveModel(policy: policy, call: call).verdict
            #expect(decision.verdict == expected, "\(decision) for \(call) under\n\(PolicyWriter.write(policy))")
            if decision.verdict != expected { return }
            let sorted = CompiledPolicy(policy.sorted).decide(call)
            #expect(
                decision.verdict == sorted.verdict,
                "\(decision) and \(sorted) for \(call) under\n\(PolicyWriter.write(policy))"
            )
        }
    }

    @Test(arguments: [
        (nil, nil, false, true), ("d1", nil, false, false), ("d1", "d9", false, true), (nil, nil, true, false),
    ])
    func aToolIsNoReadByItsNameWhereTheOthersHaveDefinitions(
        made: String?,
        has: String?,
        needsDefinition: Bool,
        isAllowed: Bool
    ) {
        var policy = Policy(name: "p", scope: .agent, rules: [rule(tool: ServerTool(server: "bank", tool: "list"))])
        policy.rules[0].tier = .read
        policy.rules[0].definition = made
        policy.unseenReads = [Policy.UnseenReads(agent: "bot", server: "bank")]
        let call = call(nil, tool: ServerTool(server: "bank", tool: "get_more"), tier: .read, definition: has)
        let decision = CompiledPolicy(policy).decide(call, context: DecisionContext(needsDefinition: needsDefinition))
        #expect((decision.verdict == .allow) == isAllowed, "\(decision)")
    }

    @Test(arguments: 0..<300 as Range<UInt64>) func tighteningNeverAllowsMore(seed: UInt64) {
        var dice = Dice(seed: 7_000 + seed)
        let policy = Samples.policy(&dice)
        let tighter = CompiledPolicy(Self.tightened(policy, &dice))
        let before = CompiledPolicy(policy)
        for _ in 0..<40 {
            let call = Samples.call(&dice)
            let (was, now) = (before.decide(call), tighter.decide(call))
            #expect(!was.verdict.isStricter(than: now.verdict), "\(was) became \(now)")
        }
    }

    /// Takes one thing away that allows, or adds one that forbids.
    private static func tightened(_ policy: Policy, _ dice: inout Dice) -> Policy {
        var policy = policy
        if dice.chance(20) {
            policy.unseenReads = []
            policy.known = []
            return policy
        }
        if dice.chance(25) {
            var forbid = Samples.rule(99, &dice)
            forbid.effect = .forbid
            forbid.expires = nil
            policy.rules.append(forbid)
            return policy
        }
        guard let index = policy.rules.indices.randomElement(using: &dice) else { return policy }
        let rule = policy.rules[index]
        guard rule.effect == .allow, let position = rule.arguments.indices.randomElement(using: &dice) else {
            return policy
        }
        var argument = rule.arguments[position]
        switch Int.random(in: 0..<8, using: &dice) {
        case 0: argument.values = []
        case 1: argument.fromPrompt = false
        case 2: argument.fromFields = []
        case 3: argument.fromAnyRead = false
        case 4: argument.open = []
        case 5: argument.maximumLength = 2
        case 6: argument.maximum = min(argument.maximum ?? -1, 5)
        default: argument.patterns = []
        }
        // A bound where there was none would be a new way, not a tighter one.
        if rule.arguments[position].maximum == nil { argument.maximum = nil }
        // Boolean values bind: without any, both pass.
        if argument.isBinding, argument.values.isEmpty { argument.values = rule.arguments[position].values }
        policy.rules[index].arguments[position] = argument
        return policy
    }

    @Test(arguments: 0..<100 as Range<UInt64>) func anEmptyPolicyAllowsNothing(seed: UInt64) {
        var dice = Dice(seed: seed)
        let empty = CompiledPolicy(Policy(name: "empty", scope: .agent))
        #expect(empty.decide(Samples.call(&dice)).verdict == .deny)
    }
}
