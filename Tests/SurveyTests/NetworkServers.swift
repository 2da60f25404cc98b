import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

@testable import Survey

/// What a server of the tests has seen and sent; written on event loops.
final class Tally: Sendable {
    private let state = Mutex((connections: 0, requests: [String](), sent: 0))

    var connections: Int { state.withLock { $0.connections } }
    /// `METHOD path`, in the order of arrival.
    var requests: [String] { state.withLock { $0.requests } }
    var sent: Int { state.withLock { $0.sent } }

    func connect() { state.withLock { $0.connections += 1 } }
    func request(_ line: String) { state.withLock { $0.requests.append(line) } }
    func send(_ bytes: Int) { state.withLock { $0.sent += bytes } }
}

/// A listener on a free port of the loopback interface, closed when the body is done.
struct TestServer: Sendable {
    var endpoint: Endpoint
    var tally: Tally

    /// Not the loops of the client: a server that misbehaves must not be able to hold them up.
    private static let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    var url: String { "http://\(endpoint)" }

    /// Serves bytes as they are: what to do once a client has sent something, or at once where `speaksFirst`.
    static func raw<T: Sendable>(
        speaksFirst: Bool = false,
        _ answer: @escaping @Sendable (any Channel, Tally) -> Void,
        body: (TestServer) async throws -> T
    ) async throws -> T {
        try await run(
            { channel, tally in
                try channel.pipeline.syncOperations.addHandler(
                    RawHandler(speaksFirst: speaksFirst, tally: tally, answer: answer)
                )
            },
            body
        )
    }

    /// Serves whole responses to whole requests.
    static func http<T: Sendable>(
        isEncrypted: Bool = false,
        _ respond: @escaping @Sendable (Exchange) -> Reply,
        body: (TestServer) async throws -> T
    ) async throws -> T {
        let context = isEncrypted ? try TestCertificate.context() : nil
        return try await run(
            { channel, tally in
                if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
                try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                try channel.pipeline.syncOperations.addHandler(HTTPHandler(tally: tally, respond: respond))
            },
            body
        )
    }

    private static func run<T: Sendable>(
        _ initialize: @escaping @Sendable (any Channel, Tally) throws -> Void,
        _ body: (TestServer) async throws -> T
    ) async throws -> T {
        let tally = Tally()
        let channel = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                tally.connect()
                return channel.eventLoop.makeCompletedFuture { try initialize(channel, tally) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = UInt16(channel.localAddress?.port ?? 0)
        let server = TestServer(endpoint: Endpoint(address: Address(bytes: [127, 0, 0, 1]), port: port), tally: tally)
        do {
            let result = try await body(server)
            try await channel.close()
            return result
        } catch {
            try? await channel.close()
            throw error
        }
    }

    struct Exchange: Sendable {
        var method: String
        var path: String
        var headers: [String: String]
        var body: String
    }

    struct Reply: Sendable {
        var status = 200
        var headers: [(String, String)] = [("Content-Type", "application/json")]
        var body = ""

        static func json(_ text: String, _ headers: [(String, String)] = []) -> Reply {
            Reply(headers: [("Content-Type", "application/json")] + headers, body: text)
        }

        static func status(_ status: Int, _ headers: [(String, String)] = [], body: String = "") -> Reply {
            Reply(status: status, headers: headers, body: body)
        }
    }
}

private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    let speaksFirst: Bool
    let tally: Tally
    let answer: @Sendable (any Channel, Tally) -> Void

    init(speaksFirst: Bool, tally: Tally, answer: @escaping @Sendable (any Channel, Tally) -> Void) {
        self.speaksFirst = speaksFirst
        self.tally = tally
        self.answer = answer
    }

    func channelActive(context: ChannelHandlerContext) {
        if speaksFirst { answer(context.channel, tally) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !speaksFirst { answer(context.channel, tally) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

private final class HTTPHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    let tally: Tally
    let respond: @Sendable (TestServer.Exchange) -> TestServer.Reply
    var head: HTTPRequestHead?
    var body = ByteBuffer()

    init(tally: Tally, respond: @escaping @Sendable (TestServer.Exchange) -> TestServer.Reply) {
        self.tally = tally
        self.respond = respond
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body.clear()
        case .body(var more): body.writeBuffer(&more)
        case .end:
            guard let head else { return }
            tally.request("\(head.method.rawValue) \(head.uri)")
            let headers = Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }
            let reply = respond(
                TestServer.Exchange(
                    method: head.method.rawValue,
                    path: head.uri,
                    headers: headers,
                    body: String(buffer: body)
                )
            )
            var fields = HTTPHeaders(reply.headers)
            fields.add(name: "Content-Length", value: String(reply.body.utf8.count))
            let answer = HTTPResponseHead(
                version: .http1_1,
                status: HTTPResponseStatus(statusCode: reply.status),
                headers: fields
            )
            context.write(wrapOutboundOut(.head(answer)), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: reply.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension Channel {
    /// Writes a text and says so to the tally.
    func put(_ text: String, _ tally: Tally) {
        tally.send(text.utf8.count)
        writeAndFlush(ByteBuffer(string: text), promise: nil)
    }

    func put(_ bytes: [UInt8], _ tally: Tally) {
        tally.send(bytes.count)
        writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    /// Writes the same text again and again until the peer is gone.
    ///
    /// Never without a pause: an event loop that always has a task at hand does not get to its sockets.
    func putForever(_ text: String, _ tally: Tally, every pause: TimeAmount = .milliseconds(1)) {
        let channel = self
        channel.writeAndFlush(ByteBuffer(string: text)).whenSuccess {
            tally.send(text.utf8.count)
            channel.eventLoop.scheduleTask(in: pause) { channel.putForever(text, tally, every: pause) }
        }
    }
}

/// A certificate for 127.0.0.1 that nobody trusts, made for these tests alone.
enum TestCertificate {
    static func context() throws -> NIOSSLContext {
        let certificate = try NIOSSLCertificate(bytes: Array(pem.utf8), format: .pem)
        let key = try NIOSSLPrivateKey(bytes: Array(keyPEM.utf8), format: .pem)
        return try NIOSSLContext(
            configuration: .makeServerConfiguration(
                certificateChain: [.certificate(certificate)],
                privateKey: .privateKey(key)
            )
        )
    }

    static func digestBytes() throws -> [UInt8] {
        try NIOSSLCertificate(bytes: Array(pem.utf8), format: .pem).toDERBytes()
    }

    static let pem = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUDzoGU5tprRto5dbDWDBkkX7nw8YwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzA1MTUxN1oYDzIxMjYxMDMw
        MDUxNTE3WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAATLwqJ1DGN+Zf3weYSvkpbGQ5FCojU8iaQDgh9Hv0yOXjihPbjNTCzj
        PpJPuO967RqUXXSY7qYkRhhWPZfx+IZ7o28wbTAdBgNVHQ4EFgQU8TQsqvhxnlT7
        aOTEMrzjyDBOaZEwHwYDVR0jBBgwFoAU8TQsqvhxnlT7aOTEMrzjyDBOaZEwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARhwR/AAABgglsb2NhbGhvc3QwCgYIKoZI
        zj0EAwIDSAAwRQIgArsKZd/pe3pdKhgmAwI2NeSvfT5g9Ce0tt1n9kIONs8CIQDP
        GU0IczuvZtycKfX6AFV9w/Rqo7ACQzXBfFUDTKu3og==
        -----END CERTIFICATE-----
        """

    static let keyPEM = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgd79JfiE5oL0cqPMR
        DZqWHixXwplyUiFRKdG5ZxePqTChRANCAATLwqJ1DGN+Zf3weYSvkpbGQ5FCojU8
        iaQDgh9Hv0yOXjihPbjNTCzjPpJPuO967RqUXXSY7qYkRhhWPZfx+IZ7
        -----END PRIVATE KEY-----
        """
}
