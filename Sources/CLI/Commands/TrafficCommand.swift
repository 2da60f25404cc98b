import Actions
import ArgumentParser
import Core
import Inspection
import Traffic
import Wire
import Workspace

struct TrafficCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "traffic",
        abstract: "Take recordings in, count what they hold, purge them.",
        subcommands: [Import.self, Stats.self, Purge.self]
    )

    struct Stats: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how much recordings hold: calls, sessions, principals, tools, and what is missing."
        )
        @Argument(
            help: "Recordings as lockstep.call/1 lines; - is standard input; those of the workspace unless given."
        )
        var files: [String] = []
        @OptionGroup var output: OutputOptions

        /// The fields whose class somebody declared, as proposals name them.
        private static func declared() throws -> Set<String> {
            guard try Session.surroundings() != nil else { return [] }
            let servers = try Session.open(.reading).configuration.servers
            return Set(servers.flatMap { server in server.fields.keys.map { "\(server.id.text)/\($0)" } })
        }

        func run() async throws {
            let files = try files.isEmpty ? [Recordings.store()] : files
            var stats = TrafficStats()
            let count = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try RecordingFiles.read(files) { stats.count($0) }
            }
            Recordings.report(count)
            guard count.calls > 0 || count.quarantined == 0 else {
                throw CommandFailure(
                    "stats.nothing",
                    "no line of it is a call in the native form, `lockstep.call/1`",
                    help: "bring recordings of other forms in with `lockstep traffic import FILE`"
                )
            }
            stats.leaveOut(declared: try Self.declared())
            switch output.format {
            case .json: Output.answer(stats.json)
            case .table:
                let rows = stats.tools.map {
                    [
                        $0.tool.server, $0.tool.tool, String($0.calls), String($0.failed), String($0.sessions),
                    ]
                }
                let classes = stats.dataClasses.filter(\.isStrong).map {
                    [$0.field, $0.dataClass.rawValue, $0.evidence.map(\.words).joined(separator: "; ")]
                }
                let proposed =
                    classes.isEmpty
                    ? ""
                    : "\n\nproposed for `fields` of a server in lockstep.yaml, there without the server:\n"
                        + Output.table(["field", "class", "evidence"], classes)
                Output.answer(
                    stats.summary + "\n" + stats.gaps.map { "missing: \($0)\n" }.joined()
                        + (stats.provenance.map { "provenance: \($0)\n" } ?? "") + "\n"
                        + Output.table(["server", "tool", "calls", "failed", "sessions"], rows) + proposed
                )
            }
        }
    }
}
