package import Core
package import NIOCore
import NIOPosix
package import NIOSSL

/// Sends what was exported to a collector over HTTP, one request a connection.
package struct CollectorClient: Sendable {
    /// What became of an export.
    package enum Outcome: Sendable, Equatable {
        case taken
        /// May go better later (OTLP, "Failures": 429, 502, 503 and 504, or no answer at all).
        case later
        /// Would never be taken.
        case refused(Int)
    }

    private let endpoint: GatewayConfiguration.Endpoint
    private let path: String
    private let headers: [(name: String, value: Redacted<String>)]
    private let tls: NIOSSLContext?

    /// - Parameters:
    ///   - endpoint: Host and port of the collector.
    ///   - path: What stands before `/v1/traces` and `/v1/metrics`, without a slash at its end.
    ///   - headers: Further fields, which may hold credentials.
    ///   - tls: Nil is cleartext.
    package init(
        _ endpoint: GatewayConfiguration.Endpoint,
        path: String,
        headers: [(name: String, value: Redacted<String>)],
        tls: NIOSSLContext?
    ) {
        self.endpoint = endpoint
        self.path = path
        self.headers = headers
        self.tls = tls
    }

    /// Sends one request; it has ended, one way or the other, within ten seconds.
    package func send(_ body: [UInt8], to place: String, on loop: any EventLoop) -> EventLoopFuture<Outcome> {
        var request = ByteBuffer()
        request.writeString("POST \(path)\(place) HTTP/1.1\r\nHost: \(endpoint.authority)\r\n")
        request.writeString("Content-Type: application/x-protobuf\r\nContent-Length: \(body.count)\r\n")
        request.writeString("Accept-Encoding: identity\r\nConnection: close\r\n")
        for (name, value) in headers { request.writeString("\(name): \(value.revealed)\r\n") }
        request.writeString("\r\n")
        request.writeBytes(body)
        let whole = request
        let answered = loop.makePromise(of: Outcome.self)
        let (tls, host) = (tls, endpoint.host)
        loop.scheduleTask(in: .seconds(10)) { answered.succeed(.later) }
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        let isAddress = host.contains(":") || host.utf8.allSatisfy { $0 < 0x3A }
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: isAddress ? nil : host)
                        )
                    }
                    try channel.pipeline.syncOperations.addHandler(CollectorAnswer(answered))
                }
            }
            .connect(host: endpoint.host, port: endpoint.port)
            .whenComplete { result in
                guard case .success(let channel) = result else { return answered.succeed(.later) }
                channel.writeAndFlush(whole, promise: nil)
                answered.futureResult.whenComplete { _ in channel.close(promise: nil) }
            }
        return answered.futureResult
    }
}

/// Reads the head of a collector's answer; what stands after it does not matter.
private final class CollectorAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes: [UInt8] = []
    private var search = HeadSearch(limit: 16 << 10)
    private let answered: EventLoopPromise<CollectorClient.Outcome>

    init(_ answered: EventLoopPromise<CollectorClient.Outcome>) { self.answered = answered }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        do {
            guard let end = try search.end(in: bytes.span) else { return }
            let head = try ResponseHead(Array(bytes[..<end]))
            switch head.status {
            case 200..<300: answered.succeed(.taken)
            case 429, 502, 503, 504: answered.succeed(.later)
            default: answered.succeed(.refused(head.status))
            }
        } catch {
            answered.succeed(.later)
        }
    }

    func channelInactive(context: ChannelHandlerContext) { answered.succeed(.later) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        answered.succeed(.later)
        context.close(promise: nil)
    }
}
