import Core
import Foundation
import Policies
import Testing
import Traffic

@Suite struct DocumentTests {
    @Test(arguments: [
        (0, "4 calls, 4 sessions, 1 day, 1 principal"), (1, "4 calls, 4 sessions, 1 task, 1 day, 1 principal"),
        (3, "4 calls, 4 sessions, 3 tasks, 1 day, 1 principal"),
    ])
    func tasksThatNothingTellsApartAreNotCountedAsNone(_ tasks: Int, _ words: String) throws {
        let support = Support(calls: 4, sessions: 4, tasks: tasks, days: 1, principals: 1)
        let tool = ServerTool(server: "books", tool: "pay")
        let rule = Rule(id: "r", agent: "clerk", tool: tool, tier: .write, support: support)
        let text = PolicyWriter.write(Policy(name: "p", scope: .agent, rules: [rule]))
        #expect(text.contains("support: \"\(words)\""))
        let read = PolicyReader.read(Array(text.utf8), file: "p.yaml").policy
        #expect(read?.rules.first?.support == support)
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func whatIsWrittenReadsBackTheSame(seed: UInt64) throws {
        var dice = Dice(seed: seed)
        var policy = Samples.policy(&dice)
        // Conditions that the check refuses are no part of a sound document, nor are patterns that allow.
        policy.rules = policy.rules.map { rule in
            var rule = rule
            if rule.condition != nil { rule.condition = "call.tool != \"x: #y\"" }
            if rule.origin == .mined {
                rule.support = Support(calls: 3, sessions: 2, tasks: 1, days: 1, principals: 1)
                rule.warnings = [Warning(code: "open-text", path: "body", detail: "seen: 3 of 4")]
            }
            return rule
        }
        let text = PolicyWriter.write(policy)
        let (read, diagnostics) = PolicyReader.read(Array(text.utf8), file: "p.yaml")
        let unexpected = diagnostics.filter { $0.code != "policy.unreachable-rule" && $0.severity == .error }
        #expect(unexpected.isEmpty, "\(unexpected.map(\.line)) in\n\(text)")
        guard !diagnostics.hasErrors else { return }
        #expect(read == policy.sorted)
        #expect(try PolicyWriter.write(#require(read)) == text)
    }

    @Test(arguments: [
        "", " ", "a b", "a/b", "x of y/z", "-", "yes", "012", "2026-01-01", "#", "a: b", "\"", "é\u{301}", "line\nline",
        "\u{0}", "\u{202E}", "any", "true or false only", "the request", "*a",
    ])
    func hostileNamesReadBackTheSame(name: String) throws {
        let tool = ServerTool(server: name, tool: name + "t")
        let policy = Policy(
            name: "n",
            scope: .agent,
            rules: [
                Rule(
                    id: "i" + name,
                    agent: name,
                    task: name,
                    tool: tool,
                    tier: .write,
                    arguments: [
                        ArgumentRule(
                            path: name,
                            values: [CanonicalValue(.token, name)],
                            fromFields: [ResultField(tool: tool, field: name)],
                            fromTexts: [tool, ServerTool(server: "s", tool: name)],
                            patterns: [name]
                        )
                    ],
                    warnings: [Warning(code: "c", path: name, detail: name)]
                )
            ],
            known: [Policy.KnownParties(agent: name, task: name, hosts: [name])]
        )
        let text = PolicyWriter.write(policy)
        let (read, diagnostics) = PolicyReader.read(Array(text.utf8), file: "p.yaml")
        #expect(diagnostics.isEmpty, "\(diagnostics.map(\.line))\n\(text)")
        #expect(read == policy.sorted)
    }

    @Test func theSampleReadsBackToTheByte() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/sample.yaml")
        let bytes = Array(try Data(contentsOf: file))
        let (policy, diagnostics) = PolicyReader.read(bytes, file: "sample.yaml")
        #expect(diagnostics.isEmpty, "\(diagnostics.map(\.line))")
        let written = try PolicyWriter.write(#require(policy))
        if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
            try written.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try written == String(contentsOf: file, encoding: .utf8))
    }

    @Test(arguments: ["yaml"]) func brokenDocumentsSayWhatIsWrongAndWhere(ending: String) throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases/broken")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(ending) }
        #expect(names.count >= 10)
        for name in names.sorted() {
            let bytes = Array(try Data(contentsOf: folder.appending(path: name)))
            let now = try #require(Timestamp(rfc3339: "2026-06-01T00:00:00Z"))
            let (policy, diagnostics) = PolicyReader.read(bytes, file: name, now: now)
            let source = String(decoding: bytes, as: UTF8.self)
            let actual = diagnostics.map { $0.rendered(source: SourceText(source)) }.joined(separator: "\n") + "\n"
            let golden = folder.appending(path: name.replacingOccurrences(of: ".yaml", with: ".txt"))
            if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] != nil {
                try actual.write(to: golden, atomically: true, encoding: .utf8)
            }
            let expected = try String(contentsOf: golden, encoding: .utf8)
            #expect(actual == expected, "\(name)")
            #expect(!diagnostics.isEmpty)
            #expect(diagnostics.hasErrors == (policy == nil))
        }
    }

    @Test(arguments: ["", "[]", "a", "apiVersion: lockstep/v1", "agents: 5", "{", "agents: {a: {servers: {b: 3}}}"])
    func whatIsNoPolicyIsRefused(text: String) {
        let (policy, diagnostics) = PolicyReader.read(Array(text.utf8), file: "p.yaml")
        #expect(policy == nil)
        #expect(diagnostics.hasErrors)
    }
}
