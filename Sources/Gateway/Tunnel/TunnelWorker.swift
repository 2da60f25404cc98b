import Identity
import NIOCore
import NIOPosix

/// The connections of one event loop; used on it only.
final class TunnelWorker {
    let loop: any EventLoop
    let configuration: TunnelConfiguration
    private let tunnel: Tunnel
    private var connections: [Int: TunnelConnection] = [:]
    private var tick: RepeatedTask?

    init(loop: any EventLoop, tunnel: Tunnel) {
        self.loop = loop
        self.tunnel = tunnel
        configuration = tunnel.configuration
    }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        tick = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.look() }
    }

    /// Ends what is left.
    func stop() {
        tick?.cancel()
        for connection in connections.values { connection.finish(.drained) }
    }

    private func look() {
        let now = NIODeadline.now()
        for connection in connections.values where connection.deadline < now { connection.finish(.idle) }
    }

    func accept(_ channel: any Channel) throws {
        let connection = TunnelConnection(
            number: tunnel.nextNumber(),
            from: channel.remoteAddress?.ipAddress ?? "?",
            worker: self
        )
        guard tunnel.takes() else {
            tunnel.refused(connection.number, from: connection.from, "there are too many connections", wasTaken: false)
            throw Gateway.Failure(message: "too many connections")
        }
        connections[connection.number] = connection
        do {
            try install(.accepted, connection, channel, isTLS: configuration.side == .far)
        } catch {
            connection.unreachable()
            throw error
        }
    }

    private func install(
        _ place: TunnelEnd.Place,
        _ connection: TunnelConnection,
        _ channel: any Channel,
        isTLS: Bool
    ) throws {
        let socket = TunnelSocket()
        let end = TunnelEnd(place, of: connection, socket: socket, isTLS: isTLS)
        let pipeline = channel.pipeline.syncOperations
        connection.attach(end)
        try pipeline.addHandler(socket)
        if isTLS {
            let isServer = place == .accepted
            try pipeline.addHandler(HandshakeWatch(isServer: isServer) { connection.proven.group = $0 })
            let tls = tunnel.tls
            try pipeline.addHandler(tls.handler(isServer ? .server : .client, connection.proven, on: loop))
        }
        try pipeline.addHandler(end)
    }

    /// Connects to the other end of the hop.
    func dial(_ connection: TunnelConnection) {
        let bound = NIOLoopBound((self, connection), eventLoop: loop)
        ClientBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.writeBufferWaterMark, value: Tunnel.waterMark)
            .connectTimeout(.seconds(Int64(configuration.openingSeconds)))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let (worker, connection) = bound.value
                    guard !connection.isOver else { throw ChannelError.ioOnClosedChannel }
                    try worker.install(
                        .dialled,
                        connection,
                        channel,
                        isTLS: worker.configuration.side == .near
                    )
                }
            }
            .connect(host: configuration.to.host, port: configuration.to.port)
            .assumeIsolated()
            .whenFailure { _ in connection.unreachable() }
    }

    // MARK: What connections say

    func opened(_ connection: TunnelConnection) {
        let peer = connection.proven.svid?.id.description ?? "unknown"
        tunnel.opened(connection.number, connection.from, peer: peer, group: connection.proven.group ?? "unknown")
    }

    func passed(_ count: Int, isToServer: Bool) { tunnel.passed(count, isToServer: isToServer) }

    func refused(_ connection: TunnelConnection, _ reason: String) {
        connections[connection.number] = nil
        tunnel.refused(connection.number, from: connection.from, reason, wasTaken: true)
    }

    func ended(_ connection: TunnelConnection, sent: Int, received: Int, reason: TunnelEnding, detail: String?) {
        connections[connection.number] = nil
        tunnel.ended(connection.number, sent: sent, received: received, reason, detail)
    }
}
