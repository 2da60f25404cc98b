import Core
import NIOHTTP1
import Testing
import Wire

@testable import Lab

private let calls = Calls(client: Implementation(name: "lab-tests", version: "1"))

/// The servers that are reached by a POST to one address.
private let posted = Estate.blueprints(seed: 1).filter { blueprint in
    if case .streamableHTTP = blueprint.front { true } else { false }
}

extension Blueprint: CustomTestStringConvertible {
    package var testDescription: String { name }
}

/// A client that talks to a site without a network.
private struct Visitor {
    let site: StreamableHTTP

    init(_ blueprint: Blueprint, driftAfter: Int = 0) {
        let answersAsEvents = if case .streamableHTTP(true) = blueprint.front { true } else { false }
        site = StreamableHTTP(
            server: LabServer(blueprint, seed: 1, driftAfter: driftAfter),
            answersAsEvents: answersAsEvents,
            gate: Gate(url: "http://127.0.0.1:1/mcp", token: blueprint.token)
        )
    }

    func post(
        _ request: JSONRPC.Request,
        revision: ProtocolRevision,
        session: String? = nil,
        changing: [String: String] = [:]
    ) -> HTTPReply {
        var headers = HTTPHeaders(
            JSONRPC.Message.request(request).headers(revision: revision, session: session).map { ($0.name, $0.value) }
        )
        if let token = site.server.blueprint.token { headers.add(name: "Authorization", value: "Bearer " + token) }
        for (name, value) in changing { headers.replaceOrAdd(name: name, value: value) }
        return site.reply(to: HTTPRequest(method: .POST, target: "/mcp", headers: headers, body: request.encoded))
    }

    func response(_ reply: HTTPReply, revision: ProtocolRevision) throws -> JSONRPC.Response? {
        guard case .bytes(var bytes) = reply.body else { return nil }
        if reply.headers.contains(where: { $0.1 == "text/event-stream" }) {
            var stream = EventStream()
            bytes = try #require(try stream.feed(bytes).first).data
        }
        guard !bytes.isEmpty,
            case .response(let response)? = try JSONRPC.parse(bytes, revision: revision).messages.first
        else { return nil }
        return response
    }

    func answer(_ question: EraProbe.Question) throws -> EraProbe.Answer {
        let (request, revision): (JSONRPC.Request, ProtocolRevision) =
            switch question {
            case .discover(let revision, _): (calls.discover(id: .integer(1), revision: revision), revision)
            case .initialize(let revision, _):
                (calls.initialize(id: .integer(1), offering: revision), revision)
            case .openEventStream: (calls.discover(id: .integer(1), revision: .latest), .latest)
            }
        if question == .openEventStream { return .status(405) }
        let reply = post(request, revision: revision)
        return try response(reply, revision: revision).map(EraProbe.Answer.response) ?? .status(Int(reply.status.code))
    }
}

@Suite struct LabTests {
    @Test(arguments: posted) func theProbeFindsTheRevisionsThatTheManifestClaims(_ blueprint: Blueprint) throws {
        let visitor = Visitor(blueprint)
        var probe = EraProbe.http(depth: .everyRevision)
        while let question = probe.question {
            probe.receive(try visitor.answer(question))
        }
        #expect(probe.report.revisions == blueprint.revisions)
    }

    @Test(arguments: Estate.blueprints(seed: 1)) func everyListReadsToItsEndInEveryRevision(_ blueprint: Blueprint) {
        for revision in blueprint.revisions {
            let server = LabServer(blueprint, seed: 1, driftAfter: 0)
            for kind in ListKind.allCases {
                var listing = Listing(kind)
                while let request = listing.request(calls, id: .integer(1), revision: revision) {
                    guard let response = server.answer(.request(request), revision: revision) else { break }
                    listing.receive(response)
                }
                #expect(listing.stop == .complete)
                #expect(listing.refusals.isEmpty)
                #expect(listing.duplicates.isEmpty)
                if kind == .tools { #expect(listing.definitions.count == blueprint.tools.count) }
            }
        }
    }

    @Test func aServerWithATokenSaysWhereToGetOne() throws {
        let blueprint = Blueprint.hr(seed: 1)
        let visitor = Visitor(blueprint)
        let request = calls.initialize(id: .integer(1), offering: .v2025_06_18)
        let refused = visitor.post(request, revision: .v2025_06_18, changing: ["Authorization": "Bearer wrong"])
        #expect(refused.status == .unauthorized)
        let header = try #require(refused.headers.first { $0.0 == "WWW-Authenticate" }?.1)
        let challenge = try #require(AuthenticationChallenge.parse(header)?.first)
        let metadata = "http://127.0.0.1:1/.well-known/oauth-protected-resource/mcp"
        #expect(challenge.resourceMetadata == metadata)
        let reply = visitor.site.reply(
            to: HTTPRequest(
                method: .GET,
                target: "/.well-known/oauth-protected-resource/mcp",
                headers: HTTPHeaders(),
                body: []
            )
        )
        guard case .bytes(let bytes) = reply.body else { return }
        #expect(try ProtectedResource(JSON.parse(bytes)).isAbout("http://127.0.0.1:1/mcp"))
        #expect(visitor.post(request, revision: .v2025_06_18).status == .ok)
    }

    @Test func headersThatContradictTheBodyAreRefused() throws {
        let visitor = Visitor(.retail(seed: 1))
        let call = calls.request(
            "tools/call",
            id: .integer(1),
            revision: .latest,
            params: ["name": "check_stock", "arguments": ["sku": "SKU-1001"]]
        )
        #expect(visitor.post(call, revision: .latest).status == .ok)
        for (name, value) in [("Mcp-Method", "tools/list"), ("Mcp-Name", "x"), ("MCP-Protocol-Version", "2025-11-25")] {
            let reply = visitor.post(call, revision: .latest, changing: [name: value])
            #expect(reply.status == .badRequest)
            #expect(try visitor.response(reply, revision: .latest)?.failure?.known == .headerMismatch)
        }
    }

    @Test func aLegacyRequestNeedsItsSession() {
        let visitor = Visitor(.tickets())
        let opened = visitor.post(calls.initialize(id: .integer(1), offering: .v2025_11_25), revision: .v2025_11_25)
        let session = opened.headers.first { $0.0 == MCPHeader.session }?.1
        let list = calls.list(.tools, id: .integer(2), revision: .v2025_11_25)
        #expect(visitor.post(list, revision: .v2025_11_25, session: session).status == .ok)
        #expect(visitor.post(list, revision: .v2025_11_25).status == .badRequest)
        #expect(visitor.post(list, revision: .v2025_11_25, session: "lab-0").status == .notFound)
    }

    @Test func theDriftingServerChangesAfterTheSetNumberOfLists() {
        let server = LabServer(.tickets(), seed: 1, driftAfter: 2)
        let first = server.definitions(countsAsCall: true)
        #expect(server.definitions(countsAsCall: true) == first)
        #expect(server.definitions(countsAsCall: true) != first)
        #expect(!LabServer(.notes(), seed: 1, driftAfter: 0).drift())
    }

    @Test func toolsRefuseArgumentsThatTheirSchemaForbids() {
        let server = LabServer(.retail(seed: 1), seed: 1, driftAfter: 0)
        let bad: [JSON.Value] = [
            [:], ["sku": 7], ["sku": "SKU-1001", "warehouse": "PAR"], ["sku": "SKU-1001", "extra": 1], ["sku": "none"],
            "text",
        ]
        for arguments in bad {
            let call = JSONRPC.Request(
                id: .integer(1),
                method: "tools/call",
                params: ["name": "check_stock", "arguments": arguments]
            )
            let result = server.answer(.request(call), revision: .v2025_11_25)?.result
            #expect(result?["isError"] == true, "\(arguments)")
        }
    }

    @Test(arguments: 1...3 as ClosedRange<UInt64>) func theSameSeedGivesTheSameEstate(seed: UInt64) {
        let call = JSONRPC.Request(
            id: .integer(1),
            method: "tools/call",
            params: ["name": "list_low_stock", "arguments": ["threshold": 100]]
        )
        let answers = (0..<2).map { _ in
            LabServer(.retail(seed: seed), seed: seed, driftAfter: 0).answer(.request(call), revision: .v2025_11_25)
        }
        #expect(answers[0] == answers[1])
    }

    @Test(arguments: [
        ["--base-port", "x"], ["--base-port", "70000"], ["--for"], ["--unknown"], ["--seed", "-1"], ["file"],
    ])
    func refusesOptionsItDoesNotUnderstand(_ arguments: [String]) {
        #expect(throws: Options.Refused.self) { try Options(arguments) }
    }
}
