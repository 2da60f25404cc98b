import Core
import Testing
import Wire

private func call(_ id: String, _ tool: String = "t", _ arguments: String = "{}") -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"method":"tools/call","params":{"name":"\#(tool)","arguments":\#(arguments)}}"#
}

private func answer(_ id: String, _ text: String = "done", isError: Bool = false) -> String {
    #"{"jsonrpc":"2.0","id":\#(id),"result":{"content":[{"type":"text","text":"\#(text)"}],"isError":\#(isError)}}"#
}

private func envelope(_ message: String, _ second: Int, _ direction: String, session: String = "a") -> String {
    let stamp = second < 10 ? "0\(second)" : "\(second)"
    return
        #"{"ts":"2026-03-01T10:00:\#(stamp)Z","direction":"\#(direction)","session":"\#(session)","message":\#(message)}"#
}

private struct Pairing: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var lines: [String]
    var outcomes: [CallRecord.Outcome]
    var notices: [ImportNotice: Int] = [:]
}

private let pairings: [Pairing] = [
    Pairing(
        testDescription: "in order",
        lines: [call("1"), answer("1"), call("2"), answer("2")],
        outcomes: [.ok, .ok]
    ),
    Pairing(
        testDescription: "interleaved",
        lines: [call("1"), call("2"), answer("2", isError: true), answer("1")],
        outcomes: [.ok, .toolError]
    ),
    Pairing(testDescription: "an end is missing", lines: [call("1"), call("2"), answer("2")], outcomes: [.lost, .ok]),
    Pairing(
        testDescription: "a response without a request",
        lines: [answer("9"), call("1"), answer("1")],
        outcomes: [.ok],
        notices: [.unmatchedResponse: 1]
    ),
    Pairing(
        testDescription: "an id while it is open",
        lines: [call("1"), call("1"), answer("1")],
        outcomes: [.lost, .ok],
        notices: [.duplicateID: 1]
    ),
    Pairing(
        testDescription: "an id used again later",
        lines: [call("1"), answer("1"), call("1"), answer("1")],
        outcomes: [.ok, .ok]
    ),
    Pairing(
        testDescription: "two answers",
        lines: [call("1"), answer("1"), answer("1")],
        outcomes: [.ok],
        notices: [.unmatchedResponse: 1]
    ),
    Pairing(
        testDescription: "1 and \"1\" differ",
        lines: [call("1"), answer("\"1\"")],
        outcomes: [.lost],
        notices: [.unmatchedResponse: 1]
    ),
    Pairing(
        testDescription: "errors",
        lines: [
            call("1"), #"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}"#,
            call("2"), #"{"jsonrpc":"2.0","id":2,"error":{"code":-32001,"message":"Request timed out"}}"#,
        ],
        outcomes: [.rpcError, .timeout]
    ),
    Pairing(
        testDescription: "given up",
        lines: [call("1"), #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}"#],
        outcomes: [.cancelled]
    ),
    Pairing(
        testDescription: "a batch (revision 2025-03-26)",
        lines: ["[\(call("1")),\(call("2"))]", "[\(answer("2")),\(answer("1"))]"].map { #"{"message":\#($0)}"# },
        outcomes: [.ok, .ok]
    ),
    Pairing(
        testDescription: "both sides number from 1",
        lines: [
            envelope(call("1"), 1, "client"),
            envelope(#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#, 2, "server"),
            envelope(#"{"jsonrpc":"2.0","id":1,"result":{"role":"assistant"}}"#, 3, "client"),
            envelope(answer("1"), 4, "server"),
        ],
        outcomes: [.ok]
    ),
    Pairing(
        testDescription: "equal ids on two connections",
        lines: [
            envelope(call("1"), 1, "client", session: "a"), envelope(call("1"), 2, "client", session: "b"),
            envelope(answer("1", isError: true), 3, "server", session: "b"),
            envelope(answer("1"), 4, "server", session: "a"),
        ],
        outcomes: [.ok, .toolError]
    ),
    Pairing(
        testDescription: "the answer is earlier than the question",
        lines: [envelope(call("1"), 9, "client"), envelope(answer("1"), 3, "server")],
        outcomes: [.ok],
        notices: [.clockBackwards: 1]
    ),
]

@Suite struct PairingTests {
    @Test(arguments: pairings)
    fileprivate func pairsRequestsAndResponses(_ pairing: Pairing) {
        let recording = imported(pairing.lines.joined(separator: "\n"), as: .jsonrpc)
        #expect(recording.calls.map(\.outcome) == pairing.outcomes)
        var notices = recording.report.notices
        notices[.timeCarried] = nil
        #expect(notices == pairing.notices)
        #expect(recording.report.quarantinedTotal == 0)
    }

    @Test func theOpeningNamesClientAndServer() {
        let lines = [
            #"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":"desk","version":"2"}}}"#,
            call("1"), #"{"jsonrpc":"2.0","id":0,"result":{"serverInfo":{"name":"crm","version":"1"}}}"#, answer("1"),
        ]
        let settings = ImportSettings(aliases: ServerAliases(["crm": "crm-main"]))
        let recording = imported(lines.joined(separator: "\n"), as: .jsonrpc, settings: settings)
        #expect(shown(recording) == ["crm-main/t {} ok declared:desk"])
        #expect(recording.calls.first?.clientVersion == "2")
        #expect(recording.report.unmapped.isEmpty)
    }

    /// Both layouts, as logs in public bug reports of 2025 show them.
    @Test(arguments: [
        [
            #"2025-07-20T14:09:08.507Z [info] [weather] Message from client: {"method":"tools/call","params":{"name":"forecast","arguments":{"latitude":38.5}},"jsonrpc":"2.0","id":13}"#,
            "[07/20/25 19:39:09] INFO     HTTP Request: GET https://weather.example",
            #"2025-07-20T14:09:09.507Z [info] [weather] Message from server: {"jsonrpc":"2.0","id":13,"result":{"content":[{"type":"text","text":"sun"}]}}"#,
        ],
        [
            #"2025-07-20T14:09:08.507Z [weather] [info] Message from client: {"method":"tools/call","params":{"name":"forecast","arguments":{"latitude":38.5}},"jsonrpc":"2.0","id":13} { metadata: undefined }"#,
            "Weather server running on stdio",
            #"2025-07-20T14:09:09.507Z [weather] [info] Message from server: {"jsonrpc":"2.0","id":13,"result":{"content":[{"type":"text","text":"su...[900 chars truncated]...n"}]}} { metadata: undefined }"#,
        ],
        [
            #"2025-07-20T14:09:08.507Z [weather] [info] Message from client: {"method":"tools/call","params":{"name":"forecast","arguments":{"latitude":38.5}},"jsonrpc":"2.0","id":13} { metadata: undefined }"#,
            #"2025-07-20T14:09:09.507Z [weather] [info] Message from server: {"jsonrpc":"2.0","id":13,"result":{"content":[{"type":"text","text":"a m...[14696 chars truncated]...ne\n"}}} { metadata: undefined }"#,
        ],
    ])
    func readsBothLayoutsOfDesktopLogs(_ lines: [String]) {
        let recording = imported(lines.joined(separator: "\n"), as: .desktopLog)
        #expect(shown(recording) == [#"unmapped:weather/forecast {"latitude":38.5} ok unknown:unknown"#])
        #expect(recording.calls.first?.duration == .seconds(1))
        #expect(recording.report.quarantinedTotal == 0)
    }
}

/// HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), reduced to the members that matter.
private func entry(
    _ body: String,
    status: Int,
    answer: String = "",
    type: String = "application/json",
    method: String = "POST",
    session: String = "s1",
    encoding: String = "",
    second: Int = 1
) -> String {
    let post = body.isEmpty ? "" : #","postData":{"mimeType":"application/json","text":\#(JSON.Value.string(body))}"#
    return
        #"{"startedDateTime":"2026-03-01T10:00:0\#(second).000Z","time":250.5,"request":{"method":"\#(method)","url":"https://CRM.example:443/mcp","#
        + #""headers":[{"name":"Mcp-Session-Id","value":"\#(session)"},{"name":"Authorization","value":"Bearer x"}]\#(post)},"#
        + #""response":{"status":\#(status),"headers":[],"content":{"mimeType":"\#(type)","text":\#(JSON.Value.string(answer))\#(encoding)}}}"#
}

private func archive(_ entries: String...) -> String {
    #"{"log":{"version":"1.2","creator":{"name":"browser","version":"1"},"entries":[\#(entries.joined(separator: ","))]}}"#
}

@Suite struct ArchiveTests {
    @Test(arguments: [
        (archive(entry(call("1"), status: 200, answer: answer("1"))), [CallRecord.Outcome.ok]),
        (
            archive(
                entry(
                    call("1"),
                    status: 200,
                    answer: "event: message\ndata: \(answer("1", isError: true))\n\n",
                    type: "text/event-stream"
                )
            ), [.toolError]
        ),
        (
            archive(
                entry(call("1"), status: 200, answer: "data: \(answer("1"))", type: "text/event-stream; charset=utf-8")
            ), [.ok]
        ),
        (archive(entry(call("1"), status: 401)), [.authFailed]),
        (archive(entry(call("1"), status: 403, answer: "no")), [.denied]),
        (archive(entry(call("1"), status: 0)), [.lost]),
        (archive(entry(call("1"), status: 500, answer: "<html>")), [.rpcError]),
        // The stream was opened before the request that it answers.
        (
            archive(
                entry("", status: 200, answer: "data: \(answer("1"))\n\n", type: "text/event-stream", method: "GET"),
                entry(call("1"), status: 202, second: 2)
            ), [.ok]
        ),
        // Two clients of one address, each with its own ids.
        (
            archive(
                entry(call("1"), status: 202),
                entry(call("1"), status: 200, answer: answer("1"), session: "s2", second: 2)
            ), [.lost, .ok]
        ),
        (
            archive(
                entry(
                    call("1"),
                    status: 200,
                    answer: "eyJqc29ucnBjIjoiMi4wIiwiaWQiOjEsInJlc3VsdCI6e319",
                    encoding: #","encoding":"base64""#
                )
            ), [.ok]
        ),
        (archive(entry("grant_type=x", status: 200, answer: "{}")), []),
    ])
    func readsArchives(_ text: String, _ outcomes: [CallRecord.Outcome]) {
        let recording = imported(text, as: .har)
        #expect(recording.calls.map(\.outcome) == outcomes)
        #expect(recording.report.quarantinedTotal == 0)
    }

    @Test func theServerIsTheAddressWithoutItsOwnPort() {
        let settings = ImportSettings(aliases: ServerAliases(["https://crm.example/mcp/": "crm"]))
        let recording = imported(
            archive(entry(call("1", "t", #"{"a":1}"#), status: 200, answer: answer("1"))),
            as: .har,
            settings: settings
        )
        #expect(shown(recording) == [#"crm/t {"a":1} ok unknown:unknown"#])
        #expect(recording.calls.first?.duration == .microseconds(250_500))
    }

    /// Layout: `MessageEntry` and `FetchRequestEntry` of modelcontextprotocol/inspector, core/mcp/types.ts.
    @Test(arguments: ["origin", "direction"])
    func readsInspectorExports(_ side: String) {
        let origin = side == "origin" ? #""origin":"client","# : ""
        let message =
            #"{"id":"m1","timestamp":"2026-03-01T10:00:00.000Z","direction":"request",\#(origin)"message":\#(call("1")),"response":\#(answer("1")),"duration":12}"#
        let fetch =
            #"{"id":"f1","timestamp":"2026-03-01T10:00:00.000Z","method":"POST","url":"http://localhost:1/mcp","requestHeaders":{},"requestBody":\#(JSON.Value.string(call("1"))),"responseStatus":200,"responseHeaders":{"content-type":"application/json"},"responseBody":\#(JSON.Value.string(answer("1"))),"duration":12,"category":"transport"}"#
        for text in ["[\(message)]", #"{"messages":[\#(message)],"requests":[\#(fetch)]}"#, "[\(fetch)]"] {
            let recording = imported(text, as: .inspector)
            #expect(recording.calls.map(\.outcome) == [.ok])
            #expect(recording.calls.first?.duration == .milliseconds(12))
            #expect(recording.calls.first?.result?.text == "done")
        }
    }
}
