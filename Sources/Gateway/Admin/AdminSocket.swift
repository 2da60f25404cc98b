import Core
import Glibc
import NIOCore
import NIOPosix

/// The socket in a gateway's folder at which its commands reach it.
///
/// An address on loopback is anybody's as soon as the gateway is dead, and whoever listens there next would be told the
/// token and believed. In a folder that is its owner's alone nobody else can listen, and nobody else can ask.
package struct AdminSocket: Sendable {
    private static let name = "admin-socket"
    /// `sun_path` holds 108 bytes with the zero at its end (unix(7)).
    private static let longest = 100

    /// The folder that the socket stands in.
    package let folder: String

    package init(in folder: String) { self.folder = folder }

    package var path: String { "\(folder)/\(Self.name)" }

    /// Why whoever answers here need not be the gateway; nothing where nobody else can have put the socket here.
    var doubt: String? {
        var status = stat()
        guard unsafe lstat(folder, &status) == 0 else {
            let fault = FileFault(errno: errno)
            return fault == .missing ? "it does not run here" : "its folder cannot be read: \(fault.sentence)"
        }
        guard status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o077 == 0 else {
            return "others may use `\(folder)`, so whoever answers there need not be the gateway and is told nothing"
        }
        return nil
    }

    func bind(_ bootstrap: ServerBootstrap) async throws -> any Channel {
        let channel = try await atShortPath {
            bootstrap.bind(unixDomainSocketPath: $0, cleanupExistingSocketFile: true)
        }
        _ = unsafe chmod(path, 0o600)
        return channel
    }

    func connect(_ bootstrap: ClientBootstrap) async throws -> any Channel {
        try await atShortPath { bootstrap.connect(unixDomainSocketPath: $0) }
    }

    /// By way of the open folder where the path is longer than an address may be.
    private func atShortPath(_ open: (String) -> EventLoopFuture<any Channel>) async throws -> any Channel {
        guard path.utf8.count > Self.longest else { return try await open(path).get() }
        let held = unsafe Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard held >= 0 else { throw FileFault(errno: errno) }
        defer { close(held) }
        return try await open("/proc/self/fd/\(held)/\(Self.name)").get()
    }

    package func remove() { _ = unsafe unlink(path) }
}
