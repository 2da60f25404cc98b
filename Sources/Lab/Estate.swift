import Core
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Wire

/// Everything that listens, and the manifest that says what it is.
final class Estate {
    private let listener: Listener
    private let options: Options
    private var channels: [any Channel] = []
    private var servers: [JSON.Value] = []
    private var faults: [JSON.Value] = []

    init(options: Options) {
        self.options = options
        listener = Listener(group: MultiThreadedEventLoopGroup(numberOfThreads: 1))
    }

    /// The servers that behave, by the names under which they also run over stdio.
    static func blueprints(seed: UInt64) -> [Blueprint] {
        [
            .retail(seed: seed), .hr(seed: seed), .finance(seed: seed), .research(seed: seed), .notes(), .tickets(),
            .calendar(), .facilities(seed: seed),
        ]
    }

    /// Binds all ports and returns the manifest.
    func start() throws -> JSON.Value {
        let certificate = try SelfSigned()
        for blueprint in Self.blueprints(seed: options.seed) {
            let server = LabServer(blueprint, seed: options.seed, driftAfter: options.driftAfter)
            let tls = blueprint.isTLS ? certificate : nil
            let url = try serve(server, tls: tls)
            servers.append(Manifest.entry(server, url: url, certificate: tls?.digest))
        }
        var card: JSON.Value = nil
        let agent = try serve(path: "/a2a") { url in
            let agent = TravelAgent(url: url)
            card = agent.card
            return agent
        }
        servers.append(Manifest.agent(url: agent, card: card))
        if options.hasFaults { try startFaults() }
        return [
            "version": .integer(Manifest.version), "seed": .integer(Int64(clamping: options.seed)),
            "servers": .array(servers), "faults": .array(faults),
        ]
    }

    private func startFaults() throws {
        for fault in ListFault.allCases {
            let server = LabServer(fault.blueprint, seed: options.seed, driftAfter: 0)
            let url = try serve(server, tls: nil)
            faults.append(Manifest.fault(fault.rawValue, url: url, behaviour: fault.behaviour, speaksMCP: true))
        }
        for fault in RawFault.allCases {
            let channel = try listener.bind(port: nextPort) { channel in
                try channel.pipeline.syncOperations.addHandler(RawFaultHandler(fault))
            }
            channels.append(channel)
            let url = try Self.url(channel, path: StreamableHTTP.path, isTLS: fault == .tlsGarbage)
            faults.append(Manifest.fault(fault.rawValue, url: url, behaviour: fault.behaviour))
        }
        let bystander = try serve(path: "/mcp") { _ in Bystander() }
        faults.append(
            Manifest.fault(
                "bystander",
                url: bystander,
                behaviour: "counts the requests that others sent here, at /_lab/hits"
            )
        )
        let redirects = try serve(path: "/mcp") { _ in Redirects(target: bystander) }
        faults.append(Manifest.fault("redirects", url: redirects, behaviour: "sends every request to the bystander"))
    }

    private func serve(_ server: LabServer, tls: SelfSigned?) throws -> String {
        switch server.blueprint.front {
        case .streamableHTTP(let answersAsEvents):
            try serve(path: StreamableHTTP.path, tls: tls) { url in
                StreamableHTTP(
                    server: server,
                    answersAsEvents: answersAsEvents,
                    gate: Gate(url: url, token: server.blueprint.token)
                )
            }
        case .eventStream:
            try serve(path: LegacyEvents.path, tls: tls) { url in
                LegacyEvents(server: server, gate: Gate(url: url, token: server.blueprint.token))
            }
        }
    }

    /// Binds a port, then makes the site, which may need to know its own address.
    private func serve(path: String, tls: SelfSigned? = nil, site make: (String) -> any Site) throws -> String {
        let slot = SiteSlot()
        let context = tls?.context
        let channel = try listener.bind(port: nextPort) { channel in
            guard let site = slot.site else { throw ChannelError.ioOnClosedChannel }
            try Listener.serveHTTP(site, on: channel, tls: context)
        }
        channels.append(channel)
        let url = try Self.url(channel, path: path, isTLS: tls != nil)
        slot.fill(make(url))
        return url
    }

    private var nextPort: Int { options.basePort == 0 ? 0 : options.basePort + channels.count }

    private static func url(_ channel: any Channel, path: String, isTLS: Bool) throws -> String {
        guard let port = channel.localAddress?.port else { throw ChannelError.unknownLocalAddress }
        return "\(isTLS ? "https" : "http")://127.0.0.1:\(port)\(path)"
    }
}

/// The site of a port that is bound already; nobody knows the port before the slot is filled.
private final class SiteSlot: Sendable {
    private let content = Mutex<(any Site)?>(nil)

    var site: (any Site)? { content.withLock { $0 } }

    func fill(_ site: any Site) {
        content.withLock { $0 = site }
    }
}
