import Audit
import CLinux
package import Core
import FoundationEssentials
import Glibc
import Identity
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
        // What a killed writer of recordings left is ended, so that the archive holds one state of them.
        try RecordingFolder(folder).recover()
        let temporary = path + ".new-\(getpid())"
        defer { try? FileManager.default.removeItem(atPath: temporary) }
        // The archive holds keys: nobody else may read it, from the first byte on.
        let previous = umask(0o077)
        defer { umask(previous) }
        // The mask belongs to the whole process, so another thread may lift it: the file is made with its own rights.
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw WorkspaceError(.unwritable, "could not create `\(path)`") }
        close(descriptor)
        try Archive.write(ledger, to: temporary) { add in
            for name in ["lockstep.yaml", ".lockstep/workspace.json"] {
                try add(ArchivedFile(path: name, mode: 0o600, bytes: try DurableFile.read("\(folder.root)/\(name)")))
            }
            for name in folders {
                let base = "\(folder.state)/\(name)"
                // The ledger was copied first: what reaches the log meanwhile is known to it by its hash. Under the lock no
                // checkpoint goes with tiles of another one; commands that decide wait for it, so it is held for these
                // files alone.
                let log = "\(folder.audit)/workspace"
                let isLog = base == folder.audit && FileManager.default.fileExists(atPath: log)
                let held = isLog ? try FileDisk(writing: log, waits: true) : nil
                defer { withExtendedLifetime(held) {} }
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
    /// The archive is unpacked and checked first; then one exchange of two names brings it in, `lockstep.yaml` inside of
    /// it: killed at any instant, a workspace is wholly the old one or wholly the new one, once `finishRestore` has run,
    /// as it does whenever a workspace is opened.
    /// - Parameters:
    ///   - archive: The file that `write` wrote.
    ///   - folder: The workspace itself: nothing is looked for above it.
    ///   - mayReplaceOther: Whether the folder may hold another workspace than the one that was saved.
    ///   - reason: Why somebody answers for an audit log that may have been longer than that of the archive.
    ///   - clock: When it happens.
    ///   - tell: Is told with which audit log the workspace goes on, before anything is exchanged.
    /// - Returns: Where what was there before lies now, if there was something.
    /// - Throws: `LedgerError`, which is about the archive, and `WorkspaceError`, among them for a ledger that has other
    ///   tables or triggers than this program makes, for keys that are missing and for another workspace.
    package static func restore(
        _ archive: String,
        into folder: WorkspaceFolder,
        mayReplaceOther: Bool = false,
        acceptingRollback reason: String? = nil,
        clock: any WallClock = SystemClock(),
        tell: (RestoredLog) -> Void = { _ in }
    ) throws -> String? {
        try finishRestore(in: folder)
        let staging = "\(folder.root)/\(stagingPrefix)\(getpid())"
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
        try check(staged)
        let isOther = isOther(than: staged, in: folder)
        if !mayReplaceOther { try refuseOther(than: staged, in: folder) }
        // Held until the states are exchanged: what is written to the log that is there meanwhile would be lost with it.
        let log = "\(folder.audit)/workspace"
        let held = FileManager.default.fileExists(atPath: log) ? try? FileDisk(writing: log, waits: true) : nil
        defer { withExtendedLifetime(held) {} }
        let outcome = try LogRestore(
            staged: staged,
            current: isOther ? nil : folder,
            reason: reason,
            now: clock.now()
        ).settle()
        tell(outcome)
        // The people who may vote belong to the state that is brought back, so they come with it.
        let configuration = try DurableFile.read(staged.configuration)
        let code = try pendingCode(configuration, KeyStore(directory: staged.keys))
        try DurableFile.write(Array(code.utf8), to: "\(staged.state)/\(pendingSealName)")
        try DurableFile.write(configuration, to: "\(staged.state)/\(pendingName)")
        let incoming = "\(folder.root)/\(incomingPrefix)\(getpid())"
        guard unsafe rename(staged.state, incoming) == 0 else {
            throw WorkspaceError(.unwritable, "could not bring the restored state in")
        }
        guard try kind(of: folder.state) != nil else {
            guard unsafe rename(incoming, folder.state) == 0 else {
                throw WorkspaceError(.unwritable, "could not bring the restored state in")
            }
            return try finishRestore(in: folder)
        }
        // Both names change hands in one step.
        guard unsafe renameat2(AT_FDCWD, incoming, AT_FDCWD, folder.state, LOCKSTEP_RENAME_EXCHANGE) == 0 else {
            try? FileManager.default.removeItem(atPath: incoming)
            throw WorkspaceError(.unwritable, "could not bring the restored state in")
        }
        return try finishRestore(in: folder)
    }

    private static func unpack(_ file: ArchivedFile, into staging: String) throws(WorkspaceError) {
        let parts = file.path.split(separator: "/", omittingEmptySubsequences: false)
        guard file.path == "lockstep.yaml" || parts.first == ".lockstep", !parts.contains(".."),
            !parts.contains(""), ![pendingName, pendingSealName].contains(where: { file.path == ".lockstep/\($0)" })
        else { throw WorkspaceError(.archive, "the backup names a file outside the workspace") }
        var path = staging
        for part in parts.dropLast() {
            path += "/" + part
            try DurableFile.makeFolder(path)
        }
        try DurableFile.write(file.bytes, to: "\(staging)/\(file.path)", mode: file.mode & 0o700)
    }

    private static let stagingPrefix = ".lockstep.restore-"
    private static let incomingPrefix = ".lockstep.incoming-"
    private static let pendingName = "restored-lockstep.yaml"
    private static let pendingSealName = "restored-lockstep.seal"

    /// A code of the keys that came with a `lockstep.yaml`: only `restore` may put one in place, since it says who may vote.
    private static func pendingCode(_ configuration: [UInt8], _ keys: KeyStore) throws -> String {
        let key = try keys.load(.redact).current
        return Hexadecimal.encode(key.authenticationCode(Array("lockstep.restore/1:".utf8) + configuration))
    }

    /// Refuses what this program did not make, before anything of it can act, and names the keys that are missing.
    private static func check(_ staged: WorkspaceFolder) throws {
        let version = try Ledger.inspect(staged.database)
        guard staged.exists else { throw WorkspaceError(.archive, "the backup lacks the marker of a workspace") }
        // It must be readable by this version, or become so, before anything is exchanged.
        let ledger = try Ledger(path: staged.database, mayCreate: false)
        let seals = try ledger.seals()
        try ledger.close()
        let unsealed = seals.filter { $0.keyID == nil || $0.seal == nil }.map { "`\($0.run)`" }
        guard version < Ledger.firstSealedVersion || unsealed.isEmpty else {
            throw WorkspaceError(
                .archiveSeals,
                "the backup has runs without a seal: \(unsealed.prefix(3).joined(separator: ", "))",
                help: "somebody changed it after `lockstep backup` wrote it: use another one"
            )
        }
        let keys = KeyStore(directory: staged.keys)
        var missing: [String] = []
        func ring(_ purpose: KeyPurpose) throws -> KeyRing? {
            do throws(KeyStoreError) {
                return try keys.load(purpose)
            } catch {
                guard error.code == .missing else { throw error }
                return nil
            }
        }
        if try ring(.redact) == nil { missing.append("redact") }
        let audit = try ring(.audit)
        let sealing = Set(seals.compactMap(\.keyID)).sorted()
        let recording = try ring(.recording)
        let used = Set(try RecordingFolder(staged).shards().map(\.header.keyID)).sorted()
        missing += used.filter { recording?.key(id: $0) == nil }.map { "recording (\($0))" }
        missing += sealing.filter { audit?.key(id: $0) == nil }.map { "audit (\($0))" }
        guard missing.isEmpty else {
            throw WorkspaceError(
                .archiveKeys,
                "the backup lacks the keys \(missing.map { "`\($0)`" }.joined(separator: ", "))",
                help:
                    "use a backup that `lockstep backup` wrote; without its keys a state cannot be checked or gone on with"
            )
        }
    }

    /// Refuses a folder that holds another workspace: one is the same as long as it was made at the same instant.
    ///
    /// A marker that cannot be read says nothing; a restore is what mends it, and keeps what was there.
    private static func refuseOther(than staged: WorkspaceFolder, in folder: WorkspaceFolder) throws {
        guard isOther(than: staged, in: folder), let current = marker(of: folder), let saved = marker(of: staged) else {
            return
        }
        throw WorkspaceError(
            .otherWorkspace,
            "`\(folder.root)` holds another workspace than the one that was saved: it was made on \(current.created), and "
                + "that one on \(saved.created)",
            help: "name another folder with --directory; --replace restores over it, and keeps what is there"
        )
    }

    private static func isOther(than staged: WorkspaceFolder, in folder: WorkspaceFolder) -> Bool {
        guard let current = marker(of: folder), let saved = marker(of: staged) else { return false }
        return current.created != saved.created
    }

    private static func marker(of folder: WorkspaceFolder) -> WorkspaceMarker? {
        guard let bytes = try? DurableFile.read(folder.marker, limit: 1 << 16), let json = try? JSON.parse(bytes) else {
            return nil
        }
        return try? WorkspaceMarker(json: json)
    }

    /// What was purged from the recordings of a state that a restore replaced, and is in the restored one again.
    ///
    /// - Parameters:
    ///   - kept: Where `restore` said that the state from before lies.
    ///   - folder: The workspace as it is now.
    /// - Returns: One line each, oldest first: what was chosen, when and by whom.
    package static func purgesUndone(kept: String, in folder: WorkspaceFolder) -> [String] {
        let before = RecordingJournal(state: kept, keys: KeyStore(directory: kept + "/keys"))
        guard let entries = try? before.entries() else { return [] }
        let known = Set(((try? RecordingJournal(folder).entries()) ?? []).compactMap { $0["id"]?.string })
        return entries.filter { entry in
            entry["kind"]?.string == "recordings.purged" && !known.contains(entry["id"]?.string ?? "")
        }.map { entry in
            let option =
                if let time = entry["before"]?.string {
                    "--before \(time)"
                } else if let digest = entry["principal"]?.string {
                    "--principal NAME`, of the one whose keyed digest is `\(digest)"
                } else {
                    "--expired"
                }
            let by = entry["by"]?.string ?? "somebody"
            return "on \(entry["time"]?.string ?? "some day") by \(by): `lockstep traffic purge \(option)`"
        }
    }

    /// Ends a restore that was killed on its way, or that has just exchanged the states.
    ///
    /// A state that carries a `lockstep.yaml` to put in place has not given it yet; one beside the workspace that carries
    /// none was exchanged for the one that is there.
    /// - Returns: Where the state from before lies now, if there was one.
    @discardableResult
    package static func finishRestore(in folder: WorkspaceFolder) throws -> String? {
        let pending = "\(folder.state)/\(pendingName)"
        var kept: String?
        if FileManager.default.fileExists(atPath: pending) {
            let configuration = try DurableFile.read(pending)
            let seal = "\(folder.state)/\(pendingSealName)"
            let code = (try? DurableFile.read(seal)).map { String(decoding: $0, as: UTF8.self) }
            guard let code, code == (try? pendingCode(configuration, KeyStore(directory: folder.keys))) else {
                throw WorkspaceError(
                    .foreignRestore,
                    "`.lockstep/\(pendingName)` was not put there by `lockstep restore`",
                    help: "somebody wants another lockstep.yaml in place: look at the file, then remove it"
                )
            }
            let current = try? DurableFile.read(folder.configuration)
            if let current, let old = replacedState(in: folder) {
                // It is kept with its state, so that the next restore keeps another one.
                let place = old + "/lockstep.yaml"
                if current != configuration || !FileManager.default.fileExists(atPath: place) {
                    try DurableFile.write(current, to: place)
                }
            } else if let current, current != configuration {
                let place = free(folder.configuration + ".before-restore-", from: getpid())
                try DurableFile.write(current, to: place, mode: 0o644)
                kept = place
            }
            if current != configuration { try DurableFile.write(configuration, to: folder.configuration, mode: 0o644) }
            unsafe unlink(pending)
            unsafe unlink(seal)
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.root)) ?? [] {
            if let process = unfinishedWriter(of: name), kill(process, 0) != 0, errno == ESRCH {
                unsafe unlink("\(folder.root)/\(name)")
            }
            for prefix in [stagingPrefix, incomingPrefix] {
                guard let process = name.dropping(prefix: prefix).flatMap({ pid_t($0) }),
                    process == getpid() || (kill(process, 0) != 0 && errno == ESRCH)
                else { continue }
                let path = "\(folder.root)/\(name)"
                let isOld = prefix == incomingPrefix && (try? kind(of: "\(path)/\(pendingName)")) == .some(nil)
                guard isOld else {
                    // Its own staging folder goes when `restore` ends.
                    if prefix == incomingPrefix || process != getpid() {
                        try? FileManager.default.removeItem(atPath: path)
                    }
                    continue
                }
                let target = free("\(folder.state).before-restore-", from: process)
                if unsafe rename(path, target) == 0 { kept = target }
            }
        }
        return kept
    }

    /// The state that was exchanged for the one that is there, and has not got its last name yet.
    private static func replacedState(in folder: WorkspaceFolder) -> String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.root)) ?? []
        return names.filter { $0.hasPrefix(incomingPrefix) }.map { "\(folder.root)/\($0)" }.first { path in
            (try? kind(of: path)) == .folder && (try? kind(of: "\(path)/\(pendingName)")) == .some(nil)
        }
    }

    /// The first name of this beginning that nothing has: numbers of processes come again, and what is kept stays.
    private static func free(_ prefix: String, from number: pid_t) -> String {
        var number = number
        while (try? kind(of: prefix + String(number))) != .some(nil) { number += 1 }
        return prefix + String(number)
    }

    /// The process that was about to replace a configuration, by the name of its temporary file.
    private static func unfinishedWriter(of name: String) -> pid_t? {
        guard let rest = name.dropping(prefix: ".lockstep.yaml") else { return nil }
        let end = rest.split(separator: ".").last.flatMap { String($0).dropping(prefix: "new-") }
        return end?.split(separator: "-").first.flatMap { pid_t($0) }
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
