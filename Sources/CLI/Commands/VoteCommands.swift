import Actions
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
    @Flag(help: "Only show what is asked; with --format json, the very bytes whose digest is signed.") var show = false
    @OptionGroup var output: OutputOptions
}

struct ApproveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "approve",
        abstract: "Vote for a step that waits, signed with your SSH key."
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
        let place = try options.prepare.map { try Destination.checked(absolute($0)) }
        let (run, step) = try located()
        let view = try engine.approval(run: run, step: step)
        let name = try session.ledger.steps(of: run).first { $0.instance == step }?.name ?? step.description
        let plan = try session.ledger.run(run).flatMap { try? engine.pinnedPlan(of: $0) }
        let shown = ShownText(
            view: view,
            name: name,
            labels: plan.map { ShownText.labels(of: view, in: $0) } ?? [],
            estate: session.estate,
            now: session.clock.now()
        )
        if options.show {
            Output.answer(
                options.output.format == .json ? String(decoding: view.shown, as: UTF8.self) : try shown.text()
            )
            return
        }
        let text = try shown.text()
        if verdict == .approve {
            let changes = try shown.changes()
            if !changes.isEmpty { Output.talk(text) }
            try refuseChanged(changes, view)
            try refuseChangedPolicy(view)
        }
        if let place {
            Output.talk(text)
            let vote = try newVote(view, by: try person().id)
            try DurableFile.write(vote.canonicalBytes, to: place, mode: 0o644)
            Output.answer("vote written to \(place)")
            Output.talk(
                "sign it with `ssh-keygen -Y sign -n \(Vote.namespace) -f KEY \(place)`, then give it with --vote \(place)"
            )
            return
        }
        let ballot = try options.vote.map { try received($0, view) } ?? signed(view)
        let delivery = try engine.castVote(run: run, step: step, ballot)
        session.deliverAudit()
        // After what can fail, so that an error does not hide below a page of tables.
        Output.talk(text)
        let after = try engine.approval(run: run, step: step)
        let state = after.record.state
        let count = "\(ShownText.approvals(after)) of \(after.record.quorum) approvals"
        switch options.output.format {
        case .table:
            Output.answer(
                delivery == .posted
                    ? "vote of \(ballot.person) handed to the process that is advancing run \(run)"
                    : "vote of \(ballot.person) counted: \(count), \(options.step) is \(state.rawValue)"
            )
        case .json:
            Output.answer([
                "run": .string(run.text), "step": .string(step.description), "person": .string(ballot.person.text),
                "verdict": .string(ballot.verdict.rawValue), "counted": .bool(delivery == .applied),
                "approvals": .integer(Int64(ShownText.approvals(after))),
                "needed": .integer(Int64(after.record.quorum)), "state": .string(state.rawValue),
            ])
        }
        if !ballot.isAuthenticated { Output.talk("this vote is not signed and prints as unauthenticated") }
        if delivery == .applied, state != .open { Output.talk("go on with `lockstep tick`") }
    }

    /// Refuses an approval of a policy whose file is another one by now: no release would come of it.
    private func refuseChangedPolicy(_ view: ApprovalView) throws {
        guard view.record.state == .open,
            let asked = try session.estate.askedPolicies().first(where: { $0.isAt(view) }), let file = asked.file,
            session.estate.isAnother(file, than: asked.digest)
        else { return }
        let commands = asked.restart(with: file).map { "\n    \(Output.printable($0))" }.joined()
        throw CommandFailure(
            "vote.policy-changed",
            "`\(Output.printable(file))` is another policy than the one that `\(options.step)` asks about",
            help: commands.isEmpty
                ? "put the policy back that was mined, or start a new run"
                : "put the policy back that was mined, or give the changed one to a new run as `baseline`:" + commands,
            status: ExitStatus.answerIsNo
        )
    }

    /// Refuses an approval of what is not there any more: it is asked anew, from the step that wrote down what was shown.
    private func refuseChanged(_ changes: [String], _ view: ApprovalView) throws {
        guard let first = changes.first else { return }
        let page = (try? JSON.parse(view.shown, limits: .standard))?.object ?? [:]
        let values = page["show"]?.array ?? []
        let source = try session.ledger.steps(of: view.run).last { step in
            step.outputs?["inventory"].map(values.contains) ?? false
        }
        let step = options.step.split(separator: "/").dropLast().joined(separator: "/")
        let again = (step.isEmpty ? "" : step + "/") + (source?.instance.description ?? view.step.description)
        throw CommandFailure(
            "vote.shown-changed",
            "what `\(options.step)` shows has changed since it was asked: \(Output.printable(first))"
                + (changes.count > 1 ? " and \(changes.count - 1) more" : ""),
            help: "ask anew with `lockstep retry \(options.run) \(again)`, then `lockstep tick`",
            status: ExitStatus.answerIsNo
        )
    }

    /// The step that is voted on, or an error that names those that do wait for votes.
    private func located() throws -> (RunID, StepInstance) {
        let top = try session.run(options.run).id
        let open = try openQuestions(below: top, path: "")
        func unknown(_ message: String) -> CommandFailure {
            let near = nearest(to: options.step, in: open) ?? open.first { $0.hasSuffix("/" + options.step) }
            return CommandFailure(
                "vote.step-unknown",
                message,
                help: near.map { "did you mean `\($0)`?" }
                    ?? (open.isEmpty
                        ? "nothing in this run waits for a vote; see `lockstep status \(options.run)`"
                        : "these wait for votes: \(open.joined(separator: ", "))"),
                status: ExitStatus.invalidInput
            )
        }
        let found: (run: RunID, step: StepInstance)
        do {
            found = try engine.locate(options.step, in: top)
        } catch is InvalidInput {
            throw unknown("run `\(top)` has no step `\(Output.printable(options.step))`")
        }
        if try session.ledger.approvals(of: found.run).contains(where: { $0.instance == found.step }) { return found }
        let isStep = try session.ledger.steps(of: found.run).contains { $0.instance == found.step }
        throw unknown(
            isStep
                ? "`\(Output.printable(options.step))` waits for no vote"
                : "run `\(top)` has no step `\(Output.printable(options.step))`"
        )
    }

    private func openQuestions(below run: RunID, path: String) throws -> [String] {
        var questions = try session.ledger.approvals(of: run).filter { $0.state == .open }
            .map { path + $0.instance.description }
        for child in try session.ledger.children(of: run) {
            guard let parent = child.parent else { continue }
            questions += try openQuestions(below: child.id, path: "\(path)\(parent.instance)/")
        }
        return questions
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
        let bytes: [UInt8]
        do throws(WorkspaceError) {
            bytes = try DurableFile.read(absolute(path), limit: 1 << 20)
        } catch {
            throw CommandFailure("vote.unreadable", error.message, status: ExitStatus.invalidInput)
        }
        if let armor = try? DurableFile.read(absolute(path + ".sig"), limit: 1 << 20) {
            let signature: SSHSignature
            do throws(SSHError) {
                signature = try SSHSignature(armored: String(decoding: armor, as: UTF8.self))
            } catch {
                throw CommandFailure(
                    error.code.rawValue,
                    "`\(path).sig`: \(error.message)",
                    help: error.help,
                    status: ExitStatus.invalidInput
                )
            }
            return try verified(SignedVote(vote: try Vote(parsing: bytes), signature: signature))
        }
        if (try? Vote(parsing: bytes)) != nil {
            throw CommandFailure(
                "vote.unsigned",
                "`\(path)` is a vote without a signature: there is no `\(path).sig` beside it",
                help: "sign it with `ssh-keygen -Y sign -n \(Vote.namespace) -f KEY \(path)`",
                status: ExitStatus.invalidInput
            )
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
