import Actions
import ArgumentParser
import Core
import Traffic
import Wire

struct TrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traffic",
        abstract: "Bring recordings into one form; count what they hold.",
        subcommands: [Import.self, Stats.self]
    )

    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write recordings of other programs as lockstep.call/1 lines, with tokens for secrets.",
            discussion: "Formats: auto, \(RecordingImport.formats.joined(separator: ", "))."
        )
        @Argument(help: "Recordings; - is standard input. Unpack compressed ones first.") var files: [String]
        @Option(help: "The format; told by how each file begins unless given.") var from = "auto"
        @Option(name: .customLong("out"), help: "Where the lines are written; standard output unless given.")
        var out: String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard from == "auto" || RecordingImport.formats.contains(from) else {
                let near = nearest(to: from, in: RecordingImport.formats)
                throw CommandFailure(
                    "import.format",
                    "there is no format `\(Output.printable(from))`",
                    help: near.map { "did you mean `\($0)`?" }
                        ?? "there are auto, \(RecordingImport.formats.joined(separator: ", "))",
                    status: ExitStatus.invalidInput
                )
            }
            var recording = try Tokens.recordingImport()
            for file in files {
                do throws(RecordingImport.Failure) {
                    try recording.add(file, format: from)
                } catch {
                    let (code, message, help) = error.words
                    throw CommandFailure(code, Output.printable(message), help: help, status: ExitStatus.invalidInput)
                }
            }
            guard let out else {
                Output.stream(recording.bytes)
                for summary in recording.summaries { summary.lines.forEach { Output.talk($0) } }
                return
            }
            try Recordings.write(recording.bytes, to: out)
            switch output.format {
            case .json: Output.answer(.array(recording.summaries.map(\.json)))
            case .table: Output.answer(recording.summaries.flatMap(\.lines).joined(separator: "\n"))
            }
        }
    }

    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how much recordings hold: calls, sessions, principals, tools, and what is missing."
        )
        @Argument(help: "Recordings as lockstep.call/1 lines; - is standard input.") var files: [String]
        @OptionGroup var output: OutputOptions

        func run() async throws {
            var stats = TrafficStats()
            let count = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try RecordingFiles.read(files) { stats.count($0) }
            }
            Recordings.report(count)
            switch output.format {
            case .json: Output.answer(stats.json)
            case .table:
                let rows = stats.tools.map {
                    [
                        $0.tool.server, $0.tool.tool, String($0.calls), String($0.failed), String($0.sessions),
                    ]
                }
                Output.answer(
                    stats.summary + "\n" + stats.gaps.map { "missing: \($0)\n" }.joined() + "\n"
                        + Output.table(["server", "tool", "calls", "failed", "sessions"], rows)
                )
            }
        }
    }
}

extension RecordingImport.Summary {
    /// The coverage statement, for people.
    fileprivate var lines: [String] {
        var lines = ["\(file): \(calls) calls of \(sessions) sessions, read as \(format)"]
        lines += gaps.map { "  missing: \($0)" }
        lines += Self.counts(unmapped).map { "  not in the inventory: \($0)" }
        lines += Self.counts(notices).map { "  noticed: \($0)" }
        if !skipped.isEmpty { lines.append("  no calls: " + Self.counts(skipped).joined(separator: ", ")) }
        guard quarantinedTotal > 0 else { return lines }
        lines.append(
            "  \(quarantinedTotal) lines were quarantined: " + Self.counts(quarantined).joined(separator: ", ")
        )
        return lines + examples.prefix(5).map { "    \($0.line.map { "line \($0)" } ?? "the document"): \($0.reason)" }
    }

    private static func counts(_ counts: [String: Int]) -> [String] {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let shown = sorted.prefix(8).map { "\(Output.cell($0.key, limit: 80)) (\($0.value))" }
        return sorted.count > 8 ? shown + ["and \(sorted.count - 8) more"] : shown
    }
}
