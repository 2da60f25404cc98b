import Actions
import ArgumentParser
import Behaviour
import Core
import Policies

extension PolicyCommand {
    struct Suggest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say how a policy would change if it were mined anew from newer traffic.",
            discussion: """
                What people wrote is kept, and so is what the policy allows and this traffic did not use: a month says \
                nothing about what is done once a year. With --earlier, the profile that the policy was mined from, \
                what neither used is taken away; with --remove-unseen whatever this traffic did not use. Nothing is opened \
                further than some call of the recordings needs that the policy denies; a profile holds no calls to ask, so \
                with --profile that is left to whoever reviews. Exit code 0 \
                where nothing would change, 2 where something would.
                """
        )
        @Option(help: "The policy as it is.") var policy: String
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String] = []
        @Option(name: .customLong("profile"), help: "A profile that `lockstep profile` wrote.") var profile: String?
        @Option(
            name: .customLong("earlier"),
            parsing: .upToNextOption,
            help: "Profiles that the policy was mined from."
        )
        var earlier: [String] = []
        @Flag(help: "Also take away what this traffic did not use.") var removeUnseen = false
        @Option(name: .customLong("out"), help: "Where the suggested policy is written, for a person to review.")
        var out: String?
        @Flag(help: "Write over a policy with decisions or rules of people that would be lost.") var replace = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let old = try Recordings.policy(policy)
            var profile = try Recordings.profile(recordings, file: profile)
            for file in earlier {
                let before = try Recordings.profile([], file: file)
                do throws(Profile.MergeError) {
                    try profile.merge(before)
                } catch {
                    throw CommandFailure(
                        "profile.merge",
                        "`\(Output.printable(file))` cannot be merged: \(error)",
                        status: ExitStatus.invalidInput
                    )
                }
            }
            let removes = removeUnseen || !earlier.isEmpty
            let proposal = PolicyMining.propose(profile, name: old.name, scope: old.scope)
            let mined = proposal.policy.keepingWhatPeopleWrote(in: old, levels: proposal.levels)
            let proposed = removes ? mined : mined.keepingWhatWasUsed(in: old)
            let suggested = try opened(proposed, from: old)
            let difference = PolicyDifference(from: old, to: suggested)
            let fewer = difference.changes.count { $0.direction == .tighter }
            switch output.format {
            case .json: Output.answer(difference.json)
            case .table: Output.answer(difference.table)
            }
            if let out, !replace {
                let keeping =
                    removes && absolute(out) == absolute(policy)
                    ? "without --earlier and --remove-unseen what lately was not used stays, with what was decided about it"
                    : "`--policy \(out)` begins with it and keeps them"
                try PolicyOverwrite.refuse(out, by: suggested, "suggest", keeping: keeping)
            }
            if let out { try Recordings.write(Array(PolicyWriter.write(suggested).utf8), to: out) }
            Output.talk(
                "\(counted(difference.changes.count, "change")) from \(counted(profile.calls, "call")) of "
                    + "\(counted(profile.sessions, "session")), \(counted(proposal.review.count, "point")) to review"
                    + (out.map { "; written to \(Output.printable($0))" } ?? "")
            )
            if removes, fewer > 0 {
                let window = earlier.isEmpty ? "this traffic" : "neither the earlier traffic nor this"
                Output.talk(
                    "\(counted(fewer, "change")) " + (fewer == 1 ? "allows" : "allow") + " less: "
                        + "\(window) \(earlier.isEmpty ? "did not use it" : "used it")"
                )
            }
            let taken = wider(old, proposed) - wider(old, suggested)
            if taken > 0 {
                Output.talk(
                    "\(counted(taken, "widening")) left out: no call that the policy denies needs \(taken == 1 ? "it" : "them")"
                )
            }
            let unused = PolicyDifference(from: proposed, to: mined).changes.count
            if !removes, unused > 0 {
                Output.talk(
                    "what this traffic did not use stays: --earlier PROFILE takes away what the known traffic did not use "
                        + "either, --remove-unseen all of it"
                )
            }
            if !difference.isEmpty { throw ExitStatus.answerIsNo }
        }

        /// What was proposed, opened no further than denied calls of the recordings need.
        private func opened(_ proposed: Policy, from old: Policy) throws -> Policy {
            let files = recordings
            // Standard input is read once, and was.
            guard !files.isEmpty, !files.contains("-") else { return proposed }
            let calls = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try PolicySuggestion.calls(deniedBy: old, allowedBy: proposed, over: files)
            }
            return calls.map { proposed.opening(old, onlyFor: $0) } ?? proposed
        }

        private func wider(_ old: Policy, _ new: Policy) -> Int {
            PolicyDifference(from: old, to: new).changes.count { $0.direction == .wider }
        }
    }
}
