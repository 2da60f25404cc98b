import Core
import NIOCore

/// Why a server gave no answer that can be used.
enum UpstreamFault: Error, Sendable, Hashable {
    case unreachable
    case closed
    case malformed(String)
    case tooLarge
    case late

    /// A word for logs and answers.
    var reason: String {
        switch self {
        case .unreachable: "upstream-unreachable"
        case .closed: "upstream-closed"
        case .malformed(let what): "upstream-malformed: \(what)"
        case .tooLarge: "upstream-answer-too-large"
        case .late: "upstream-late"
        }
    }

    /// 504 where the server was too slow, 502 otherwise (RFC 9110 §15.6).
    var status: Int { self == .late ? 504 : 502 }
}

/// What takes the answer of a server, on the event loop of its connection.
protocol AnswerReader: AnyObject {
    func answerBegan(_ head: ResponseHead)
    func answer(_ data: ByteBuffer)
    func answerEnded()
    func answerFailed(_ fault: UpstreamFault)
    /// Whether the bytes that come now can be passed on.
    var takesMore: Bool { get }
    func flush()
}

/// One connection to a server: a request at a time, and what is not an answer to it ends the connection.
final class UpstreamConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case idle
        case head
        case body(BodyScanner, staysOpen: Bool)
        case closed
    }

    private var context: ChannelHandlerContext?
    private var state = State.idle
    private var arrived = ByteBuffer()
    private var search = HeadSearch(limit: 64 << 10)
    private var reader: (any AnswerReader)?
    private var interim = 0
    private var isReading = false
    private var requests = 0
    /// Whether the request at hand is not the first one.
    var wasUsedBefore: Bool { requests > 1 }
    /// Called when the connection can serve another request.
    var onIdle: ((UpstreamConnection) -> Void)?
    var onClose: ((UpstreamConnection) -> Void)?

    /// Interim answers (1xx) that a server may send before the real one.
    static let mostInterim = 16

    var isUsable: Bool { if case .idle = state { context != nil } else { false } }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    /// Sends a request; the answer goes to the reader, which the caller keeps.
    func send(_ head: ByteBuffer, _ body: ByteBuffer, for reader: any AnswerReader) {
        guard let context, case .idle = state else { return reader.answerFailed(.closed) }
        self.reader = reader
        state = .head
        interim = 0
        requests += 1
        search.reset()
        if body.readableBytes == 0 {
            context.writeAndFlush(wrapOutboundOut(head), promise: nil)
        } else if body.readableBytes < 16 << 10 {
            var whole = head
            whole.writeImmutableBuffer(body)
            context.writeAndFlush(wrapOutboundOut(whole), promise: nil)
        } else {
            context.write(wrapOutboundOut(head), promise: nil)
            context.writeAndFlush(wrapOutboundOut(body), promise: nil)
        }
        read()
    }

    /// The reader has nothing more to do with this connection, which is in the middle of an answer.
    func abandon() {
        reader = nil
        close()
    }

    /// Goes on reading after the reader could not take more.
    func resume() {
        advance()
        read()
    }

    private func close() {
        state = .closed
        context?.close(promise: nil)
    }

    private func read() {
        guard !isReading, let context else { return }
        if case .idle = state {} else if let reader, !reader.takesMore { return }
        isReading = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = false
        var bytes = unwrapInboundIn(data)
        if arrived.readableBytes == 0 { arrived = bytes } else { arrived.writeBuffer(&bytes) }
        advance()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        reader?.flush()
        read()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        let last = state
        state = .closed
        let reader = self.reader
        self.reader = nil
        switch last {
        case .idle, .closed: reader?.answerFailed(.closed)
        case .head: reader?.answerFailed(.closed)
        case .body(let scanner, _):
            if scanner.endsWithConnection { reader?.answerEnded() } else { reader?.answerFailed(.closed) }
        }
        onClose?(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func advance() {
        do throws(HTTPFault) {
            while try step() {}
        } catch {
            let failed = reader
            reader = nil
            close()
            failed?.answerFailed(.malformed(error.reason))
        }
    }

    private func step() throws(HTTPFault) -> Bool {
        switch state {
        case .closed: return false
        case .idle:
            // Nobody asked: what a server says between two requests would be taken for the next answer.
            if arrived.readableBytes > 0 { close() }
            return false
        case .head: return try readHead()
        case .body(var scanner, let staysOpen):
            guard let reader, reader.takesMore else { return false }
            let waiting = arrived
            let step = try scanner.next(waiting.readableBytesUInt8Span)
            state = .body(scanner, staysOpen: staysOpen)
            switch step {
            case .needsMore: return false
            case .framing(let count): arrived.moveReaderIndex(forwardBy: count)
            case .data(let count):
                if let slice = arrived.readSlice(length: count) { reader.answer(slice) }
            case .done: break
            }
            if scanner.isDone, case .body = state { finish(staysOpen: staysOpen) }
            return true
        }
    }

    private func readHead() throws(HTTPFault) -> Bool {
        let waiting = arrived
        guard let end = try search.end(in: waiting.readableBytesUInt8Span) else { return false }
        let bytes = arrived.readBytes(length: end) ?? []
        arrived.moveReaderIndex(forwardBy: 4)
        search.reset()
        let head = try ResponseHead(bytes)
        if head.status < 200 {
            interim += 1
            guard head.status != 101, interim <= Self.mostInterim else { throw .malformed("interim-answers") }
            return true
        }
        let scanner = BodyScanner(head.framing)
        state = .body(scanner, staysOpen: head.staysOpen)
        reader?.answerBegan(head)
        if scanner.isDone, case .body = state { finish(staysOpen: head.staysOpen) }
        return true
    }

    private func finish(staysOpen: Bool) {
        let done = reader
        reader = nil
        // More than the answer has come: what follows is nobody's.
        if staysOpen, arrived.readableBytes == 0 {
            state = .idle
            arrived = ByteBuffer()
            // Handed back first, so that the next request of the same client finds it.
            onIdle?(self)
            done?.answerEnded()
        } else {
            close()
            done?.answerEnded()
        }
    }
}

/// The connections of one event loop to one server.
final class UpstreamPool {
    private let loop: any EventLoop
    private let connect: (any EventLoop) -> EventLoopFuture<any Channel>
    private var idle: [UpstreamConnection] = []
    static let mostIdle = 64
    private let mostIdle: Int

    init(
        loop: any EventLoop,
        mostIdle: Int,
        connect: @escaping (any EventLoop) -> EventLoopFuture<any Channel>
    ) {
        self.loop = loop
        self.mostIdle = mostIdle
        self.connect = connect
    }

    /// Hands over a connection that can take a request, soon or now, or nothing where the server cannot be reached.
    func take(isFresh: Bool = false, _ body: @escaping (UpstreamConnection?) -> Void) {
        while !isFresh, let connection = idle.popLast() {
            if connection.isUsable { return body(connection) }
        }
        connect(loop).assumeIsolated().whenComplete { result in
            guard case .success(let channel) = result else { return body(nil) }
            let connection = UpstreamConnection()
            // A pool that is gone, after a reload, leaves nobody who could use the connection.
            connection.onIdle = { [weak self] in if let self { give($0) } else { $0.abandon() } }
            connection.onClose = { [weak self] in self?.remove($0) }
            do {
                try channel.pipeline.syncOperations.addHandler(connection)
                body(connection)
            } catch {
                channel.close(promise: nil)
                body(nil)
            }
        }
    }

    private func give(_ connection: UpstreamConnection) {
        guard idle.count < mostIdle else { return connection.abandon() }
        idle.append(connection)
    }

    private func remove(_ connection: UpstreamConnection) { idle.removeAll { $0 === connection } }

    func closeIdle() {
        let all = idle
        idle = []
        for connection in all { connection.abandon() }
    }
}
