import Core
import Ledger
package import Playbooks
import Survey

/// `discovery.network`: sweeps the hosts and ports that were named, and asks what answers which protocol it speaks.
package struct DiscoverNetwork: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "discovery.network",
            summary: "sweep hosts and ports, and probe what answers",
            effect: .read,
            parameters: [
                .init(
                    "hosts",
                    .list,
                    items: .string,
                    isRequired: true,
                    rule: .hosts,
                    summary: "addresses and CIDR ranges of private networks"
                ),
                .init("ports", .list, isRequired: true, rule: .ports, summary: "ports and ranges of ports"),
                .init("timeout", .duration, summary: "how long one endpoint may take; 5s unless given"),
                .init(
                    "rate",
                    .integer,
                    range: 1...100_000,
                    summary: "new connections a second beyond this machine; 1000 unless given"
                ),
            ],
            outputs: discoveryOutputs
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let targets = try targets(request.parameters)
        if let address = targets.firstPublic {
            // A playbook must not be able to scan strangers; only a person on the command line can say that they may.
            throw StepError(
                .permanent,
                "`\(address)` is a public address, and playbooks sweep private networks only",
                help: "run `lockstep discover --hosts … --yes-i-may-scan` by hand"
            )
        }
        var limits = NetworkSurvey.Limits()
        if let rate = request.parameters["rate"]?.int { limits.sweep.rate = Int(max(1, min(rate, 100_000))) }
        if let timeout = request.parameters["timeout"]?.string.flatMap(Duration.init(playbook:)) {
            limits.probe.endpoint = timeout
        }
        let servers: [InventoryServer]
        do throws(LedgerError) {
            servers = try estate.ledger.servers()
        } catch {
            throw StepError(error)
        }
        let urls = servers.filter { $0.kind == .mcp }.compactMap(\.url)
        var result = await NetworkSurvey(limits: limits).run(targets, paths: NetworkSurvey.paths(of: urls))
        result.missed = targets.missed(of: servers, in: result)
        return try estate.finish(result, request, schema.name)
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        guard let targets = try? targets(request.parameters) else { return [schema.summary] }
        return ["connect to \(targets.count) pairs of address and port, and probe those that answer"]
    }

    private func targets(_ parameters: JSON.Object) throws(StepError) -> SweepTargets {
        do throws(InvalidInput) {
            return try SweepTargets(hosts: parameters.texts("hosts") ?? [], ports: parameters.texts("ports") ?? [])
        } catch {
            let first = error.diagnostics.first
            throw StepError(.permanent, first?.message ?? "the targets are not valid", help: first?.help)
        }
    }
}

/// `discovery.models`: asks the usual ports of local model servers.
package struct DiscoverModels: StepAction {
    let estate: Estate
    /// Ollama, LM Studio, vLLM, llama.cpp, as their documentation gives them.
    package static let usualPorts = ["11434", "1234", "8000", "8080"]

    package var schema: ActionSchema {
        ActionSchema(
            name: "discovery.models",
            summary: "look for model servers",
            effect: .read,
            parameters: [
                .init(
                    "hosts",
                    .list,
                    items: .string,
                    rule: .hosts,
                    summary: "addresses of private networks; this machine unless given"
                ),
                .init(
                    "ports",
                    .list,
                    rule: .ports,
                    summary: "ports; those of Ollama, LM Studio, vLLM and llama.cpp unless given"
                ),
            ],
            outputs: discoveryOutputs
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        var parameters = request.parameters
        if parameters["hosts"] == nil { parameters["hosts"] = ["127.0.0.1"] }
        if parameters["ports"] == nil { parameters["ports"] = .array(Self.usualPorts.map { .string($0) }) }
        var forwarded = request
        forwarded.parameters = parameters
        return try await DiscoverNetwork(estate: estate).apply(forwarded)
    }
}

/// `discovery.probe`: asks servers of the inventory that have an address what they offer now.
package struct DiscoverProbe: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "discovery.probe",
            summary: "ask known servers for their definitions",
            effect: .read,
            parameters: [
                .init("servers", .list, items: .string, isRequired: true, summary: "ids or aliases of the inventory"),
                .init("token", .string, isSecret: true, summary: "bearer token for the servers that ask for one"),
            ],
            outputs: discoveryOutputs
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        var result = SurveyResult(examined: ["servers": 0])
        let names = request.parameters.texts("servers") ?? []
        var addresses: [(key: String, url: String)] = []
        for name in names {
            do {
                guard let server = try estate.ledger.server(name) else {
                    result.gaps.append(CoverageGap(subject: name, reason: "it is not in the inventory"))
                    continue
                }
                // Agents and model servers speak other protocols; the network look describes them.
                guard server.kind == .mcp else { continue }
                guard let url = server.url else {
                    result.gaps.append(CoverageGap(subject: name, reason: "it has no address that could be asked"))
                    continue
                }
                addresses.append((server.canonicalKey, url))
            } catch {
                throw StepError(error)
            }
        }
        let prober = Prober()
        let token = request.secrets["token"]
        let answers = await withTaskGroup(of: (Int, SurveyResult).self) { group in
            var answers: [(Int, SurveyResult)] = []
            for (index, address) in addresses.enumerated() {
                if index >= 16, let answer = await group.next() { answers.append(answer) }
                group.addTask { (index, await prober.describe(url: address.url, token: token).result) }
            }
            for await answer in group { answers.append(answer) }
            return answers.sorted { $0.0 < $1.0 }
        }
        for (index, answer) in answers {
            result.merge(answer)
            if answer.sightings.contains(where: { $0.description != nil }) { continue }
            let reason = answer.gaps.first?.reason ?? "it did not answer as an mcp server"
            result.missed.append(MissedServer(canonicalKey: addresses[index].key, reason: reason))
        }
        result.examined["servers"] = addresses.count
        return try estate.finish(result, request, schema.name)
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        (request.parameters.texts("servers") ?? []).map { "ask \($0) for its definitions" }
    }
}
