import Crypto
import Glibc

extension StoredFile {
    /// The SHA-256 of a file of any size, read piece by piece.
    ///
    /// - Throws: `notAFile` for what is no plain file, and what the system said.
    package static func digest(of path: String) throws(FileFault) -> Digest {
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw FileFault(errno: errno) }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw FileFault(errno: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile }
        var hash = SHA256()
        var chunk = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe Glibc.read(file, $0.baseAddress, $0.count) }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw FileFault(errno: errno)
            }
            guard count > 0 else { return Digest(hash.finalize()) }
            hash.update(data: chunk[..<count])
        }
    }
}
