import Glibc

/// Files as state needs them: read with a limit, written whole or not at all.
///
/// The paths are the caller's; whoever has an error type of its own turns a `FileFault` into it.
package enum StoredFile {
    /// What a file has to be before a byte of it is believed.
    package enum Kind: Sendable, Hashable {
        /// Whatever can be opened and read to an end, a terminal's pipe included.
        case any
        /// A plain file.
        case plain
        /// A plain file on which group and others have no right at all, as `ssh` asks of its key files.
        case secret
    }

    /// Opens, checks the file that was opened (not its name), and reads it to its end.
    ///
    /// - Throws: `tooLarge` as soon as there is more than `limit`; `exposed` and `notAFile` as the kind asks.
    package static func read(
        _ path: String,
        limit: Int,
        kind: Kind = .any,
        mayFollowLink: Bool = true
    ) throws(FileFault) -> [UInt8] {
        // O_NONBLOCK: a pipe put in the file's place would otherwise hold the open for ever.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (mayFollowLink ? 0 : O_NOFOLLOW)
        let file = unsafe open(path, flags)
        guard file >= 0 else { throw FileFault(errno: errno) }
        defer { close(file) }
        if kind != .any {
            var status = stat()
            guard unsafe fstat(file, &status) == 0 else { throw FileFault(errno: errno) }
            guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
            guard kind != .secret || status.st_mode & 0o077 == 0 else { throw .exposed(mode: status.st_mode) }
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw FileFault(errno: errno)
            }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else { throw .tooLarge }
        }
    }

    /// Replaces a file whole: after a crash either the old or the new one is there.
    package static func write(_ bytes: [UInt8], to path: String, mode: UInt32 = 0o600) throws(FileFault) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.last, !name.isEmpty, name != ".", name != ".." else { throw .notAFile }
        let parent = parts.dropLast().joined(separator: "/")
        let folder = try HeldFolder(parts.count == 1 ? "." : parent.isEmpty ? "/" : parent)
        try folder.write(bytes, to: String(name), mode: mode)
    }

    /// Makes a folder where there is none, and gives it exactly this mode.
    package static func makeFolder(_ path: String, mode: UInt32 = 0o700) throws(FileFault) {
        guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else { throw FileFault(errno: errno) }
        guard unsafe chmod(path, mode) == 0 else { throw FileFault(errno: errno) }
    }
}

/// Why a file could not be used; callers turn it into their own error.
package enum FileFault: Error, Hashable, Sendable {
    case missing
    /// Others have rights on it that they must not have.
    case exposed(mode: UInt32)
    case notAFile
    case tooLarge
    case exists
    case failed(errno: Int32)

    package init(errno code: Int32) {
        self =
            switch code {
            case ENOENT: .missing
            case EEXIST: .exists
            case ELOOP, ENOTDIR, EISDIR: .notAFile
            default: .failed(errno: code)
            }
    }

    package var isDiskFull: Bool { self == .failed(errno: ENOSPC) || self == .failed(errno: EDQUOT) }

    /// Goes after the name of the file: "`x` does not exist".
    package var sentence: String {
        switch self {
        case .missing: "does not exist"
        case .exposed(let mode): "may be read or changed by others (mode \(String(mode & 0o7777, radix: 8)))"
        case .notAFile: "is not what it should be: a plain file or folder of yours"
        case .tooLarge: "is too large"
        case .exists: "exists already"
        case .failed(let errno): unsafe String(cString: strerror(errno)).lowercased()
        }
    }
}
