import Core
import NIOCore
import NIOPosix
import Wire

/// What one event loop of the gateway holds: its connections, its pools, and the settings in force.
///
/// It is used on its event loop only, so that nothing here needs a lock. New settings are put in place between two
/// requests; a request that began under the old ones ends under them.
final class Worker: ConnectionOwner {
    let loop: any EventLoop
    private(set) var settings: Settings
    let shared: Shared
    private var connections: [ObjectIdentifier: ClientConnection] = [:]
    private var pools: [String: UpstreamPool] = [:]
    private(set) var isDraining = false
    /// Reads one message at a time; what it found is used before the next is read.
    var reader: PassingReader
    var authenticator = Authenticator()
    var postures = PostureCache()
    let observer: Observer
    private var tick: RepeatedTask?

    init(loop: any EventLoop, settings: Settings, shared: Shared) {
        self.loop = loop
        self.settings = settings
        self.shared = shared
        observer = Observer(shared.observatory)
        reader = PassingReader(limits: JSON.Limits(maxDepth: settings.configuration.limits.depth))
    }

    var limits: GatewayConfiguration.Limits { settings.configuration.limits }

    func start() {
        let bound = NIOLoopBound(self, eventLoop: loop)
        tick = loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in bound.value.look() }
    }

    func stop() {
        tick?.cancel()
        for pool in pools.values { pool.closeIdle() }
    }

    func change(to settings: Settings) {
        self.settings = settings
        for pool in pools.values { pool.closeIdle() }
        pools = [:]
        // What comes by request is asked again with each; a stream would go on for ever.
        for connection in connections.values where connection.work?.isEndless ?? false {
            if connection.isDisowned { connection.work?.end(.killed) }
        }
    }

    func believes(_ proven: ProvenCertificate) -> Bool { proven.holds(by: settings.tls?.trust, now: shared.now) }

    func opened(_ connection: ClientConnection) {
        connections[connection.id] = connection
        shared.descriptors.opened()
        observer.opened()
    }

    func closed(_ connection: ClientConnection) {
        guard connections.removeValue(forKey: connection.id) != nil else { return }
        shared.descriptors.closed()
        observer.closed()
    }

    var connectionCount: Int { connections.count }

    /// Closes what has waited too long: cheaper for all than a timer for each.
    private func look() {
        let now = NIODeadline.now()
        for connection in connections.values where connection.deadline < now {
            if let work = connection.work { work.end(.late) } else { connection.close() }
        }
    }

    /// Ends the streams and requests of whoever is denied from now on.
    func end(where isEnded: (any RequestWork) -> Bool, _ reason: EndReason) {
        for connection in connections.values {
            if let work = connection.work, isEnded(work) { work.end(reason) }
        }
    }

    /// Takes no more requests; what is being answered is answered.
    func drain() {
        isDraining = true
        for connection in connections.values where connection.isIdle { connection.close() }
        end(where: { $0.isEndless }, .draining)
    }

    func pool(for route: GatewayConfiguration.Route) -> UpstreamPool {
        let key = route.isUpstreamTLS ? route.path : route.upstream.authority
        if let known = pools[key] { return known }
        let dial = settings.dial
        let pool = UpstreamPool(loop: loop, mostIdle: shared.descriptors.spare) { dial(route, $0) }
        pools[key] = pool
        return pool
    }

    /// Begins the work on a request; nothing where it was answered at once.
    func take(_ request: ClientRequest, from connection: ClientConnection) -> (any RequestWork)? {
        shared.counters.count(.requests)
        let observation = observer.begin()
        let outcome = Admission(worker: self, request: request, observation: observation).run()
        observation.decided()
        switch outcome {
        case .answer(let answer):
            connection.write(answer.bytes(closes: connection.closesAfterAnswer))
            observation.event.status = answer.status
            observation.event.bytesOut = connection.written
            observer.end(observation)
            return nil
        case .pass(let passage):
            return Exchange(
                passage,
                worker: self,
                connection: connection,
                observation: observation,
                isOldClient: request.head.isOld
            )
        }
    }
}
