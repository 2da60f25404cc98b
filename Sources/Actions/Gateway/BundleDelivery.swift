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
    private let task = Mutex<Task<Void, Never>?>(nil)
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

    private func apply(_ keeper: BundleKeeper?, _ make: Make) {
        gateway.change(to: make(keeper?.inForce, listening))
        shared.delivery.tell(keeper?.told)
    }

    func begin() {
        beat()
        task.withLock { task in
            task = Task { await self.run() }
        }
    }

    func end() { task.withLock { $0 }?.cancel() }

    private func run() async {
        let clock = ContinuousClock()
        var beatDue = clock.now + Heartbeat.interval
        var looked: (keeper: ObjectIdentifier, due: ContinuousClock.Instant)?
        while !Task.isCancelled {
            if let keeper = serving.withLock({ $0?.keeper }) {
                var isNew = keeper.expire()
                if looked?.keeper != ObjectIdentifier(keeper) || looked.map({ $0.due <= clock.now }) ?? true {
                    isNew = await keeper.look(shared) || isNew
                    looked = (ObjectIdentifier(keeper), clock.now + keeper.terms.every)
                    shared.delivery.tell(keeper.told)
                }
                if isNew { renew(keeper) }
            }
            if clock.now >= beatDue {
                beat()
                beatDue = clock.now + Heartbeat.interval
            }
            try? await Task.sleep(for: Self.tick)
        }
    }

    private func renew(_ keeper: BundleKeeper) {
        serving.withLock { serving in
            // A reload may have put another keeper in its place meanwhile.
            guard let serving, serving.keeper === keeper else { return }
            apply(keeper, serving.make)
        }
        beat()
    }

    private func beat() {
        guard let statement = try? gateway.heartbeat.signed(by: signers).bytes else { return }
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
                    keys: [ring.current] + ring.retired
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
