import NIOCore
import NIOHTTP1

/// Collects each request of a connection and writes what the site replies.
final class HTTPExchange: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    /// More than any client of the Lab has to say.
    private static let bodyLimit = 4 << 20

    private let site: any Site
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(site: any Site) {
        self.site = site
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let buffer):
            if body.count <= Self.bodyLimit { body += buffer.readableBytesView }
        case .end:
            guard let head else { return }
            self.head = nil
            let request = HTTPRequest(method: head.method, target: head.uri, headers: head.headers, body: body)
            let reply = body.count > Self.bodyLimit ? HTTPReply(.payloadTooLarge) : site.reply(to: request)
            write(reply, to: head, context: context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func write(_ reply: HTTPReply, to request: HTTPRequestHead, context: ChannelHandlerContext) {
        var headers = HTTPHeaders(reply.headers)
        let channel = context.channel
        if case .bytes(let bytes) = reply.body {
            headers.replaceOrAdd(name: "Content-Length", value: String(bytes.count))
        }
        let head = HTTPResponseHead(version: .http1_1, status: reply.status, headers: headers)
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        switch reply.body {
        case .bytes(let bytes):
            if request.method != .HEAD {
                channel.write(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
            }
            let closes = !request.isKeepAlive
            channel.writeAndFlush(HTTPServerResponsePart.end(nil)).whenComplete { _ in
                if closes { channel.close(promise: nil) }
            }
        case .generated(let pause, let chunk):
            channel.flush()
            Pump(channel: channel, pause: pause, wrapsHTTP: true, chunk: chunk).step(0)
        case .open(let receive):
            channel.flush()
            receive(OpenReply(channel: channel))
        }
    }
}

/// Writes a body chunk by chunk, each one made only after the one before has left.
struct Pump: Sendable {
    let channel: any Channel
    let pause: TimeAmount?
    /// Whether chunks are parts of an HTTP response or bare bytes.
    let wrapsHTTP: Bool
    let chunk: @Sendable (Int) -> [UInt8]?

    func step(_ index: Int) {
        guard let bytes = chunk(index) else {
            if wrapsHTTP {
                channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil)
            } else {
                channel.close(promise: nil)
            }
            return
        }
        let buffer = ByteBuffer(bytes: bytes)
        let written =
            wrapsHTTP
            ? channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(buffer))) : channel.writeAndFlush(buffer)
        written.whenSuccess {
            // A failed write ends the pump: the peer has gone.
            channel.eventLoop.scheduleTask(in: pause ?? .zero) { step(index + 1) }
        }
    }
}
