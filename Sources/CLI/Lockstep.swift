import ArgumentParser
import Audit
import Core
import Glibc
import Identity
import Ledger
import Playbooks
import Synchronization
import Workspace

/// The command line: parses, calls, renders; each command is one file in `Commands`.
@main
struct Lockstep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lockstep",
        abstract: "Rolls out zero trust for AI agents and MCP traffic, phase by phase, and proves every step.",
        version: "0.1.0",
        // In the order in which a rollout meets them.
        groupedSubcommands: [
            CommandGroup(
                name: "Set up",
                subcommands: [
                    InitCommand.self, DoctorCommand.self, KeyCommand.self, IdentityCommand.self, BackupCommand.self,
                    RestoreCommand.self,
                ]
            ),
            CommandGroup(name: "Find out", subcommands: [DiscoverCommand.self, InventoryCommand.self]),
            CommandGroup(name: "Plan", subcommands: [LintCommand.self, PlanCommand.self, PlaybookCommand.self]),
            CommandGroup(
                name: "Policies",
                subcommands: [TrafficCommand.self, ProfileCommand.self, MergeCommand.self, PolicyCommand.self]
            ),
            CommandGroup(
                name: "Roll out",
                subcommands: [
                    StartCommand.self, StatusCommand.self, ReportCommand.self, TickCommand.self, ServeCommand.self,
                ]
            ),
            CommandGroup(
                name: "Decide",
                subcommands: [ApproveCommand.self, RejectCommand.self, WithdrawCommand.self, ExceptionCommand.self]
            ),
            CommandGroup(
                name: "Steer",
                subcommands: [
                    PauseCommand.self, ResumeCommand.self, RetryCommand.self, SkipCommand.self, RollbackCommand.self,
                    CancelCommand.self,
                ]
            ),
            CommandGroup(name: "Enforce", subcommands: [GatewayCommand.self]),
            CommandGroup(name: "Prove", subcommands: [AuditCommand.self]),
        ]
    )

    static func main() async {
        // A reader that goes away, of our output or of a pipe to a hook, is an error to handle and no reason to die.
        signal(SIGPIPE, SIG_IGN)
        Output.fillClosedStreams()
        do {
            try Suggestions.refuseUnknownCommand(Array(CommandLine.arguments.dropFirst()), below: Lockstep.self)
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            try Self.refuseLostAnswer()
        } catch {
            end(with: error)
        }
    }

    private static func refuseLostAnswer() throws {
        guard Output.lost.load(ordering: .relaxed) else { return }
        throw CommandFailure(
            "output.lost",
            "the answer could not be written",
            help: "look at the disk that it goes to; what the command changed is kept"
        )
    }

    /// Prints what went wrong and leaves with the exit code that belongs to it.
    private static func end(with error: any Error) -> Never {
        switch error {
        case let code as ExitCode:
            if Output.lost.load(ordering: .relaxed) {
                Output.talk("error: the answer could not be written [output.lost]")
            }
            Glibc.exit(code.rawValue)
        case let failure as CommandFailure:
            report(failure.code, failure.message, failure.help)
            Glibc.exit(failure.status.rawValue)
        case let input as InvalidInput:
            for diagnostic in input.diagnostics.sorted { Output.talk(diagnostic.rendered()) }
            Glibc.exit(ExitStatus.of(input).rawValue)
        case let failure as WorkspaceError:
            report(failure.code.rawValue, failure.message, failure.help)
            if failure.code == .reserved { Glibc.exit(ExitStatus.invalidInput.rawValue) }
        case let failure as LedgerError:
            report("ledger.\(failure.code.rawValue)", failure.message, failure.suggestion)
        case let failure as KeyStoreError:
            report(failure.code.rawValue, failure.message, failure.help)
        case let failure as AuditError:
            report(failure.code.rawValue, failure.message, failure.help)
            if failure.code == .malformed || failure.code == .outOfRange {
                Glibc.exit(ExitStatus.invalidInput.rawValue)
            }
        case let failure as AuthorityError:
            report(failure.code.rawValue, failure.message, failure.help)
            if failure.code == .request || failure.code == .trustDomain { Glibc.exit(ExitStatus.invalidInput.rawValue) }
        case let failure as SSHError:
            report(failure.code.rawValue, failure.message, failure.help)
        case let failure as VoteError:
            report(failure.code.rawValue, failure.message, failure.help)
            Glibc.exit(ExitStatus.of(failure).rawValue)
        case let failure as StepError:
            report("step.\(failure.code.rawValue)", failure.message, failure.help)
        default:
            let status = exitCode(for: error)
            let text = fullMessage(for: error)
            // Help and version are answers; a wrong flag is invalid input.
            if status == .success {
                if !text.isEmpty { Output.answer(text) }
                Glibc.exit(Output.lost.load(ordering: .relaxed) ? ExitStatus.failed.rawValue : 0)
            }
            Output.talk(text)
            Glibc.exit(status == .validationFailure ? ExitStatus.invalidInput.rawValue : ExitStatus.failed.rawValue)
        }
        Glibc.exit(ExitStatus.failed.rawValue)
    }

    private static func report(_ code: String, _ message: String, _ help: String?) {
        Output.talk("error: \(message) [\(code)]")
        if let help { Output.talk("  help: \(help)") }
    }
}
