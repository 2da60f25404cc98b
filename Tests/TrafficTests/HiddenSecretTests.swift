import Core
import Testing

@testable import Traffic

private let token = "hmac-sha256:00000000:" + String(repeating: "a", count: 32)

private func record(_ tool: String, _ arguments: JSON.Object, _ result: String? = nil) -> CallRecord {
    var call = CallRecord(
        time: Timestamp(seconds: 0),
        session: "s",
        sequence: 0,
        principal: CallRecord.Principal(id: "a", kind: .declared),
        server: "srv",
        tool: tool,
        arguments: arguments,
        result: result.map { CallRecord.Result(text: $0) }
    )
    if arguments.contains(where: { $0.1 == .string(token) }) { call.originals = [token: "40417"] }
    return call
}

private let issue = ServerTool(server: "srv", tool: "get_pin")

/// A token explains itself by what the session showed of the secret, as at a gateway, which sees no token.
@Suite struct HiddenSecretTests {
    private func provenance(task: String? = nil, _ before: [CallRecord]) -> Provenance? {
        var observer = SessionObserver(taskText: task)
        for call in before { _ = observer.observe(call) }
        return observer.observe(record("send", ["pin": .string(token)])).leaves.first?.provenance
    }

    @Test func textThatWasNotKnownToHoldASecretShowsIt() {
        #expect(provenance([record("get_pin", [:], "Release PIN 40417, once")])?.texts == [issue])
        #expect(provenance([record("get_pin", [:], "Release PIN \(token), once")])?.texts == [issue])
        #expect(provenance([record("get_pin", [:], "Release PIN 40418, once")])?.isComposed == true)
        #expect(provenance([record("get_pin", [:], #"{"id":"40417"}"#)])?.fields.map(\.field) == ["/id"])
        #expect(provenance(task: "open with 40417", [])?.prompt == .exact)
    }

    /// Whether as a token or not: what the agent wrote itself and then reads back proves nothing.
    @Test(arguments: [token, "40417"])
    func whatWasShownByTextFirstIsNoField(_ used: String) {
        let calls = [
            record("get_pin", [:], "take 40417"), record("send", ["pin": .string(used)]),
            record("get_list", [:], #"{"id":"40417"}"#),
        ]
        #expect(provenance(calls)?.fields == [])
        #expect(provenance([calls[0], calls[2]])?.fields.map(\.field) == ["/id"])
    }
}
