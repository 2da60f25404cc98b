import Actions
import ArgumentParser
import Core
import Engine
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
        @Option(name: .customLong("as"), help: "Who signs; the person of lockstep.yaml with this OS user unless given.")
        var person: String?
        @Option(help: "SSH private key file to sign with; the agent is asked unless given.") var key: String?

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
            guard !reason.allSatisfy(\.isWhitespace) else {
                throw CommandFailure(
                    "exception.reason",
                    "an exception needs a reason",
                    help: "say why with --reason",
                    status: ExitStatus.invalidInput
                )
            }
            let scope = try ExceptionScope(session: session).checked(scope)
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
            let kept = try proven(exception, session)
            try session.ledger.add(kept)
            session.deliverAudit()
            Output.answer("exception \(kept.id) until \(kept.expires)")
            if !kept.isAuthenticated { Output.talk("this exception is not signed and prints as unauthenticated") }
            if let run = scope.dropping(prefix: "gate:")?.split(separator: "/").first {
                let below = RunID(String(run))
                let root = try session.engine().root(of: below)
                let isHeld = try session.ledger.run(below)?.state == .paused
                Output.talk("go on with `lockstep \(isHeld ? "resume" : "tick") \(root)`")
            }
        }

        /// Signs where there is a key; a name alone waives something only where votes without a signature count.
        private func proven(_ exception: Exception, _ session: Session) throws -> Exception {
            let waivers = Waivers(configuration: session.configuration)
            let name = person ?? session.operatorName.dropping(prefix: "user:") ?? ""
            var kept = exception
            if session.configuration.person(PersonID(name)) != nil {
                kept = try waivers.signed(exception, by: PersonID(name), key: key)
            } else if person != nil || key != nil {
                throw CommandFailure(
                    "exception.person",
                    "`\(Output.printable(name))` is not among the people of lockstep.yaml",
                    help: nearest(to: name, in: session.configuration.people.map(\.id.text))
                        .map { "did you mean `--as \($0)`?" } ?? "say who signs with --as",
                    status: ExitStatus.invalidInput
                )
            }
            guard !waivers.counts(kept) else { return kept }
            throw CommandFailure(
                "exception.unsigned",
                "an exception must be signed in this workspace",
                help: "sign it with --as PERSON --key FILE, or load your key into ssh-agent",
                status: ExitStatus.invalidInput
            )
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
            let waivers = Waivers(configuration: session.configuration)
            func state(_ exception: Exception) -> String {
                if exception.closed != nil { return "closed" }
                guard exception.isActive(at: now) else { return "EXPIRED" }
                return waivers.counts(exception) ? "active" : "DOES NOT COUNT"
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
                                "authenticated": .bool(exception.isAuthenticated),
                                "created": .string(exception.created.description),
                                "expires": .string(exception.expires.description), "state": .string(state(exception)),
                            ]
                        }
                    )
                )
            case .table:
                Output.answer(
                    Output.table(
                        ["id", "state", "scope", "owner", "expires", "age", "made by", "reason"],
                        all.map {
                            [
                                $0.id, state($0), $0.scope, $0.owner, $0.expires.description,
                                (now - $0.created).brief,
                                $0.createdBy + ($0.isAuthenticated ? "" : ", unauthenticated"), $0.reason,
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
            guard try session.ledger.exceptions().first(where: { $0.id == id })?.isAuthenticated != true else {
                throw CommandFailure(
                    "exception.signed",
                    "`\(Output.printable(id))` was signed with its end",
                    help: "close it and sign a new one with `lockstep exception add`",
                    status: ExitStatus.invalidInput
                )
            }
            try session.ledger.extend(exception: id, to: end)
            session.deliverAudit()
            Output.answer("exception \(id) until \(end)")
        }
    }

    struct Close: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End an exception now.")
        @Argument var id: String

        func run() async throws {
            let session = try Session.open()
            try session.ledger.close(exception: id, at: session.clock.now())
            session.deliverAudit()
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
