import Actions
import ArgumentParser
import Core
import Ledger
import Playbooks
import Reporting
import Workspace

struct InventoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory",
        abstract: "List, compare, assign, import and export servers.",
        subcommands: [
            List.self, Show.self, Diff.self, Assign.self, InventoryImportCommand.self, Export.self, Findings.self,
        ]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the servers.")
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let servers = try Session.open(.reading).ledger.servers()
            switch output.format {
            case .json: Output.answer(.array(servers.map(\.json)))
            case .table:
                Output.answer(
                    Output.table(
                        ["id", "kind", "transport", "auth", "security", "tools", "owner", "criticality", "last seen"],
                        servers.map { server in
                            [
                                server.id.text, server.kind.rawValue, server.transport.rawValue,
                                server.description?.authentication.word ?? "unknown",
                                server.transport == .stdio
                                    ? "local" : server.description?.security.version ?? "unknown",
                                server.description?.toolCount.map { String($0) } ?? "?",
                                server.owner ?? "unknown", server.criticality?.rawValue ?? "unknown",
                                server.lastSeen.description,
                            ]
                        }
                    )
                )
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show everything that is known of one server.")
        @Argument(help: "Id, alias or canonical key.") var server: String
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let found = try InventoryCommand.server(server, in: try Session.open(.reading).ledger)
            guard output.format == .table else { return Output.answer(found.json) }
            var lines = [
                ["id", found.id.text], ["key", found.canonicalKey], ["kind", found.kind.rawValue],
                ["transport", found.transport.rawValue], ["url", found.url ?? "-"],
                ["command", found.command.isEmpty ? "-" : found.command.joined(separator: " ")],
                ["aliases", found.aliases.joined(separator: ", ")], ["owner", found.owner ?? "unknown"],
                ["criticality", found.criticality?.rawValue ?? "unknown"],
                ["first seen", found.firstSeen.description], ["last seen", found.lastSeen.description],
            ]
            if let unreached = found.unreached { lines.append(["not covered", unreached.words]) }
            lines += found.locations.map { ["seen in", $0] }
            lines += found.secrets.map { ["secret", "\($0.name) \($0.digest)"] }
            if let description = found.description {
                lines += [
                    ["name", "\(description.name) \(description.version)"],
                    ["revisions", description.revisions.joined(separator: ", ")],
                    ["authentication", description.authentication.word], ["security", description.security.version],
                    ["tools", description.toolCount.map { String($0) } ?? "?"],
                ]
                lines += description.definitions.map {
                    [$0.kind.rawValue, "\(Output.cell($0.name, limit: 120)) \($0.digest)"]
                }
                lines += description.gaps.map { ["not covered", $0] }
            }
            Output.answer(Output.table(["what", "value"], lines))
        }
    }

    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare two snapshots, or the newest one with now; exit code 2 when they differ."
        )
        @Argument(help: "The older snapshot.") var from: String?
        @Argument(help: "The newer snapshot; the inventory of now unless given.") var to: String?
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let difference = try Session.open(.reading).ledger.difference(from: from, to: to)
            switch output.format {
            case .json: Output.answer(difference.json)
            case .table:
                let rows =
                    difference.added.map { ["added", $0.text, "", "", ""] }
                    + difference.removed.map { ["removed", $0.text, "", "", ""] }
                    + difference.changed.map { ["changed", $0.server.text, $0.aspect, $0.before, $0.after] }
                Output.answer(Output.table(["change", "server", "what", "before", "after"], rows))
            }
            if !difference.isEmpty { throw ExitStatus.answerIsNo }
        }
    }

    struct Assign: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Say who answers for a server.")
        @Argument(help: "Id or alias.") var server: String
        @Option(help: "user:NAME or group:NAME of lockstep.yaml.") var owner: String
        @Option(help: "low, medium, high or critical.") var criticality: String?

        func run() async throws {
            let session = try Session.open()
            let found = try InventoryCommand.server(server, in: session.ledger)
            guard !session.configuration.members(of: owner).isEmpty else {
                let known =
                    session.configuration.people.map { "user:\($0.id)" }
                    + session.configuration.groups.map { "group:\($0.name)" }
                throw CommandFailure(
                    "inventory.owner",
                    "the owner `\(Output.printable(owner))` is not in lockstep.yaml",
                    help: nearest(to: owner, in: known).map { "did you mean `\($0)`?" }
                        ?? "use one of \(known.joined(separator: ", "))",
                    status: ExitStatus.invalidInput
                )
            }
            var level: InventoryServer.Criticality?
            if let criticality {
                level = InventoryServer.Criticality(rawValue: criticality)
                guard level != nil else {
                    throw CommandFailure(
                        "inventory.criticality",
                        "`\(Output.printable(criticality))` is not a criticality",
                        help: "use low, medium, high or critical",
                        status: ExitStatus.invalidInput
                    )
                }
            }
            try session.ledger.assign(found.id, owner: owner, criticality: level)
            Output.answer("\(found.id) belongs to \(owner)")
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write the inventory as json, csv or cyclonedx.")
        @Option(name: .customLong("as"), help: "json, csv or cyclonedx.") var form = "json"
        @Option(help: "The file; standard output unless given.") var out: String?

        func run() async throws {
            let place = try out.map { try Destination.checked(absolute($0)) }
            let session = try Session.open(.reading)
            let export = InventoryExport(servers: try session.ledger.servers(), taken: session.clock.now())
            let bytes: [UInt8]
            do {
                bytes = try export.rendered(as: form)
            } catch {
                throw CommandFailure(
                    "inventory.format",
                    error.message,
                    help: error.help,
                    status: ExitStatus.invalidInput
                )
            }
            if let place {
                try DurableFile.write(bytes, to: place, mode: 0o644)
                Output.talk("inventory written to \(place)")
            } else {
                Output.answer(String(decoding: bytes, as: UTF8.self))
            }
        }
    }

    struct Findings: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the open findings, the gravest first.")
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let session = try Session.open(.reading)
            let waived = try session.estate.waivedScopes(at: session.clock.now())
            let records = try session.ledger.openFindings().sorted { $0.finding.severity > $1.finding.severity }
            switch output.format {
            case .json: Output.answer(.array(records.map(\.finding.json)))
            case .table:
                Output.answer(
                    Output.table(
                        ["severity", "code", "subject", "exception", "what"],
                        records.map { record in
                            // What was seen is text of a stranger: `table` makes it harmless and cuts it.
                            let evidence = record.finding.evidence
                            let what =
                                record.finding.message
                                + (evidence.isEmpty ? "" : ": " + Output.cell(evidence, limit: 120))
                            return [
                                record.finding.severity.rawValue, record.finding.code, record.finding.subject,
                                waived.contains("finding:\(record.finding.key)") ? "yes" : "no", what,
                            ]
                        }
                    )
                )
            }
        }
    }

    /// The server that a name means, or an error that suggests one.
    static func server(_ name: String, in ledger: Ledger) throws -> InventoryServer {
        if let server = try ledger.server(name) { return server }
        let near = nearest(to: name, in: try ledger.servers().map(\.id.text))
        throw CommandFailure(
            "inventory.unknown-server",
            "there is no server `\(Output.printable(name))` in the inventory",
            help: near.map { "did you mean `\($0)`?" } ?? "see `lockstep inventory list`"
        )
    }
}
