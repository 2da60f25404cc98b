import Core
import NIOCore
package import NIOPosix
import Synchronization

/// One end of a hop that carries what is clear or classical in mutually authenticated hybrid TLS.
///
/// It reads nothing of what it carries. Whom it talks to is proven in the handshake, before a byte is passed on.
package final class Tunnel: Sendable {
    let configuration: TunnelConfiguration
    private let group: MultiThreadedEventLoopGroup
    private let current: Mutex<MutualTLS>
    private let log: @Sendable (TunnelEvent) -> Void
    private let state = Mutex(TunnelCounts())
    private let held = Mutex(0)
    private let sent = Atomic<Int>(0)
    private let received = Atomic<Int>(0)
    private let numbers = Atomic<Int>(0)
    private let listeners = Mutex<[any Channel]>([])
    private let workers = Mutex<[NIOLoopBound<TunnelWorker>]>([])

    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 64 << 10, high: 256 << 10)

    /// Prepares one end; nothing listens before `listen`.
    ///
    /// `log` must not wait: it is called on event loops.
    package init(
        _ configuration: TunnelConfiguration,
        tls: MutualTLS,
        group: MultiThreadedEventLoopGroup,
        log: @escaping @Sendable (TunnelEvent) -> Void
    ) {
        self.configuration = configuration
        self.group = group
        self.log = log
        current = Mutex(tls)
    }

    /// What new connections prove themselves by.
    package var tls: MutualTLS { current.withLock { $0 } }

    /// Puts a new certificate in use; connections that are open stay.
    package func change(to tls: MutualTLS) { current.withLock { $0 = tls } }

    /// Begins to take connections, and returns the address with the port that was given.
    package func listen() async throws(Gateway.Failure) -> GatewayConfiguration.Endpoint {
        let endpoint = configuration.listen
        do {
            var workers: [NIOLoopBound<TunnelWorker>] = []
            for loop in group.makeIterator() {
                let worker = try await loop.submit {
                    let worker = TunnelWorker(loop: loop, tunnel: self)
                    worker.start()
                    return NIOLoopBound(worker, eventLoop: loop)
                }.get()
                workers.append(worker)
            }
            let all = Dictionary(uniqueKeysWithValues: workers.map { (ObjectIdentifier($0.eventLoop), $0) })
            self.workers.withLock { $0 = workers }
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 1024)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.writeBufferWaterMark, value: Self.waterMark)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard let worker = all[ObjectIdentifier(channel.eventLoop)]?.value else {
                            throw Gateway.Failure(message: "the connection has no event loop of the tunnel's")
                        }
                        try worker.accept(channel)
                    }
                }
                .bind(host: endpoint.host, port: endpoint.port).get()
            listeners.withLock { $0.append(channel) }
            return GatewayConfiguration.Endpoint(
                host: endpoint.host,
                port: channel.localAddress?.port ?? endpoint.port
            )
        } catch {
            throw Gateway.Failure(message: "cannot listen at \(endpoint.authority): \(error)")
        }
    }

    /// Begins to answer questions about how it stands, in the clear and on loopback: counts, and nothing secret.
    package func administer(
        at endpoint: GatewayConfiguration.Endpoint
    ) async throws(Gateway.Failure) -> GatewayConfiguration.Endpoint {
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.autoRead, value: false)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let desk = TunnelDesk(loop: channel.eventLoop, tunnel: self)
                        try channel.pipeline.syncOperations.addHandler(ClientConnection(desk))
                    }
                }
                .bind(host: endpoint.host, port: endpoint.port).get()
            listeners.withLock { $0.append(channel) }
            return GatewayConfiguration.Endpoint(
                host: endpoint.host,
                port: channel.localAddress?.port ?? endpoint.port
            )
        } catch {
            throw Gateway.Failure(message: "cannot listen at \(endpoint.authority): \(error)")
        }
    }

    package var counts: TunnelCounts {
        var counts = state.withLock { $0 }
        counts.sent = sent.load(ordering: .relaxed)
        counts.received = received.load(ordering: .relaxed)
        return counts
    }

    /// Takes no more connections and waits, as long as it is told, until those that are open have ended by themselves.
    ///
    /// - Returns: What was counted at the end.
    package func drain(within limit: Duration) async -> TunnelCounts {
        let open = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        for channel in open { try? await channel.close().get() }
        let clock = ContinuousClock()
        let end = clock.now + limit
        while held.withLock({ $0 }) > 0, clock.now < end {
            try? await Task.sleep(for: .milliseconds(20))
        }
        for worker in workers.withLock({ $0 }) {
            try? await worker.eventLoop.submit { worker.value.stop() }.get()
        }
        try? await group.shutdownGracefully()
        return counts
    }

    // MARK: What workers say

    func nextNumber() -> Int { numbers.add(1, ordering: .relaxed).newValue }

    /// Whether there is room for one more; then it is held until `refused` or `ended`.
    func takes() -> Bool {
        held.withLock { held in
            guard held < configuration.connections else { return false }
            held += 1
            return true
        }
    }

    func opened(_ number: Int, _ from: String, peer: String, group: String) {
        state.withLock { $0.count(peer: peer, group: group) }
        log(.opened(number: number, from: from, peer: peer, group: group))
    }

    func passed(_ count: Int, isToServer: Bool) {
        if isToServer { sent.add(count, ordering: .relaxed) } else { received.add(count, ordering: .relaxed) }
    }

    func refused(_ number: Int, from: String, _ reason: String, wasTaken: Bool) {
        if wasTaken { held.withLock { $0 -= 1 } }
        state.withLock { $0.refused += 1 }
        log(.refused(number: number, from: from, reason: reason))
    }

    func ended(_ number: Int, sent: Int, received: Int, _ reason: TunnelEnding, _ detail: String?) {
        state.withLock { counts in
            counts.open -= 1
            if reason == .broken || reason == .drained { counts.broken += 1 }
        }
        log(.ended(number: number, sent: sent, received: received, reason: reason, detail: detail))
        held.withLock { $0 -= 1 }
    }
}

/// Answers how a tunnel stands.
private final class TunnelDesk: ConnectionOwner {
    let loop: any EventLoop
    let limits = GatewayConfiguration.Limits(bodyBytes: 1_024, headBytes: 16 << 10, requestSeconds: 10, idleSeconds: 60)
    let isDraining = false
    private let tunnel: Tunnel

    init(loop: any EventLoop, tunnel: Tunnel) {
        self.loop = loop
        self.tunnel = tunnel
    }

    func opened(_ connection: ClientConnection) {}
    func closed(_ connection: ClientConnection) {}

    func take(_ request: ClientRequest, from connection: ClientConnection) -> (any RequestWork)? {
        let head = request.head
        let answer =
            switch (head.method, head.path) {
            // A page in a browser on this machine must not reach it.
            case _ where head.head.has(.origin): Answer(status: 403, reason: "origin")
            case (.get, "/metrics"):
                Answer(
                    status: 200,
                    body: Array(tunnel.counts.metrics.utf8),
                    contentType: "text/plain; version=0.0.4; charset=utf-8"
                )
            case (.get, "/v1/status"): Answer(status: 200, body: JSON.canonical(.object(tunnel.counts.json)))
            default: Answer(status: 404, reason: "path")
            }
        connection.write(answer.bytes(closes: connection.closesAfterAnswer))
        return nil
    }
}
