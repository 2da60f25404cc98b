import Core
import FoundationEssentials
import Gateway
import Glibc

/// Puts a gateway between a client and its servers by changing the client's configuration, and takes it out again.
///
/// The file as it was stays beside it, under a name that holds the digest of what was written in its place: only a file
/// that is still exactly that can be put back.
package struct ClientInstallation: Sendable {
    /// The client's configuration, with links followed.
    package let file: String

    /// - Throws: `Failure` where there is no such file.
    package init(_ path: String) throws(GatewayRuntime.Failure) {
        let resolved: String? = unsafe realpath(path, nil).map { found in
            defer { unsafe free(found) }
            return unsafe String(cString: found)
        }
        guard let resolved else {
            throw GatewayRuntime.Failure("client", "`\(path)` cannot be read: it does not exist", isInput: true)
        }
        file = resolved
    }

    /// What would change; nothing is written.
    ///
    /// - Throws: `InvalidInput` for the client's file or the gateway's document, `Failure` for what cannot be read.
    package func plan(_ names: [String], gateway document: String, program: String) throws -> ClientEdit {
        try ClientEdit(
            try read(file),
            file: file,
            names: names,
            target: try Self.target(document, program: program)
        )
    }

    /// Writes what was planned, and returns where the file as it was stands now.
    ///
    /// - Throws: `Failure` where the file was changed meanwhile or cannot be written.
    package func install(_ edit: ClientEdit) throws -> String {
        guard try read(file) == edit.before else {
            throw GatewayRuntime.Failure("client", "the file was changed while it was looked at", help: "try again")
        }
        let mode = try mode(of: file)
        let backup = backup(of: edit.after)
        try write(edit.before, to: backup, mode: mode)
        try write(edit.after, to: file, mode: mode)
        return backup
    }

    /// Puts back what was there before the gateway, through all installations that follow one another.
    ///
    /// - Throws: `Failure` where the file is not what was written, or was never changed.
    package func undo() throws {
        var current = try read(file)
        var backups: [String] = []
        let mode = try mode(of: file)
        while backups.count < 1_000 {
            let next = backup(of: current)
            guard !backups.contains(next), let bytes = try? StoredFile.read(next, limit: Self.limit, kind: .plain)
            else {
                break
            }
            current = bytes
            backups.append(next)
        }
        guard !backups.isEmpty else {
            guard hasBackups else {
                throw GatewayRuntime.Failure(
                    "not-installed",
                    "there is nothing to undo: no gateway was installed in `\(file)`, or that was undone already"
                )
            }
            throw GatewayRuntime.Failure(
                "changed",
                "the file is not what was installed: it was changed since, or never was",
                help: "the files as they were stand beside it, with `lockstep` in their names"
            )
        }
        try write(current, to: file, mode: mode)
        for backup in backups { unsafe unlink(backup) }
    }

    private static let limit = 16 << 20

    /// Whether the file as it was stands beside it, for whatever was installed.
    private var hasBackups: Bool {
        let parts = file.split(separator: "/", omittingEmptySubsequences: false)
        let folder = parts.count == 1 ? "." : parts.dropLast().joined(separator: "/") + "/"
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return all.contains { $0.hasPrefix("\(parts.last ?? "").lockstep-") }
    }

    private func backup(of installed: [UInt8]) -> String {
        "\(file).lockstep-\(Hexadecimal.encode(Digest.sha256(installed).bytes.prefix(12)))"
    }

    private func mode(of path: String) throws(GatewayRuntime.Failure) -> UInt32 {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            throw GatewayRuntime.Failure("client", "`\(path)` cannot be read")
        }
        return status.st_mode & 0o777
    }

    private func read(_ path: String) throws(GatewayRuntime.Failure) -> [UInt8] {
        do throws(FileFault) {
            return try StoredFile.read(path, limit: Self.limit, kind: .plain)
        } catch {
            throw GatewayRuntime.Failure("client", "`\(path)` cannot be read: \(error.sentence)", isInput: true)
        }
    }

    private func write(_ bytes: [UInt8], to path: String, mode: UInt32) throws(GatewayRuntime.Failure) {
        do throws(FileFault) {
            try StoredFile.write(bytes, to: path, mode: mode)
        } catch {
            throw GatewayRuntime.Failure("client", "`\(path)` cannot be written: \(error.sentence)")
        }
    }

    private static func target(_ file: String, program: String) throws -> ClientEdit.Target {
        let document = try GatewayRuntime.document(file, for: .wrapping)
        let configuration = document.configuration
        // A port that is chosen anew at each start cannot be written down.
        let listening = configuration.listen.port == 0 ? nil : "http://\(configuration.listen.authority)"
        var addresses: [String: String] = [:]
        var upstreams: [String: String] = [:]
        if let base = configuration.address ?? listening {
            for route in configuration.routes {
                addresses[route.server] = base + route.path
                let scheme = route.isUpstreamTLS ? "https" : "http"
                let usual = route.isUpstreamTLS ? 443 : 80
                upstreams["\(scheme)://\(route.upstream.authority)\(route.upstreamPath)"] = base + route.path
                if route.upstream.port == usual {
                    upstreams["\(scheme)://\(route.upstream.host)\(route.upstreamPath)"] = base + route.path
                }
            }
        }
        return ClientEdit.Target(
            program: program,
            document: file,
            programs: Set(document.programs),
            addresses: addresses,
            upstreams: upstreams
        )
    }
}
