import Core
import Inspection

/// Why one entry of a configuration is no server that can be recorded.
struct EntryRefusal: Error, Hashable {
    var reason: String
}

/// One server as a client declares it, in any of the spellings that clients use.
///
/// It holds secrets in the clear and lives only until its sighting is made.
struct Declaration {
    var name: String
    private var program: [String] = []
    private var arguments: [String] = []
    var url: String?
    /// The member `type` or `transport`, lower-case.
    var type: String?
    var environment: [(name: String, value: String)] = []
    var headers: [(name: String, value: String)] = []
    /// Members that no client documents as public and whose name tells of a secret.
    var settings: [(name: String, value: String)] = []
    /// An image that a catalogue names, for lists that hold names only.
    var image: String?

    private static let maxWords = 4096

    init(name: String) {
        self.name = name
    }

    /// The program and its arguments, in whatever order the members stand.
    var command: [String] { program + arguments }

    /// Reads an entry; nil where it is a part of the client itself and no server.
    static func read(_ value: JSON.Value, name: String, client: String) throws(EntryRefusal) -> Declaration? {
        guard let entry = value.object else {
            throw EntryRefusal(reason: "the entry is a value of type \(value.kindName), not an object")
        }
        var declaration = Declaration(name: name)
        let type = entry["type"]?.string?.lowercased()
        if client == "goose", let type, ["builtin", "platform", "frontend"].contains(type) { return nil }
        if client == "docker-mcp" {
            declaration.image = "mcp/" + name
            return declaration
        }
        try declaration.take(entry)
        if declaration.type == nil { declaration.type = type }
        guard !declaration.command.isEmpty || declaration.url != nil else {
            throw EntryRefusal(reason: "the entry has neither a command nor a url")
        }
        return declaration
    }

    /// Whether a value has the form of a server, for files that have no member around their servers.
    static func looksLikeServer(_ value: JSON.Value) -> Bool {
        guard let entry = value.object else { return false }
        return ["command", "url", "httpUrl", "serverUrl"].contains { entry[$0] != nil }
    }

    private mutating func take(_ entry: JSON.Object) throws(EntryRefusal) {
        for (key, value) in entry where !value.isNull {
            switch key {
            case "command", "cmd", "program": try takeCommand(value, key)
            case "args", "arguments": arguments += try Self.words(value, key)
            case "url", "httpUrl", "serverUrl", "serverURL", "http_url", "uri", "endpoint", "baseUrl":
                guard let text = value.string else { throw Self.wrong(key, "text", value) }
                if url == nil { url = text }
            case "env", "environment", "envs": environment += try Self.pairs(value, key)
            case "headers", "http_headers", "httpHeaders": headers += try Self.pairs(value, key)
            case "requestOptions", "request_options", "requestInit":
                if let inner = value["headers"] { headers += try Self.pairs(inner, "headers") }
            case "transport":
                if let nested = value.object {
                    try take(nested)
                    type = type ?? nested["type"]?.string?.lowercased()
                } else if let text = value.string {
                    type = type ?? text.lowercased()
                }
            default: takeSettings(value, key, depth: 0)
            }
        }
    }

    /// A text, a list, or Zed's object of path, arguments and environment.
    private mutating func takeCommand(_ value: JSON.Value, _ key: String) throws(EntryRefusal) {
        switch value {
        case .string(let text):
            guard !text.isEmpty else { throw EntryRefusal(reason: "the member `\(key)` is empty") }
            // Some clients split such a text, others start a program whose name has spaces in it.
            let words = text.split(separator: " ").map(String.init)
            let isProgram = text.hasPrefix("/") || text.hasPrefix("~") || text.contains(":\\")
            program += isProgram || words.isEmpty ? [text] : words
        case .array: program += try Self.words(value, key)
        case .object(let nested):
            if let path = nested["path"]?.string ?? nested["command"]?.string { program.append(path) }
            if let values = nested["args"] { arguments += try Self.words(values, "args") }
            if let values = nested["env"], !values.isNull { environment += try Self.pairs(values, "env") }
        default: throw Self.wrong(key, "text", value)
        }
    }

    /// Secrets hide under any name: each member that is called like one is noted, four levels down.
    private mutating func takeSettings(_ value: JSON.Value, _ key: String, depth: Int) {
        guard settings.count < 200 else { return }
        switch value {
        case .string(let text):
            if SecretNames.nameSecret(key) || !Credentials.find(in: text).isEmpty { settings.append((key, text)) }
        case .object(let members) where depth < 4:
            for (name, inner) in members { takeSettings(inner, name, depth: depth + 1) }
        case .array(let elements) where depth < 4:
            for element in elements.prefix(100) { takeSettings(element, key, depth: depth + 1) }
        default: break
        }
    }

    private static func words(_ value: JSON.Value, _ key: String) throws(EntryRefusal) -> [String] {
        if let text = value.string { return text.split(separator: " ").map(String.init) }
        guard let elements = value.array else { throw wrong(key, "a list", value) }
        guard elements.count <= maxWords else { throw EntryRefusal(reason: "more than \(maxWords) arguments") }
        var words: [String] = []
        for element in elements {
            guard let text = scalar(element) else { throw wrong(key, "a list of texts", element) }
            words.append(text)
        }
        return words
    }

    private static func pairs(_ value: JSON.Value, _ key: String) throws(EntryRefusal) -> [(
        name: String, value: String
    )] {
        switch value {
        case .null: return []
        case .object(let members):
            guard members.count <= maxWords else {
                throw EntryRefusal(reason: "more than \(maxWords) members in `\(key)`")
            }
            var pairs: [(name: String, value: String)] = []
            for (name, inner) in members {
                // A value of another kind is still somebody's setting: it is noted as it is written.
                pairs.append((name, scalar(inner) ?? inner.description))
            }
            return pairs
        case .array(let elements):
            var pairs: [(name: String, value: String)] = []
            for element in elements.prefix(maxWords) {
                if let text = element.string {
                    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                    pairs.append((String(parts[0]), parts.count > 1 ? String(parts[1]) : ""))
                } else if let name = element["name"]?.string ?? element["key"]?.string {
                    pairs.append((name, element["value"].flatMap { scalar($0) } ?? ""))
                }
            }
            return pairs
        default: throw wrong(key, "an object", value)
        }
    }

    private static func scalar(_ value: JSON.Value) -> String? {
        switch value {
        case .string(let text): text
        case .bool, .integer, .number: value.description
        default: nil
        }
    }

    private static func wrong(_ key: String, _ wanted: String, _ value: JSON.Value) -> EntryRefusal {
        EntryRefusal(reason: "the member `\(key)` must be \(wanted), not a value of type \(value.kindName)")
    }
}

extension Declaration {
    /// What is kept of a declaration.
    struct Outcome {
        var sighting: Sighting
        var findings: [Finding] = []
        var holdsSecrets = false
    }

    /// Takes the secrets out and names the server.
    func sighting(
        location: String,
        client: String,
        user: String?,
        host: String,
        digest: @escaping (String) -> String
    ) throws(EntryRefusal) -> Outcome {
        var hiding = SecretHiding(digest: digest)
        let words = hiding.command(command)
        for (name, value) in environment { hiding.noteEnvironment(name, value: value) }
        for (name, value) in headers { hiding.noteHeader(name, value: value) }
        for (name, value) in settings { hiding.note("setting:" + name, value: value, isCredential: true) }

        var address: CanonicalKey.Address?
        var identity: CommandIdentity?
        if let image {
            identity = CommandIdentity(kind: .oci, name: image.lowercased(), version: "catalogue-0")
        } else if !words.isEmpty {
            let found = CommandIdentity.of(words, named: Credentials.redact(name))
            identity = found
            if found.kind == .remote {
                // Asked again in the clear, because the shown words have lost what tells two secret paths apart.
                for word in command where address == nil && CanonicalKey.address(word) != nil {
                    address = hiding.address(word)
                }
            }
        }
        if let url, words.isEmpty {
            guard let read = hiding.address(url) else {
                throw EntryRefusal(
                    reason: url.contains("${") ? "the url is made of variables" : "the url is not one of a server"
                )
            }
            address = read
        }
        let key: String
        var former: Sighting.FormerKey?
        if let address {
            key = CanonicalKey.url(address)
        } else if let identity {
            (key, former) = identity.key(host: host, words: words)
        } else {
            throw EntryRefusal(reason: "the entry has neither a command nor a url")
        }
        let sighting = Sighting(
            source: "configuration",
            location: location,
            canonicalKey: key,
            former: former,
            name: Credentials.redact(name),
            transport: transport(isCommand: !words.isEmpty || image != nil, address: address),
            url: address?.text,
            command: words,
            secrets: hiding.references,
            client: client,
            user: user
        )
        var outcome = Outcome(sighting: sighting, holdsSecrets: hiding.holdsSecrets)
        outcome.findings = findings(hiding.inClear, address, identity, location, key)
        return outcome
    }

    private func transport(isCommand: Bool, address: CanonicalKey.Address?) -> Transport {
        if isCommand {
            // A bridge speaks stdio to its client, and something else to the server that was recorded.
            guard let address else { return .stdio }
            return address.path.hasSuffix("/sse") ? .legacySSE : .unknown
        }
        switch type {
        case "sse", "http+sse": return .legacySSE
        case "http", "streamable-http", "streamable_http", "streamablehttp", "streamable", "http-stream":
            return .streamableHTTP
        case "ws", "websocket": return .webSocket
        case "stdio", nil, "remote", "url": break
        default: return .unknown
        }
        guard let address else { return .unknown }
        if address.scheme.hasPrefix("ws") { return .webSocket }
        if address.path.hasSuffix("/sse") { return .legacySSE }
        return .streamableHTTP
    }

    private func findings(
        _ inClear: [String],
        _ address: CanonicalKey.Address?,
        _ identity: CommandIdentity?,
        _ location: String,
        _ key: String
    ) -> [Finding] {
        var findings: [Finding] = []
        if !inClear.isEmpty {
            let names = inClear.prefix(20).joined(separator: ", ")
            findings.append(
                Finding(
                    code: "configuration.inline-secret",
                    severity: .high,
                    subject: location,
                    message: "a client configuration holds credentials in the clear",
                    evidence: "\(names) of \(key)"
                )
            )
        }
        if let address, !address.isEncrypted, !address.isLoopback {
            findings.append(
                Finding(
                    code: "configuration.cleartext-url",
                    severity: .high,
                    subject: key,
                    message: "a client reaches this server without encryption",
                    evidence: "\(address.text) in \(location)"
                )
            )
        }
        if let identity, identity.isUnpinned, image == nil {
            findings.append(
                Finding(
                    code: "configuration.unpinned-package",
                    severity: .low,
                    subject: key,
                    message: "each start may run another version of this package",
                    evidence: "\(identity.text) without an exact version in \(location)"
                )
            )
        }
        return findings
    }
}
