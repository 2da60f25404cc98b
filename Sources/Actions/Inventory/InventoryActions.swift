package import Core
package import Ledger
package import Playbooks
import Reporting
import Workspace

/// `inventory.snapshot`: freezes the inventory, so that later states can be compared with it.
package struct SnapshotInventory: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "inventory.snapshot",
            summary: "freeze the inventory under a name",
            effect: .read,
            parameters: [.init("name", .string, summary: "the name; made of the step unless given")],
            outputs: [
                ("snapshot", .string), ("servers", .list), ("server_count", .integer), ("inventory_at", .string),
                ("inventory", .list), ("findings", .list), ("digest", .string),
            ]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        // The key makes the name the same in a repeated attempt, so that a snapshot is never taken twice.
        let name =
            request.parameters["name"]?.string ?? "\(request.instance.step)-\(request.idempotencyKey.suffix(12))"
        do throws(LedgerError) {
            let (digest, count) = try estate.ledger.snapshot(named: name, at: request.now)
            let servers = try estate.ledger.snapshot(name) ?? []
            let findings = ShownInventory.findings(try estate.ledger.openFindings().map(\.finding))
            return ActionResult(
                outputs: [
                    "snapshot": .string(name), "servers": .array(servers.map { .string($0.id.text) }),
                    "server_count": .integer(Int64(count)), "inventory_at": .string(request.now.description),
                    "inventory": .array(servers.map { ShownInventory.row($0) }),
                    "findings": .array(findings), "digest": .string(digest.description),
                ],
                summary: "\(counted(count, "server")) frozen as `\(name)`, \(digest)"
            )
        } catch {
            throw StepError(error)
        }
    }
}

/// `inventory.diff`: what became different between two snapshots, or since the newest one.
package struct CompareInventory: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "inventory.diff",
            summary: "compare two states of the inventory",
            effect: .read,
            parameters: [
                .init("from", .string, summary: "the older snapshot; the newest one unless given"),
                .init("to", .string, summary: "the newer snapshot; the inventory of now unless given"),
            ],
            outputs: [("added", .list), ("removed", .list), ("changed", .list), ("news", .integer)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let difference: InventoryDifference
        do throws(LedgerError) {
            difference = try estate.ledger.difference(
                from: request.parameters["from"]?.string,
                to: request.parameters["to"]?.string
            )
        } catch {
            throw StepError(error)
        }
        let json = difference.json
        return ActionResult(
            outputs: [
                "added": json["added"] ?? [], "removed": json["removed"] ?? [], "changed": json["changed"] ?? [],
                "news": .integer(Int64(difference.news)),
            ],
            summary:
                "\(difference.added.count) added, \(difference.removed.count) removed, \(difference.changed.count) changed"
        )
    }
}

extension Ledger {
    /// Compares two snapshots; without names, the newest snapshot with the inventory of now.
    package func difference(from older: String?, to newer: String?) throws(LedgerError) -> InventoryDifference {
        func state(_ name: String) throws(LedgerError) -> [InventoryServer] {
            guard let servers = try snapshot(name) else {
                throw LedgerError(.missing, "there is no snapshot `\(name)`")
            }
            return servers
        }
        let after = if let newer { try state(newer) } else { try servers() }
        if let older { return InventoryDifference(from: try state(older), to: after) }
        let names = try snapshots().map(\.name).filter { $0 != newer }
        return InventoryDifference(from: try names.last.map(state) ?? [], to: after)
    }
}

/// `inventory.assign`: says who answers for a server.
package struct AssignServer: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "inventory.assign",
            summary: "set the owner and criticality of a server",
            effect: .change,
            parameters: [
                .init("server", .string, isRequired: true, summary: "id or alias of the server"),
                .init(
                    "owner",
                    .string,
                    isRequired: true,
                    refersTo: .principal,
                    summary: "`user:` or `group:` of lockstep.yaml"
                ),
                .init(
                    "criticality",
                    .string,
                    allowed: InventoryServer.Criticality.allCases.map(\.rawValue),
                    summary: "how much depends on it"
                ),
            ],
            outputs: [("server", .string)]
        )
    }

    package func observe(_ request: ActionRequest) async -> Observation {
        do {
            guard let server = try estate.ledger.server(request.parameters["server"]?.string ?? "") else {
                return .absent
            }
            let isThere =
                server.owner == request.parameters["owner"]?.string
                && (request.parameters["criticality"] == nil
                    || server.criticality?.rawValue == request.parameters["criticality"]?.string)
            return isThere ? .done(result(server.id)) : .absent
        } catch {
            return .unknown("the inventory could not be read: \(error.message)")
        }
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let name = request.parameters["server"]?.string ?? ""
        let owner = request.parameters["owner"]?.string ?? ""
        guard !estate.configuration.members(of: owner).isEmpty else {
            throw StepError(
                .permanent,
                "the owner `\(owner)` is not in lockstep.yaml",
                help: "write `user:NAME` or `group:NAME` of lockstep.yaml"
            )
        }
        do throws(LedgerError) {
            guard let server = try estate.ledger.server(name) else {
                throw LedgerError(.missing, "there is no server `\(name)` in the inventory")
            }
            try estate.ledger.assign(
                server.id,
                owner: owner,
                criticality: request.parameters["criticality"]?.string.flatMap(
                    InventoryServer.Criticality.init(rawValue:)
                )
            )
            return result(server.id)
        } catch {
            throw StepError(error)
        }
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        [
            "set the owner of \(request.parameters["server"]?.string ?? "?") to "
                + (request.parameters["owner"]?.string ?? "?")
        ]
    }

    private func result(_ server: ServerID) -> ActionResult {
        ActionResult(outputs: ["server": .string(server.text)], summary: "owner of \(server) set")
    }
}
