import NIOCore
import NIOHTTP1
import Wire

/// The open stream of the 2024-11-05 transport, on which the answers to other requests arrive.
///
/// Owned by its event loop. Holds at most as many events as the limits allow; more end the stream.
final class EventSubscriber: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    private let meter: ByteMeter
    private let path: String
    private let headers: HTTPHeaders
    private let opened: EventLoopPromise<Int?>
    private var stream: EventStream
    private var isOpen = false
    private var hasEnded = false
    private var events: [EventStream.Event] = []
    private var waiter: EventLoopPromise<EventStream.Event?>?
    private var expiry: Scheduled<Void>?

    /// Makes a subscriber whose `opened` gets nothing once the stream is open, or the status that came instead.
    init(
        path: String,
        headers: HTTPHeaders,
        meter: ByteMeter,
        limits: HTTPExchange.Limits,
        opened: EventLoopPromise<Int?>
    ) {
        self.path = path
        self.headers = headers
        self.meter = meter
        self.opened = opened
        stream = EventStream(
            limits: EventStream.Limits(
                lineBytes: limits.bodyBytes,
                eventBytes: limits.bodyBytes,
                events: limits.events,
                totalBytes: limits.totalBytes
            )
        )
    }

    func channelActive(context: ChannelHandlerContext) {
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            meter.completeHead()
            isOpen = head.status == .ok && HTTPExchange.isEventStream(head.headers.first(name: "content-type"))
            opened.succeed(isOpen ? nil : Int(head.status.code))
            if !isOpen { context.close(promise: nil) }
        case .body(let bytes):
            guard isOpen else { return }
            var found: [EventStream.Event] = []
            do throws(EventStream.Excess) {
                try stream.feed(bytes.readableBytesView, into: &found)
            } catch {
                context.close(promise: nil)
            }
            for event in found {
                if let waiting = takeWaiter() { waiting.succeed(event) } else { events.append(event) }
            }
        case .end: end()
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end()
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    /// The next event, or nothing where none comes in time or the stream has ended.
    func next(on eventLoop: any EventLoop, until deadline: NIODeadline) -> EventLoopFuture<EventStream.Event?> {
        if !events.isEmpty { return eventLoop.makeSucceededFuture(events.removeFirst()) }
        guard !hasEnded, waiter == nil else { return eventLoop.makeSucceededFuture(nil) }
        let promise = eventLoop.makePromise(of: EventStream.Event?.self)
        waiter = promise
        expiry = eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.takeWaiter()?.succeed(nil)
        }
        return promise.futureResult
    }

    private func end() {
        hasEnded = true
        opened.fail(HTTPExchange.Failure(.closed, sample: meter.sample))
        takeWaiter()?.succeed(nil)
    }

    private func takeWaiter() -> EventLoopPromise<EventStream.Event?>? {
        defer {
            waiter = nil
            expiry?.cancel()
            expiry = nil
        }
        return waiter
    }
}
