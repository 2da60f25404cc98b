import Glibc

/// Why a place of the file system was not read.
struct FileRefusal: Error, Hashable {
    enum Code: Hashable {
        case absent, unreadable, notRegular, tooLarge, symbolicLinkLoop, outside, tooManyEntries, failed
    }

    var code: Code
    var reason: String
}

/// What the file system says of a place.
struct FileFacts: Hashable {
    enum Kind: Hashable { case regular, directory, symbolicLink, other }

    var kind: Kind
    var mode: UInt32
    var owner: UInt32
    var byteCount: Int
}

/// Reads files that strangers may have put there: nothing here waits, follows a link out, or grows without limit.
///
/// A pipe or a device is looked at before it is opened, because opening one can wake its writer; the opened file is
/// looked at again, because the name may have been moved to another file in between.
enum ReadOnlyFiles {
    static func facts(of path: String, followingLinks: Bool) throws(FileRefusal) -> FileFacts {
        var record = Glibc.stat()
        let flags = followingLinks ? 0 : AT_SYMLINK_NOFOLLOW
        guard unsafe Glibc.fstatat(AT_FDCWD, path, &record, flags) == 0 else { throw refusal(errno) }
        return facts(of: record)
    }

    /// The bytes of a regular file of at most `limit` bytes.
    static func read(_ path: String, limit: Int) throws(FileRefusal) -> (bytes: [UInt8], facts: FileFacts) {
        guard try facts(of: path, followingLinks: true).kind == .regular else {
            throw FileRefusal(code: .notRegular, reason: "not a regular file")
        }
        let descriptor = unsafe Glibc.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { throw refusal(errno) }
        defer { _ = Glibc.close(descriptor) }
        var record = Glibc.stat()
        guard unsafe Glibc.fstat(descriptor, &record) == 0 else { throw refusal(errno) }
        let facts = facts(of: record)
        guard facts.kind == .regular else {
            throw FileRefusal(code: .notRegular, reason: "not a regular file")
        }
        let tooLarge = FileRefusal(code: .tooLarge, reason: "larger than \(limit) bytes")
        guard facts.byteCount <= limit else { throw tooLarge }
        // Files of /proc say that they are empty, so the size is only a hint.
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: min(max(facts.byteCount + 1, 4096), 1 << 20))
        while true {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                throw refusal(errno)
            }
            if count == 0 { return (bytes, facts) }
            bytes += buffer[..<count]
            guard bytes.count <= limit else { throw tooLarge }
        }
    }

    /// The names in a directory, sorted, without `.` and `..`.
    static func list(_ path: String, limit: Int) throws(FileRefusal) -> [String] {
        guard let stream = unsafe Glibc.opendir(path) else { throw refusal(errno) }
        defer { _ = unsafe Glibc.closedir(stream) }
        var names: [String] = []
        while let entry = unsafe Glibc.readdir(stream) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name == "." || name == ".." { continue }
            guard names.count < limit else {
                throw FileRefusal(code: .tooManyEntries, reason: "more than \(limit) entries in the directory")
            }
            names.append(name)
        }
        return names.sorted()
    }

    /// Where a symbolic link points, as it is written.
    static func destination(of path: String) throws(FileRefusal) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { text in
                unsafe text.baseAddress.map { unsafe Glibc.readlink(path, $0, text.count) } ?? -1
            }
        }
        guard count >= 0 else { throw refusal(errno) }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    /// The path without symbolic links.
    static func resolved(_ path: String) throws(FileRefusal) -> String {
        guard let text = unsafe Glibc.realpath(path, nil) else { throw refusal(errno) }
        defer { unsafe Glibc.free(text) }
        return unsafe String(cString: text)
    }

    /// Whether everybody on the machine can reach and read the file.
    static func isWorldReadable(_ path: String, mode: UInt32) -> Bool {
        guard mode & 0o004 != 0, var directory = try? resolved(path) else { return false }
        while let slash = directory.utf8.lastIndex(of: UInt8(ascii: "/")) {
            directory = String(directory[..<slash])
            let place = directory.isEmpty ? "/" : directory
            guard let facts = try? facts(of: place, followingLinks: true), facts.mode & 0o001 != 0 else { return false }
        }
        return true
    }

    private static func facts(of record: Glibc.stat) -> FileFacts {
        let kind: FileFacts.Kind =
            switch record.st_mode & S_IFMT {
            case S_IFREG: .regular
            case S_IFDIR: .directory
            case S_IFLNK: .symbolicLink
            default: .other
            }
        return FileFacts(
            kind: kind,
            mode: record.st_mode & 0o7777,
            owner: record.st_uid,
            byteCount: Int(record.st_size)
        )
    }

    private static func refusal(_ code: Int32) -> FileRefusal {
        switch code {
        case ENOENT, ENOTDIR: FileRefusal(code: .absent, reason: "not there")
        case EACCES, EPERM: FileRefusal(code: .unreadable, reason: "no permission to read it")
        case ELOOP: FileRefusal(code: .symbolicLinkLoop, reason: "a loop of symbolic links")
        case ENAMETOOLONG: FileRefusal(code: .failed, reason: "the path is too long")
        default: FileRefusal(code: .failed, reason: "the file system answered error \(code)")
        }
    }
}
