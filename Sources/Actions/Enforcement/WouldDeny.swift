import Audit
package import Core
import Gateway
package import Playbooks

/// `policy.would_deny`: what the policy in force at gateways denies, or would deny if it were enforced.
///
/// Counted from the decisions in the gateways' audit logs, so that a restart forgets nothing: those by the very policy
/// that is in force, in shadow or enforced, and no canaries. Where nothing was decided there is no number, and never 0.
package struct WouldDeny: MetricSource {
    enum Quantity: String, CaseIterable { case share, count, calls }

    let estate: Estate

    package var schema: MetricSchema {
        MetricSchema(
            name: "policy.would_deny",
            summary: "share of the calls at gateways that the policy in force denies, or would deny in shadow",
            unit: "share",
            parameters: [
                .gateways,
                .init(
                    "of",
                    .string,
                    allowed: Quantity.allCases.map(\.rawValue),
                    summary:
                        "share or count of denied calls, or calls: how many were decided at all; share unless given"
                ),
                .init(
                    "policy",
                    .string,
                    summary: "digest of the policy; the one in force at each gateway unless given"
                ),
                .since,
            ],
            remedy: "lockstep gateway status"
        )
    }

    package func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double {
        let quantity = parameters["of"]?.string.flatMap(Quantity.init(rawValue:)) ?? .share
        let since = try StepError.since(parameters)
        var (calls, denied) = (0, 0)
        var silent: [String] = []
        for gateway in try await estate.reached(try estate.gateways(parameters)) {
            let policy = parameters["policy"]?.string ?? gateway.policy
            guard !policy.isEmpty else { throw StepError(.permanent, "`\(gateway.id)` has no policy in force") }
            let found = try Self.decisions(by: policy, since: since, at: try gateway.named.state, gateway.id)
            calls += found.calls
            denied += found.denied
            if found.calls == 0 { silent.append(gateway.id) }
        }
        if quantity == .calls { return Double(calls) }
        guard silent.isEmpty else {
            throw StepError(
                .transient,
                "nothing was decided by the policy at \(silent.map { "`\($0)`" }.joined(separator: ", "))",
                help: "send the agents' calls through the gateway, in shadow or enforced"
            )
        }
        return quantity == .count ? Double(denied) : Double(denied) / Double(calls)
    }

    private static func decisions(
        by policy: String,
        since: Timestamp,
        at state: String,
        _ id: String
    ) throws(StepError) -> (calls: Int, denied: Int) {
        let reader = LogReader(FileDisk(reading: state + "/audit/gateway"))
        var count = (calls: 0, denied: 0)
        do throws(AuditError) {
            let size = try reader.checkpoint().checkpoint.size
            var end = size
            while end > 0 {
                let begin = (end - 1) / 256 * 256
                var isBefore = false
                for bytes in try reader.entries(begin..<end, size: size) {
                    guard let entry = try? JSON.parse(Array(bytes)), entry["kind"]?.string == "gateway.decision",
                        let time = entry["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
                    else { continue }
                    // Entries of one instant may stand in another order than their times.
                    if time < since - .seconds(60) { isBefore = true }
                    guard time >= since, entry["policy"]?.string == policy, entry["canary"] == nil,
                        let verdict = entry["verdict"]?.string
                    else { continue }
                    count.calls += 1
                    if verdict != "allow" { count.denied += 1 }
                }
                if isBefore { break }
                end = begin
            }
        } catch {
            throw StepError(.transient, "the audit log of `\(id)` cannot be read: \(error.message)")
        }
        return count
    }
}
