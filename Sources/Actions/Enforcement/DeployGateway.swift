import Core
import FoundationEssentials
import Gateway
import Ledger
package import Playbooks
import Workspace

/// `gateway.deploy`: puts gateways in front of servers of `lockstep.yaml`.
///
/// It writes a gateway's document where there is none, or where the one that is there was written by this action; a
/// document that a person wrote stays as it is and must route the servers already. Then the gateway has to answer on its
/// admin port under its own id. A long-lived daemon is for the operator to start; with `start` it is started detached,
/// and `gateway.restore` ends exactly the process that was started.
package struct DeployGateway: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "gateway.deploy",
            summary: "put gateways in front of servers",
            effect: .change,
            isAdditive: true,
            parameters: [
                .gateways,
                .init(
                    "servers",
                    .list,
                    items: .string,
                    summary: "ids of servers of lockstep.yaml; without any, the document is there and stays as it is"
                ),
                .init("listen", .string, summary: "where the gateway listens, such as 127.0.0.1:8800"),
                .init("admin", .string, summary: "its admin port; any port of loopback unless given"),
                .init(
                    "mode",
                    .string,
                    allowed: GatewayConfiguration.Mode.allCases.map(\.rawValue),
                    summary: "the mode of a document that is written; record unless given"
                ),
                .init("declared", .string, summary: "whom callers without any credential are taken for"),
                .init("issuer", .string, summary: "whose tokens are believed"),
                .init(
                    "keys",
                    .string,
                    summary: "the issuer's JSON Web Key Set, by its whole path or inside the workspace"
                ),
                .init("start", .boolean, summary: "whether a gateway that does not answer is started"),
            ],
            outputs: [("written", .list), ("started", .map), ("listen", .map), ("modes", .map)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let gateways = try estate.gateways(request.parameters)
        var plans: [GatewayPlan] = []
        for gateway in gateways { plans.append(try GatewayPlan(gateway, request.parameters, estate)) }
        let starts = request.parameters["start"]?.bool ?? false
        var undo = try GatewayUndo(estate, run: request.run, step: request.instance.description)
        try undo.add(plans.flatMap(\.undo))
        for plan in plans { try plan.write() }
        var (listen, modes): (JSON.Object, JSON.Object) = ([:], [:])
        for plan in plans {
            let id = plan.gateway.id
            let mark = "\(request.idempotencyKey.prefix(32))/\(id)"
            var reached: ReachedGateway
            do throws(StepError) {
                reached = try await plan.gateway.reached()
                if !plan.files.isEmpty {
                    try await reached.reload()
                    reached = try await plan.gateway.reached()
                }
            } catch {
                guard starts, error.code == .transient else { throw error }
                try undo.add([.process(gateway: id, mark: mark)])
                reached = try await start(plan.gateway, mark)
            }
            try check(reached)
            listen[id] = reached.status["listen"]
            modes[id] = .string(reached.mode)
        }
        var started: JSON.Object = [:]
        for case .process(let gateway, let mark) in undo.entries {
            guard let process = GatewayProcess.find(mark: mark) else { continue }
            started[gateway] = ["pid": .integer(Int64(process.pid)), "start": .integer(Int64(process.start))]
        }
        let written = plans.filter { !$0.files.isEmpty }.map(\.gateway.written)
        return ActionResult(
            outputs: [
                "written": .array(written.map { .string($0) }), "started": .object(started), "listen": .object(listen),
                "modes": .object(modes),
            ],
            summary: gateways.map { "\($0.id) answers in \(modes[$0.id]?.string ?? "")" }.joined(separator: ", ")
                + (started.isEmpty ? "" : ", \(counted(started.count, "process", "processes")) started")
        )
    }

    private func start(_ gateway: NamedGateway, _ mark: String) async throws(StepError) -> ReachedGateway {
        let log = try gateway.state + ".log"
        let process: GatewayProcess.Identity
        if let known = GatewayProcess.find(mark: mark) {
            process = known
        } else {
            process = try GatewayProcess.start(config: gateway.file, mark: mark, log: log)
        }
        for _ in 0..<1_000 {
            do throws(StepError) {
                return try await gateway.reached()
            } catch {
                guard error.code == .transient else { throw error }
            }
            guard GatewayProcess.lives(process) else {
                let said = (try? StoredFile.read(log, limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
                let line = said?.split(separator: "\n").first { $0.contains("error: ") } ?? "it says nothing"
                throw StepError(.permanent, "`\(gateway.id)` ended as soon as it was started: \(line.prefix(300))")
            }
            do { try await Task.sleep(for: .milliseconds(20)) } catch {
                throw StepError(.cancelled, "the step was cancelled")
            }
        }
        throw StepError(.timeout, "`\(gateway.id)` was started and does not answer within 20 s")
    }

    /// Whether it runs by its document; a mode that people gave it since is theirs.
    private func check(_ gateway: ReachedGateway) throws(StepError) {
        let wanted = gateway.document.configuration.listen
        guard wanted.port == 0 || gateway.status["listen"]?.string == wanted.authority else {
            throw StepError(
                .permanent,
                "`\(gateway.id)` listens at \(gateway.status["listen"]?.string ?? "?"), and its document says \(wanted.authority)",
                help: "end it and start it again: where it listens is not changed while it runs"
            )
        }
        let declared = gateway.document.configuration.mode.rawValue
        let files = GatewayFiles(gateway.document, beside: gateway.named.file)
        let isOrdered = FileManager.default.fileExists(atPath: files.path(gateway.document.state) + "/control/mode")
        guard isOrdered || gateway.mode == declared else {
            throw StepError(
                .permanent,
                "`\(gateway.id)` runs in \(gateway.mode), and its document says \(declared)",
                help: "send it SIGHUP, so that it reads its document anew"
            )
        }
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        guard let gateways = try? estate.gateways(request.parameters) else {
            return ["deploy \((request.parameters.texts("gateways") ?? []).joined(separator: ", "))"]
        }
        return gateways.flatMap { gateway -> [String] in
            do throws(StepError) {
                let plan = try GatewayPlan(gateway, request.parameters, estate)
                let lines = plan.files.map { "write \($0.path)" }
                return lines.isEmpty ? ["check that \(gateway.id) answers"] : lines
            } catch {
                return ["deploy \(gateway.id): \(error.message)"]
            }
        }
    }
}

/// What has to be written so that a gateway stands in front of some servers.
private struct GatewayPlan {
    struct File {
        let path: String
        let former: String?
        let text: String
    }

    /// The first line of a document that this action may replace.
    private static let sign = "# Written by gateway.deploy, and written anew by its next run: do not change it by hand."
    /// In force until a release is: nothing is allowed, which matters to gateways that enforce.
    private static let empty =
        "apiVersion: lockstep/v1\nkind: Policy\nname: nothing is released yet\nscope: agent\nagents: {}\n"

    let gateway: NamedGateway
    private(set) var files: [File] = []

    init(_ gateway: NamedGateway, _ parameters: JSON.Object, _ estate: Estate) throws(StepError) {
        self.gateway = gateway
        let names = parameters.texts("servers") ?? []
        let former = try Self.text(gateway.file)
        let document = former == nil ? nil : try gateway.document()
        var servers: [Workspace.Configuration.Server] = []
        for name in names { servers.append(try Self.server(name, estate)) }
        if let document, former?.hasPrefix(Self.sign) != true || servers.isEmpty {
            let routed = Set(document.configuration.routes.map(\.server))
            if let missing = servers.first(where: { !routed.contains($0.id.text) }) {
                throw StepError(
                    .permanent,
                    "`\(gateway.written)` routes no server `\(missing.id)`, and was not written by a playbook",
                    help: "add the route to it by hand"
                )
            }
            return
        }
        guard !servers.isEmpty else {
            throw StepError(
                .permanent,
                "there is no document `\(gateway.written)`, and no server to write one for",
                help: "name servers of lockstep.yaml, or write the document"
            )
        }
        guard !gateway.written.hasPrefix("/") else {
            throw StepError(.permanent, "`\(gateway.written)` does not lie inside the workspace, and is not written")
        }
        let path = try estate.place(gateway.written)
        let text = try Self.document(gateway, servers, parameters, document, estate)
        do throws(InvalidInput) {
            _ = try GatewayDocument.read(Array(text.utf8), file: gateway.written)
        } catch {
            throw StepError(gateway: error)
        }
        let policy = try estate.place(Self.beside(gateway.written, "policy.json"))
        if try Self.text(policy) == nil { files.append(File(path: policy, former: nil, text: Self.empty)) }
        if former != text { files.append(File(path: path, former: former, text: text)) }
    }

    var undo: [GatewayUndo.Entry] {
        files.map { file in
            .file(gateway: gateway.id, path: file.path, former: file.former, after: .sha256(Array(file.text.utf8)))
        }
    }

    func write() throws(StepError) {
        for file in files {
            let folder = file.path.split(separator: "/").dropLast().joined(separator: "/")
            do {
                try FileManager.default.createDirectory(atPath: "/" + folder, withIntermediateDirectories: true)
                try DurableFile.write(Array(file.text.utf8), to: file.path)
            } catch {
                throw StepError(error, otherwise: "`\(gateway.written)` cannot be written")
            }
        }
    }

    private static func document(
        _ gateway: NamedGateway,
        _ servers: [Workspace.Configuration.Server],
        _ parameters: JSON.Object,
        _ former: GatewayDocument?,
        _ estate: Estate
    ) throws(StepError) -> String {
        let up = String(repeating: "../", count: gateway.written.split(separator: "/").filter { $0 != "." }.count - 1)
        let listen = parameters.given("listen") ?? former?.configuration.listen.authority ?? "127.0.0.1:8800"
        var lines = [
            sign, "gateway: \(quoted(gateway.id))", "listen: \(quoted(listen))",
            "admin: \(quoted(parameters.given("admin") ?? former?.configuration.admin?.authority ?? "127.0.0.1:0"))",
            "state: state", "mode: \(parameters.given("mode") ?? "record")", "policy: policy.json",
            "control: {people: \(quoted(up + "lockstep.yaml"))}", "routes:",
        ]
        for server in servers {
            lines += [
                "  - path: \(quoted("/" + server.id.text))", "    server: \(quoted(server.id.text))",
                "    upstream: \(quoted(server.url ?? ""))",
                "    transport: \(try estate.transport(of: server) == .legacySSE ? "sse" : "streamable")",
            ]
        }
        let declared = parameters.given("declared") ?? former?.configuration.declared
        let issuer = parameters.given("issuer").flatMap { name in
            parameters.given("keys").map {
                GatewayDocument.Issuer(name: name, keys: $0.hasPrefix("/") ? $0 : up + $0, prefix: "")
            }
        }
        let issuers = issuer.map { [$0] } ?? former?.issuers ?? []
        guard declared != nil || !issuers.isEmpty else {
            throw StepError(
                .permanent,
                "nothing says whom the gateway `\(gateway.id)` believes, and it would refuse every caller",
                help: "give `issuer` and `keys`, or `declared`"
            )
        }
        lines.append("identity:")
        if let declared { lines.append("  declared: \(quoted(declared))") }
        // As the recordings have them that the policy is mined from.
        lines.append("  sessions: \((former?.configuration.sessions ?? .declared).rawValue)")
        if !issuers.isEmpty { lines.append("  tokens:") }
        for issuer in issuers {
            lines += ["    - issuer: \(quoted(issuer.name))", "      keys: \(quoted(issuer.keys))"]
            if !issuer.prefix.isEmpty { lines.append("      prefix: \(quoted(issuer.prefix))") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// A text as YAML reads it back, whatever is in it: JSON's way to write it is one of YAML's.
    private static func quoted(_ text: String) -> String { JSON.Value.string(text).description }

    private static func beside(_ path: String, _ name: String) -> String {
        (path.split(separator: "/").dropLast().map(String.init) + [name]).joined(separator: "/")
    }

    private static func server(_ name: String, _ estate: Estate) throws(StepError) -> Workspace.Configuration.Server {
        guard let server = estate.configuration.servers.first(where: { $0.id.text == name }) else {
            let near = nearest(to: name, in: estate.configuration.servers.map(\.id.text))
            throw StepError(
                .permanent,
                "there is no server `\(name)` in lockstep.yaml",
                help: near.map { "did you mean `\($0)`?" }
                    ?? "list it: `servers: {files: {url: http://127.0.0.1:9001/mcp}}`"
            )
        }
        guard server.url != nil else {
            throw StepError(
                .permanent,
                "the server `\(name)` has no `url` in lockstep.yaml",
                help: "servers that are programs stand behind `lockstep gateway wrap`"
            )
        }
        return server
    }

    private static func text(_ path: String) throws(StepError) -> String? {
        do throws(FileFault) {
            return String(decoding: try StoredFile.read(path, limit: 1 << 20), as: UTF8.self)
        } catch {
            guard error == .missing else { throw StepError(.permanent, "`\(path)` cannot be read: \(error.sentence)") }
            return nil
        }
    }
}

extension JSON.Object {
    /// A text that says something: playbooks hand on empty inputs.
    fileprivate func given(_ name: String) -> String? { self[name]?.string.flatMap { $0.isEmpty ? nil : $0 } }
}

extension Estate {
    /// How a server is spoken to: as the inventory has found it, else as its address ends.
    fileprivate func transport(of server: Workspace.Configuration.Server) throws(StepError) -> Transport {
        do throws(LedgerError) {
            let known = try ledger.servers().first { $0.id == server.id }?.transport
            if let known, known != .unknown { return known }
        } catch {
            throw StepError(error)
        }
        return server.url?.hasSuffix("/sse") ?? false ? .legacySSE : .streamableHTTP
    }
}
