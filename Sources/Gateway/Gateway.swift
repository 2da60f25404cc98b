package import Core
import Glibc
import NIOCore
package import NIOPosix
import Synchronization

/// The policy enforcement point: listens, decides, forwards, and can be told at any time who is denied from now on.
package final class Gateway: Sendable {
    package struct Failure: Error, Sendable {
        package let message: String
    }

    private let group: MultiThreadedEventLoopGroup
    private let workers: [NIOLoopBound<Worker>]
    let shared: Shared
    private let listeners = Mutex<[any Channel]>([])
    private let current: Mutex<Settings>
    /// As the document has them, in its own mode.
    private let declared: Mutex<Settings>
    private let watch = Mutex<RepeatedTask?>(nil)

    /// Prepares the event loops; nothing listens before `listen`.
    package init(_ settings: Settings, shared: Shared, group: MultiThreadedEventLoopGroup) async throws {
        self.group = group
        self.shared = shared
        declared = Mutex(settings)
        let settings = settings.inMode(shared.modes.mode(declared: settings.configuration.mode, at: shared.now()))
        current = Mutex(settings)
        Self.share(shared, settings)
        var workers: [NIOLoopBound<Worker>] = []
        for loop in group.makeIterator() {
            let worker = try await loop.submit {
                let worker = Worker(loop: loop, settings: settings, shared: shared)
                worker.start()
                return NIOLoopBound(worker, eventLoop: loop)
            }.get()
            workers.append(worker)
        }
        self.workers = workers
        let all = workers
        shared.onRevocation.withLock { onRevocation in
            onRevocation = {
                for worker in all {
                    worker.eventLoop.execute {
                        worker.value.end(where: { shared.revocations.denies($0.caller) }, .killed)
                    }
                }
                // There may be many sessions to look through, and no event loop has the time.
                NIOThreadPool.singleton.submit { _ in
                    let ended = shared.sessions.close(where: shared.revocations.denies)
                    guard !ended.isEmpty, let worker = all.randomElement() else { return }
                    worker.eventLoop.execute { SessionEnding.end(ended, by: worker.value) }
                }
            }
        }
    }

    /// Begins to listen, and returns the address with the port that was given.
    package func listen(at endpoint: GatewayConfiguration.Endpoint) async throws -> GatewayConfiguration.Endpoint {
        let workers = Dictionary(uniqueKeysWithValues: workers.map { (ObjectIdentifier($0.eventLoop), $0) })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let worker = workers[ObjectIdentifier(channel.eventLoop)]?.value else {
                        throw Failure(message: "the connection has no event loop of the gateway's")
                    }
                    guard !worker.shared.descriptors.isFull else { throw Failure(message: "too many connections") }
                    let proven = ProvenCertificate()
                    if let tls = worker.settings.tls {
                        try tls.install(on: channel, proven, state: worker.shared.tls)
                    }
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(worker, proven: proven))
                }
            }
        let channel: any Channel
        do {
            channel = try await bootstrap.bind(host: endpoint.host, port: endpoint.port).get()
        } catch {
            throw Failure(listeningAt: endpoint, error)
        }
        listeners.withLock { $0.append(channel) }
        return GatewayConfiguration.Endpoint(
            host: endpoint.host,
            port: channel.localAddress?.port ?? endpoint.port
        )
    }

    /// Begins to answer at the socket in the gateway's folder, and on the admin port where it has one.
    ///
    /// Each has its own connections: agents on this machine can fill the port, and never the socket.
    package func administer(
        in socket: AdminSocket,
        at endpoint: GatewayConfiguration.Endpoint?,
        token: Redacted<String>
    ) async throws -> GatewayConfiguration.Endpoint? {
        let local: any Channel
        do {
            local = try await socket.bind(desk(token))
        } catch {
            throw Failure(message: "cannot listen at `\(socket.path)`: \(Failure.reason(error))")
        }
        listeners.withLock { $0.append(local) }
        guard let endpoint else { return nil }
        do {
            let channel = try await desk(token).bind(host: endpoint.host, port: endpoint.port).get()
            listeners.withLock { $0.append(channel) }
            return GatewayConfiguration.Endpoint(
                host: endpoint.host,
                port: channel.localAddress?.port ?? endpoint.port
            )
        } catch {
            throw Failure(listeningAt: endpoint, error)
        }
    }

    /// What answers people: a desk of its own, on one event loop, so that it bounds all of its connections.
    private func desk(_ token: Redacted<String>) -> ServerBootstrap {
        let settings: @Sendable () -> Settings = { self.current.withLock { $0 } }
        let loop = group.next()
        let desk = AdminDesk(loop: loop, shared: shared, token: token, settings: settings) { self.applyMode() }
        return ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(desk))
                }
            }
    }

    /// Begins to answer other gateways that ask before they pass something on.
    package func decide(
        at endpoint: GatewayConfiguration.Endpoint,
        token: Redacted<String>
    ) async throws -> GatewayConfiguration.Endpoint {
        let workers = Dictionary(uniqueKeysWithValues: workers.map { (ObjectIdentifier($0.eventLoop), $0) })
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let worker = workers[ObjectIdentifier(channel.eventLoop)]?.value,
                        !worker.shared.descriptors.isFull
                    else { throw Failure(message: "too many connections") }
                    let desk = DecisionDesk(worker, token: token)
                    try channel.pipeline.syncOperations.addHandler(ClientConnection(desk))
                }
            }
        do {
            let channel = try await bootstrap.bind(host: endpoint.host, port: endpoint.port).get()
            listeners.withLock { $0.append(channel) }
            return GatewayConfiguration.Endpoint(
                host: endpoint.host,
                port: channel.localAddress?.port ?? endpoint.port
            )
        } catch {
            throw Failure(listeningAt: endpoint, error)
        }
    }

    /// Puts new settings in force: requests that begin from now on are decided by them, streams go on.
    package func change(to settings: Settings) {
        declared.withLock { $0 = settings }
        applyMode()
    }

    /// Puts the mode in force that is due now.
    package func applyMode() {
        let written = declared.withLock { $0 }
        let settings = written.inMode(shared.modes.mode(declared: written.configuration.mode, at: shared.now()))
        current.withLock { $0 = settings }
        Self.share(shared, settings)
        for worker in workers { worker.eventLoop.execute { worker.value.change(to: settings) } }
    }

    /// Looks twice a second whether break-glass is over.
    package func watchMode() {
        let task = group.next().scheduleRepeatedTask(initialDelay: .milliseconds(500), delay: .milliseconds(500)) { _ in
            let written = self.declared.withLock(\.configuration.mode)
            let due = self.shared.modes.mode(declared: written, at: self.shared.now())
            let (mode, id) = self.current.withLock { ($0.configuration.mode, $0.configuration.id) }
            guard due != mode else { return }
            self.applyMode()
            self.shared.note(
                "gateway.mode",
                ["mode": .string(due.rawValue), "by": "gateway", "reason": "break-glass is over"],
                gateway: id
            )
        }
        watch.withLock { $0 = task }
    }

    private static func share(_ shared: Shared, _ settings: Settings) {
        let configuration = settings.configuration
        shared.descriptors.share(wanted: configuration.limits.connections, servers: configuration.routes.count)
    }

    package var counters: Counters { shared.counters }

    /// What is in force at this moment.
    var settings: Settings { current.withLock { $0 } }

    /// Takes no more requests and waits, as long as it is told, until the answers that were begun are out.
    package func drain(within limit: Duration) async {
        let open = listeners.withLock { listeners in
            defer { listeners = [] }
            return listeners
        }
        watch.withLock { $0 }?.cancel()
        for channel in open { try? await channel.close().get() }
        for worker in workers { worker.eventLoop.execute { worker.value.drain() } }
        let clock = ContinuousClock()
        let end = clock.now + limit
        while clock.now < end {
            if await openConnections() == 0 { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        for worker in workers { try? await worker.eventLoop.submit { worker.value.stop() }.get() }
        try? await group.shutdownGracefully()
    }

    package func openConnections() async -> Int {
        var count = 0
        for worker in workers {
            count += (try? await worker.eventLoop.submit { worker.value.connectionCount }.get()) ?? 0
        }
        return count
    }
}

extension Gateway.Failure {
    fileprivate init(listeningAt endpoint: GatewayConfiguration.Endpoint, _ error: any Error) {
        self.init(message: "cannot listen at \(endpoint.authority): \(Self.reason(error))")
    }

    fileprivate static func reason(_ error: any Error) -> String {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE: "something listens there already"
        case EADDRNOTAVAIL: "this machine has no such address"
        case EACCES: "this user may not listen there"
        default: "\(error)"
        }
    }
}
