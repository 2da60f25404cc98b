import Core
import Policies
import Testing
import Traffic

@Suite struct TemplateTests {
    @Test(arguments: ShippedTemplates.all.map(\.name)) func aTemplateIsSoundAndPassesItsTests(name: String) throws {
        let template = try #require(ShippedTemplates.all.first { $0.name == name })
        let now = Timestamp(seconds: 1_790_000_000)
        let (policy, diagnostics) = PolicyReader.read(template.policy, file: "\(name).yaml", now: now)
        #expect(diagnostics.isEmpty, "\(diagnostics.map(\.line))")
        let (tests, problems) = PolicyTestFile.read(template.tests, file: "\(name).test.yaml")
        #expect(problems.isEmpty, "\(problems.map(\.line))")
        let outcomes = try #require(tests).run(CompiledPolicy(try #require(policy)))
        let failed = outcomes.filter { $0.failure != nil }
        #expect(failed.isEmpty, "\(failed.map(\.test.name))")
        // Both answers are tested, and so is what the template does not name.
        let verdicts = outcomes.map(\.decision.verdict)
        #expect(verdicts.contains(.allow) && verdicts.contains(.deny))
        #expect(outcomes.contains { $0.decision.reason == "unseen-tool" })
    }

    @Test(arguments: ShippedTemplates.all.map(\.name)) func aTemplateExplainsItselfAndDeniesByDefault(name: String)
        throws
    {
        let template = try #require(ShippedTemplates.all.first { $0.name == name })
        let text = String(decoding: template.policy, as: UTF8.self)
        #expect(text.hasPrefix("#") && text.contains("\(name).test.yaml"))
        let policy = try #require(PolicyReader.read(template.policy, file: "p").policy)
        #expect(policy.unseenReads.isEmpty && policy.known.isEmpty)
        #expect(Set(policy.rules.map(\.tool.server)) == [name])
        let stranger = ObservedCall(
            session: "s",
            sequence: 0,
            principal: "bot",
            tool: ServerTool(server: "elsewhere", tool: "get_it"),
            tier: .read,
            succeeded: true,
            arguments: [],
            leaves: []
        )
        #expect(CompiledPolicy(policy).decide(stranger).verdict == .deny)
    }
}
