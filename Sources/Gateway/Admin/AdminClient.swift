package import Core
import NIOCore
import NIOPosix

/// Asks a gateway at the socket in its folder, one question a connection.
///
/// Never at its admin port: whoever listens there once the gateway is dead would be told the token, and could say that
/// somebody is denied who is not.
package struct AdminClient: Sendable {
    package struct Reply: Sendable {
        package let status: Int
        package let body: JSON.Value

        package init(status: Int, body: JSON.Value) {
            self.status = status
            self.body = body
        }
    }

    /// Why there is no answer.
    package struct Unreachable: Error, Sendable {
        package let message: String

        package init(message: String) { self.message = message }
    }

    static let mostBytes = 64 << 20

    private let socket: AdminSocket
    private let token: Redacted<String>

    package init(_ socket: AdminSocket, token: Redacted<String>) {
        self.socket = socket
        self.token = token
    }

    package func get(_ path: String) async throws(Unreachable) -> Reply {
        try await ask("GET", path, nil)
    }

    package func post(_ path: String, _ body: JSON.Value) async throws(Unreachable) -> Reply {
        try await ask("POST", path, JSON.canonical(body))
    }

    private func ask(_ verb: String, _ path: String, _ body: [UInt8]?) async throws(Unreachable) -> Reply {
        if let doubt = socket.doubt { throw Unreachable(message: doubt) }
        guard path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw Unreachable(message: "no such path") }
        var request = ByteBuffer()
        request.writeString("\(verb) \(path) HTTP/1.1\r\nHost: localhost\r\n")
        request.writeString("Authorization: Bearer \(token.revealed)\r\nConnection: close\r\n")
        if let body { request.writeString("Content-Type: application/json\r\nContent-Length: \(body.count)\r\n") }
        request.writeString("\r\n")
        if let body { request.writeBytes(body) }
        let sent = request
        do {
            let loop = MultiThreadedEventLoopGroup.singleton.next()
            let answered = loop.makePromise(of: [UInt8].self)
            let channel: any Channel
            do {
                let bootstrap = ClientBootstrap(group: loop)
                    .connectTimeout(.seconds(2))
                    .channelInitializer { channel in
                        channel.eventLoop.makeCompletedFuture {
                            try channel.pipeline.syncOperations.addHandler(ReplyReader(answered))
                        }
                    }
                channel = try await socket.connect(bootstrap)
            } catch {
                answered.fail(Unreachable(message: "nothing answers at `\(socket.path)`"))
                _ = try await answered.futureResult.get()
                throw error
            }
            loop.scheduleTask(in: .seconds(2)) {
                answered.fail(Unreachable(message: "no answer from `\(socket.path)` within 2 s"))
            }
            channel.writeAndFlush(sent, promise: nil)
            let bytes = try await answered.futureResult.get()
            channel.close(promise: nil)
            return try Self.reply(bytes)
        } catch let error as Unreachable {
            throw error
        } catch {
            throw Unreachable(message: "nothing answers at `\(socket.path)`")
        }
    }

    private static func reply(_ bytes: [UInt8]) throws -> Reply {
        var search = HeadSearch(limit: 64 << 10)
        guard let end = try search.end(in: bytes.span) else { throw Unreachable(message: "the answer is cut short") }
        let head = try ResponseHead(Array(bytes[..<end]))
        let body = Array(bytes[(end + 4)...])
        switch head.framing {
        case .none: return Reply(status: head.status, body: .null)
        case .length(let count) where count == body.count: break
        default: throw Unreachable(message: "the answer is cut short")
        }
        return Reply(status: head.status, body: (try? JSON.parse(body)) ?? .null)
    }
}

/// Collects an answer until its connection ends.
private final class ReplyReader: ChannelInboundHandler {
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
