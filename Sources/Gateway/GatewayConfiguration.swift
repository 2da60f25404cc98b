import Core

/// Everything that a gateway is told: who it is, where it listens, what stands behind it and what it may let through.
///
/// A value, so that a reload is a new one put in the place of the old, and so that a gateway never reads a file while it
/// decides. Durations and sizes are limits; whatever goes over one is refused.
package struct GatewayConfiguration: Sendable {
    /// What the gateway does with its decisions (design: record allows all, shadow decides and allows all).
    package enum Mode: String, Sendable, CaseIterable { case record, shadow, enforce }

    /// What a limit of a session is counted over.
    package enum Sessions: String, Sendable, CaseIterable {
        /// A task that was proven, else all that a principal does within half an hour.
        case proven
        /// The trace or the task that the caller names, as recordings have it.
        case declared
    }

    package enum Transport: String, Sendable, CaseIterable {
        /// Streamable HTTP: 2025-03-26 to 2025-11-25 with sessions, 2026-07-28 without.
        case streamable
        /// The two endpoints of 2024-11-05.
        case sse
        /// A program's standard input and output, one message a line.
        case stdio
    }

    /// An address to listen on or to connect to.
    package struct Endpoint: Sendable, Hashable {
        package var host: String
        package var port: Int

        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }

        package var isLoopback: Bool {
            host == "localhost" || host == "::1" || host.hasPrefix("127.")
        }

        /// As it stands in `Host`.
        package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    }

    /// One server behind the gateway.
    package struct Route: Sendable, Hashable {
        /// The path on the gateway, compared byte for byte.
        package var path: String
        package var server: String
        package var upstream: Endpoint
        package var upstreamPath: String
        package var isUpstreamTLS: Bool
        package var transport: Transport
        /// PEM file of the authorities by which the server's certificate is judged; nil is the system's.
        package var authorities: String?
        /// Which key agreements the server may settle on.
        package var groups = TLSGroups.hybridPreferred
        /// Whether a server that speaks TLS 1.2 at most is spoken to.
        package var allowsOldTLS = false
        /// Sent to the server as `Authorization`; what a client sent never goes on.
        package var credential: String?

        package init(
            path: String,
            server: String,
            upstream: Endpoint,
            upstreamPath: String,
            isUpstreamTLS: Bool = false,
            transport: Transport = .streamable,
            credential: String? = nil
        ) {
            self.path = path
            self.server = server
            self.upstream = upstream
            self.upstreamPath = upstreamPath
            self.isUpstreamTLS = isUpstreamTLS
            self.transport = transport
            self.credential = credential
        }
    }

    package struct Limits: Sendable, Hashable {
        package var bodyBytes: Int
        package var headBytes: Int
        package var depth: Int
        /// Of one answer, and of one event of a stream.
        package var answerBytes: Int
        /// Of clients, all event loops together; fewer where the process may not have so many files open.
        package var connections: Int
        /// How long a client may take to send a request, seconds.
        package var requestSeconds: Int
        /// How long a server may take to begin an answer, seconds.
        package var answerSeconds: Int
        /// How long a connection may stay open without a request, seconds.
        package var idleSeconds: Int

        package init(
            bodyBytes: Int = 16 << 20,
            headBytes: Int = 64 << 10,
            depth: Int = 512,
            answerBytes: Int = 16 << 20,
            connections: Int = 20_000,
            requestSeconds: Int = 30,
            answerSeconds: Int = 300,
            idleSeconds: Int = 300
        ) {
            self.bodyBytes = bodyBytes
            self.headBytes = headBytes
            self.depth = depth
            self.answerBytes = answerBytes
            self.connections = connections
            self.requestSeconds = requestSeconds
            self.answerSeconds = answerSeconds
            self.idleSeconds = idleSeconds
        }
    }

    /// What happens to instructions that stand in a result.
    package enum Screening: String, Sendable, CaseIterable { case pass, annotate, redact, block }

    package struct Results: Sendable, Hashable {
        /// Records in one result; more than that is withheld, and the principal is killed.
        package var mostItems: Int?
        package var mostItemsASession: Int?
        package var instructions: Screening

        package init(mostItems: Int? = nil, mostItemsASession: Int? = nil, instructions: Screening = .annotate) {
            self.mostItems = mostItems
            self.mostItemsASession = mostItemsASession
            self.instructions = instructions
        }
    }

    /// The origin of the audit log, and `gateway` in records.
    package var id: String
    package var listen: Endpoint
    package var admin: Endpoint?
    /// How clients name the gateway: scheme, host and port.
    ///
    /// A route's resource is this and its path (RFC 8707).
    package var address: String?
    package var mode: Mode
    package var routes: [Route]
    package var limits: Limits
    package var results: Results
    /// Methods of servers that may reach a client.
    package var serverRequests: Set<String>
    /// Whom callers without any credential are taken for; nil refuses them.
    package var declared: String?
    /// Whose word it is where a session begins, as limits of a session count.
    package var sessions = Sessions.declared
    /// Origins of web pages that may send requests.
    package var origins: Set<String>
    /// Whether lists of tools show an agent its limits, in their schemas.
    package var narrowsLists = false
    /// Who issues the tokens that are believed, as clients are told (RFC 9728).
    package var issuers: [String] = []

    package init(
        id: String,
        listen: Endpoint,
        admin: Endpoint? = nil,
        address: String? = nil,
        mode: Mode = .enforce,
        routes: [Route],
        limits: Limits = Limits(),
        results: Results = Results(),
        serverRequests: Set<String> = [],
        declared: String? = nil,
        origins: Set<String> = []
    ) {
        self.id = id
        self.listen = listen
        self.admin = admin
        self.address = address
        self.mode = mode
        self.routes = routes
        self.limits = limits
        self.results = results
        self.serverRequests = serverRequests
        self.declared = declared
        self.origins = origins
    }
}
