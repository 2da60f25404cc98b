package import Core
import Documents
import FoundationEssentials
import Identity
import Ledger

/// Makes a new workspace; nothing is half made: the marker is written last and is what makes a folder a workspace.
package struct WorkspaceInit: Sendable {
    package var folder: WorkspaceFolder
    package var rehearsalFactor: Int64?
    package var person: Configuration.Person

    package init(folder: WorkspaceFolder, rehearsalFactor: Int64?, person: Configuration.Person) {
        self.folder = folder
        self.rehearsalFactor = rehearsalFactor
        self.person = person
    }

    /// Makes the folders, the ledger, the first key and, where there is none yet, `lockstep.yaml`.
    package func run(now: Timestamp, using random: inout some RandomNumberGenerator) throws {
        if folder.exists {
            throw WorkspaceError(
                .exists,
                "there is already a workspace in `\(folder.root)`",
                help: "run `lockstep doctor` to check it, or choose another folder with `--directory`"
            )
        }
        for path in folder.stateFolders { try DurableFile.makeFolder(path) }
        if !FileManager.default.fileExists(atPath: folder.configuration) {
            try DurableFile.write(Array(text.utf8), to: folder.configuration, mode: 0o644)
        }
        let ledger = try Ledger(path: folder.database)
        try ledger.close()
        for purpose in [KeyPurpose.redact, .audit] {
            _ = try KeyStore(directory: folder.keys).loadOrCreate(purpose, now: now, using: &random)
        }
        let marker = WorkspaceMarker(created: now, rehearsalFactor: rehearsalFactor)
        try DurableFile.write(JSON.canonical(marker.json), to: folder.marker)
    }

    /// The first `lockstep.yaml`, with the person who made it as the only security lead.
    package var text: String {
        let keys =
            person.keys.isEmpty
            ? "    keys: []   # add lines of ~/.ssh/*.pub: only a signed vote is an authenticated one\n"
            : "    keys:\n" + person.keys.map { "      - \(quoted($0))\n" }.joined()
        return """
            # The workspace of a Lockstep rollout: who may decide, and what is known beforehand.
            apiVersion: lockstep/v1
            kind: Workspace
            organisation: ""

            people:
              \(person.id):
                name: \(quoted(person.name))
            \(keys)    os-user: \(quoted(person.osUser ?? person.id.text))

            groups:
              security-leads: [\(person.id)]

            # What a release of a policy needs, whatever its file says. This is also what counts where nothing is said.
            releases:
              approvers: [group:security-leads]
              min: 1                            # with 2, no single person can make one up
              distinct-from: [run.started_by]   # who started the run does not approve it
              # longest-days: 90                # a release that is to hold for longer ends then

            # Votes without a signature count only where this says so; they print as unauthenticated.
            unauthenticated-votes: false

            # Servers that you know beforehand, and the names that your logs use for them. To list some, write this in the
            # place of the line that has none, without the `# ` before it:
            # servers:
            #   books-api:                              # a slug of your own: the id of the server everywhere
            #     url: https://books.example.org/mcp
            #     aliases: [books, mcp-books-prod]      # what clients, logs and recordings call it
            #     owner: group:security-leads           # or user:NAME
            #     criticality: high                     # low, medium, high or critical
            #     data-classes: [payment]
            #     fields: {pay_invoice/iban: payment}   # TOOL/FIELD, with * for every tool
            servers: {}

            # Playbooks may name a hook, never write a command.
            hooks: {}

            """
    }

    private func quoted(_ text: String) -> String {
        "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
    }
}
