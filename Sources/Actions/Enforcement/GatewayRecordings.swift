package import Core
import Identity
package import Playbooks
import Traffic
import Wire
import Workspace

/// `traffic.recorded`: how much gateways have recorded, for a gate that waits until enough was seen.
package struct RecordedTraffic: MetricSource {
    enum Quantity: String, CaseIterable { case sessions, calls, hours }

    let estate: Estate

    package var schema: MetricSchema {
        MetricSchema(
            name: "traffic.recorded",
            summary: "what gateways have recorded: sessions, calls, or hours since the first call",
            unit: "sessions",
            parameters: [
                .gateways,
                .init(
                    "of",
                    .string,
                    allowed: Quantity.allCases.map(\.rawValue),
                    summary: "what is counted; sessions unless given"
                ),
                .since,
            ],
            remedy: "lockstep gateway status"
        )
    }

    package func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double {
        let quantity = parameters["of"]?.string.flatMap(Quantity.init(rawValue:)) ?? .sessions
        let since = try StepError.since(parameters)
        var calls = 0
        var sessions: Set<String> = []
        var first: Timestamp?
        for gateway in try estate.gateways(parameters) {
            try GatewayRecordings(gateway).read { call in
                guard call.time >= since else { return }
                calls += 1
                sessions.insert("\(gateway.id)\u{0}\(call.principal.id)\u{0}\(call.session)")
                first = min(first ?? call.time, call.time)
            }
        }
        switch quantity {
        case .calls: return Double(calls)
        case .sessions: return Double(sessions.count)
        case .hours: return first.map { Double((now - $0).components.seconds) / 3_600 } ?? 0
        }
    }
}

/// `traffic.record`: takes what gateways have recorded into the workspace, as `traffic.import` does with files.
///
/// Calls that are there already do not count twice, so that it can be done at any time while the gateways run. A gateway's
/// own key seals its recordings, and what they say of where a value came from is believed.
package struct RecordTraffic: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "traffic.record",
            summary: "take what gateways have recorded into the workspace",
            effect: .change,
            isAdditive: true,
            parameters: [
                .gateways,
                .init(
                    "results",
                    .string,
                    allowed: ResultStorage.allCases.map(\.rawValue),
                    summary: "what is kept of results; what lockstep.yaml says unless given"
                ),
            ],
            outputs: [
                ("recording", .string), ("calls", .integer), ("sessions", .integer), ("added", .integer),
                ("known", .integer), ("purged", .integer), ("gaps", .list),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        var parts: [RecordingSource.Part] = []
        for gateway in try estate.gateways(request.parameters) { parts += try GatewayRecordings(gateway).parts }
        var recording = estate.recordingImport()
        recording.results =
            request.parameters["results"]?.string.flatMap(ResultStorage.init(rawValue:)) ?? estate.recordedResults
            ?? .provenance
        let addition: RecordingStore.Addition
        do {
            addition = try RecordingStore(estate).add(
                [],
                format: "native",
                &recording,
                now: request.now,
                gateways: parts
            )
        } catch let error as RecordingImport.Failure {
            throw StepError(.permanent, error.words.message, help: error.words.help)
        } catch {
            throw StepError(error, otherwise: "what the gateways recorded could not be taken in")
        }
        let calls = recording.summaries.map(\.calls).reduce(0, +)
        let sessions = recording.summaries.map(\.sessions).reduce(0, +)
        let quarantined = recording.summaries.map(\.quarantinedTotal).reduce(0, +)
        return ActionResult(
            outputs: [
                "recording": ".lockstep/recordings", "calls": .integer(Int64(calls)),
                "sessions": .integer(Int64(sessions)), "added": .integer(Int64(addition.calls)),
                "known": .integer(Int64(addition.known)), "purged": .integer(Int64(addition.purged)),
                "gaps": .array(
                    recording.summaries.flatMap { summary in summary.gaps.map { .string("\(summary.file): \($0)") } }
                ),
            ],
            summary: ImportTraffic.summary(
                calls: calls,
                added: addition.calls,
                known: addition.known,
                sessions: sessions,
                quarantined: quarantined,
                purged: addition.purged
            )
        )
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        (request.parameters.texts("gateways") ?? []).map { "read the recordings of \($0)" }
            + ["write .lockstep/recordings"]
    }
}

/// What one gateway has recorded, read where the gateway writes it.
struct GatewayRecordings {
    let parts: [RecordingSource.Part]
    private let id: String

    init(_ gateway: NamedGateway) throws(StepError) {
        id = gateway.id
        do throws(RecordingFault) {
            parts = try RecordingSource.parts(ofGateway: gateway.id, at: try gateway.stateForRecordings())
        } catch {
            throw StepError(
                .permanent,
                "the recordings of `\(gateway.id)` cannot be read: \(error)",
                help: gateway.help
            )
        }
    }

    /// - Throws: where anything cannot be read: a part of what was recorded is not what was recorded.
    func read(_ body: (CallRecord) -> Void) throws(StepError) {
        for part in parts {
            var reader = NativeReader()
            do throws(RecordingFault) {
                _ = try RecordingSource.read(part) { bytes, _ in
                    reader.feed(bytes) { _, call in if case .success(let call) = call { body(call) } }
                }
            } catch {
                throw StepError(.permanent, "the recording `\(part.name)` cannot be read: \(error)")
            }
            reader.finish { _, call in if case .success(let call) = call { body(call) } }
        }
    }
}

extension NamedGateway {
    fileprivate func stateForRecordings() throws(RecordingFault) -> String {
        do throws(StepError) { return try state } catch { throw .workspace(error.message) }
    }
}

extension ActionSchema.Parameter {
    /// The time from which on something counts.
    static let since = ActionSchema.Parameter(
        "since",
        .string,
        summary: "only what happened from this time on, as RFC 3339 writes it"
    )
}

extension StepError {
    /// The time that a parameter `since` names; the beginning of time without one.
    static func since(_ parameters: JSON.Object) throws(StepError) -> Timestamp {
        guard let text = parameters["since"]?.string, !text.isEmpty else { return Timestamp(microseconds: 0) }
        guard let time = Timestamp(rfc3339: text) else {
            throw StepError(.permanent, "`\(text)` is no time", help: "write it as 2026-01-05T09:00:00Z")
        }
        return time
    }
}
