package import Core
import FoundationEssentials
package import Gateway
import Identity
import NIOCore
import NIOPosix
import NIOSSL
import Policies
import Synchronization
import Traffic
import Workspace

/// A gateway from its document to its end: reads what it names, listens, reloads, drains.
package final class GatewayRuntime: Sendable {
    package struct Failure: Error, Sendable {
        package let code: String
        package let message: String
        package let help: String?
        /// The document, the policy or a file that it names is wrong, rather than the machine.
        package let isInput: Bool
    }

    private let file: String
    private let gateway: Gateway
    private let shared: Shared
    private let log: GatewayLog
    private let recorder: Recorder
    private let folder: GatewayFolder
    private let delivery: BundleDelivery
    /// What was read last and is in force.
    private let loaded: Mutex<LoadedGateway>
    private let pulling: Task<Void, Never>?
    private let following: Task<Void, Never>
    private let telemetry: Telemetry
    package let id: String
    package let listening: GatewayConfiguration.Endpoint
    package let administered: GatewayConfiguration.Endpoint?
    /// Where other gateways ask for decisions.
    package let deciding: GatewayConfiguration.Endpoint?

    /// Reads the document and begins to listen.
    ///
    /// - Throws: `InvalidInput` for what is wrong in the document or the policy, `Failure` for everything else.
    package init(_ file: String, clock: @escaping @Sendable () -> Timestamp) async throws {
        self.file = file
        let document = try Self.document(file)
        let files = GatewayFiles(document, beside: file)
        let policy = try files.policy(now: clock())
        let folder: GatewayFolder
        do throws(FileFault) {
            folder = try GatewayFolder(files.path(document.state))
        } catch {
            throw Failure("state", "the folder `\(document.state)` cannot be used: \(error.sentence)")
        }
        let control = try files.control()
        let (revocations, modes) = try folder.denials(of: document, control, clock)
        let feed = try files.feed(keptIn: folder, control)
        log = try folder.onlyLog(of: document, clock)
        recorder = try folder.recorder(ResultStorage(rawValue: document.stored) ?? .provenance, clock: clock)
        let loops = max(1, System.coreCount)
        shared = Shared(
            audit: log,
            records: recorder,
            asks: Asks {
                var random = SystemRandomNumberGenerator()
                return Hexadecimal.encode((0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
            },
            revocations: revocations,
            modes: modes,
            definitions: PinnedDefinitions(pins: try files.pins(), store: try folder.marks(at: clock())),
            pull: feed?.pull,
            events: try files.events(keptIn: folder, at: clock()),
            descriptors: Descriptors(limit: Descriptors.raise(), loops: loops),
            now: clock
        )
        // Who is denied is known before anybody can ask for anything.
        feed?.read(into: shared)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let proofs = try files.proofs()
        // A port of 0 becomes known only when it is bound, and the gateway's own name holds it.
        let tls = try files.tls(clock)
        let contexts = try files.contexts()
        let keeper = try files.bundles(in: folder, clock)
        _ = await keeper?.look(shared)
        let loaded = LoadedGateway(document: document, policy: policy, proofs: proofs, tls: tls, contexts: contexts)
        self.loaded = Mutex(loaded)
        shared.tls.took(tls, at: clock())
        telemetry = Telemetry(of: shared, gateway: document.configuration.id)
        try telemetry.change(to: document, files)
        do throws {
            gateway = try await Gateway(
                loaded.settings(keeper?.inForce, at: document.configuration.listen),
                shared: shared,
                group: group
            )
            listening = try await gateway.listen(at: document.configuration.listen)
            delivery = BundleDelivery(
                gateway,
                shared,
                folder,
                at: listening,
                signers: try folder.heartbeatSigners(gateway: document.configuration.id, now: clock())
            )
            delivery.serve(keeper, loaded.settings)
            delivery.begin()
            gateway.watchMode()
            administered = try await gateway.administer(
                in: folder.adminSocket,
                at: document.configuration.admin,
                token: folder.adminToken()
            )
            if let administered { try folder.note(admin: administered) }
            if let decisions = document.telemetry.decisions {
                deciding = try await gateway.decide(at: decisions, token: folder.decisionsToken())
            } else {
                deciding = nil
            }
        } catch let error as Gateway.Failure {
            throw Failure("listen", error.message)
        }
        id = document.configuration.id
        self.folder = folder
        pulling = feed?.watch(into: shared)
        following = shared.followingRevocations()
        shared.reloads.perform { [weak self] in self?.reloadFault() }
    }

    /// Reads everything anew; where something is wrong nothing changes, and the gateway's status says so.
    package func reload() throws {
        do {
            try readAnew()
            shared.noteReload(fault: nil)
        } catch {
            shared.noteReload(fault: Failure.words(of: error))
            throw error
        }
    }

    /// What people should know of the document and the policy in force, though neither is wrong.
    package var warnings: [Diagnostic] {
        let held = held
        return held.document.warnings(of: held.policy)
    }

    /// Says why requests prove nobody, until it is cancelled.
    package func tellUnproven(_ talk: @Sendable (String) -> Void) async { await shared.unproven.tell(talk) }

    private func readAnew() throws {
        let document = try Self.document(file)
        let files = GatewayFiles(document, beside: file)
        let policy = try files.policy(now: shared.clock())
        let proofs = try files.proofs(possession: held.proofs.possession)
        let control = try files.control()
        let (tls, contexts) = try certificates(of: files)
        let keeper = try files.bundles(in: folder, shared.clock)
        let new = LoadedGateway(document: document, policy: policy, proofs: proofs, tls: tls, contexts: contexts)
        try telemetry.change(to: document, files)
        put(new)
        delivery.serve(keeper, new.settings)
        shared.revocations.believe(control)
    }

    /// What people should know who began it, in one sentence; nothing where all is as the document says.
    package var notice: String? { shared.descriptors.notice(held.document.configuration.limits) }

    private var held: LoadedGateway { loaded.withLock(\.self) }

    private func put(_ new: LoadedGateway) {
        loaded.withLock { $0 = new }
        shared.tls.took(new.tls, at: shared.clock())
    }

    /// What TLS is made of; status says where it cannot be used.
    private func certificates(of files: GatewayFiles) throws -> (ListenerTLS?, [String: NIOSSLContext]) {
        do {
            let tls = try files.tls(shared.clock)
            if let tls, tls.end <= shared.clock() {
                throw Failure("tls", "the certificate has ended at \(tls.end)", isInput: true)
            }
            return (tls, try files.contexts())
        } catch let failure as Failure {
            shared.tls.refused(failure.message)
            throw failure
        }
    }

    var certificatePaths: [String] { GatewayFiles(held.document, beside: file).certificatePaths }

    var isCertificateBehind: Bool { shared.tls.hasFault }

    /// Takes what lies in the files of TLS into use; the document and the policy stay as they were read.
    func renewCertificates() throws {
        var new = held
        (new.tls, new.contexts) = try certificates(of: GatewayFiles(new.document, beside: file))
        put(new)
        delivery.serve(new.settings)
    }

    /// Reads everything anew, and says in words why nothing changed.
    private func reloadFault() -> String? {
        do {
            try reload()
            return nil
        } catch {
            return Failure.words(of: error)
        }
    }

    /// Answers what was begun, and closes the log and the recordings.
    package func stop(within limit: Duration = .seconds(10)) async {
        folder.forgetAdmin()
        delivery.end()
        pulling?.cancel()
        following.cancel()
        await gateway.drain(within: limit)
        await shared.disk.finish()
        await shared.definitions.finish()
        await shared.events?.close()
        await telemetry.close()
        await recorder.close()
        log.close()
    }

    static func document(
        _ file: String,
        for purpose: GatewayDocument.Purpose = .listening
    ) throws -> GatewayDocument {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try StoredFile.read(file, limit: 1 << 20)
        } catch {
            throw Failure("unreadable", "`\(file)` cannot be read: \(error.sentence)", isInput: true)
        }
        return try GatewayDocument.read(bytes, file: file, for: purpose)
    }
}

extension GatewayRuntime.Failure {
    init(_ code: String, _ message: String, help: String? = nil, isInput: Bool = false) {
        self.init(code: "gateway.\(code)", message: message, help: help, isInput: isInput)
    }
}
