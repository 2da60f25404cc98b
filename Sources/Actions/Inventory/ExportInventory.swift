import Core
import Ledger
package import Playbooks
package import Reporting
import Workspace

/// `inventory.export`: writes the inventory for other tools.
package struct ExportInventory: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        ActionSchema(
            name: "inventory.export",
            summary: "write the inventory as a file",
            effect: .change,
            isAdditive: true,
            parameters: [
                .init(
                    "format",
                    .string,
                    isRequired: true,
                    allowed: ["json", "csv", "cyclonedx"],
                    summary: "the format"
                ),
                .init(
                    "path",
                    .string,
                    isRequired: true,
                    rule: .workspacePath,
                    summary: "the file, inside the workspace"
                ),
            ],
            outputs: [("file", .string), ("digest", .string)]
        )
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let path = try estate.place(request.parameters["path"]?.string ?? "")
        do {
            let export = InventoryExport(servers: try estate.ledger.servers(), taken: request.now)
            let bytes = try export.rendered(as: request.parameters["format"]?.string ?? "")
            try DurableFile.write(bytes, to: path, mode: 0o644)
            let digest = Digest.sha256(bytes)
            return ActionResult(
                outputs: ["file": .string(path), "digest": .string(digest.description)],
                summary: "inventory written to \(path)"
            )
        } catch {
            throw StepError(error, otherwise: "the inventory could not be written")
        }
    }
}

extension InventoryExport {
    /// The bytes of one of the formats.
    package func rendered(as format: String) throws(StepError) -> [UInt8] {
        switch format {
        case "json": Array(JSON.pretty(json).utf8)
        case "csv": Array(csv.utf8)
        case "cyclonedx": Array(JSON.pretty(cycloneDX).utf8)
        default: throw StepError(.permanent, "there is no export as `\(format)`", help: "use json, csv or cyclonedx")
        }
    }
}
