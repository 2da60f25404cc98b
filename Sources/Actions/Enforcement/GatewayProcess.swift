import Core
import FoundationEssentials
import Glibc
import Playbooks

/// A gateway's process that a step starts: it outlives the run, and is found again by a mark in its environment.
///
/// The mark is known before the process is there, so that a run that was killed in between finds what it started, and a
/// rollback ends exactly that.
enum GatewayProcess {
    private static let name = "LOCKSTEP_STARTED_BY"
    /// `POSIX_SPAWN_SETSID` of glibc's spawn.h, which asks for _GNU_SOURCE.
    private static let ownSession: Int16 = 0x80

    struct Identity: Sendable, Hashable {
        let pid: pid_t
        /// Clock ticks since the machine began, field 22 of `/proc/PID/stat`: with it a number is never taken for another's.
        let start: UInt64
    }

    /// Starts `lockstep gateway run` with a document, in a session of its own.
    static func start(config: String, mark: String, log: String) throws(StepError) -> Identity {
        guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw StepError(.permanent, "the program that runs here cannot be found")
        }
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, ownSession)
        let inherited = ProcessInfo.processInfo.environment
        var environment = ["PATH=/usr/local/bin:/usr/bin:/bin", "\(name)=\(mark)"]
        for key in ["HOME", "TMPDIR", "LANG"] { environment += inherited[key].map { ["\(key)=\($0)"] } ?? [] }
        let words = [program, "gateway", "run", "--config", config]
        var pid: pid_t = 0
        let code = unsafe withStrings(words) { arguments in
            unsafe withStrings(environment) { variables in
                unsafe posix_spawn(&pid, program, &actions, &attributes, arguments, variables)
            }
        }
        guard code == 0 else {
            throw StepError(.permanent, "the gateway could not be started (error \(code))")
        }
        return Identity(pid: pid, start: stat(of: pid)?.start ?? 0)
    }

    /// The process with this mark, if it lives.
    static func find(mark: String) -> Identity? {
        let wanted = Array("\(name)=\(mark)".utf8)
        for entry in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = pid_t(entry), let (start, isOver) = stat(of: pid), !isOver,
                let environment = try? StoredFile.read("/proc/\(pid)/environ", limit: 1 << 20),
                environment.split(separator: 0).contains(where: { $0.elementsEqual(wanted) })
            else { continue }
            return Identity(pid: pid, start: start)
        }
        return nil
    }

    /// Ends the process with this mark, and says whether there was one.
    static func end(mark: String) async throws(StepError) -> Bool {
        guard let found = find(mark: mark) else { return false }
        for (signal, patience) in [(SIGTERM, 750), (SIGKILL, 250)] {
            guard lives(found) else { return true }
            kill(found.pid, signal)
            for _ in 0..<patience {
                guard lives(found) else { return true }
                do { try await Task.sleep(for: .milliseconds(20)) } catch {
                    throw StepError(.cancelled, "the step was cancelled")
                }
            }
        }
        throw StepError(.permanent, "the gateway with the process id \(found.pid) cannot be ended")
    }

    static func lives(_ process: Identity) -> Bool {
        // A child of this very program has to be taken note of, or it stays as a name.
        _ = waitpid(process.pid, nil, WNOHANG)
        guard let (start, isOver) = stat(of: process.pid) else { return false }
        return start == process.start && !isOver
    }

    private static func stat(of pid: pid_t) -> (start: UInt64, isOver: Bool)? {
        guard let bytes = try? StoredFile.read("/proc/\(pid)/stat", limit: 1 << 16) else { return nil }
        // The name in parentheses may hold anything, parentheses and spaces too.
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[text.index(after: end)...].split(separator: " ")
        guard fields.count > 19, let start = UInt64(fields[19]) else { return nil }
        return (start, fields[0] == "Z" || fields[0] == "X")
    }

    private static func withStrings<R>(
        _ strings: [String],
        _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> R
    ) -> R {
        var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
        defer { unsafe pointers.forEach { unsafe free($0) } }
        return unsafe pointers.withUnsafeMutableBufferPointer { buffer in
            // An array with an element has an address.
            guard let base = buffer.baseAddress else { preconditionFailure("an empty list of words") }
            return unsafe body(base)
        }
    }
}
