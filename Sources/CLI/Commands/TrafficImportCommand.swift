import Actions
import ArgumentParser
import Core
import FoundationEssentials
import Identity
import Traffic
import Wire
import Workspace

extension TrafficCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take recordings of other programs in, as lockstep.call/1 lines with tokens for secrets.",
            discussion: """
                In a workspace they go into its encrypted recordings, where a call that is there already does not count twice. \
                With --out they go to a file; personal data becomes tokens in one that lies outside the workspace. \
                Outside of a workspace --out must be given, and personal data stays readable in what is written. \
                `.lockstep/recordings` as FILE stands for what the workspace has.
                Where arguments came from is computed from the results that a recording holds; what a file says of it itself, \
                of a signed task or of a proven caller is not believed.
                Formats: auto, \(RecordingImport.formats.joined(separator: ", ")).

                The native form, `lockstep.call/1`, is one JSON object a line. Required are `schema`, `time` (RFC 3339), \
                `session`, `sequence` (a whole number that grows in a session), `principal.id`, `server`, `tool` and \
                `arguments` (an object). Read besides, where they are there: `task.id` and `task.text` (the request in the \
                user's words), `result.text`, `result.structured` and `result.isError`, `outcome` (\(CallRecord.Outcome.allCases
                    .map(\.rawValue).joined(separator: ", "))), `principal.kind` (\(CallRecord.PrincipalKind.allCases
                    .map(\.rawValue).joined(separator: ", "))), `delegation`, `client.name`, `definition`, `duration_ms`. \
                A line:
                  \(NativeReader.example)

                CSV with a header line and flat JSON lines are read by the names of their columns; --map says which is which \
                where they have other names:
                  lockstep traffic import calls.csv --map time=at,principal=who,session=run,server=system,tool=action \\
                    --map argument-prefix=arg_,result=answer,outcome=ok,task-text=goal
                Columns that nothing reads are named at the end. --map knows \(FieldMap.keys.joined(separator: ", ")).
                """
        )
        @Argument(help: "Recordings, plain or packed with gzip; - is standard input.") var files: [String]
        @Option(help: "The format; told by how each file begins unless given.") var from = "auto"
        @Option(help: "Columns of CSV and members of flat lines as KEY=COLUMN,KEY=COLUMN.") var map: [String] = []
        @Option(
            name: .customLong("out"),
            help: "A file for the lines, or - for standard output; the workspace's recordings unless given."
        )
        var out: String?
        @Option(help: "What is kept of results: provenance, digests or full.") var results: ResultStorage?
        @Flag(help: "Leave personal data readable in what leaves the workspace.") var keepPersonalData = false
        @Flag(help: "Also take in what `traffic purge` took away; otherwise it is left out and counted.")
        var includePurged = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            try checkFormat()
            let declared = try fieldMap()
            let estate = try Session.surroundings() != nil ? try Session.open(.reading).estate : nil
            guard estate != nil || out != nil else {
                throw CommandFailure(
                    "import.no-workspace",
                    "there is no workspace here that could keep the calls",
                    help: "write --out FILE, or --out - for standard output; `lockstep init` makes a workspace",
                    status: ExitStatus.invalidInput
                )
            }
            var recording = estate?.recordingImport() ?? Tokens.detached()
            recording.fieldMap = declared
            guard let estate, out == nil else {
                recording.results = results ?? estate?.recordedResults ?? .full
                if let estate, !keepPersonalData, leaves(estate.folder) { recording.personalData = estate.personalData }
                return try write(&recording, isWorkspace: estate != nil)
            }
            recording.results = results ?? estate.recordedResults ?? .provenance
            let now = estate.clock.now()
            let store = RecordingStore(estate)
            let addition = try Self.failing {
                try store.add(files, format: from, &recording, now: now, includesPurged: includePurged)
            }
            recording.notes.forEach { Output.talk("note: \($0)") }
            switch output.format {
            case .json:
                Output.answer([
                    "calls": .integer(Int64(addition.calls)), "known": .integer(Int64(addition.known)),
                    "purged": .integer(Int64(addition.purged)), "days": .integer(Int64(addition.days)),
                    "files": .array(recording.summaries.map(\.json)),
                ])
            case .table:
                var lines = recording.summaries.flatMap(\.lines)
                lines.append(
                    "\(counted(addition.calls, "call")) of \(counted(addition.days, "day")) \(addition.calls == 1 ? "is" : "are") in the recordings of the workspace"
                        + (addition.known > 0 ? "; \(addition.known) were there already" : "")
                )
                if addition.purged > 0 {
                    lines.append(
                        "\(counted(addition.purged, "call")) \(addition.purged == 1 ? "was" : "were") left out, which a purge "
                            + "took away; --include-purged takes them in again"
                    )
                }
                Output.answer(lines.joined(separator: "\n"))
            }
            try Self.requireCalls(recording.summaries)
        }

        /// Lines of which not one could be read are no success.
        private static func requireCalls(_ summaries: [RecordingImport.Summary]) throws {
            let quarantined = summaries.map(\.quarantinedTotal).reduce(0, +)
            guard quarantined > 0, summaries.allSatisfy({ $0.calls == 0 }) else { return }
            throw CommandFailure(
                "import.nothing",
                "no call could be read, \(counted(quarantined, "line")) \(quarantined == 1 ? "was" : "were") quarantined",
                help: summaries.contains { $0.quarantined["tool.name"] != nil && !$0.unread.isEmpty }
                    ? "say which columns hold what a call needs: --map tool=COLUMN,time=COLUMN"
                    : "name the format with --from; a document of most formats stands on one line"
            )
        }

        private func checkFormat() throws {
            guard from != "auto", !RecordingImport.formats.contains(from) else { return }
            let near = nearest(to: from, in: RecordingImport.formats)
            throw CommandFailure(
                "import.format",
                "there is no format `\(Output.printable(from))`",
                help: near.map { "did you mean `\($0)`?" }
                    ?? "there are auto, \(RecordingImport.formats.joined(separator: ", "))",
                status: ExitStatus.invalidInput
            )
        }

        private func fieldMap() throws -> FieldMap? {
            guard !map.isEmpty else { return nil }
            guard ["auto", "csv", "fields"].contains(from) else {
                throw CommandFailure(
                    "import.map",
                    "the format `\(from)` has no columns that --map could name",
                    help: "leave --from out, or name csv or fields",
                    status: ExitStatus.invalidInput
                )
            }
            do throws(FieldMap.DeclarationFault) { return try FieldMap(declarations: map) } catch {
                var help = "write KEY=COLUMN with a KEY of \(FieldMap.keys.joined(separator: ", "))"
                if case .unknownKey(let key) = error, let near = nearest(to: key, in: FieldMap.keys) {
                    help = "did you mean `\(near)`?"
                }
                throw CommandFailure(
                    "import.map",
                    Output.printable("\(error)"),
                    help: help,
                    status: ExitStatus.invalidInput
                )
            }
        }

        /// Whether what is written leaves the workspace.
        private func leaves(_ folder: WorkspaceFolder) -> Bool {
            guard let out, out != "-" else { return true }
            let path = out.hasPrefix("/") ? out : FileManager.default.currentDirectoryPath + "/" + out
            return !Destination.isInside(path, folder)
        }

        private func write(_ recording: inout RecordingImport, isWorkspace: Bool) throws {
            let file = out == "-" ? nil : out
            let sink = try RecordingOutput(file)
            var reading = recording
            try Self.failing {
                for name in files { try reading.add(name, format: from) { sink.write(NativeWriter.line($0)) } }
            }
            // What people can read may hold personal data.
            try sink.finish(mode: reading.personalData == nil ? 0o600 : 0o644)
            reading.notes.forEach { Output.talk("note: \($0)") }
            Output.talk("note: \(Self.closing(hasTokens: reading.personalData != nil, isWorkspace, keepPersonalData))")
            guard file != nil else {
                for summary in reading.summaries { summary.lines.forEach { Output.talk($0) } }
                return try Self.requireCalls(reading.summaries)
            }
            switch output.format {
            case .json: Output.answer(.array(reading.summaries.map(\.json)))
            case .table: Output.answer(reading.summaries.flatMap(\.lines).joined(separator: "\n"))
            }
            try Self.requireCalls(reading.summaries)
        }

        /// What became of personal data.
        private static func closing(hasTokens: Bool, _ isWorkspace: Bool, _ isKept: Bool) -> String {
            if hasTokens { return "personal data was replaced by tokens; --keep-personal-data leaves it readable" }
            guard isWorkspace else {
                return "personal data stays readable in what was written: there is no workspace here to encrypt it in"
            }
            return "personal data stays readable in what was written"
                + (isKept ? ", as --keep-personal-data says" : "; without --out it is kept encrypted")
        }

        private static func failing<Answer>(_ body: () throws -> Answer) throws -> Answer {
            do { return try body() } catch let error as RecordingImport.Failure {
                let (code, message, help) = error.words
                throw CommandFailure(code, Output.printable(message), help: help, status: ExitStatus.invalidInput)
            }
        }
    }
}

extension ResultStorage: ExpressibleByArgument {}

extension RecordingImport.Summary {
    /// The coverage statement, for people.
    fileprivate var lines: [String] {
        var lines = ["\(file): \(counted(calls, "call")) of \(counted(sessions, "session")), read as \(format)"]
        lines += gaps.map { "  missing: \($0)" }
        lines += provenance.map { "  provenance: \($0)" }
        lines += Self.counts(unmapped).map { "  not in the inventory: \($0)" }
        lines += unproven.map { "  unproven: \($0)" }
        lines += Self.counts(notices.filter { !Self.claimNotices.contains($0.key) }).map { "  noticed: \($0)" }
        if !unread.isEmpty {
            let rest = unread.count - 12
            lines.append(
                "  not read: " + unread.prefix(12).map { Output.cell($0, limit: 80) }.joined(separator: ", ")
                    + (rest > 0 ? " and \(rest) more" : "")
            )
        }
        if !skipped.isEmpty { lines.append("  no calls: " + Self.counts(skipped).joined(separator: ", ")) }
        guard quarantinedTotal > 0 else { return lines }
        lines.append(
            "  \(quarantinedTotal) lines were quarantined: " + Self.counts(quarantined).joined(separator: ", ")
        )
        for example in examples.prefix(5) {
            let place = example.line.map { "line \($0)" } ?? "the document"
            let what = example.detail.map { "\(Output.printable($0)) [\(example.reason)]" } ?? example.reason
            lines.append("    \(place): \(what)")
        }
        return lines
    }

    private static func counts(_ counts: [String: Int]) -> [String] {
        let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        let shown = sorted.prefix(8).map { "\(Output.cell($0.key, limit: 80)) (\($0.value))" }
        return sorted.count > 8 ? shown + ["and \(sorted.count - 8) more"] : shown
    }
}
