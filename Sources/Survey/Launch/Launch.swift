package import Core
import FoundationEssentials
import Glibc
import Inspection
import Subprocess
// For the type of a path in Subprocess's own interface.
import SystemPackage
package import Wire

/// Starts servers that speak over standard input and output, asks them what they are, and ends them with everything
/// that they started.
///
/// Only for servers that somebody asked to have started: a program that is launched can do what its user can. The
/// limits keep an honest program with a fault from harming the machine; they are no sandbox.
package struct Launch: Sendable {
    /// A server as its client would start it.
    package struct Server: Sendable {
        package var name: String
        /// The program and its arguments, secrets included; never shown.
        package var command: Redacted<[String]>
        package var environment: Redacted<[String: String]>
        /// The home of the program is a folder of its own; this is only where it begins.
        package var workingDirectory: String?
        package var canonicalKey: String
        /// Where it was declared.
        package var location: String
        package var client: String?
        package var user: String?

        package init(
            name: String,
            command: [String],
            environment: [String: String] = [:],
            workingDirectory: String? = nil,
            canonicalKey: String,
            location: String,
            client: String? = nil,
            user: String? = nil
        ) {
            self.name = name
            self.command = Redacted(command)
            self.environment = Redacted(environment)
            self.workingDirectory = workingDirectory
            self.canonicalKey = canonicalKey
            self.location = location
            self.client = client
            self.user = user
        }
    }

    package struct Limits: Sendable, Hashable {
        /// From the start to the last answer; ending it comes on top, and takes at most `grace` twice and a moment.
        package var total: Duration
        /// Between closing its input, the polite signal, and the one that cannot be ignored.
        package var grace: Duration
        /// The data of one process (RLIMIT_DATA), and the resident memory of all of them together.
        ///
        /// Not the address space: Node.js and Go reserve far more of that than they ever use.
        package var memoryBytes: Int
        package var cpuSeconds: Int
        package var fileBytes: Int
        package var processes: Int
        package var lineBytes: Int
        package var outputBytes: Int
        package var listing: Listing.Limits

        package init(
            total: Duration = .seconds(30),
            grace: Duration = .milliseconds(500),
            memoryBytes: Int = 1 << 30,
            cpuSeconds: Int = 60,
            fileBytes: Int = 64 << 20,
            processes: Int = 64,
            lineBytes: Int = 8 << 20,
            outputBytes: Int = 32 << 20,
            listing: Listing.Limits = .standard
        ) {
            self.total = total
            self.grace = grace
            self.memoryBytes = memoryBytes
            self.cpuSeconds = cpuSeconds
            self.fileBytes = fileBytes
            self.processes = processes
            self.lineBytes = lineBytes
            self.outputBytes = outputBytes
            self.listing = listing
        }
    }

    package let limits: Limits
    private let calls: Calls

    package init(limits: Limits = Limits(), version: String = "0") {
        self.limits = limits
        calls = Calls(client: Implementation(name: "lockstep", title: "Lockstep discovery", version: version))
    }

    /// Starts the server, describes it, and ends it; nothing of it lives when this returns.
    ///
    /// A process that has answered in the modern era may refuse the legacy one from then on, as those of the Python SDK
    /// do. Such a server is started a second time, only to hear whether it would still let a legacy client in.
    @concurrent package func describe(_ server: Server) async -> ProbeOutcome {
        var outcome = await start(server, isLegacyOnly: false)
        let answered =
            outcome.sightings.first?.description?.revisions.compactMap(ProtocolRevision.init(rawValue:)) ?? []
        guard answered.contains(where: { $0.era == .modern }), !answered.contains(where: { $0.era == .legacy }),
            !Task.isCancelled
        else { return outcome }
        let second = await start(server, isLegacyOnly: true)
        outcome.sightings[0].description?.revisions += second.sightings.first?.description?.revisions ?? []
        return outcome
    }

    private func start(_ server: Server, isLegacyOnly: Bool) async -> ProbeOutcome {
        guard let program = server.command.revealed.first, !program.isEmpty,
            !server.command.revealed.contains(where: { $0.utf8.contains(0) })
        else { return missed(server, "it has no command that could be started") }
        guard Self.ignoresBrokenPipes, let home = Self.makeHome() else {
            return missed(server, "no temporary folder could be made for it")
        }
        defer { try? FileManager.default.removeItem(atPath: home) }
        // So long that nobody else carries the same; it proves nothing and is no secret.
        let mark =
            String(UInt64.random(in: .min ... .max), radix: 16) + String(UInt64.random(in: .min ... .max), radix: 16)
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
        do {
            let result = try await run(
                .path("/bin/sh"),
                arguments: Arguments(arguments(server, home: home)),
                environment: .custom(environment(server, home: home, mark: mark)),
                platformOptions: options,
                input: .inputWriter,
                output: .sequence,
                error: .sequence
            ) { execution in
                await attend(execution, server, mark: "\(Self.markName)=\(mark)", isLegacyOnly: isLegacyOnly)
            }
            return result.closureResult
        } catch {
            return missed(server, "it could not be started")
        }
    }

    private func attend(
        _ execution: Execution<CustomWriteInput, SequenceOutput, SequenceOutput>,
        _ server: Server,
        mark: String,
        isLegacyOnly: Bool
    ) async -> ProbeOutcome {
        let inbox = LineInbox(
            LineInbox.Limits(lineBytes: limits.lineBytes, totalBytes: limits.outputBytes, lines: 100_000)
        )
        let tail = StandardErrorTail()
        let guardian = Guardian(root: execution.processIdentifier.value, mark: mark, limits: limits)
        let writer = execution.standardInputWriter
        return await withTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    for try await buffer in execution.standardOutput {
                        guard await inbox.take(Self.bytes(buffer)) else { break }
                    }
                } catch {}
                await inbox.finish()
            }
            group.addTask {
                do {
                    for try await buffer in execution.standardError {
                        await tail.take(Self.bytes(buffer))
                    }
                } catch {}
            }
            group.addTask {
                if await guardian.watch() { await inbox.finish() }
            }
            var conversation = StdioConversation(
                inbox: inbox,
                calls: calls,
                deadline: .now + limits.total,
                write: { bytes in (try? await writer.write(bytes)) == bytes.count }
            )
            var legacy: Introduction?
            if isLegacyOnly { legacy = await conversation.runLegacy() } else { await conversation.run(limits.listing) }
            try? await writer.finish()
            var gaps = conversation.gaps
            if await inbox.isOverfull { gaps.append("it wrote more to standard output than is read") }
            if let excess = await guardian.excess { gaps.append(excess) }
            gaps += await guardian.end()
            group.cancelAll()
            await group.waitForAll()
            if isLegacyOnly { return Self.outcome(legacy, server) }
            return outcome(conversation, server, gaps, lastWords: await tail.lastLine)
        }
    }

    private static func bytes(_ buffer: SubprocessOutputSequence.Buffer) -> [UInt8] {
        unsafe buffer.withUnsafeBytes { unsafe Array($0) }
    }

    private func outcome(
        _ conversation: StdioConversation,
        _ server: Server,
        _ gaps: [String],
        lastWords: String
    ) -> ProbeOutcome {
        let report = conversation.report
        guard report.isModelContextProtocol else {
            var reason = gaps.isEmpty ? "it did not answer as an mcp server does" : gaps.joined(separator: "; ")
            if !lastWords.isEmpty { reason += "; the last line of its standard error is: " + hidden(lastWords, server) }
            return missed(server, reason)
        }
        let introduction = report.modern ?? report.legacy
        let unknown = report.unknownVersions.sorted(by: >).prefix(16).map { Shown.text($0, limit: 64) }
        let description = ServerDescription(
            name: Shown.text(introduction?.server?.name ?? ""),
            title: (introduction?.server?.title).map { Shown.text($0) },
            version: Shown.text(introduction?.server?.version ?? ""),
            instructions: introduction?.instructions,
            revisions: report.revisions.sorted(by: >).map(\.rawValue) + unknown,
            capabilities: .object(introduction?.capabilities ?? [:]),
            definitions: conversation.definitions,
            authentication: .none,
            gaps: gaps,
            areToolsKnown: introduction != nil && conversation.areToolsKnown
        )
        var outcome = ProbeOutcome()
        outcome.sightings = [
            Sighting(
                source: "launch",
                location: server.location,
                canonicalKey: server.canonicalKey,
                name: server.name,
                transport: .stdio,
                client: server.client,
                user: server.user,
                description: description
            )
        ]
        outcome.gaps = gaps.map { CoverageGap(subject: server.canonicalKey, reason: $0) }
        outcome.findings = UnreadTools.finding(description, key: server.canonicalKey).map { [$0] } ?? []
        return outcome
    }

    private static func outcome(_ introduction: Introduction?, _ server: Server) -> ProbeOutcome {
        var outcome = ProbeOutcome()
        guard let introduction else { return outcome }
        outcome.sightings = [
            Sighting(
                source: "launch",
                location: server.location,
                canonicalKey: server.canonicalKey,
                name: server.name,
                transport: .stdio,
                description: ServerDescription(name: "", revisions: introduction.revisions.map(\.rawValue))
            )
        ]
        return outcome
    }

    /// A line of the program without the secrets that it was given, and without what looks like one.
    private func hidden(_ line: String, _ server: Server) -> String {
        var line = line
        let given = server.environment.revealed.values + server.command.revealed.dropFirst()
        for secret in given where secret.utf8.count >= 6 { line = line.replacing(secret, with: "<redacted>") }
        return Credentials.redact(Self.withoutAssignments(line))
    }

    /// A line in which every `token=…` and `password: …` has lost its value, however ordinary the word is.
    static func withoutAssignments(_ line: String) -> String {
        let bytes = Array(line.utf8)
        let space = UInt8(ascii: " ")
        let quotes = [UInt8(ascii: "\""), UInt8(ascii: "'")]
        var shown: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            shown.append(byte)
            index += 1
            guard byte == UInt8(ascii: "=") || byte == UInt8(ascii: ":") else { continue }
            let before = bytes[..<(index - 1)].suffix(64).reversed().drop { $0 == space || quotes.contains($0) }
            let name = String(decoding: before.prefix { Self.isNameByte($0) }.reversed(), as: UTF8.self)
            guard SecretNames.suggestSecret(name) else { continue }
            while index < bytes.count, bytes[index] == space || quotes.contains(bytes[index]) {
                shown.append(bytes[index])
                index += 1
            }
            let rest = bytes[index...].prefix { !Self.ends.contains($0) }
            guard !rest.isEmpty else { continue }
            shown += Array("<redacted>".utf8)
            index = rest.endIndex
        }
        return String(decoding: shown, as: UTF8.self)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || byte == UInt8(ascii: "_")
            || byte == UInt8(ascii: "-")
    }

    /// What ends a value.
    private static let ends = Set(" \t&;,\"'(){}".utf8)

    private func missed(_ server: Server, _ reason: String) -> ProbeOutcome {
        var outcome = ProbeOutcome()
        outcome.gaps = [CoverageGap(subject: server.canonicalKey, reason: reason)]
        return outcome
    }
}

// MARK: - What it is started with

extension Launch {
    private static let markName = "LOCKSTEP_LAUNCH"

    /// The shell sets the limits and then becomes the program, so that not one instruction of it runs without them.
    ///
    /// A limit that is stricter already stays. `-u` is the number of processes in bash, `-p` in dash.
    private static let script = """
        ulimit -c 0
        ulimit -t "$2" 2>/dev/null
        ulimit -f "$3" 2>/dev/null
        ulimit -d "$4" 2>/dev/null
        ulimit -u "$5" 2>/dev/null || ulimit -p "$5" 2>/dev/null
        cd -- "$1" || exit 126
        shift 5
        exec "$@"
        """

    private func arguments(_ server: Server, home: String) -> [String] {
        // The kernel counts all threads of the user, so what others have already started is allowed for.
        let processes = Self.threadsOfMachine() + limits.processes
        let head = [
            "-c", Self.script, "sh", server.workingDirectory ?? home, String(limits.cpuSeconds),
            String(limits.fileBytes / 512), String(limits.memoryBytes / 1024), String(processes),
        ]
        return head + server.command.revealed
    }

    private func environment(_ server: Server, home: String, mark: String) -> [Environment.Key: String] {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        var environment: [Environment.Key: String] = [
            "PATH": path, "HOME": home, "TMPDIR": home, "LANG": "C.UTF-8",
        ]
        for (name, value) in server.environment.revealed {
            let isUsable = !name.isEmpty && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "=") }
            if isUsable, !value.utf8.contains(0) { environment[Environment.Key(stringLiteral: name)] = value }
        }
        environment[Environment.Key(stringLiteral: Self.markName)] = mark
        return environment
    }

    private static func makeHome() -> String? {
        let base = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
        var template = Array("\(base)/lockstep-XXXXXX".utf8CString)
        return unsafe template.withUnsafeMutableBufferPointer { buffer -> String? in
            guard let made = unsafe buffer.baseAddress.flatMap({ unsafe mkdtemp($0) }) else { return nil }
            return unsafe String(cString: made)
        }
    }

    /// How many threads the machine runs, from the fourth field of `/proc/loadavg`.
    private static func threadsOfMachine() -> Int {
        let text = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8)) ?? ""
        let field = text.split(separator: " ").dropFirst(3).first
        return field?.split(separator: "/").last.flatMap { Int($0) } ?? 4096
    }

    /// A program that goes away while it is written to must be a failed write, not the end of this process.
    private static let ignoresBrokenPipes: Bool = {
        signal(SIGPIPE, SIG_IGN)
        return true
    }()
}
