import Actions
import ArgumentParser
import Core
import Engine
import Ledger
import Playbooks
import Workspace

struct StartCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Run a playbook or roadmap until it ends or waits.",
        discussion: "Exit code 4 when it waits for time or people; `lockstep status` says for what."
    )

    @Argument(help: "A file, or builtin:NAME for a playbook that comes with this program.")
    var file: String

    @Option(name: .customLong("input"), help: "An input as name=value; lists as JSON or with commas.")
    var inputs: [String] = []

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let session = try Session.open()
        let checked = try PlaybookFiles(session.estate.catalogue, Surroundings(session.configuration)).document(file)
        guard let plan = checked.plan else { throw ExitStatus.invalidInput }
        try Self.refuseUnknownStarter(of: plan, session)
        let engine = session.engine()
        let given = try InputArguments.values(inputs, for: plan)
        try InputArguments.check(given, for: plan, session.estate.catalogue)
        let run = try engine.start(
            plan,
            inputs: given,
            startedBy: session.operatorName
        )
        Output.talk("run \(run) of \(plan.name) \(plan.version), \(plan.digest)")
        if session.marker.isRehearsal { Output.talk("rehearsal: time runs faster here") }
        let summary = try await engine.advance(run, plan: plan)
        session.deliverAudit()
        switch output.format {
        case .table: Output.answer(RunSummaryText.text(summary, Remedy(estate: session.estate)))
        case .json: Output.answer(RunSummaryText.json(summary))
        }
        switch summary.state {
        case .succeeded: return
        case .failed: throw ExitStatus.answerIsNo
        case .cancelled, .rolledBack: throw ExitStatus.failed
        default: throw ExitStatus.waiting
        }
    }
}

extension StartCommand {
    /// Four eyes mean nothing if nobody knows whose the first two were.
    private static func refuseUnknownStarter(of plan: Plan, _ session: Session) throws {
        guard session.operatorName.hasPrefix("os:"), asksForOthers(plan) else { return }
        throw CommandFailure(
            "run.unknown-starter",
            "nobody in lockstep.yaml has the OS user `\(Session.systemUser())`, so an approval could not tell you from its approvers",
            help: "add `os-user: \(Session.systemUser())` to your entry in lockstep.yaml",
            status: ExitStatus.invalidInput
        )
    }

    private static func asksForOthers(_ plan: Plan) -> Bool {
        (plan.steps + plan.finally).contains { step in
            switch step.kind {
            case .approval(let approval): !approval.distinctFrom.isEmpty
            case .playbook(let child): asksForOthers(child.plan)
            default: false
            }
        }
    }
}

/// `name=value` arguments as the values that a plan's inputs declare.
enum InputArguments {
    static func values(_ arguments: [String], for plan: Plan) throws -> JSON.Object {
        var values: JSON.Object = [:]
        for argument in arguments {
            guard let split = argument.firstIndex(of: "=") else {
                throw CommandFailure(
                    "run.input",
                    "`\(Output.printable(argument))` is not of the form name=value",
                    help: "write for example `--input networks=10.0.0.0/24`",
                    status: ExitStatus.invalidInput
                )
            }
            let name = String(argument[..<split])
            let text = String(argument[argument.index(after: split)...])
            guard let declaration = plan.inputs.first(where: { $0.name == name }) else {
                let near = nearest(to: name, in: plan.inputs.map(\.name)).map { "did you mean `\($0)`? " } ?? ""
                let known = plan.inputs.map { "`\($0.name)`" }.joined(separator: ", ")
                throw CommandFailure(
                    "run.unknown-input",
                    "`\(plan.id)` has no input `\(Output.printable(name))`",
                    help: plan.inputs.isEmpty ? "it takes no inputs" : near + "it takes \(known)",
                    status: ExitStatus.invalidInput
                )
            }
            values[name] = value(text, of: declaration)
        }
        return values
    }

    /// Refuses values that do not fit their declaration, or that an action which they reach would refuse.
    static func check(_ given: JSON.Object, for plan: Plan, _ catalogue: Catalogue) throws {
        let faults = plan.ruleFaults(of: try plan.checkedInputs(given), catalogue: catalogue)
        guard faults.isEmpty else { throw InvalidInput(faults) }
    }

    private static func value(_ text: String, of declaration: InputDeclaration) -> JSON.Value {
        switch declaration.type {
        case .string, .duration, .timestamp, .artifact: return .string(text)
        case .list where !text.hasPrefix("["):
            return .array(
                text.split(separator: ",").map { item in
                    let word = String(item)
                    return declaration.items == .string || declaration.items == nil
                        ? .string(word) : (try? JSON.parse(Array(word.utf8), limits: .standard)) ?? .string(word)
                }
            )
        default: return (try? JSON.parse(Array(text.utf8), limits: .standard)) ?? .string(text)
        }
    }
}

/// The run that a command is about.
struct RunArgument: ParsableArguments {
    @Argument(help: "Id of the run, the beginning of it, or latest.")
    var run: String
}

private func command(_ name: String, _ command: RunCommand) throws {
    let session = try Session.open()
    let run = try session.run(name)
    try tell(try session.engine().command(command, run: run.id, by: session.operatorName), run.id, session)
}

private func tell(_ delivery: Delivery, _ run: RunID, _ session: Session) throws {
    switch delivery {
    case .applied:
        let state = try session.ledger.run(run)?.state.rawValue ?? "unknown"
        Output.answer("run \(run) is \(state)")
        if state == "running" || state == "cancelling" || state == "rolling-back" {
            Output.talk("go on with `lockstep tick`")
        }
    case .posted: Output.answer("left for the process that is advancing run \(run)")
    }
    session.deliverAudit()
}

struct PauseCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pause", abstract: "Hold a run where it is.")
    @OptionGroup var target: RunArgument
    @Option(help: "Why.") var reason: String

    func run() async throws { try command(target.run, .pause(reason: reason)) }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Let a paused run go on.")
    @OptionGroup var target: RunArgument

    func run() async throws { try command(target.run, .resume) }
}

struct CancelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel",
        abstract: "End a run; only what cleans up still starts."
    )
    @OptionGroup var target: RunArgument
    @Option(help: "Why.") var reason: String

    func run() async throws { try command(target.run, .cancel(reason: reason)) }
}

/// A step of a run, perhaps below a sub-playbook.
private func locate(_ name: String, _ path: String) throws -> (Session, Engine, RunID, StepInstance) {
    let session = try Session.open()
    let engine = session.engine()
    let (run, step) = try engine.locate(path, in: try session.run(name).id)
    return (session, engine, run, step)
}

struct SkipCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "skip",
        abstract: "Leave a step out, with a reason that stays."
    )
    @OptionGroup var target: RunArgument
    @Argument(help: "The step, such as review or discovery/review.") var step: String
    @Option(help: "Why.") var reason: String

    func run() async throws {
        let (session, engine, run, step) = try locate(target.run, step)
        try tell(try engine.command(.skip(step, reason: reason), run: run, by: session.operatorName), run, session)
    }
}

struct RetryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "retry",
        abstract: "Do a step again, and everything after it.",
        discussion: """
            Votes on approvals after the step count no longer, and they are asked anew. A reason may be given, and stays with \
            the run; what leaves a check out or ends something (skip, pause, cancel, rollback) does not go without one.
            """
    )
    @OptionGroup var target: RunArgument
    @Argument(help: "The step, such as review or discovery/review.") var step: String
    @Option(help: "Why; stays with the run.") var reason: String?

    func run() async throws {
        let (session, engine, run, step) = try locate(target.run, step)
        let command = RunCommand.retry(from: step.step, reason: reason)
        try tell(try engine.command(command, run: run, by: session.operatorName), run, session)
    }
}

struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Undo what a run changed, the newest first."
    )
    @OptionGroup var target: RunArgument
    @Option(name: .customLong("to"), help: "Keep this step and those before it.") var step: String?
    @Option(help: "Why.") var reason: String

    func run() async throws {
        try command(target.run, .rollback(to: step.map { StepID($0) }, reason: reason))
    }
}

struct TickCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tick",
        abstract: "Do what is due now and come back; for cron.",
        discussion: """
            With a run and --now, every gate of it that waits is measured at once instead of at its next time: what you \
            do after you have assigned an owner or accepted a finding. The measurement counts like any other; soak times \
            and deadlines stay, and a gate that wants several measurements keeps its rhythm.
            """
    )
    @Argument(help: "Id of a run, the beginning of it, or latest; all runs unless given.") var run: String?
    @Flag(help: "Measure the waiting gates of the run now, whenever their next time is.") var now = false
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let session = try Session.open()
        let engine = session.engine()
        RecordingChecks(session: session).applyRetention()
        let summaries: [RunSummary]
        if let run { summaries = [try await one(run, session, engine)] } else { summaries = try await all(engine) }
        session.deliverAudit()
        switch output.format {
        case .table:
            let remedy = Remedy(estate: session.estate)
            Output.answer(
                summaries.isEmpty
                    ? "nothing is due" : summaries.map { RunSummaryText.text($0, remedy) }.joined(separator: "\n")
            )
        case .json: Output.answer(.array(summaries.map(RunSummaryText.json)))
        }
    }

    private func all(_ engine: Engine) async throws -> [RunSummary] {
        guard !now else {
            throw CommandFailure(
                "tick.now",
                "--now needs a run",
                help: "write `lockstep tick latest --now`",
                status: ExitStatus.invalidInput
            )
        }
        return try await engine.tick()
    }

    private func one(_ name: String, _ session: Session, _ engine: Engine) async throws -> RunSummary {
        let root = try engine.root(of: try session.run(name).id)
        if now {
            let gates = try engine.waitingGates(of: root)
            var refusals: [Diagnostic] = []
            var measured = 0
            for gate in gates {
                do {
                    _ = try engine.command(.measure(gate.step), run: gate.run, by: session.operatorName)
                    measured += 1
                } catch let refusal as InvalidInput {
                    refusals += refusal.diagnostics
                }
            }
            if measured == 0, !refusals.isEmpty { throw InvalidInput(refusals) }
            for refusal in refusals { Output.talk(refusal.rendered()) }
            if gates.isEmpty {
                Output.talk("no gate of run \(root) waited yet; one that this tick comes to is measured by it")
            }
        }
        do {
            return try await engine.advance(root)
        } catch let error as LedgerError where error.code == .leased {
            throw CommandFailure(
                "ledger.leased",
                error.message,
                help: now ? "that process takes the measurement at its next look" : "it does what is due by itself"
            )
        }
    }
}
