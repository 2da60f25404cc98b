import Core
import Reporting
import Testing

struct Sample: Sendable, CustomTestStringConvertible {
    var name: String
    var snapshot: ProgressSnapshot
    var testDescription: String { name }

    static var all: [Sample] {
        var rehearsal = Samples.rich
        rehearsal.isRehearsal = true
        return [
            Sample(name: "empty", snapshot: Samples.empty), Sample(name: "rich", snapshot: Samples.rich),
            Sample(name: "rehearsal", snapshot: rehearsal),
        ]
    }
}

@Suite struct ProgressReportTests {
    @Test(arguments: Sample.all) func rendersAsReviewed(_ sample: Sample) throws {
        let report = ProgressReport(sample.snapshot)
        try expectGolden(report.html(), "\(sample.name).html")
        try expectGolden(report.markdown(), "\(sample.name).md")
        try expectGolden(report.text(width: 100), "\(sample.name).txt")
        try expectGolden(JSON.pretty(report.json) + "\n", "\(sample.name).json")
    }
}
