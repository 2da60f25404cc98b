import Core
import FoundationEssentials
import Glibc
import Workspace

/// Lines on their way into a file or to standard output, a piece at a time; the file is there whole or not at all.
final class RecordingOutput {
    private static let pieceBytes = 1 << 20

    private let path: String?
    private let temporary: String
    private let descriptor: Int32
    private var pending: [UInt8] = []
    private var fault: FileFault?
    private var isDone = false

    /// - Parameter file: Nil for standard output.
    /// - Throws: `WorkspaceError` where the file may not or cannot be written.
    init(_ file: String?) throws {
        guard let file else {
            (path, temporary, descriptor) = (nil, "", -1)
            return
        }
        let absolute = file.hasPrefix("/") ? file : FileManager.default.currentDirectoryPath + "/" + file
        let place = try Destination.checked(absolute)
        path = place
        temporary = "\(place).new-\(getpid())"
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        descriptor = unsafe open(temporary, flags, 0o600)
        guard descriptor >= 0 else { throw Self.unwritable(place, FileFault(errno: errno)) }
    }

    deinit {
        guard descriptor >= 0 else { return }
        close(descriptor)
        if !isDone { unsafe unlink(temporary) }
    }

    func write(_ line: [UInt8]) {
        pending += line
        if pending.count >= Self.pieceBytes { flush() }
    }

    /// - Parameter mode: The rights on the file.
    /// - Throws: `WorkspaceError` where not all of it could be written; then there is no file.
    func finish(mode: UInt32) throws {
        flush()
        guard let path else { return }
        if fault == nil, fchmod(descriptor, mode) != 0 || fsync(descriptor) != 0 { fault = FileFault(errno: errno) }
        if fault == nil, unsafe rename(temporary, path) != 0 { fault = FileFault(errno: errno) }
        if let fault { throw Self.unwritable(path, fault) }
        isDone = true
    }

    private func flush() {
        defer { pending.removeAll(keepingCapacity: true) }
        guard path != nil else { return Output.stream(pending) }
        var rest = pending[...]
        while fault == nil, !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno != EINTR { fault = FileFault(errno: errno) }
            } else {
                rest = rest.dropFirst(count)
            }
        }
    }

    private static func unwritable(_ path: String, _ fault: FileFault) -> WorkspaceError {
        let help = fault.isDiskFull ? "free some space on that disk, then run the same command again" : nil
        return WorkspaceError(.unwritable, "could not write `\(path)`: \(fault.sentence)", help: help)
    }
}
