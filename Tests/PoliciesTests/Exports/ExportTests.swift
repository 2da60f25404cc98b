import Core
import Foundation
import Policies
import Testing
import Traffic

@Suite struct ExportTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Cases/exports")
    static let pay = ServerTool(server: "bank", tool: "pay")
    static let note = ServerTool(server: "bank", tool: "note")

    static let payments = Policy(
        name: "payments",
        scope: .agent,
        rules: [
            Rule(
                id: "bank.pay",
                agent: "bot",
                tool: pay,
                tier: .destructive,
                arguments: [
                    ArgumentRule(path: "amount", required: true, minimum: 0, maximum: 100.5),
                    ArgumentRule(path: "subject", values: [CanonicalValue(.token, "rent")], maximumLength: 20),
                    ArgumentRule(path: "to", values: [CanonicalValue(.account, "gb29nwbk60161331926819")]),
                    ArgumentRule(path: "when", open: [.date]),
                ],
                support: Support(calls: 3, sessions: 2, tasks: 1, days: 1, principals: 1)
            ),
            Rule(
                id: "bank.note",
                agent: "bot",
                tool: note,
                tier: .write,
                arguments: [ArgumentRule(path: "to", fromPrompt: true, domains: ["acme.com"])],
                support: Support(calls: 3, sessions: 2, tasks: 1, days: 1, principals: 1)
            ),
        ]
    )

    static let options = ExportOptions(tools: [
        pay: ToolShape(
            arguments: ["amount": .number, "subject": .string, "to": .string, "when": .string],
            required: ["amount"]
        ),
        note: ToolShape(arguments: ["to": .strings]),
    ])

    @Test(arguments: ExportTarget.allCases) func exportsReadAsTheyWereReviewed(target: ExportTarget) throws {
        let isUpdating = ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil
        if isUpdating {
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try Data(PolicyWriter.write(Self.payments).utf8).write(to: Self.folder.appending(path: "payments.yaml"))
        }
        for file in Self.payments.exported(to: target, options: Self.options).files {
            let golden = Self.folder.appending(path: target.rawValue).appending(path: file.path)
            if isUpdating {
                let parent = golden.deletingLastPathComponent()
                try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
                try Data(file.bytes).write(to: golden)
            }
            #expect(
                try String(decoding: Data(contentsOf: golden), as: UTF8.self)
                    == String(decoding: file.bytes, as: UTF8.self)
            )
        }
    }

    @Test(arguments: ExportTarget.allCases) func whatOnlyWeCanDecideIsLeftOut(target: ExportTarget) {
        var policy = Self.payments
        policy.rules = [
            policy.rules[0],
            Rule(id: "ask", agent: "*", tool: ServerTool(server: "*", tool: "*"), tier: .write, effect: .ask),
        ]
        let statement = policy.exported(to: target, options: Self.options).statement
        #expect(statement.omittedRules == ["bank.pay"])
        #expect(statement.differences.contains { $0.reason == .ask && $0.effect == .omitted })
    }

    /// Progent knows no servers, so that a tool of another server would pass as the one that may be called.
    @Test func aToolNameOfTwoServersIsNotExportedWhereServersAreUnknown() {
        let other = ServerTool(server: "shop", tool: "pay")
        func omissions(_ policy: Policy, _ options: ExportOptions) -> [String] {
            policy.exported(to: .progent, options: options).statement.differences
                .filter { $0.effect == .omitted && $0.reason == .toolName }.compactMap(\.rule)
        }
        #expect(omissions(Self.payments, Self.options) == [])
        var known = Self.options
        known.tools[other] = ToolShape(arguments: [:])
        #expect(omissions(Self.payments, known) == ["bank.pay"])
        var policy = Self.payments
        policy.rules.append(Rule(id: "shop.pay", agent: "bot", tool: other, tier: .write, effect: .forbid))
        #expect(omissions(policy, Self.options).contains("bank.pay"))
    }

    @Test func theStatementCountsRulesAndArguments() {
        let statement = Self.payments.exported(to: .jsonSchema, options: Self.options).statement
        #expect(statement.summary == "1 of 2 rules as they are, 1 stricter in 1 argument, 0 left out")
        let without = Self.payments.exported(to: .progent).statement
        #expect(without.summary == "0 of 2 rules as they are, 0 stricter, 2 left out")
        #expect(without.omissions == [.unruledArguments: 2])
    }

    @Test func withoutRulesAgentgatewayIsToldToDeny() throws {
        let files = Self.payments.exported(to: .celAgentgateway).files
        #expect(String(decoding: try #require(files.first).bytes, as: UTF8.self).contains("\"false\""))
    }

    @Test func toolHiveAsksAboutACall() throws {
        let body = try JSON.parse(
            #"""
            {"principal":{"sub":"bot"},"operation":"mcp:tool:call","resource":"mrn:mcp:bank:tool:pay","context":{"mcp":{"args":{"to":"x"}}}}
            """#
        )
        let call = DecisionService.Call(principal: "bot", server: "bank", tool: "pay", arguments: ["to": "x"])
        #expect(try DecisionService.toolHive(body) == .call(call))
    }

    @Test(arguments: [
        ("[]", DecisionService.Refusal.Code.notAnObject), ("{}", .badMethod),
        (#"{"operation":"mcp:tool:call"}"#, .noPrincipal),
        (#"{"operation":"mcp:tool:call","principal":{"sub":"a"},"resource":"mrn:mcp:s:tool:a:tool:b"}"#, .badResource),
        (#"{"operation":"mcp:tool:call","principal":{"sub":"a"},"resource":"mrn:mcp:s:tool:t"}"#, .noArguments),
        (
            #"{"operation":"mcp:tool:call","principal":{"sub":"a"},"resource":"mrn:mcp:s:tool:t","context":{"mcp":{"args":[]}}}"#,
            .noArguments
        ),
    ]) func whatToolHiveCannotMeanIsRefused(text: String, code: DecisionService.Refusal.Code) throws {
        let body = try JSON.parse(text)
        #expect(throws: DecisionService.Refusal(code)) { try DecisionService.toolHive(body) }
    }

    @Test func envoyAsksAboutACall() throws {
        let body = #"{"method":"tools/call","params":{"name":"pay","arguments":{"to":"x"}}}"#
        let call = DecisionService.Call(
            principal: "bot",
            server: "bank",
            tool: "pay",
            arguments: ["to": "x"],
            session: "s1"
        )
        let headers = ["x-sub": "bot", "mcp-session-id": "s1", "mcp-name": "pay", "mcp-method": "tools/call"]
        let question = try DecisionService.envoy(
            headers: headers,
            body: Array(body.utf8),
            principalHeader: "X-Sub",
            server: "bank"
        )
        #expect(question == .call(call))
        let record = call.record(at: Timestamp(seconds: 0), sequence: 3, server: "other")
        #expect(record.server == "bank" && record.session == "s1" && record.principal.kind == .gateway)
    }

    @Test(arguments: Decision.Verdict.allCases) func onlyAllowedIsAnsweredAsAllowed(verdict: Decision.Verdict) {
        #expect((DecisionService.toolHiveAnswer(verdict) == ["allow": true]) == (verdict == .allow))
        #expect((DecisionService.envoyStatus(verdict) == 200) == (verdict == .allow))
    }

    @Test func whatIsNoToolCallIsSaidToBeAnotherThing() throws {
        #expect(
            try DecisionService.toolHive(["operation": "mcp:prompt:get"]) == .other("mcp:prompt:get")
        )
        let list = Array(#"{"method":"tools/list"}"#.utf8)
        #expect(
            try DecisionService.envoy(headers: [:], body: list, principalHeader: "x", server: nil)
                == .other("tools/list")
        )
    }

    @Test func aLimitOnCallsIsLeftOutUnlessAnotherServiceCounts() {
        var policy = Self.payments
        policy.rules[0].maximumCalls = 2
        for target in ExportTarget.allCases where target != .celAgentgateway {
            var options = Self.options
            #expect(policy.exported(to: target, options: options).statement.omittedRules.contains("bank.pay"))
            options.delegatesCalls = true
            let statement = policy.exported(to: target, options: options).statement
            #expect(!statement.omittedRules.contains("bank.pay"))
            #expect(statement.differences.contains { $0.effect == .assumed && $0.reason == .calls })
        }
    }

    @Test func aReadThatIsBoundToFoldersStaysInThem() throws {
        let tool = ServerTool(server: "files", tool: "read_file")
        let rule = Rule(
            id: "read",
            agent: "bot",
            tool: tool,
            tier: .read,
            arguments: [ArgumentRule(path: "path", patterns: ["/srv/data/*"])]
        )
        let policy = Policy(name: "p", scope: .agent, rules: [rule])
        let engine = try ExportEngines(policy.exported(to: .jsonSchema))
        for (path, isAllowed) in [("/srv/data/a", true), ("notes", true), ("/etc/shadow", false), ("~/x", false)] {
            let call = ExportSamples.Call(agent: "bot", tool: tool, arguments: ["path": .string(path)], isUsual: true)
            #expect(try engine.allows(call) == isAllowed, "\(path)")
        }
    }

    @Test(arguments: [
        ("[{}]", [:], DecisionService.Refusal.Code.batch), ("{", [:], .badBody),
        (#"{"method":"tools/call","method":"x"}"#, [:], .badBody),
        (#"{"method":"tools/call","params":{"name":"t"}}"#, [:], .noPrincipal),
        (#"{"method":"tools/call","params":{"name":"t"}}"#, ["x-sub": "a", "mcp-name": "u"], .noTool),
        (
            #"{"method":"tools/call","params":{"name":"t"}}"#, ["x-sub": "a", "x-envoy-auth-partial-body": "true"],
            .badBody
        ),
    ]) func whatEnvoyCannotMeanIsRefused(
        text: String,
        headers: [String: String],
        code: DecisionService.Refusal.Code
    ) {
        #expect(throws: DecisionService.Refusal(code)) {
            try DecisionService.envoy(headers: headers, body: Array(text.utf8), principalHeader: "X-Sub", server: nil)
        }
    }
}
