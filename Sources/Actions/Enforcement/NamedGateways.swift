import Core
import Documents
import Gateway
import Playbooks
import Workspace

/// A gateway of `lockstep.yaml` that a step names.
struct NamedGateway: Sendable {
    let id: String
    /// Its document, as it is written there.
    let written: String
    /// The whole path of its document.
    let file: String

    /// What to type where it does not answer.
    var help: String { "start it with `lockstep gateway run --config \(written)`" }

    func document() throws(StepError) -> GatewayDocument {
        do {
            let document = try GatewayRuntime.document(file)
            guard document.configuration.id == id else {
                throw StepError(
                    .permanent,
                    "`\(written)` is the document of the gateway `\(document.configuration.id)`, not of `\(id)`"
                )
            }
            return document
        } catch {
            throw StepError(gateway: error)
        }
    }

    var files: GatewayFiles { get throws(StepError) { GatewayFiles(try document(), beside: file) } }

    /// The gateway's folder.
    var state: String {
        get throws(StepError) {
            let files = try files
            return files.path(files.document.state)
        }
    }

    /// Asks the gateway how it stands; it must be the one that is named.
    func reached() async throws(StepError) -> ReachedGateway {
        let document = try document()
        let client: AdminClient
        do {
            client = try GatewayContact(file).client.get()
        } catch let error as AdminClient.Unreachable {
            throw StepError(.transient, "`\(id)` does not answer: \(error.message)", help: help)
        } catch {
            throw StepError(gateway: error)
        }
        return ReachedGateway(named: self, document: document, client: client, status: try await status(client))
    }

    func status(_ client: AdminClient) async throws(StepError) -> JSON.Value {
        let reply: AdminClient.Reply
        do throws(AdminClient.Unreachable) {
            reply = try await client.get("/v1/status")
        } catch {
            throw StepError(.transient, "`\(id)` does not answer: \(error.message)", help: help)
        }
        guard reply.status == 200 else {
            throw StepError(.transient, "`\(id)` answered with \(reply.status) when it was asked how it stands")
        }
        guard reply.body["gateway"]?.string == id else {
            throw StepError(.permanent, "another gateway than `\(id)` answers on its admin port")
        }
        return reply.body
    }
}

/// A gateway that answers, and what it said.
struct ReachedGateway: Sendable {
    let named: NamedGateway
    let document: GatewayDocument
    let client: AdminClient
    let status: JSON.Value

    var id: String { named.id }
    var mode: String { status["mode"]?.string ?? "" }
    /// The digest of the policy in force; empty without one.
    var policy: String { status["policy"]?.string ?? "" }
    var isGlassBroken: Bool { status["break-glass"]?["open"]?.bool ?? false }

    /// Changes the mode for good, in the gateway's own folder.
    func change(to mode: String, by: String, reason: String) async throws(StepError) {
        let reply: AdminClient.Reply
        do throws(AdminClient.Unreachable) {
            reply = try await client.post(
                "/v1/mode",
                ["mode": .string(mode), "by": .string(by), "reason": .string(reason)]
            )
        } catch {
            throw StepError(.transient, "`\(id)` does not answer: \(error.message)", help: named.help)
        }
        guard reply.status == 200, reply.body["mode"]?.string == mode else {
            throw StepError(
                .permanent,
                "`\(id)` did not change to \(mode): \(reply.body["error"]?.string ?? "it answered with \(reply.status)")"
            )
        }
    }

    /// Makes it read its document and its policy anew, and waits until it has.
    func reload() async throws(StepError) {
        do {
            let asked = try await client.post("/v1/reload", [:])
            guard asked.status == 200, let number = asked.body["reload"]?.int else {
                throw StepError(.permanent, "`\(id)` cannot read its document anew: it answered with \(asked.status)")
            }
            for _ in 0..<500 {
                let state = try await client.get("/v1/status").body["reloads"]
                if let done = state?["done"]?.int, done >= number {
                    guard let fault = state?["fault"]?.string else { return }
                    throw StepError(.permanent, "`\(id)` refused what it read anew: \(fault)")
                }
                try await Task.sleep(for: .milliseconds(20))
            }
            throw StepError(.timeout, "`\(id)` did not read its document anew within 10 s")
        } catch let error as AdminClient.Unreachable {
            throw StepError(.transient, "`\(id)` does not answer: \(error.message)", help: named.help)
        } catch let error as StepError {
            throw error
        } catch {
            throw StepError(.cancelled, "the step was cancelled")
        }
    }
}

extension ActionSchema.Parameter {
    /// The gateways that a step is about.
    static let gateways = ActionSchema.Parameter(
        "gateways",
        .list,
        items: .string,
        isRequired: true,
        summary: "ids of gateways that lockstep.yaml lists"
    )
}

extension Estate {
    /// The gateways that a step names, each once, as `lockstep.yaml` has them.
    func gateways(_ parameters: JSON.Object) throws(StepError) -> [NamedGateway] {
        let ids = parameters.texts("gateways") ?? []
        guard !ids.isEmpty else { throw StepError(.permanent, "no gateway is named") }
        guard Set(ids).count == ids.count else { throw StepError(.permanent, "a gateway is named twice") }
        var named: [NamedGateway] = []
        for id in ids { named.append(try gateway(id)) }
        return named
    }

    func gateway(_ id: String) throws(StepError) -> NamedGateway {
        guard let listed = configuration.gateways.first(where: { $0.id == id }) else {
            let near = nearest(to: id, in: configuration.gateways.map(\.id))
            throw StepError(
                .permanent,
                "there is no gateway \(id.inMessage) in lockstep.yaml",
                help: near.map { "did you mean `\($0)`?" }
                    ?? "list it: `gateways: [{id: edge-1, config: gateways/edge-1/gateway.yaml}]`"
            )
        }
        let isWhole = listed.config.hasPrefix("/")
        return NamedGateway(
            id: id,
            written: listed.config,
            file: isWhole ? listed.config : "\(folder.root)/\(listed.config)"
        )
    }

    /// Asks all of them; where one does not answer, all that do not are named and nothing is done.
    func reached(_ gateways: [NamedGateway]) async throws(StepError) -> [ReachedGateway] {
        var reached: [ReachedGateway] = []
        var missed: [(NamedGateway, StepError)] = []
        for gateway in gateways {
            do throws(StepError) {
                reached.append(try await gateway.reached())
            } catch {
                missed.append((gateway, error))
            }
        }
        guard let (first, error) = missed.first else { return reached }
        guard missed.count > 1 else { throw error }
        throw StepError(
            error.code,
            "\(missed.count) gateways do not answer as they should: "
                + missed.map { "`\($0.0.id)`" }.joined(separator: ", ") + "; \(error.message)",
            help: first.help
        )
    }
}

extension ActionRequest {
    /// Who a gateway's audit log says changed it.
    var author: String { "run:\(run.text)" }
    var reason: String { parameters["reason"]?.string ?? "step \(instance) of run \(run.text)" }
}

extension StepError {
    /// What a gateway's document, or a file that it names, is wrong with, as a step sees it.
    init(gateway error: any Error) {
        switch error {
        case let error as StepError: self = error
        case let failure as GatewayRuntime.Failure:
            self.init(.permanent, "\(failure.message) [\(failure.code)]", help: failure.help)
        case let input as InvalidInput:
            let first = input.diagnostics.sorted.first { $0.severity == .error }
            self.init(
                .permanent,
                "a gateway's document is invalid: \(first?.message ?? "it cannot be read")",
                help: first.map { "see \($0.place.map { "\($0)" } ?? "the document")" }
            )
        default: self.init(.permanent, "the gateway's document could not be read")
        }
    }
}
