import Core
import Gateway
import Identity
import NIOSSL
import Policies
import Synchronization

/// Keeps a running gateway at the bundle that is due, and lets it say how it stands every few seconds.
///
/// All of it is away from the event loops: files are read and written, and signatures are made, on a thread that decides
/// nothing.
final class BundleDelivery: Sendable {
    /// The settings for what is in force, with an address to listen at.
    typealias Make = @Sendable (BundleKeeper.InForce?, GatewayConfiguration.Endpoint) -> Settings

    private struct Serving {
        var keeper: BundleKeeper?
        var make: Make
    }

    private let gateway: Gateway
    private let shared: Shared
    private let folder: GatewayFolder
    private let listening: GatewayConfiguration.Endpoint
    private let signers: [DSSESigner]
    private let serving = Mutex<Serving?>(nil)
    private let tasks = Mutex<[Task<Void, Never>]>([])
    /// How often it is looked whether something is due.
    private static let tick: Duration = .milliseconds(250)

    init(
        _ gateway: Gateway,
        _ shared: Shared,
        _ folder: GatewayFolder,
        at listening: GatewayConfiguration.Endpoint,
        signers: [DSSESigner]
    ) {
        (self.gateway, self.shared, self.folder) = (gateway, shared, folder)
        (self.listening, self.signers) = (listening, signers)
    }

    /// Puts settings in force that are made anew whenever something else was delivered; without a keeper nothing is.
    func serve(_ keeper: BundleKeeper?, _ make: @escaping Make) {
        serving.withLock { serving in
            serving = Serving(keeper: keeper, make: make)
            apply(keeper, make)
        }
    }

    /// Puts other settings in force for the bundle that is there.
    func serve(_ make: @escaping Make) {
        serving.withLock { serving in
            let keeper = serving?.keeper
            serving = Serving(keeper: keeper, make: make)
            apply(keeper, make)
        }
    }

    private func apply(_ keeper: BundleKeeper?, _ make: Make) {
        gateway.change(to: make(keeper?.inForce, listening))
        shared.delivery.tell(keeper?.told)
    }

    func begin() {
        beat()
        tasks.withLock { tasks in
            // Apart from each other: a source that does not answer keeps nothing in force that has expired.
            tasks = [Task { await self.follow() }, Task { await self.watch() }]
        }
    }

    func end() {
        for task in tasks.withLock({ $0 }) { task.cancel() }
    }

    /// Reads the source as often as the document says, and at once where the document was read anew.
    private func follow() async {
        let clock = ContinuousClock()
        var looked: (keeper: ObjectIdentifier, due: ContinuousClock.Instant)?
        while !Task.isCancelled {
            if let keeper = serving.withLock({ $0?.keeper }),
                looked?.keeper != ObjectIdentifier(keeper) || looked.map({ $0.due <= clock.now }) ?? true
            {
                let isNew = await keeper.look(shared)
                looked = (ObjectIdentifier(keeper), clock.now + keeper.terms.every)
                renew(keeper, isNew: isNew)
            }
            try? await Task.sleep(for: Self.tick)
        }
    }

    /// Ends what has expired, and says how the gateway stands.
    private func watch() async {
        let clock = ContinuousClock()
        var due = clock.now + Heartbeat.interval
        while !Task.isCancelled {
            if let keeper = serving.withLock({ $0?.keeper }), keeper.expire() {
                renew(keeper, isNew: true)
                keeper.noteExpiry(shared)
            }
            if clock.now >= due {
                beat()
                due = clock.now + Heartbeat.interval
            }
            try? await Task.sleep(for: Self.tick)
        }
    }

    private func renew(_ keeper: BundleKeeper, isNew: Bool) {
        let isServed = serving.withLock { serving in
            // A reload may have put another keeper in its place meanwhile.
            guard let serving, serving.keeper === keeper else { return false }
            if isNew { apply(keeper, serving.make) } else { shared.delivery.tell(keeper.told) }
            return true
        }
        if isNew, isServed { beat() }
    }

    private func beat() {
        // Not between two bundles: what it says of both halves is about the same one.
        let heartbeat = serving.withLock { _ in gateway.heartbeat }
        guard let statement = try? heartbeat.signed(by: signers).bytes else { return }
        shared.delivery.tell(heartbeat: statement)
        folder.note(heartbeat: statement)
    }
}

extension GatewayFolder {
    /// What signs heartbeats, by the key of this folder; who checks them finds the public half beside them.
    func heartbeatSigners(gateway: String, now: Timestamp) throws -> [DSSESigner] {
        var random = SystemRandomNumberGenerator()
        let signers = try keys.loadOrCreate(.audit, now: now, using: &random).current
            .heartbeatSigners(gateway: gateway)
        let file: JSON.Value = ["keys": .array(signers.map(\.key.json))]
        try StoredFile.write(JSON.canonical(file) + [0x0A], to: root + "/control/heartbeat-keys.json")
        return signers
    }

    /// One that could not be written is missed by whoever waits for it, which is what it is for.
    func note(heartbeat: [UInt8]) {
        try? StoredFile.write(heartbeat + [0x0A], to: root + "/control/heartbeat.json")
    }
}

extension GatewayFiles {
    /// Who delivers policies, as the document says; nil where it names a policy itself.
    func bundles(
        in folder: GatewayFolder,
        areAnothers: Bool = false,
        _ clock: @escaping @Sendable () -> Timestamp
    ) throws -> BundleKeeper? {
        guard let terms = document.bundles else { return nil }
        guard let trust = BundleTrust(parsing: try bytes(terms.keys, as: "the list of keys")) else {
            throw GatewayRuntime.Failure(
                "bundles",
                "`\(terms.keys)` is no list of keys that sign bundles",
                help: "write it with `lockstep key public bundle` in the workspace",
                isInput: true
            )
        }
        var random = SystemRandomNumberGenerator()
        let ring = try folder.keys.loadOrCreate(.audit, now: clock(), using: &random)
        let source = try source(terms)
        do throws(BundleFile.Unreadable) {
            return try BundleKeeper(
                terms,
                source: source,
                trust: trust,
                place: PolicyBundle.Place(
                    gateway: document.configuration.id,
                    labels: terms.labels,
                    isLoopback: document.configuration.listen.isLoopback
                ),
                file: BundleFile(
                    path: folder.root + "/control/bundle",
                    gateway: document.configuration.id,
                    keys: [ring.current] + ring.retired,
                    isAnothers: areAnothers
                ),
                now: clock
            )
        } catch {
            throw GatewayRuntime.Failure(
                "bundles",
                error.message,
                help:
                    "put `control/bundle` back from a backup of `\(document.state)`; without it an older bundle could "
                    + "be taken for the last"
            )
        }
    }

    private func source(_ terms: GatewayDocument.Bundles) throws -> BundleSource {
        guard terms.isWeb, let url = RoutedURL(terms.from) else { return .directory(path(terms.from)) }
        var context: NIOSSLContext?
        if url.isTLS {
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.minimumTLSVersion = .tlsv12
            if let name = terms.authorities {
                let pem = try bytes(name, as: "the authorities")
                guard let certificates = try? NIOSSLCertificate.fromPEMBytes(pem), !certificates.isEmpty else {
                    throw GatewayRuntime.Failure("ca", "`\(name)` holds no certificate in PEM", isInput: true)
                }
                configuration.trustRoots = .certificates(certificates)
            }
            context = try NIOSSLContext(configuration: configuration)
        }
        let endpoint = GatewayConfiguration.Endpoint(host: url.host, port: url.port ?? (url.isTLS ? 443 : 80))
        var folder = url.path
        while folder.hasSuffix("/") { folder.removeLast() }
        return .web(PublishedFiles(endpoint, folder: folder, context: context))
    }
}
