import CLinux
import Core
import FoundationEssentials
import Glibc
package import Ledger

/// Saves and brings back a whole workspace: ledger, artifacts, keys, recordings, audit and `lockstep.yaml`.
package enum Backup {
    /// Folders of the state whose files belong to a backup.
    private static let folders = ["keys", "artifacts", "recordings", "audit"]

    /// Writes one archive, online; nothing is left at the target when it fails.
    package static func write(_ folder: WorkspaceFolder, _ ledger: Ledger, to path: String) throws {
        guard !FileManager.default.fileExists(atPath: path) else {
            throw WorkspaceError(.archive, "`\(path)` is there already", help: "choose another name")
        }
        let temporary = path + ".new-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        // The archive holds keys: nobody else may read it, from the first byte on.
        let previous = umask(0o077)
        defer { umask(previous) }
        try Archive.write(ledger, to: temporary) { add in
            for name in ["lockstep.yaml", ".lockstep/workspace.json"] {
                try add(ArchivedFile(path: name, mode: 0o600, bytes: try DurableFile.read("\(folder.root)/\(name)")))
            }
            for name in folders {
                let base = "\(folder.state)/\(name)"
                for file in try FileManager.default.subpathsOfDirectory(atPath: base).sorted() {
                    guard try kind(of: "\(base)/\(file)") == .file, !file.contains(".new-") else { continue }
                    let bytes = try DurableFile.read("\(base)/\(file)", limit: 1 << 30)
                    try add(ArchivedFile(path: ".lockstep/\(name)/\(file)", mode: 0o600, bytes: bytes))
                }
            }
        }
        guard unsafe rename(temporary, path) == 0 else {
            throw WorkspaceError(.unwritable, "could not write `\(path)`")
        }
    }

    /// Replaces the state of a workspace by that of an archive; what was there is kept beside it.
    ///
    /// The archive is checked and unpacked first; then one exchange of two names brings it in, so that a kill at any
    /// instant leaves either the old state or the new one.
    /// - Returns: Where the state from before lies now, if there was one.
    package static func restore(_ archive: String, into folder: WorkspaceFolder) throws -> String? {
        let staging = "\(folder.root)/.lockstep.restore-\(getpid())"
        let staged = WorkspaceFolder(root: staging)
        try? FileManager.default.removeItem(atPath: staging)
        try DurableFile.makeFolder(staging)
        defer { try? FileManager.default.removeItem(atPath: staging) }
        for path in staged.stateFolders { try DurableFile.makeFolder(path) }
        var cause: WorkspaceError?
        do throws(LedgerError) {
            try Archive.read(archive) { file in
                do throws(WorkspaceError) { try unpack(file, into: staging) } catch {
                    cause = error
                    throw error
                }
            }
        } catch {
            // The ledger knows nothing of files: what went wrong with one of them is said in our own words.
            if let cause { throw cause }
            throw error
        }
        // The copy must open as a ledger of this version, or of an earlier one, before anything is exchanged.
        let ledger = try Ledger(path: staged.database, mayCreate: false)
        try ledger.close()
        guard staged.exists else { throw WorkspaceError(.archive, "the backup lacks the marker of a workspace") }
        let before = try exchange(staged, folder)
        // The people who may vote belong to the state that was brought back.
        let configuration = try DurableFile.read(staged.configuration)
        if (try? DurableFile.read(folder.configuration)) != configuration {
            if let old = try? DurableFile.read(folder.configuration) {
                try DurableFile.write(old, to: folder.configuration + ".before-restore", mode: 0o644)
            }
            try DurableFile.write(configuration, to: folder.configuration, mode: 0o644)
        }
        return before
    }

    private static func unpack(_ file: ArchivedFile, into staging: String) throws(WorkspaceError) {
        let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
        guard file.path == "lockstep.yaml" || parts.first == ".lockstep", !parts.contains(".."),
            !parts.contains("")
        else { throw WorkspaceError(.archive, "the backup names a file outside the workspace") }
        var path = staging
        for part in parts.dropLast() {
            path += "/" + part
            try DurableFile.makeFolder(path)
        }
        try DurableFile.write(file.bytes, to: "\(staging)/\(file.path)", mode: file.mode & 0o700)
    }

    private static func exchange(_ staged: WorkspaceFolder, _ folder: WorkspaceFolder) throws -> String? {
        guard try kind(of: folder.state) != nil else {
            guard unsafe rename(staged.state, folder.state) == 0 else {
                throw WorkspaceError(.unwritable, "could not bring the restored state in")
            }
            return nil
        }
        // Both names change hands in one step.
        guard unsafe renameat2(AT_FDCWD, staged.state, AT_FDCWD, folder.state, LOCKSTEP_RENAME_EXCHANGE) == 0 else {
            throw WorkspaceError(.unwritable, "could not bring the restored state in")
        }
        let kept = "\(folder.state).before-restore-\(getpid())"
        guard unsafe rename(staged.state, kept) == 0 else { return nil }
        return kept
    }

    private enum Kind { case file, folder, other }

    private static func kind(of path: String) throws -> Kind? {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw WorkspaceError(.unreadable, "could not look at `\(path)`")
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: return .file
        case S_IFDIR: return .folder
        default: return .other
        }
    }
}
