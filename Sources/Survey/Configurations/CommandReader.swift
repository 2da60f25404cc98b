/// Peels launchers off a command line until something with a name of its own is left.
struct CommandReader {
    var words: [String]
    private var depth = 0

    init(words: [String]) {
        self.words = words
    }

    static let npmFlagsWithValue: Set<String> = [
        "-p", "--package", "--registry", "--cache", "--userconfig", "-w", "--workspace", "--node-options", "--prefix",
    ]
    static let uvFlagsWithValue: Set<String> = [
        "--from", "--with", "--python", "-p", "--index", "--index-url", "-i", "--extra-index-url", "--directory",
        "--project", "--with-requirements", "--with-editable", "--cache-dir", "--config-file", "--env-file", "--extra",
        "--group", "-w", "--refresh-package", "--default-index", "--find-links", "--prerelease", "--link-mode",
    ]
    static let containerFlagsWithValue: Set<String> = [
        "-e", "--env", "--env-file", "-v", "--volume", "--mount", "-p", "--publish", "--name", "--network", "--net",
        "-w",
        "--workdir", "-u", "--user", "--entrypoint", "--add-host", "-l", "--label", "-m", "--memory", "--cpus",
        "--platform", "--pull", "--restart", "-h", "--hostname", "--ip", "--device", "--gpus", "--log-driver",
        "--log-opt",
        "--security-opt", "--cap-add", "--cap-drop", "--tmpfs", "--ulimit", "--shm-size", "--pid", "--ipc", "--dns",
        "--runtime", "--userns", "--stop-timeout", "--pids-limit", "--volumes-from", "--secret",
    ]
    static let bridges: Set<String> = [
        "mcp-remote", "mcp-proxy", "supergateway", "mcp-remote-client", "@geelen/mcp-remote",
        "@modelcontextprotocol/mcp-remote", "mcp-remote-go", "mcp-client-remote",
    ]

    mutating func identity() -> CommandIdentity? {
        depth += 1
        guard depth < 8, let executable = words.first else { return nil }
        let rest = Array(words.dropFirst())
        let name = Self.baseName(executable)
        switch name {
        case "env", "nohup", "setsid", "exec", "command", "time", "wsl", "caffeinate", "sudo", "doas", "nice", "stdbuf",
            "timeout", "dotenv", "dotenvx", "op", "doppler", "infisical":
            return wrapped(rest)
        case "cmd", "sh", "bash", "zsh", "dash", "fish", "powershell", "pwsh":
            return shell(rest, isWindows: name == "cmd")
        case "npx", "pnpx", "bunx": return npm(rest)
        case "npm": return Self.after(["exec", "x"], rest).flatMap { npm($0) } ?? nil
        case "pnpm", "yarn": return Self.after(["dlx", "exec"], rest).flatMap { npm($0) }
        case "bun": return Self.after(["x"], rest).flatMap { npm($0) } ?? script(Self.after(["run"], rest) ?? rest)
        case "deno": return script(Self.after(["run", "serve"], rest) ?? rest)
        case "node", "tsx", "ts-node", "nodejs", "electron": return script(rest)
        case "uvx": return python(rest)
        case "uv":
            if let tool = Self.after(["tool"], rest), let run = Self.after(["run"], tool) { return python(run) }
            return Self.after(["run"], rest).flatMap { uvRun($0) }
        case "pipx": return Self.after(["run"], rest).flatMap { python($0, specification: "--spec") }
        case "docker", "podman", "nerdctl": return container(rest)
        case "dnx": return nuget(rest)
        case "go": return Self.after(["run"], rest).flatMap { go($0) }
        case "java": return jar(rest)
        case "fastmcp", "mcp": return fastMCP(rest)
        default: break
        }
        if name.hasPrefix("python") || name == "py" || name.hasPrefix("pypy") { return pythonInterpreter(rest) }
        return Self.installed(executable, rest)
    }

    mutating func again(_ words: [String]) -> CommandIdentity? {
        self.words = words
        return identity()
    }

    /// `env A=b cmd`, `sudo -u x cmd`, `timeout 5 cmd`, `op run -- cmd`.
    mutating func wrapped(_ rest: [String]) -> CommandIdentity? {
        if let end = rest.firstIndex(of: "--") { return again(Array(rest[(end + 1)...])) }
        var rest = rest[...]
        while let word = rest.first {
            if ["-u", "-n", "-S", "-C", "-k", "-s"].contains(word) {
                rest = rest.dropFirst(2)
            } else if word.hasPrefix("-") || word.contains("=")
                || word.utf8.allSatisfy({ (0x2E...0x39).contains($0) || $0 == 0x73 })
            {
                rest = rest.dropFirst()
            } else {
                break
            }
        }
        return rest.isEmpty ? nil : again(Array(rest))
    }

    mutating func shell(_ rest: [String], isWindows: Bool) -> CommandIdentity? {
        if isWindows {
            guard let start = rest.firstIndex(where: { $0.lowercased() == "/c" || $0.lowercased() == "/k" }) else {
                return nil
            }
            return again(rest[(start + 1)...].flatMap { Self.split($0) })
        }
        guard let start = rest.firstIndex(where: { $0.hasPrefix("-") && !$0.hasPrefix("--") && $0.hasSuffix("c") }),
            start + 1 < rest.count
        else {
            return rest.first { !$0.hasPrefix("-") }.map { CommandIdentity(kind: .script, name: $0) }
        }
        let text = rest[start + 1]
        // Pipes and sequences start more than one program: no single name would be right.
        guard !text.contains("|"), !text.contains(";") else { return nil }
        let last = text.split(separator: "&&").last.map(String.init) ?? text
        var words = Self.split(last)
        while let first = words.first, first.contains("="), !first.hasPrefix("-") { words.removeFirst() }
        if words.first == "exec" { words.removeFirst() }
        return words.isEmpty ? nil : again(words)
    }

    func npm(_ rest: [String]) -> CommandIdentity? {
        var package: String?
        var position = 0
        while position < rest.count {
            let word = rest[position]
            if word == "-p" || word == "--package", position + 1 < rest.count {
                package = package ?? rest[position + 1]
                position += 2
            } else if word.hasPrefix("--package=") {
                package = package ?? String(word.dropFirst(10))
                position += 1
            } else if Self.npmFlagsWithValue.contains(word) {
                position += 2
            } else if word.hasPrefix("-") {
                position += 1
            } else {
                break
            }
        }
        guard let specification = package ?? (position < rest.count ? rest[position] : nil) else { return nil }
        let identity = Self.npmPackage(specification)
        return Self.remote(identity, rest) ?? identity
    }

    static func npmPackage(_ text: String) -> CommandIdentity? {
        if text.hasPrefix("git+") || text.hasPrefix("github:") || text.hasPrefix("https://") { return git(text) }
        if text.hasPrefix("jsr:") { return versioned(.jsr, String(text.dropFirst(4))) }
        if text.hasPrefix(".") || text.hasPrefix("/") || text.hasPrefix("~") {
            return CommandIdentity(kind: .script, name: text)
        }
        return versioned(.npm, text)
    }

    /// `name@version`, where a scope begins with `@` too.
    static func versioned(_ kind: CommandIdentity.Kind, _ text: String) -> CommandIdentity? {
        var name = text
        var version: String?
        if let at = text.utf8.lastIndex(of: UInt8(ascii: "@")), at != text.startIndex {
            name = String(text[..<at])
            version = String(text[text.index(after: at)...])
        }
        guard isName(name) else { return nil }
        return CommandIdentity(kind: kind, name: name.lowercased(), version: version)
    }

    func python(_ rest: [String], specification: String = "--from") -> CommandIdentity? {
        var package: String?
        var position = 0
        while position < rest.count {
            let word = rest[position]
            if word == specification, position + 1 < rest.count {
                package = rest[position + 1]
                position += 2
            } else if word.hasPrefix(specification + "=") {
                package = String(word.dropFirst(specification.count + 1))
                position += 1
            } else if Self.uvFlagsWithValue.contains(word) {
                position += 2
            } else if word.hasPrefix("-") {
                position += 1
            } else {
                break
            }
        }
        guard let specification = package ?? (position < rest.count ? rest[position] : nil) else { return nil }
        let identity = Self.pythonPackage(specification)
        return Self.remote(identity, rest) ?? identity
    }

    /// `name[extra]==1.2`, `name@1.2`, `git+https://…`, a folder (PEP 508, and uv's own `@`).
    static func pythonPackage(_ text: String) -> CommandIdentity? {
        if text.contains("git+") || text.contains("://") { return git(text) }
        if text.hasPrefix(".") || text.hasPrefix("/") || text.hasPrefix("~") {
            return CommandIdentity(kind: .script, name: text)
        }
        var name = text[...]
        var version: String?
        if let stop = text.unicodeScalars.firstIndex(where: { "=<>!~@ ;".unicodeScalars.contains($0) }) {
            name = text[..<stop]
            let operators = text[stop...].prefix { "=<>!~@ ".contains($0) }
            let wanted = text[stop...].dropFirst(operators.count).prefix { !", ;".contains($0) }
            let isExact = operators.contains("==") || operators.contains("@")
            version = isExact ? String(wanted) : String(operators) + String(wanted)
        }
        if let bracket = name.firstIndex(of: "[") { name = name[..<bracket] }
        guard isName(String(name)) else { return nil }
        return CommandIdentity(kind: .pypi, name: normalised(String(name)), version: version)
    }

    /// PEP 503.
    static func normalised(_ name: String) -> String {
        name.lowercased().split { "-_.".contains($0) }.joined(separator: "-")
    }

    mutating func uvRun(_ rest: [String]) -> CommandIdentity? {
        var folder: String?
        var position = 0
        while position < rest.count {
            let word = rest[position]
            if word == "--directory" || word == "--project", position + 1 < rest.count { folder = rest[position + 1] }
            if word == "-m" || word == "--module" { return pythonInterpreter(Array(rest[position...])) }
            if Self.uvFlagsWithValue.contains(word) {
                position += 2
            } else if word.hasPrefix("-") {
                position += 1
            } else {
                break
            }
        }
        guard position < rest.count else { return nil }
        let target = rest[position]
        if target.hasSuffix(".py") {
            return CommandIdentity(kind: .script, name: Self.joined(folder, target))
        }
        if let identity = again(Array(rest[position...])) {
            if identity.kind == .script, let folder, !identity.name.hasPrefix("/") {
                return CommandIdentity(kind: .script, name: Self.joined(folder, identity.name))
            }
            if identity.kind != .command { return identity }
        }
        if let folder { return CommandIdentity(kind: .script, name: Self.joined(folder, target)) }
        return nil
    }

    mutating func pythonInterpreter(_ rest: [String]) -> CommandIdentity? {
        var position = 0
        while position < rest.count {
            let word = rest[position]
            if word == "-m" || word == "--module" {
                guard position + 1 < rest.count else { return nil }
                let module = rest[position + 1]
                let top = module.split(separator: ".").first.map(String.init) ?? module
                if ["fastmcp", "mcp"].contains(top) { return fastMCP(Array(rest[(position + 2)...])) }
                guard Self.isName(top) else { return nil }
                // The installed version is whatever is there, so it counts as given.
                return CommandIdentity(kind: .pypi, name: Self.normalised(top), version: "0-installed")
            }
            if word == "-c" { return nil }
            if ["-W", "-X"].contains(word) {
                position += 2
            } else if word.hasPrefix("-") || CommandIdentity.isHidden(word) {
                position += 1
            } else {
                return Self.installed(word, Array(rest[(position + 1)...]))
                    ?? CommandIdentity(kind: .script, name: word)
            }
        }
        return nil
    }

    func fastMCP(_ rest: [String]) -> CommandIdentity? {
        guard let run = Self.after(["run", "dev"], rest) else { return nil }
        guard let file = run.first(where: { !$0.hasPrefix("-") }) else { return nil }
        let path = file.hasPrefix("http") ? file : String(file.split(separator: ":").first ?? "")
        return CommandIdentity(kind: .script, name: path)
    }

    func script(_ rest: [String]) -> CommandIdentity? {
        var position = 0
        while position < rest.count {
            let word = rest[position]
            if ["-r", "--require", "--import", "--loader", "--env-file", "-c", "--config", "--import-map"].contains(
                word
            ) {
                position += 2
            } else if ["-e", "--eval", "-p"].contains(word) {
                return nil
            } else if word.hasPrefix("-") || CommandIdentity.isHidden(word) {
                position += 1
            } else {
                if word.hasPrefix("npm:") || word.hasPrefix("jsr:") {
                    let kind: CommandIdentity.Kind = word.hasPrefix("npm:") ? .npm : .jsr
                    return Self.versioned(kind, String(word.dropFirst(4)))
                }
                return Self.installed(word, Array(rest[(position + 1)...]))
                    ?? CommandIdentity(kind: .script, name: word)
            }
        }
        return nil
    }
}
