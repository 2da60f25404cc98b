package import Core
import Documents
import Gateway
import NIOCore
import NIOPosix
import Policies
import Synchronization
import Traffic
import Workspace

/// A gateway around one program, from its document to the program's end.
package final class WrapRuntime: Sendable {
    private let gateway: StdioGateway
    private let shared: Shared
    private let log: GatewayLog
    private let recorder: Recorder
    private let group: MultiThreadedEventLoopGroup
    private let declared: String
    private let feed: RevocationFeed?
    private let questions: AskFolder
    private let server: String
    private let id: String
    /// Where policies are delivered: the last good one of the gateway that fetches them.
    private let followed: FollowedBundle?
    private let settings: @Sendable (BundleKeeper.InForce?) -> Settings
    private let client: String?
    private let needsPosture: Bool
    /// What the client runs as, as it was measured last.
    private let posture = Mutex<ClientPosture?>(nil)
    /// What of the policy does not do what it seems to.
    package let warnings: [Diagnostic]

    /// Reads the document; nothing is started yet.
    ///
    /// `server` says which of the document's servers the program is; it is needed where it names several. `client` is the
    /// configuration of the client that starts this process, where its digest shall be known.
    ///
    /// - Throws: `InvalidInput` for what is wrong in the document or the policy, `Failure` for everything else.
    package init(
        _ file: String,
        server: String?,
        client: String? = nil,
        clock: @escaping @Sendable () -> Timestamp
    ) throws {
        let document = try GatewayRuntime.document(file, for: .wrapping)
        self.client = client
        needsPosture = document.posture?.statements == .required
        let files = GatewayFiles(document, beside: file)
        let name = try Self.server(server, in: document)
        guard let declared = document.configuration.declared else {
            throw GatewayRuntime.Failure(
                "caller",
                "the document does not say whom a client on standard input is taken for",
                help: "add `identity: {declared: NAME}`",
                isInput: true
            )
        }
        self.declared = declared
        let policy = try files.policy(now: clock())
        warnings = document.warnings(of: policy)
        let pins = try files.pins()
        let proofs = try files.proofs()
        let folder: GatewayFolder
        do throws(FileFault) {
            folder = try GatewayFolder(files.path(document.state))
        } catch {
            throw GatewayRuntime.Failure("state", "the folder `\(document.state)` cannot be used: \(error.sentence)")
        }
        do throws(FileFault) {
            questions = try AskFolder(of: folder.root)
        } catch {
            throw GatewayRuntime.Failure("state", "the folder `\(document.state)` cannot be used: \(error.sentence)")
        }
        (self.server, id) = (name, document.configuration.id)
        let control = try files.control()
        let (revocations, modes) = try folder.denials(of: document, control, clock)
        feed = try files.feed(keptIn: folder, control)
        log = try folder.programLog(gateway: document.configuration.id, server: name, clock: clock)
        recorder = try folder.recorder(ResultStorage(rawValue: document.stored) ?? .provenance, clock: clock)
        shared = Shared(
            audit: log,
            records: recorder,
            asks: Asks(store: questions) {
                var random = SystemRandomNumberGenerator()
                return Hexadecimal.encode((0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
            },
            revocations: revocations,
            modes: modes,
            definitions: PinnedDefinitions(pins: pins, store: try folder.marks(at: clock())),
            pull: feed?.pull,
            events: try files.events(keptIn: folder, at: clock()),
            now: clock
        )
        feed?.read(into: shared)
        let route = GatewayConfiguration.Route(
            path: "/" + name,
            server: name,
            upstream: GatewayConfiguration.Endpoint(host: "", port: 0),
            upstreamPath: "/",
            transport: .stdio
        )
        var configuration = document.configuration
        configuration.routes = [route]
        // Names the server in statements of tasks, as a route's address does over HTTP.
        if configuration.address == nil { configuration.address = "stdio:" }
        followed = try FollowedBundle(of: files, in: folder, clock)
        settings = { [configuration] inForce in
            var configuration = configuration
            if let inForce { configuration.mode = inForce.mode }
            let policy = inForce == nil ? policy : inForce?.policy
            return Settings(
                configuration,
                policy: policy?.compiled,
                policyName: policy?.digest.description ?? "",
                authorities: [],
                proofs: proofs
            ) { _, loop in
                loop.makeFailedFuture(GatewayRuntime.Failure("stdio", "a program has no address"))
            }
        }
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        questions.take(into: shared, server: name, gateway: document.configuration.id)
        gateway = StdioGateway(settings(followed?.inForce), shared: shared, route: route, group: group)
    }

    /// Which server is meant: the one that is named, else the only one.
    private static func server(_ name: String?, in document: GatewayDocument) throws -> String {
        let known = document.programs.isEmpty ? document.configuration.routes.map(\.server) : document.programs
        guard let name else {
            guard known.count == 1 else {
                throw GatewayRuntime.Failure(
                    "server",
                    "the document names \(known.count) servers, and one program is wrapped",
                    help: "name it with `--server`",
                    isInput: true
                )
            }
            return known[0]
        }
        guard known.contains(name) else {
            throw GatewayRuntime.Failure(
                "server",
                "the document has no route for the server \(name.inMessage)",
                help: "add `- {server: NAME}` to `routes`",
                isInput: true
            )
        }
        return name
    }

    /// Starts the program and stands between it and the client until either ends.
    ///
    /// - Returns: The exit status: that of the program where it ended by itself, 1 where the caller was denied.
    package func run(_ words: [String]) async throws -> Int32 {
        guard !gateway.isDenied(declared) else {
            await close()
            throw GatewayRuntime.Failure("denied", "\(declared.inMessage) is denied everything")
        }
        do {
            try await measure()
        } catch {
            await close()
            throw error
        }
        let watch = Task { await self.watch() }
        let pulling = feed?.watch(into: shared)
        defer { pulling?.cancel() }
        let status: Int32
        do {
            let streams = try StandardStreams()
            status = try await gateway.run(
                words,
                as: declared,
                credentials: posture.withLock { $0 }?.credentials ?? [],
                input: streams.input,
                output: streams.output
            )
        } catch let failure as Gateway.Failure {
            watch.cancel()
            await close()
            throw GatewayRuntime.Failure("program", failure.message)
        }
        watch.cancel()
        await close()
        return status
    }

    /// Measures what the client runs as, writes that into the audit log, and refuses what is denied.
    ///
    /// - Throws: `GatewayRuntime.Failure` where the document asks for it and it cannot be known, or is denied.
    private func measure() async throws {
        let measured: ClientPosture
        do throws(ClientPosture.Unmeasured) {
            measured = try await ClientPosture.measured(configuration: client, now: shared.clock())
        } catch {
            guard needsPosture else { return }
            shared.note(
                "gateway.posture",
                ["principal": .string(declared), "server": .string(server), "reason": "posture-missing"],
                gateway: id
            )
            throw GatewayRuntime.Failure(
                "posture",
                "what the client runs as is not known: \(error.message)",
                help: "the document asks for it with `posture: {statements: required}`"
            )
        }
        posture.withLock { $0 = measured }
        shared.note("gateway.posture", measured.entry(principal: declared, server: server), gateway: id)
        guard !gateway.isDenied(declared, credentials: measured.credentials) else {
            gateway.stop()
            throw GatewayRuntime.Failure(
                "posture",
                "what the client runs as is denied: \(measured.credentials.joined(separator: ", "))"
            )
        }
    }

    /// Ends the program and everything that it started.
    package func stop() { gateway.stop() }

    /// Who is denied, and the mode, may be written by another process that has the same folder.
    private func watch() async {
        var due = ContinuousClock.now + ClientPosture.pause
        while !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(250))
            do {
                try shared.revocations.refresh()
                shared.enforceRevocations()
            } catch {
                // Who is denied cannot be known any more, so that nobody can be let through.
                gateway.stop()
            }
            if ContinuousClock.now >= due {
                // One that cannot be made anew ends; where none is needed, the last one stays what is known.
                if (try? await measure()) == nil, needsPosture, let ends = posture.withLock({ $0?.expires }),
                    shared.clock() >= ends
                {
                    gateway.stop()
                }
                due = .now + ClientPosture.pause
            }
            if let followed, followed.isRenewed() { gateway.change(to: settings(followed.inForce)) }
            questions.look(into: shared, server: server, gateway: id)
            // A mode that cannot be read changes nothing.
            if (try? shared.modes.refresh(at: shared.clock())) != nil { gateway.applyMode() }
        }
    }

    private func close() async {
        await questions.finish()
        await shared.disk.finish()
        await shared.definitions.finish()
        await shared.events?.close()
        await recorder.close()
        log.close()
        try? await group.shutdownGracefully()
    }
}
