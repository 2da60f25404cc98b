@testable import Behaviour
import Core
import Policies
import Testing
import Traffic

@testable import Actions

@Suite struct StandingTests {
    private static let tool = ServerTool(server: "books", tool: "pay_invoice")
    private static let stranger = CanonicalValue(.account, "gb29nwbk60161331926819")
    private static let note = ServerTool(server: "books", tool: "read_note")

    private static func item(_ kind: ReviewItem.Kind) -> ReviewItem {
        ReviewItem(
            kind: kind,
            rule: "clerk.books.pay_invoice",
            agent: "clerk",
            task: nil,
            tool: tool,
            tier: .destructive,
            path: "iban",
            values: [.textOnlyIdentity, .unexplainedIdentity, .varyingSource].contains(kind) ? [stranger] : [],
            sources: [note],
            sessions: 2,
            detail: "",
            evidence: [],
            urgency: 1
        )
    }

    private static func policy(_ change: (inout ArgumentRule) -> Void = { _ in }, agent: String = "clerk") -> Policy {
        var argument = ArgumentRule(path: "iban")
        change(&argument)
        var policy = Policy(name: "p", scope: .agent)
        policy.rules = [
            Rule(id: "r", agent: agent, tool: tool, tier: .destructive, effect: .allow, arguments: [argument])
        ]
        return policy
    }

    @Test("each kind says what holds until it is decided", arguments: ReviewItem.Kind.allCases)
    func kinds(_ kind: ReviewItem.Kind) {
        let expected: Standing =
            switch kind {
            case .openText, .lonelyExtreme, .anyRead, .fewSessions, .severalDefinitions: .allowed
            // A rule grants the tool although nothing was learned of it.
            case .suspectTool, .wildcardName: .allowed
            case .textOnlyIdentity, .unexplainedIdentity, .varyingSource, .rareText, .instructingText, .manyCalls,
                .secret:
                .denied
            }
        #expect(Self.item(kind).untilDecided(in: Self.policy()) == expected)
    }

    @Test("a tool that no rule is about is denied", arguments: [ReviewItem.Kind.suspectTool, .wildcardName])
    func unruled(_ kind: ReviewItem.Kind) {
        #expect(Self.item(kind).untilDecided(in: Policy(name: "p", scope: .agent)) == .denied)
    }

    @Test("a value that some rule names is not called denied", arguments: ["clerk", "*"])
    func named(_ agent: String) {
        let policy = Self.policy({ $0.values = [Self.stranger] }, agent: agent)
        #expect(Self.item(.textOnlyIdentity).untilDecided(in: policy) == .allowed)
        #expect(Self.item(.unexplainedIdentity).untilDecided(in: policy) == .allowed)
    }

    @Test("what a learned source shows is not called denied")
    func learned() {
        let policy = Self.policy { $0.fromTexts = [Self.note] }
        #expect(Self.item(.rareText).untilDecided(in: policy) == .allowed)
        #expect(Self.item(.instructingText).untilDecided(in: policy) == .allowed)
    }

    @Test("a rule named after a decision counts only where it is about the whole point")
    func forgedForbid() {
        let item = Self.item(.textOnlyIdentity)
        let point = ReviewPoint(
            kind: item.kind.rawValue,
            rule: item.rule,
            agent: item.agent,
            tool: item.tool,
            tier: item.tier,
            path: item.path,
            values: item.values
        )
        var policy = Self.policy { $0.values = [Self.stranger] }
        var argument = ArgumentRule(path: "iban", isBinding: true)
        argument.values = [Self.stranger]
        var forbid = Rule(
            id: "review.\(point.id)",
            agent: "clerk",
            tool: Self.tool,
            tier: .destructive,
            effect: .forbid,
            arguments: [argument]
        )
        policy.rules.append(forbid)
        #expect(PointStanding(item, point, in: policy).standing == .denied)
        forbid.agent = "somebody else"
        policy.rules[1] = forbid
        #expect(PointStanding(item, point, in: policy).standing == .allowed)
    }
}
