import ArgumentParser
import FoundationEssentials
import Glibc
import Ledger
import Workspace

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Save the whole workspace in one file, while it is in use."
    )

    @Argument(help: "The file to write; it holds keys, so keep it as safe as the workspace.")
    var file: String

    func run() async throws {
        let session = try Session.open()
        try Backup.write(session.folder, session.ledger, to: absolute(file))
        Output.answer("workspace saved in \(file)")
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring a saved workspace back; what is there now is kept beside it."
    )

    @Argument(help: "The file that `lockstep backup` wrote.")
    var file: String

    @Option(help: "The folder of the workspace.")
    var directory = "."

    func run() async throws {
        let root = absolute(directory)
        let folder = WorkspaceFolder.nearest(to: root) ?? WorkspaceFolder(root: root)
        try Self.refuseWhileRunning(folder)
        let before = try Backup.restore(absolute(file), into: folder)
        Output.answer("workspace restored in \(folder.root)")
        if let before { Output.talk("the state from before is kept in \(before)") }
    }

    /// A process that advances a run would go on writing to the state that is taken away.
    private static func refuseWhileRunning(_ folder: WorkspaceFolder) throws {
        guard folder.exists, let ledger = try? Ledger(readOnly: folder.database) else { return }
        for run in try ledger.unfinishedRuns() {
            guard let lease = run.lease, lease.host == Session.hostName(), kill(pid_t(lease.process), 0) == 0 else {
                continue
            }
            throw CommandFailure(
                "restore.in-use",
                "process \(lease.process) is advancing run `\(run.id)`",
                help: "stop it first, then restore"
            )
        }
    }
}
