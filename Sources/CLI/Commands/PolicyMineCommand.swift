import Actions
import ArgumentParser
import Behaviour
import Core
import Policies

extension PolicyCommand {
    struct Mine: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the policy that allows what recorded sessions needed, and nothing else.",
            discussion: "Exit code 0 when it was written; 2 with --require-sufficient where too little was seen."
        )
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String] = []
        @Option(name: .customLong("profile"), help: "A profile that `lockstep profile` wrote.") var profile: String?
        @Option(help: "Rules by agent, or by agent and task.") var scope: Policy.Scope = .agent
        @Option(help: "The name of the policy.") var name = "mined"
        @Option(name: .customLong("out"), help: "Where the policy is written; standard output unless given, or for -.")
        var out: String?
        @Flag(help: "Write over a policy with decisions or rules of people that would be lost.") var replace = false
        @Flag(help: "Exit with 2 where a rule rests on too little.") var requireSufficient = false

        func run() async throws {
            if let out, !replace {
                // Before anything is read: nothing that is mined now has what people decided.
                try PolicyOverwrite.refuse(
                    out,
                    by: nil,
                    "mine",
                    keeping:
                        "`lockstep policy suggest --policy \(out) --recording … --out \(out)` mines anew and keeps them"
                )
            }
            let profile = try Recordings.profile(recordings, file: profile)
            guard profile.calls > 0 else {
                throw CommandFailure(
                    "mine.nothing",
                    "there is no call to learn from",
                    help: "see what the recordings hold with `lockstep traffic stats`",
                    status: ExitStatus.invalidInput
                )
            }
            let mined = PolicyMining.propose(profile, name: name, scope: scope, isUnproven: self.profile != nil)
            let files = recordings
            let proposal = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try EvidenceQuotes.placing(mined, from: files)
            }
            let text = PolicyWriter.write(proposal.policy)
            let out = out == "-" ? nil : out
            if let out {
                try Recordings.write(Array(text.utf8), to: out)
            } else {
                Output.answer(text)
            }
            summarise(proposal, profile, out)
            if requireSufficient, proposal.sufficiency.contains(where: { !$0.isSufficient }) {
                throw ExitStatus.answerIsNo
            }
        }

        private func summarise(_ proposal: Proposal, _ profile: Profile, _ out: String?) {
            let policy = proposal.policy
            Output.talk(
                "\(counted(policy.rules.count, "rule")) from \(counted(profile.calls, "call")) of \(counted(profile.sessions, "session"))"
                    + (out.map { ", written to \(Output.printable($0))" } ?? "")
            )
            if policy.unprovenProfile != nil { Output.talk(Recordings.unproven) }
            if profile.skippedCalls > 0 {
                Output.talk(
                    "\(counted(profile.skippedCalls, "call")) \(profile.skippedCalls == 1 ? "was" : "were") not learned from: their arguments were too many or not recorded"
                )
            }
            if !proposal.isExact {
                Output.talk(
                    "a sample of the sessions stands for all: relations between arguments were not looked for, and bounds are estimates"
                )
            }
            if !proposal.excludedSessions.isEmpty {
                Output.talk(
                    "\(counted(proposal.excludedSessions.count, "session")) \(proposal.excludedSessions.count == 1 ? "was" : "were") not learned from: a source showed them what it shows to few"
                )
            }
            for line in proposal.relationLines { Output.talk(Output.cell(line)) }
            for item in proposal.review.prefix(500) {
                Output.talk("to review: \(Output.cell(item.line))")
            }
            if proposal.review.count > 500 {
                Output.talk("and \(proposal.review.count - 500) more to review: see `lockstep policy review`")
            }
            let lacking = proposal.sufficiency.filter { !$0.isSufficient }
            if !lacking.isEmpty {
                let more = lacking.compactMap(\.moreSessions).max()
                Output.talk(
                    "\(lacking.count) of \(counted(proposal.sufficiency.count, "argument")) \(lacking.count == 1 ? "rests" : "rest") on too little"
                        + (more.map { "; about \(counted($0, "more session", "more sessions")) would do" } ?? "")
                )
            }
        }
    }
}
