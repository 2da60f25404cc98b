import NIOCore
import NIOHTTP1
import NIOSSL
import Wire

/// Sends one request at a time and collects its response within the limits.
///
/// Owned by its event loop.
/// It is given its first request before the connection exists: a server that speaks first, as SSH does, has then been
/// heard by the time anyone could ask.
final class ResponseCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// An exchange that has begun.
    struct Pending {
        var request: HTTPExchange.Request
        var promise: EventLoopPromise<HTTPExchange.Answer>
        var deadline: NIODeadline
    }

    private let meter: ByteMeter
    private let limits: HTTPExchange.Limits
    private let authority: String
    private let record: @Sendable (TLSObservation) -> Void
    private var pending: Pending?
    private var answer: HTTPExchange.Answer?
    private var stream: EventStream?
    private var isKeptAlive = false
    private var expiry: Scheduled<Void>?
    private var hasObserved = false

    init(
        first: Pending,
        meter: ByteMeter,
        limits: HTTPExchange.Limits,
        authority: String,
        record: @escaping @Sendable (TLSObservation) -> Void
    ) {
        pending = first
        self.meter = meter
        self.limits = limits
        self.authority = authority
        self.record = record
    }

    /// Begins another exchange on a connection that the last one left open.
    func begin(_ next: Pending, context: ChannelHandlerContext) {
        guard pending == nil, context.channel.isActive else {
            next.promise.fail(HTTPExchange.Failure(.closed))
            return
        }
        pending = next
        meter.expectHead()
        write(context)
    }

    func channelActive(context: ChannelHandlerContext) {
        write(context)
        context.fireChannelActive()
    }

    private func write(_ context: ChannelHandlerContext) {
        guard let pending else { return }
        expiry = context.eventLoop.assumeIsolated().scheduleTask(deadline: pending.deadline) { [weak self] in
            guard let self else { return }
            finish(context, failure: meter.sample.isEmpty && answer == nil ? .silent : .slow)
        }
        var headers = HTTPHeaders([("Host", authority), ("User-Agent", "lockstep-survey")])
        for header in pending.request.headers { headers.add(name: header.name, value: header.value) }
        if !pending.request.body.isEmpty || pending.request.method == "POST" {
            headers.replaceOrAdd(name: "Content-Length", value: String(pending.request.body.count))
        }
        let head = HTTPRequestHead(
            version: .http1_1,
            method: HTTPMethod(rawValue: pending.request.method),
            uri: pending.request.path,
            headers: headers
        )
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !pending.request.body.isEmpty {
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: pending.request.body)))), promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let part = unwrapInboundIn(data)
        guard pending != nil else {
            // Nobody asked: what follows on this connection could be taken for the answer to a later question.
            context.close(promise: nil)
            return
        }
        switch part {
        case .head(let head): begin(context, head)
        case .body(let bytes): take(context, bytes)
        case .end: finish(context)
        }
    }

    private func begin(_ context: ChannelHandlerContext, _ head: HTTPResponseHead) {
        meter.completeHead()
        observe(context)
        isKeptAlive = head.isKeepAlive
        let answer = HTTPExchange.Answer(
            status: Int(head.status.code),
            headers: head.headers.map { (name: $0.name, value: $0.value) }
        )
        self.answer = answer
        stream = answer.isEventStream ? EventStream(limits: limits.stream) : nil
    }

    private func take(_ context: ChannelHandlerContext, _ bytes: ByteBuffer) {
        guard stream != nil else {
            guard (answer?.body.count ?? 0) + bytes.readableBytes <= limits.bodyBytes else {
                return finish(context, failure: .bodyTooLarge)
            }
            answer?.body += bytes.readableBytesView
            return
        }
        var events: [EventStream.Event] = []
        var excess: EventStream.Excess?
        do throws(EventStream.Excess) {
            try stream?.feed(bytes.readableBytesView, into: &events)
        } catch {
            excess = error
        }
        for event in events {
            answer?.events.append(event)
            if pending?.request.isAnswer(event) == true {
                isKeptAlive = false
                return finish(context)
            }
        }
        if let excess { finish(context, failure: HTTPExchange.Failure.Code(excess)) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        observe(context)
        let code: HTTPExchange.Failure.Code =
            switch error {
            case let excess as ByteMeter.Excess: excess.code
            case let failure as NIOSSLError where failure == .uncleanShutdown: answer == nil ? .closed : .truncated
            case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError:
                TLSObservation.isAboutTrust(error) ? .untrusted : .tls
            case HTTPParserError.headerOverflow: .headTooLarge
            case HTTPParserError.invalidEOFState: answer == nil ? .notHTTP : .truncated
            case is HTTPParserError: answer == nil ? .notHTTP : .truncated
            default: answer == nil ? .closed : .truncated
            }
        finish(context, failure: code)
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(context, failure: answer == nil ? .closed : .truncated)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        pending?.promise.fail(HTTPExchange.Failure(.closed, sample: meter.sample))
        pending = nil
        expiry?.cancel()
    }

    private func finish(_ context: ChannelHandlerContext, failure: HTTPExchange.Failure.Code? = nil) {
        expiry?.cancel()
        expiry = nil
        let done = pending
        let collected = answer
        pending = nil
        answer = nil
        stream = nil
        if let failure {
            done?.promise.fail(HTTPExchange.Failure(failure, sample: meter.sample))
        } else if let collected {
            done?.promise.succeed(collected)
        } else {
            done?.promise.fail(HTTPExchange.Failure(.notHTTP, sample: meter.sample))
        }
        if failure != nil || !isKeptAlive { context.close(promise: nil) }
    }

    private func observe(_ context: ChannelHandlerContext) {
        guard !hasObserved, let observation = TLSObservation(context.channel) else { return }
        hasObserved = true
        record(observation)
    }
}

extension HTTPExchange.Failure.Code {
    init(_ excess: EventStream.Excess) {
        self = if case .events = excess { .tooManyEvents } else { .bodyTooLarge }
    }
}
