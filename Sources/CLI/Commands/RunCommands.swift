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
        abstract: "Run a playbook or roadmap until it is done or waits; exit code 4 when it waits."
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
        let run = try engine.start(
            plan,
            inputs: try InputArguments.values(inputs, for: plan),
            startedBy: session.operatorName
        )
        Output.talk("run \(run) of \(plan.name) \(plan.version), \(plan.digest)")
        if session.marker.isRehearsal { Output.talk("rehearsal: time runs faster here") }
        let summary = try await engine.advance(run, plan: plan)
        switch output.format {
        case .table: Output.answer(RunSummaryText.text(summary))
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
                    status: ExitStatus.invalidInput
                )
            }
            let name = String(argument[..<split])
            let text = String(argument[argument.index(after: split)...])
            guard let declaration = plan.inputs.first(where: { $0.name == name }) else {
                let near = nearest(to: name, in: plan.inputs.map(\.name))
                throw CommandFailure(
                    "run.unknown-input",
                    "`\(plan.id)` has no input `\(Output.printable(name))`",
                    help: near.map { "did you mean `\($0)`?" }
                        ?? "it has \(plan.inputs.map(\.name).joined(separator: ", "))",
                    status: ExitStatus.invalidInput
                )
            }
            values[name] = value(text, of: declaration)
        }
        return values
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
        abstract: "End a run; nothing new starts but what cleans up."
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
        abstract: "Go on from a step, which is done again with everything after it."
    )
    @OptionGroup var target: RunArgument
    @Argument(help: "The step, such as review or discovery/review.") var step: String

    func run() async throws {
        let (session, engine, run, step) = try locate(target.run, step)
        try tell(try engine.command(.retry(from: step.step), run: run, by: session.operatorName), run, session)
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
        abstract: "Do what is due now and come back; for cron and timers."
    )
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let summaries = try await Session.open().engine().tick()
        switch output.format {
        case .table:
            Output.answer(
                summaries.isEmpty ? "nothing is due" : summaries.map(RunSummaryText.text).joined(separator: "\n")
            )
        case .json: Output.answer(.array(summaries.map(RunSummaryText.json)))
        }
    }
}
