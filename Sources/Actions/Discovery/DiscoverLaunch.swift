package import Core
import Ledger
package import Playbooks
package import Survey

/// `discovery.launch`: starts stdio servers of the inventory for a moment and asks what they offer.
///
/// Starting a program is a decision: it happens only where a playbook or a person names this. Each server runs within
/// limits of time and memory, with an environment that holds nothing of this process, and ends with all its children.
package struct DiscoverLaunch: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "discovery.launch",
            summary: "start stdio servers for a moment and ask what they offer",
            effect: .read,
            parameters: [
                .init(
                    "servers",
                    .list,
                    items: .string,
                    summary: "ids or aliases; every stdio server of the inventory unless given"
                ),
                .init("timeout", .duration, summary: "how long one server may run; 20s unless given"),
                .init("token", .string, isSecret: true, summary: "given to each server as LOCKSTEP_TOKEN"),
            ],
            outputs: discoveryOutputs
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let servers: [InventoryServer]
        do throws(LedgerError) {
            let named = request.parameters.texts("servers") ?? []
            let all = try estate.ledger.servers().filter { $0.transport == .stdio && $0.kind == .mcp }
            servers =
                named.isEmpty
                ? all : all.filter { named.contains($0.id.text) || !$0.aliases.allSatisfy { !named.contains($0) } }
        } catch {
            throw StepError(error)
        }
        var limits = Launch.Limits()
        if let timeout = request.parameters["timeout"]?.string.flatMap(Duration.init(playbook:)) {
            limits.total = timeout
        }
        var environment: [String: String] = [:]
        if let token = request.secrets["token"] { environment["LOCKSTEP_TOKEN"] = token.revealed }
        let result = await Self.launch(servers, environment, limits)
        return try estate.finish(result, request, schema.name)
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        let named = request.parameters.texts("servers") ?? []
        return [
            named.isEmpty
                ? "start every stdio server of the inventory for a moment"
                : "start \(named.joined(separator: ", ")) for a moment"
        ]
    }

    /// Starts servers one after another; what needs a secret that the inventory does not keep is a gap.
    package static func launch(
        _ servers: [InventoryServer],
        _ environment: [String: String],
        _ limits: Launch.Limits
    ) async -> SurveyResult {
        var result = SurveyResult(examined: ["launched": 0])
        let launch = Launch(limits: limits)
        for server in servers {
            guard !server.command.isEmpty, !server.command.contains(where: { $0.contains("<redacted>") }) else {
                result.gaps.append(
                    CoverageGap(
                        subject: server.id.text,
                        reason:
                            "it was not started, because its command holds a secret that the inventory does not keep"
                    )
                )
                continue
            }
            let outcome = await launch.describe(
                Launch.Server(
                    name: server.aliases.first ?? server.id.text,
                    command: server.command,
                    environment: environment,
                    canonicalKey: server.canonicalKey,
                    location: server.id.text
                )
            )
            result.merge(outcome.result)
            if !outcome.result.sightings.contains(where: { $0.description != nil }) {
                let reason = outcome.result.gaps.first?.reason ?? "it did not answer"
                result.missed.append(MissedServer(canonicalKey: server.canonicalKey, reason: reason))
            }
            result.examined["launched", default: 0] += 1
        }
        return result
    }
}
