import Core
import Testing
import Wire

private let good = #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{}}}"#

private struct Bad: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var line: String
    var code: String
}

private let bad: [Bad] = [
    Bad(testDescription: "cut off", line: #"{"jsonrpc":"2.0","id":2,"method":"tools/c"#, code: "json.unterminated"),
    Bad(
        testDescription: "two interleaved writers",
        line: #"{"jsonrpc":"2{"jsonrpc":"2.0","id":3}.0"}"#,
        code: "json.unexpected"
    ),
    Bad(testDescription: "two values", line: "{} {}", code: "json.trailing"),
    Bad(testDescription: "keys that are no strings", line: #"{1:"a"}"#, code: "json.unexpected"),
    Bad(testDescription: "not a number", line: #"{"jsonrpc":"2.0","id":NaN}"#, code: "json.unexpected"),
    Bad(testDescription: "an infinite number", line: #"{"jsonrpc":"2.0","id":1e999}"#, code: "json.bad-number"),
    Bad(testDescription: "half a surrogate pair", line: #"{"a":"\ud800"}"#, code: "json.lone-surrogate"),
    Bad(testDescription: "a key twice", line: #"{"id":1,"id":2}"#, code: "json.duplicate-key"),
    Bad(testDescription: "a raw control character", line: "{\"a\":\"\u{1}\"}", code: "json.control-character"),
    Bad(testDescription: "very deep", line: String(repeating: "[", count: 100_000), code: "json.too-deep"),
    Bad(testDescription: "a number alone", line: "17", code: "entry.shape"),
    Bad(
        testDescription: "an id that is a fraction",
        line: #"{"jsonrpc":"2.0","id":1.5,"method":"tools/call"}"#,
        code: "message.id"
    ),
    Bad(testDescription: "an id that is a list", line: #"{"jsonrpc":"2.0","id":[1],"result":{}}"#, code: "message.id"),
    Bad(
        testDescription: "no tool",
        line: #"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}"#,
        code: "tool.name"
    ),
    Bad(
        testDescription: "request and response in one",
        line: #"{"jsonrpc":"2.0","id":7,"method":"tools/call","result":{}}"#,
        code: "entry.shape"
    ),
    Bad(testDescription: "an unknown object", line: #"{"hello":"world"}"#, code: "entry.shape"),
]

@Suite struct BadRecordingTests {
    @Test(arguments: bad)
    fileprivate func setsABadLineAsideAndReadsOn(_ bad: Bad) {
        let recording = imported([good, bad.line, good].joined(separator: "\n"), as: .jsonrpc)
        #expect(recording.calls.count == 2)
        #expect(reasons(recording) == ["2:\(bad.code)"])
        #expect(recording.report.entries == 3)
    }

    @Test func aLineOf100MegabytesCostsNoMemoryAndOneEntry() throws {
        var importer = try #require(RecordingFormat.jsonrpc.importer(ImportSettings()))
        importer.feed(Array((good + "\n").utf8))
        let piece = [UInt8](repeating: 0x78, count: 1 << 20)
        for _ in 0..<100 { importer.feed(piece) }
        importer.feed(Array(("\n" + good).utf8))
        let recording = importer.finish()
        #expect(recording.calls.count == 2)
        #expect(reasons(recording) == ["2:line.too-long"])
    }

    @Test func aDocumentOverTheLimitIsSetAside() {
        var limits = ImportLimits()
        limits.documentBytes = 100
        let text = "[" + String(repeating: "1,", count: 100) + "1]"
        let recording = imported(text, as: .har, settings: ImportSettings(limits: limits))
        #expect(reasons(recording) == ["-:document.too-large"])
    }

    @Test func showsFewPlacesAndCountsThemAll() {
        var limits = ImportLimits()
        limits.quarantineKept = 3
        let text = String(repeating: "nonsense\n", count: 1000)
        let report = imported(text, as: .jsonrpc, settings: ImportSettings(limits: limits)).report
        #expect(report.quarantine.count == 3)
        #expect(report.quarantined == [.json(.unexpected): 1000])
    }

    @Test func callsBeyondTheLimitAreCounted() {
        var limits = ImportLimits()
        limits.calls = 2
        let lines = (1...5).map { #"{"jsonrpc":"2.0","id":\#($0),"method":"tools/call","params":{"name":"t"}}"# }
        let recording = imported(lines.joined(separator: "\n"), as: .jsonrpc, settings: ImportSettings(limits: limits))
        #expect(recording.calls.count == 2)
        #expect(recording.report.quarantined == [.tooManyCalls: 3])
    }

    @Test func serverNamesAreBounded() {
        var limits = ImportLimits()
        limits.names = 2
        let lines = (1...5).map {
            #"{"server":"s\#($0)","message":{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t"}}}"#
        }
        let report = imported(lines.joined(separator: "\n"), as: .jsonrpc, settings: ImportSettings(limits: limits))
            .report
        #expect(report.unmapped.count == 2)
        #expect(report.unmappedBeyond == 3)
    }

    @Test(
        arguments: RecordingFormat.allCases.filter { $0 != .fields },
        [
            "", "\n\n", "{", "[", "null", "[[[]]]", "{}", "[{}]", "\u{FEFF}", "\u{0}\u{0}",
            "{\"log\":{\"entries\":[1,null,{}]}}",
            "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[1,null,{\"attributes\":[{\"key\":1}]}]}]}]}",
            "{\"type\":\"mcp_tool_call\",\"target\":7}", "2025-01-01T00:00:00Z\tinfo\trequest\t=== a=\"\\",
            "\"\\ud800\"",
        ]
    )
    func noInputBreaksAnImporter(_ format: RecordingFormat, _ text: String) {
        let recording = imported(text, as: format)
        #expect(recording.calls.isEmpty)
    }
}
