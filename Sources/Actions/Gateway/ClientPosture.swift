import Core
import FoundationEssentials
import Gateway
import Glibc

/// What the client runs as that started this process: measured here, not told by the client.
///
/// The digest of its binary is that of the file which the kernel runs, also where its name leads to another one by now
/// (proc_pid_exe(5)). The digest of its configuration is there where the command names that file. It counts for five minutes, as the
/// statement of a machine does, and is measured anew while that very process is still the parent.
struct ClientPosture: Sendable {
    static let life: Duration = .seconds(300)
    /// How long until it is measured anew, so that twice may fail before one ends.
    static let pause: Duration = .seconds(100)

    let process: Int32
    /// As the kernel names it.
    let program: String
    let binary: Digest
    let configuration: Digest?
    let expires: Timestamp

    /// Why there is nothing to be said.
    struct Unmeasured: Error {
        let message: String
    }

    /// Reads the whole binary; not for an event loop.
    init(configuration file: String?, now: Timestamp) throws(Unmeasured) {
        process = getppid()
        // A parent that ended has handed this process on to one that nobody asked about.
        guard process > 1 else { throw Unmeasured(message: "the client has ended, or another process space holds it") }
        let link = "/proc/\(process)/exe"
        do throws(FileFault) {
            binary = try StoredFile.digest(of: link)
        } catch {
            throw Unmeasured(message: "the binary of the client cannot be read: it \(error.sentence)")
        }
        program = (try? FileManager.default.destinationOfSymbolicLink(atPath: link)) ?? ""
        do throws(FileFault) {
            configuration = try file.map { path throws(FileFault) in try StoredFile.digest(of: path) }
        } catch {
            throw Unmeasured(message: "the configuration of the client cannot be read: it \(error.sentence)")
        }
        guard getppid() == process else { throw Unmeasured(message: "the client ended meanwhile") }
        expires = now + Self.life
    }

    /// The same on a thread where that may take its time.
    @concurrent static func measured(
        configuration: String?,
        now: Timestamp
    ) async throws(Unmeasured) -> ClientPosture {
        try ClientPosture(configuration: configuration, now: now)
    }

    /// As revocations name it: what is denied with one of these may not call.
    var credentials: [String] {
        ["posture:\(binary)"] + (configuration.map { ["posture:\($0)"] } ?? [])
    }

    /// As the audit log keeps it.
    func entry(principal: String, server: String) -> JSON.Object {
        [
            "principal": .string(principal), "server": .string(server), "process": .integer(Int64(process)),
            "program": .string(program), "binary": .string(binary.description),
            "configuration": configuration.map { .string($0.description) } ?? .null,
            "expires": .string(expires.description),
        ]
    }
}
