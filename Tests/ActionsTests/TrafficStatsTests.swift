import Actions
import Core
import Inspection
import Testing
import Traffic
import Wire

@Suite struct TrafficStatsTests {
    private static let result: JSON.Object = ["result": ["text": "ok"], "task": ["id": "t"]]
    private static let withheld: JSON.Object = ["result": ["digest": "00000000000000aa"], "task": ["id": "t"]]

    private func stats(_ lines: [String]) throws -> TrafficStats {
        var stats = TrafficStats()
        let (records, quarantined) = NativeReader.read(Array(lines.joined().utf8))
        #expect(quarantined.isEmpty)
        records.forEach { stats.count($0) }
        return stats
    }

    @Test(
        arguments: [
            ([], ["no tool calls"], nil),
            ([recordedLine("s", 0, result)], [], nil),
            (
                [recordedLine("s", 0, withheld)], [],
                "of 1 of 1 calls the result was not kept: where their arguments came from was computed before"
            ),
            (
                [recordedLine("s", 0, result), recordedLine("s", 1, withheld)], [],
                "of 1 of 2 calls the result was not kept: where their arguments came from was computed before"
            ),
            (
                [recordedLine("s", 0, ["task": ["id": "t"]])],
                ["no results: no provenance of arguments from earlier results"], nil
            ),
            (
                [
                    recordedLine("s", 0, result),
                    recordedLine("s", 1, ["result": ["text": "ok"], "arguments_known": false]),
                ],
                ["no arguments for 1 of 2 calls, told for 1", "no task for 1 of 2 calls, told for 1"], nil
            ),
            (
                [recordedLine("s", 0, ["principal": ["id": "x", "kind": "unknown"]])],
                [
                    "kind of principal not declared (`principal.kind`): its id tells whose rules they are",
                    "no results: no provenance of arguments from earlier results",
                    "no task: no rules per task",
                ], nil
            ),
        ] as [([String], [String], String?)]
    )
    func whatIsMissingIsSaid(_ lines: [String], _ gaps: [String], _ provenance: String?) throws {
        let stats = try stats(lines)
        #expect(stats.gaps == gaps)
        #expect(stats.provenance == provenance)
    }

    @Test(arguments: [("crm/find/email", true), ("crm/*/email", true), ("crm/find/name", false), ("find/email", false)])
    func whatSomebodyDeclaredIsProposedNoMore(_ declared: String, _ isGone: Bool) throws {
        let lines = (0..<4).map {
            recordedLine("s", $0, ["server": "crm", "tool": "find", "arguments": ["email": "ann@example.org"]])
        }
        var stats = try stats(lines)
        #expect(stats.dataClasses.map(\.field) == ["crm/find/email"])
        stats.leaveOut(declared: [declared])
        #expect(stats.dataClasses.isEmpty == isGone)
    }

    @Test func whatIsThereAndWhatIsMissingAreTwoNumbers() throws {
        let lines = (0..<4).map { recordedLine("s", $0, $0 < 3 ? Self.result : [:]) }
        let stats = try stats(lines)
        #expect(stats.gaps == ["no results for 1 of 4 calls, told for 3", "no task for 1 of 4 calls, told for 3"])
        #expect(stats.json["coverage"]?["task"] == .integer(3) && stats.json["missing"]?["task"] == .integer(1))
        #expect(stats.json["missing"]?["results"] == .integer(1) && stats.json["missing"]?["times"] == .integer(0))
    }

    @Test func callsAreCountedByToolAndSession() throws {
        let stats = try stats([
            recordedLine("a", 0), recordedLine("a", 1, ["outcome": "tool_error"]), recordedLine("b", 0),
            recordedLine("b", 1, ["tool": "list", "time": "2026-03-01T00:00:00Z"]),
            recordedLine("b", 2, ["principal": ["id": "ann", "kind": "jwt"]]),
        ])
        #expect(
            stats.tools.map { "\($0.tool.tool) \($0.calls) \($0.failed) \($0.sessions)" } == [
                "pay 4 1 3", "list 1 0 1",
            ]
        )
        let summary =
            "5 calls of 3 sessions, 2 principals, 2 tools, 2026-03-01T00:00:00.000Z to 2026-03-02T09:00:01.000Z"
        #expect(stats.summary == summary)
        #expect(stats.json["principals"]?.array?.count == 2 && stats.json["sessions"]?.int == 3)
    }

    @Test func proposedClassesNameNoValue() throws {
        let stats = try stats(
            (0..<5).map {
                recordedLine("s\($0)", 0, ["arguments": ["contact": .string("a\($0)@example.org"), "n": 1]])
            }
        )
        #expect(stats.dataClasses.map(\.field) == ["books/pay/contact"])
        #expect(!stats.json.description.contains("example.org"))
    }
}
