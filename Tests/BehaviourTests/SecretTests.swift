import Behaviour
import Core
import Policies
import Testing
import Traffic

/// Credentials in recordings: the importer writes a token for each, and nothing of it may end in a policy.
@Suite struct SecretTests {
    /// Agents that push with one of a few credentials, whole and inside a header; a tool that cannot be undone takes one.
    private static func sessions(_ count: Int, tokens: Int) -> [[CallRecord]] {
        (0..<count).map { index in
            let token = token(index % tokens)
            let call = { (sequence: Int64, tool: String, arguments: JSON.Object) in
                CallRecord(
                    time: Timestamp(seconds: 1_760_000_000 + Int64(index) * 600 + sequence),
                    session: "s-\(index)",
                    sequence: sequence,
                    principal: CallRecord.Principal(id: "agent:builder", kind: .declared),
                    server: "forge",
                    tool: tool,
                    arguments: arguments,
                    result: CallRecord.Result(text: "done"),
                    task: CallRecord.Task(id: "release", text: "Release it")
                )
            }
            return [
                call(0, "push_branch", ["branch": "main", "key": .string(token)]),
                call(1, "send_hook", ["header": .string("Bearer \(token)"), "event": "push"]),
                call(2, "delete_branch", ["branch": "old", "key": .string(token)]),
            ]
        }
    }

    private static func token(_ number: Int) -> String {
        let digits = String(number + 10, radix: 16)
        return "hmac-sha256:0a1b2c3d:" + String(repeating: digits, count: 32).prefix(32)
    }

    @Test(arguments: [1, 3], [Policy.Scope.agent, .task])
    func noCredentialBecomesAValueHoweverOftenItComes(tokens: Int, scope: Policy.Scope) throws {
        let sessions = Self.sessions(30, tokens: tokens)
        let profile = Recordings.profile(sessions)
        let proposal = Miner().mine(profile, name: "p", scope: scope)
        #expect(!PolicyWriter.write(proposal.policy).contains("0a1b2c3d"))
        let values = proposal.review.flatMap(\.values) + proposal.alternatives.flatMap(\.chosen.rule.values)
        #expect(!values.contains { $0.text.contains("hmac-sha256") })
        #expect(!String(decoding: profile.bytes, as: UTF8.self).contains("0a1b2c3d"))

        let push = try #require(proposal.policy.rules.first { $0.tool.tool == "push_branch" })
        let key = try #require(push.arguments.first { $0.path == "key" })
        #expect(!key.open.contains(.secret))
        let items = proposal.review.filter { $0.kind == .secret }.map { "\($0.tool.tool) \($0.path ?? "")" }
        #expect(items.contains("delete_branch key") && items.contains("push_branch key"))
        #expect(items.contains("send_hook header"))
    }

    @Test func noCredentialPassesToWhatChangesSomethingUntilAPersonSaysSo() {
        let policy = CompiledPolicy(
            Miner().mine(Recordings.profile(Self.sessions(30, tokens: 2)), name: "p").policy
        )
        let verdict = { (tool: String, arguments: JSON.Object) in
            var observer = SessionObserver(taskText: nil)
            var record = Self.sessions(1, tokens: 1)[0][0]
            record.tool = tool
            record.arguments = arguments
            return policy.decide(observer.observe(record)).verdict
        }
        #expect(verdict("push_branch", ["branch": "main", "key": .string(Self.token(77))]) == .deny)
        #expect(verdict("push_branch", ["branch": .string(Self.token(77))]) == .deny)
        #expect(verdict("push_branch", ["branch": "main", "key": "plain-words-of-data"]) == .deny)
        #expect(verdict("send_hook", ["event": .string(Self.token(0))]) == .deny)
        #expect(verdict("delete_branch", ["branch": "old", "key": .string(Self.token(0))]) == .deny)
    }

    @Test(arguments: [
        ("hmac-sha256:0a1b2c3d:00112233445566778899aabbccddeeff", ValueClass.secret, true),
        ("HMAC-SHA256:0A1B2C3D:00112233445566778899AABBCCDDEEFF", .secret, true),
        ("hmac-sha256:0a1b2c3d:00112233445566778899aabbccddeef", .token, false),
        ("hmac-sha256:0a1b2c3d:00112233445566778899aabbccddeefg", .token, false),
        ("Bearer hmac-sha256:0a1b2c3d:00112233445566778899aabbccddeeff", .short, true),
        ("https://a:hmac-sha256:0a1b2c3d:00112233445566778899aabbccddeeff@host.example/x", .url, true),
        ("hmac-sha256:", .token, false),
    ])
    func tokensAreTold(text: String, valueClass: ValueClass, holds: Bool) {
        #expect(CanonicalValue(text: text).valueClass == valueClass)
        #expect(SecretToken.isHeld(by: text) == holds)
        #expect(SecretToken.isHeld(by: CanonicalValue(text: text).text) == holds)
    }
}
