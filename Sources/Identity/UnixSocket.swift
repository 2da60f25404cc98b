import Glibc

/// A blocking conversation over a local stream socket, with one deadline for all of it.
///
/// The socket itself never blocks: every wait is a `poll` that knows how much time is left, so a peer that trickles
/// bytes cannot stretch the limit.
struct UnixSocket: ~Copyable {
    enum Fault: Error, Equatable {
        case pathTooLong
        case timeout
        case closed
        case frame(length: Int)
        case failed(errno: Int32)

        var sentence: String {
            switch self {
            case .pathTooLong: "the path of the socket is too long"
            case .timeout: "there was no answer in time"
            case .closed: "the connection was closed"
            case .frame(let length): "a frame of \(length) bytes is not acceptable"
            case .failed(let errno): unsafe String(cString: strerror(errno)).lowercased()
            }
        }
    }

    private let descriptor: Int32
    private let deadline: ContinuousClock.Instant

    init(path: String, limit: Duration) throws(Fault) {
        deadline = .now.advanced(by: limit)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard !bytes.isEmpty, bytes.count < room, !bytes.contains(0) else { throw .pathTooLong }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let socket = Glibc.socket(AF_UNIX, type, 0)
        guard socket >= 0 else { throw .failed(errno: errno) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe connect(socket, $0, size) }
        }
        guard result == 0 else {
            let code = errno
            close(socket)
            throw .failed(errno: code)
        }
        descriptor = socket
    }

    deinit {
        close(descriptor)
    }

    func write(_ bytes: [UInt8]) throws(Fault) {
        var rest = bytes[...]
        while !rest.isEmpty {
            // MSG_NOSIGNAL: a peer that went away must be an error here, not a SIGPIPE for the process.
            let flags = Int32(MSG_NOSIGNAL)
            let count = unsafe rest.withUnsafeBytes { unsafe send(descriptor, $0.baseAddress, $0.count, flags) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else {
                try waitOrThrow(errno, for: Int16(POLLOUT))
            }
        }
    }

    /// Reads a frame that starts with its length in four bytes, big end first.
    func frame(maximum: Int) throws(Fault) -> [UInt8] {
        let length = try read(4).reduce(0) { $0 << 8 | Int($1) }
        guard (1...maximum).contains(length) else { throw .frame(length: length) }
        return try read(length)
    }

    func read(_ count: Int) throws(Fault) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: min(count, 16384))
        while bytes.count < count {
            let wanted = min(count - bytes.count, chunk.count)
            let got = unsafe chunk.withUnsafeMutableBytes { unsafe recv(descriptor, $0.baseAddress, wanted, 0) }
            if got > 0 {
                bytes.append(contentsOf: chunk[..<got])
            } else if got == 0 {
                throw .closed
            } else {
                try waitOrThrow(errno, for: Int16(POLLIN))
            }
        }
        return bytes
    }

    private func waitOrThrow(_ code: Int32, for events: Int16) throws(Fault) {
        switch code {
        case EINTR: return
        case EAGAIN, EWOULDBLOCK: break
        case EPIPE, ECONNRESET: throw .closed
        default: throw .failed(errno: code)
        }
        let left = ContinuousClock.now.duration(to: deadline).components
        guard left.seconds >= 0, left.attoseconds >= 0 else { throw .timeout }
        // Rounded up, or the last millisecond would be spent spinning.
        let milliseconds = min(left.seconds, 3600) * 1000 + left.attoseconds / 1_000_000_000_000_000 + 1
        var entry = pollfd(fd: descriptor, events: events, revents: 0)
        let ready = unsafe poll(&entry, 1, Int32(milliseconds))
        if ready == 0 { throw .timeout }
        if ready < 0, errno != EINTR { throw .failed(errno: errno) }
    }
}
