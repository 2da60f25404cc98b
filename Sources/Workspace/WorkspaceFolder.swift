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
        // The folder above `a/..` is not `a`: what is climbed is the path as the kernel resolves it.
        var path = resolved(folder) ?? folder
        while true {
            let candidate = WorkspaceFolder(root: path)
            if candidate.exists { return candidate }
            guard path != "/", !path.isEmpty else { return nil }
            let parent = path.split(separator: "/", omittingEmptySubsequences: true).dropLast().joined(separator: "/")
            path = "/" + parent
        }
    }

    /// The path of a folder without `.`, `..` and links, where there are such steps in it; nil where it is not there.
    ///
    /// A plain path stays as it was written.
    package static func resolved(_ folder: String) -> String? {
        guard folder.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else { return folder }
        guard let real = unsafe realpath(folder, nil) else { return nil }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
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
        case reserved = "workspace.reserved"
        case archiveKeys = "workspace.archive-keys"
        case archiveSeals = "workspace.archive-seals"
        case otherWorkspace = "workspace.other"
        case foreignRestore = "workspace.foreign-restore"
        case recording = "workspace.recording"
        case forkedLog = "workspace.log-forked"
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
    /// Whether its runs carry seals from here on, so that one without a seal is a finding and gets none.
    package var isSealed: Bool

    package init(created: Timestamp, rehearsalFactor: Int64? = nil, isSealed: Bool = true) {
        self.created = created
        self.rehearsalFactor = rehearsalFactor
        self.isSealed = isSealed
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
            "rehearsal": rehearsalFactor.map { .integer($0) } ?? .null, "sealed": .bool(isSealed),
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
        self.init(created: created, rehearsalFactor: factor, isSealed: json["sealed"]?.bool ?? false)
    }
}

/// The files of a workspace, whole or not at all, with the workspace's own errors.
package enum DurableFile {
    /// Replaces a file whole, for the owner alone unless said otherwise: see `HeldFolder.write`.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(WorkspaceError) {
        do throws(FileFault) {
            try StoredFile.write(bytes, to: path, mode: mode)
        } catch {
            throw unwritable(error == .missing ? "its folder does not exist" : error.sentence, path, error)
        }
    }

    package static func read(_ path: String, limit: Int = 64 << 20) throws(WorkspaceError) -> [UInt8] {
        do throws(FileFault) {
            return try StoredFile.read(path, limit: limit)
        } catch {
            switch error {
            case .missing: throw WorkspaceError(.missing, "there is no file `\(path)`")
            case .tooLarge: throw WorkspaceError(.unreadable, "`\(path)` is larger than \(limit) bytes")
            default: throw WorkspaceError(.unreadable, "could not read `\(path)`: \(error.sentence)")
            }
        }
    }

    package static func makeFolder(_ path: String, mode: UInt32 = 0o700) throws(WorkspaceError) {
        do throws(FileFault) {
            try StoredFile.makeFolder(path, mode: mode)
        } catch {
            throw unwritable(error.sentence, path, error)
        }
    }

    private static func unwritable(_ reason: String, _ path: String, _ fault: FileFault) -> WorkspaceError {
        let help = fault.isDiskFull ? "free some space on that disk, then run the same command again" : nil
        return WorkspaceError(.unwritable, "could not write `\(path)`: \(reason)", help: help)
    }
}
