import Core
import Testing
import Wire

private struct Sample: Sendable, CustomTestStringConvertible {
    var format: RecordingFormat
    var text: String

    var testDescription: String { format.rawValue }
}

private let request = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"a":[1,"é"]}}}"#
private let response = #"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ok"}]}}"#

private let samples: [Sample] = [
    Sample(
        format: .otlp,
        text:
            #"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"a","spanId":"b","name":"tools/call t","kind":3,"startTimeUnixNano":"1795392865841367764","endTimeUnixNano":"1795392865846448612","attributes":[{"key":"mcp.method.name","value":{"stringValue":"tools/call"}}]}]}]}]}"#
    ),
    Sample(format: .jsonrpc, text: request + "\n" + response),
    Sample(
        format: .har,
        text:
            #"{"log":{"entries":[{"startedDateTime":"2026-03-01T10:00:00Z","time":1,"request":{"method":"POST","url":"https://h/mcp","headers":[],"postData":{"text":\#(JSON.Value.string(request))}},"response":{"status":200,"content":{"mimeType":"text/event-stream","text":\#(JSON.Value.string("data: " + response + "\n\n"))}}}]}}"#
    ),
    Sample(
        format: .inspector,
        text:
            #"[{"timestamp":"2026-03-01T10:00:00Z","direction":"request","message":\#(request),"response":\#(response)}]"#
    ),
    Sample(
        format: .desktopLog,
        text: "2026-03-01T10:00:00Z [s] [info] Message from client: \(request) { metadata: undefined }\n"
            + "2026-03-01T10:00:01Z [s] [info] Message from server: \(response) { metadata: undefined }"
    ),
    Sample(
        format: .toolhive,
        text:
            #"{"type":"mcp_tool_call","logged_at":"2026-03-01T10:00:00Z","outcome":"success","target":{"name":"t"},"data":{"request":\#(request),"response":\#(response)}}"#
    ),
    Sample(
        format: .agentgateway,
        text:
            "2026-03-01T10:00:00Z\tinfo\trequest\tgateway=g route=r src.addr=[::1]:1 http.status=200 mcp.method.name=tools/call gen_ai.tool.name=t error=\"a \\\" b\" duration=1.5s"
    ),
    Sample(
        format: .accessLog,
        text:
            #"{"ts":1785578400,"status":200,"headers":{"Mcp-Method":["tools/call"],"Mcp-Name":["=?base64?dA==?="],"MCP-Protocol-Version":["2026-07-28"]}}"#
    ),
]

@Suite struct DamagedRecordingTests {
    @Test(arguments: samples)
    fileprivate func theWholeTextHoldsOneCall(_ sample: Sample) {
        #expect(imported(sample.text, as: sample.format).calls.map(\.tool) == ["t"])
    }

    @Test(arguments: samples)
    fileprivate func everyBeginningOfATextIsReadWithoutHarm(_ sample: Sample) {
        let bytes = Array(sample.text.utf8)
        for count in bytes.indices {
            let text = String(decoding: bytes[..<count], as: UTF8.self)
            #expect(imported(text, as: sample.format).calls.count <= 1)
            _ = RecordingFormat.sniff(Array(bytes[..<count]))
        }
    }

    @Test(arguments: samples, [1, 2, 3] as [UInt64])
    fileprivate func changedBytesAreReadWithoutHarm(_ sample: Sample, seed: UInt64) throws {
        var state = seed
        func next(_ bound: Int) -> Int {
            // Knuth's MMIX generator: any will do, and the seed is the test's name.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let original = Array(sample.text.utf8)
        for _ in 0..<100 {
            var bytes = original
            for _ in 0...next(4) { bytes[next(bytes.count)] = UInt8(next(256)) }
            var importer = try #require(sample.format.importer(ImportSettings()))
            importer.feed(bytes)
            let recording = importer.finish()
            #expect(recording.report.calls == recording.calls.count)
            #expect(recording.report.quarantine.count <= recording.report.quarantinedTotal)
        }
    }
}
