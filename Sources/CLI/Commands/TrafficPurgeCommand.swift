import Actions
import ArgumentParser
import Core
import Playbooks
import Workspace

extension TrafficCommand {
    struct Purge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take recorded calls of this workspace away for good, and what was folded from them.",
            discussion: """
                A profile of `.lockstep/recordings` in the workspace is folded again from what is left; other profiles there that \
                may hold what went are removed. Policies stay as they are; mine again where one must not name what went. \
                Backups from before still hold it. The journal keeps by what was chosen (a time, days, the keyed digest of a \
                principal), so that importing the same file again leaves out what went.
                """
        )
        @Option(help: "Calls from before: a time, a day such as 2026-01-31, or an age such as 30d.") var before: String?
        @Option(help: "Calls of this principal, its own and those made for it.") var principal: String?
        @Flag(help: "What was taken in longer ago than `retention` of lockstep.yaml says.") var expired = false
        @Flag(help: "Say what would go, and leave it.") var dryRun = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try Session.open(.reading)
            let now = session.clock.now()
            let what = try selection(now)
            let store = RecordingStore(session.estate)
            let purged = try store.purge(what, now: now, by: session.operatorName, isRehearsal: dryRun)
            switch output.format {
            case .json:
                Output.answer([
                    "calls": .integer(Int64(purged.calls)), "dry_run": .bool(dryRun),
                    "dropped": .array(purged.dropped.map { .string($0) }),
                    "rewritten": .array(purged.rewritten.map { .string($0) }),
                    "refolded": .array(purged.refolded.map { .string($0) }),
                    "removed": .array(purged.removed.map { .string($0) }),
                ])
            case .table:
                let verb = dryRun ? "would be" : purged.calls == 1 ? "was" : "were"
                var lines = [
                    "\(counted(purged.calls, "call")) \(verb) purged: \(counted(purged.dropped.count, "shard")) dropped, "
                        + "\(purged.rewritten.count) rewritten"
                ]
                lines += purged.refolded.map { "\($0) \(dryRun ? "would be" : "was") folded again from what is left" }
                lines += purged.removed.map {
                    "\($0) may hold what went and \(dryRun ? "would be" : "was") removed; "
                        + "`lockstep profile RECORDING --out \($0)` folds it again"
                }
                Output.answer(lines.joined(separator: "\n"))
            }
        }

        private func selection(_ now: Timestamp) throws -> RecordingStore.Purge {
            guard [before != nil, principal != nil, expired].count(where: { $0 }) == 1 else {
                throw CommandFailure(
                    "purge.what",
                    "say what is to go by one of --before, --principal and --expired",
                    help: "try it with --dry-run first",
                    status: ExitStatus.invalidInput
                )
            }
            if let principal { return .principal(principal) }
            guard let before else { return .expired }
            if let time = Timestamp(rfc3339: before) { return .before(time) }
            if let day = CivilDate(before) { return .before(Timestamp(seconds: day.daysSince1970 * 86_400)) }
            if let age = Duration(playbook: before) { return .before(now - age) }
            throw CommandFailure(
                "purge.before",
                "`\(Output.printable(before))` is no time",
                help: "write 2026-01-31, 2026-01-31T12:00:00Z or 30d",
                status: ExitStatus.invalidInput
            )
        }
    }
}
