import ArgumentParser
import Core
import FoundationEssentials
import Glibc
import Ledger
import Workspace

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Save lockstep.yaml and the state in one file, online.",
        discussion: """
            In it are `lockstep.yaml` and of `.lockstep` the ledger, the artifacts (among them each policy and release that a run \
            made), the keys, the recordings and the audit log. Not in it: files beside them, such as `policies/`, `reports/`, \
            `playbooks/` and profiles; keep those as you keep other files.
            """
    )

    @Argument(help: "The file to write; it holds keys, so keep it as safe as the workspace.")
    var file: String

    func run() async throws {
        let place = try Destination.checked(absolute(file))
        let session = try Session.open()
        try Backup.write(session.folder, session.ledger, to: place)
        Output.answer("workspace saved in \(file)")
    }
}

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring a backup back; what is there is kept.",
        discussion: """
            The audit log that is there goes on where it begins with that of the backup. Where it is gone, or ends before what \
            was delivered to it, that of the backup ends, and one under a new origin goes on whose first entry is the last \
            checkpoint of the old one. Two logs that have forked are refused.
            """
    )

    @Argument(help: "The file that `lockstep backup` wrote.")
    var file: String

    @Option(help: "The folder of the workspace; the one you stand in unless given.")
    var directory: String?

    @Flag(help: "Restore over another workspace than the one that was saved.")
    var replace = false

    @Option(
        name: .customLong("accept-log-rollback"),
        help: """
            Why you answer for the audit log of the backup although the one that was signed may be longer: it goes on under \
            its origin; where the two have forked, under a new one.
            """
    )
    var rollback: String?

    func run() async throws {
        if let rollback, rollback.allSatisfy(\.isWhitespace) || rollback.utf8.count > 4096 {
            throw CommandFailure(
                "restore.reason",
                "--accept-log-rollback needs a reason of up to 4096 bytes",
                status: ExitStatus.invalidInput
            )
        }
        let source = absolute(file)
        guard FileManager.default.isReadableFile(atPath: source) else {
            let isThere = FileManager.default.fileExists(atPath: source)
            throw WorkspaceError(
                .unreadable,
                isThere ? "the backup `\(source)` may not be read" : "there is no backup `\(source)`",
                help: "give the file that `lockstep backup` wrote"
            )
        }
        try Self.refuseOtherFiles(source)
        let root = absolute(directory ?? ".")
        var isFolder = false
        guard FileManager.default.fileExists(atPath: root, isDirectory: &isFolder), isFolder else {
            throw CommandFailure(
                "restore.directory",
                "there is no folder `\(root)` to restore into",
                help: "make it first",
                status: ExitStatus.invalidInput
            )
        }
        // What a person names is meant, never a workspace above it.
        let folder = WorkspaceFolder(root: WorkspaceFolder.resolved(root) ?? root)
        if directory == nil, !folder.exists, let above = WorkspaceFolder.nearest(to: folder.root) {
            throw CommandFailure(
                "restore.below",
                "this folder lies in the workspace `\(above.root)` and is none itself",
                help: "name the one that is meant: `--directory \(above.root)`, or `--directory .` for this folder",
                status: ExitStatus.invalidInput
            )
        }
        try Self.refuseWhileRunning(folder)
        let before: String?
        var log = RestoredLog.none
        do {
            before = try Backup.restore(
                source,
                into: folder,
                mayReplaceOther: replace,
                acceptingRollback: rollback,
                tell: { log = $0 }
            )
        } catch let error as LedgerError where [.corrupt, .notALedger].contains(error.code) {
            throw WorkspaceError(
                .archive,
                "the backup `\(source)` is damaged: it was cut off or changed since it was written",
                help: "use another backup; the workspace in `\(folder.root)` is as it was"
            )
        }
        Output.answer("workspace restored in \(folder.root)")
        if let words = Self.words(log) { Output.talk(words) }
        guard let before else { return }
        Output.talk("what was there before is kept in \(before)")
        let purges = Backup.purgesUndone(kept: before, in: folder)
        guard !purges.isEmpty else { return }
        Output.talk("warning: the backup is older than \(counted(purges.count, "purge")) and holds what went; repeat:")
        for purge in purges { Output.talk("  \(Output.printable(purge))") }
    }

    private static func words(_ log: RestoredLog) -> String? {
        switch log {
        case .none, .kept(more: 0): nil
        case .kept(let more):
            "the audit log that was there goes on: it has \(counted(more, "entry", "entries")) more than that of the backup"
        case .begun(let size, let folder):
            "the audit log of the backup ends after \(counted(size, "entry", "entries")) and is kept in "
                + ".lockstep/audit/\(folder); one under a new origin goes on from it"
        case .accepted(let entries):
            "the audit log of the backup goes on after its \(counted(entries, "entry", "entries")), with your reason in it"
        case .damaged: "warning: the audit log of the backup is not whole: see `lockstep audit verify`"
        }
    }

    /// Says that a file is no backup before the ledger would say that it is damaged.
    private static func refuseOtherFiles(_ path: String) throws {
        var isFolder = false
        _ = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        let magic = Array("SQLite format 3".utf8)
        var head = [UInt8](repeating: 0, count: magic.count)
        if !isFolder {
            let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
            if descriptor >= 0 {
                _ = unsafe head.withUnsafeMutableBytes { unsafe read(descriptor, $0.baseAddress, $0.count) }
                close(descriptor)
            }
        }
        guard isFolder || head != magic else { return }
        throw WorkspaceError(
            .archive,
            "`\(path)` is \(isFolder ? "a folder, not" : "not") a backup of a workspace",
            help: "give the file that `lockstep backup` wrote"
        )
    }

    /// A process that advances a run would go on writing to the state that is taken away.
    private static func refuseWhileRunning(_ folder: WorkspaceFolder) throws {
        guard folder.exists, let ledger = try? Ledger(readOnly: folder.database) else { return }
        // A ledger that cannot be read is what people restore for.
        for run in (try? ledger.unfinishedRuns()) ?? [] {
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
