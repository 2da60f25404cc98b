import Actions
import ArgumentParser
import Behaviour
import Core
import Policies
import Traffic

extension PolicyCommand {
    struct Review: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what a miner would not decide alone, the most pressing first, with the evidence.",
            discussion: "Exit code 0 where nothing waits for a person, 2 where something does."
        )
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String] = []
        @Option(name: .customLong("profile"), help: "A profile that `lockstep profile` wrote.") var profile: String?
        @Option(help: "Rules by agent, or by agent and task.") var scope: Policy.Scope = .agent
        @Option(help: "How many points the table shows; --format json has them all.") var limit = 40
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let profile = try Recordings.profile(recordings, file: profile)
            let proposal = Miner().mine(profile, name: "mined", scope: scope)
            let queue = proposal.review
            switch output.format {
            case .json:
                Output.answer([
                    "profile": .string(proposal.profile.description), "sessions": .integer(Int64(profile.sessions)),
                    "excluded_sessions": .array(proposal.excludedSessions.map { .string($0) }),
                    "review": .array(queue.map(\.json)),
                ])
            case .table: Output.answer(table(queue))
            }
            Output.talk("\(queue.count) points to review from \(profile.sessions) sessions")
            if !queue.isEmpty { throw ExitStatus.answerIsNo }
        }

        private func table(_ queue: [ReviewItem]) -> String {
            let header = ["urgency", "kind", "rule", "argument", "values", "shown by", "sessions", "what", "evidence"]
            let rows = queue.prefix(max(0, limit)).map { item in
                [
                    item.roundedUrgency.description, item.kind.rawValue, item.rule, item.path ?? "",
                    Self.some(item.shownValues.map(\.text)), Self.some(item.sources.map(\.description)),
                    String(item.sessions), item.detail, Self.some(item.evidence.map { "\($0.session)#\($0.sequence)" }),
                ]
            }
            let rest = queue.count - rows.count
            return Output.table(header, rows) + (rest > 0 ? "\nand \(rest) more: see --limit or --format json" : "")
        }

        private static func some(_ texts: [String]) -> String {
            texts.prefix(3).joined(separator: ", ") + (texts.count > 3 ? " and \(texts.count - 3) more" : "")
        }
    }
}

extension ReviewItem {
    /// To a thousandth, so that the last bits of a double are no part of what scripts compare.
    var roundedUrgency: Double { (urgency * 1_000).rounded() / 1_000 }

    var json: JSON.Value {
        [
            "kind": .string(kind.rawValue), "rule": .string(rule), "agent": .string(agent),
            "task": task.map { .string($0) } ?? .null, "server": .string(tool.server), "tool": .string(tool.tool),
            "tier": .string(tier.rawValue), "path": path.map { .string($0) } ?? .null,
            "values": .array(
                shownValues.map { ["class": .string($0.valueClass.rawValue), "value": .string($0.text)] }
            ),
            "sources": .array(sources.map { .string($0.description) }), "sessions": .integer(Int64(sessions)),
            "detail": .string(detail),
            "evidence": .array(
                evidence.map { ["session": .string($0.session), "sequence": .integer($0.sequence)] }
            ),
            "urgency": .number(roundedUrgency),
        ]
    }
}
