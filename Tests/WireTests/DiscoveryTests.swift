import Core
import Testing
import Wire

private struct ChallengeCase: Sendable, CustomTestStringConvertible {
    var header: String
    var expected: [AuthenticationChallenge]?

    var testDescription: String { String(header.prefix(60)) }

    init(_ header: String, _ expected: [AuthenticationChallenge]?) {
        self.header = header
        self.expected = expected
    }
}

@Suite struct DiscoveryTests {
    @Test(arguments: [
        // RFC 9728 §5.1.
        ChallengeCase(
            #"Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource""#,
            [
                AuthenticationChallenge(
                    scheme: "bearer",
                    parameters: [
                        "resource_metadata": "https://resource.example.com/.well-known/oauth-protected-resource"
                    ]
                )
            ]
        ),
        // RFC 9110 §11.6.1.
        ChallengeCase(
            #"Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\"""#,
            [
                AuthenticationChallenge(scheme: "basic", parameters: ["realm": "simple"]),
                AuthenticationChallenge(
                    scheme: "newauth",
                    parameters: ["realm": "apps", "type": "1", "title": "Login to \"apps\""]
                ),
            ]
        ),
        ChallengeCase("Bearer", [AuthenticationChallenge(scheme: "bearer")]),
        ChallengeCase(
            "Negotiate, Basic realm=x",
            [
                AuthenticationChallenge(scheme: "negotiate"),
                AuthenticationChallenge(scheme: "basic", parameters: ["realm": "x"]),
            ]
        ),
        ChallengeCase("Negotiate YWJj==", [AuthenticationChallenge(scheme: "negotiate", token68: "YWJj==")]),
        ChallengeCase(
            "Negotiate YWJj, Bearer error = \"x\"",
            [
                AuthenticationChallenge(scheme: "negotiate", token68: "YWJj"),
                AuthenticationChallenge(scheme: "bearer", parameters: ["error": "x"]),
            ]
        ),
        ChallengeCase(" , Bearer a=b , ,", [AuthenticationChallenge(scheme: "bearer", parameters: ["a": "b"])]),
        ChallengeCase("", nil),
        ChallengeCase("Bearer a=\"b", nil),
        ChallengeCase("Bearer a=b a=c", nil),
        ChallengeCase("Bearer a=b, A=c", nil),
        ChallengeCase("Bearer a=b;c=d", nil),
        ChallengeCase("Bearer a=\"x\u{1}\"", nil),
        ChallengeCase("=", nil),
        ChallengeCase(Array(repeating: "A", count: 17).joined(separator: ","), nil),
        ChallengeCase("Bearer a=" + String(repeating: "b", count: 9_000), nil),
    ])
    private func readsChallengesOrNone(_ row: ChallengeCase) {
        #expect(AuthenticationChallenge.parse(row.header) == row.expected)
    }

    @Test func readsProtectedResourceMetadata() throws {
        let metadata = try ProtectedResource([
            "resource": "https://x.example/mcp", "authorization_servers": ["https://login.example"],
            "scopes_supported": ["a", "b"], "bearer_methods_supported": ["header"],
            "dpop_bound_access_tokens_required": true,
        ])
        #expect(metadata.authorizationServers == ["https://login.example"])
        #expect(metadata.requiresDPoP)
        #expect(metadata.isAbout("https://x.example/mcp"))
        #expect(!metadata.isAbout("https://x.example/other"))
        #expect(
            ProtectedResource.paths(forResourceAt: "/mcp")
                == ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"]
        )
        #expect(throws: Malformed(.missing, at: "resource")) { try ProtectedResource([:]) }
        #expect(throws: Malformed.self) { try ProtectedResource(["resource": "x", "scopes_supported": [1]]) }
    }

    @Test func readsBothShapesOfAnAgentCard() throws {
        let former = try AgentCard([
            "name": "A", "url": "http://a", "protocolVersion": "0.3.0", "provider": ["organization": "O"],
            "skills": [["id": "s", "name": "S", "tags": ["t"]]], "securitySchemes": ["oauth": [:]],
            "additionalInterfaces": [["url": "http://b", "transport": "GRPC"]],
        ])
        #expect(former.interfaces.map(\.binding) == ["JSONRPC", "GRPC"])
        #expect(former.skills.map(\.tags) == [["t"]])
        #expect(former.provider == "O")
        #expect(former.securitySchemes == ["oauth"])
        let current = try AgentCard([
            "name": "A",
            "supportedInterfaces": [["url": "http://a", "protocolBinding": "HTTP+JSON", "protocolVersion": "1.0"]],
            "signatures": [["protected": "x"]],
        ])
        #expect(current.interfaces.first?.version == "1.0")
        #expect(current.isSigned)
        #expect(throws: Malformed(.missing, at: "url")) { try AgentCard(["name": "A"]) }
        #expect(throws: Malformed(.missing, at: "name")) { try AgentCard(["url": "http://a"]) }
        #expect(throws: Malformed.self) { try AgentCard(["name": "A", "url": "x", "skills": [7]]) }
    }

    @Test func tellsModelServersApartByTheirAnswers() throws {
        func answer(_ path: String, _ body: JSON.Value?, server: String? = nil) -> ModelServer.Answer {
            ModelServer.Answer(path: path, status: 200, server: server, body: body)
        }
        // Shapes as in the projects' own API pages (see `ModelServer`).
        let ollama = [
            answer("/api/version", ["version": "0.12.6"]),
            answer("/api/tags", ["models": [["name": "llama3.2:latest", "digest": "a80c", "size": 2]]]),
            answer("/v1/models", ["object": "list", "data": [["id": "llama3.2:latest", "owned_by": "library"]]]),
        ]
        #expect(
            ModelServer.identify(ollama)
                == ModelServer.Identification(product: .ollama, version: "0.12.6", models: ["llama3.2:latest"])
        )
        let studio = [
            answer("/api/v0/models", ["data": [["id": "qwen2", "type": "llm", "state": "loaded", "arch": "qwen2"]]])
        ]
        #expect(ModelServer.identify(studio)?.product == .lmStudio)
        let vLLM = [
            answer("/version", ["version": "0.11.0"]),
            answer("/v1/models", ["data": [["id": "m", "owned_by": "vllm", "max_model_len": 4096]]]),
        ]
        #expect(
            ModelServer.identify(vLLM)
                == ModelServer.Identification(product: .vLLM, version: "0.11.0", models: ["m"])
        )
        let llama = [answer("/props", ["default_generation_settings": [:], "total_slots": 1, "build_info": "b6"])]
        #expect(ModelServer.identify(llama)?.product == .llamaCPP)
        #expect(ModelServer.identify([answer("/", nil, server: "llama.cpp")])?.product == .llamaCPP)
        #expect(
            ModelServer.identify([answer("/version", ["version": "1"]), answer("/api/version", ["version": "1"])])
                == nil
        )
        #expect(ModelServer.identify([answer("/v1/models", ["data": [["id": "gpt", "owned_by": "openai"]]])]) == nil)
        #expect(ModelServer.identify([]) == nil)
    }

    @Test(arguments: [
        ("/messages?s=1", "/messages?s=1"), ("messages?s=1", "/a/messages?s=1"), ("?s=1", "/a/sse?s=1"),
        ("http://127.0.0.1:80/m", "/m"), ("http://127.0.0.1/m", "/m"), ("HTTP://127.0.0.1:80?x", "/?x"),
        ("//evil.example/m", nil), ("http://evil.example/m", nil), ("https://127.0.0.1:80/m", nil),
        ("http://127.0.0.1:80@evil.example/m", nil), ("http://127.0.0.1:81/m", nil), ("/a b", nil), ("/a\r\nX: y", nil),
        ("", nil), ("javascript:1", nil), ("\\\\evil\\m", nil), ("ftp://127.0.0.1:80/m", nil),
    ])
    func followsOnlyAnEndpointOfTheSameOrigin(data: String, path: String?) {
        #expect(LegacyEndpoint(data, origin: "http://127.0.0.1:80", streamPath: "/a/sse")?.path == path)
    }
}
