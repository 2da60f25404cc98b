import Glibc

/// Files that only their owner may read: read with a limit, written so that a crash leaves the old or the new one.
///
/// The only place of this target that speaks to the file system.
enum PrivateFile {
    /// Why a file could not be used; callers turn it into their own error.
    enum Fault: Error, Equatable {
        case missing
        case exposed(mode: UInt32)
        case notAFile
        case tooLarge
        case exists
        case failed(errno: Int32)

        var sentence: String {
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

    /// Opens, checks the file that was opened (not its name), and reads it to its end.
    ///
    /// Group and others must have no right at all when `isSecret`, as `ssh` asks of its key files.
    static func read(_ path: String, limit: Int, isSecret: Bool, mayFollowLink: Bool) throws(Fault) -> [UInt8] {
        // O_NONBLOCK: a pipe put in the file's place would otherwise hold the open for ever.
        let flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | (mayFollowLink ? 0 : O_NOFOLLOW)
        let file = unsafe open(path, flags)
        guard file >= 0 else { throw fault(errno) }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw fault(errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        guard !isSecret || status.st_mode & 0o077 == 0 else { throw .exposed(mode: status.st_mode) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw fault(errno)
            }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else { throw .tooLarge }
        }
    }

    /// A folder that is held open and locked against other processes that change it.
    struct Folder: ~Copyable {
        private let descriptor: Int32

        /// Opens a folder of mode 0700, or makes it.
        init(_ path: String, mayCreate: Bool) throws(Fault) {
            if mayCreate, unsafe mkdir(path, 0o700) != 0, errno != EEXIST {
                throw fault(errno)
            }
            let folder = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard folder >= 0 else { throw fault(errno) }
            do throws(Fault) {
                var status = stat()
                guard unsafe fstat(folder, &status) == 0 else { throw fault(errno) }
                guard status.st_mode & 0o077 == 0 else { throw .exposed(mode: status.st_mode) }
            } catch {
                close(folder)
                throw error
            }
            descriptor = folder
        }

        deinit {
            close(descriptor)
        }

        /// Waits for other writers; the lock goes with the folder, also when the process dies.
        func lock() throws(Fault) {
            while flock(descriptor, LOCK_EX) != 0 {
                guard errno == EINTR else { throw fault(errno) }
            }
        }

        func contains(_ name: String) -> Bool {
            unsafe faccessat(descriptor, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
        }

        /// Writes a file of mode 0600 whole: temporary file, `fsync`, rename, `fsync` of the folder.
        ///
        /// To be called under `lock`: the temporary name is fixed, so that what a crash left is overwritten.
        func write(_ bytes: [UInt8], to name: String) throws(Fault) {
            let temporary = ".\(name).new"
            guard unsafe unlinkat(descriptor, temporary, 0) == 0 || errno == ENOENT else { throw fault(errno) }
            let file = unsafe openat(descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { throw fault(errno) }
            do throws(Fault) {
                defer { close(file) }
                try Self.writeAll(bytes, to: file)
                guard fchmod(file, 0o600) == 0, fsync(file) == 0 else { throw fault(errno) }
            } catch {
                _ = unsafe unlinkat(descriptor, temporary, 0)
                throw error
            }
            guard unsafe renameat(descriptor, temporary, descriptor, name) == 0 else {
                let code = errno
                _ = unsafe unlinkat(descriptor, temporary, 0)
                throw fault(code)
            }
            guard fsync(descriptor) == 0 else { throw fault(errno) }
        }

        private static func writeAll(_ bytes: [UInt8], to file: Int32) throws(Fault) {
            var rest = bytes[...]
            while !rest.isEmpty {
                let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
                if count < 0 {
                    if errno == EINTR { continue }
                    throw fault(errno)
                }
                rest = rest.dropFirst(count)
            }
        }
    }

    private static func fault(_ code: Int32) -> Fault {
        switch code {
        case ENOENT: .missing
        case EEXIST: .exists
        case ELOOP, ENOTDIR, EISDIR: .notAFile
        default: .failed(errno: code)
        }
    }
}
