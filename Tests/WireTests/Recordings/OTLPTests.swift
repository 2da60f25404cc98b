import Core
import Testing
import Wire

/// A span in the layout of opentelemetry-proto's JSON examples (opentelemetry-proto, examples/trace.json).
private func span(
    _ name: String,
    id: String,
    parent: String? = nil,
    kind: Int = 3,
    start: Int64 = 1_795_392_865_841_367_764,
    end: Int64? = 1_795_392_865_846_448_612,
    status: String = "{}",
    trace: String = "93ef37a523060d7a071035128c66f4d0",
    _ attributes: [String: String]
) -> String {
    let pairs = attributes.sorted { $0.key < $1.key }.map { key, value in
        let written = JSON.Value.string(value).description
        return #"{"key":"\#(key)","value":{"stringValue":\#(written)}}"#
    }
    let parentMember = parent.map { #""parentSpanId":"\#($0)","# } ?? ""
    return #"{"traceId":"\#(trace)","spanId":"\#(id)",\#(parentMember)"flags":256,"name":"\#(name)","kind":\#(kind),"#
        + #""startTimeUnixNano":"\#(start)","endTimeUnixNano":"\#(end ?? 0)","attributes":[\#(pairs.joined(separator: ","))],"#
        + #""status":\#(status)}"#
}

private func traces(service: String, _ spans: String...) -> String {
    #"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"\#(service)"}}]},"#
        + #""scopeSpans":[{"scope":{"name":"mcp-python-sdk"},"spans":[\#(spans.joined(separator: ","))]}]}]}"#
}

/// Attribute names after the semantic conventions for MCP (open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md).
private let callOfTool = [
    "mcp.method.name": "tools/call", "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "query_accounts",
    "mcp.protocol.version": "2026-07-28", "jsonrpc.request.id": "3",
]

private struct Vendor: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var name: String
    var attributes: [String: String]
    var expected: String
}

private let vendors: [Vendor] = [
    Vendor(
        testDescription: "the MCP conventions with content",
        name: "tools/call find",
        attributes: [
            "mcp.method.name": "tools/call", "gen_ai.tool.name": "find", "gen_ai.tool.call.arguments": #"{"q":"a"}"#,
            "gen_ai.tool.call.result": #"{"content":[{"type":"text","text":"none"}],"isError":false}"#,
        ],
        expected: #"unmapped:unnamed/find {"q":"a"} ok declared:desk"#
    ),
    Vendor(
        testDescription: "OpenInference (spec/semantic_conventions.md)",
        name: "find",
        attributes: [
            "openinference.span.kind": "TOOL", "tool.name": "find", "input.value": #"{"q":"a"}"#,
            "output.value": "none",
        ],
        expected: #"unmapped:unnamed/find {"q":"a"} ok declared:desk"#
    ),
    Vendor(
        testDescription: "OpenInference where only the span is named",
        name: "find",
        attributes: ["openinference.span.kind": "TOOL", "input.value": "free words"],
        expected: "unmapped:unnamed/find ? ok declared:desk"
    ),
    Vendor(
        testDescription: "OpenLLMetry",
        name: "find.tool",
        attributes: [
            "traceloop.span.kind": "tool", "traceloop.entity.name": "find", "traceloop.entity.input": #"{"q":1}"#,
        ],
        expected: #"unmapped:unnamed/find {"q":1} ok declared:desk"#
    ),
    Vendor(
        testDescription: "names from before the conventions",
        name: "mcp",
        attributes: [
            "mcp.method": "tools/call", "mcp.tool.name": "find", "mcp.tool.arguments": "{}", "mcp.server": "crm",
        ],
        expected: "unmapped:crm/find {} ok declared:desk"
    ),
    Vendor(
        testDescription: "only the span's name holds the tool",
        name: "execute_tool find",
        attributes: ["gen_ai.operation.name": "execute_tool"],
        expected: "unmapped:unnamed/find ? ok declared:desk"
    ),
    Vendor(
        testDescription: "a tool under its name for the model",
        name: "execute_tool mcp__crm__find",
        attributes: ["gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "mcp__crm__find"],
        expected: "unmapped:crm/find ? ok declared:desk"
    ),
    Vendor(
        testDescription: "an address and a port",
        name: "tools/call find",
        attributes: [
            "mcp.method.name": "tools/call", "gen_ai.tool.name": "find", "server.address": "crm.example",
            "server.port": "8443", "gen_ai.agent.name": "helper", "enduser.id": "ann",
        ],
        expected: "unmapped:crm.example:8443/find ? ok declared:helper"
    ),
    Vendor(
        testDescription: "a gateway that knows the caller by certificate",
        name: "tools/call find",
        attributes: [
            "mcp.method.name": "tools/call", "gen_ai.tool.name": "find", "mcp.target": "crm",
            "src.identity": "spiffe://acme/agent/desk", "jwt.sub": "ann",
        ],
        expected: "unmapped:crm/find ? ok spiffe:spiffe://acme/agent/desk"
    ),
]

@Suite struct OTLPTests {
    @Test(arguments: vendors)
    fileprivate func understandsEveryVendorsNames(_ vendor: Vendor) {
        let recording = imported(
            traces(service: "desk", span(vendor.name, id: "01", vendor.attributes)),
            as: .otlp
        )
        #expect(shown(recording) == [vendor.expected])
        #expect(recording.report.quarantinedTotal == 0)
    }

    @Test func readsTimesAndTheTrace() throws {
        let recording = imported(traces(service: "crm", span("tools/call x", id: "01", kind: 2, callOfTool)), as: .otlp)
        let call = try #require(recording.calls.first)
        #expect(call.time == Timestamp(microseconds: 1_795_392_865_841_367))
        #expect(call.duration == .microseconds(5081))
        #expect(call.session == "93ef37a523060d7a071035128c66f4d0")
        #expect(call.server == "unmapped:crm")
        #expect(call.principal.kind == .unknown)
        #expect(call.source == CallRecord.Source(importer: "otlp", line: 1))
    }

    @Test(arguments: [
        ("{}", ["error.type": "tool_error"], CallRecord.Outcome.toolError),
        (#"{"code":2}"#, [:], .toolError),
        (#"{"code":"STATUS_CODE_ERROR"}"#, [:], .toolError),
        (#"{"code":2}"#, ["error.type": "-32602"], .rpcError),
        (#"{"code":2}"#, ["rpc.response.status_code": "-32603"], .rpcError),
        (#"{"code":2}"#, ["error.type": "timeout"], .timeout),
        (#"{"code":2}"#, ["error.type": "403"], .denied),
        (#"{"code":2}"#, ["error.type": "401"], .authFailed),
        (#"{"code":1}"#, [:], .ok),
        ("{}", ["gen_ai.tool.call.result": #"{"content":[],"isError":true}"#], .toolError),
    ])
    func readsTheOutcome(_ status: String, _ extra: [String: String], _ outcome: CallRecord.Outcome) {
        let attributes = callOfTool.merging(extra) { $1 }
        let recording = imported(traces(service: "x", span("t", id: "01", status: status, attributes)), as: .otlp)
        #expect(recording.calls.map(\.outcome) == [outcome])
    }

    @Test func aSpanThatNeverEndedIsLost() {
        let recording = imported(traces(service: "x", span("t", id: "01", end: nil, callOfTool)), as: .otlp)
        #expect(recording.calls.map(\.outcome) == [.lost])
    }

    /// Three programs write one call; the spans stand in three files' worth of lines, the innermost first.
    @Test func makesOneCallOfTheViewsOfAgentClientAndServer() throws {
        let inner = traces(
            service: "crm",
            span(
                "tools/call query_accounts",
                id: "03",
                parent: "0b",
                kind: 2,
                callOfTool.merging(["gen_ai.tool.call.arguments": #"{"id":7}"#]) { $1 }
            )
        )
        let http = traces(
            service: "desk",
            span("POST", id: "0b", parent: "02", kind: 3, ["http.request.method": "POST"])
        )
        let client = traces(
            service: "desk",
            span("tools/call query_accounts", id: "02", parent: "01", kind: 3, callOfTool)
        )
        let agent = traces(
            service: "desk",
            span(
                "execute_tool query_accounts",
                id: "01",
                parent: "00",
                kind: 1,
                ["gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "query_accounts"]
            ),
            span(
                "invoke_agent helper",
                id: "00",
                kind: 1,
                [
                    "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "helper",
                    "gen_ai.conversation.id": "c-9",
                    "gen_ai.input.messages":
                        #"[{"role":"user","parts":[{"type":"text","content":"check account 7"}]}]"#,
                ]
            )
        )
        let recording = imported([inner, http, client, agent].joined(separator: "\n"), as: .otlp)
        #expect(shown(recording) == [#"unmapped:crm/query_accounts {"id":7} ok declared:helper"#])
        let call = try #require(recording.calls.first)
        #expect(call.session == "c-9")
        #expect(call.task?.text == "check account 7")
        #expect(call.task?.assurance == .declared)
        #expect(recording.report.notices[.mergedSpans] == 2)
    }

    @Test(arguments: [
        (
            [
                "gen_ai.conversation.id": "c-1", "session.id": "s-1", "langfuse.session.id": "l-1",
                "gen_ai.task.id": "t-1",
            ], "c-1"
        ),
        (["session.id": "s-1", "langfuse.session.id": "l-1", "gen_ai.task.id": "t-1"], "s-1"),
        (["langfuse.session.id": "l-1", "gen_ai.task.id": "t-1"], "l-1"),
        (["gen_ai.task.id": "t-1"], "93ef37a523060d7a071035128c66f4d0"),
        (["gen_ai.conversation.id": "", "session.id": "s-1"], "s-1"),
        ([:], "93ef37a523060d7a071035128c66f4d0"),
    ])
    func theConversationNamesTheSessionBeforeTheTrace(attributes: [String: String], session: String) throws {
        let recording = imported(
            traces(service: "x", span("t", id: "01", callOfTool.merging(attributes) { $1 })),
            as: .otlp
        )
        #expect(try #require(recording.calls.first).session == session)
    }

    /// Each turn of a conversation may be a trace of its own.
    @Test func theTracesOfOneConversationAreOneSession() {
        let said = callOfTool.merging(["gen_ai.conversation.id": "c-1"]) { $1 }
        let recording = imported(
            traces(
                service: "x",
                span("t", id: "02", start: 1_795_392_866_000_000_000, trace: "b0000000000000000000000000000002", said),
                span("t", id: "01", start: 1_795_392_865_000_000_000, trace: "a0000000000000000000000000000001", said),
                span(
                    "t",
                    id: "03",
                    start: 1_795_392_867_000_000_000,
                    trace: "c0000000000000000000000000000003",
                    callOfTool
                )
            ),
            as: .otlp
        )
        #expect(recording.calls.map(\.session) == ["c-1", "c-1", "c0000000000000000000000000000003"])
        #expect(recording.calls.map(\.sequence) == [0, 1, 0])
    }

    @Test func aToolThatCallsItselfOnAnotherServerIsTwoCalls() {
        let recording = imported(
            traces(
                service: "x",
                span("t", id: "01", kind: 3, callOfTool),
                span("t", id: "02", parent: "01", kind: 2, callOfTool),
                span("t", id: "03", parent: "02", kind: 3, callOfTool)
            ),
            as: .otlp
        )
        #expect(recording.calls.count == 2)
    }

    @Test func parentsThatFormACircleEnd() {
        let recording = imported(
            traces(
                service: "x",
                span("t", id: "01", parent: "02", kind: 2, callOfTool),
                span("t", id: "02", parent: "01", kind: 1, callOfTool)
            ),
            as: .otlp
        )
        #expect((1...2).contains(recording.calls.count))
    }

    @Test func theSameSpanTwiceIsOneCall() {
        let line = traces(service: "x", span("t", id: "01", callOfTool))
        let recording = imported(line + "\n" + line, as: .otlp)
        #expect(recording.calls.count == 1)
        #expect(recording.report.notices[.duplicateEntry] == 1)
    }

    /// Layout: opentelemetry-proto, examples/logs.json; the attributes of agentgateway's access log scope.
    @Test func readsLogRecords() {
        let record =
            #"{"timeUnixNano":"1795392865841367764","severityText":"INFO","body":{"stringValue":"request"},"attributes":["#
            + #"{"key":"mcp.method.name","value":{"stringValue":"tools/call"}},{"key":"gen_ai.tool.name","value":{"stringValue":"echo"}},"#
            + #"{"key":"mcp.target","value":{"stringValue":"everything"}},{"key":"jwt.sub","value":{"stringValue":"user-id"}},"#
            + #"{"key":"http.status","value":{"intValue":"200"}}],"traceId":"","spanId":""}"#
        let recording = imported(
            #"{"resourceLogs":[{"resource":{},"scopeLogs":[{"scope":{"name":"agentgateway.access"},"logRecords":[\#(record)]}]}]}"#,
            as: .otlp
        )
        #expect(shown(recording) == ["unmapped:everything/echo ? ok jwt:user-id"])
        #expect(recording.report.gaps.first == "no arguments: nothing to learn a rule from")
    }

    @Test func countsWhatIsNoToolCall() {
        let recording = imported(
            traces(
                service: "x",
                span("tools/list", id: "01", ["mcp.method.name": "tools/list"]),
                span("chat", id: "02", ["gen_ai.operation.name": "chat"])
            ) + "\n" + #"{"resourceMetrics":[]}"# + "\n" + #"{"other":1}"#,
            as: .otlp
        )
        #expect(recording.report.skipped == ["tools/list": 1, "span": 1, "metrics": 1])
        #expect(reasons(recording) == ["3:entry.shape"])
        #expect(recording.report.gaps == ["no tool calls"])
    }

    @Test func aPrettyPrintedDocumentIsReadToo() throws {
        let line = traces(service: "x", span("t", id: "01", callOfTool))
        let pretty = JSON.pretty(try JSON.parse(line))
        #expect(shown(imported(pretty, as: .otlp)) == shown(imported(line, as: .otlp)))
        #expect(shown(imported("[\(line)]", as: .otlp)) == shown(imported(line, as: .otlp)))
    }

    @Test(arguments: [1, 7, 64, 4096])
    func thePiecesMakeNoDifference(_ size: Int) {
        let text = (1...5).map { traces(service: "x", span("t", id: "0\($0)", callOfTool)) }.joined(separator: "\r\n")
        #expect(shown(imported(text, as: .otlp, pieces: size)) == shown(imported(text, as: .otlp)))
    }
}
