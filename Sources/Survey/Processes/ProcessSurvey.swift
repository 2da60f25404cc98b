package import Core
import Inspection

/// Looks at the processes and listening sockets of this machine, without touching either.
package struct ProcessSurvey: Sendable {
    /// A program that uses servers and is running now.
    package struct RunningClient: Sendable, Hashable {
        package var client: String
        package var process: Int
        package var user: String
    }

    package struct Result: Sendable {
        /// Sightings of servers and model servers, with the gaps.
        package var survey: SurveyResult
        /// Every listening TCP socket; a probe may ask those that have a `loopbackAddress`.
        package var sockets: [ListeningSocket]
        package var clients: [RunningClient]
    }

    /// Where `/proc` is; another folder in tests.
    package var procRoot: String
    /// Names of users, in the form of `passwd(5)`.
    package var passwdFile: String
    package var host: String
    /// The keyed digest of a secret, or an empty text where no key is at hand.
    package var digest: @Sendable (String) -> String

    package init(
        procRoot: String = "/proc",
        passwdFile: String = "/etc/passwd",
        host: String,
        digest: @escaping @Sendable (String) -> String
    ) {
        self.procRoot = procRoot
        self.passwdFile = passwdFile
        self.host = host
        self.digest = digest
    }

    package func run() -> Result {
        var table = ProcessTable(root: procRoot)
        let processes = table.processes()
        var sockets = table.listeningSockets()
        let owners = sockets.isEmpty ? [:] : table.owners(processes)
        let users = userNames()
        var listeners: Set<Int> = []
        for index in sockets.indices {
            sockets[index].process = owners[sockets[index].inode]
            if let process = sockets[index].process { listeners.insert(process) }
        }
        var result = Result(survey: SurveyResult(), sockets: [], clients: [])
        var keys: [Int: String] = [:]
        var labels: [Int: String] = [:]
        for process in processes {
            var hiding = SecretHiding(digest: digest)
            let words = hiding.command(process.words)
            let identity = CommandIdentity.of(words)
            guard let role = ProcessRecognition.role(words, identity) else { continue }
            let user = users[process.user] ?? "\(process.user)"
            switch role {
            case .client(let client):
                // Helpers of an application run the same program; its first process stands for all.
                labels[process.id] = client
                if labels[process.parent] != client {
                    result.clients.append(RunningClient(client: client, process: process.id, user: user))
                }
            case .server, .modelServer:
                let sighting = sighting(
                    process,
                    role,
                    identity,
                    words,
                    hiding.references,
                    user,
                    isListening: listeners.contains(process.id)
                )
                labels[process.id] = sighting.name
                keys[process.id] = sighting.canonicalKey
                // A launcher and what it launched are one server.
                if keys[process.parent] != sighting.canonicalKey { result.survey.sightings.append(sighting) }
            }
        }
        for index in sockets.indices {
            if let process = sockets[index].process { sockets[index].label = labels[process] }
        }
        result.sockets = sockets.sorted { ($0.port, $0.address) < ($1.port, $1.address) }
        result.survey.examined = ["processes": table.examined, "sockets": sockets.count]
        result.survey.gaps = table.allGaps()
        let unowned = sockets.count { $0.process == nil }
        if unowned > 0 {
            result.survey.gaps.append(
                CoverageGap(
                    subject: "\(procRoot)/net",
                    reason: "the process is unknown for \(unowned) of \(sockets.count) listening sockets"
                )
            )
        }
        return result
    }

    private func sighting(
        _ process: RunningProcess,
        _ role: ProcessRole,
        _ identity: CommandIdentity,
        _ words: [String],
        _ secrets: [SecretReference],
        _ user: String,
        isListening: Bool
    ) -> Sighting {
        let location = "process \(process.id)"
        if case .modelServer(let name) = role {
            return Sighting(
                source: "process",
                location: location,
                canonicalKey: CanonicalKey.stdio(host: host, identity: "model:\(name)"),
                name: name,
                kind: .modelServer,
                transport: .unknown,
                command: words,
                secrets: secrets,
                user: user
            )
        }
        var key = identity.name
        var former: Sighting.FormerKey?
        if identity.kind == .remote {
            // Asked in the clear, because the shown words have lost what tells two secret paths apart.
            var hiding = SecretHiding(digest: digest)
            let address = process.words.first { CanonicalKey.address($0) != nil }.flatMap { hiding.address($0) }
            if let address { key = CanonicalKey.url(address) }
        } else {
            (key, former) = identity.key(host: host, words: words)
        }
        return Sighting(
            source: "process",
            location: location,
            canonicalKey: key,
            former: former,
            name: name(identity, process),
            transport: isListening || identity.kind == .remote ? .unknown : .stdio,
            url: identity.kind == .remote ? key : nil,
            command: words,
            secrets: secrets,
            user: user
        )
    }

    /// The last part of a package's name, or of a script's path; the kernel's name for a plain program.
    private func name(_ identity: CommandIdentity, _ process: RunningProcess) -> String {
        switch identity.kind {
        case .command: Credentials.redact(process.name)
        case .remote: CanonicalKey.address(identity.name)?.host ?? identity.name
        default: identity.name.split(separator: "/").last.map(String.init) ?? identity.name
        }
    }

    private func userNames() -> [UInt32: String] {
        guard let bytes = try? ReadOnlyFiles.read(passwdFile, limit: 8 << 20).bytes else { return [:] }
        var names: [UInt32: String] = [:]
        for line in bytes.split(separator: 0x0A) {
            let fields = String(decoding: line, as: UTF8.self).split(separator: ":", omittingEmptySubsequences: false)
            if fields.count >= 3, let id = UInt32(fields[2]), names[id] == nil { names[id] = String(fields[0]) }
        }
        return names
    }
}
