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
                What people wrote is kept, and every rule that they changed by hand or decided about in a review stays as \
                it is: what this traffic would change there is asked, and --take NAME says yes to it. Kept is also what the policy allows and this traffic did not use: a month says \
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
        @Option(
            name: .customLong("take"),
            help: "Say yes to a question, by its name: the id of a rule, or known:AGENT; may be repeated."
        )
        var take: [String] = []
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
            let isUnproven = self.profile != nil || !earlier.isEmpty
            let proposal = PolicyMining.propose(profile, name: old.name, scope: old.scope, isUnproven: isUnproven)
            let mined = proposal.policy.keepingWhatPeopleWrote(in: old, levels: proposal.levels)
            let proposed = removes ? mined : mined.keepingWhatWasUsed(in: old)
            let open = try opened(proposed, from: old)
            var (suggested, questions) = open.keepingDecidedRules(of: old, except: Set(take))
            // What was mined from a file that proves nothing stays so, unless nothing of it was taken over.
            let isUnchanged = suggested.minedDigest == old.minedDigest && suggested.rules == old.rules
            suggested.unprovenProfile =
                isUnchanged ? old.unprovenProfile : suggested.unprovenProfile ?? old.unprovenProfile
            try checkTaken(old, open)
            let difference = PolicyDifference(from: old, to: suggested)
            let fewer = difference.changes.count { $0.direction == .tighter }
            switch output.format {
            case .json:
                var object = difference.json.object ?? [:]
                object["questions"] = .array(
                    questions.map { change in
                        var question = PolicyDifference.json(change).object ?? [:]
                        question["take"] = .string(change.questionName)
                        return .object(question)
                    }
                )
                Output.answer(.object(object))
            case .table: Output.answer(difference.table)
            }
            ask(questions)
            if isUnproven { Output.talk(Recordings.unproven) }
            if let out, !replace {
                let keeping =
                    removes && absolute(out) == absolute(policy)
                    ? "without --earlier and --remove-unseen what lately was not used stays, with what was decided about it"
                    : "`--policy \(out)` begins with it and keeps them"
                try PolicyOverwrite.refuse(
                    out,
                    by: suggested,
                    "suggest",
                    keeping: keeping,
                    isSame: absolute(out) == absolute(policy)
                )
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
            let taken = wider(old, proposed) - wider(old, open)
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
            if !difference.isEmpty || !questions.isEmpty { throw ExitStatus.answerIsNo }
        }

        /// Says what would change where people decided, a line for each rule or agent.
        private func ask(_ questions: [PolicyDifference.Change]) {
            var names: [String] = []
            for change in questions where !names.contains(change.questionName) { names.append(change.questionName) }
            for name in names {
                let changes = questions.filter { $0.questionName == name }.map(\.line)
                Output.talk(
                    "question: \(Output.printable(name)) stays as people left it; this traffic would change it: "
                        + Output.cell(changes.joined(separator: "; "), limit: 600)
                )
            }
            guard !names.isEmpty else { return }
            Output.talk(
                "\(counted(names.count, "question")): `--take NAME` says yes to one of them, and nothing is changed there otherwise"
            )
        }

        /// Refuses to be told yes to what nobody asks.
        private func checkTaken(_ old: Policy, _ open: Policy) throws {
            let asked = Set(open.keepingDecidedRules(of: old).questions.map(\.questionName))
            guard let name = take.first(where: { !asked.contains($0) }) else { return }
            let near = nearest(to: name, in: asked.sorted())
            throw CommandFailure(
                "suggest.take",
                "there is no question `\(Output.printable(name))`",
                help: near.map { "did you mean `\(Output.printable($0))`?" }
                    ?? "without --take all questions are listed, each with its name",
                status: ExitStatus.invalidInput
            )
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
