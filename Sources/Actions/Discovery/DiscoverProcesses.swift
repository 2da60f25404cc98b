import Core
package import Playbooks
import Survey

/// Looks at which servers, clients and model servers run on this machine: `discovery.processes`.
package struct DiscoverProcesses: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "discovery.processes",
            summary: "look at processes and listening sockets of this machine",
            effect: .read,
            outputs: discoveryOutputs
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let result = ProcessSurvey(host: estate.host, digest: estate.secretDigest).run()
        return try estate.finish(result.survey, request, schema.name)
    }
}
