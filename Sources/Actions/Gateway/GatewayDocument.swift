package import Core
import Documents
package import Gateway

/// What a gateway's document says: the configuration, and the files that it names.
///
/// A document stands alone, beside the gateway that reads it, which may have no workspace.
package struct GatewayDocument: Sendable {
    /// Whose tokens are believed.
    package struct Issuer: Sendable, Hashable {
        package var name: String
        /// A file with a JSON Web Key Set (RFC 7517 §5).
        package var keys: String
        /// Stands before its subjects.
        package var prefix: String
    }

    /// What callers show of their machines.
    package struct Posture: Sendable, Hashable {
        package enum Statements: String, Sendable, CaseIterable { case required, optional }

        package var statements: Statements
        /// A file with a JSON Web Key Set: who may make statements.
        package var keys: String
    }

    /// What the document is read for.
    package enum Purpose: Sendable {
        /// To listen for clients.
        case listening
        /// To stand around one program; where to listen does not matter then.
        case wrapping
        /// To reach whatever stands on its folder, be it one that listens or programs alone.
        case contacting
    }

    package var configuration: GatewayConfiguration
    /// Servers that are programs: routes without a path and an upstream.
    package var programs: [String] = []
    /// Whether it is for programs alone, and nothing of it listens.
    package var isForProgramsAlone: Bool { !hasListener && !programs.isEmpty }
    var hasListener = false
    /// Paths as they were written, relative to the document.
    package var state: String
    package var policy: String?
    package var issuers: [Issuer] = []
    package var taskKeys: String?
    package var posture: Posture?
    package var definitions: String?
    package var tls: TLS?
    /// Where policies come from, instead of `policy` and `mode`.
    package var bundles: Bundles?
    package var telemetry = TelemetryDocument()

    /// TLS of the gateway's own port.
    package struct TLS: Sendable, Hashable {
        package var certificate: String
        package var key: String
        /// Trust domains and the files of their bundles (SPIFFE Trust Domain and Bundle, §4).
        package var clients: [Clients]
        package var groups: TLSGroups

        package struct Clients: Sendable, Hashable {
            package var trustDomain: String
            package var bundle: String
        }
    }
    /// Public keys of workspaces that may deny.
    package var controlKeys: String?
    /// People who may deny and lift: a `lockstep.yaml`, or a file with its `people` alone.
    package var controlPeople: String?
    /// The folder in which a workspace publishes who is denied.
    package var controlFrom: String?
    /// Who is told of kills.
    package var subscribers: [Subscriber] = []

    /// Somebody who takes security events.
    package struct Subscriber: Sendable, Hashable {
        package var url: String
        package var audience: String
        /// A file that holds what is sent as `Authorization`.
        package var credential: String?
        /// PEM file of the authorities by which its certificate is judged; nil is the system's.
        package var authorities: String?
    }

    /// What is kept of results in recordings: `provenance`, `digests` or `full`.
    package var stored = "provenance"

    /// Reads a document and reports everything that is wrong with it at once (codes `gateway.*`, `yaml.*`).
    package static func read(
        _ bytes: [UInt8],
        file: String,
        for purpose: Purpose = .listening
    ) throws(InvalidInput) -> GatewayDocument {
        let (node, syntax) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "gateway", syntax)
        guard let node else {
            if !problems.hasErrors {
                problems.report("empty", "the file is empty", at: Place(file: file, line: 1, column: 1))
            }
            throw InvalidInput(problems.sorted)
        }
        var document: GatewayDocument?
        if var reader = MappingReader(node, problems, as: "a gateway") {
            document = GatewayReading(problems, purpose).document(&reader)
        }
        guard let document, !problems.hasErrors else { throw InvalidInput(problems.sorted) }
        return document
    }
}

private struct GatewayReading {
    /// The oldest version that a server may speak.
    private enum OldestTLS: String, CaseIterable {
        case v1_2 = "1.2"
        case v1_3 = "1.3"
    }

    let problems: DiagnosticCollector
    let purpose: GatewayDocument.Purpose

    init(_ problems: DiagnosticCollector, _ purpose: GatewayDocument.Purpose) {
        self.problems = problems
        self.purpose = purpose
    }

    func document(_ reader: inout MappingReader) -> GatewayDocument? {
        let id = reader.string("gateway", isRequired: true)
        if let id, !Self.isName(id.value) {
            problems.report("invalid-value", "a gateway's id must be a short name such as `edge-1`", at: id.place)
        }
        let read = endpoint("listen", &reader, isRequired: purpose == .listening)
        let nowhere = GatewayConfiguration.Endpoint(host: "127.0.0.1", port: 0)
        let listen = read ?? (purpose == .listening ? nil : nowhere)
        let admin = endpoint("admin", &reader, isRequired: false)
        let place = reader.place(ofKey: "admin")
        if let admin, !admin.isLoopback {
            problems.report("invalid-value", "the admin port must be on loopback", at: place)
        }
        let state = reader.string("state")?.value ?? "state"
        let address = reader.string("url")
        if let address, RoutedURL(address.value)?.path != "" {
            problems.report(
                "invalid-value",
                "`url` must be a scheme, a host and a port",
                at: address.place,
                help: "write it as `https://gateway.example:8800`"
            )
        }
        let mode = reader.enumeration("mode", of: GatewayConfiguration.Mode.self)?.value ?? .enforce
        let policy = reader.string("policy")?.value
        let (routes, programs) = routes(&reader)
        if purpose == .listening, routes.isEmpty, !programs.isEmpty {
            problems.report(
                "no-route",
                "there is no route to listen for",
                at: reader.place(ofKey: "routes"),
                help: "servers that are programs stand behind `lockstep gateway wrap`"
            )
        }
        guard let id, let listen else {
            reader.finish()
            return nil
        }
        var document = GatewayDocument(
            configuration: GatewayConfiguration(
                id: id.value,
                listen: listen,
                admin: admin,
                address: address?.value,
                mode: mode,
                routes: routes
            ),
            state: state,
            policy: policy
        )
        document.programs = programs
        document.hasListener = read != nil && !routes.isEmpty
        identity(&reader, &document)
        limits(&reader, &document)
        results(&reader, &document)
        document.configuration.serverRequests = Set((reader.strings("server-requests")?.value ?? []).map(\.value))
        document.configuration.origins = Set((reader.strings("origins")?.value ?? []).map(\.value))
        document.definitions = reader.string("definitions")?.value
        document.tls = tls(&reader)
        document.bundles = BundlesReading(problems).bundles(
            &reader,
            isListened: purpose != .wrapping || document.hasListener
        )
        document.telemetry = TelemetryDocument.read(&reader, problems)
        if var control = reader.mapping("control") {
            document.controlKeys = control.string("keys")?.value
            document.controlPeople = control.string("people")?.value
            let from = control.string("from")
            document.controlFrom = from?.value
            if let from, document.controlKeys == nil {
                problems.report(
                    "no-keys",
                    "a list of who is denied that is pulled needs keys that it is believed by",
                    at: from.place,
                    help: "add `keys` to `control`, written with `lockstep key public bundle` in the workspace"
                )
            }
            control.finish()
        }
        document.subscribers = subscribers(&reader)
        if var lists = reader.mapping("lists") {
            document.configuration.narrowsLists = lists.bool("narrow")?.value ?? false
            lists.finish()
        }
        reader.finish()
        return document
    }

    private func subscribers(_ reader: inout MappingReader) -> [GatewayDocument.Subscriber] {
        (reader.list("subscribers")?.value ?? []).compactMap { node in
            guard var entry = MappingReader(node, problems, as: "a subscriber") else { return nil }
            let url = entry.string("url", isRequired: true)
            let audience = entry.string("audience")?.value
            let credential = entry.string("credential-file")?.value
            let authorities = entry.string("ca")?.value
            entry.finish()
            guard let url else { return nil }
            let read = RoutedURL(url.value)
            let isLocal = read.map { GatewayConfiguration.Endpoint(host: $0.host, port: 0).isLoopback } ?? false
            if read == nil || !(read?.isTLS ?? false) && !isLocal {
                problems.report(
                    "invalid-value",
                    "\(url.value.inMessage) is no place to send events to",
                    at: url.place,
                    help: "write an `https` address; `http` is for this machine alone"
                )
            }
            return GatewayDocument.Subscriber(
                url: url.value,
                audience: audience ?? url.value,
                credential: credential,
                authorities: authorities
            )
        }
    }

    private func endpoint(
        _ key: String,
        _ reader: inout MappingReader,
        isRequired: Bool
    ) -> GatewayConfiguration.Endpoint? {
        guard let text = reader.string(key, isRequired: isRequired) else { return nil }
        if let endpoint = GatewayConfiguration.Endpoint(text.value) { return endpoint }
        problems.report(
            "invalid-value",
            "`\(key)` must be an address and a port",
            at: text.place,
            help: "write it as `127.0.0.1:8800`"
        )
        return nil
    }

    private func routes(_ reader: inout MappingReader) -> ([GatewayConfiguration.Route], programs: [String]) {
        var routes: [GatewayConfiguration.Route] = []
        var programs: [String] = []
        for node in reader.list("routes", isRequired: true)?.value ?? [] {
            guard var entry = MappingReader(node, problems, as: "a route") else { continue }
            let isProgram = !entry.has("path") && !entry.has("upstream")
            let path = entry.string("path", isRequired: !isProgram)
            let server = entry.string("server", isRequired: true)
            let upstream = entry.string("upstream", isRequired: !isProgram)
            let transport =
                entry.enumeration("transport", of: GatewayConfiguration.Transport.self)?.value ?? .streamable
            let credential = entry.string("credential")?.value
            let authorities = entry.string("ca")?.value
            let groups = entry.enumeration("groups", of: TLSGroups.self)?.value ?? .hybridPreferred
            let oldest = entry.enumeration("tls-minimum", of: OldestTLS.self)
            if let oldest, oldest.value == .v1_2, groups == .hybridRequired {
                problems.report(
                    "invalid-value",
                    "TLS 1.2 has no hybrid key agreement, and `groups` requires one",
                    at: oldest.place
                )
            }
            entry.finish()
            if isProgram, let server {
                if programs.contains(server.value) {
                    problems.report(
                        "duplicate-route",
                        "the program \(server.value.inMessage) stands here twice",
                        at: server.place
                    )
                }
                programs.append(server.value)
            }
            guard let path, let server, let upstream else { continue }
            if !Self.isPath(path.value) {
                problems.report(
                    "invalid-value",
                    "a route's path begins with `/` and holds no `?` or space",
                    at: path.place
                )
            }
            if routes.contains(where: { $0.path == path.value }) {
                problems.report("duplicate-route", "the path \(path.value.inMessage) is routed twice", at: path.place)
            }
            guard let url = RoutedURL(upstream.value), !url.host.isEmpty else {
                problems.report(
                    "invalid-value",
                    "\(upstream.value.inMessage) is not the address of a server",
                    at: upstream.place,
                    help: "write it as `http://127.0.0.1:9001/mcp`"
                )
                continue
            }
            var route = GatewayConfiguration.Route(
                path: path.value,
                server: server.value,
                upstream: GatewayConfiguration.Endpoint(host: url.host, port: url.port ?? (url.isTLS ? 443 : 80)),
                upstreamPath: url.path.isEmpty ? "/" : url.path,
                isUpstreamTLS: url.isTLS,
                transport: transport,
                credential: credential
            )
            route.authorities = authorities
            route.groups = groups
            route.allowsOldTLS = oldest?.value == .v1_2
            routes.append(route)
        }
        return (routes, programs)
    }

    private func identity(_ reader: inout MappingReader, _ document: inout GatewayDocument) {
        guard var identity = reader.mapping("identity") else { return }
        for node in identity.list("tokens")?.value ?? [] {
            guard var entry = MappingReader(node, problems, as: "an issuer") else { continue }
            let issuer = entry.string("issuer", isRequired: true)
            let keys = entry.string("keys", isRequired: true)
            let prefix = entry.string("prefix")
            entry.finish()
            if let issuer, let keys {
                let new = GatewayDocument.Issuer(name: issuer.value, keys: keys.value, prefix: prefix?.value ?? "")
                checkNames(of: new, against: document.issuers, at: prefix?.place ?? issuer.place)
                document.issuers.append(new)
            }
        }
        document.configuration.issuers = document.issuers.map(\.name)
        if var tasks = identity.mapping("tasks") {
            document.taskKeys = tasks.string("keys", isRequired: true)?.value
            tasks.finish()
        }
        if let sessions = identity.enumeration("sessions", of: GatewayConfiguration.Sessions.self) {
            document.configuration.sessions = sessions.value
        }
        if var posture = identity.mapping("posture") {
            let statements = posture.enumeration("statements", of: GatewayDocument.Posture.Statements.self)
            if let keys = posture.string("keys", isRequired: true) {
                document.posture = GatewayDocument.Posture(
                    statements: statements?.value ?? .required,
                    keys: keys.value
                )
            }
            posture.finish()
        }
        if let declared = identity.string("declared"), declared.value != "none" {
            document.configuration.declared = declared.value
            let prefixes = document.issuers.map(\.prefix).filter { !$0.isEmpty }
            if declared.value.lowercased().hasPrefix("spiffe:") || prefixes.contains(where: declared.value.hasPrefix) {
                problems.report(
                    "ambiguous-subject",
                    "nobody proves a declared name, and \(declared.value.inMessage) is one that has to be proven",
                    at: declared.place
                )
            }
        }
        identity.finish()
    }

    /// Two issuers that could name the same subject would let either speak for the agents of the other.
    private func checkNames(
        of new: GatewayDocument.Issuer,
        against others: [GatewayDocument.Issuer],
        at place: Place?
    ) {
        if others.contains(where: { $0.name == new.name }) {
            problems.report("duplicate-issuer", "the issuer \(new.name.inMessage) stands here twice", at: place)
        }
        let isDomain = new.name.lowercased().hasPrefix("spiffe:")
        if isDomain, !new.prefix.isEmpty {
            problems.report("invalid-value", "workloads of a trust domain have no prefix", at: place)
        }
        let small = new.prefix.lowercased()
        if !small.isEmpty, small.hasPrefix("spiffe") || "spiffe:".hasPrefix(small) {
            problems.report("invalid-value", "a prefix may not look like a workload's name", at: place)
        }
        guard !isDomain else { return }
        let rivals = others.filter { !$0.name.lowercased().hasPrefix("spiffe:") }
        for rival in rivals where rival.prefix.hasPrefix(new.prefix) || new.prefix.hasPrefix(rival.prefix) {
            problems.report(
                "ambiguous-subject",
                "the issuers \(rival.name.inMessage) and \(new.name.inMessage) can name the same subject",
                at: place,
                help: "give each a `prefix` that begins differently, such as `prefix: \"staff:\"`; "
                    + "policies then name `staff:alice`"
            )
        }
    }

    private func tls(_ reader: inout MappingReader) -> GatewayDocument.TLS? {
        guard var tls = reader.mapping("tls") else { return nil }
        let certificate = tls.string("certificate", isRequired: true)
        let key = tls.string("key", isRequired: true)
        let groups = tls.enumeration("groups", of: TLSGroups.self)?.value ?? .hybridPreferred
        var clients: [GatewayDocument.TLS.Clients] = []
        for node in tls.list("clients")?.value ?? [] {
            guard var entry = MappingReader(node, problems, as: "a trust domain") else { continue }
            let domain = entry.string("trust-domain", isRequired: true)
            let bundle = entry.string("bundle", isRequired: true)
            entry.finish()
            if let domain, clients.contains(where: { $0.trustDomain == domain.value }) {
                problems.report(
                    "duplicate-domain",
                    "the trust domain \(domain.value.inMessage) stands here twice",
                    at: domain.place
                )
            }
            if let domain, let bundle {
                clients.append(GatewayDocument.TLS.Clients(trustDomain: domain.value, bundle: bundle.value))
            }
        }
        tls.finish()
        guard let certificate, let key else { return nil }
        return GatewayDocument.TLS(certificate: certificate.value, key: key.value, clients: clients, groups: groups)
    }

    private func limits(_ reader: inout MappingReader, _ document: inout GatewayDocument) {
        guard var limits = reader.mapping("limits") else { return }
        func set(_ key: String, _ range: ClosedRange<Int64>, _ change: (inout GatewayConfiguration.Limits, Int) -> Void)
        {
            if let number = limits.integer(key, in: range) { change(&document.configuration.limits, Int(number.value)) }
        }
        set("body", 1_024...(1 << 30)) { $0.bodyBytes = $1 }
        set("head", 1_024...(1 << 20)) { $0.headBytes = $1 }
        set("depth", 8...512) { $0.depth = $1 }
        set("answer", 1_024...(1 << 30)) { $0.answerBytes = $1 }
        set("connections", 1...1_000_000) { $0.connections = $1 }
        set("request-seconds", 1...3_600) { $0.requestSeconds = $1 }
        set("answer-seconds", 1...86_400) { $0.answerSeconds = $1 }
        set("idle-seconds", 1...86_400) { $0.idleSeconds = $1 }
        limits.finish()
    }

    private func results(_ reader: inout MappingReader, _ document: inout GatewayDocument) {
        guard var results = reader.mapping("results") else { return }
        let most: ClosedRange<Int64> = 0...1_000_000_000
        document.configuration.results.mostItems = results.integer("most-items", in: most).map { Int($0.value) }
        document.configuration.results.mostItemsASession =
            results.integer("most-items-a-session", in: most).map { Int($0.value) }
        if let action = results.enumeration("instructions", of: GatewayConfiguration.Screening.self) {
            document.configuration.results.instructions = action.value
        }
        if let stored = results.string("stored") {
            if ["provenance", "digests", "full"].contains(stored.value) {
                document.stored = stored.value
            } else {
                problems.report(
                    "invalid-value",
                    "\(stored.value.inMessage) is not what can be kept of results",
                    at: stored.place,
                    help: "write provenance, digests or full"
                )
            }
        }
        results.finish()
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= 63
            && text.utf8.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
            }
    }

    private static func isPath(_ text: String) -> Bool {
        text.hasPrefix("/") && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } && !text.contains("?")
            && !text.contains("#")
    }
}
