import ArgumentParser
import Core
import Engine
import FoundationEssentials
import Identity
import Ledger
import Workspace

/// What the three voting commands share.
struct VoteOptions: ParsableArguments {
    @Argument(help: "Id of the run, the beginning of it, or latest.") var run: String
    @Argument(help: "The step, such as review or discovery/review.") var step: String
    @Option(help: "Why; kept with the vote.") var reason: String?
    @Option(help: "Ticket, where the step requires one.") var ticket: String?
    @Option(name: .customLong("as"), help: "Who votes; the person of lockstep.yaml with this OS user unless given.")
    var person: String?
    @Option(help: "SSH private key file to sign with; the agent is asked unless given.") var key: String?
    @Option(help: "A vote that was made elsewhere: a signed vote, or a prepared one with its .sig beside it.")
    var vote: String?
    @Option(
        help:
            "Write the vote to this file without a signature, to be signed elsewhere with ssh-keygen -Y sign -n lockstep-vote."
    )
    var prepare: String?
    @Flag(help: "Only show what is asked.") var show = false
}

struct ApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Vote for a step that waits for approval, signed with your SSH key."
    )
    @OptionGroup var options: VoteOptions

    func run() async throws { try Voting(options, .approve).run() }
}

struct RejectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reject",
        abstract: "Vote against a step that waits for approval."
    )
    @OptionGroup var options: VoteOptions

    func run() async throws { try Voting(options, .reject).run() }
}

struct WithdrawCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "withdraw",
        abstract: "Take your vote back while the step still waits."
    )
    @OptionGroup var options: VoteOptions

    func run() async throws { try Voting(options, .withdraw).run() }
}

private struct Voting {
    let options: VoteOptions
    let verdict: Vote.Verdict
    let session: Session
    let engine: Engine

    init(_ options: VoteOptions, _ verdict: Vote.Verdict) throws {
        self.options = options
        self.verdict = verdict
        session = try Session.open()
        engine = session.engine()
    }

    func run() throws {
        let (run, step) = try engine.locate(options.step, in: try session.run(options.run).id)
        let view = try engine.approval(run: run, step: step)
        if options.show {
            Output.answer(String(decoding: view.shown, as: UTF8.self))
            return
        }
        Output.talk("shown, with digest \(view.digest):")
        Output.talk(Output.printable(String(decoding: view.shown.prefix(4000), as: UTF8.self)))
        if let path = options.prepare {
            let vote = try newVote(view, by: try person().id)
            try DurableFile.write(vote.canonicalBytes, to: absolute(path), mode: 0o644)
            Output.answer("vote written to \(path)")
            Output.talk(
                "sign it with `ssh-keygen -Y sign -n \(Vote.namespace) -f KEY \(path)`, then give it with --vote \(path)"
            )
            return
        }
        let ballot = try options.vote.map { try received($0, view) } ?? signed(view)
        let delivery = try engine.castVote(run: run, step: step, ballot)
        let state = try engine.approval(run: run, step: step).record.state
        Output.answer("vote of \(ballot.person) counted, \(options.step) is \(state.rawValue)")
        if !ballot.isAuthenticated { Output.talk("this vote is not signed and prints as unauthenticated") }
        if delivery == .applied, state != .open { Output.talk("go on with `lockstep tick`") }
    }

    private func newVote(_ view: ApprovalView, by person: PersonID) throws -> Vote {
        guard let reason = options.reason, !reason.allSatisfy(\.isWhitespace) else {
            throw CommandFailure(
                "vote.reason",
                "a vote needs a reason",
                help: "say why with --reason",
                status: ExitStatus.invalidInput
            )
        }
        return try Vote(
            run: view.run,
            step: view.step,
            generation: Int64(view.generation),
            shown: view.digest,
            configuration: session.configuration.digest,
            verdict: verdict,
            reason: reason,
            ticket: options.ticket,
            person: person,
            time: session.clock.now()
        )
    }

    private func person() throws -> Workspace.Configuration.Person {
        let name = options.person ?? session.operatorName.dropping(prefix: "user:") ?? ""
        if let person = session.configuration.person(PersonID(name)) { return person }
        let near = nearest(to: name, in: session.configuration.people.map(\.id.text))
        throw CommandFailure(
            "vote.person",
            name.isEmpty
                ? "no person of lockstep.yaml has your OS user"
                : "`\(Output.printable(name))` is not among the people of lockstep.yaml",
            help: near.map { "did you mean `--as \($0)`?" } ?? "say who votes with --as",
            status: ExitStatus.invalidInput
        )
    }

    /// Signs with the key file or the agent; without either, only where the workspace allows it, by the OS user.
    private func signed(_ view: ApprovalView) throws -> Ballot {
        let person = try person()
        let vote = try newVote(view, by: person.id)
        let environment = ProcessInfo.processInfo.environment
        let signer: SSHSigner
        do throws(SSHError) {
            if let key = options.key {
                signer = try SSHSigner.named(file: absolute(key), environment: environment)
            } else {
                let known = try person.keys.map { line throws(SSHError) in try SSHPublicKey(line: line) }
                signer = try SSHSigner.held(by: try SSHAgent(environment: environment), among: known)
            }
        } catch {
            guard session.configuration.allowsUnauthenticatedVotes, options.key == nil,
                session.operatorName == "user:\(person.id)"
            else { throw error }
            return ballot(vote, isAuthenticated: false, proof: nil)
        }
        return try verified(try SignedVote(signing: vote, with: signer))
    }

    private func received(_ path: String, _ view: ApprovalView) throws -> Ballot {
        let bytes = try DurableFile.read(absolute(path), limit: 1 << 20)
        if let armor = try? DurableFile.read(absolute(path + ".sig"), limit: 1 << 20) {
            let signature = try SSHSignature(armored: String(decoding: armor, as: UTF8.self))
            return try verified(SignedVote(vote: try Vote(parsing: bytes), signature: signature))
        }
        return try verified(try SignedVote(parsing: bytes))
    }

    private func verified(_ vote: SignedVote) throws -> Ballot {
        let people = try Dictionary(
            session.configuration.people.map { ($0.id, try $0.keys.map { try SSHPublicKey(line: $0) }) },
            uniquingKeysWith: { first, _ in first }
        )
        let verified = try vote.verify(people: people)
        let known = verified.vote
        guard known.verdict == verdict else {
            throw CommandFailure(
                "vote.verdict",
                "the vote says \(known.verdict.rawValue), not \(verdict.rawValue)",
                help: "use `lockstep \(known.verdict.rawValue)`",
                status: ExitStatus.invalidInput
            )
        }
        guard known.configuration == session.configuration.digest else {
            throw CommandFailure(
                "vote.configuration",
                "lockstep.yaml has changed since this vote was made",
                help: "vote again: who may vote may have changed",
                status: ExitStatus.answerIsNo
            )
        }
        let (run, step) = try engine.locate(options.step, in: try session.run(options.run).id)
        guard known.run == run, known.step == step else {
            throw CommandFailure(
                "vote.step",
                "the vote is about `\(known.step)` of run `\(known.run)`",
                status: ExitStatus.answerIsNo
            )
        }
        try refuseReplay(of: known, at: try engine.approval(run: run, step: step))
        return ballot(known, isAuthenticated: true, proof: vote.json.object)
    }

    /// Refuses a vote that is not newer than the question and than the same person's last vote on it.
    ///
    /// A signature does not age: without this, a vote that was withdrawn could be handed in again.
    private func refuseReplay(of vote: Vote, at view: ApprovalView) throws {
        let last = view.votes.last { $0.person == vote.person }?.time
        let slack = Duration.seconds(300)
        let isOld = vote.time < view.record.opened - .seconds(1) || (last.map { vote.time <= $0 } ?? false)
        guard isOld || vote.time > session.clock.now() + slack else { return }
        throw CommandFailure(
            "vote.time",
            isOld
                ? "the vote is older than the question, or than the last vote of `\(vote.person)` on it"
                : "the vote is from the future",
            help: "make a new vote",
            status: ExitStatus.answerIsNo
        )
    }

    private func ballot(_ vote: Vote, isAuthenticated: Bool, proof: JSON.Object?) -> Ballot {
        let verdict: Ballot.Verdict =
            switch vote.verdict {
            case .approve: .approve
            case .reject: .reject
            case .withdraw: .withdraw
            }
        return Ballot(
            person: vote.person,
            verdict: verdict,
            reason: vote.reason,
            ticket: vote.ticket,
            shown: vote.shown,
            generation: Int(vote.generation),
            isAuthenticated: isAuthenticated,
            proof: proof
        )
    }
}
