package import Core

/// What a command line starts, told apart from how it is started.
///
/// Two people who run the same package with other arguments run the same server; so the identity is the package where
/// there is one. A script is whatever its arguments make of it: its identity is its path, and its key has a digest of
/// the shown arguments as well. Where neither can be told, it is the digest of the shown command.
package struct CommandIdentity: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable {
        case npm, pypi, oci, jsr, go, nuget, git, script, remote, command
    }

    package var kind: Kind
    package var name: String
    /// The version that the command asks for; nil where it takes the newest.
    package var version: String?

    package init(kind: Kind, name: String, version: String? = nil) {
        self.kind = kind
        self.name = name
        self.version = version
    }

    package var text: String { kind == .remote ? name : "\(kind.rawValue):\(name)" }

    /// The words after a script in the command that starts it; empty for everything that is no script.
    package func arguments(in words: [String]) -> [String] {
        guard kind == .script else { return [] }
        var words = words[...]
        // The last word of `sh -c` is a command line of its own.
        if let last = words.last, words.count > 1, last.contains(name), last != name, !last.hasSuffix("/" + name) {
            words = CommandReader.split(last)[...]
        }
        let place = words.dropFirst().firstIndex { $0 == name || name.hasSuffix("/" + $0) || $0.hasPrefix(name + ":") }
        return place.map { Array(words[($0 + 1)...]) } ?? []
    }

    /// The key of what a command starts on a host, and the one that it had before arguments were part of it.
    package func key(host: String, words: [String]) -> (key: String, former: Sighting.FormerKey?) {
        let plain = CanonicalKey.stdio(host: host, identity: text)
        let arguments = arguments(in: words)
        guard !arguments.isEmpty else { return (plain, nil) }
        // A zero cannot be part of an argument, so it keeps `a b` and `a`, `b` apart.
        let digest = Digest.sha256(arguments.joined(separator: "\0").utf8).hex.prefix(12)
        return ("\(plain)#\(digest)", Sighting.FormerKey(key: plain, arguments: arguments))
    }

    /// Whether each start may run other code than the last, because a registry decides what the name means.
    package var isUnpinned: Bool {
        switch kind {
        case .npm, .pypi, .oci, .jsr, .go, .nuget, .git: break
        case .script, .remote, .command: return false
        }
        guard let version, !version.isEmpty else { return true }
        if version.hasPrefix("sha256:") { return false }
        if ["latest", "next", "beta", "canary", "main", "master", "nightly", "edge", "stable", "dev"].contains(version)
        {
            return true
        }
        return version.unicodeScalars.contains { "^~*<> |".unicodeScalars.contains($0) }
            || !version.unicodeScalars.contains { ("0"..."9").contains($0) }
    }
}

extension CommandIdentity {
    /// Reads the identity from a command line whose secrets are already taken out.
    package static func of(_ words: [String]) -> CommandIdentity {
        var reader = CommandReader(words: words)
        guard let identity = reader.identity() else { return digest(of: words) }
        // An address says where it leads without its hidden part; any other name does not.
        guard identity.kind == .remote || !isHidden(identity.name) else { return digest(of: words) }
        return identity
    }

    /// Whether a part of a word has been taken out: such a word names nothing.
    static func isHidden(_ word: String) -> Bool { word.contains(SecretHiding.mark) }

    /// The identity of a server that a configuration names.
    ///
    /// Where nothing but a command with hidden parts tells what is started, two such commands may differ in what is
    /// hidden: then the name counts as well.
    static func of(_ words: [String], named name: String) -> CommandIdentity {
        let identity = of(words)
        guard identity.kind == .command, identity == digest(of: words), words.contains(where: isHidden) else {
            return identity
        }
        return digest(of: words + [name])
    }

    static func digest(of words: [String]) -> CommandIdentity {
        // A zero cannot be part of an argument, so it keeps `a b` and `a`, `b` apart.
        let bytes = words.joined(separator: "\0").utf8
        return CommandIdentity(kind: .command, name: Digest.sha256(bytes).description)
    }
}
