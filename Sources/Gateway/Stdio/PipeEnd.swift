import NIOCore

/// What is told of what comes through a pair of pipes.
protocol PipeOwner: AnyObject {
    func arrived(_ bytes: ByteBuffer, at end: PipeEnd)
    /// Nothing more comes.
    func inputEnded(at end: PipeEnd)
    /// Nothing can be written any more either.
    func closed(_ end: PipeEnd)
    /// After some bytes were taken in, and when there is room to write again.
    func isQuiet(_ end: PipeEnd)
}

/// One pair of pipes on the event loop: read only when told, so that who writes too fast has to wait.
final class PipeEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private weak var owner: (any PipeOwner)?
    private var context: ChannelHandlerContext?
    private var isReading = false
    private(set) var hasInputEnded = false

    init(_ owner: any PipeOwner) { self.owner = owner }

    var isWritable: Bool { context?.channel.isWritable ?? false }
    var isClosed: Bool { context == nil }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = false
        owner?.arrived(unwrapInboundIn(data), at: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        owner?.isQuiet(self)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { owner?.isQuiet(self) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event as? ChannelEvent == .inputClosed { endInput() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        endInput()
        owner?.closed(self)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func endInput() {
        guard !hasInputEnded else { return }
        hasInputEnded = true
        owner?.inputEnded(at: self)
    }

    func read() {
        guard !isReading, !hasInputEnded, let context else { return }
        isReading = true
        context.read()
    }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    /// Writes no more: the reader at the other end sees the end once it has read what was written.
    func closeOutput() {
        context?.flush()
        context?.close(mode: .output, promise: nil)
    }

    /// Done when everything that was written is out.
    func drain(_ done: @escaping () -> Void) {
        guard let context else { return done() }
        let promise = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: promise)
        promise.futureResult.assumeIsolated().whenComplete { _ in done() }
    }

    func close() { context?.close(promise: nil) }
}
