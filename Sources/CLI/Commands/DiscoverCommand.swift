import Actions
import ArgumentParser
import Core
import FoundationEssentials
import Ledger
import Reporting
import Survey
import Workspace

struct DiscoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discover",
        abstract: "Find MCP servers; bare, on this machine only.",
        discussion: "Without options it looks at this machine only, read-only and without touching the network."
    )

    @Option(help: "A home folder to look at instead of yours; may be given again.")
    var configHome: [String] = []

    @Option(help: "A project folder to look at besides; may be given again.")
    var project: [String] = []

    @Option(
        parsing: .upToNextOption,
        help: "Log files of clients or HTTP servers, which may name servers that nothing else shows."
    )
    var logs: [String] = []

    @Option(help: "Addresses and CIDR ranges to sweep, with commas.")
    var hosts: String?

    @Option(help: "Ports for the sweep, for example 80,443,8000-8100; those of common servers unless given.")
    var ports: String?

    private static let usualPorts = "80,443,1234,3000,3001,8000-8010,8080,8443,11434"

    @Option(help: "New connections a second beyond this machine.")
    var rate = 1000

    @Option(help: "How long one endpoint or one started server may take; 5s and 30s unless given.")
    var timeout: String?

    @Flag(help: "Start the stdio servers that were found for a moment, within limits, to ask what they offer.")
    var launch = false

    @Flag(help: "Say that you may scan addresses that are not private.")
    var yesIMayScan = false

    @Option(help: "Environment variable that holds a bearer token for servers on this machine that ask for one.")
    var tokenEnv: String?

    @Option(help: "Write what was found to this file besides, for `inventory import` where the inventory is kept.")
    var bundle: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let limit = try timeLimit()
        try refuseMissing(configHome, "discover.config-home", "the home folder")
        try refuseMissing(project, "discover.project", "the project folder")
        // Whether it may be written is known before anybody waits for a sweep.
        let place = try bundle.map { try Destination.checked(absolute($0)) }
        let session = try? Session.open()
        if session == nil, WorkspaceFolder.nearest(to: FileManager.default.currentDirectoryPath) != nil {
            _ = try Session.open()
        }
        let estate = try session?.estate ?? Estate.detached(host: Session.hostName(), homes: Session.homes())
        let targets = try sweepTargets()
        var looks: [(label: String, result: SurveyResult)] = []
        let homes =
            configHome.isEmpty
            ? estate.homes.map { ConfigurationSurvey.Home(path: $0.path, user: $0.user) }
            : configHome.map { ConfigurationSurvey.Home(path: absolute($0)) }
        let files = ConfigurationSurvey(
            homes: homes,
            projects: project.map(absolute),
            machineRoot: configHome.isEmpty ? "/" : nil,
            host: estate.host,
            known: try estate.ledger.placesOfFindings(label: "discovery.configurations"),
            digest: estate.secretDigest
        )
        looks.append(("discovery.configurations", files.run()))
        if configHome.isEmpty {
            let processes = ProcessSurvey(host: estate.host, digest: estate.secretDigest).run()
            looks.append(("discovery.processes", processes.survey))
        }
        if !logs.isEmpty { looks.append(("discovery.logs", try read(logs, estate))) }
        if let targets {
            let named =
                try looks.flatMap(\.result.sightings).compactMap(\.url) + estate.ledger.servers().compactMap(\.url)
            var swept = try await sweep(targets, NetworkSurvey.paths(of: named), limit)
            swept.missed = targets.missed(of: try estate.ledger.servers(), in: swept)
            looks.append(("discovery.network", swept))
        }
        if launch { looks.append(("discovery.launch", await start(looks, limit))) }
        try answer(looks, estate, bundle: place, isKept: session != nil)
    }

    private func read(_ logs: [String], _ estate: Estate) throws -> SurveyResult {
        let files = logs.map(absolute)
        for file in files where !FileManager.default.fileExists(atPath: file) {
            throw CommandFailure(
                "discover.logs",
                "the log `\(Output.printable(file))` does not exist",
                help: "give a file that is there",
                status: ExitStatus.invalidInput
            )
        }
        let names = try estate.serverNames()
        return LogSurvey(files: files, digest: estate.secretDigest) { names[$0] }.run()
    }

    private func timeLimit() throws -> Duration? {
        guard let timeout else { return nil }
        guard let limit = Duration(playbook: timeout), limit > .zero else {
            throw CommandFailure(
                "discover.timeout",
                "`\(Output.printable(timeout))` is not a duration",
                help: "write it as 5s",
                status: ExitStatus.invalidInput
            )
        }
        return limit
    }

    /// A folder that somebody names and that is not there is a mistake, not an empty answer.
    private func refuseMissing(_ folders: [String], _ code: String, _ what: String) throws {
        for folder in folders {
            var isFolder = false
            guard FileManager.default.fileExists(atPath: absolute(folder), isDirectory: &isFolder), isFolder else {
                throw CommandFailure(
                    code,
                    "\(what) `\(Output.printable(folder))` does not exist",
                    help: "give a folder that is there",
                    status: ExitStatus.invalidInput
                )
            }
        }
    }

    private func sweepTargets() throws -> SweepTargets? {
        guard let hosts else {
            guard let ports else { return nil }
            throw CommandFailure(
                "discover.ports",
                "there are ports to sweep and no hosts",
                help: "to sweep this machine, write `--hosts 127.0.0.1 --ports \(Output.printable(ports))`",
                status: ExitStatus.invalidInput
            )
        }
        let targets = try SweepTargets(
            hosts: hosts.split(separator: ",").map(String.init),
            ports: (ports ?? Self.usualPorts).split(separator: ",").map(String.init)
        )
        if let address = targets.firstPublic, !yesIMayScan {
            throw CommandFailure(
                "discover.public",
                "`\(address)` is a public address",
                help: "if you are allowed to scan it, say so with --yes-i-may-scan",
                status: ExitStatus.invalidInput
            )
        }
        return targets
    }

    private func sweep(
        _ targets: SweepTargets,
        _ paths: [Endpoint: [String]],
        _ limit: Duration?
    ) async throws -> SurveyResult {
        var limits = NetworkSurvey.Limits()
        limits.sweep.rate = max(1, rate)
        if let limit { limits.probe.endpoint = limit }
        Output.talk("sweeping \(counted(targets.count, "pair")) of address and port")
        var token: Redacted<String>?
        if let tokenEnv {
            guard let value = ProcessInfo.processInfo.environment[tokenEnv], !value.isEmpty else {
                throw CommandFailure(
                    "discover.token",
                    "the environment has no `\(Output.printable(tokenEnv))`",
                    status: ExitStatus.invalidInput
                )
            }
            token = Redacted(value)
        }
        return await NetworkSurvey(limits: limits).run(targets, paths: paths, token: token) { progress in
            if case .swept(let ports, let open) = progress { Output.talk("\(ports) looked at, \(open) open") }
        }
    }

    /// Starts what the looks before have found; the secrets of their configurations stay where they are.
    private func start(_ looks: [(label: String, result: SurveyResult)], _ limit: Duration?) async -> SurveyResult {
        var servers: [String: InventoryServer] = [:]
        let now = SystemClock().now()
        for sighting in looks.flatMap(\.result.sightings)
        where sighting.transport == .stdio && sighting.kind == .mcp && servers[sighting.canonicalKey] == nil {
            servers[sighting.canonicalKey] = InventoryServer(
                id: ServerID(sighting.name),
                canonicalKey: sighting.canonicalKey,
                transport: .stdio,
                command: sighting.command,
                firstSeen: now,
                lastSeen: now
            )
        }
        Output.talk("starting \(counted(servers.count, "server")), one after another")
        var limits = Launch.Limits()
        if let limit { limits.total = limit }
        return await DiscoverLaunch.launch(servers.values.sorted { $0.id < $1.id }, [:], limits)
    }

    private func answer(
        _ looks: [(label: String, result: SurveyResult)],
        _ estate: Estate,
        bundle place: String?,
        isKept: Bool
    ) throws {
        var total = SurveyResult()
        var random = SystemRandomNumberGenerator()
        for look in looks {
            let key = RunID.make(at: estate.clock.now(), using: &random).text
            let summary = try estate.record(look.result, key: key, label: look.label)
            var kept = look.result
            // With what keeping them has shown: changed definitions, marks of poison.
            kept.findings = summary.findings
            total.merge(kept)
        }
        let seen = Set(total.sightings.map(\.canonicalKey))
        let servers = try estate.ledger.servers().filter { seen.contains($0.canonicalKey) }
        if let place {
            let export = InventoryExport(servers: servers, taken: estate.clock.now())
            let bytes = Array(JSON.pretty(export.bundle(host: estate.host, found: total)).utf8)
            try DurableFile.write(bytes, to: place)
        }
        switch output.format {
        case .json:
            Output.answer([
                "servers": .array(servers.map(\.json)), "findings": .array(total.findings.map(\.json)),
                "examined": .object(
                    JSON.Object(
                        total.examined.sorted { $0.key < $1.key }.map {
                            (key: $0.key, value: .integer(Int64($0.value)))
                        }
                    )
                ), "not_covered": .array(total.gaps.map(\.json)),
            ])
        case .table: Output.answer(Self.text(servers, total))
        }
        if let bundle {
            Output.talk("\(counted(servers.count, "server")) written to \(Output.printable(bundle))")
        } else if !isKept {
            Output.talk("nothing was kept: make a workspace with `lockstep init` to keep an inventory")
        }
    }

    private static func text(_ servers: [InventoryServer], _ result: SurveyResult) -> String {
        var parts = [
            Output.table(
                ["server", "kind", "transport", "auth", "security", "tools", "where"],
                servers.map { server in
                    [
                        server.id.text, server.kind.rawValue, server.transport.rawValue,
                        server.description?.authentication.word ?? "unknown",
                        server.transport == .stdio ? "local" : server.description?.security.version ?? "unknown",
                        server.description?.toolCount.map { String($0) } ?? "?",
                        server.url ?? server.command.joined(separator: " "),
                    ]
                }
            )
        ]
        if !result.findings.isEmpty {
            parts.append(
                Output.table(
                    ["severity", "finding", "subject", "what"],
                    result.findings.sorted { $0.severity > $1.severity }.map {
                        [$0.severity.rawValue, $0.code, $0.subject, $0.message]
                    }
                )
            )
        }
        let examined = result.examined.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        parts.append("looked at " + examined.joined(separator: ", "))
        if !result.gaps.isEmpty {
            parts.append(
                "not covered:\n"
                    + result.gaps.map { Output.printable("  \($0.subject): \($0.reason)") }.joined(separator: "\n")
            )
        }
        return parts.joined(separator: "\n\n")
    }
}
