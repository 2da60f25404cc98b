import Core
import Glibc

/// The file or the standard output that access lines go to; used on one thread only.
///
/// What cannot be written is lost and counted by the caller: a full disk or a reader that has stopped never holds
/// anything up. A file is put aside as `NAME.1` to `NAME.4` when it has 64 MiB, and opened anew when the gateway is told
/// to read its document again, so that `logrotate` can move it away.
final class AccessLogFile {
    private static let mostBytes = 64 << 20
    private static let kept = 4
    /// POSIX: so much goes into a pipe that can be written to without waiting.
    private static let pipeBytes = 4_096

    private let path: String?
    private var file: Int32 = -1
    private var size = 0
    /// Whether a reader that stopped has half a line: the next one is then begun anew.
    private var isTorn = false

    /// - Parameter path: Nil is the standard output.
    init(_ path: String?) { self.path = path }

    deinit { close() }

    /// Opens the file, where it is not open.
    func open() throws(FileFault) {
        guard file < 0 else { return }
        guard let path else {
            file = STDOUT_FILENO
            return
        }
        let opened = unsafe Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw FileFault(errno: errno) }
        var status = stat()
        guard unsafe fstat(opened, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            Glibc.close(opened)
            throw .notAFile
        }
        file = opened
        size = Int(status.st_size)
    }

    /// The next line goes to whatever has the name by then.
    func reopen() { close() }

    func close() {
        if path != nil, file >= 0 { Glibc.close(file) }
        file = -1
    }

    /// Writes lines, and says whether all of them are out.
    func write(_ lines: [UInt8]) -> Bool {
        guard (try? open()) != nil else { return false }
        if path != nil, size > 0, size + lines.count > Self.mostBytes {
            rotate()
            guard (try? open()) != nil else { return false }
        }
        if path == nil {
            let whole = isTorn ? [0x0A] + lines : lines
            let written = toPipe(whole)
            if written > 0 { isTorn = whole[written - 1] != 0x0A }
            return written == whole.count
        }
        let written = toFile(lines)
        size += written
        return written == lines.count
    }

    private func toFile(_ lines: [UInt8]) -> Int {
        var done = 0
        while done < lines.count {
            let count = piece(lines, done, lines.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                cut(to: size)
                return 0
            }
            done += count
        }
        return done
    }

    /// Takes half a line away that a full disk left, so that the next one begins on a line of its own.
    private func cut(to length: Int) { _ = ftruncate(file, length) }

    /// Writes as far as the reader has room, and ends what was begun of a line if it makes room soon.
    private func toPipe(_ lines: [UInt8]) -> Int {
        var done = 0
        while done < lines.count {
            var state = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
            let isWithinLine = done > 0 && lines[done - 1] != 0x0A
            guard unsafe poll(&state, 1, isWithinLine ? 1_000 : 0) == 1, state.revents & Int16(POLLOUT) != 0 else {
                return done
            }
            let count = piece(lines, done, min(Self.pipeBytes, lines.count - done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return done }
            done += count
        }
        return done
    }

    private func piece(_ lines: [UInt8], _ start: Int, _ count: Int) -> Int {
        unsafe lines.withUnsafeBytes { bytes in
            unsafe Glibc.write(file, bytes.baseAddress.map { unsafe $0 + start }, count)
        }
    }

    private func rotate() {
        close()
        guard let path else { return }
        for number in stride(from: Self.kept - 1, through: 1, by: -1) {
            _ = unsafe rename("\(path).\(number)", "\(path).\(number + 1)")
        }
        _ = unsafe rename(path, "\(path).1")
    }
}
