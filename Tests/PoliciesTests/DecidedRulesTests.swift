import Core
import Policies
import Testing
import Traffic

/// What a person decided about a policy stays when it is mined anew.
@Suite struct DecidedRulesTests {
    private static func mined(seed: UInt64) -> Policy {
        var dice = Dice(seed: seed)
        var policy = Samples.mined(&dice)
        for index in policy.rules.indices {
            policy.rules[index].reviewed = []
            // Some conditions of the samples are faulty, as no reader lets them in.
            policy.rules[index].condition = nil
        }
        return policy.markedAsMined
    }

    private func reread(_ policy: Policy) throws -> Policy {
        let text = PolicyWriter.write(policy)
        let (read, diagnostics) = PolicyReader.read(Array(text.utf8), file: "p.yaml")
        return try #require(read, "\(diagnostics.map(\.line))\n\(text)")
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func aMarkOutlivesWritingAndReading(seed: UInt64) throws {
        let policy = Self.mined(seed: seed)
        let read = try reread(policy)
        #expect(read == policy.sorted)
        #expect(read.rules.allSatisfy { !$0.isDecidedByPeople })
        #expect(!read.isReducedByPeople)
    }

    struct Edit: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var isPeoples: Bool
        var change: @Sendable (inout Rule) -> Void
    }

    @Test(arguments: [
        Edit(testDescription: "fewer calls", isPeoples: true) { $0.maximumCalls = 1 },
        Edit(testDescription: "a value", isPeoples: true) { $0.arguments[0].values = [CanonicalValue(.token, "a")] },
        Edit(testDescription: "required", isPeoples: true) { $0.arguments[0].required.toggle() },
        Edit(testDescription: "a bound", isPeoples: true) { $0.arguments[0].maximumLength = 7 },
        Edit(testDescription: "no argument", isPeoples: true) { $0.arguments = [] },
        Edit(testDescription: "a relation", isPeoples: true) {
            $0.relations.append(Relation(path: "a", other: "b", kind: .equals))
        },
        Edit(testDescription: "the definition", isPeoples: true) { $0.definition = "sha256:other" },
        Edit(testDescription: "a forbid", isPeoples: true) { $0.effect = .forbid },
        Edit(testDescription: "no mark", isPeoples: true) { $0.mark = nil },
        Edit(testDescription: "a decision", isPeoples: true) {
            $0.reviewed = [ReviewRecord(item: "i", decision: .accept, by: "user:ana", at: Timestamp(microseconds: 0))]
        },
        // What is people's in any case is kept without a mark, and says nothing about the rest.
        Edit(testDescription: "an owner", isPeoples: false) { $0.owner = "ana" },
        Edit(testDescription: "a mode", isPeoples: false) { $0.mode = .shadow },
        Edit(testDescription: "an end", isPeoples: false) {
            $0.expires = Timestamp(microseconds: 4_000_000_000_000_000)
        },
        Edit(testDescription: "warnings", isPeoples: false) { $0.warnings = [Warning(code: "c", detail: "d")] },
    ]) func aChangeByHandShows(_ edit: Edit) {
        let argument = ArgumentRule(path: "to", fromPrompt: true, maximumLength: 240)
        let tool = ServerTool(server: "bank", tool: "send")
        let rule = Rule(id: "r", agent: "bot", tool: tool, tier: .write, arguments: [argument], maximumCalls: 5)
        var policy = Policy(name: "p", scope: .agent, rules: [rule]).markedAsMined
        edit.change(&policy.rules[0])
        #expect(policy.rules[0].isDecidedByPeople == edit.isPeoples)
    }

    /// Whatever the traffic shows, a decided rule decides as before; what was only mined goes on being mined.
    @Test(arguments: 0..<200 as Range<UInt64>) func aDecidedRuleIsAskedAboutAndNotChanged(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var old = Self.mined(seed: seed)
        let fresh = Self.mined(seed: seed + 10_000)
        guard let edited = old.rules.indices.randomElement(using: &dice) else { return }
        old.rules[edited].maximumCalls = 1
        let rule = old.rules[edited]
        let (policy, questions) = fresh.keepingDecidedRules(of: old)
        #expect(policy.rules.filter { $0.id == rule.id } == [rule])
        let others = Set(policy.rules.map(\.id)).subtracting([rule.id])
        #expect(others == Set(fresh.rules.map(\.id)).subtracting([rule.id]))
        #expect(policy.rules.allSatisfy { $0.id == rule.id || !$0.isDecidedByPeople })
        #expect(questions.allSatisfy { $0.questionName == rule.id })
        guard let proposed = fresh.rules.first(where: { $0.id == rule.id }) else { return }
        #expect(!questions.isEmpty || PolicyDifference(from: old, to: fresh).changes.allSatisfy { $0.rule != rule.id })
        // A yes takes it over, and it stays people's.
        let (taken, rest) = fresh.keepingDecidedRules(of: old, except: [rule.id])
        var expected = proposed
        expected.mark = rule.mark
        #expect(taken.rules.filter { $0.id == rule.id } == [expected])
        #expect(rest.isEmpty)
    }

    @Test func whatAPersonTookAwayIsNotMinedBack() {
        let pay = ServerTool(server: "bank", tool: "pay")
        let list = ServerTool(server: "bank", tool: "list")
        let party = CanonicalValue(.account, "de89370400440532013000")
        let fresh = Policy(
            name: "p",
            scope: .agent,
            rules: [
                Rule(id: "pay", agent: "bot", tool: pay, tier: .write),
                Rule(id: "list", agent: "bot", tool: list, tier: .read),
            ],
            unseenReads: [Policy.UnseenReads(agent: "bot", server: "bank")],
            known: [Policy.KnownParties(agent: "bot", identities: [party])]
        ).markedAsMined
        #expect(fresh.keepingDecidedRules(of: fresh).questions.isEmpty)
        var old = fresh
        old.rules.removeFirst()
        #expect(old.isReducedByPeople)
        let (policy, questions) = fresh.keepingDecidedRules(of: old)
        #expect(policy.rules.map(\.id) == ["list"])
        #expect(questions.map(\.questionName) == ["pay"])
        old = fresh
        old.known = []
        old.unseenReads = []
        let (without, asked) = fresh.keepingDecidedRules(of: old)
        #expect(without.known.isEmpty && without.unseenReads.isEmpty)
        #expect(Set(asked.map(\.questionName)) == ["known:bot"])
        #expect(fresh.keepingDecidedRules(of: old, except: ["known:bot"]).policy.known == fresh.known)
        // Where nothing was mined before, nothing was taken away.
        let starter = Policy(name: "p", scope: .agent)
        #expect(fresh.keepingDecidedRules(of: starter).questions.isEmpty)
    }

    /// Between any field of any read and no field at all lie those that were used.
    @Test func fromAnyReadOneStepTighterAreTheFieldsThatWereUsed() throws {
        let tool = ServerTool(server: "books", tool: "pay")
        let field = ResultField(tool: ServerTool(server: "books", tool: "list"), field: "/iban")
        let wide = ArgumentRule(path: "iban", fromPrompt: true, fromFields: [field], fromAnyRead: true)
        let exact = ArgumentRule(path: "iban")
        let rule = Rule(id: "pay", agent: "bot", tool: tool, tier: .destructive, arguments: [wide])
        let policy = Policy(name: "p", scope: .agent, rules: [rule])
        var levels = ReviewLevels()
        levels["pay", "iban"] = ReviewLevels.Neighbours(tighter: exact, looser: nil)
        let point = ReviewPoint(
            kind: "any-read",
            rule: "pay",
            agent: "bot",
            tool: tool,
            tier: .destructive,
            path: "iban"
        )
        let record = ReviewRecord(
            item: point.id,
            argument: "iban",
            decision: .tighten,
            by: "user:ana",
            at: Timestamp(microseconds: 0)
        )
        let decided = try Review(levels: levels).deciding([(point, record)], in: policy, mined: policy)
        var expected = wide
        expected.fromAnyRead = false
        #expect(decided.rules[0].arguments == [expected])
    }

    @Test func aPolicyFromAProfileThatSomebodyNamedSaysSo() throws {
        var policy = Self.mined(seed: 1)
        policy.unprovenProfile = .sha256([1])
        let read = try reread(policy)
        #expect(read.unprovenProfile == .sha256([1]))
        #expect(PolicyWriter.write(policy).contains("# Mined from a profile that was named as a file"))
        let text = PolicyWriter.write(policy).replacing("unproven-profile: sha256:", with: "unproven-profile: md5:")
        let (broken, diagnostics) = PolicyReader.read(Array(text.utf8), file: "p.yaml")
        #expect(broken == nil)
        #expect(diagnostics.map(\.code) == ["policy.invalid-value"])
    }
}
