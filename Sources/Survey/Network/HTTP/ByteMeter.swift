import NIOCore
import Synchronization

/// How many more bytes one endpoint may send, over all its connections.
final class ByteBudget: Sendable {
    private let remaining: Atomic<Int>

    init(_ bytes: Int) {
        remaining = Atomic(bytes)
    }

    /// Takes bytes out, and says whether there were enough left.
    func spend(_ bytes: Int) -> Bool {
        remaining.subtract(bytes, ordering: .relaxed).newValue >= 0
    }
}

/// Counts what a server sends before anything else looks at it, and cuts the connection where it is too much.
///
/// It stands between TLS and the HTTP parser, because a parser buffers a head of any length and chunk framing is not
/// part of a body. Owned by its event loop.
final class ByteMeter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    struct Excess: Error {
        var code: HTTPExchange.Failure.Code
    }

    private static let sampleSize = 256

    private let limits: HTTPExchange.Limits
    private let budget: ByteBudget
    private var headBytes = 0
    private var isHeadComplete = false
    private var isCut = false
    /// The first bytes of the connection, to recognise what does not speak HTTP.
    private(set) var sample: [UInt8] = []

    init(limits: HTTPExchange.Limits, budget: ByteBudget) {
        self.limits = limits
        self.budget = budget
    }

    /// The parser has seen the end of a head.
    func completeHead() { isHeadComplete = true }

    /// Another head is to come on the same connection.
    func expectHead() {
        headBytes = 0
        isHeadComplete = false
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isCut else { return }
        let buffer = unwrapInboundIn(data)
        if sample.count < Self.sampleSize {
            sample += buffer.readableBytesView.prefix(Self.sampleSize - sample.count)
        }
        guard budget.spend(buffer.readableBytes) else { return cut(context, .totalTooLarge) }
        context.fireChannelRead(data)
        // The parser has run by now, so a head that came together with its body is not mistaken for a long one.
        guard !isHeadComplete else { return }
        headBytes += buffer.readableBytes
        if headBytes > limits.headBytes { cut(context, .headTooLarge) }
    }

    private func cut(_ context: ChannelHandlerContext, _ code: HTTPExchange.Failure.Code) {
        isCut = true
        context.fireErrorCaught(Excess(code: code))
        context.close(promise: nil)
    }
}
