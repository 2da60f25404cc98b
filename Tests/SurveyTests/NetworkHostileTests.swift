import Core
import NIOCore
import Testing

@testable import Survey

/// Servers that do what no server should.
///
/// Each is met within its limits and named in the result.
@Suite struct NetworkHostileTests {
    static let exchange = HTTPExchange.Limits(
        headBytes: 8 << 10,
        bodyBytes: 64 << 10,
        totalBytes: 256 << 10,
        events: 50
    )
    /// For faults that end by their bytes: so long that a busy machine changes nothing.
    static let patient = ProbeLimits(endpoint: .seconds(60), exchange: exchange)
    /// For faults that only the clock ends; the first bytes of an answer arrive within it on a busy machine too.
    static let brief = ProbeLimits(endpoint: .seconds(4), exchange: exchange)

    struct Fault: Sendable, CustomTestStringConvertible {
        var name: String
        var speaksFirst = false
        var answer: @Sendable (any Channel, Tally) -> Void
        /// Part of a reason that the result gives.
        var reason: String
        /// Part of what it is called.
        var seen = ""
        var limits = patient
        var testDescription: String { name }
    }

    static let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

    static func whole(_ body: String) -> String { ok + "Content-Length: \(body.utf8.count)\r\n\r\n" + body }

    static let faults: [Fault] = [
        Fault(name: "hangs", answer: { _, _ in }, reason: "did not answer in time", limits: brief),
        Fault(name: "closes", answer: { channel, _ in channel.close(promise: nil) }, reason: "without an answer"),
        Fault(
            name: "closes at once",
            speaksFirst: true,
            answer: { channel, _ in channel.close(promise: nil) },
            reason: "without an answer"
        ),
        Fault(
            name: "trickles its head",
            answer: { $0.putForever("H", $1, every: .milliseconds(30)) },
            reason: "not http"
        ),
        Fault(
            name: "trickles its body",
            answer: { channel, tally in
                channel.put(ok + "Content-Length: 50000\r\n\r\n", tally)
                channel.putForever(" ", tally, every: .milliseconds(20))
            },
            reason: "not complete in time",
            limits: brief
        ),
        Fault(
            name: "sends garbage",
            answer: { $0.put((0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 131 &+ 7) }, $1) },
            reason: "not http"
        ),
        Fault(
            name: "is no http server",
            speaksFirst: true,
            answer: { $0.put("SSH-2.0-OpenSSH_9.2\u{1B}[31m\r\n", $1) },
            reason: "not http",
            seen: "SSH-2.0-OpenSSH_9.2\u{FFFD}[31m"
        ),
        Fault(
            name: "sends a body without end",
            answer: { channel, tally in
                channel.put(ok + "\r\n", tally)
                channel.putForever(String(repeating: " ", count: 4096), tally)
            },
            reason: "body of the answer is too large"
        ),
        Fault(
            name: "sends chunks without end",
            answer: { channel, tally in
                channel.put(ok + "Transfer-Encoding: chunked\r\n\r\n", tally)
                channel.putForever(String(repeating: "1\r\n \r\n", count: 500), tally)
            },
            reason: "sent more in all"
        ),
        Fault(
            name: "sends comments without end",
            answer: { channel, tally in
                channel.put("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", tally)
                channel.putForever(String(repeating: ": ping\n\n", count: 500), tally)
            },
            reason: "body of the answer is too large"
        ),
        Fault(
            name: "sends events without end",
            answer: { channel, tally in
                channel.put("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", tally)
                channel.putForever("data: {\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n\n", tally)
            },
            reason: "too many events"
        ),
        Fault(
            name: "announces more than it sends",
            answer: { channel, tally in
                channel.put(ok + "Content-Length: 1000000\r\n\r\n{}", tally)
                channel.close(promise: nil)
            },
            reason: "ended before its announced end"
        ),
        Fault(
            name: "announces a terabyte",
            answer: { $0.put(ok + "Content-Length: 1099511627776\r\n\r\n{}", $1) },
            reason: "not complete in time",
            limits: brief
        ),
        Fault(
            name: "announces less than it sends",
            answer: { $0.put(ok + "Content-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", $1) },
            reason: "`jsonrpc` is missing"
        ),
        Fault(
            name: "announces two lengths",
            answer: { $0.put(ok + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", $1) },
            reason: "not http"
        ),
        Fault(
            name: "sends a large header",
            answer: { channel, tally in
                channel.put("HTTP/1.1 200 OK\r\nX: ", tally)
                channel.putForever(String(repeating: "a", count: 1024), tally)
            },
            reason: "head of the answer is too large"
        ),
        Fault(
            name: "sends headers without end",
            answer: { channel, tally in
                channel.put("HTTP/1.1 200 OK\r\n", tally)
                channel.putForever("X-Filler: aaaaaaaaaaaaaaaaaaaaaaa\r\n", tally)
            },
            reason: "head of the answer is too large"
        ),
        Fault(
            name: "sends interim answers without end",
            answer: { $0.putForever("HTTP/1.1 102 Processing\r\n\r\n", $1) },
            reason: "head of the answer is too large"
        ),
        Fault(
            name: "answers what is not utf-8",
            answer: {
                $0.put(Array((ok + "Content-Length: 10\r\n\r\n{\"a\":\"").utf8) + [0xFF, 0xFE, 0x22, 0x7D], $1)
            },
            reason: "invalid utf-8"
        ),
        Fault(
            name: "answers the same key twice",
            answer: { $0.put(whole("{\"jsonrpc\":\"2.0\",\"id\":0,\"id\":0,\"result\":{}}"), $1) },
            reason: "has this key already"
        ),
        Fault(
            name: "answers too many levels",
            answer: { $0.put(whole(String(repeating: "[", count: 5000)), $1) },
            reason: "too many levels"
        ),
        Fault(
            name: "answers somebody else",
            answer: { $0.put(whole("{\"jsonrpc\":\"2.0\",\"id\":77,\"result\":{}}"), $1) },
            reason: "not the response that was asked for"
        ),
    ]

    @Test(.timeLimit(.minutes(10)), arguments: faults)
    func meetsEachFaultWithinItsLimits(_ fault: Fault) async throws {
        try await TestServer.raw(speaksFirst: fault.speaksFirst, fault.answer) { server in
            let outcome = await Prober(limits: fault.limits).probe(server.endpoint)
            let sighting = try #require(outcome.sightings.first)
            #expect(outcome.sightings.count == 1)
            #expect(sighting.kind == .other)
            #expect(sighting.canonicalKey == "tcp://\(server.endpoint)")
            #expect(sighting.description?.name.contains(fault.seen) == true, "\(sighting.description?.name ?? "")")
            #expect(outcome.gaps.contains { $0.reason.contains(fault.reason) }, "\(outcome.gaps)")
            #expect(outcome.findings.isEmpty)
            #expect(server.tally.connections <= 40)
        }
    }

    @Test func neverFollowsARedirect() async throws {
        try await TestServer.http({ _ in .status(404) }) { other in
            let target = other.url
            try await TestServer.http({ .status(307, [("Location", target + $0.path)]) }) { server in
                let outcome = await Prober(limits: Self.patient).probe(server.endpoint)
                #expect(outcome.sightings.map(\.kind) == [.other])
                #expect(outcome.gaps.contains { $0.reason.contains("redirects elsewhere") })
            }
            #expect(other.tally.connections == 0)
        }
    }

    @Test func neverAsksAnotherHostForMetadata() async throws {
        try await TestServer.http({ _ in .status(404) }) { other in
            let header = "Bearer resource_metadata=\"\(other.url)/.well-known/oauth-protected-resource\""
            try await TestServer.http({ exchange in
                exchange.path == "/mcp" ? .status(401, [("WWW-Authenticate", header)]) : .status(404)
            }) { server in
                let outcome = await Prober(limits: Self.patient).probe(server.endpoint)
                let description = try #require(outcome.sightings.first?.description)
                #expect(outcome.sightings.first?.kind == .mcp)
                #expect(description.authentication == .bearer(scheme: "bearer"))
                #expect(description.gaps.contains { $0.contains("another host") })
                #expect(description.gaps.contains("identity and lists are behind authentication"))
            }
            #expect(other.tally.connections == 0)
        }
    }

    @Test func neverPostsToAnAddressElsewhere() async throws {
        try await TestServer.http({ _ in .status(404) }) { other in
            let event = "event: endpoint\ndata: \(other.url)/message\n\n"
            try await TestServer.http({ exchange in
                exchange.method == "GET" && exchange.path == "/sse"
                    ? .status(200, [("Content-Type", "text/event-stream")], body: event) : .status(404)
            }) { server in
                let outcome = await Prober(limits: Self.patient).probe(server.endpoint)
                #expect(outcome.gaps.contains { $0.reason.contains("names an address elsewhere") }, "\(outcome.gaps)")
            }
            #expect(other.tally.connections == 0)
        }
    }
}
