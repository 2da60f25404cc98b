import Core
import Testing

@testable import Survey

/// Servers that behave, and what is learned of them.
@Suite struct NetworkProbeTests {
    static let patient = Prober(limits: ProbeLimits(endpoint: .seconds(30)))

    static func id(_ body: String) -> String {
        (try? JSON.parse(body))?["id"].map { String(describing: $0) } ?? "null"
    }

    static func method(_ body: String) -> String { (try? JSON.parse(body))?["method"]?.string ?? "" }

    static func result(_ id: String, _ result: String) -> String {
        "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"result\":\(result)}"
    }

    static func failure(_ id: String, _ code: Int) -> String {
        "{\"jsonrpc\":\"2.0\",\"id\":\(id),\"error\":{\"code\":\(code),\"message\":\"no\"}}"
    }

    /// A server of the legacy era with sessions at `/mcp`, with as many pages of tools as asked for.
    static func legacy(pages: Int = 1, revisions: Set<String> = ["2025-11-25"])
        -> @Sendable (TestServer.Exchange) -> TestServer.Reply
    {
        { exchange in
            guard exchange.path.prefix(while: { $0 != "?" }) == "/mcp" else { return .status(404) }
            guard exchange.method == "POST" else { return .status(exchange.method == "DELETE" ? 204 : 405) }
            let id = id(exchange.body)
            let body = try? JSON.parse(exchange.body)
            switch method(exchange.body) {
            case "initialize":
                let offered = body?["params"]?["protocolVersion"]?.string ?? ""
                let chosen = revisions.contains(offered) ? offered : revisions.max() ?? ""
                return .json(
                    result(
                        id,
                        "{\"protocolVersion\":\"\(chosen)\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"shop\",\"version\":\"2\"}}"
                    ),
                    [("Mcp-Session-Id", "s-\(chosen)")]
                )
            case "notifications/initialized": return .status(202)
            case "tools/list":
                guard exchange.headers["mcp-session-id"] != nil else { return .status(400) }
                let page = Int(body?["params"]?["cursor"]?.string ?? "1") ?? 1
                let next = page < pages ? ",\"nextCursor\":\"\(page + 1)\"" : ""
                return .json(
                    result(id, "{\"tools\":[{\"name\":\"t\(page)\",\"inputSchema\":{\"type\":\"object\"}}]\(next)}")
                )
            default: return .json(failure(id, -32601))
            }
        }
    }

    @Test func describesALegacyServerAndEndsItsSessions() async throws {
        try await TestServer.http(Self.legacy(pages: 3, revisions: ["2025-11-25", "2025-03-26"])) { server in
            let outcome = await Self.patient.probe(server.endpoint)
            let sighting = try #require(outcome.sightings.first)
            let description = try #require(sighting.description)
            #expect(sighting.kind == .mcp)
            #expect(sighting.transport == .streamableHTTP)
            #expect(sighting.canonicalKey == "http://\(server.endpoint)/mcp")
            #expect(description.revisions == ["2025-11-25", "2025-03-26"])
            #expect(description.definitions.map(\.name) == ["t1", "t2", "t3"])
            #expect(description.authentication == .none)
            #expect(description.security.version == "cleartext")
            #expect(outcome.findings.map(\.code) == ["server.unauthenticated", "transport.cleartext"])
            #expect(outcome.findings.map(\.severity) == [.medium, .info])
            #expect(outcome.gaps.isEmpty)
            #expect(server.tally.requests.count { $0.hasPrefix("DELETE") } == 4)
            #expect(server.tally.connections == 1)
        }
    }

    @Test func describesAModernServer() async throws {
        try await TestServer.http({ exchange in
            let id = Self.id(exchange.body)
            switch Self.method(exchange.body) {
            case "server/discover":
                return .json(
                    Self.result(
                        id,
                        "{\"resultType\":\"complete\",\"supportedVersions\":[\"2026-07-28\"],\"capabilities\":{\"tools\":{}},\"_meta\":{\"io.modelcontextprotocol/serverInfo\":{\"name\":\"new\",\"version\":\"3\"}}}"
                    )
                )
            case "tools/list":
                return .json(
                    Self.result(
                        id,
                        "{\"resultType\":\"complete\",\"tools\":[{\"name\":\"a\",\"inputSchema\":{}},{\"name\":1}]}"
                    )
                )
            case "": return .status(404)
            default: return .status(404, body: Self.failure(id, -32601))
            }
        }) { server in
            let outcome = await Self.patient.probe(server.endpoint, path: "/api/mcp")
            let sighting = try #require(outcome.sightings.first)
            #expect(sighting.url == "http://\(server.endpoint)/api/mcp")
            #expect(sighting.description?.revisions == ["2026-07-28"])
            #expect(sighting.description?.definitions.map(\.name) == ["a"])
            #expect(
                outcome.gaps.map(\.reason) == [
                    "entry 1 of the list of tools is malformed: `name` is not of the kind `string`"
                ]
            )
        }
    }

    @Test func tellsATrustedConnectionFromAnyOther() async throws {
        try await TestServer.http(isEncrypted: true, Self.legacy()) { server in
            let outcome = await Self.patient.probe(server.endpoint)
            let sighting = try #require(outcome.sightings.first)
            let security = try #require(sighting.description?.security)
            #expect(sighting.canonicalKey == "https://\(server.endpoint)/mcp")
            #expect(security.version == "TLSv1.3")
            #expect(security.isTrusted == false)
            #expect(security.certificate == Digest.sha256(try TestCertificate.digestBytes()))
            #expect(security.notAfter?.description.hasPrefix("2126-10-30") == true)
            #expect(outcome.findings.map(\.code) == ["server.unauthenticated", "transport.untrusted-certificate"])
        }
    }

    /// Lets in whoever brings the token, and says where to get one.
    static func guarded(_ token: String, origin: @escaping @Sendable (TestServer.Exchange) -> String)
        -> @Sendable (TestServer.Exchange) -> TestServer.Reply
    {
        { exchange in
            if exchange.path == "/.well-known/oauth-protected-resource/mcp" {
                return .json(
                    "{\"resource\":\"\(origin(exchange))/mcp\",\"authorization_servers\":[\"https://id.example\"]}"
                )
            }
            guard exchange.path == "/mcp" else { return .status(404) }
            guard exchange.headers["authorization"] == "Bearer \(token)" else {
                return .status(401, [("WWW-Authenticate", "Bearer scope=\"tools\"")])
            }
            return legacy()(exchange)
        }
    }

    @Test func readsWhereATokenComesFrom() async throws {
        try await TestServer.http(Self.guarded("sesame") { "http://" + ($0.headers["host"] ?? "") }) { server in
            let closed = await Self.patient.probe(server.endpoint)
            let description = try #require(closed.sightings.first?.description)
            #expect(
                description.authentication
                    == .oauth(
                        metadata: "http://\(server.endpoint)/.well-known/oauth-protected-resource/mcp",
                        issuers: ["https://id.example"]
                    )
            )
            #expect(description.definitions.isEmpty)
            #expect(description.gaps == ["identity and lists are behind authentication"])
            #expect(!closed.findings.map(\.code).contains("server.unauthenticated"))

            let open = await Self.patient.probe(server.endpoint, token: Redacted("sesame"))
            #expect(open.sightings.first?.description?.definitions.map(\.name) == ["t1"])
            #expect(open.sightings.first?.description?.authentication == description.authentication)
            #expect(!open.findings.map(\.code).contains("server.unauthenticated"))

            let wrong = await Self.patient.probe(server.endpoint, token: Redacted("wrong"))
            #expect(wrong.gaps.contains { $0.reason == "the token that was given does not open it" })
        }
    }

    @Test func describesOneAddressAndNothingBesideIt() async throws {
        try await TestServer.http(Self.legacy()) { server in
            let outcome = await Self.patient.describe(url: "\(server.url)/mcp?key=secret-in-a-query")
            #expect(outcome.sightings.first?.canonicalKey == "http://\(server.endpoint)/mcp")
            #expect(!"\(outcome)".contains("secret-in-a-query"))
            #expect(server.tally.requests.allSatisfy { $0.contains("/mcp?key=") })
        }
    }

    @Test(arguments: ["ws://127.0.0.1:1/x", "file:///etc/passwd", "", "http://", "http://127.0.0.1:99999/"])
    func refusesAddressesThatCannotBeAsked(_ url: String) async {
        let outcome = await Self.patient.describe(url: url)
        #expect(outcome.sightings.isEmpty)
        #expect(outcome.gaps.map(\.reason) == ["only http and https addresses can be asked"])
    }

    struct Neighbour: Sendable, CustomTestStringConvertible {
        var kind: ServerKindOfThing
        var name: String
        var pages: [String: String]
        var testDescription: String { name }
    }

    @Test(arguments: [
        Neighbour(
            kind: .agent,
            name: "Planner",
            pages: [
                "/.well-known/agent-card.json":
                    "{\"name\":\"Planner\",\"url\":\"http://x/\",\"protocolVersion\":\"0.3.0\",\"skills\":[]}"
            ]
        ),
        Neighbour(
            kind: .modelServer,
            name: "ollama",
            pages: ["/api/version": "{\"version\":\"0.5\"}", "/api/tags": "{\"models\":[{\"name\":\"llama3\"}]}"]
        ),
        Neighbour(
            kind: .modelServer,
            name: "vllm",
            pages: [
                "/v1/models": "{\"data\":[{\"id\":\"m\",\"owned_by\":\"vllm\"}]}", "/version": "{\"version\":\"0.9\"}",
            ]
        ),
    ])
    func listsAgentsAndModelServers(_ neighbour: Neighbour) async throws {
        try await TestServer.http({ exchange in
            neighbour.pages[exchange.path].map { .json($0) } ?? .status(404)
        }) { server in
            let outcome = await Self.patient.probe(server.endpoint)
            #expect(outcome.sightings.map(\.kind) == [neighbour.kind])
            #expect(outcome.sightings.map(\.name) == [neighbour.name])
        }
    }

    @Test func surveysManyEndpointsAndCountsThem() async throws {
        try await TestServer.http(Self.legacy()) { first in
            try await TestServer.raw({ $0.put("nonsense\n", $1) }) { second in
                let targets = try SweepTargets(
                    hosts: ["127.0.0.1"],
                    ports: ["\(first.endpoint.port)", "\(second.endpoint.port)", "1"]
                )
                let limits = NetworkSurvey.Limits(probe: ProbeLimits(endpoint: .seconds(30)))
                let result = await NetworkSurvey(limits: limits).run(targets)
                #expect(result.examined == ["ports": 3, "open": 2, "probed": 2])
                #expect(Set(result.sightings.map(\.kind)) == [.mcp, .other])
            }
        }
    }

    @Test func saysWhatTheTimeDidNotReach() async throws {
        try await TestServer.http(Self.legacy()) { server in
            let targets = try SweepTargets(hosts: ["127.0.0.1"], ports: ["\(server.endpoint.port)"])
            let result = await NetworkSurvey(limits: NetworkSurvey.Limits(total: .zero)).run(targets)
            #expect(result.sightings.isEmpty)
            #expect(result.gaps.contains { $0.reason.contains("because the time was up") })
        }
    }
}
