import Actions
import ArgumentParser
import Core
import Ledger
import Reporting
import Workspace

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Reports for people and machines.",
        subcommands: [Progress.self]
    )

    struct Progress: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how far the rollout is: phases, gates, approvals, coverage, blockers."
        )

        @Argument(help: "Id of a run, the beginning of it, or latest.") var run = "latest"
        @Option(name: .customLong("as"), help: "text, html, md or json.") var form = "text"
        @Option(help: "The file; standard output unless given.") var out: String?

        func run() async throws {
            let session = try Session.open(.reading)
            let query = ProgressQuery(estate: session.estate, reader: PlaybookReading(estate: session.estate).document)
            let isBlank = try run == "latest" && session.ledger.runs().isEmpty
            let snapshot = try query.snapshot(of: isBlank ? nil : try query.root(of: try session.run(run).id))
            let report = ProgressReport(snapshot)
            let text =
                form == "text"
                ? report.text(width: 100) : String(decoding: try report.rendered(as: form).bytes, as: UTF8.self)
            guard let out else { return Output.answer(text) }
            try DurableFile.write(Array(text.utf8), to: absolute(out), mode: 0o644)
            Output.answer(absolute(out))
        }
    }
}
