package import Core
import Glibc
package import Playbooks

/// `traffic.missing`: how many recordings are not there yet, for a gate that waits until somebody has brought them.
package struct MissingRecordings: MetricSource {
    let estate: Estate

    package var schema: MetricSchema {
        MetricSchema(
            name: "traffic.missing",
            summary: "recordings that are not there, or empty",
            unit: "files",
            parameters: [
                .init(
                    "files",
                    .list,
                    items: .string,
                    isRequired: true,
                    rule: .recording,
                    summary: "the recordings, by whole paths or inside the workspace"
                )
            ],
            remedy: "lockstep traffic import FILE --out RECORDING"
        )
    }

    package func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double {
        let files = parameters.texts("files") ?? []
        // Nothing named is nothing measured.
        guard !files.isEmpty else { throw StepError(.permanent, "no recording is named") }
        var missing = 0
        for file in files {
            var status = stat()
            let isThere = unsafe stat(try estate.recording(file), &status) == 0
            if !isThere || status.st_size == 0 { missing += 1 }
        }
        return Double(missing)
    }
}
