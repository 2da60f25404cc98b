import Core
import Policies
import Testing
import Traffic

@Suite struct NarrowingTests {
    private static let sku = ArgumentRule(
        path: "sku",
        values: [CanonicalValue(.token, "a-1"), CanonicalValue(.token, "a-2")]
    )

    private func narrowing(_ rules: [Rule], of tool: ServerTool = send) -> [String: ArgumentNarrowing] {
        CompiledPolicy(Policy(name: "p", scope: .agent, rules: rules)).narrowing(of: tool, for: "bot")
    }

    @Test func `constants and bounds are said, and nothing else is`() {
        let rules = [
            rule([
                Self.sku, ArgumentRule(path: "count", minimum: 1, maximum: 9),
                ArgumentRule(path: "to", values: [ann]), ArgumentRule(path: "text", open: [.free]),
                ArgumentRule(path: "both", values: [CanonicalValue(.token, "a-1")], minimum: 1),
                ArgumentRule(path: "inner/part", values: [CanonicalValue(.token, "a-1")]),
                ArgumentRule(path: "asked", values: [CanonicalValue(.token, "a-1")], fromPrompt: true),
                ArgumentRule(path: "place", patterns: ["/srv/*"]),
            ])
        ]
        #expect(narrowing(rules) == ["sku": .texts(["a-1", "a-2"]), "count": .range(minimum: 1, maximum: 9)])
    }

    @Test func `where more than one rule decides, or none is enforced, nothing is said`() {
        #expect(!narrowing([rule([Self.sku])]).isEmpty)
        #expect(narrowing([rule([Self.sku]), rule([Self.sku], id: "q", agent: "*")]).isEmpty)
        #expect(narrowing([rule([Self.sku]), rule([Self.sku], id: "q") { $0.task = "t" }]).isEmpty)
        #expect(narrowing([rule([Self.sku]), rule(id: "q") { $0.effect = .forbid }]).isEmpty)
        #expect(narrowing([rule([Self.sku]) { $0.mode = .shadow }]).isEmpty)
        #expect(narrowing([rule([Self.sku], agent: "other")]).isEmpty)
        #expect(narrowing([rule([Self.sku])], of: ServerTool(server: "bank", tool: "other")).isEmpty)
    }

    @Test func `on a closed read only ways that bind are limits`() {
        var argument = Self.sku
        #expect(narrowing([rule([argument]) { $0.tier = .read }]).isEmpty)
        argument.isBinding = true
        #expect(!narrowing([rule([argument]) { $0.tier = .read }]).isEmpty)
    }

    @Test(arguments: ["a-1", "a-2", "a-3", "A-1"])
    func `what is said is what is decided`(text: String) {
        let rules = [rule([Self.sku])]
        guard case .texts(let texts)? = narrowing(rules)["sku"] else {
            Issue.record("nothing is said")
            return
        }
        let verdict = decide(rules, call(CanonicalValue(text: text), path: "sku")).verdict
        // Another spelling of a value is allowed as well, and need not be shown.
        #expect((verdict == .allow) == texts.contains(CanonicalValue(text: text).text))
    }
}
