import Core
import NIOCore
import NIOPosix
package import NIOSSL

/// Files on a web server, read one a connection; what they say is for signatures to prove.
package struct PublishedFiles: Sendable {
    /// Why there is no file to read.
    package struct Unreachable: Error, Sendable {
        package let message: String
    }

    private let server: GatewayConfiguration.Endpoint
    private let folder: String
    private let context: NIOSSLContext?

    /// - Parameters:
    ///   - server: Where it listens.
    ///   - folder: The path before the names, without a slash at its end.
    ///   - context: Its TLS; nil is cleartext.
    package init(_ server: GatewayConfiguration.Endpoint, folder: String, context: NIOSSLContext?) {
        self.server = server
        self.folder = folder
        self.context = context
    }

    /// The bytes of a file, or nothing where the server says that there is none.
    ///
    /// Redirects are not followed, and an answer without a length is none.
    ///
    /// - Throws: `Unreachable`, also where the file has more than `limit` bytes or does not come within `patience`.
    package func read(
        _ name: String,
        limit: Int,
        patience: Duration = .seconds(10)
    ) async throws(Unreachable) -> [UInt8]? {
        var request = ByteBuffer()
        request.writeString("GET \(folder)/\(name) HTTP/1.1\r\nHost: \(server.authority)\r\n")
        request.writeString("Accept: */*\r\nConnection: close\r\n\r\n")
        let answer: [UInt8]
        do {
            answer = try await ask(request, limit: limit, patience: patience)
        } catch {
            throw error as? Unreachable ?? Unreachable(message: "nothing answers at \(server.authority)")
        }
        do {
            var search = HeadSearch(limit: 64 << 10)
            guard let end = try search.end(in: answer.span) else { throw HTTPFault.malformed("head") }
            let head = try ResponseHead(Array(answer[..<end]))
            let body = Array(answer[(end + 4)...])
            if head.status == 404 || head.status == 410 { return nil }
            guard head.status == 200, case .length(let count) = head.framing, count == body.count else {
                throw Unreachable(message: "\(server.authority) answers with \(head.status), or with half a file")
            }
            return body
        } catch {
            throw error as? Unreachable ?? Unreachable(message: "the answer of \(server.authority) is no http")
        }
    }

    private func ask(_ request: ByteBuffer, limit: Int, patience: Duration) async throws -> [UInt8] {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answered = loop.makePromise(of: [UInt8].self)
        let (server, context) = (server, context)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let context {
                        let isAddress = server.host.contains(":") || server.host.utf8.allSatisfy { $0 < 0x3A }
                        let name = isAddress ? nil : server.host
                        try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
                    }
                    try pipeline.addHandler(FileReader(answered, limit: limit + (64 << 10)))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: server.host, port: server.port).get()
        } catch {
            answered.fail(Unreachable(message: "nothing answers at \(server.authority)"))
            return try await answered.futureResult.get()
        }
        let end = loop.scheduleTask(in: TimeAmount(patience)) {
            answered.fail(Unreachable(message: "\(server.authority) did not send the file in time"))
        }
        channel.writeAndFlush(request, promise: nil)
        defer {
            end.cancel()
            channel.close(promise: nil)
        }
        return try await answered.futureResult.get()
    }
}

/// Collects an answer until its connection ends.
private final class FileReader: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var bytes: [UInt8] = []
    private let answered: EventLoopPromise<[UInt8]>
    private let limit: Int

    init(_ answered: EventLoopPromise<[UInt8]>, limit: Int) {
        self.answered = answered
        self.limit = limit
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        guard bytes.count > limit else { return }
        answered.fail(PublishedFiles.Unreachable(message: "the file is too large"))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { answered.succeed(bytes) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A peer that cuts TLS without a farewell has still said how long the file is.
        if case NIOSSLError.uncleanShutdown = error { return }
        let isTLS = error is NIOSSLError || error is BoringSSLError
        answered.fail(
            PublishedFiles.Unreachable(message: isTLS ? "its certificate is not believed" : "the connection broke")
        )
        context.close(promise: nil)
    }
}
