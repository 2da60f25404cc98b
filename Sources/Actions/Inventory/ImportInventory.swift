import Core
package import Ledger
import Survey
import Workspace

extension Estate {
    /// What an import came to.
    package struct Imported: Sendable {
        package var summary: ScanSummary
        package var unmapped: [String]
        /// Owners of the file that `lockstep.yaml` does not know, by server.
        package var unknownOwners: [(server: String, owner: String)]
    }

    /// The canonical keys of the servers that are known, by each name of theirs.
    package func serverNames() throws(LedgerError) -> [String: String] {
        var names: [String: String] = [:]
        for server in try ledger.servers() {
            for name in [server.id.text] + server.aliases where !name.hasPrefix("unmapped:") {
                names[name] = server.canonicalKey
            }
        }
        for server in configuration.servers {
            guard let url = server.url.flatMap({ CanonicalKey.url($0) }) else { continue }
            for name in [server.id.text] + server.aliases { names[name] = url }
        }
        return names
    }

    /// Joins the servers of a file to the inventory.
    ///
    /// An owner of the file is taken where `lockstep.yaml` knows it and the server has none: what somebody decided here
    /// counts more than what a file says.
    package func importInventory(_ bytes: [UInt8], file: String, key: String) throws -> Imported {
        let names = try serverNames()
        let read = try InventoryFile(bytes, file: file, digest: secretDigest) { names[$0] }
        var result = read.result
        result.gaps += read.unmapped.map {
            CoverageGap(
                subject: "unmapped:\($0)",
                reason: "no server of the inventory or of lockstep.yaml has this name"
            )
        }
        var imported = Imported(
            summary: try record(result, key: key, label: "inventory.import"),
            unmapped: read.unmapped,
            unknownOwners: []
        )
        let servers = Dictionary(try ledger.servers().map { ($0.canonicalKey, $0) }) { first, _ in first }
        for entry in read.owners {
            guard let server = servers[entry.canonicalKey], server.owner == nil else { continue }
            if configuration.members(of: entry.owner).isEmpty {
                imported.unknownOwners.append((server.id.text, entry.owner))
            } else {
                try ledger.assign(server.id, owner: entry.owner, criticality: entry.criticality)
            }
        }
        return imported
    }
}
