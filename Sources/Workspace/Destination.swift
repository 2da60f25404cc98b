import FoundationEssentials
import Glibc

/// Where a command or a step may put a file: the one place that says which files are not theirs to replace.
///
/// State, keys, configuration, version control and whatever is reached through a link at the end of the path are refused;
/// so is a private key that lies anywhere. The path is looked at as the kernel resolves it, not as it is spelled.
package enum Destination {
    /// Folders and files that belong to somebody else, wherever they lie.
    private static let reserved: Set<String> = [".lockstep", ".git", ".ssh", ".gnupg"]

    /// A path that may be written, for a command: anywhere but in what is reserved.
    ///
    /// - Throws: `workspace.reserved` with the reason, `workspace.missing` when its folder is not there.
    package static func checked(_ path: String) throws(WorkspaceError) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true)
        guard path.hasPrefix("/"), !path.utf8.contains(0), let name = parts.last, name != ".", name != ".." else {
            throw refusal(path, "it names no file")
        }
        let parent = "/" + parts.dropLast().joined(separator: "/")
        guard let folder = resolved(parent) else {
            throw WorkspaceError(.missing, "there is no folder `\(parent)`", help: "make it, or write somewhere else")
        }
        let whole = (folder == "/" ? "" : folder) + "/" + name
        for part in whole.split(separator: "/") {
            let word = part.lowercased()
            // `.lockstep.before-restore-17` holds keys as well.
            if reserved.contains(word) || word.hasPrefix(".lockstep.") {
                throw refusal(path, "`\(part)` holds state and keys")
            }
        }
        if name.lowercased() == "lockstep.yaml" { throw refusal(path, "it is the configuration of a workspace") }
        var status = stat()
        guard unsafe lstat(whole, &status) == 0 else { return whole }
        switch status.st_mode & S_IFMT {
        case S_IFREG: break
        case S_IFLNK: throw refusal(path, "it is a link")
        case S_IFDIR: throw refusal(path, "it is a folder")
        default: throw refusal(path, "it is no plain file")
        }
        if isPrivateKey(whole) { throw refusal(path, "it is a private key") }
        return whole
    }

    /// A path that may be written, for a step of a playbook: relative to the workspace, inside it, and through no link.
    package static func checked(_ path: String, inside folder: WorkspaceFolder) throws(WorkspaceError) -> String {
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).filter { $0 != "." }
        guard !path.hasPrefix("/"), !path.utf8.contains(0), !parts.isEmpty, !parts.contains("..") else {
            throw outside(path)
        }
        for part in parts {
            let word = part.lowercased()
            if reserved.contains(word) || word.hasPrefix(".lockstep.") { throw outside(path) }
        }
        if parts.last?.lowercased() == "lockstep.yaml" { throw outside(path) }
        // A link on the way could lead anywhere, the state folder included.
        var current = folder.root
        for part in parts {
            current += "/" + part
            var status = stat()
            if unsafe lstat(current, &status) == 0, status.st_mode & S_IFMT == S_IFLNK { throw outside(path) }
        }
        if isPrivateKey(current) { throw outside(path) }
        return current
    }

    /// Whether a file of this whole path lies in the folder of a workspace, as the kernel resolves both.
    package static func isInside(_ path: String, _ folder: WorkspaceFolder) -> Bool {
        let parent = "/" + path.split(separator: "/").dropLast().joined(separator: "/")
        guard let place = resolved(parent), let root = resolved(folder.root) else { return false }
        return place == root || place.hasPrefix(root + "/")
    }

    private static func outside(_ path: String) -> WorkspaceError {
        WorkspaceError(
            .reserved,
            "`\(path)` does not lie inside the workspace, or is a part of it that playbooks may not write",
            help: "write a path relative to the workspace, such as `reports`"
        )
    }

    private static func refusal(_ path: String, _ reason: String) -> WorkspaceError {
        WorkspaceError(.reserved, "`\(path)` is not written: \(reason)", help: "choose another name")
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }

    private static func isPrivateKey(_ path: String) -> Bool {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_size < 1 << 16,
            let bytes = try? DurableFile.read(path, limit: 1 << 16)
        else { return false }
        let head = String(decoding: bytes.prefix(80), as: UTF8.self)
        return head.hasPrefix("-----BEGIN ") && head.contains("PRIVATE KEY-----")
    }
}
