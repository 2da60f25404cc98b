package import Core
import Ledger
package import Playbooks

/// What a gate can ask of the inventory.
package struct InventoryMetric: MetricSource {
    package enum Quantity: String, Sendable, CaseIterable {
        case servers, unowned, unreviewed, findings, coverage, news
    }

    let quantity: Quantity
    let estate: Estate

    private static let acceptance =
        "lockstep exception add \"finding:CODE SUBJECT\" --owner user:NAME --reason \"…\" --for 30d"

    package var schema: MetricSchema {
        let name = "inventory.\(quantity.rawValue)"
        switch quantity {
        case .servers:
            return MetricSchema(
                name: name,
                summary: "servers in the inventory",
                unit: "servers",
                remedy: "lockstep discover --hosts CIDR"
            )
        case .unowned:
            return MetricSchema(
                name: name,
                summary: "servers without an owner",
                unit: "servers",
                remedy: "lockstep inventory assign SERVER --owner user:NAME"
            )
        case .unreviewed:
            return MetricSchema(
                name: name,
                summary: "open findings of severity high or critical that no exception covers",
                unit: "findings",
                remedy: Self.acceptance
            )
        case .findings:
            return MetricSchema(
                name: name,
                summary: "open findings that no exception covers",
                unit: "findings",
                parameters: [
                    .init(
                        "severity",
                        .string,
                        allowed: Finding.Severity.allCases.map(\.rawValue),
                        summary: "only this severity and those above it"
                    )
                ],
                remedy: Self.acceptance
            )
        case .news:
            return MetricSchema(
                name: name,
                summary: "servers that are new, or different in what they are, since a snapshot",
                unit: "servers",
                parameters: [.init("since", .string, summary: "the snapshot; the newest one unless given")],
                remedy: "lockstep inventory diff"
            )
        case .coverage:
            return MetricSchema(
                name: name,
                summary:
                    "share of the MCP servers that answered the last look and whose tools it could read, from 0 to 1",
                unit: "share",
                remedy: "lockstep discover --hosts CIDR"
            )
        }
    }

    package func measure(_ parameters: JSON.Object, now: Timestamp) async throws(StepError) -> Double {
        do throws(LedgerError) {
            let servers = try estate.ledger.servers().filter { $0.kind == .mcp }
            switch quantity {
            case .servers: return Double(servers.count)
            case .unowned: return Double(servers.count { $0.owner == nil })
            case .unreviewed: return Double(try uncovered(atLeast: .high, now: now))
            case .findings:
                let severity = parameters["severity"]?.string.flatMap(Finding.Severity.init(rawValue:)) ?? .info
                return Double(try uncovered(atLeast: severity, now: now))
            case .news:
                return Double(try estate.ledger.difference(from: parameters["since"]?.string, to: nil).news)
            case .coverage:
                // Nothing found is nothing measured: a share of nothing would read as a pass.
                guard !servers.isEmpty else {
                    throw LedgerError(.missing, "there is no server in the inventory to measure the coverage of")
                }
                return Double(servers.count(where: \.isCovered)) / Double(servers.count)
            }
        } catch {
            throw StepError(error)
        }
    }

    private func uncovered(atLeast severity: Finding.Severity, now: Timestamp) throws(LedgerError) -> Int {
        let waived = try estate.waivedScopes(at: now)
        let open = try estate.ledger.openFindings().map(\.finding)
        return open.count { $0.severity >= severity && !waived.contains("finding:\($0.key)") }
    }
}
