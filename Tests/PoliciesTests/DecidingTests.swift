import Core
import Policies
import Testing
import Traffic

/// What decisions of a review do to a policy.
@Suite struct DecidingTests {
    private static let now = Timestamp(seconds: 1_790_000_000)

    private static func record(_ point: ReviewPoint, _ decision: ReviewDecision, _ reason: String? = nil)
        -> ReviewRecord
    {
        ReviewRecord(
            item: point.id,
            argument: point.path,
            values: point.values,
            decision: decision,
            by: "user:ana",
            at: now,
            reason: reason
        )
    }

    private static func decide(
        _ decisions: [(ReviewPoint, ReviewDecision)],
        in policy: Policy,
        levels: ReviewLevels = ReviewLevels(),
        mined: Policy? = nil
    ) throws -> Policy {
        try Review(levels: levels).deciding(
            decisions.map { ($0.0, record($0.0, $0.1)) },
            in: policy,
            mined: mined ?? policy
        )
    }

    private struct Case {
        var policy: Policy
        var point: ReviewPoint
        var levels = ReviewLevels()
    }

    /// A point about a rule of a random policy, with or without an argument, values and levels.
    private static func sample(_ dice: inout Dice) -> Case? {
        let policy = Samples.policy(&dice)
        let open = policy.rules.filter {
            $0.origin == .mined && $0.effect != .forbid && !$0.tool.tool.hasSuffix("*") && $0.tool.server != "*"
        }
        guard !open.isEmpty else { return nil }
        let rule = dice.one(of: open)
        let path = dice.chance(75) ? dice.one(of: Samples.paths) : nil
        var levels = ReviewLevels()
        for argument in rule.arguments where dice.chance(50) {
            levels[rule.id, argument.path] = ReviewLevels.Neighbours(
                tighter: dice.chance(70) ? Samples.argument(argument.path, &dice) : nil,
                looser: dice.chance(70) ? Samples.argument(argument.path, &dice) : nil
            )
        }
        return Case(
            policy: policy,
            point: ReviewPoint(
                kind: "text-only-identity",
                rule: rule.id,
                agent: rule.agent,
                task: rule.task,
                tool: rule.tool,
                tier: rule.tier,
                path: path,
                values: path != nil && dice.chance(60)
                    ? dice.some(of: Samples.values.filter { $0.valueClass != .empty }, 20) : []
            ),
            levels: levels
        )
    }

    @Test(arguments: 0..<150 as Range<UInt64>) func decidingNeverGoesTheOtherWay(seed: UInt64) throws {
        var dice = Dice(seed: 700_000 + seed)
        guard let sample = Self.sample(&dice) else { return }
        for decision in ReviewDecision.allCases {
            guard let decided = try? Self.decide([(sample.point, decision)], in: sample.policy, levels: sample.levels)
            else { continue }
            let before = CompiledPolicy(sample.policy)
            let after = CompiledPolicy(decided)
            for _ in 0..<25 {
                let call = Samples.call(&dice)
                for now in [nil, Samples.start] as [Timestamp?] {
                    let context = DecisionContext(now: now)
                    let (was, became) = (before.decide(call, context: context), after.decide(call, context: context))
                    switch decision {
                    case .tighten, .deny, .defer:
                        #expect(
                            !was.verdict.isStricter(than: became.verdict),
                            "\(decision) \(sample.point): \(was) became \(became) for \(call)"
                        )
                    case .accept, .widen:
                        #expect(
                            !became.verdict.isStricter(than: was.verdict),
                            "\(decision) \(sample.point): \(was) became \(became) for \(call)"
                        )
                    case .ask:
                        // Asking never turns into allowing what was not allowed.
                        #expect(
                            became.verdict != .allow || was.verdict == .allow || sample.point.values.isEmpty == false
                        )
                    }
                }
            }
        }
    }

    @Test(arguments: 0..<80 as Range<UInt64>) func decidingTwiceIsDecidingOnce(seed: UInt64) throws {
        var dice = Dice(seed: 800_000 + seed)
        guard let sample = Self.sample(&dice) else { return }
        for decision in ReviewDecision.allCases {
            guard let once = try? Self.decide([(sample.point, decision)], in: sample.policy, levels: sample.levels)
            else { continue }
            let twice = try Self.decide(
                [(sample.point, decision)],
                in: once,
                levels: sample.levels,
                mined: sample.policy
            )
            #expect(twice == once)
            // What was decided last is all that counts.
            let back = try? Self.decide([(sample.point, .deny)], in: once, levels: sample.levels, mined: sample.policy)
            let straight = try Self.decide([(sample.point, .deny)], in: sample.policy, levels: sample.levels)
            #expect(back.map { PolicyDifference(from: $0, to: straight).isEmpty } ?? false, "\(decision)")
        }
    }

    private static let bank = ServerTool(server: "bank", tool: "send")
    private static let known = CanonicalValue(.email, "ann@acme.com")
    private static let stranger = CanonicalValue(.email, "eve@evil.org")

    private static func policy(_ argument: ArgumentRule = ArgumentRule(path: "to", values: [known])) -> Policy {
        Policy(
            name: "p",
            scope: .agent,
            rules: [
                Rule(
                    id: "bot.bank.send",
                    agent: "bot",
                    tool: bank,
                    tier: .destructive,
                    arguments: [argument, ArgumentRule(path: "body", open: [.free, .short])],
                    support: Support(calls: 9, sessions: 9)
                )
            ]
        )
    }

    private static func point(_ path: String?, _ values: [CanonicalValue] = []) -> ReviewPoint {
        ReviewPoint(
            kind: values.isEmpty ? "open-text" : "text-only-identity",
            rule: "bot.bank.send",
            agent: "bot",
            tool: bank,
            tier: .destructive,
            path: path,
            values: values
        )
    }

    private static func call(to value: CanonicalValue, tool: ServerTool = bank) -> ObservedCall {
        ObservedCall(
            session: "s",
            sequence: 0,
            principal: "bot",
            tool: tool,
            tier: .destructive,
            succeeded: true,
            arguments: ["to"],
            leaves: [ObservedLeaf(argument: "to", path: "to", value: value)]
        )
    }

    @Test(arguments: [
        (ReviewDecision.accept, Decision.Verdict.allow), (.widen, .allow), (.ask, .ask), (.deny, .deny),
        (.defer, .deny),
        (.tighten, .deny),
    ])
    func aValueThatTheMinerDidNotLearn(decision: ReviewDecision, expected: Decision.Verdict) throws {
        let point = Self.point("to", [Self.stranger])
        let decided = try Self.decide([(point, decision)], in: Self.policy())
        let compiled = CompiledPolicy(decided)
        #expect(compiled.decide(Self.call(to: Self.stranger)).verdict == expected)
        // What was allowed before is still, unless it was the rule that had to become tighter.
        let known = compiled.decide(Self.call(to: Self.known)).verdict
        #expect(known == (decision == .tighten ? .deny : .allow))
        let colleague = compiled.decide(Self.call(to: CanonicalValue(.email, "bob@evil.org"))).verdict
        #expect(colleague == (decision == .widen ? .allow : .deny))
        let record = try #require(decided.reviewed(point.id))
        #expect(record.by == "user:ana" && record.decision == decision)
    }

    @Test func askingMeansThisToolAndNoOther() throws {
        let longer = ServerTool(server: "bank", tool: "send_all")
        var policy = Self.policy()
        policy.rules.append(
            Rule(
                id: "bot.bank.send_all",
                agent: "bot",
                tool: longer,
                tier: .destructive,
                arguments: [ArgumentRule(path: "to", values: [Self.known])]
            )
        )
        let decided = try Self.decide([(Self.point(nil), .ask)], in: policy)
        let compiled = CompiledPolicy(decided)
        #expect(compiled.decide(Self.call(to: Self.known)).verdict == .ask)
        #expect(compiled.decide(Self.call(to: Self.known, tool: longer)).verdict == .allow)
    }

    /// Every kind of decision gives a document that reads back, with nothing wrong in it.
    @Test(arguments: ReviewDecision.allCases) func aDecidedPolicyIsASoundDocument(decision: ReviewDecision) throws {
        for point in [Self.point("to", [Self.stranger]), Self.point("body"), Self.point(nil)] {
            guard let decided = try? Self.decide([(point, decision)], in: Self.policy()) else { continue }
            let text = PolicyWriter.write(decided)
            let (read, diagnostics) = PolicyReader.read(Array(text.utf8), file: "p.yaml", now: Self.now)
            #expect(diagnostics.isEmpty, "\(diagnostics.map(\.line))\n\(text)")
            #expect(read == decided.sorted)
        }
    }

    @Test func anItemIsTheSameHoweverItIsFound() {
        let other = CanonicalValue(.email, "zoe@evil.org")
        let point = Self.point("to", [Self.stranger, other])
        #expect(point.id == Self.point("to", [other, Self.stranger]).id)
        #expect(point.id != Self.point("to", [other]).id)
        #expect(point.id.hasPrefix("send.to."))
        let hostile = ReviewPoint(
            kind: "k",
            rule: "r",
            agent: "a",
            tool: ServerTool(server: "s", tool: "rm -rf $HOME\u{1B}[2J"),
            tier: .write,
            path: "a=b:c"
        )
        #expect(hostile.id.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "._-".contains($0)) })
    }

    @Test func whatHasNoRuleCanOnlyBeRefused() throws {
        let point = ReviewPoint(
            kind: "varying-source",
            rule: "bot.bank.wipe",
            agent: "bot",
            tool: ServerTool(server: "bank", tool: "wipe"),
            tier: .destructive,
            path: "to",
            values: [Self.stranger]
        )
        for decision in [ReviewDecision.accept, .tighten, .widen] {
            #expect(throws: Review.Refusal.self) { try Self.decide([(point, decision)], in: Self.policy()) }
        }
        let denied = try Self.decide([(point, .deny)], in: Self.policy())
        #expect(denied.reviewed(point.id)?.decision == .deny)
        #expect(denied.rules.contains { $0.id == "review.\(point.id)" && $0.effect == .forbid })
    }

    @Test func aWholeRuleThatIsDeniedKeepsItsEvidenceAndComesBack() throws {
        let point = Self.point(nil)
        let denied = try Self.decide([(point, .deny)], in: Self.policy())
        #expect(CompiledPolicy(denied).decide(Self.call(to: Self.known)).reason == "forbidden")
        #expect(denied.rules.first { $0.id == point.rule }?.support.sessions == 9)
        let back = try Self.decide([(point, .accept)], in: denied, mined: Self.policy())
        #expect(CompiledPolicy(back).decide(Self.call(to: Self.known)).verdict == .allow)
        #expect(PolicyDifference(from: Self.policy(), to: back).isEmpty)
    }
}

/// What a new mining keeps of what people decided.
@Suite struct SuggestionTests {
    private static let tool = ServerTool(server: "bank", tool: "send")
    private static let eve = CanonicalValue(.email, "eve@evil.org")

    private static func mined(_ values: [CanonicalValue] = [], open: [ValueClass] = []) -> Policy {
        Policy(
            name: "p",
            scope: .agent,
            rules: [
                Rule(
                    id: "bot.bank.send",
                    agent: "bot",
                    tool: tool,
                    tier: .destructive,
                    arguments: [ArgumentRule(path: "to", values: values, fromPrompt: true, open: open)],
                    support: Support(calls: 3, sessions: 3)
                )
            ]
        )
    }

    private static let point = ReviewPoint(
        kind: "text-only-identity",
        rule: "bot.bank.send",
        agent: "bot",
        tool: tool,
        tier: .destructive,
        path: "to",
        values: [eve]
    )

    private static func decided(_ decision: ReviewDecision, _ policy: Policy = mined()) throws -> Policy {
        let record = ReviewRecord(
            item: point.id,
            argument: "to",
            values: [eve],
            decision: decision,
            by: "user:ana",
            at: Timestamp(seconds: 1_790_000_000)
        )
        return try Review().deciding([(point, record)], in: policy, mined: policy)
    }

    @Test func whatPeopleSetAboutAMinedRuleStays() {
        var old = Self.mined()
        old.owners = [Policy.Owner(name: "ann")]
        old.rules[0].owner = "ann"
        old.rules[0].mode = .shadow
        old.rules[0].expires = Timestamp(seconds: 5)
        old.rules[0].condition = "true"
        old.rules[0].windows = [TimeWindow(zone: "UTC", days: [1], start: 0, end: 60)]
        old.rules[0].effect = .ask
        let fresh = Self.mined([Self.eve], open: [.short])
        let kept = fresh.keepingWhatPeopleWrote(in: old)
        var expected = old.rules[0]
        expected.arguments = fresh.rules[0].arguments
        #expect(kept.rules == [expected])
        #expect(kept.owners == old.owners)
    }

    @Test func whatPeopleWroteStaysAndTakesItsIdBack() {
        var old = Self.mined()
        old.rules[0].origin = .written
        old.rules[0].arguments = []
        let kept = Self.mined([Self.eve]).keepingWhatPeopleWrote(in: old)
        #expect(kept.rules == old.rules)
    }

    @Test func aRuleOfTheSameNameForAnotherAgentKeepsNothing() {
        var old = Self.mined()
        old.rules[0].agent = "clerk"
        old.rules[0].owner = "ann"
        #expect(Self.mined().keepingWhatPeopleWrote(in: old).rules == Self.mined().rules)
    }

    /// A forbid is made of what it forbids: arguments that were mined anew would turn it around.
    @Test func aMinedRuleThatSomebodyMadeAForbidStaysOne() {
        var old = Self.mined()
        old.rules[0].effect = .forbid
        old.rules[0].arguments = []
        #expect(Self.mined([Self.eve], open: [.short]).keepingWhatPeopleWrote(in: old).rules == old.rules)
        var other = Self.mined()
        other.rules[0].id = "bot.bank.other"
        other.rules[0].tool.tool = "other"
        #expect(other.keepingWhatPeopleWrote(in: old).rules.contains { $0.effect == .forbid && $0.tool == Self.tool })
    }

    @Test func anAcceptedValueSurvivesTrafficThatDoesNotShowIt() throws {
        let kept = Self.mined().keepingWhatPeopleWrote(in: try Self.decided(.accept))
        #expect(kept.rules[0].arguments[0].values == [Self.eve])
        #expect(kept.reviewed(Self.point.id)?.decision == .accept)
    }

    @Test func aDeniedValueStaysDeniedWhenItIsSeenOftenEnoughToBeLearned() throws {
        let kept = Self.mined([Self.eve]).keepingWhatPeopleWrote(in: try Self.decided(.deny))
        #expect(kept.rules.first { $0.id == "bot.bank.send" }?.arguments[0].values == [])
        #expect(kept.rules.contains { $0.effect == .forbid && $0.arguments.first?.values == [Self.eve] })
    }

    @Test(arguments: ReviewDecision.allCases) func miningTheSameAgainChangesNothing(decision: ReviewDecision) throws {
        let old = Self.mined(open: [.short])
        guard let decided = try? Self.decided(decision, old) else { return }
        let kept = old.keepingWhatPeopleWrote(in: decided)
        #expect(kept.sorted == decided.sorted)
    }
}
