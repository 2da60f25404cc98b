import Core
import Identity
import NIOCore

/// One request with its whole body, as the gateway decides on it.
struct ClientRequest: Sendable {
    let head: RequestHead
    let body: ByteBuffer
    /// Address of the client, without its port.
    let peer: String
    let began: NIODeadline
    /// What the connection's certificate proves.
    let svid: X509SVID?
}

/// What a request becomes: it is told when its client is gone, and when the client can take more.
protocol RequestWork: AnyObject {
    func start()
    func clientLeft()
    func clientTakesMore()
    /// Ends the work and its connection, because its principal was killed or the gateway stops.
    func end(_ reason: EndReason)
    var caller: Caller { get }
    /// Whether it never ends by itself: a stream on which a server may always say more.
    var isEndless: Bool { get }
    /// Whether its answer comes as events: a client that closes its side has left them.
    var isStreaming: Bool { get }
    var deadline: NIODeadline { get }
}

/// What connections belong to: it bounds them, and takes their requests.
protocol ConnectionOwner: AnyObject {
    var loop: any EventLoop { get }
    var limits: GatewayConfiguration.Limits { get }
    var isDraining: Bool { get }
    func opened(_ connection: ClientConnection)
    func closed(_ connection: ClientConnection)
    /// Begins the work on a request; nothing where it was answered at once.
    func take(_ request: ClientRequest, from connection: ClientConnection) -> (any RequestWork)?
    /// Whether what a connection's certificate proved still holds.
    func believes(_ proven: ProvenCertificate) -> Bool
}

extension ConnectionOwner {
    func believes(_ proven: ProvenCertificate) -> Bool { true }
}

/// Why work is ended from outside.
enum EndReason: Sendable { case killed, draining, late }

/// Reads requests from one client, one after the other, and writes their answers in the same order.
///
/// While a request is worked on nothing more is read, so that a client that does not wait is slowed down by its own
/// requests. Everything happens on the connection's event loop.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum State {
        case head
        case body(RequestHead, BodyScanner, ByteBuffer)
        case working
        case closed
    }

    private let worker: any ConnectionOwner
    private var context: ChannelHandlerContext?
    private var state = State.head
    private var arrived = ByteBuffer()
    private var search: HeadSearch
    private var staysOpen = true
    private var began: NIODeadline
    private var peer = ""
    private(set) var work: (any RequestWork)?
    private var isReading = false
    private var isInputClosed = false
    /// Bytes of the answer at hand so far.
    private(set) var written = 0

    private let proven: ProvenCertificate
    private var lastChance: Scheduled<Void>?

    init(_ worker: any ConnectionOwner, proven: ProvenCertificate = ProvenCertificate()) {
        self.worker = worker
        self.proven = proven
        search = HeadSearch(limit: worker.limits.headBytes)
        began = .now()
    }

    var id: ObjectIdentifier { ObjectIdentifier(self) }
    var isIdle: Bool { if case .head = state { arrived.readableBytes == 0 } else { false } }
    /// When the connection has to be closed unless something happens.
    var deadline: NIODeadline {
        switch state {
        case .head where arrived.readableBytes == 0: began + .seconds(Int64(worker.limits.idleSeconds))
        case .head, .body: began + .seconds(Int64(worker.limits.requestSeconds))
        case .working: work?.deadline ?? .distantFuture
        case .closed: .distantFuture
        }
    }
    /// Whether nobody who is believed vouches for its client any more.
    var isDisowned: Bool { !worker.believes(proven) }
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        peer = context.remoteAddress?.ipAddress ?? ""
        worker.opened(self)
        if context.channel.isActive { read() }
    }

    func channelActive(context: ChannelHandlerContext) { read() }

    func channelInactive(context: ChannelHandlerContext) {
        state = .closed
        lastChance?.cancel()
        let left = work
        work = nil
        left?.clientLeft()
        worker.closed(self)
        self.context = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { work?.clientTakesMore() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event as? ChannelEvent == .inputClosed else { return }
        isInputClosed = true
        // A client that has said all it will say can still wait for an answer, but hardly for a stream.
        if work.map({ $0.isEndless || $0.isStreaming }) ?? true { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = false
        var bytes = unwrapInboundIn(data)
        if arrived.readableBytes == 0 {
            arrived = bytes
        } else {
            arrived.writeBuffer(&bytes)
        }
        advance()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        switch state {
        case .head, .body: read()
        // So that a client that goes away is noticed; what it sends meanwhile stays in a bounded buffer.
        case .working: if arrived.readableBytes < worker.limits.headBytes { read() }
        case .closed: break
        }
    }

    private func read() {
        guard !isReading else { return }
        isReading = true
        context?.read()
    }

    private func advance() {
        do throws(HTTPFault) {
            while try step() {}
        } catch {
            fail(error)
        }
    }

    private func step() throws(HTTPFault) -> Bool {
        switch state {
        case .working, .closed: return false
        case .head: return try readHead()
        case .body(let head, var scanner, var body):
            // Taken out, so that the buffer has one owner while it grows.
            state = .closed
            let isWhole = try readBody(&scanner, &body)
            guard isWhole else {
                state = .body(head, scanner, body)
                return false
            }
            try begin(head, body)
            return true
        }
    }

    private func readHead() throws(HTTPFault) -> Bool {
        // An empty line before a request is passed over (RFC 9112 §2.2), once.
        if search.isFresh, arrived.readableBytesUInt8Span.starts(with: 0x0D, 0x0A) {
            arrived.moveReaderIndex(forwardBy: 2)
        }
        guard arrived.readableBytes > 0 else { return false }
        if search.isFresh { began = .now() }
        let waiting = arrived
        guard let end = try search.end(in: waiting.readableBytesUInt8Span) else { return false }
        let bytes = arrived.readBytes(length: end) ?? []
        arrived.moveReaderIndex(forwardBy: 4)
        let head = try RequestHead(bytes, bodyLimit: worker.limits.bodyBytes)
        staysOpen = head.staysOpen
        let scanner = BodyScanner(head.framing)
        guard !scanner.isDone else {
            try begin(head, ByteBuffer())
            return true
        }
        if head.expectsContinue, arrived.readableBytes == 0 {
            write(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
            context?.flush()
        }
        state = .body(head, scanner, ByteBuffer())
        return true
    }

    private func readBody(_ scanner: inout BodyScanner, _ body: inout ByteBuffer) throws(HTTPFault) -> Bool {
        while true {
            let waiting = arrived
            switch try scanner.next(waiting.readableBytesUInt8Span) {
            case .needsMore: return false
            case .framing(let count): arrived.moveReaderIndex(forwardBy: count)
            case .data(let count):
                guard body.readableBytes + count <= worker.limits.bodyBytes else { throw HTTPFault(413, "too-large") }
                guard var slice = arrived.readSlice(length: count) else { return false }
                if body.readableBytes == 0 { body = slice } else { body.writeBuffer(&slice) }
            case .done: return true
            }
            if scanner.isDone { return true }
        }
    }

    private func begin(_ head: RequestHead, _ body: ByteBuffer) throws(HTTPFault) {
        // Whoever vouched for it may be believed no more since the connection was opened.
        guard worker.believes(proven) else { throw HTTPFault(401, "certificate") }
        search.reset()
        state = .working
        written = 0
        if arrived.readableBytes == 0 { arrived = ByteBuffer() }
        let request = ClientRequest(head: head, body: body, peer: peer, began: began, svid: proven.workload)
        work = worker.take(request, from: self)
        if let work { work.start() } else { finish() }
    }

    // MARK: What a request's work says

    func write(_ bytes: ByteBuffer) {
        written += bytes.readableBytes
        context?.write(wrapOutboundOut(bytes), promise: nil)
    }

    func flush() { context?.flush() }

    /// The answer is complete: the next request can come.
    ///
    /// - Parameter closes: Whether the answer ended in a way that leaves nothing to build on.
    func finish(closes: Bool = false) {
        guard case .working = state else { return }
        work = nil
        context?.flush()
        guard staysOpen, !closes, !worker.isDraining, !isInputClosed || arrived.readableBytes > 0 else {
            return close()
        }
        state = .head
        began = .now()
        guard arrived.readableBytes > 0 else { return read() }
        // A long row of requests in one packet must not grow the stack.
        worker.loop.assumeIsolated().execute {
            self.advance(); self.flush(); self.read()
        }
    }

    /// Whether the answer has to say that the connection ends with it.
    var closesAfterAnswer: Bool { !staysOpen || worker.isDraining }

    func close() {
        guard let context else { return }
        state = .closed
        // Closing drops what waits to be written: the end of an answer that its client reads slowly.
        let out = context.eventLoop.makePromise(of: Void.self)
        out.futureResult.assumeIsolated().whenComplete { _ in self.context?.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: out)
        lastChance = worker.loop.assumeIsolated().scheduleTask(in: Self.lastBytes) {
            self.context?.close(promise: nil)
        }
    }

    /// How long a client may take for the rest of an answer after which its connection ends.
    private static let lastBytes: TimeAmount = .seconds(30)

    private func fail(_ fault: HTTPFault) {
        state = .closed
        write(Answer(status: fault.status, reason: fault.reason).bytes(closes: true))
        guard let context else { return }
        context.flush()
        // What the client still sends is not read; it gets the answer and then the end.
        context.close(mode: .output, promise: nil)
        let bound = NIOLoopBound(self, eventLoop: worker.loop)
        worker.loop.scheduleTask(in: .milliseconds(500)) { bound.value.context?.close(promise: nil) }
    }
}

extension Span<UInt8> {
    fileprivate func starts(with first: UInt8, _ second: UInt8) -> Bool {
        count >= 2 && self[0] == first && self[1] == second
    }
}
