import Foundation
import Glibc
import Testing

@testable import Identity

/// The real OpenSSH tools of this machine, as a second opinion.
enum OpenSSH {
    static let isInstalled = ["ssh-keygen", "ssh-agent", "ssh-add"].allSatisfy { path(of: $0) != nil }
    static let absent = "OpenSSH's ssh-keygen, ssh-agent and ssh-add are not installed here (package openssh-client)"

    struct Outcome {
        var status: Int32
        var output: String
        var errors: String
    }

    static func path(of tool: String) -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"]?.split(separator: ":") ?? []
        return folders.map { "\($0)/\(tool)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Runs a tool to its end, with files for its input and output.
    ///
    /// Not `Process`: its pipes and its exit notice pass to what a tool leaves running, and ssh-agent does leave
    /// something running, so that the wait would never end.
    static func run(
        _ tool: String,
        _ arguments: [String],
        input: [UInt8] = [],
        environment: [String: String] = [:]
    ) throws -> Outcome {
        guard let path = path(of: tool) else { throw CocoaError(.fileNoSuchFile) }
        let scratch = try Scratch()
        let stdin = try scratch.write(input, to: "in")
        let variables = environment.merging(["PATH": "/usr/bin:/bin", "HOME": "/nonexistent"]) { own, _ in own }
        let process = try spawn(
            [path] + arguments,
            environment: variables.map { "\($0.key)=\($0.value)" },
            files: [stdin, scratch.file("out"), scratch.file("err")]
        )
        var status: Int32 = 0
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw CocoaError(.executableLoad) }
        }
        return Outcome(
            status: status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f,
            output: try scratch.text("out"),
            errors: try scratch.text("err")
        )
    }

    private static func spawn(_ arguments: [String], environment: [String], files: [String]) throws -> pid_t {
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (number, file) in files.enumerated() {
            let flags = number == 0 ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC
            unsafe posix_spawn_file_actions_addopen(&actions, Int32(number), file, flags, 0o600)
        }
        let argv = unsafe arguments.map { unsafe strdup($0) } + [nil]
        let envp = unsafe environment.map { unsafe strdup($0) } + [nil]
        defer { unsafe (argv + envp).forEach { unsafe free($0) } }
        var process: pid_t = 0
        let failure = unsafe posix_spawn(&process, arguments[0], &actions, nil, argv, envp)
        guard failure == 0 else { throw CocoaError(.executableLoad) }
        return process
    }
}

/// The key types that ssh-keygen can make without a token.
struct KeyType: Sendable, CustomTestStringConvertible {
    var name: String
    var bits: Int
    var kind: SSHPublicKey.Kind

    var testDescription: String { "\(name) \(bits)" }

    static let all = [
        KeyType(name: "ed25519", bits: 256, kind: .ed25519),
        KeyType(name: "ecdsa", bits: 256, kind: .ecdsaP256),
        KeyType(name: "ecdsa", bits: 384, kind: .ecdsaP384),
        KeyType(name: "ecdsa", bits: 521, kind: .ecdsaP521),
        KeyType(name: "rsa", bits: 3072, kind: .rsa),
    ]
}

/// A folder of its own for one test, gone with it.
final class Scratch: Sendable {
    let path: String

    init() throws {
        // Short, since a socket's path may have only 107 bytes.
        path = "/tmp/lockstep-\(UInt32.random(in: 0...(.max)))"
        try FileManager.default.createDirectory(
            atPath: path,
            withIntermediateDirectories: false,
            attributes: [.posixPermissions: 0o700]
        )
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    func file(_ name: String) -> String { path + "/" + name }

    @discardableResult
    func write(_ bytes: some Sequence<UInt8>, to name: String, mode: Int = 0o600) throws -> String {
        let path = file(name)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    func text(_ name: String) throws -> String {
        try String(contentsOfFile: file(name), encoding: .utf8)
    }

    /// Has ssh-keygen make a key pair and returns the path of its private half.
    func makeKey(_ type: KeyType, name: String = "key", passphrase: String = "") throws -> String {
        let path = file(name)
        let made = try OpenSSH.run(
            "ssh-keygen",
            ["-q", "-t", type.name, "-b", "\(type.bits)", "-N", passphrase, "-C", "ann@example", "-f", path]
        )
        guard made.status == 0 else { throw CocoaError(.fileWriteUnknown) }
        return path
    }
}

/// A real ssh-agent, ended with its owner by its process id.
final class RunningAgent: Sendable {
    let socket: String
    private let process: pid_t

    init(in scratch: Scratch) throws {
        socket = scratch.file("agent")
        let started = try OpenSSH.run("ssh-agent", ["-s", "-a", socket])
        let text = started.output
        guard let range = text.range(of: "SSH_AGENT_PID="),
            let id = pid_t(text[range.upperBound...].prefix { $0.isNumber }), id > 1
        else { throw CocoaError(.executableLoad) }
        process = id
    }

    deinit {
        // Not SIGTERM: the agent inherits the signal mask of the thread that started it, and test threads block that.
        kill(process, SIGKILL)
    }

    func add(_ path: String) throws -> OpenSSH.Outcome {
        try OpenSSH.run("ssh-add", ["-q", path], environment: ["SSH_AUTH_SOCK": socket])
    }
}
