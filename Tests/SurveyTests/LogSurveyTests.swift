import Core
import Foundation
import Testing

@testable import Survey

@Suite struct LogSurveyTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var file = "access.log"
        var line: String
        var found: [String]
        var gap: String?
        var testDescription: String { line }
    }

    private func survey(_ text: String, file: String, limits: LogSurvey.Limits = .init()) throws -> SurveyResult {
        try Samples.withFolder { folder in
            try Samples.write(text, file, in: folder)
            return LogSurvey(
                files: [folder.path + "/" + file],
                limits: limits,
                digest: Samples.digest,
                known: { $0 == "weather" ? "stdio:h/npm:weather" : nil }
            ).run()
        }
    }

    // The layouts of the client's lines are those of lines that people have published; the values are our own.
    @Test(arguments: [
        Row(
            file: "mcp.log",
            line:
                "2026-07-20T14:09:08.507Z [info] [weather] Message from client: {\"method\":\"tools/call\",\"params\":{\"u\":\"http://planted.example/mcp\"}}",
            found: ["stdio:h/npm:weather"]
        ),
        Row(
            file: "mcp.log",
            line: "2026-07-20T14:09:08.507Z [notes] [info] Initializing server...",
            found: ["unmapped:notes"]
        ),
        Row(
            file: "mcp-server-money.log",
            line: "2026-10-19T14:13:44Z [money] [info] Message from client: {}",
            found: ["unmapped:money"]
        ),
        Row(
            file: "mcp-server-weather.log",
            line: "[42] Connecting to remote server: https://ana:hunter22@h.example/mcp?key=hunter22",
            found: ["stdio:h/npm:weather", "https://h.example/mcp"]
        ),
        Row(
            line: #"{"http.host":"h.example:8443","http.path":"/api","mcp-method":"tools/list","scheme":"https"}"#,
            found: ["https://h.example:8443/api"]
        ),
        Row(
            line: #"{"request":{"host":"h.example","uri":"/sse","headers":{"Mcp-Session-Id":["x"]}}}"#,
            found: ["http://h.example/sse"]
        ),
        Row(
            line: "http.method=POST http.host=h.example http.path=/mcp http.status=200",
            found: ["http://h.example/mcp"]
        ),
        Row(
            line: #"h.example:443 10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "POST /mcp HTTP/1.1" 200 12"#,
            found: ["https://h.example/mcp"]
        ),
        Row(
            line: #"10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "POST /mcp HTTP/1.1" 200 12"#,
            found: [],
            gap: "1 requests to mcp paths do not name their host"
        ),
        Row(line: #"10.0.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /docs/mcp-guide HTTP/1.1" 200 12"#, found: []),
        Row(line: "see https://h.example/docs/mcp-servers.html about mcp", found: []),
        Row(line: "\u{0}\u{1B}[31m mcp [] [ ] [[ ://  http:// http://:/mcp", found: []),
        Row(
            line: "mcp " + String(repeating: "x", count: 70_000),
            found: [],
            gap: "1 lines are longer than 65536 bytes and were not read"
        ),
    ])
    func findsTheServersOfALine(_ row: Row) throws {
        let result = try survey("noise\r\n" + row.line + "\n", file: row.file)
        #expect(result.sightings.map(\.canonicalKey) == row.found)
        #expect(result.gaps.map(\.reason) == [row.gap].compactMap(\.self))
        #expect(!"\(result)".contains("hunter22"))
        #expect(result.examined["log lines"] == 2)
    }

    @Test func isBoundedInServersAndBytes() throws {
        let lines = (0..<50).map { "http.host=h\($0).example http.path=/mcp" }.joined(separator: "\n")
        let few = try survey(lines, file: "a.log", limits: .init(servers: 10))
        #expect(few.sightings.count == 10)
        #expect(few.gaps.map(\.reason) == ["40 servers are more than 10 and were left out"])
        let small = try survey(lines, file: "a.log", limits: .init(bytes: 100))
        #expect(small.sightings.isEmpty)
        #expect(small.gaps.map(\.reason) == ["larger than 100 bytes"])
        let absent = LogSurvey(files: ["/nope/a.log", "/dev/zero"], digest: { _ in "" }).run()
        #expect(absent.gaps.map(\.reason) == ["not there", "not a regular file"])
    }
}
