import Actions
import ArgumentParser
import Core
import FoundationEssentials
import Gateway
import Identity
import Workspace

/// Which gateways a command is about.
struct GatewayOptions: ParsableArguments {
    @Option(
        name: .customLong("config"),
        help: "A gateway's document; may be given again. Without it, the gateways that lockstep.yaml lists."
    )
    var files: [String] = []

    @OptionGroup var output: OutputOptions

    /// The gateways, in the order in which they were named; one whose document cannot be read is among them.
    func reach() throws -> [GatewayReach] {
        if !files.isEmpty { return files.map { GatewayReach(named: $0, at: absolute($0)) } }
        guard let folder = ControlWorkspace.folder() else {
            throw CommandFailure(
                "gateway.none",
                "no gateway was named, and there is no workspace here that lists some",
                help: "name each with `--config GATEWAY.yaml`",
                status: ExitStatus.invalidInput
            )
        }
        let listed = try Session.readConfiguration(folder).gateways
        guard !listed.isEmpty else {
            throw CommandFailure(
                "gateway.none",
                "no gateway was named, and lockstep.yaml lists none",
                help:
                    "name each with `--config GATEWAY.yaml`, or list it: `gateways: [{id: edge-1, config: edge/gateway.yaml}]`",
                status: ExitStatus.invalidInput
            )
        }
        return listed.map { gateway in
            let path = gateway.config.hasPrefix("/") ? gateway.config : "\(folder.root)/\(gateway.config)"
            return GatewayReach(named: gateway.id, at: path)
        }
    }
}

/// The way to one gateway, or why there is none.
struct GatewayReach: Sendable {
    let id: String
    let contact: Result<GatewayContact, AdminClient.Unreachable>

    init(named name: String, at path: String) {
        do {
            let contact = try GatewayContact(path)
            id = contact.id
            self.contact = .success(contact)
            if let fault = contact.fault {
                Output.talk(fault.rendered())
                let name = Output.printable(id)
                Output.talk("warning: `\(name)` is asked all the same; it goes on with what it read before")
            }
        } catch let input as InvalidInput {
            id = name
            let first = input.diagnostics.sorted.first?.rendered() ?? "its document is wrong"
            contact = .failure(AdminClient.Unreachable(message: first))
        } catch {
            id = name
            let message = (error as? GatewayRuntime.Failure)?.message ?? "its document cannot be read"
            contact = .failure(AdminClient.Unreachable(message: message))
        }
    }

    func get(_ path: String) async -> Result<AdminClient.Reply, AdminClient.Unreachable> {
        do throws(AdminClient.Unreachable) {
            return .success(try await contact.get().get(path))
        } catch {
            return .failure(error)
        }
    }

    func post(_ path: String, _ body: JSON.Value) async -> Result<AdminClient.Reply, AdminClient.Unreachable> {
        do throws(AdminClient.Unreachable) {
            return .success(try await contact.get().post(path, body))
        } catch {
            return .failure(error)
        }
    }
}

extension [GatewayReach] {
    /// Does the same with all of them at once, and gives what came of it in their order.
    func atOnce<Answer: Sendable>(_ work: @escaping @Sendable (GatewayReach) async -> Answer) async -> [Answer] {
        await withTaskGroup(of: (Int, Answer).self) { group in
            for (number, gateway) in enumerated() { group.addTask { (number, await work(gateway)) } }
            var answers: [Int: Answer] = [:]
            for await (number, answer) in group { answers[number] = answer }
            return indices.compactMap { answers[$0] }
        }
    }
}

/// What one gateway made of a command.
struct GatewayOutcome: Sendable {
    let gateway: String
    /// One word, or a few.
    let state: String
    /// Why, where it is not what was wanted.
    var message: String?
    var isDone: Bool
    var members: JSON.Object = [:]
    /// Of a kill: nothing where the gateway knew the name, else the names that it knows.
    var otherNames: [String]?

    static func unreachable(_ gateway: String, _ error: AdminClient.Unreachable) -> GatewayOutcome {
        GatewayOutcome(gateway: gateway, state: "unreachable", message: error.message, isDone: false)
    }

    /// What it means that the list that a gateway pulls is too old.
    static func staleness(_ list: JSON.Value) -> String {
        let age = list["age"]?.int.map { "nothing new came for \($0) s" } ?? "none has come yet"
        let fault = list["fault"]?.string.map { " (\(Output.printable($0)))" } ?? ""
        return "its list of who is denied is stale, \(age)\(fault): writes are denied"
    }

    /// One line a gateway on stdout, and the reasons on stderr.
    static func answer(_ outcomes: [GatewayOutcome], _ format: OutputFormat) {
        switch format {
        case .table:
            for outcome in outcomes { Output.answer("\(Output.printable(outcome.gateway)) \(outcome.state)") }
        case .json:
            Output.answer(
                .array(
                    outcomes.map { outcome in
                        var object = outcome.members
                        object["gateway"] = .string(outcome.gateway)
                        object["state"] = .string(outcome.state)
                        object["message"] = outcome.message.map(JSON.Value.string) ?? .null
                        return .object(object)
                    }
                )
            )
        }
        for outcome in outcomes {
            if let message = outcome.message { Output.talk("\(Output.printable(outcome.gateway)): \(message)") }
        }
    }
}

/// Who speaks to gateways, and with what it is signed.
struct ControlSigning: ParsableArguments {
    @Option(name: .customLong("as"), help: "Who says so; the person of lockstep.yaml with this OS user unless given.")
    var person: String?
    @Option(help: "SSH private key file to sign with; the agent is asked unless given.") var key: String?

    var name: String {
        if let person { return person }
        let claimed = ProcessInfo.processInfo.environment["LOCKSTEP_USER"] ?? ""
        guard let folder = ControlWorkspace.folder(), let known = try? Session.readConfiguration(folder).people else {
            return claimed.isEmpty ? Session.systemUser() : claimed
        }
        let user = Session.systemUser()
        return (known.first { $0.id.text == claimed } ?? known.first { $0.osUser == user })?.id.text ?? user
    }

    /// The signature of a person: with the key file, or the agent where it holds a key of theirs.
    func signed(_ statement: RevocationStatement) throws -> RevocationProof? {
        let environment = ProcessInfo.processInfo.environment
        let signer: SSHSigner
        if let key {
            signer = try SSHSigner.named(file: absolute(key), environment: environment)
        } else {
            let people = try ControlWorkspace.folder().map { try Session.readConfiguration($0).people } ?? []
            let keys =
                people.first { $0.id.text == statement.by }?.keys.compactMap { try? SSHPublicKey(line: $0) } ?? []
            guard !keys.isEmpty, let agent = try? SSHAgent(environment: environment),
                let held = try? SSHSigner.held(by: agent, among: keys)
            else { return nil }
            signer = held
        }
        return .signature(
            statement,
            try signer.sign(statement.canonicalBytes, namespace: RevocationStatement.namespace)
        )
    }

    /// The signature of the workspace, where there is one, unless a person's key was named.
    func stamped(_ statement: RevocationStatement) throws -> RevocationProof? {
        if key != nil { return try signed(statement) }
        guard let signer = try ControlWorkspace.signer() else { return nil }
        return .envelope(
            try DSSEEnvelope(
                payload: statement.canonicalBytes,
                type: RevocationStatement.payloadType,
                signers: [signer]
            )
        )
    }
}

/// As much of a workspace as commands need that have to work while its ledger does not.
enum ControlWorkspace {
    static func folder() -> WorkspaceFolder? {
        let environment = ProcessInfo.processInfo.environment
        let start = environment["LOCKSTEP_WORKSPACE"].map(absolute) ?? FileManager.default.currentDirectoryPath
        return WorkspaceFolder.nearest(to: start)
    }

    /// The key of purpose `bundle`, made when it is first needed; nothing outside of a workspace.
    static func signer() throws -> DSSESigner? {
        guard let folder = folder() else { return nil }
        var random = SystemRandomNumberGenerator()
        let ring = try KeyStore(directory: folder.keys)
            .loadOrCreate(.bundle, now: SystemClock().now(), using: &random)
        return try ring.current.envelopeSigner()
    }
}
