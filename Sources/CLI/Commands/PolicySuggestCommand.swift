import Actions
import ArgumentParser
import Behaviour
import Core
import Policies

extension PolicyCommand {
    struct Suggest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how a policy would change if it were mined anew from newer traffic.",
            discussion: "What people wrote is kept. Exit code 0 where nothing would change, 2 where something would."
        )
        @Option(help: "The policy as it is.") var policy: String
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String] = []
        @Option(name: .customLong("profile"), help: "A profile that `lockstep profile` wrote.") var profile: String?
        @Option(name: .customLong("out"), help: "Where the suggested policy is written, for a person to review.")
        var out: String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let old = try Recordings.policy(policy)
            let profile = try Recordings.profile(recordings, file: profile)
            let proposal = PolicyMining.propose(profile, name: old.name, scope: old.scope)
            let suggested = proposal.policy.keepingWhatPeopleWrote(in: old, levels: proposal.levels)
            let difference = PolicyDifference(from: old, to: suggested)
            switch output.format {
            case .json: Output.answer(difference.json)
            case .table: Output.answer(difference.table)
            }
            if let out { try Recordings.write(Array(PolicyWriter.write(suggested).utf8), to: out) }
            Output.talk(
                "\(difference.changes.count) changes from \(profile.calls) calls of \(profile.sessions) sessions, "
                    + "\(proposal.review.count) points to review"
                    + (out.map { "; written to \(Output.printable($0))" } ?? "")
            )
            if !difference.isEmpty { throw ExitStatus.answerIsNo }
        }
    }
}
