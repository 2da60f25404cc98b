/// How a server is reached.
package enum Transport: String, Sendable, Hashable, CaseIterable {
    case stdio
    case streamableHTTP = "streamable-http"
    case legacySSE = "http+sse"
    case webSocket = "websocket"
    case unknown
}

/// What kind of thing was found.
package enum ServerKindOfThing: String, Sendable, Hashable, CaseIterable {
    case mcp
    case agent = "a2a-agent"
    case modelServer = "model-server"
    /// Answers on its port, but speaks nothing that we know.
    case other
}

/// One look at one server by one source: a line in a client's configuration, an answer on a port, a process.
///
/// A sighting never holds a secret: values of `env`, `headers` and secret arguments are replaced by keyed digests
/// before a sighting is made.
package struct Sighting: Sendable, Hashable {
    /// Which look found it: `configuration`, `network`, `process`, `launch`, `model`.
    package var source: String
    /// Where exactly: a file and the key in it, `host:port`, a process id.
    package var location: String
    /// The unique key that joins sightings of the same server (design: URL, or host plus package or command digest).
    package var canonicalKey: String
    /// The key that earlier versions gave to it, for a server whose row must stay the same one.
    package var former: FormerKey?
    /// The name that the source uses; a candidate for the slug and for an alias.
    package var name: String
    package var kind: ServerKindOfThing
    package var transport: Transport
    package var url: String?
    /// The command of a stdio server without its secrets.
    package var command: [String]
    /// Names of environment variables and headers, each with the keyed digest of its value where it looks secret.
    package var secrets: [SecretReference]
    /// Which client or user declares it, for example `claude-desktop` of user `ana`.
    package var client: String?
    package var user: String?
    /// What an answering server said about itself, if it was asked.
    package var description: ServerDescription?

    /// A key that did not yet tell the arguments of a script apart.
    package struct FormerKey: Sendable, Hashable {
        package var key: String
        /// What the command of the row under that key ends in, if it is this server's row.
        package var arguments: [String]

        package init(key: String, arguments: [String]) {
            self.key = key
            self.arguments = arguments
        }
    }

    package init(
        source: String,
        location: String,
        canonicalKey: String,
        former: FormerKey? = nil,
        name: String,
        kind: ServerKindOfThing = .mcp,
        transport: Transport,
        url: String? = nil,
        command: [String] = [],
        secrets: [SecretReference] = [],
        client: String? = nil,
        user: String? = nil,
        description: ServerDescription? = nil
    ) {
        self.source = source
        self.location = location
        self.canonicalKey = canonicalKey
        self.former = former
        self.name = name
        self.kind = kind
        self.transport = transport
        self.url = url
        self.command = command
        self.secrets = secrets
        self.client = client
        self.user = user
        self.description = description
    }
}

/// The name of a secret and a keyed digest of its value: enough to see that two places share one, never the value.
package struct SecretReference: Sendable, Hashable {
    /// `env:API_KEY`, `header:Authorization`, `argument:3`.
    package var name: String
    /// `hmac-sha256:<key id>:<hex>`, or empty when no key was at hand.
    package var digest: String

    package init(name: String, digest: String) {
        self.name = name
        self.digest = digest
    }
}

/// What a server says about itself when it is asked.
package struct ServerDescription: Sendable, Hashable {
    package enum Authentication: Sendable, Hashable {
        case none
        case bearer(scheme: String)
        /// RFC 9728 metadata was offered; the authorization servers that it names.
        case oauth(metadata: String, issuers: [String])
        case unknown
    }

    package struct Security: Sendable, Hashable {
        /// `cleartext` or the negotiated version, for example `TLSv1.3`.
        package var version: String
        package var certificate: Digest?
        /// Whether the certificate chains to a trusted root and names this host.
        package var isTrusted: Bool?
        package var notAfter: Timestamp?

        package init(version: String, certificate: Digest? = nil, isTrusted: Bool? = nil, notAfter: Timestamp? = nil) {
            self.version = version
            self.certificate = certificate
            self.isTrusted = isTrusted
            self.notAfter = notAfter
        }
    }

    package var name: String
    package var title: String?
    package var version: String
    package var instructions: String?
    /// Protocol revisions that answered, newest first.
    package var revisions: [String]
    package var capabilities: JSON.Value
    package var definitions: [Definition]
    package var authentication: Authentication
    package var security: Security
    /// What could not be read, for example a list behind authentication: part of every result.
    package var gaps: [String]
    /// Whether the list of tools was read; where it was not, no definitions is not the same as no tools.
    package var areToolsKnown: Bool

    /// How many tools there are, or nil where that could not be learned.
    package var toolCount: Int? { areToolsKnown ? definitions.count { $0.kind == .tool } : nil }

    package init(
        name: String,
        title: String? = nil,
        version: String = "",
        instructions: String? = nil,
        revisions: [String] = [],
        capabilities: JSON.Value = .object([:]),
        definitions: [Definition] = [],
        authentication: Authentication = .unknown,
        security: Security = Security(version: "none"),
        gaps: [String] = [],
        areToolsKnown: Bool = true
    ) {
        self.areToolsKnown = areToolsKnown
        self.name = name
        self.title = title
        self.version = version
        self.instructions = instructions
        self.revisions = revisions
        self.capabilities = capabilities
        self.definitions = definitions
        self.authentication = authentication
        self.security = security
        self.gaps = gaps
    }
}

/// A tool, prompt, resource or resource template as its server defines it.
package struct Definition: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        case tool, prompt, resource
        case resourceTemplate = "resource-template"
    }

    package var kind: Kind
    package var name: String
    /// The definition as the server sent it.
    package var body: JSON.Value
    /// SHA-256 of RFC 8785 of the members that design §4 names for a tool, of the whole body for the others.
    package var digest: Digest

    package init(kind: Kind, name: String, body: JSON.Value, digest: Digest) {
        self.kind = kind
        self.name = name
        self.body = body
        self.digest = digest
    }
}

/// Something that a look did not cover, and why.
package struct CoverageGap: Sendable, Hashable {
    package var subject: String
    package var reason: String

    package init(subject: String, reason: String) {
        self.subject = subject
        self.reason = reason
    }
}

/// A server of the inventory that a look asked and that did not answer.
package struct MissedServer: Sendable, Hashable {
    package var canonicalKey: String
    package var reason: String

    package init(canonicalKey: String, reason: String) {
        self.canonicalKey = canonicalKey
        self.reason = reason
    }
}

/// The answer of one look: what was seen, how much was looked at, and what was not.
package struct SurveyResult: Sendable {
    package var sightings: [Sighting]
    /// How many places were looked at, by kind: `files`, `ports`, `processes`, `servers`.
    package var examined: [String: Int]
    package var gaps: [CoverageGap]
    package var findings: [Finding]
    /// The places that were looked at wholly, as findings name them; a file that is known and gone counts.
    package var covered: Set<String>
    /// Servers that should have answered and did not.
    package var missed: [MissedServer]

    package init(
        sightings: [Sighting] = [],
        examined: [String: Int] = [:],
        gaps: [CoverageGap] = [],
        findings: [Finding] = [],
        covered: Set<String> = [],
        missed: [MissedServer] = []
    ) {
        self.covered = covered
        self.missed = missed
        self.sightings = sightings
        self.examined = examined
        self.gaps = gaps
        self.findings = findings
    }

    package mutating func merge(_ other: SurveyResult) {
        sightings += other.sightings
        examined.merge(other.examined, uniquingKeysWith: +)
        gaps += other.gaps
        findings += other.findings
        covered.formUnion(other.covered)
        missed += other.missed
    }
}
