import Core
import Glibc
package import Policies
import Workspace

/// A folder that holds one export of a policy, and says so by the statement in it.
///
/// What somebody else wrote or changed there is never replaced without being asked to, and what an earlier export left
/// behind is removed: a file of then could allow what the policy denies now.
package struct ExportFolder: Sendable {
    package struct Failure: Error, Sendable, Hashable {
        /// `export.foreign-file`, `export.link`, `export.unwritable`, `export.none`.
        package var code: String
        package var message: String
        package var help: String?
    }

    /// What became of the folder, by the relative paths of its files.
    package struct Outcome: Sendable, Hashable {
        package var written: [String] = []
        package var unchanged: [String] = []
        package var removed: [String] = []
    }

    private static let limit = 64 << 20

    /// Absolute; whether anything may be written there is for the caller to say.
    package let root: String

    package init(_ root: String) { self.root = root }

    /// Writes the files, each whole or not at all, and the statement last.
    ///
    /// - Throws: Before anything is written, where a file is not of an earlier export and `mayReplace` is false.
    package func write(_ export: PolicyExport, mayReplace: Bool) throws(Failure) -> Outcome {
        let earlier = try earlierFiles()
        var outcome = Outcome()
        var foreign: [String] = []
        for file in export.files {
            let present = try bytes(of: file.path)
            if present == file.bytes {
                outcome.unchanged.append(file.path)
            } else {
                outcome.written.append(file.path)
                guard let present else { continue }
                let isOurs =
                    file.path == ExportStatement.file
                    ? earlier != nil : earlier?[file.path] == Digest.sha256(present).description
                if !isOurs { foreign.append(file.path) }
            }
        }
        let names = Set(export.files.map(\.path))
        let stale = (earlier ?? [:]).filter { !names.contains($0.key) }.sorted { $0.key < $1.key }
        for (path, digest) in stale {
            guard let present = try bytes(of: path) else { continue }
            outcome.removed.append(path)
            if Digest.sha256(present).description != digest { foreign.append(path) }
        }
        if let first = foreign.first, !mayReplace {
            let others = foreign.count > 1 ? ", and \(foreign.count - 1) more files were not either" : ""
            throw Failure(
                code: "export.foreign-file",
                message: "`\(first)` in `\(root)` was not written by an export, or was changed since\(others)",
                help: "choose another folder, or have them replaced"
            )
        }
        for path in outcome.removed { try remove(path) }
        for file in export.files where outcome.written.contains(file.path) {
            do {
                var folder = root
                for part in [nil] + file.path.split(separator: "/").dropLast().map(Optional.some) {
                    if let part { folder += "/" + part }
                    // One that is there keeps its mode.
                    if unsafe access(folder, F_OK) != 0 { try DurableFile.makeFolder(folder, mode: 0o755) }
                }
                try DurableFile.write(file.bytes, to: "\(root)/\(file.path)", mode: 0o600)
            } catch {
                throw Failure(code: "export.unwritable", message: "`\(file.path)` could not be written in `\(root)`")
            }
        }
        return outcome
    }

    /// Removes what an export wrote, unless somebody changed any of it since.
    package func clear() throws(Failure) -> Outcome {
        guard let earlier = try earlierFiles() else {
            throw Failure(code: "export.none", message: "there is no export in `\(root)`")
        }
        var outcome = Outcome()
        for (path, digest) in earlier.sorted(by: { $0.key < $1.key }) {
            guard let present = try bytes(of: path) else { continue }
            guard Digest.sha256(present).description == digest else {
                throw Failure(
                    code: "export.foreign-file",
                    message: "`\(path)` in `\(root)` was changed since it was exported",
                    help: "look at it and remove the folder by hand"
                )
            }
            outcome.removed.append(path)
        }
        outcome.removed.append(ExportStatement.file)
        for path in outcome.removed { try remove(path) }
        unsafe rmdir(root)
        return outcome
    }

    /// The files of the export that lies here, with their digests; nil where none does.
    private func earlierFiles() throws(Failure) -> [String: String]? {
        guard let bytes = try bytes(of: ExportStatement.file), let statement = try? JSON.parse(bytes),
            statement["format"]?.string == ExportStatement.format
        else { return nil }
        var files: [String: String] = [:]
        for (path, digest) in statement["files"]?.object ?? [:] where Self.isPlain(path) {
            files[path] = digest.string ?? ""
        }
        return files
    }

    /// Whether the path leads below the folder: a statement that somebody else wrote may name anything.
    private static func isPlain(_ path: String) -> Bool {
        path.split(separator: "/", omittingEmptySubsequences: false)
            .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) }
            && path != ExportStatement.file
    }

    /// The bytes of a file, nil where there is none; a link on the way is refused.
    private func bytes(of path: String) throws(Failure) -> [UInt8]? {
        var place = root
        for part in path.split(separator: "/") {
            place += "/" + part
            var status = stat()
            guard unsafe lstat(place, &status) == 0 else { return nil }
            guard status.st_mode & S_IFMT != S_IFLNK else {
                throw Failure(
                    code: "export.link",
                    message: "`\(path)` in `\(root)` is a link, or lies behind one",
                    help: "choose another folder"
                )
            }
        }
        do throws(FileFault) {
            return try StoredFile.read(place, limit: Self.limit, kind: .plain, mayFollowLink: false)
        } catch {
            throw Failure(code: "export.unwritable", message: "`\(path)` in `\(root)` cannot be read: \(error)")
        }
    }

    private func remove(_ path: String) throws(Failure) {
        guard unsafe unlink("\(root)/\(path)") == 0 else {
            throw Failure(code: "export.unwritable", message: "`\(path)` in `\(root)` could not be removed")
        }
        // Folders that are empty by now; `rmdir` refuses the others.
        var parts = path.split(separator: "/").dropLast()
        while !parts.isEmpty, unsafe rmdir("\(root)/\(parts.joined(separator: "/"))") == 0 { parts.removeLast() }
    }
}
