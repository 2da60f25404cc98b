package import Core
import Glibc

/// A log's folder on a real disk; folders have mode 0700 and files 0600.
package final class FileDisk: LogDisk {
    package let root: String
    /// The lock, held as long as this object lives; nothing where it was opened for looking.
    private let lock: Int32?
    /// The file that is appended to stays open: owned by the one writer that the lock admits.
    private var held: (name: String, descriptor: Int32)?

    /// Opens a folder for looking: nothing is locked.
    package init(reading root: String) {
        self.root = root
        lock = nil
    }

    /// Opens a folder for writing, made where it is missing; one process at a time.
    ///
    /// With `waits` it waits for a process that writes now, as commands do that write for a moment.
    /// - Throws: `locked`, or `unusable` where the folder cannot be used or others may write to it.
    package convenience init(writing root: String, waits: Bool) throws(AuditError) {
        try self.init(writing: root, patience: LogPatience(limit: waits ? nil : .zero))
    }

    /// Opens a folder for writing as above, with as much patience as somebody has who looks on.
    package init(writing root: String, patience: LogPatience) throws(AuditError) {
        self.root = root
        var patience = patience
        func failed(_ fault: FileFault) -> AuditError {
            AuditError(.unusable, "the folder `\(root)` of the audit log \(fault.sentence)")
        }
        if unsafe mkdir(root, 0o700) != 0, errno != EEXIST { throw failed(FileFault(errno: errno)) }
        while true {
            let folder = unsafe Glibc.open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
            guard folder >= 0 else { throw failed(FileFault(errno: errno)) }
            var status = stat()
            guard unsafe fstat(folder, &status) == 0, status.st_mode & 0o022 == 0 else {
                close(folder)
                throw failed(.exposed(mode: status.st_mode))
            }
            // A lock that is waited for cannot be given up without a signal, so it is asked for again and again.
            while flock(folder, LOCK_EX | LOCK_NB) != 0 {
                let fault = FileFault(errno: errno)
                if errno == EINTR { continue }
                guard errno == EWOULDBLOCK else {
                    close(folder)
                    throw failed(fault)
                }
                guard patience.mayWait() else {
                    close(folder)
                    throw AuditError(
                        .locked,
                        "another process writes to the audit log in `\(root)`",
                        help: "`lockstep audit drain` brings it in when that one is done"
                    )
                }
                usleep(LogPatience.pause)
            }
            // A restore puts another folder in its place while one waits: this lock would be that of the old one.
            var now = stat()
            guard unsafe lstat(root, &now) == 0 else {
                let fault = FileFault(errno: errno)
                close(folder)
                throw failed(fault)
            }
            if now.st_dev == status.st_dev, now.st_ino == status.st_ino {
                lock = folder
                return
            }
            close(folder)
        }
    }

    deinit {
        if let held { close(held.descriptor) }
        if let lock { close(lock) }
    }

    private func path(_ name: String) -> String { name.isEmpty ? root : root + "/" + name }

    package func read(_ name: String, limit: Int) throws(FileFault) -> [UInt8] {
        try StoredFile.read(path(name), limit: limit, kind: .plain, mayFollowLink: false)
    }

    package func write(_ bytes: [UInt8], to name: String) throws(FileFault) -> [String] {
        let flags = O_WRONLY | O_CREAT | O_TRUNC
        let folder = Self.folder(of: name)
        var changed = [folder]
        let file: Int32
        do throws(FileFault) {
            file = try open(name, flags)
        } catch {
            guard error == .missing else { throw error }
            changed += try makeFolders(folder)
            file = try open(name, flags)
        }
        defer { close(file) }
        try Self.write(bytes, to: file, at: 0)
        return changed
    }

    /// - Returns: The folders above those that were made.
    private func makeFolders(_ name: String) throws(FileFault) -> [String] {
        guard !name.isEmpty else { return [] }
        if unsafe mkdir(path(name), 0o700) == 0 { return [Self.folder(of: name)] }
        if errno == EEXIST { return [] }
        guard errno == ENOENT else { throw FileFault(errno: errno) }
        let above = try makeFolders(Self.folder(of: name))
        guard unsafe mkdir(path(name), 0o700) == 0 || errno == EEXIST else { throw FileFault(errno: errno) }
        return [Self.folder(of: name)] + above
    }

    package func append(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileFault) {
        try Self.write(bytes, to: try descriptor(name), at: offset)
    }

    package func cut(_ name: String, to length: Int) throws(FileFault) {
        guard ftruncate(try descriptor(name), length) == 0 else { throw FileFault(errno: errno) }
    }

    package func sync(_ name: String) throws(FileFault) {
        if let held, held.name == name {
            guard fdatasync(held.descriptor) == 0 else { throw FileFault(errno: errno) }
            return
        }
        let file = try open(name, O_RDONLY)
        defer { close(file) }
        guard fdatasync(file) == 0 else { throw FileFault(errno: errno) }
    }

    package func syncFolder(_ name: String) throws(FileFault) {
        let folder = unsafe Glibc.open(path(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard folder >= 0 else { throw FileFault(errno: errno) }
        defer { close(folder) }
        // A file system that cannot sync a folder says EINVAL (fsync(2)).
        guard fsync(folder) == 0 || errno == EINVAL else { throw FileFault(errno: errno) }
    }

    package func replace(_ name: String, with bytes: [UInt8]) throws(FileFault) {
        if let held, held.name == name {
            close(held.descriptor)
            self.held = nil
        }
        // Under the lock nobody else writes here: a fixed name lets the next writer clear away what a crash left.
        let temporary = LogFile.unfinished(name)
        // Whatever lies there under the name, a pipe or a second name of another file, is not written to.
        guard unsafe unlink(path(temporary)) == 0 || errno == ENOENT else { throw FileFault(errno: errno) }
        _ = try write(bytes, to: temporary)
        try sync(temporary)
        guard unsafe rename(path(temporary), path(name)) == 0 else { throw FileFault(errno: errno) }
        try syncFolder(Self.folder(of: name))
    }

    package func remove(_ name: String) throws(FileFault) {
        guard unsafe unlink(path(name)) == 0 || errno == ENOENT else { throw FileFault(errno: errno) }
        let folder = Self.folder(of: name)
        if folder.hasSuffix(".p") { unsafe rmdir(path(folder)) }
    }

    package func files(below folder: String) throws(FileFault) -> [String] {
        var names: [String] = []
        try collect(folder, into: &names)
        return names.sorted()
    }

    package func exposed() throws(FileFault) -> [(name: String, fault: FileFault)] {
        var faults: [(name: String, fault: FileFault)] = []
        var names: Set<String> = [""]
        for file in try files(below: "") {
            var name = file
            while !name.isEmpty, names.insert(name).inserted { name = Self.folder(of: name) }
        }
        for name in names.sorted() {
            var status = stat()
            guard unsafe lstat(path(name), &status) == 0 else {
                // A writer may take it away meanwhile.
                if errno == ENOENT { continue }
                throw FileFault(errno: errno)
            }
            let kind = status.st_mode & S_IFMT
            if kind != S_IFREG && kind != S_IFDIR {
                faults.append((name, .notAFile))
            } else if status.st_mode & 0o022 != 0 {
                faults.append((name, .exposed(mode: status.st_mode)))
            }
        }
        return faults
    }

    private func collect(_ folder: String, into names: inout [String]) throws(FileFault) {
        guard let stream = unsafe opendir(path(folder)) else {
            if errno == ENOENT { return }
            throw FileFault(errno: errno)
        }
        defer { unsafe closedir(stream) }
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard name != ".", name != ".." else { continue }
            let below = folder.isEmpty ? name : folder + "/" + name
            if unsafe entry.pointee.d_type == DT_DIR.rawByte {
                try collect(below, into: &names)
            } else {
                names.append(below)
            }
        }
    }

    private func descriptor(_ name: String) throws(FileFault) -> Int32 {
        if let held, held.name == name { return held.descriptor }
        if let held { close(held.descriptor) }
        held = nil
        let file = try open(name, O_RDWR)
        held = (name, file)
        return file
    }

    /// Opens a plain file and nothing else.
    private func open(_ name: String, _ flags: Int32) throws(FileFault) -> Int32 {
        // O_NONBLOCK: a pipe put in the file's place would otherwise hold the open for ever.
        let file = unsafe Glibc.open(path(name), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard file >= 0 else {
            // A pipe that nobody reads, and a socket.
            throw errno == ENXIO ? .notAFile : FileFault(errno: errno)
        }
        var status = stat()
        guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(file)
            throw .notAFile
        }
        return file
    }

    private static func folder(of name: String) -> String {
        name.split(separator: "/").dropLast().joined(separator: "/")
    }

    private static func write(_ bytes: [UInt8], to file: Int32, at offset: Int) throws(FileFault) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe pwrite(
                    file,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written,
                    offset + written
                )
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw FileFault(errno: errno)
            }
            guard count > 0 else { throw FileFault(errno: ENOSPC) }
            written += count
        }
    }
}

extension Int {
    /// `d_type` is a byte, and the module gives its values as integers.
    fileprivate var rawByte: UInt8 { UInt8(truncatingIfNeeded: self) }
}
