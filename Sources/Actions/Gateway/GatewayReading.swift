import Core
import Documents
import Gateway

/// Reads a gateway's document, reporting every problem where it stands.
struct GatewayReading {
    /// The oldest version that a server may speak.
    enum OldestTLS: String, CaseIterable {
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
