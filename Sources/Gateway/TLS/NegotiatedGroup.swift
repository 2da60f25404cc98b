import NIOCore

/// Finds out which key agreement a TLS 1.3 handshake settled on, from the `ServerHello` as it passes in the clear.
///
/// The library does not say it, and what was configured is not what was agreed on (RFC 8446 §4.1.3, §4.2.8).
struct ServerHelloReader {
    private var arrived: [UInt8] = []
    private var fragments: [UInt8] = []
    private(set) var isDone = false
    /// The name of the group as in the registry of IANA; a number where it is not known here.
    private(set) var group: String?

    /// A `ServerHello` and what may stand before it is far smaller.
    private static let limit = 32 << 10
    /// Marks a request to try again (RFC 8446 §4.1.3).
    private static let retry: [UInt8] = [
        0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8, 0x91,
        0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
    ]
    private static let keyShare = 51

    mutating func feed(_ bytes: ByteBuffer) {
        guard !isDone else { return }
        arrived += bytes.readableBytesView
        guard arrived.count <= Self.limit else { return finish() }
        while !isDone, arrived.count >= 5 {
            let length = Int(arrived[3]) << 8 | Int(arrived[4])
            guard arrived.count >= 5 + length else { return }
            switch arrived[0] {
            case 22: fragments += arrived[5..<5 + length]
            // Sent for old middleboxes only (RFC 8446 §D.4).
            case 20: break
            default: return finish()
            }
            arrived.removeFirst(5 + length)
            readMessages()
        }
    }

    private mutating func finish() {
        isDone = true
        (arrived, fragments) = ([], [])
    }

    private mutating func readMessages() {
        while !isDone, fragments.count >= 4 {
            let length = Int(fragments[1]) << 16 | Int(fragments[2]) << 8 | Int(fragments[3])
            guard fragments.count >= 4 + length else { return }
            if fragments[0] == 2 { read(Array(fragments[4..<4 + length])) }
            if !isDone { fragments.removeFirst(4 + length) }
        }
    }

    private mutating func read(_ hello: [UInt8]) {
        guard hello.count > 35 else { return finish() }
        let isRetry = Array(hello[2..<34]) == Self.retry
        var at = 35 + Int(hello[34]) + 3
        guard hello.count >= at + 2 else { return finish() }
        at += 2
        while hello.count >= at + 4 {
            let kind = Int(hello[at]) << 8 | Int(hello[at + 1])
            let length = Int(hello[at + 2]) << 8 | Int(hello[at + 3])
            at += 4
            guard hello.count >= at + length else { break }
            if kind == Self.keyShare, length >= 2, !isRetry {
                group = Self.name(UInt16(hello[at]) << 8 | UInt16(hello[at + 1]))
            }
            at += length
        }
        if !isRetry { finish() }
    }

    /// Names of the registry "TLS Supported Groups".
    private static func name(_ code: UInt16) -> String {
        switch code {
        case 0x0017: "secp256r1"
        case 0x0018: "secp384r1"
        case 0x0019: "secp521r1"
        case 0x001D: "x25519"
        case 0x11EB: "SecP256r1MLKEM768"
        case 0x11EC: "X25519MLKEM768"
        case 0x11ED: "SecP384r1MLKEM1024"
        default: "0x" + String(code, radix: 16)
        }
    }
}

/// Stands between the socket and TLS until the group is known.
final class HandshakeWatch: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var reader = ServerHelloReader()
    private let isServer: Bool
    private let found: (String?) -> Void

    /// - Parameters:
    ///   - isServer: Whether the `ServerHello` goes out here rather than coming in.
    ///   - found: Called once, on the event loop.
    init(isServer: Bool, found: @escaping (String?) -> Void) {
        self.isServer = isServer
        self.found = found
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // Known before TLS says that the handshake is over.
        let isLast = !isServer && look(unwrapInboundIn(data))
        context.fireChannelRead(data)
        if isLast { leave(context) }
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if isServer { _ = look(unwrapOutboundIn(data)) }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        // Not while it writes: the flush that follows would get lost.
        if isServer, reader.isDone { leave(context) }
    }

    /// Whether this was the last that it needs.
    private func look(_ bytes: ByteBuffer) -> Bool {
        guard !reader.isDone else { return false }
        reader.feed(bytes)
        if reader.isDone { found(reader.group) }
        return reader.isDone
    }

    private func leave(_ context: ChannelHandlerContext) {
        context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
    }
}
