import Core
import Documents
import Policies
import Testing
import Traffic

/// What a decision is bound to: which point it names, and what was shown of it.
@Suite struct PointTests {
    private static func point(_ value: String, path: String = "iban", kind: String = "text-only-identity")
        -> ReviewPoint
    {
        ReviewPoint(
            kind: kind,
            rule: "clerk.books.pay_invoice",
            agent: "clerk",
            tool: ServerTool(server: "books", tool: "pay_invoice"),
            tier: .destructive,
            path: path,
            values: [CanonicalValue(.account, value)]
        )
    }

    private static func fault(_ name: String, among points: [ReviewPoint], isKept: Bool = false) -> PointNames.Fault? {
        do throws(PointNames.Fault) {
            _ = try PointNames(points).point(named: name, isKept: isKept)
            return nil
        } catch { return error }
    }

    @Test func anIdEndsInAHundredAndTwentyEightBits() throws {
        let digits = try #require(Self.point("gb29nwbk60161331926819").id.split(separator: ".").last)
        #expect(digits.count == 32 && digits.allSatisfy(\.isHexDigit))
        // Two values whose ids were the same when they ended in 32 bits.
        #expect(Self.point("gb82nwbk00000000005022").id != Self.point("gb10nwbk00000000028530").id)
    }

    @Test func aPointIsFoundByItsIdAndByEnoughOfIt() throws {
        let points = [Self.point("a1"), Self.point("b2"), Self.point("b2", path: "note")]
        let names = PointNames(points)
        for point in points {
            #expect(try names.point(named: point.id) == point)
            #expect(try names.point(named: point.id, isKept: true) == point)
            #expect(names.short(point).count == point.id.count - 20)
            #expect(try names.point(named: names.short(point)) == point)
            let kept = Self.fault(names.short(point), among: points, isKept: true)
            #expect(kept?.help.contains(point.id) ?? false)
            let few = Self.fault(String(point.id.dropLast(24)), among: points)
            #expect(few?.message.contains("fewer than 12 digits") ?? false)
        }
    }

    @Test func aBeginningThatSeveralPointsHaveIsRefused() throws {
        // The same id twice stands for what no digest was ever seen to do.
        let point = Self.point("a1")
        let twin = Self.point("a1")
        let fault = Self.fault(point.id, among: [point, twin, Self.point("b2")])
        #expect(fault?.message.contains("stands for 2 points") ?? false)
        let few = Self.fault("pay_invoice.iban.", among: [point, Self.point("b2")])
        #expect(few?.message.contains("stands for 2 points") ?? false)
    }

    @Test func aPointWithOtherValuesIsAnotherOneAndSaysSo() throws {
        let fault = try #require(Self.fault(Self.point("a1").id, among: [Self.point("b2")]))
        #expect(fault.message.contains("other values are in question now"))
        #expect(fault.help.contains(Self.point("b2").id))
        #expect(Self.fault("nothing.like.it", among: [Self.point("b2")])?.help.contains("lists the points") ?? false)
    }

    private static let policy = Policy(
        name: "p",
        scope: .agent,
        rules: [
            Rule(
                id: "clerk.books.pay_invoice",
                agent: "clerk",
                tool: ServerTool(server: "books", tool: "pay_invoice"),
                tier: .destructive,
                arguments: [ArgumentRule(path: "iban", values: [CanonicalValue(.account, "known")])],
                support: Support(calls: 9, sessions: 9)
            )
        ]
    )

    private static func record(_ point: ReviewPoint, values: [CanonicalValue]? = nil, path: String? = nil)
        -> ReviewRecord
    {
        ReviewRecord(
            item: point.id,
            argument: path ?? point.path,
            values: values ?? point.values,
            decision: .accept,
            by: "user:ana",
            at: Timestamp(seconds: 1_790_000_000),
            shown: .sha256([1])
        )
    }

    @Test func aDecisionAboutOtherValuesDoesNotCount() throws {
        let point = Self.point("a1")
        for record in [
            Self.record(point, values: [CanonicalValue(.account, "b2")]), Self.record(point, path: "note"),
            Self.record(point, values: []),
        ] {
            let refusal = #expect(throws: Review.Refusal.self) {
                try Review().deciding([(point, record)], in: Self.policy, mined: Self.policy)
            }
            #expect(refusal?.code == "changed")
            var edited = Self.policy
            edited.rules[0].reviewed = [record]
            #expect(edited.reviewed(point) == nil)
        }
        let decided = try Review().deciding([(point, Self.record(point))], in: Self.policy, mined: Self.policy)
        #expect(decided.reviewed(point)?.decision == .accept)
        // What was shown is kept, and the document says what `by` is worth.
        let text = PolicyWriter.write(decided)
        #expect(text.contains("shown: \(Digest.sha256([1]))") && text.contains("a note that nobody signed"))
        #expect(PolicyReader.read(Array(text.utf8), file: "p").policy?.reviewed(point)?.shown == .sha256([1]))
    }

    @Test func theSameDecisionTwiceCountsOnceAndTwoDifferentOnesNotAtAll() throws {
        func read(_ second: String) -> (entries: [DecisionFile.Entry]?, diagnostics: [Diagnostic]) {
            let text = """
                apiVersion: lockstep/v1
                kind: PolicyDecisions
                decisions:
                  - {item: a.b, decision: deny, reason: fraud}
                  - \(second)
                """
            return DecisionFile.read(Array(text.utf8), file: "d.yaml")
        }
        #expect(read("{item: a.b, decision: deny, reason: fraud}").entries?.count == 1)
        for second in ["{item: a.b, decision: accept, reason: fraud}", "{item: a.b, decision: deny, reason: no}"] {
            let refused = read(second)
            #expect(refused.entries == nil)
            #expect(refused.diagnostics.first?.place?.line == 5)
            #expect(refused.diagnostics.first?.help?.contains("d.yaml:4:") ?? false)
        }
        #expect(read("{item: c.d, decision: deny, shown: yesterday}").entries == nil)
    }

    @Test func aRuleThatSaysTwoThingsAboutAPointIsRefused() throws {
        let decided = try Review().deciding(
            [(Self.point("a1"), Self.record(Self.point("a1")))],
            in: Self.policy,
            mined: Self.policy
        )
        var two = decided
        two.rules[0].reviewed.append(Self.record(Self.point("a1")))
        #expect(PolicyReader.read(Array(PolicyWriter.write(two).utf8), file: "p").policy?.rules[0].reviewed.count == 1)
        two.rules[0].reviewed[1].decision = .deny
        let (policy, diagnostics) = PolicyReader.read(Array(PolicyWriter.write(two).utf8), file: "p")
        #expect(policy == nil && diagnostics.contains { $0.code == "policy.duplicate-decision" })
    }
}
