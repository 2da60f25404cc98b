package import Core

/// How much of a recording an importer takes before it sets the rest aside.
package struct ImportLimits: Sendable, Hashable {
    package var lineBytes: Int
    /// For formats that are one JSON document: HAR, exports, pretty-printed OTLP.
    package var documentBytes: Int
    package var calls: Int
    package var quarantineKept: Int
    /// Different names that are counted one by one: unmapped servers, skipped methods.
    package var names: Int
    /// Spans whose parents are remembered.
    package var spans: Int

    package init(
        lineBytes: Int = 16 << 20,
        documentBytes: Int = 256 << 20,
        calls: Int = 5_000_000,
        quarantineKept: Int = 100,
        names: Int = 1_000,
        spans: Int = 5_000_000
    ) {
        self.lineBytes = lineBytes
        self.documentBytes = documentBytes
        self.calls = calls
        self.quarantineKept = quarantineKept
        self.names = names
        self.spans = spans
    }

    package static let standard = ImportLimits()

    var lineJSON: JSON.Limits { JSON.Limits(maxBytes: lineBytes, maxStringBytes: lineBytes) }
    var documentJSON: JSON.Limits {
        JSON.Limits(maxBytes: documentBytes, maxStringBytes: documentBytes, maxTokens: 20_000_000)
    }
}

/// What the house calls the servers that recordings name in their own ways.
package struct ServerAliases: Sendable, Hashable {
    private let servers: [String: String]

    /// - Parameter table: from a name or URL, as recordings write it, to the id of the server.
    package init(_ table: [String: String] = [:]) {
        var servers: [String: String] = [:]
        for (name, server) in table.sorted(by: { $0.key < $1.key }) {
            servers[Self.key(name)] = server
            servers[Self.key(server)] = server
        }
        self.servers = servers
    }

    /// The server's id, or nil for a name that nobody declared.
    package func server(named name: String) -> String? { servers[Self.key(name)] }

    /// What stands for a name that nobody declared: visibly no server's id, without line breaks, of bounded length.
    package static func unmapped(_ name: String) -> String {
        let bare = name.hasPrefix("unmapped:") ? String(name.dropFirst(9)) : name
        let visible = bare.unicodeScalars.lazy.filter { $0.value >= 0x20 && $0.value != 0x7F }.prefix(200)
        let text = String(String.UnicodeScalarView(visible))
        return "unmapped:" + (text.isEmpty ? "unnamed" : text)
    }

    /// Scheme and host in lower case, without the scheme's own port, a query, or a slash at the end.
    static func key(_ name: String) -> String {
        guard let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")), name[colon...].hasPrefix("://") else {
            return name
        }
        let scheme = name[..<colon].lowercased()
        var rest = name[colon...].dropFirst(3)
        if let end = rest.utf8.firstIndex(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
            rest = rest[..<end]
        }
        let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        var host = rest[..<slash].lowercased()
        var path = rest[slash...]
        if let at = host.lastIndex(of: "@") { host = String(host[host.index(after: at)...]) }
        for (known, port) in [("https", ":443"), ("http", ":80")] where scheme == known && host.hasSuffix(port) {
            host = String(host.dropLast(port.utf8.count))
        }
        while path.hasSuffix("/") { path = path.dropLast() }
        return "\(scheme)://\(host)\(path)"
    }
}

/// Replaces secrets in a record before it is stored, so that none is ever mined to a value.
///
/// `Wire` knows no secret and holds no key. Whoever wires the importer passes a function that finds secrets and puts a
/// keyed token in the place of each; equal secrets must get equal tokens.
package struct Tokeniser: Sendable {
    /// A text without its secrets.
    package struct Replacement: Sendable {
        package var text: String
        /// What was found, of which the same session may send each again where nothing but its value shows that it is one.
        package var secrets: [String]

        package init(text: String, secrets: [String] = []) {
            self.text = text
            self.secrets = secrets
        }
    }

    /// The text with its secrets replaced, or nil where it has none.
    ///
    /// The name is that of the member the text stands under, where there is one: a password is known by nothing else.
    package var replace: @Sendable (_ text: String, _ name: String?) -> Replacement?
    /// What takes the place of a secret that is known by its value alone; nil where none is looked for.
    package var token: (@Sendable (_ secret: String) -> String)?

    package init(replace: @escaping @Sendable (_ text: String, _ name: String?) -> String?) {
        self.replace = { text, name in replace(text, name).map { Replacement(text: $0) } }
        token = nil
    }

    package init(
        token: @escaping @Sendable (_ secret: String) -> String,
        replace: @escaping @Sendable (_ text: String, _ name: String?) -> Replacement?
    ) {
        self.replace = replace
        self.token = token
    }
}

/// What the caller of an importer decides.
package struct ImportSettings: Sendable {
    package var file: String?
    package var aliases: ServerAliases
    package var limits: ImportLimits
    package var tokeniser: Tokeniser?
    /// The server where the recording names none: a log of a single server.
    package var server: String?
    /// Who called where the recording does not say; never counted as covered.
    package var principal: CallRecord.Principal?
    /// The time of entries before the first that has one, such as the file's own.
    package var time: Timestamp
    /// A longer silence of the same principal begins another session.
    package var silence: Duration

    package init(
        file: String? = nil,
        aliases: ServerAliases = ServerAliases(),
        limits: ImportLimits = .standard,
        tokeniser: Tokeniser? = nil,
        server: String? = nil,
        principal: CallRecord.Principal? = nil,
        time: Timestamp = Timestamp(microseconds: 0),
        silence: Duration = .seconds(1800)
    ) {
        self.file = file
        self.aliases = aliases
        self.limits = limits
        self.tokeniser = tokeniser
        self.server = server
        self.principal = principal
        self.time = time
        self.silence = silence
    }
}
