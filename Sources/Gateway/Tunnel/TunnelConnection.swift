import NIOCore
import NIOSSL

/// Two sides and the bytes between them, in the order in which they came and never more than fits into both sockets.
///
/// Nothing is read from a side before the other one has room. An end of input goes on as an end of output, so that
/// either side can finish alone; a side that breaks off breaks off the other. Everything happens on one event loop.
final class TunnelConnection {
    let number: Int
    let from: String
    let proven = ProvenCertificate()
    private let worker: TunnelWorker
    private var accepted: TunnelEnd?
    private var dialled: TunnelEnd?
    private var waiting: [ByteBuffer] = []
    private var hasAcceptedEnded = false
    private var readiness = (accepted: false, dialled: false)
    private var isOpen = false
    private(set) var isOver = false
    private var reason = TunnelEnding.done
    private var lastUse = NIODeadline.now()
    /// Towards the server and back.
    private var counts = (sent: 0, received: 0)
    private let began = NIODeadline.now()

    init(number: Int, from: String, worker: TunnelWorker) {
        self.number = number
        self.from = from
        self.worker = worker
    }

    func attach(_ end: TunnelEnd) {
        if end.place == .accepted { accepted = end } else { dialled = end }
    }

    /// When it has to end unless something happens.
    var deadline: NIODeadline {
        isOpen
            ? lastUse + .seconds(Int64(worker.configuration.idleSeconds))
            : began + .seconds(Int64(worker.configuration.openingSeconds))
    }

    // MARK: Opening

    func isReady(_ end: TunnelEnd) {
        // A session that is taken up again is not asked for its certificate, and what it proved once may have ended.
        guard !end.isTLS || proven.svid != nil else { return refuse("the peer proves no workload") }
        switch end.place {
        case .accepted:
            guard !readiness.accepted else { return }
            readiness.accepted = true
            worker.dial(self)
        case .dialled: readiness.dialled = true
        }
        guard readiness.accepted, readiness.dialled, !isOpen, !isOver else { return }
        isOpen = true
        lastUse = .now()
        worker.opened(self)
        // What came with the end of the handshake was read already.
        for bytes in waiting { pass(bytes, from: .accepted) }
        waiting = []
        dialled?.flush()
        if hasAcceptedEnded { dialled?.closeOutput() }
        accepted?.read()
        dialled?.read()
    }

    func unreachable() { refuse("the other end cannot be reached") }

    private func refuse(_ reason: String) {
        guard !isOver else { return }
        isOver = true
        worker.refused(self, reason)
        accepted?.abort()
        dialled?.abort()
    }

    // MARK: Bytes

    private func partner(of end: TunnelEnd) -> TunnelEnd? { end.place == .accepted ? dialled : accepted }

    func arrived(_ bytes: ByteBuffer, at end: TunnelEnd) {
        guard isOpen else {
            if end.place == .accepted { waiting.append(bytes) }
            return
        }
        pass(bytes, from: end.place)
    }

    private func pass(_ bytes: ByteBuffer, from place: TunnelEnd.Place) {
        lastUse = .now()
        let isToServer = place == .accepted
        if isToServer { counts.sent += bytes.readableBytes } else { counts.received += bytes.readableBytes }
        worker.passed(bytes.readableBytes, isToServer: isToServer)
        (isToServer ? dialled : accepted)?.write(bytes)
    }

    func isQuiet(_ end: TunnelEnd) {
        guard isOpen, let partner = partner(of: end) else { return }
        partner.flush()
        if partner.isWritable { end.read() }
    }

    /// A side has room again: what its partner says can come.
    func takesMore(_ end: TunnelEnd) {
        guard isOpen else { return }
        lastUse = .now()
        partner(of: end)?.read()
    }

    func inputEnded(at end: TunnelEnd) {
        guard isOpen else {
            if end.place == .accepted, readiness.accepted { hasAcceptedEnded = true }
            return
        }
        lastUse = .now()
        partner(of: end)?.closeOutput()
    }

    // MARK: The end

    func failed(_ end: TunnelEnd, _ error: any Error) {
        guard isOpen else { return refuse(Self.words(error, proven)) }
        // Both ways had ended: what TLS says after that cuts nothing short.
        if end.hasInputEnded, end.isFlushed { return end.close() }
        finish(.broken, "\(end.place): \(error)")
    }

    private static func words(_ error: any Error, _ proven: ProvenCertificate) -> String {
        if let fault = proven.fault { return fault }
        return error is NIOSSLError || error is BoringSSLError ? "the handshake failed" : "the connection broke off"
    }

    func closed(_ end: TunnelEnd) {
        defer { leave() }
        guard isOpen else { return refuse(proven.fault ?? "the connection was closed before it was open") }
        // A side that is gone before it was told all was cut off. Where it had been told, an end of its own input closes
        // it at once and in silence; a reset would have come as an error.
        guard end.isFlushed else { return finish(.broken, "\(end.place): closed") }
        let partner = partner(of: end)
        if partner?.isClosed ?? true { finish(.done) } else { partner?.closeOutput() }
    }

    /// Ends both sides: in order where nothing is under way, else so that it is seen.
    func finish(_ reason: TunnelEnding, _ detail: String? = nil) {
        guard !isOver else { return }
        guard isOpen else { return refuse(reason == .idle ? "it took too long" : "the tunnel ends") }
        isOver = true
        self.reason = reason
        switch reason {
        case .done: break
        case .idle:
            let sides = [accepted, dialled]
            for side in sides { side?.close() }
            // A side that takes nothing is not waited for.
            worker.loop.assumeIsolated().scheduleTask(in: .seconds(5)) { for side in sides { side?.abort() } }
        case .broken, .drained:
            accepted?.abort()
            dialled?.abort()
        }
        worker.ended(self, sent: counts.sent, received: counts.received, reason: reason, detail: detail)
    }

    /// Lets go of the sides, which hold the connection as it holds them.
    private func leave() {
        if isOver, accepted?.isClosed ?? true, dialled?.isClosed ?? true { (accepted, dialled) = (nil, nil) }
    }
}
