import Core
import Ledger
package import Playbooks
import Survey

/// Reads which MCP servers the AI clients of these homes and projects declare: `discovery.configurations`.
package struct DiscoverConfigurations: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "discovery.configurations",
            summary: "read the configuration files of AI clients",
            effect: .read,
            parameters: [
                .init(
                    "homes",
                    .list,
                    items: .string,
                    rule: .folder,
                    summary: "home folders to look at; those of this machine unless given"
                ),
                .init("project", .list, items: .string, rule: .folder, summary: "project folders to look at besides"),
            ],
            outputs: discoveryOutputs
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        var survey = survey(request.parameters)
        do throws(LedgerError) {
            survey.known = try estate.ledger.placesOfFindings(label: schema.name.text)
        } catch {
            throw StepError(error)
        }
        let result = survey.run()
        return try estate.finish(result, request, schema.name)
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        survey(request.parameters).homes.map { "read client configurations below \($0.path)" }
    }

    private func survey(_ parameters: JSON.Object) -> ConfigurationSurvey {
        // An empty list is what a playbook gives when nobody named a home.
        let named = parameters.texts("homes") ?? []
        let given = named.isEmpty ? nil : named.map { ConfigurationSurvey.Home(path: $0) }
        return ConfigurationSurvey(
            homes: given ?? estate.homes.map { ConfigurationSurvey.Home(path: $0.path, user: $0.user) },
            projects: parameters.texts("project") ?? [],
            machineRoot: given == nil ? "/" : nil,
            host: estate.host,
            digest: estate.secretDigest
        )
    }
}

/// What every look gives to later steps.
let discoveryOutputs: [(name: String, type: ValueType)] = [
    ("servers", .list), ("count", .integer), ("findings", .integer), ("not_covered", .list),
]

extension Estate {
    /// Stores a look under the key of its step and turns the summary into outputs.
    func finish(
        _ result: SurveyResult,
        _ request: ActionRequest,
        _ name: ActionName
    ) throws(StepError) -> ActionResult {
        let summary: ScanSummary
        do throws(LedgerError) {
            summary = try record(result, key: request.idempotencyKey, label: name.text)
        } catch {
            throw StepError(error)
        }
        let outputs: JSON.Object = [
            "servers": .array(summary.servers.map { .string($0.text) }),
            "count": .integer(Int64(summary.servers.count)), "findings": .integer(Int64(summary.findings.count)),
            "not_covered": .array(summary.gaps.map { .string("\($0.subject): \($0.reason)") }),
        ]
        let parts = [
            counted(summary.servers.count, "server"), "\(summary.added.count) new",
            counted(summary.findings.count, "finding"),
            counted(summary.gaps.count, "place") + " not covered",
        ]
        return ActionResult(outputs: outputs, summary: parts.joined(separator: ", "))
    }
}
