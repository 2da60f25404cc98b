import Core
import Reporting
import Testing

@Suite struct SnapshotJSONTests {
    @Test(arguments: Sample.all) func comesBackEqual(_ sample: Sample) throws {
        let text = JSON.pretty(ProgressReport(sample.snapshot).json)
        let again = try ProgressSnapshot(json: JSON.parse(text))
        #expect(again == sample.snapshot)
        #expect(try ProgressReport(again).html() == ProgressReport(sample.snapshot).html())
        #expect(ProgressReport(again).markdown() == ProgressReport(sample.snapshot).markdown())
        #expect(JSON.pretty(ProgressReport(again).json) == text)
    }

    @Test(arguments: HostileTextTests.attacks) func hostileTextRendersTheSameAgain(_ attack: String) throws {
        let snapshot = Samples.hostile(attack)
        let again = try ProgressSnapshot(json: JSON.parse(JSON.canonical(snapshot.json)))
        #expect(try ProgressReport(again).html() == ProgressReport(snapshot).html())
    }

    @Test(arguments: [0, 1, 999, 1000, 1001, 1_774_276_200_123_456, -1, -1_500_001] as [Int64])
    func timesKeepTheirMicroseconds(_ microseconds: Int64) throws {
        let snapshot = ProgressSnapshot(title: "t", taken: Timestamp(microseconds: microseconds))
        #expect(try ProgressSnapshot(json: snapshot.json) == snapshot)
    }

    @Test func rendersTheSameBytesEveryTime() throws {
        let first = try ProgressReport(Samples.rich).html()
        for _ in 0..<5 { #expect(try ProgressReport(Samples.rich).html() == first) }
    }

    struct Broken: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var edit: @Sendable (inout JSON.Object) -> Void
        var messages: [String]
    }

    static let broken: [Broken] = [
        Broken(
            testDescription: "another schema",
            edit: { $0["schema"] = "lockstep.progress/2" },
            messages: [
                "the report has the schema `lockstep.progress/2`, not `lockstep.progress/1`"
            ]
        ),
        Broken(
            testDescription: "no schema",
            edit: { $0["schema"] = nil },
            messages: ["`schema` is missing, not a string"]
        ),
        Broken(
            testDescription: "several wrong members",
            edit: {
                $0["title"] = 3
                $0["taken"] = "yesterday"
                $0["rehearsal"] = "yes"
                $0["playbook_digest"] = "sha256:00"
                $0["phases"] = [["number": -1, "name": "a", "status": "b"], 7]
                $0["servers"] = "none"
            },
            messages: [
                "`title` is a number, not a string", "`taken` is a string, not an RFC 3339 time",
                "`rehearsal` is a string, not true or false",
                "`playbook_digest` is a string, not a digest such as `sha256:…`",
                "`phases[0].number` is a number, not a whole number from 0", "`phases[1]` is a number, not an object",
                "`servers` is a string, not a list",
            ]
        ),
        Broken(
            testDescription: "a finding of no known severity",
            edit: {
                $0["findings"] = [["code": "a", "severity": "dire", "subject": "", "message": "", "evidence": ""]]
            },
            messages: ["`findings[0].severity` is a string, not a severity"]
        ),
        Broken(
            testDescription: "a count beyond all counts",
            edit: { $0["coverage"] = [["name": "a", "numerator": 9.5e30, "denominator": 1.5]] },
            messages: [
                "`coverage[0].numerator` is a number, not a whole number from 0",
                "`coverage[0].denominator` is a number, not a whole number from 0",
            ]
        ),
    ]

    @Test(arguments: broken) func namesAllThatIsWrong(_ row: Broken) throws {
        var object = try #require(Samples.empty.json.object)
        row.edit(&object)
        let error = try #require(throws: InvalidInput.self) { try ProgressSnapshot(json: .object(object)) }
        #expect(error.diagnostics.map(\.message) == row.messages)
    }

    @Test(arguments: [JSON.Value.null, 1, "a", [], [[:]]]) func refusesWhatIsNoReport(_ value: JSON.Value) {
        #expect(throws: InvalidInput.self) { try ProgressSnapshot(json: value) }
    }

    @Test func boundsItsComplaints() throws {
        var object = try #require(Samples.empty.json.object)
        object["steps"] = .array(Array(repeating: .null, count: 10_000))
        let error = try #require(throws: InvalidInput.self) { try ProgressSnapshot(json: .object(object)) }
        #expect(error.diagnostics.count == 50)
    }

    @Test func ignoresASummaryThatWasTamperedWith() throws {
        var object = try #require(ProgressReport(Samples.rich).json.object)
        object["summary"] = ["status": "Done", "figures": []]
        let again = try ProgressSnapshot(json: .object(object))
        #expect(try ProgressReport(again).html() == ProgressReport(Samples.rich).html())
    }

    @Test func extremeValuesDoNotStopAReport() throws {
        let edges = ["0000-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"].map(Samples.time)
        for start in edges {
            for end in edges {
                let snapshot = ProgressSnapshot(
                    title: "t",
                    taken: end,
                    phases: [
                        .init(
                            number: .max,
                            name: "a",
                            status: "running",
                            plannedStart: start,
                            plannedEnd: end,
                            started: start
                        ),
                        .init(
                            number: .min,
                            name: "b",
                            status: "running",
                            plannedStart: end,
                            started: end,
                            ended: start
                        ),
                    ],
                    gates: [
                        .init(
                            instance: "a",
                            condition: "",
                            verdict: "pass",
                            measurements: [
                                .init(name: "m", last: .infinity, count: .max),
                                .init(name: "n", last: -1e300, count: 0), .init(name: "o", last: 1e-9, count: 0),
                            ]
                        )
                    ],
                    coverage: [
                        .init(name: "a", numerator: .max, denominator: 1, previousDenominator: 0),
                        .init(name: "b", numerator: -1, denominator: .max, previousDenominator: .max),
                    ],
                    servers: [
                        .init(id: "a", transport: "", security: "", authentication: "", tools: .max),
                        .init(id: "b", transport: "", security: "", authentication: "", tools: .max),
                    ],
                    exceptions: [
                        Exception(
                            id: "e",
                            scope: "s",
                            owner: "o",
                            reason: "r",
                            createdBy: "c",
                            created: start,
                            expires: end
                        )
                    ]
                )
                let report = ProgressReport(snapshot)
                #expect(try !report.html().isEmpty)
                #expect(!report.markdown().isEmpty)
                #expect(!report.text(width: 80).isEmpty)
                #expect(!JSON.pretty(report.json).isEmpty)
            }
        }
    }
}
