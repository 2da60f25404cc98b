import Policies
import Testing
import Traffic

/// Arguments that bind each other only ever narrow.
@Suite struct RelationTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var mode: String?
        var other: String?
        var file: String?
        var isNamed = false
        var isAllowed: Bool
        var testDescription: String { name }
    }

    private static let relation = Relation(
        path: "file",
        other: "mode",
        kind: .given(
            when: CanonicalValue(.token, "try"),
            values: [CanonicalValue(.path, "/etc/app.conf")],
            folders: ["/srv/try"]
        )
    )

    @Test(arguments: [
        Case(name: "within the folder", mode: "try", file: "/srv/try/a/b", isAllowed: true),
        Case(name: "the folder itself", mode: "try", file: "/srv/try", isAllowed: true),
        Case(name: "a listed value", mode: "try", file: "/etc/app.conf", isAllowed: true),
        Case(name: "elsewhere", mode: "try", file: "/srv/live/a", isAllowed: false),
        Case(name: "a folder whose name begins alike", mode: "try", file: "/srv/trying/a", isAllowed: false),
        Case(name: "a way out of the folder", mode: "try", file: "/srv/try/../live/a", isAllowed: false),
        Case(name: "a way out, encoded", mode: "try", file: "/srv/try/%2e%2e/live/a", isAllowed: false),
        Case(
            name: "a way out, in no standard's code",
            mode: "try",
            file: "/srv/try/%u002e%u002e/live/a",
            isAllowed: false
        ),
        Case(name: "a way out, nested", mode: "try", file: "/srv/try/....//live/a", isAllowed: false),
        Case(name: "half of a pair", mode: "try", file: "/srv/try/%ud800/a", isAllowed: false),
        Case(name: "a percent sign", mode: "try", file: "/srv/try/100%urban/a", isAllowed: true),
        Case(name: "another mode", mode: "full", file: "/srv/live/a", isAllowed: true),
        Case(name: "no mode", mode: nil, file: "/srv/live/a", isAllowed: false),
        Case(name: "an empty mode", mode: "", file: "/srv/live/a", isAllowed: false),
        Case(name: "two modes", mode: "full", other: "try", file: "/srv/try/a", isAllowed: false),
        Case(name: "no file", mode: "try", file: nil, isAllowed: false),
        Case(name: "an empty file", mode: "try", file: "", isAllowed: false),
        Case(name: "no file in another mode", mode: "full", file: nil, isAllowed: true),
        Case(name: "neither", mode: nil, file: nil, isAllowed: true),
        Case(
            name: "what the request names, and no mode",
            mode: nil,
            file: "/srv/live/a",
            isNamed: true,
            isAllowed: true
        ),
        Case(name: "what the request names", mode: "try", file: "/srv/live/a", isNamed: true, isAllowed: true),
    ])
    func aCaseBinds(_ given: Case) {
        let any = ["file", "mode"].map {
            ArgumentRule(path: $0, fromPrompt: true, patterns: ["*"], open: [.token, .path])
        }
        let tool = ServerTool(server: "s", tool: "copy")
        let policy = Policy(
            name: "p",
            scope: .agent,
            rules: [Rule(id: "r", agent: "a", tool: tool, tier: .write, arguments: any, relations: [Self.relation])]
        )
        let leaves = [("mode", given.mode), ("mode", given.other), ("file", given.file)].compactMap { name, text in
            text.map {
                ObservedLeaf(
                    argument: name,
                    path: name,
                    value: CanonicalValue($0.isEmpty ? .empty : name == "file" ? .path : .token, $0),
                    provenance: Provenance(prompt: given.isNamed ? .exact : .none)
                )
            }
        }
        let call = ObservedCall(
            session: "s",
            sequence: 0,
            principal: "a",
            tool: tool,
            tier: .write,
            succeeded: true,
            arguments: leaves.map(\.argument),
            leaves: leaves
        )
        let decision = CompiledPolicy(policy).decide(call)
        #expect((decision.verdict == .allow) == given.isAllowed, "\(decision)")
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func takingRelationsAwayNeverDeniesMore(seed: UInt64) {
        var dice = Dice(seed: 120_000 + seed)
        let policy = Samples.policy(&dice)
        var loose = policy
        for index in loose.rules.indices { loose.rules[index].relations = [] }
        let (bound, free) = (CompiledPolicy(policy), CompiledPolicy(loose))
        for _ in 0..<20 {
            let call = Samples.call(&dice)
            #expect(!free.decide(call).verdict.isStricter(than: bound.decide(call).verdict))
        }
    }
}
