import Core

/// What a command line starts, told apart from how it is started.
///
/// Two people who run the same package with other arguments run the same server; so the identity is the package where
/// there is one, a script's path else, and the digest of the shown command where neither can be told.
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
        return reader.identity() ?? digest(of: words)
    }

    static func digest(of words: [String]) -> CommandIdentity {
        // A zero cannot be part of an argument, so it keeps `a b` and `a`, `b` apart.
        let bytes = words.joined(separator: "\0").utf8
        return CommandIdentity(kind: .command, name: Digest.sha256(bytes).description)
    }
}
