import ArgumentParser
import Core
import Ledger
import Workspace

struct ExceptionCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exception",
        abstract: "Accept something for a time: owner, reason, end.",
        subcommands: [Add.self, List.self, Extend.self, Close.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Accept a finding, gate or server for a limited time."
        )
        @Argument(help: "What it covers, for example 'finding:definition.changed hr/lookup'.") var scope: String
        @Option(help: "user:NAME or group:NAME of lockstep.yaml.") var owner: String
        @Option(help: "Why it is acceptable.") var reason: String
        @Option(name: .customLong("for"), help: "How long, for example 30d; at most 365d.") var duration: String

        func run() async throws {
            let session = try Session.open()
            guard !session.configuration.members(of: owner).isEmpty else {
                throw CommandFailure(
                    "exception.owner",
                    "the owner `\(Output.printable(owner))` is not in lockstep.yaml",
                    help: "write user:NAME or group:NAME",
                    status: ExitStatus.invalidInput
                )
            }
            let kinds = ["finding:", "gate:", "server:"]
            guard kinds.contains(where: scope.hasPrefix), !reason.allSatisfy(\.isWhitespace) else {
                throw CommandFailure(
                    "exception.scope",
                    "an exception needs a scope and a reason",
                    help: "the scope begins with finding:, gate: or server:",
                    status: ExitStatus.invalidInput
                )
            }
            let now = session.clock.now()
            var random = SystemRandomNumberGenerator()
            let exception = Exception(
                id: "x-" + String(RunID.make(at: now, using: &random).text.suffix(8)),
                scope: scope,
                owner: owner,
                reason: reason,
                createdBy: session.operatorName,
                created: now,
                expires: now + (try ExceptionCommand.length(duration))
            )
            try session.ledger.add(exception)
            Output.answer("exception \(exception.id) until \(exception.expires)")
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the exceptions.")
        @Flag(help: "Only those that are past their end and still not closed.") var bad = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try Session.open(.reading)
            let now = session.clock.now()
            let all = try session.ledger.exceptions().filter { !bad || ($0.closed == nil && $0.expires <= now) }
            func state(_ exception: Exception) -> String {
                exception.closed != nil ? "closed" : exception.isActive(at: now) ? "active" : "EXPIRED"
            }
            switch output.format {
            case .json:
                Output.answer(
                    .array(
                        all.map { exception in
                            [
                                "id": .string(exception.id), "scope": .string(exception.scope),
                                "owner": .string(exception.owner), "reason": .string(exception.reason),
                                "created_by": .string(exception.createdBy),
                                "created": .string(exception.created.description),
                                "expires": .string(exception.expires.description), "state": .string(state(exception)),
                            ]
                        }
                    )
                )
            case .table:
                Output.answer(
                    Output.table(
                        ["id", "state", "scope", "owner", "expires", "age", "reason"],
                        all.map {
                            [
                                $0.id, state($0), $0.scope, $0.owner, $0.expires.description,
                                (now - $0.created).brief, $0.reason,
                            ]
                        }
                    )
                )
            }
        }
    }

    struct Extend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Move the end of an open exception.")
        @Argument var id: String
        @Option(name: .customLong("for"), help: "How long from now.") var duration: String

        func run() async throws {
            let session = try Session.open()
            let end = session.clock.now() + (try ExceptionCommand.length(duration))
            try session.ledger.extend(exception: id, to: end)
            Output.answer("exception \(id) until \(end)")
        }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End an exception now.")
        @Argument var id: String

        func run() async throws {
            let session = try Session.open()
            try session.ledger.close(exception: id, at: session.clock.now())
            Output.answer("exception \(id) closed")
        }
    }

    static func length(_ text: String) throws -> Duration {
        guard let duration = Duration(playbook: text), duration > .zero, duration <= .seconds(365 * 86_400) else {
            throw CommandFailure(
                "exception.duration",
                "`\(Output.printable(text))` is not a duration of at most 365d",
                help: "write it as 30d or 12h",
                status: ExitStatus.invalidInput
            )
        }
        return duration
    }
}
