package import Core
import NIOCore
import NIOPosix
package import NIOSSL
import Wire

/// Calls tools through a gateway as an agent does, in either era of the protocol.
///
/// One question a connection: the few calls that it is made for are not worth a pool.
package struct AgentClient: Sendable {
    /// What became of a call.
    package enum Outcome: Sendable, Hashable {
        /// The server answered, with a result or with an error of its own.
        case answered(isError: Bool)
        /// The policy does not allow it.
        case denied(reason: String)
        /// The policy allows it, and the gateway kept it from the server.
        case held
    }

    /// Why nobody knows what would have become of a call.
    package struct Failure: Error, Sendable {
        package let message: String
    }

    private struct Reply {
        let status: Int
        let session: String?
        let message: JSON.Value
    }

    private static let seconds: Int64 = 15
    private static let newest = "2026-07-28"
    private static let oldest = "2025-11-25"

    private let endpoint: GatewayConfiguration.Endpoint
    private let path: String
    private let token: Redacted<String>
    private let tls: NIOSSLContext?
    private var revision = Self.oldest
    private var session: String?
    private var number: Int64 = 0

    /// - Parameters:
    ///   - endpoint: Of the gateway.
    ///   - path: Of the route.
    ///   - token: As it stands after `Bearer`.
    ///   - tls: Where the gateway has TLS: what its certificate is judged by.
    package init(
        _ endpoint: GatewayConfiguration.Endpoint,
        path: String,
        token: Redacted<String>,
        tls: NIOSSLContext?
    ) {
        self.endpoint = endpoint
        self.path = path
        self.token = token
        self.tls = tls
    }

    /// Opens a session, or finds that the server knows none.
    package mutating func begin() async throws(Failure) {
        let parameters: JSON.Object = [
            "protocolVersion": .string(Self.oldest), "capabilities": [:],
            "clientInfo": ["name": "lockstep-canary", "version": "1"],
        ]
        let opened = try await ask("initialize", parameters)
        guard let spoken = opened.message["result"]?["protocolVersion"]?.string, opened.status == 200 else {
            // A server of the era without sessions knows no `initialize`.
            revision = Self.newest
            return
        }
        (revision, session) = (spoken, opened.session)
        _ = try await send(["jsonrpc": "2.0", "method": "notifications/initialized"], "notifications/initialized", nil)
    }

    package mutating func call(_ tool: String, _ arguments: JSON.Object) async throws(Failure) -> Outcome {
        let reply = try await ask("tools/call", ["name": .string(tool), "arguments": .object(arguments)])
        if let error = reply.message["error"] {
            switch error["code"]?.int {
            case 40301?: return .denied(reason: error["data"]?["reason"]?.string ?? "denied")
            case 40306?: return .held
            default: break
            }
            guard reply.status == 200, error["code"]?.int != 50301 else {
                throw Failure(message: error["message"]?.string ?? "it answered with \(reply.status)")
            }
            return .answered(isError: true)
        }
        guard reply.status == 200, let result = reply.message["result"] else {
            throw Failure(message: "it answered with \(reply.status)")
        }
        return .answered(isError: result["isError"]?.bool ?? false)
    }

    /// Ends the session; that it cannot be ended matters to nobody.
    package mutating func end() async {
        guard session != nil else { return }
        _ = try? await exchange(head("DELETE", nil, nil, length: nil))
        session = nil
    }

    // MARK: On the wire

    private mutating func ask(_ method: String, _ parameters: JSON.Object) async throws(Failure) -> Reply {
        number += 1
        var parameters = parameters
        if revision == Self.newest {
            parameters["_meta"] = [
                "io.modelcontextprotocol/protocolVersion": .string(revision),
                "io.modelcontextprotocol/clientInfo": ["name": "lockstep-canary", "version": "1"],
                "io.modelcontextprotocol/clientCapabilities": [:],
            ]
        }
        let message: JSON.Object = [
            "jsonrpc": "2.0", "id": .integer(number), "method": .string(method), "params": .object(parameters),
        ]
        return try await send(.object(message), method, parameters["name"]?.string)
    }

    private func send(_ message: JSON.Value, _ method: String, _ name: String?) async throws(Failure) -> Reply {
        let body = JSON.canonical(message)
        return try await exchange(head("POST", method, name, length: body.count) + body)
    }

    private func head(_ verb: String, _ method: String?, _ name: String?, length: Int?) -> [UInt8] {
        var lines = [
            "\(verb) \(path) HTTP/1.1", "Host: \(endpoint.authority)", "Authorization: Bearer \(token.revealed)",
            "Accept: application/json, text/event-stream", "Connection: close",
        ]
        if let length { lines += ["Content-Type: application/json", "Content-Length: \(length)"] }
        if method != "initialize" { lines.append("MCP-Protocol-Version: \(revision)") }
        if let session { lines.append("Mcp-Session-Id: \(session)") }
        if revision == Self.newest, let method {
            lines.append("Mcp-Method: \(method)")
            if let name { lines.append("Mcp-Name: \(name)") }
        }
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8)
    }

    private func exchange(_ request: [UInt8]) async throws(Failure) -> Reply {
        do {
            return try Self.reply(try await answer(to: request), number)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(message: "nothing answers at \(endpoint.authority)")
        }
    }

    private func answer(to request: [UInt8]) async throws -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answered = loop.makePromise(of: [UInt8].self)
        let channel: any Channel
        do {
            let (tls, host) = (tls, endpoint.host)
            channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(5))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let pipeline = channel.pipeline.syncOperations
                        if let tls {
                            let isAddress = host.contains(":") || host.utf8.allSatisfy { $0 < 0x3A }
                            try pipeline.addHandler(
                                NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host)
                            )
                        }
                        try pipeline.addHandler(AnswerCollector(answered))
                    }
                }
                .connect(host: endpoint.host, port: endpoint.port).get()
        } catch {
            answered.fail(error)
            return try await answered.futureResult.get()
        }
        let late = Failure(message: "no answer from \(endpoint.authority) within \(Self.seconds) s")
        let expiry = loop.scheduleTask(in: .seconds(Self.seconds)) { answered.fail(late) }
        defer {
            expiry.cancel()
            channel.close(promise: nil)
        }
        channel.writeAndFlush(ByteBuffer(bytes: request), promise: nil)
        return try await answered.futureResult.get()
    }

    private static func reply(_ bytes: [UInt8], _ number: Int64) throws -> Reply {
        var search = HeadSearch(limit: 64 << 10)
        guard let end = try search.end(in: bytes.span) else { throw Failure(message: "the answer is cut short") }
        let head = try ResponseHead(Array(bytes[..<end]))
        var (rest, body, scanner) = (bytes[(end + 4)...], [UInt8](), BodyScanner(head.framing))
        reading: while true {
            switch try scanner.next(Array(rest).span) {
            case .data(let count):
                body += rest.prefix(count)
                rest = rest.dropFirst(count)
            case .framing(let count): rest = rest.dropFirst(count)
            case .needsMore, .done: break reading
            }
        }
        guard scanner.isDone || scanner.endsWithConnection else { throw Failure(message: "the answer is cut short") }
        var messages = [body]
        if head.head.value(of: .contentType).map(MediaType.isEventStream) ?? false {
            var stream = EventStream()
            messages = try stream.feed(body).map(\.data)
        }
        let parsed = messages.compactMap { try? JSON.parse($0) }
        // Beside the answer a server may say other things on the same stream.
        let own = parsed.first { $0["id"] == .integer(number) && $0["method"] == nil } ?? parsed.last
        return Reply(status: head.status, session: head.head.value(of: .session), message: own ?? .null)
    }
}

/// Collects an answer until its connection ends.
private final class AnswerCollector: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes: [UInt8] = []
    private let answered: EventLoopPromise<[UInt8]>

    init(_ answered: EventLoopPromise<[UInt8]>) { self.answered = answered }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        if bytes.count > AdminClient.mostBytes { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) { answered.succeed(bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
