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
            // One for all questions, and one for the event stream that each of the other two usual paths might be.
            #expect(server.tally.connections == 3)
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
            let outcome = await Self.patient.probe(server.endpoint, paths: ["/api/mcp"])
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

/// What one port and one list may hide.
@Suite struct NetworkPathTests {
    /// A server of the legacy era without sessions, at the paths given, each with a tool of its own.
    static func server(_ tools: [String: String], version: String = "1")
        -> @Sendable (TestServer.Exchange) ->
        TestServer.Reply
    {
        { exchange in
            guard exchange.method == "POST", let tool = tools[exchange.path] else { return .status(404) }
            let id = NetworkProbeTests.id(exchange.body)
            switch NetworkProbeTests.method(exchange.body) {
            case "initialize":
                return .json(
                    NetworkProbeTests.result(
                        id,
                        "{\"protocolVersion\":\"2025-11-25\",\"capabilities\":{\"tools\":{}},\"serverInfo\":{\"name\":\"same\",\"version\":\"\(version)\"}}"
                    )
                )
            case "notifications/initialized": return .status(202)
            case "tools/list":
                let list = tool.hasPrefix("{") ? tool : "{\"tools\":[{\"name\":\"\(tool)\",\"inputSchema\":{}}]}"
                return .json(NetworkProbeTests.result(id, list))
            default: return .json(NetworkProbeTests.failure(id, -32601))
            }
        }
    }

    struct Port: Sendable, CustomTestStringConvertible {
        var tools: [String: String]
        var named: [String] = []
        var found: [String]
        var testDescription: String { "\(tools.keys.sorted()) \(named)" }
    }

    @Test(arguments: [
        Port(tools: ["/mcp": "a", "/sse": "b", "/": "c"], found: ["/:c", "/mcp:a", "/sse:b"]),
        Port(tools: ["/mcp": "a", "/": "a"], found: ["/mcp:a"]),
        Port(tools: ["/mcp": "a", "/team/mcp": "b"], found: ["/mcp:a"]),
        Port(tools: ["/mcp": "a", "/team/mcp": "b"], named: ["/team/mcp"], found: ["/mcp:a", "/team/mcp:b"]),
        Port(
            tools: ["/1": "a", "/2": "b", "/3": "c", "/4": "d", "/mcp": "e"],
            named: ["/1", "/2", "/3", "/4", "/1"],
            found: ["/1:a", "/2:b", "/3:c", "/mcp:e"]
        ),
    ])
    func describesEachServerOfAPort(_ port: Port) async throws {
        try await TestServer.http(Self.server(port.tools)) { server in
            let outcome = await NetworkProbeTests.patient.probe(server.endpoint, paths: port.named)
            let origin = "http://\(server.endpoint)"
            let found = outcome.sightings.map { sighting in
                "\(sighting.canonicalKey.dropFirst(origin.count)):\(sighting.description?.definitions.first?.name ?? "")"
            }
            #expect(found.sorted() == port.found)
            #expect(server.tally.requests.count < 80)
        }
    }

    @Test func takesPathsFromWhatClientsName() throws {
        let paths = NetworkSurvey.paths(of: [
            "http://localhost:8080/team/mcp", "https://127.0.0.1:8443/x", "http://h.example:8080/y",
            "http://127.0.0.1:8080/redacted-0123/mcp", "nonsense",
        ])
        let loopback = try #require(Address("127.0.0.1"))
        #expect(
            paths == [
                Endpoint(address: loopback, port: 8080): ["/team/mcp"], Endpoint(address: loopback, port: 8443): ["/x"],
            ]
        )
    }

    static let deep =
        "{\"tools\":[{\"name\":\"a\",\"inputSchema\":" + String(repeating: "{\"x\":", count: 900) + "1"
        + String(repeating: "}", count: 900) + "}]}"

    @Test(arguments: [
        ("deep", deep, Int?.none), ("no list", "{\"tools\":7}", nil), ("only refused", "{\"tools\":[7]}", nil),
        ("empty", "{\"tools\":[]}", 0), ("one", "a", 1),
    ])
    func aListThatCannotBeReadIsNoEmptyList(_ name: String, _ list: String, _ count: Int?) async throws {
        try await TestServer.http(Self.server(["/mcp": list])) { server in
            let outcome = await NetworkProbeTests.patient.probe(server.endpoint)
            let description = try #require(outcome.sightings.first?.description)
            #expect(description.toolCount == count)
            #expect(description.areToolsKnown == (count != nil))
            let finding = outcome.findings.first { $0.code == "server.tools-unreadable" }
            #expect((finding == nil) == (count != nil))
            #expect(finding.map { $0.severity == .high && !$0.evidence.isEmpty } ?? true)
            #expect(description.json["tool_count"]?.int == count.map { Int64($0) })
            #expect(ServerDescription(json: description.json)?.areToolsKnown == description.areToolsKnown)
        }
    }

    @Test func toolsThatCannotBeReadHaveNotGoneAway() {
        let now = Timestamp(microseconds: 0)
        let tool = Definition(kind: .tool, name: "a", body: [:], digest: .sha256([]))
        func server(_ description: ServerDescription) -> InventoryServer {
            InventoryServer(
                id: ServerID("x"),
                canonicalKey: "x",
                transport: .streamableHTTP,
                description: description,
                firstSeen: now,
                lastSeen: now
            )
        }
        let before = server(ServerDescription(name: "x", definitions: [tool]))
        let after = server(ServerDescription(name: "x", areToolsKnown: false))
        let difference = InventoryDifference(from: [before], to: [after])
        #expect(difference.changed.map(\.aspect) == ["tools"])
    }
}
