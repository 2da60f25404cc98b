import NIOCore
import NIOHTTP1

/// A request with its whole body.
struct HTTPRequest: Sendable {
    var method: HTTPMethod
    /// The path with its query.
    var target: String
    var headers: HTTPHeaders
    var body: [UInt8]

    var path: String { String(target.prefix { $0 != "?" }) }

    /// The value of a query parameter, as it is written.
    func query(_ name: String) -> String? {
        let pairs = target.drop { $0 != "?" }.dropFirst().split(separator: "&")
        return pairs.first { $0.hasPrefix(name + "=") }.map { String($0.dropFirst(name.count + 1)) }
    }
}

/// What goes back: a whole body, or one that comes bit by bit.
struct HTTPReply: Sendable {
    enum Body: Sendable {
        case bytes([UInt8])
        /// Made only as fast as the peer reads; the argument counts the chunks, and nothing ends the body. The pause
        /// keeps an endless body from eating a processor.
        case generated(pause: TimeAmount?, @Sendable (Int) -> [UInt8]?)
        /// Handed to whoever writes to it later; ends when the peer goes away.
        case open(@Sendable (OpenReply) -> Void)
    }

    var status: HTTPResponseStatus
    var headers: [(String, String)]
    var body: Body

    init(_ status: HTTPResponseStatus, headers: [(String, String)] = [], body: Body = .bytes([])) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    static func json(
        _ bytes: [UInt8],
        status: HTTPResponseStatus = .ok,
        headers: [(String, String)] = []
    ) -> HTTPReply {
        HTTPReply(status, headers: [("Content-Type", "application/json")] + headers, body: .bytes(bytes))
    }

    static let eventStreamHeaders = [("Content-Type", "text/event-stream"), ("Cache-Control", "no-store")]
}

/// A reply that stays open: a handle that may be kept and written to from any thread.
struct OpenReply: Sendable {
    let channel: any Channel

    func send(_ bytes: [UInt8]) {
        channel.writeAndFlush(HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes))), promise: nil)
    }

    func whenClosed(_ action: @escaping @Sendable () -> Void) {
        channel.closeFuture.whenComplete { _ in action() }
    }
}

/// Something that answers HTTP requests.
protocol Site: Sendable {
    func reply(to request: HTTPRequest) -> HTTPReply
}
