import Core
import FoundationEssentials
import Glibc
package import Playbooks
import Subprocess
import SystemPackage
import Workspace

/// `exec.run`: runs a command that `lockstep.yaml` holds under a name; a playbook may only name it.
///
/// The hook reads its parameters as JSON on standard input and finds `LOCKSTEP_MODE` (`apply` or `observe`) and
/// `LOCKSTEP_KEY` (the same for every attempt at this effect) in its environment. After a crash it is asked with
/// `observe` whether its effect is there: exit code 0 says yes, 3 says no, anything else that it cannot tell, and then a
/// person has to look. Only the exit code and the outputs on standard output (one JSON object, or nothing) count.
package struct RunHook: StepAction {
    let estate: Estate

    package var schema: ActionSchema {
        var schema = ActionSchema(
            name: "exec.run",
            summary: "run a hook of lockstep.yaml",
            effect: .change,
            parameters: [
                .init(
                    "hook",
                    .string,
                    isRequired: true,
                    isName: true,
                    refersTo: .hook,
                    summary: "the name of a hook in lockstep.yaml"
                ),
                .init("with", .map, summary: "what the hook reads as JSON on standard input"),
                .init("token", .string, isSecret: true, summary: "given to the hook as LOCKSTEP_TOKEN"),
            ],
            outputs: [("result", .map)]
        )
        schema.contract = Self.contract
        return schema
    }

    /// What the author of a hook has to know; `lockstep playbook actions exec.run` prints it.
    private static let contract = """
        The hook stands in lockstep.yaml; a playbook only names it:
          hooks:
            revoke_token: {command: [/usr/local/bin/revoke-token, --quiet], timeout: 60s, environment: [HOME]}
        It reads `with` as JSON on standard input and writes one JSON object, or nothing, to standard output.
        Its environment: PATH, the variables that `environment` names, and
          LOCKSTEP_MODE  apply: do it. observe: change nothing, say whether it is done.
          LOCKSTEP_KEY   the same for every attempt at this effect: do nothing twice under one key.
          LOCKSTEP_RUN, LOCKSTEP_STEP, and LOCKSTEP_TOKEN where `token` is given.
        After a crash or kill -9 in the middle it is started with LOCKSTEP_MODE=observe, before anything else.
        Exit code of apply:    0 done, 75 worth another try, anything else failed.
        Exit code of observe:  0 the effect is there, 3 it is not and may be done again, anything else: cannot tell,
                               and then the step waits until a person has looked.
        """

    package func observe(_ request: ActionRequest) async -> Observation {
        do throws(StepError) {
            let (code, output) = try await call(request, mode: "observe")
            switch code {
            case 0: return .done(try result(output, request))
            case 3: return .absent
            default: return .unknown("the hook cannot tell whether its effect is there (exit code \(code))")
            }
        } catch {
            return .unknown(error.message)
        }
    }

    package func apply(_ request: ActionRequest) async throws(StepError) -> ActionResult {
        let (code, output) = try await call(request, mode: "apply")
        guard code == 0 else {
            // 75 is EX_TEMPFAIL of sysexits.h: worth another try.
            throw StepError(
                code == 75 ? .transient : .permanent,
                "the hook `\(request.parameters["hook"]?.string ?? "")` ended with exit code \(code)"
            )
        }
        return try result(output, request)
    }

    package func preview(_ request: ActionRequest) async -> [String] {
        let name = request.parameters["hook"]?.string ?? "?"
        guard let hook = estate.configuration.hooks.first(where: { $0.name == name }) else {
            return ["run the hook `\(name)`, which lockstep.yaml does not hold"]
        }
        return ["run \(hook.command.joined(separator: " ")) (at most \(hook.timeout.brief))"]
    }

    private func result(_ output: [UInt8], _ request: ActionRequest) throws(StepError) -> ActionResult {
        let name = request.parameters["hook"]?.string ?? ""
        guard !output.allSatisfy({ $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }) else {
            return ActionResult(outputs: ["result": [:]], summary: "hook `\(name)` done")
        }
        do throws(JSON.ScanError) {
            let value = Self.masked(try JSON.parse(output, limits: .standard), request.secrets.values.map(\.revealed))
            return ActionResult(outputs: ["result": value], summary: "hook `\(name)` done")
        } catch {
            throw StepError(.permanent, "the output of the hook `\(name)` is not JSON: \(error)")
        }
    }

    /// What a hook says without the secrets that it was given: it may echo them, and outputs are shown and kept.
    private static func masked(_ value: JSON.Value, _ secrets: [String]) -> JSON.Value {
        func masked(_ text: String) -> String {
            secrets.reduce(text) { $1.isEmpty ? $0 : $0.replacing($1, with: "<redacted>") }
        }
        return switch value {
        case .string(let text): .string(masked(text))
        case .array(let items): .array(items.map { Self.masked($0, secrets) })
        case .object(let members):
            .object(JSON.Object(members.map { (key: masked($0.key), value: Self.masked($0.value, secrets)) }))
        default: value
        }
    }

    private func call(_ request: ActionRequest, mode: String) async throws(StepError) -> (Int, [UInt8]) {
        let name = request.parameters["hook"]?.string ?? ""
        guard let hook = estate.configuration.hooks.first(where: { $0.name == name }) else {
            let near = nearest(to: name, in: estate.configuration.hooks.map(\.name))
            throw StepError(
                .permanent,
                "there is no hook `\(name)` in lockstep.yaml",
                help: near.map { "did you mean `\($0)`?" }
            )
        }
        let inherited = ProcessInfo.processInfo.environment
        var environment: [Environment.Key: String] = ["PATH": "/usr/local/bin:/usr/bin:/bin"]
        for key in hook.environment { environment[Environment.Key(stringLiteral: key)] = inherited[key] }
        environment["LOCKSTEP_MODE"] = mode
        environment["LOCKSTEP_KEY"] = request.idempotencyKey
        environment["LOCKSTEP_RUN"] = request.run.text
        environment["LOCKSTEP_STEP"] = request.instance.description
        if let token = request.secrets["token"] { environment["LOCKSTEP_TOKEN"] = token.revealed }
        let given = environment
        let lock = try lockFile(request.idempotencyKey)
        // A file and no pipe: a hook may leave its input unread.
        let input = lock + ".json"
        do throws(WorkspaceError) {
            try DurableFile.write(JSON.canonical(request.parameters["with"] ?? [:]), to: input)
        } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        do {
            return try await withThrowingTaskGroup(of: (Int, [UInt8])?.self) { group in
                group.addTask { try await Self.launch(hook, lock, given, input) }
                group.addTask {
                    try await Task.sleep(for: hook.timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let first = try await group.next(), let answer = first else {
                    throw StepError(.timeout, "the hook `\(name)` took longer than \(hook.timeout.brief)")
                }
                // Only after a hook that ended: the lock of one that may still run must be found by the next attempt.
                unsafe unlink(lock)
                unsafe unlink(input)
                return answer
            }
        } catch let error as StepError {
            throw error
        } catch {
            throw StepError(.permanent, "the hook `\(name)` could not be run")
        }
    }

    /// The file that a hook of this effect holds locked while it runs.
    private func lockFile(_ key: String) throws(StepError) -> String {
        do throws(WorkspaceError) {
            try DurableFile.makeFolder("\(estate.folder.state)/hooks")
        } catch {
            throw StepError(.permanent, error.message, help: error.help)
        }
        return "\(estate.folder.state)/hooks/\(Digest.sha256(Array(key.utf8)).hex).lock"
    }

    /// Starts the hook under a lock that it holds itself, so that it stays held when this process is killed.
    ///
    /// Whoever asks after a crash whether the effect is there then waits until the hook from before has ended: asked
    /// earlier, it would say no, and the effect would come twice. `flock` is part of util-linux, which every Debian has.
    private static func launch(
        _ hook: Workspace.Configuration.Hook,
        _ lock: String,
        _ environment: [Environment.Key: String],
        _ input: String
    ) async throws -> (Int, [UInt8]) {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(2)),
            .send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(100)),
        ]
        let source = try unsafe FileDescriptor.open(input, .readOnly)
        let done = try await Subprocess.run(
            .path("/usr/bin/flock"),
            arguments: Arguments(["--no-fork", lock] + hook.command),
            environment: .custom(environment),
            platformOptions: options,
            input: .fileDescriptor(source, closeAfterSpawningProcess: true),
            output: .bytes(limit: 1 << 20),
            error: .discarded
        )
        let code: Int =
            switch done.terminationStatus {
            case .exited(let code): Int(code)
            default: -1
            }
        return (code, done.standardOutput)
    }
}
