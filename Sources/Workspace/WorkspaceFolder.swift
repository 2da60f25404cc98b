package import Core
import FoundationEssentials
import Glibc

/// Where a workspace keeps its things: `lockstep.yaml` beside the state folder `.lockstep/`.
package struct WorkspaceFolder: Sendable, Hashable {
    /// The folder that holds `lockstep.yaml`.
    package let root: String

    package init(root: String) {
        self.root = root
    }

    package var configuration: String { root + "/lockstep.yaml" }
    package var state: String { root + "/.lockstep" }
    package var database: String { state + "/lockstep.db" }
    package var artifacts: String { state + "/artifacts" }
    package var recordings: String { state + "/recordings" }
    package var audit: String { state + "/audit" }
    package var keys: String { state + "/keys" }
    package var marker: String { state + "/workspace.json" }

    package var exists: Bool { FileManager.default.fileExists(atPath: marker) }

    /// The nearest workspace at or above a folder, as git finds its repository.
    package static func nearest(to folder: String) -> WorkspaceFolder? {
        var path = folder
        while true {
            let candidate = WorkspaceFolder(root: path)
            if candidate.exists { return candidate }
            guard path != "/", !path.isEmpty else { return nil }
            let parent = path.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(separator: "/")
            path = "/" + parent
        }
    }

    /// The folders that `init` makes, all for the owner alone.
    package var stateFolders: [String] { [state, artifacts, recordings, audit, keys] }
}

/// Why the workspace could not be used: one sentence, a stable code and what to do.
package struct WorkspaceError: Error, Hashable {
    package enum Code: String, Sendable {
        case missing = "workspace.missing"
        case exists = "workspace.exists"
        case damaged = "workspace.damaged"
        case unwritable = "workspace.unwritable"
        case unreadable = "workspace.unreadable"
        case archive = "workspace.archive"
        case archiveKeys = "workspace.archive-keys"
    }

    package var code: Code
    package var message: String
    package var help: String?

    package init(_ code: Code, _ message: String, help: String? = nil) {
        self.code = code
        self.message = message
        self.help = help
    }
}

/// Facts that are fixed when a workspace is made.
package struct WorkspaceMarker: Sendable, Hashable {
    package var created: Timestamp
    /// How many times faster than the machine's clock time runs, in a rehearsal; nothing in earnest.
    package var rehearsalFactor: Int64?

    package init(created: Timestamp, rehearsalFactor: Int64? = nil) {
        self.created = created
        self.rehearsalFactor = rehearsalFactor
    }

    package var isRehearsal: Bool { rehearsalFactor != nil }

    /// The machine's clock, or the faster one of a rehearsal.
    package func clock(over base: any WallClock = SystemClock()) -> any WallClock {
        guard let rehearsalFactor else { return base }
        return RehearsalClock(origin: created, factor: rehearsalFactor, base: base)
    }

    package var json: JSON.Value {
        .object([
            "schema": "lockstep.workspace/1", "created": .string(created.description),
            "rehearsal": rehearsalFactor.map { .integer($0) } ?? .null,
        ])
    }

    package init(json: JSON.Value) throws(WorkspaceError) {
        guard json["schema"]?.string == "lockstep.workspace/1", let text = json["created"]?.string,
            let created = Timestamp(rfc3339: text)
        else { throw WorkspaceError(.damaged, "the workspace marker is not one that this version knows") }
        let factor = json["rehearsal"]?.int
        guard factor == nil || (1...100_000_000).contains(factor ?? 0) else {
            throw WorkspaceError(.damaged, "the workspace marker has an impossible rehearsal factor")
        }
        self.init(created: created, rehearsalFactor: factor)
    }
}

/// Files as a workspace wants them: whole or not at all, and for the owner alone.
package enum DurableFile {
    /// Writes beside the target, syncs, renames over it and syncs the folder: after a crash either the old or the new
    /// file is there, whole.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(WorkspaceError) {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        let temporary = path + ".new-\(getpid())"
        let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
        guard descriptor >= 0 else { throw failure("could not create `\(path)`") }
        var isWritten = false
        defer { if !isWritten { unsafe unlink(temporary) } }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let error = failure("could not write `\(path)`")
                close(descriptor)
                throw error
            }
            rest = rest.dropFirst(count)
        }
        guard fchmod(descriptor, mode) == 0, fsync(descriptor) == 0 else {
            let error = failure("could not save `\(path)`")
            close(descriptor)
            throw error
        }
        close(descriptor)
        guard unsafe rename(temporary, path) == 0 else { throw failure("could not replace `\(path)`") }
        isWritten = true
        let parent = unsafe open(folder.isEmpty ? "/" : folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard parent >= 0 else { return }
        fsync(parent)
        close(parent)
    }

    package static func read(_ path: String, limit: Int = 64 << 20) throws(WorkspaceError) -> [UInt8] {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { throw WorkspaceError(.missing, "there is no file `\(path)`") }
            throw failure("could not read `\(path)`", .unreadable)
        }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw failure("could not read `\(path)`", .unreadable) }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
            guard bytes.count <= limit else {
                throw WorkspaceError(.unreadable, "`\(path)` is larger than \(limit) bytes")
            }
        }
    }

    package static func makeFolder(_ path: String, mode: UInt32 = 0o700) throws(WorkspaceError) {
        if unsafe mkdir(path, mode) != 0, errno != EEXIST { throw failure("could not create the folder `\(path)`") }
        guard unsafe chmod(path, mode) == 0 else { throw failure("could not set the mode of `\(path)`") }
    }

    private static func failure(_ message: String, _ code: WorkspaceError.Code = .unwritable) -> WorkspaceError {
        let reason = unsafe String(cString: strerror(errno)).lowercased()
        let help = errno == ENOSPC ? "free some space on that disk, then run the same command again" : nil
        return WorkspaceError(code, "\(message): \(reason)", help: help)
    }
}
