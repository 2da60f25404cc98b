import Actions
import ArgumentParser
import Core
import Ledger
import Reporting
import Workspace

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write how far the rollout is, for people or programs.",
        subcommands: [Progress.self]
    )

    struct Progress: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how far the rollout is: phases, gates, approvals, coverage, blockers."
        )

        @Argument(help: "Id of a run, the beginning of it, or latest.") var run = "latest"
        @Option(name: .customLong("as"), help: "text, html, md, csv or json.") var form = "text"
        @Option(help: "The file; standard output unless given.") var out: String?

        func run() async throws {
            let forms = ["text", "html", "md", "csv", "json"]
            guard forms.contains(form) else {
                throw CommandFailure(
                    "report.format",
                    "there is no progress report as `\(Output.printable(form))` in this version",
                    help: nearest(to: form, in: forms).map { "did you mean `\($0)`?" }
                        ?? "use text, html, md, csv or json",
                    status: ExitStatus.invalidInput
                )
            }
            let place = try out.map { try Destination.checked(absolute($0)) }
            let session = try Session.open(.reading)
            let query = ProgressQuery(estate: session.estate, reader: PlaybookReading(estate: session.estate).document)
            let isBlank = try run == "latest" && session.ledger.runs().isEmpty
            let snapshot = try query.snapshot(of: isBlank ? nil : try query.root(of: try session.run(run).id))
            let report = ProgressReport(snapshot)
            let text =
                form == "text"
                ? report.text(width: 100) : String(decoding: try report.rendered(as: form).bytes, as: UTF8.self)
            guard let place else { return Output.answer(text) }
            try DurableFile.write(Array(text.utf8), to: place, mode: 0o644)
            Output.answer(place)
        }
    }
}
