import Glibc
import NIOCore
import NIOSSL
import NIOTLS

/// Stands at the socket itself, below TLS: only from here can a connection be broken off so that the peer sees it.
final class TunnelSocket: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        context.fireChannelInactive()
    }

    /// Closes after everything is out: the closing word of TLS may still wait for room, and closing would drop it.
    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        let out = context.eventLoop.makePromise(of: Void.self)
        out.futureResult.assumeIsolated().whenComplete { _ in context.close(mode: mode, promise: promise) }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: out)
    }

    /// Ends with a reset and without a word of TLS: what came so far was not all.
    func abort() {
        guard let context else { return }
        self.context = nil
        if let provider = context.channel as? any SocketOptionProvider {
            _ = provider.setSoLinger(linger(l_onoff: 1, l_linger: 0))
        }
        context.close(promise: nil)
    }
}

/// One of the two sides of a connection; it is told when to read, so that a slow side slows down the other.
final class TunnelEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Place { case accepted, dialled }

    let place: Place
    private let connection: TunnelConnection
    private let socket: TunnelSocket
    let isTLS: Bool
    private var context: ChannelHandlerContext?
    private var isReading = false
    private(set) var hasInputEnded = false
    /// Whether everything that was to be written is out, and the peer was told that it was all.
    private(set) var isFlushed = false
    private var isClosingOutput = false

    init(_ place: Place, of connection: TunnelConnection, socket: TunnelSocket, isTLS: Bool) {
        self.place = place
        self.connection = connection
        self.socket = socket
        self.isTLS = isTLS
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }
    var isClosed: Bool { context == nil }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin() }
    }

    func channelActive(context: ChannelHandlerContext) { begin() }

    /// A clear side is ready at once; TLS reads until both ends have proven who they are.
    private func begin() { if isTLS { read() } else { connection.isReady(self) } }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted? = event as? TLSUserEvent {
            connection.isReady(self)
        } else if event as? ChannelEvent == .inputClosed, !hasInputEnded {
            hasInputEnded = true
            connection.inputEnded(at: self)
            if isFlushed { close() }
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        isReading = false
        connection.arrived(unwrapInboundIn(data), at: self)
    }

    func channelReadComplete(context: ChannelHandlerContext) { connection.isQuiet(self) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { connection.takesMore(self) }
    }

    /// An end without the closing word of TLS, a wrong record, a reset: what came was cut short.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { connection.failed(self, error) }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        connection.closed(self)
    }

    func read() {
        guard !isReading, !hasInputEnded, let context else { return }
        isReading = true
        context.read()
    }

    func write(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(bytes), promise: nil) }

    func flush() { context?.flush() }

    /// Says that nothing more comes, after everything before it is out: closing at once would drop what waits.
    func closeOutput() {
        guard let context, !isClosingOutput else { return }
        isClosingOutput = true
        let out = context.eventLoop.makePromise(of: Void.self)
        out.futureResult.assumeIsolated().whenSuccess {
            self.isFlushed = true
            self.context?.close(mode: self.hasInputEnded ? .all : .output, promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer()), promise: out)
    }

    func close() { context?.close(promise: nil) }

    func abort() { socket.abort() }
}
