import Glibc

/// This process's own standard input and output in a form that an event loop can wait for.
///
/// Pipes and sockets are taken as they are. Behind files and terminals stands a thread with a pipe: a file cannot be
/// waited for, and a terminal is shared with whoever else writes to it.
package struct StandardStreams: Sendable {
    package let input: CInt
    package let output: CInt

    /// - Throws: where the system has no more descriptors.
    package init() throws {
        input = try Self.canWait(STDIN_FILENO) ? Self.copy(STDIN_FILENO) : Self.pumped(from: STDIN_FILENO)
        output = try Self.canWait(STDOUT_FILENO) ? Self.copy(STDOUT_FILENO) : Self.pumped(to: STDOUT_FILENO)
    }

    private static func canWait(_ descriptor: CInt) -> Bool {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return false }
        let kind = status.st_mode & S_IFMT
        return kind == S_IFIFO || kind == S_IFSOCK
    }

    private static func copy(_ descriptor: CInt) throws -> CInt {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 3)
        guard copy >= 0 else { throw Gateway.Failure(message: "there is no standard stream to use") }
        return copy
    }

    private static func pumped(from descriptor: CInt) throws -> CInt {
        let pipe = try WrappedProgram.pipe()
        pump(descriptor, pipe.write)
        return pipe.read
    }

    private static func pumped(to descriptor: CInt) throws -> CInt {
        let pipe = try WrappedProgram.pipe()
        pump(pipe.read, descriptor)
        return pipe.write
    }

    private final class Ends {
        let from: CInt
        let to: CInt

        init(_ from: CInt, _ to: CInt) { (self.from, self.to) = (from, to) }
    }

    private static func pump(_ from: CInt, _ to: CInt) {
        var thread = pthread_t()
        let ends = unsafe Unmanaged.passRetained(Ends(from, to)).toOpaque()
        _ = unsafe pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let ends = unsafe Unmanaged<Ends>.fromOpaque(argument).takeRetainedValue()
                StandardStreams.copyAll(ends.from, ends.to)
                return nil
            },
            ends
        )
        pthread_detach(thread)
    }

    private static func copyAll(_ from: CInt, _ to: CInt) {
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe bytes.withUnsafeMutableBytes { unsafe read(from, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            var written = 0
            while written < count {
                let more = unsafe bytes.withUnsafeBytes { buffer in
                    unsafe write(to, buffer.baseAddress.map { unsafe $0 + written }, count - written)
                }
                if more < 0, errno == EINTR { continue }
                guard more > 0 else { break }
                written += more
            }
        }
        close(to)
        close(from)
    }
}
