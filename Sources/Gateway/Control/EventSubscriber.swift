package import Core
import NIOCore
import NIOPosix
package import NIOSSL

/// Whoever is told of kills: takes security event tokens over HTTP (RFC 8935).
package struct EventSubscriber: Sendable {
    package let endpoint: GatewayConfiguration.Endpoint
    package let path: String
    /// The `aud` of its tokens.
    package let audience: String
    /// What is sent as `Authorization`.
    package let credential: Redacted<String>?
    /// Nothing where events go over cleartext, which stays on this machine.
    package let tls: NIOSSLContext?

    static let patience: TimeAmount = .seconds(5)

    package init(
        endpoint: GatewayConfiguration.Endpoint,
        path: String,
        audience: String,
        credential: Redacted<String>? = nil,
        tls: NIOSSLContext? = nil
    ) {
        self.endpoint = endpoint
        self.path = path
        self.audience = audience
        self.credential = credential
        self.tls = tls
    }

    /// Hands over one token on a connection of its own.
    ///
    /// - Returns: The status of the answer, or nothing where none came in time.
    package func push(_ token: [UInt8]) async -> Int? {
        var request = ByteBuffer()
        request.writeString("POST \(path) HTTP/1.1\r\nHost: \(endpoint.authority)\r\n")
        request.writeString("Content-Type: application/secevent+jwt\r\nAccept: application/json\r\n")
        request.writeString("Content-Length: \(token.count)\r\nConnection: close\r\n")
        if let credential { request.writeString("Authorization: \(credential.revealed)\r\n") }
        request.writeString("\r\n")
        request.writeBytes(token)
        let (sent, tls, host) = (request, tls, endpoint.host)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let status = loop.makePromise(of: Int?.self)
        let bootstrap = ClientBootstrap(group: loop).connectTimeout(Self.patience).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    let isAddress = host.contains(":") || host.utf8.allSatisfy { $0 < 0x3A }
                    let handler = try NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host)
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
                try channel.pipeline.syncOperations.addHandler(StatusReader(status))
            }
        }
        let late = loop.scheduleTask(in: Self.patience) { status.succeed(nil) }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: host, port: endpoint.port).get()
        } catch {
            late.cancel()
            status.succeed(nil)
            return nil
        }
        channel.writeAndFlush(sent, promise: nil)
        let answer = try? await status.futureResult.get()
        late.cancel()
        channel.close(promise: nil)
        return answer ?? nil
    }
}

/// Reads no further than the head of an answer.
private final class StatusReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes: [UInt8] = []
    private var search = HeadSearch(limit: 16 << 10)
    private let status: EventLoopPromise<Int?>

    init(_ status: EventLoopPromise<Int?>) { self.status = status }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        do throws(HTTPFault) {
            guard let end = try search.end(in: bytes.span) else { return }
            status.succeed(try ResponseHead(Array(bytes[..<end])).status)
        } catch {
            status.succeed(nil)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { status.succeed(nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
