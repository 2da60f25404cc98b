/// The parts of a command line that name something.
extension CommandReader {
    func container(_ rest: [String]) -> CommandIdentity? {
        if rest.first == "mcp" { return CommandIdentity(kind: .command, name: "docker-mcp-gateway") }
        if let exec = Self.after(["exec"], rest) {
            return firstFree(exec, Self.containerFlagsWithValue).map {
                CommandIdentity(kind: .command, name: "container-\($0)")
            }
        }
        guard let run = Self.after(["run"], rest) ?? Self.after(["run"], Array(rest.dropFirst())),
            let image = firstFree(run, Self.containerFlagsWithValue)
        else { return nil }
        return Self.image(image)
    }

    static func image(_ text: String) -> CommandIdentity? {
        var name = text[...]
        var version: String?
        if let at = text.firstIndex(of: "@") {
            version = String(text[text.index(after: at)...])
            name = text[..<at]
        }
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") {
            version = version ?? String(name[name.index(after: colon)...])
            name = name[..<colon]
        }
        for prefix in ["docker.io/library/", "docker.io/", "index.docker.io/"] where name.hasPrefix(prefix) {
            name = name.dropFirst(prefix.count)
            break
        }
        guard isName(String(name)) else { return nil }
        return CommandIdentity(kind: .oci, name: name.lowercased(), version: version)
    }

    func nuget(_ rest: [String]) -> CommandIdentity? {
        firstFree(rest, ["--version", "--source"]).flatMap { Self.versioned(.nuget, $0) }
    }

    func go(_ rest: [String]) -> CommandIdentity? {
        guard let target = firstFree(rest, ["-C", "-mod", "-tags"]) else { return nil }
        if target.hasPrefix(".") || target.hasPrefix("/") { return CommandIdentity(kind: .script, name: target) }
        return Self.versioned(.go, target)
    }

    func jar(_ rest: [String]) -> CommandIdentity? {
        guard let flag = rest.firstIndex(of: "-jar"), flag + 1 < rest.count else { return nil }
        return CommandIdentity(kind: .script, name: rest[flag + 1])
    }

    func firstFree(_ rest: [String], _ withValue: Set<String>) -> String? {
        var position = 0
        while position < rest.count {
            let word = rest[position]
            if withValue.contains(word) {
                position += 2
            } else if word.hasPrefix("-") {
                position += 1
            } else {
                return word
            }
        }
        return nil
    }

    /// A program that a package manager has put somewhere; the path or the name tells the package.
    static func installed(_ path: String, _ rest: [String]) -> CommandIdentity? {
        let parts = path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).map(String.init)
        if let folder = parts.lastIndex(of: "node_modules"), folder + 1 < parts.count, parts[folder + 1] != ".bin" {
            let first = parts[folder + 1]
            let name = first.hasPrefix("@") && folder + 2 < parts.count ? "\(first)/\(parts[folder + 2])" : first
            let identity = CommandIdentity(kind: .npm, name: name.lowercased(), version: "0-installed")
            return remote(identity, rest) ?? identity
        }
        let name = baseName(path)
        let bridge = CommandIdentity(kind: .npm, name: name, version: "0-installed")
        if let remote = remote(bridge, rest) { return remote }
        let isScript = [".js", ".mjs", ".cjs", ".ts", ".py", ".sh", ".rb", ".jar"].contains { name.hasSuffix($0) }
        // `mcp-server-git` is the console script of the package with the same name.
        if !isScript, name.hasPrefix("mcp-server-"), isName(name) {
            return CommandIdentity(kind: .pypi, name: normalised(name), version: "0-installed")
        }
        return isScript ? CommandIdentity(kind: .script, name: path) : nil
    }

    /// A bridge to a server elsewhere: that server is what counts.
    static func remote(_ identity: CommandIdentity?, _ rest: [String]) -> CommandIdentity? {
        guard let identity, bridges.contains(identity.name) else { return nil }
        for word in rest {
            if let address = CanonicalKey.address(word) {
                return CommandIdentity(kind: .remote, name: CanonicalKey.url(address), version: identity.version)
            }
        }
        return nil
    }

    static func git(_ text: String) -> CommandIdentity? {
        var url = text[...]
        if let at = url.firstRange(of: "git+") { url = url[at.upperBound...] }
        if url.hasPrefix("github:") { url = "https://github.com/" + url.dropFirst(7) }
        if let stop = url.firstIndex(where: { $0 == "#" || $0 == "?" || $0 == " " }) {
            let fragment = url[url.index(after: stop)...]
            url = url[..<stop]
            return CanonicalKey.address(String(url)).map {
                CommandIdentity(kind: .git, name: $0.text, version: fragment.isEmpty ? nil : String(fragment))
            }
        }
        var version: String?
        if let at = url.lastIndex(of: "@"), let slashes = url.firstRange(of: "://"),
            url[slashes.upperBound...].firstIndex(of: "/").map({ $0 < at }) ?? false
        {
            version = String(url[url.index(after: at)...])
            url = url[..<at]
        }
        return CanonicalKey.address(String(url)).map { CommandIdentity(kind: .git, name: $0.text, version: version) }
    }

    static func after(_ names: Set<String>, _ rest: [String]) -> [String]? {
        guard let index = rest.firstIndex(where: { !$0.hasPrefix("-") }), names.contains(rest[index]) else {
            return nil
        }
        return Array(rest[(index + 1)...])
    }

    static func joined(_ folder: String?, _ file: String) -> String {
        guard let folder, !file.hasPrefix("/") else { return file }
        return folder.hasSuffix("/") ? folder + file : "\(folder)/\(file)"
    }

    static func split(_ text: String) -> [String] {
        text.split(whereSeparator: \.isWhitespace).map { word in
            String(word.drop { "'\"".contains($0) }.reversed().drop { "'\"".contains($0) }.reversed())
        }
    }

    static func baseName(_ path: String) -> String {
        var name = path.split(whereSeparator: { $0 == "/" || $0 == "\\" }).last.map { $0.lowercased() } ?? ""
        for suffix in [".exe", ".cmd", ".bat", ".ps1"] where name.hasSuffix(suffix) {
            name.removeLast(suffix.count)
        }
        return name
    }

    /// What registries allow in a name; a redacted word is none.
    static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 256
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || [0x2D, 0x2E, 0x2F, 0x3A, 0x40, 0x5F, 0x7E].contains($0)
            }
    }
}

extension CommandReader {
    private static let launcherFlags: [String: Set<String>] = {
        var table: [String: Set<String>] = [:]
        for name in ["npx", "pnpx", "bunx", "npm", "pnpm", "yarn", "bun"] { table[name] = npmFlagsWithValue }
        for name in ["uvx", "uv", "pipx"] { table[name] = uvFlagsWithValue }
        for name in ["docker", "podman", "nerdctl"] { table[name] = containerFlagsWithValue }
        return table
    }()

    /// The words that a launcher reads itself, up to the name of what it starts; none where it signs somebody in.
    static func launcherWords(_ words: [String]) -> Range<Int> {
        guard let start = words.prefix(8).firstIndex(where: { launcherFlags[baseName($0)] != nil }),
            let withValue = launcherFlags[baseName(words[start])]
        else {
            // The port of a connection, and parents of a folder.
            return words.first.map { ["ssh", "mkdir"].contains(baseName($0)) } == true
                ? 0..<words.count : 0..<0
        }
        let subcommands: Set<String> = ["run", "exec", "x", "tool", "dlx", "container", "compose", "create", "start"]
        var position = start + 1
        while position < words.count {
            let word = words[position]
            if subcommands.contains(word) {
                position += 1
            } else if withValue.contains(word) {
                position += 2
            } else if word.hasPrefix("-") {
                position += 1
            } else {
                break
            }
        }
        return start..<min(position, words.count)
    }
}
