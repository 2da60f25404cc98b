import Actions
import ArgumentParser
import Core
import Ledger
import Survey
import Workspace

struct InventoryImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Join the servers of a file to the inventory: our own json export, or CycloneDX as json."
    )
    @Argument(help: "The files.") var files: [String]
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let session = try Session.open()
        var random = SystemRandomNumberGenerator()
        // Every file is read before the first one is kept, so that a mistake in the last leaves nothing half done.
        let contents = try files.map { file in (file: file, bytes: try bytes(file)) }
        for content in contents {
            _ = try InventoryFile(content.bytes, file: content.file, digest: { _ in "" }) { _ in nil }
        }
        var answer: [JSON.Value] = []
        var rows: [[String]] = []
        for content in contents {
            let key = RunID.make(at: session.clock.now(), using: &random).text
            let imported = try session.estate.importInventory(content.bytes, file: content.file, key: key)
            let added = Set(imported.summary.added)
            for server in imported.summary.servers {
                rows.append([server.text, added.contains(server) ? "new" : "known", content.file])
            }
            answer.append([
                "file": .string(content.file), "servers": .array(imported.summary.servers.map { .string($0.text) }),
                "added": .array(imported.summary.added.map { .string($0.text) }),
                "unmapped": .array(imported.unmapped.map { .string($0) }),
                "findings": .array(imported.summary.findings.map(\.json)),
                "not_covered": .array(imported.summary.gaps.map(\.json)),
                "unknown_owners": .array(
                    imported.unknownOwners.map { ["server": .string($0.server), "owner": .string($0.owner)] }
                ),
            ])
            for gap in imported.summary.gaps { Output.talk("not covered: \(gap.subject): \(gap.reason)") }
            for entry in imported.unknownOwners {
                Output.talk("the owner `\(entry.owner)` of \(entry.server) is not in lockstep.yaml and was not taken")
            }
        }
        switch output.format {
        case .json: Output.answer(.array(answer))
        case .table: Output.answer(Output.table(["server", "state", "file"], rows))
        }
    }

    private func bytes(_ file: String) throws -> [UInt8] {
        do throws(WorkspaceError) {
            return try DurableFile.read(absolute(file), limit: InventoryFile.largest)
        } catch {
            throw CommandFailure("import.unreadable", error.message, help: error.help, status: ExitStatus.invalidInput)
        }
    }
}
