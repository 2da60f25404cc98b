import Core
import Documents
import Gateway
import Policies
import Traffic
import Workspace

extension Release {
    /// Whether a file is a release rather than a policy document, which is never JSON with this schema.
    static func isOne(_ bytes: [UInt8]) -> Bool {
        let limits = JSON.Limits(maxBytes: 80 << 20, maxDepth: 32, maxMembers: 100_000)
        guard bytes.first == UInt8(ascii: "{"), let json = try? JSON.parse(bytes, limits: limits) else { return false }
        return json["schema"]?.string?.hasPrefix("lockstep.release/") ?? false
    }
}

extension GatewayFiles {
    /// The policy of a release, whose votes are verified by the people whom the document names.
    ///
    /// Its name is the digest of the policy, whatever file it came in. An expired release is refused, as is one of a
    /// rehearsal by a gateway that others than this machine reach.
    func released(_ bytes: [UInt8], _ name: String, now: Timestamp) throws -> LoadedPolicy {
        guard let people = document.controlPeople else {
            throw GatewayRuntime.Failure(
                "release",
                "`\(name)` is a release, and the document does not say whose approvals count",
                help: "add `control: {people: lockstep.yaml}`",
                isInput: true
            )
        }
        let configuration = try Workspace.Configuration.read(
            try self.bytes(people, as: "the list of people"),
            file: people
        )
        let release: Release
        do throws(Release.Fault) {
            release = try Release(parsing: bytes)
            _ = try release.verify(under: configuration, now: now)
        } catch {
            throw GatewayRuntime.Failure(
                code: error.code.rawValue,
                message: "`\(name)`: \(error.message)",
                help: error.help,
                isInput: true
            )
        }
        guard !release.isRehearsal || document.configuration.listen.isLoopback else {
            throw GatewayRuntime.Failure(
                "rehearsal",
                "`\(name)` is the release of a rehearsal, and the gateway listens for others than this machine",
                isInput: true
            )
        }
        let (policy, diagnostics) = PolicyReader.read(Array(release.document.utf8), file: name, now: now)
        guard let policy else { throw InvalidInput(diagnostics) }
        return LoadedPolicy(
            compiled: CompiledPolicy(policy),
            digest: release.digest,
            warnings: diagnostics.filter { $0.severity == .warning }
        )
    }
}

extension GatewayDocument {
    private static let mostShown = 20

    /// What of a policy does not do here what it seems to.
    func warnings(of policy: GatewayFiles.LoadedPolicy?) -> [Diagnostic] {
        guard let policy else { return [] }
        let named = policy.compiled.policy
        let servers = Set(named.rules.map(\.tool.server) + named.unseenReads.map(\.server)).filter { !$0.contains("*") }
        let routed = configuration.routes.map(\.server) + programs
        let unrouted = servers.subtracting(routed).sorted().map { server in
            Diagnostic(
                .warning,
                code: "gateway.no-route",
                message: "the policy names the server \(server.inMessage), and there is no route to it",
                help: nearest(to: server, in: routed).map { "did you mean \($0.inMessage)?" }
            )
        }
        let all = policy.warnings + unrouted
        guard all.count > Self.mostShown else { return all }
        let rest = all.count - Self.mostShown
        return all.prefix(Self.mostShown) + [
            Diagnostic(.warning, code: "gateway.warnings", message: "there are \(rest) more warnings like these")
        ]
    }
}

extension GatewayFiles {
    /// The definitions that people have reviewed, by server and tool.
    func pins() throws -> [String: [String: JSON.Object]] {
        guard let name = document.definitions else { return [:] }
        let fault = GatewayRuntime.Failure(
            "definitions",
            "the definitions `\(name)` are not a list of `{\"server\", \"tools\"}`",
            isInput: true
        )
        guard let servers = (try? JSON.parse(bytes(name, as: "the definitions")))?.array else { throw fault }
        var pins: [String: [String: JSON.Object]] = [:]
        for entry in servers {
            guard let server = entry["server"]?.string, let tools = entry["tools"]?.array else { throw fault }
            for tool in tools {
                guard let object = tool.object, let toolName = object["name"]?.string else { throw fault }
                pins[server, default: [:]][toolName] = object
            }
        }
        return pins
    }
}

extension GatewayRuntime.Failure {
    /// Why nothing changed, in words for people.
    static func words(of error: any Error) -> String {
        switch error {
        case let input as InvalidInput:
            input.diagnostics.sorted.first { $0.severity == .error }?.message ?? "the document is invalid"
        case let failure as GatewayRuntime.Failure: failure.message
        default: "the document could not be read"
        }
    }
}
