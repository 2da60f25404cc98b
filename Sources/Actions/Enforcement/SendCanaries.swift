import Core
import Gateway
import NIOSSL
package import Playbooks

/// `gateway.canary`: calls that gateways must deny, and calls that they must let pass, sent through them as agents send
/// theirs.
///
/// They come in the name of an agent, so that its rules are what is tried. Attacks are denied in every mode: in record and
/// shadow as well nothing that the policy refuses reaches a server, and an attack that the policy would let pass is held
/// back by the gateway. Where the gateway enforces, it goes the whole way. Benign calls reach the server in every mode.
package struct SendCanaries: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "gateway.canary",
            summary: "send attacks that gateways must deny and calls that they must let pass",
            effect: .change,
            isAdditive: true,
            parameters: [
                .gateways,
                .init(
                    "as",
                    .string,
                    isRequired: true,
                    summary: "the agent in whose name the calls come, as the policy calls it"
                ),
                .init("task", .string, summary: "the task of the calls, as if it were proven"),
                .init(
                    "attacks",
                    .list,
                    items: .map,
                    isRequired: true,
                    summary: "calls that must be denied, each with `server`, `tool` and `arguments`"
                ),
                .init(
                    "benign",
                    .list,
                    items: .map,
                    summary: "calls that must pass, of the same form; they reach the server"
                ),
            ],
            outputs: [
                ("denied", .integer), ("passed", .integer), ("reasons", .list), ("modes", .map), ("policies", .list),
            ]
        )
    }

    private struct Canary {
        let server: String
        let tool: String
        let arguments: JSON.Object
        let isAttack: Bool

        var name: String { "\(server)/\(tool)" }
    }

    private struct Tally {
        var denied = 0
        var passed = 0
        var reasons: [String] = []
        var faults: [String] = []
        var tried: Set<String> = []
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let attacks = try Self.canaries(request.parameters, "attacks", areAttacks: true)
        let benign = try Self.canaries(request.parameters, "benign", areAttacks: false)
        guard !attacks.isEmpty else {
            throw StepError(.permanent, "no attack is declared", help: "declare calls that must be denied in `attacks`")
        }
        guard let agent = request.parameters["as"]?.string, !agent.isEmpty else {
            throw StepError(.permanent, "`as` names no agent")
        }
        let gateways = try await estate.reached(try estate.gateways(request.parameters))
        var tally = Tally()
        for gateway in gateways {
            for route in gateway.document.configuration.routes {
                let own = (attacks + benign).filter { $0.server == route.server }
                guard !own.isEmpty else { continue }
                tally.tried.insert(route.server)
                // A benign call is sent on; an attack only where nothing but enforcement is left to be proven.
                try await send(
                    own.filter(\.isAttack),
                    gateway,
                    route,
                    agent,
                    request,
                    isHeld: gateway.mode != "enforce",
                    &tally
                )
                try await send(own.filter { !$0.isAttack }, gateway, route, agent, request, isHeld: false, &tally)
            }
        }
        if let lost = (attacks + benign).first(where: { !tally.tried.contains($0.server) }) {
            throw StepError(.permanent, "none of the gateways routes the server `\(lost.server)` of a canary")
        }
        guard tally.faults.isEmpty else {
            throw StepError(
                .permanent,
                tally.faults.prefix(5).joined(separator: "; ")
                    + (tally.faults.count > 5 ? " and \(tally.faults.count - 5) more" : ""),
                help: "`lockstep policy explain` says what the policy makes of a call"
            )
        }
        return ActionResult(
            outputs: [
                "denied": .integer(Int64(tally.denied)), "passed": .integer(Int64(tally.passed)),
                "reasons": .array(tally.reasons.map { .string($0) }),
                "modes": .object(JSON.Object(gateways.map { ($0.id, .string($0.mode)) })),
                "policies": .array(Set(gateways.map(\.policy)).sorted().map { .string($0) }),
            ],
            summary:
                "\(counted(tally.denied, "attack")) denied and \(counted(tally.passed, "benign call")) let pass at "
                + gateways.map { "\($0.id) (\($0.mode))" }.joined(separator: ", ")
                + (benign.isEmpty ? "; no benign call was declared, and who denies everything passes too" : "")
        )
    }

    private func send(
        _ canaries: [Canary],
        _ gateway: ReachedGateway,
        _ route: GatewayConfiguration.Route,
        _ agent: String,
        _ request: ActionRequest,
        isHeld: Bool,
        _ tally: inout Tally
    ) async throws(StepError) {
        guard !canaries.isEmpty else { return }
        guard route.transport == .streamable else {
            throw StepError(.permanent, "the server `\(route.server)` speaks a transport that canaries do not")
        }
        var client = AgentClient(
            try Self.endpoint(gateway),
            path: route.path,
            token: try await permission(gateway, agent, request, isHeld: isHeld),
            tls: try Self.tls(gateway)
        )
        do throws(AgentClient.Failure) {
            try await client.begin()
            for canary in canaries {
                let outcome = try await client.call(canary.tool, canary.arguments)
                Self.judge(canary, outcome, gateway.id, &tally)
            }
        } catch {
            await client.end()
            throw StepError(
                .transient,
                "the canaries could not be tried at `\(gateway.id)` for the server `\(route.server)`: \(error.message)"
            )
        }
        await client.end()
    }

    private static func judge(
        _ canary: Canary,
        _ outcome: AgentClient.Outcome,
        _ gateway: String,
        _ tally: inout Tally
    ) {
        switch (outcome, canary.isAttack) {
        case (.denied(let reason), true):
            tally.denied += 1
            tally.reasons.append("\(canary.name): \(reason)")
        case (.held, true): tally.faults.append("the policy would let an attack on \(canary.name) pass at `\(gateway)`")
        case (.answered, true): tally.faults.append("an attack on \(canary.name) passed `\(gateway)`")
        case (.answered, false), (.held, false): tally.passed += 1
        case (.denied(let reason), false):
            tally.faults.append("a benign call of \(canary.name) was denied at `\(gateway)` (\(reason))")
        }
    }

    private func permission(
        _ gateway: ReachedGateway,
        _ agent: String,
        _ request: ActionRequest,
        isHeld: Bool
    ) async throws(StepError) -> Redacted<String> {
        var body: JSON.Object = [
            "principal": .string(agent), "held": .bool(isHeld), "by": .string(request.author),
            "kind": .string(agent.hasPrefix("spiffe://") ? "spiffe" : "jwt"),
        ]
        body["task"] = request.parameters["task"]
        do throws(AdminClient.Unreachable) {
            let reply = try await gateway.client.post("/v1/canaries", .object(body))
            if reply.status == 200, let token = reply.body["token"]?.string { return Redacted(token) }
            throw AdminClient.Unreachable(message: "it gives no permission for canaries (\(reply.status))")
        } catch {
            throw StepError(.transient, "`\(gateway.id)` does not answer: \(error.message)", help: gateway.named.help)
        }
    }

    private static func endpoint(_ gateway: ReachedGateway) throws(StepError) -> GatewayConfiguration.Endpoint {
        guard let listen = gateway.status["listen"]?.string, let url = RoutedURL("http://" + listen),
            let port = url.port
        else { throw StepError(.permanent, "`\(gateway.id)` does not say where it listens") }
        return GatewayConfiguration.Endpoint(host: url.host, port: port)
    }

    /// What is believed is the very certificate that the gateway's document names.
    private static func tls(_ gateway: ReachedGateway) throws(StepError) -> NIOSSLContext? {
        guard let tls = gateway.document.tls else { return nil }
        do {
            let files = GatewayFiles(gateway.document, beside: gateway.named.file)
            let pem = try files.bytes(tls.certificate, as: "the certificate")
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(pem))
            configuration.certificateVerification = .noHostnameVerification
            configuration.minimumTLSVersion = .tlsv13
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw StepError(.permanent, "the certificate of `\(gateway.id)` cannot be read")
        }
    }

    private static func canaries(
        _ parameters: JSON.Object,
        _ name: String,
        areAttacks: Bool
    ) throws(StepError) -> [Canary] {
        let form = "write `{server: files, tool: read_file, arguments: {path: /etc/passwd}}`"
        var canaries: [Canary] = []
        for (index, entry) in (parameters[name]?.array ?? []).enumerated() {
            guard let call = entry.object, let server = call["server"]?.string, let tool = call["tool"]?.string else {
                throw StepError(.permanent, "number \(index + 1) of `\(name)` names no server and tool", help: form)
            }
            guard call["arguments"] == nil || call["arguments"]?.object != nil else {
                throw StepError(
                    .permanent,
                    "the arguments of number \(index + 1) of `\(name)` are no mapping",
                    help: form
                )
            }
            if let other = call.keys.first(where: { !["server", "tool", "arguments"].contains($0) }) {
                throw StepError(
                    .permanent,
                    "number \(index + 1) of `\(name)` has an unknown key `\(other)`",
                    help: form
                )
            }
            canaries.append(
                Canary(server: server, tool: tool, arguments: call["arguments"]?.object ?? [:], isAttack: areAttacks)
            )
        }
        guard canaries.count <= 1_000 else { throw StepError(.permanent, "`\(name)` has more than 1000 calls") }
        return canaries
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        let calls = [("attacks", "that must be denied"), ("benign", "that must pass")].map { name, words in
            "\(counted(request.parameters[name]?.array?.count ?? 0, "call")) \(words)"
        }
        return (request.parameters.texts("gateways") ?? []).map { "send \(calls.joined(separator: " and ")) to \($0)" }
    }
}
