import NIOCore

/// A way to behave badly below HTTP, or so that HTTP's own rules are broken.
enum RawFault: String, CaseIterable, Sendable {
    case hangs
    case closes
    case trickles
    case garbage
    case tlsGarbage = "tls-garbage"
    case oldReply = "http-0.9"
    case oneGigabyte = "one-gigabyte"
    case endlessEvents = "endless-events"
    case hugeHeader = "huge-header"
    case lengthTooLong = "length-too-long"
    case lengthTooShort = "length-too-short"
    case notUTF8 = "not-utf8"
    case duplicateKeys = "duplicate-keys"
    case deeplyNested = "deeply-nested"

    /// What it does, for the manifest.
    var behaviour: String {
        switch self {
        case .hangs: "accepts and never says a word"
        case .closes: "closes as soon as it has accepted"
        case .trickles: "sends one byte a second of an answer that never ends"
        case .garbage: "sends 4 KiB of noise and closes"
        case .tlsGarbage: "answers anything with a broken TLS record"
        case .oldReply: "answers with a body that has no status line"
        case .oneGigabyte: "answers with a JSON text of 1 GiB"
        case .endlessEvents: "answers with an event stream that never ends and never answers"
        case .hugeHeader: "answers with a header of 64 MiB"
        case .lengthTooLong: "promises more bytes than it sends, and waits"
        case .lengthTooShort: "sends more bytes than it promised"
        case .notUTF8: "answers with JSON that is not UTF-8"
        case .duplicateKeys: "answers with two results in one response"
        case .deeplyNested: "answers with 100,000 nested arrays"
        }
    }

    /// Whether the fault starts before the peer has said anything.
    var speaksFirst: Bool { self == .closes || self == .garbage }

    /// The bytes in chunks; nothing ends the connection.
    func chunk(_ index: Int) -> [UInt8]? {
        switch self {
        case .hangs, .closes: nil
        case .trickles: [Array(Self.head(length: 1 << 30).utf8)[safe: index] ?? UInt8(ascii: " ")]
        case .garbage: index == 0 ? Self.noise : nil
        case .tlsGarbage: index == 0 ? [22, 3, 3, 0xFF, 0xFF, 2, 0, 0, 0] + Self.noise : nil
        case .oldReply: index == 0 ? Array("<html>hello from 1991</html>\n".utf8) : nil
        case .oneGigabyte: Self.gigabyte(index)
        case .endlessEvents:
            index == 0
                ? Array("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n".utf8)
                : Array(
                    "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n"
                        .utf8
                )
        case .hugeHeader: Self.header(index)
        case .lengthTooLong: index == 0 ? Array((Self.head(length: 100_000) + "{\"jsonrpc\":\"2.0\"").utf8) : []
        case .lengthTooShort:
            index == 0 ? Array((Self.head(length: 10) + "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}").utf8) : nil
        case .notUTF8: index == 0 ? Self.whole(BadText.notUTF8(id: "1")) : nil
        case .duplicateKeys: index == 0 ? Self.whole(BadText.duplicateKeys(id: "1")) : nil
        case .deeplyNested: index == 0 ? Self.whole(BadText.deeplyNested(id: "1")) : nil
        }
    }

    var pause: TimeAmount? {
        switch self {
        case .trickles, .lengthTooLong: .seconds(1)
        case .endlessEvents: .milliseconds(5)
        default: nil
        }
    }

    private static let noise: [UInt8] = {
        var numbers = SeededNumbers(seed: 0xBAD)
        return (0..<4_096).map { _ in UInt8.random(in: 0...255, using: &numbers) }
    }()

    private static func head(length: Int) -> String {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: \(length)\r\n\r\n"
    }

    private static func whole(_ body: [UInt8]) -> [UInt8] { Array(head(length: body.count).utf8) + body }

    private static func gigabyte(_ index: Int) -> [UInt8]? {
        let filler = [UInt8](repeating: UInt8(ascii: " "), count: 1 << 20)
        return switch index {
        case 0: Array(head(length: 1 << 30).utf8)
        case 1...1_024: filler
        default: nil
        }
    }

    private static func header(_ index: Int) -> [UInt8]? {
        switch index {
        case 0: Array("HTTP/1.1 200 OK\r\nX-Filler: ".utf8)
        case 1...64: [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        case 65: Array("\r\nContent-Length: 0\r\n\r\n".utf8)
        default: nil
        }
    }
}

/// Plays one raw fault to one connection.
final class RawFaultHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let fault: RawFault
    private var hasStarted = false

    init(_ fault: RawFault) {
        self.fault = fault
    }

    func channelActive(context: ChannelHandlerContext) {
        if fault.speaksFirst { start(context.channel) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !fault.speaksFirst, fault != .hangs { start(context.channel) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func start(_ channel: any Channel) {
        guard !hasStarted else { return }
        hasStarted = true
        Pump(channel: channel, pause: fault.pause, wrapsHTTP: false, chunk: fault.chunk).step(0)
    }
}

extension Array {
    fileprivate subscript(safe index: Int) -> Element? { indices.contains(index) ? self[index] : nil }
}
