import Policies
import Testing
import Traffic

/// What the rules say about a tool counts more than what its name suggests.
@Suite struct DeclaredTierTests {
    private static func tier(_ rules: [Rule], of tool: ServerTool = send) -> ToolTier? {
        CompiledPolicy(Policy(name: "p", scope: .agent, rules: rules)).declaredTier(of: tool)
    }

    @Test func `the most dangerous of several opinions counts, and a forbid has none`() {
        #expect(Self.tier([rule { $0.tier = .read }]) == .read)
        #expect(Self.tier([rule { $0.tier = .read }, rule(id: "s", agent: "other")]) == .write)
        #expect(Self.tier([rule { $0.tier = .read }, rule(id: "s") { $0.effect = .forbid }]) == .read)
    }

    @Test func `a tool that no rule names by its name has no declared tier`() {
        #expect(Self.tier([rule { $0.tier = .read }], of: ServerTool(server: "bank", tool: "other")) == nil)
        let pattern = rule(tool: ServerTool(server: "*", tool: "*")) {
            $0.tier = .read
            $0.effect = .forbid
        }
        #expect(Self.tier([pattern]) == nil)
    }
}
