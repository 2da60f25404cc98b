import Glibc
import Synchronization

/// A folder that is held open, so that what is written into it cannot be led elsewhere by a change of its path.
package struct HeldFolder: ~Copyable {
    private let descriptor: Int32
    private let isLocked: Bool

    /// Opens a folder.
    ///
    /// With `mayCreate` it is made with mode 0700 where it is missing; one that is there keeps its mode. With `isPrivate`
    /// only the owner may have rights on it, and the path may not be a link. With `isLocked` this waits for other
    /// processes that hold it so; the lock goes with this value, also when the process dies.
    ///
    /// - Throws: `missing`, `notAFile`, `exposed`, or what the system said.
    package init(
        _ path: String,
        mayCreate: Bool = false,
        isPrivate: Bool = false,
        isLocked: Bool = false
    ) throws(FileFault) {
        if mayCreate, unsafe mkdir(path, 0o700) != 0, errno != EEXIST { throw FileFault(errno: errno) }
        let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (isPrivate ? O_NOFOLLOW : 0)
        let folder = unsafe open(path, flags)
        guard folder >= 0 else { throw FileFault(errno: errno) }
        do throws(FileFault) {
            if isPrivate {
                var status = stat()
                guard unsafe fstat(folder, &status) == 0 else { throw FileFault(errno: errno) }
                guard status.st_mode & 0o077 == 0 else { throw .exposed(mode: status.st_mode) }
            }
            while isLocked, flock(folder, LOCK_EX) != 0 {
                guard errno == EINTR else { throw FileFault(errno: errno) }
            }
        } catch {
            close(folder)
            throw error
        }
        descriptor = folder
        self.isLocked = isLocked
    }

    deinit {
        close(descriptor)
    }

    package func contains(_ name: String) -> Bool {
        unsafe faccessat(descriptor, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0
    }

    /// Writes a file whole: beside its place, `fsync`, rename, `fsync` of the folder.
    ///
    /// A device or a pipe at that name is refused rather than replaced. When it throws, the old file is there as it was,
    /// unless it was the last `fsync` that failed.
    package func write(_ bytes: [UInt8], to name: String, mode: UInt32 = 0o600) throws(FileFault) {
        try refuseSpecial(name)
        // Under the lock nobody else writes here: a fixed name lets the next writer clear away what a crash left.
        let temporary = isLocked ? ".\(name).new" : ".\(name).new-\(getpid())-\(Self.nextNumber())"
        guard unsafe unlinkat(descriptor, temporary, 0) == 0 || errno == ENOENT else { throw FileFault(errno: errno) }
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let file = unsafe openat(descriptor, temporary, flags, mode)
        guard file >= 0 else { throw FileFault(errno: errno) }
        do throws(FileFault) {
            defer { close(file) }
            try Self.writeAll(bytes, to: file)
            // The mode at creation was cut by the umask.
            guard fchmod(file, mode) == 0, fsync(file) == 0 else { throw FileFault(errno: errno) }
        } catch {
            _ = unsafe unlinkat(descriptor, temporary, 0)
            throw error
        }
        guard unsafe renameat(descriptor, temporary, descriptor, name) == 0 else {
            let fault = FileFault(errno: errno)
            _ = unsafe unlinkat(descriptor, temporary, 0)
            throw fault
        }
        // A file system that cannot sync a folder says EINVAL (fsync(2)); there is nothing more to be had from it.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw FileFault(errno: errno) }
    }

    /// Takes a file away for good: it stays gone also after a power cut.
    ///
    /// - Throws: `missing` where it was not there, so that of several who take it one only succeeds.
    package func remove(_ name: String) throws(FileFault) {
        guard unsafe unlinkat(descriptor, name, 0) == 0 else { throw FileFault(errno: errno) }
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw FileFault(errno: errno) }
    }

    private func refuseSpecial(_ name: String) throws(FileFault) {
        var status = stat()
        guard unsafe fstatat(descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return }
            throw FileFault(errno: errno)
        }
        let kind = status.st_mode & S_IFMT
        guard kind == S_IFREG || kind == S_IFLNK else { throw .notAFile }
    }

    private static func writeAll(_ bytes: [UInt8], to file: Int32) throws(FileFault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(file, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileFault(errno: errno)
            }
            rest = rest.dropFirst(count)
        }
    }

    /// Tells apart the writers of one process.
    private static let number = Atomic<Int>(0)
    private static func nextNumber() -> Int { number.add(1, ordering: .relaxed).newValue }
}
