import Core
import Testing
import Wire

/// Layout: stacklok/toolhive, pkg/audit/event.go and docs/middleware.md; the values are invented.
private func audit(
    _ outcome: String = "success",
    type: String = "mcp_tool_call",
    subjects: String = #"{"user_id":"u-1","user":"ann","client_name":"desk"}"#,
    more: String = ""
) -> String {
    #"{"audit_id":"01be8d47","type":"\#(type)","logged_at":"2025-12-15T10:38:32.164124Z","outcome":"\#(outcome)","component":"crm","#
        + #""source":{"type":"network","value":"192.168.1.100","extra":{"user_agent":"x","session_id":"m-1"}},"subjects":\#(subjects),"#
        + #""target":{"endpoint":"/mcp","method":"tools/call","type":"tool","name":"find"},"metadata":{"extra":{"duration_ms":164,"transport":"http"}}\#(more)}"#
}

/// Layout: agentgateway/agentgateway, crates/agentgateway/src/telemetry/log.rs, and the log lines in its documentation.
private func access(_ rest: String) -> String {
    "2025-07-10T18:10:46.547567Z\tinfo\trequest\tgateway=bind/3000 listener=listener0 route=route0 endpoint=localhost:9999 "
        + "src.addr=[::1]:59257 http.method=POST http.path=/mcp \(rest) duration=6ms"
}

private struct Line: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var format: RecordingFormat
    var line: String
    var expected: [String]
    var reasons: [String] = []
}

private let lines: [Line] = [
    Line(
        testDescription: "audit event without data",
        format: .toolhive,
        line: audit(),
        expected: ["unmapped:crm/find ? ok jwt:u-1"]
    ),
    Line(
        testDescription: "denied",
        format: .toolhive,
        line: audit("denied"),
        expected: ["unmapped:crm/find ? denied jwt:u-1"]
    ),
    Line(
        testDescription: "the tool itself failed",
        format: .toolhive,
        line: audit("application_error"),
        expected: ["unmapped:crm/find ? tool_error jwt:u-1"]
    ),
    Line(
        testDescription: "anonymous",
        format: .toolhive,
        line: audit(subjects: #"{"user":"anonymous"}"#),
        expected: ["unmapped:crm/find ? ok unknown:unknown"]
    ),
    Line(
        testDescription: "with the request",
        format: .toolhive,
        line: audit(
            more:
                #","data":{"request":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"find","arguments":{"q":"a"}}},"response":{"jsonrpc":"2.0","id":1,"result":{"content":[],"isError":true}}}"#
        ),
        expected: [#"unmapped:crm/find {"q":"a"} tool_error jwt:u-1"#]
    ),
    Line(
        testDescription: "a request cut at 1 KiB",
        format: .toolhive,
        line: audit(more: #","data":{"request":"{\"jsonrpc\":\"2.0\",\"par"}"#),
        expected: ["unmapped:crm/find ? ok jwt:u-1"]
    ),
    Line(
        testDescription: "a refused login names no tool",
        format: .toolhive,
        line: audit("denied", type: "http_request"),
        expected: []
    ),
    Line(
        testDescription: "another log line",
        format: .toolhive,
        line: #"{"level":"INFO","msg":"started"}"#,
        expected: []
    ),
    Line(
        testDescription: "a time that is none",
        format: .toolhive,
        line: #"{"type":"mcp_tool_call","logged_at":"yesterday","target":{"name":"x"}}"#,
        expected: [],
        reasons: ["1:entry.time"]
    ),
    Line(
        testDescription: "gateway with a token's subject",
        format: .agentgateway,
        line: access(
            "http.status=200 jwt.sub=user-id protocol=mcp mcp.method.name=tools/call mcp.target=everything mcp.resource.type=tool gen_ai.tool.name=echo"
        ),
        expected: ["unmapped:everything/echo ? ok jwt:user-id"]
    ),
    Line(
        testDescription: "gateway with a certificate and a quoted error",
        format: .agentgateway,
        line: access(
            #"src.identity=spiffe://acme/desk http.status=200 mcp.method.name=tools/call mcp.target=a gen_ai.tool.name=echo mcp.error.code=-32602 error="bad \"x\" http.status=500""#
        ),
        expected: ["unmapped:a/echo ? rpc_error spiffe:spiffe://acme/desk"]
    ),
    Line(
        testDescription: "gateway refuses",
        format: .agentgateway,
        line: access("http.status=403 mcp.method.name=tools/call mcp.target=a gen_ai.tool.name=echo"),
        expected: ["unmapped:a/echo ? denied unknown:unknown"]
    ),
    Line(
        testDescription: "gateway's JSON",
        format: .agentgateway,
        line:
            #"{"level":"info","time":"2025-07-10T18:10:46.547567Z","scope":"request","gateway":"g","http.status":200,"mcp.method.name":"tools/call","mcp.target":"a","gen_ai.tool.name":"echo","duration":"6ms"}"#,
        expected: ["unmapped:a/echo ? ok unknown:unknown"]
    ),
    Line(
        testDescription: "gateway's other requests",
        format: .agentgateway,
        line: access("http.status=401 protocol=http reason=JwtAuth"),
        expected: []
    ),
    Line(
        testDescription: "no gateway line",
        format: .agentgateway,
        line: "hello world",
        expected: [],
        reasons: ["1:entry.shape"]
    ),
    // Envoy's and Traefik's ways to name header fields; nested headers with lists are Caddy's.
    Line(
        testDescription: "flat header fields",
        format: .accessLog,
        line:
            #"{"start_time":"2026-08-01T10:00:00Z","authority":"crm.example","path":"/mcp","response_code":200,"req_mcp_method":"tools/call","req_mcp_name":"find","req_mcp_protocol_version":"2026-07-28","downstream_peer_uri_san":"spiffe://acme/desk"}"#,
        expected: ["unmapped:https://crm.example/mcp/find ? ok spiffe:spiffe://acme/desk"]
    ),
    Line(
        testDescription: "nested header fields, a coded name",
        format: .accessLog,
        line:
            #"{"ts":1785578400.5,"status":403,"request":{"host":"crm.example","uri":"/mcp","headers":{"Mcp-Method":["tools/call"],"Mcp-Name":["=?base64?ZsO8cg==?="],"Mcp-Protocol-Version":["2026-07-28"]}}}"#,
        expected: ["unmapped:https://crm.example/mcp/für ? denied unknown:unknown"]
    ),
    Line(
        testDescription: "headers of an old revision",
        format: .accessLog,
        line: #"{"mcp-method":"tools/call","mcp-name":"find","mcp-protocol-version":"2025-11-25"}"#,
        expected: [],
        reasons: ["1:header.revision"]
    ),
    Line(
        testDescription: "headers of no revision",
        format: .accessLog,
        line: #"{"mcp-method":"tools/call","mcp-name":"find"}"#,
        expected: [],
        reasons: ["1:header.revision"]
    ),
    Line(
        testDescription: "a name that is not exact base64",
        format: .accessLog,
        line: #"{"mcp-method":"tools/call","mcp-name":"=?base64?Zg?=","mcp-protocol-version":"2026-07-28"}"#,
        expected: [],
        reasons: ["1:header.encoding"]
    ),
    Line(testDescription: "another request", format: .accessLog, line: #"{"path":"/","status":200}"#, expected: []),
]

@Suite struct GatewayLogTests {
    @Test(arguments: lines)
    fileprivate func readsEachLine(_ line: Line) {
        let recording = imported(line.line, as: line.format)
        #expect(shown(recording) == line.expected)
        #expect(reasons(recording) == line.reasons)
    }

    @Test func anAuditEventIsWrittenAtTheEndOfItsCall() throws {
        let call = try #require(imported(audit(), as: .toolhive).calls.first)
        #expect(call.time.description == "2025-12-15T10:38:32.000Z")
        #expect(call.duration == .milliseconds(164))
    }

    @Test(arguments: lines.filter { $0.reasons.isEmpty && !$0.expected.isEmpty })
    fileprivate func theFormatIsKnownFromItsBeginning(_ line: Line) {
        #expect(RecordingFormat.sniff(Array(line.line.utf8)) == line.format)
    }

    @Test(arguments: [
        (#"{"resourceSpans":[]}"#, RecordingFormat.otlp),
        ("{\n  \"log\": { \"creator\": {}, \"entries\": [", .har),
        (#"[{"id":"1","timestamp":"t","direction":"request","message":{"jsonrpc":"2.0"}}]"#, .inspector),
        (#"{"jsonrpc":"2.0","id":1}"#, .jsonrpc),
        ("2025-07-20T14:09:08.507Z [info] [w] Message from client: {", .desktopLog),
        (#"{"schema":"lockstep.call/1"}"#, nil), ("", nil), ("a,b,c", nil), ("{}", nil),
    ])
    func sniffs(_ text: String, _ format: RecordingFormat?) {
        #expect(RecordingFormat.sniff(Array(text.utf8)) == format)
    }
}
