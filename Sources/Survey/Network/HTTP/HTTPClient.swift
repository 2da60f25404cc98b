import Core
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Wire

/// Where HTTP requests of one examination go.
package struct Origin: Sendable, Hashable {
    package var isEncrypted: Bool
    /// A name or an address, an IPv6 address without brackets.
    package var host: String
    package var port: Int

    package init(isEncrypted: Bool, host: String, port: Int) {
        self.isEncrypted = isEncrypted
        self.host = host
        self.port = port
    }

    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
    /// With the port always written out.
    package var text: String { "\(isEncrypted ? "https" : "http")://\(authority)" }
}

/// Talks to one origin: one connection at a time, kept while both sides want it, all within one deadline and one byte
/// budget.
///
/// With TLS the first connection insists on a trusted certificate for this host. Only where that is refused is the
/// certificate accepted as it is, and `isTrusted` says so from then on; nobody may send a secret over such a
/// connection.
actor HTTPClient {
    nonisolated let origin: Origin
    nonisolated let limits: HTTPExchange.Limits
    nonisolated let deadline: ContinuousClock.Instant
    private let eventLoop: any EventLoop
    private let budget: ByteBudget
    private let observed = Observed()
    private var idle: (any Channel)?
    private var subscription: (any Channel)?
    /// Nothing until a TLS connection has been tried.
    private(set) var isTrusted: Bool?
    private(set) var requests = 0

    init(origin: Origin, limits: HTTPExchange.Limits, deadline: ContinuousClock.Instant) {
        self.origin = origin
        self.limits = limits
        self.deadline = deadline
        eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        budget = ByteBudget(limits.totalBytes)
    }

    var security: ServerDescription.Security {
        guard origin.isEncrypted else { return ServerDescription.Security(version: "cleartext") }
        let seen = observed.last
        return ServerDescription.Security(
            version: seen?.version ?? "tls",
            certificate: seen?.certificate,
            isTrusted: isTrusted,
            notAfter: seen?.notAfter
        )
    }

    /// How much time is left for everything that is asked of this origin.
    nonisolated var remaining: Duration { deadline - .now }

    /// Half of what is left: one question that hangs leaves room for another.
    private var patience: Duration { max(.milliseconds(50), (deadline - .now) / 2) }

    /// Asks one question.
    func send(_ request: HTTPExchange.Request) async throws(HTTPExchange.Failure) -> HTTPExchange.Answer {
        guard deadline > .now else { throw HTTPExchange.Failure(.slow) }
        requests += 1
        if let channel = idle {
            idle = nil
            do throws(HTTPExchange.Failure) {
                return try await reuse(channel, request)
            } catch  where error.code == .closed {
                // The server gave the old connection up before it saw the question.
            }
        }
        guard origin.isEncrypted, isTrusted == nil else { return try await connect(request) }
        isTrusted = true
        do throws(HTTPExchange.Failure) {
            return try await connect(request)
        } catch {
            guard error.code == .untrusted else {
                isTrusted = nil
                throw error
            }
            isTrusted = false
            return try await connect(request)
        }
    }

    /// Opens the stream of the 2024-11-05 transport; returns the status where the server has none at this path.
    func subscribe(_ path: String, headers: [(name: String, value: String)]) async throws(HTTPExchange.Failure) -> Int?
    {
        guard deadline > .now else { throw HTTPExchange.Failure(.slow) }
        requests += 1
        await closeSubscription()
        var all = HTTPHeaders([
            ("Host", origin.authority), ("User-Agent", "lockstep-survey"), ("Accept", "text/event-stream"),
        ])
        for header in headers { all.add(name: header.name, value: header.value) }
        let opened = eventLoop.makePromise(of: Int?.self)
        let complete = all
        let bootstrap = bootstrap { [limits, budget] pipeline in
            let meter = ByteMeter(limits: limits, budget: budget)
            try pipeline.addHandler(meter)
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(
                EventSubscriber(path: path, headers: complete, meter: meter, limits: limits, opened: opened)
            )
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: origin.host, port: origin.port).get()
        } catch {
            opened.fail(HTTPExchange.Failure(.unreachable))
            throw HTTPExchange.Failure(.unreachable)
        }
        let expiry = eventLoop.scheduleTask(deadline: .after(patience)) { opened.fail(HTTPExchange.Failure(.silent)) }
        defer { expiry.cancel() }
        do {
            let status = try await opened.futureResult.get()
            if status == nil { subscription = channel } else { try? await channel.close() }
            return status
        } catch {
            try? await channel.close()
            throw error as? HTTPExchange.Failure ?? HTTPExchange.Failure(.closed)
        }
    }

    /// The next event of the open stream; nothing once it has ended or none comes in time.
    func nextEvent() async -> EventStream.Event? {
        guard let channel = subscription else { return nil }
        let until = NIODeadline.after(patience)
        let event = channel.eventLoop.flatSubmit { () -> EventLoopFuture<EventStream.Event?> in
            guard let subscriber = try? channel.pipeline.syncOperations.handler(type: EventSubscriber.self) else {
                return channel.eventLoop.makeSucceededFuture(nil)
            }
            return subscriber.next(on: channel.eventLoop, until: until)
        }
        return try? await event.get()
    }

    /// Closes every connection.
    func close() async {
        if let channel = idle { try? await channel.close() }
        idle = nil
        await closeSubscription()
    }

    private func closeSubscription() async {
        if let channel = subscription { try? await channel.close() }
        subscription = nil
    }

    private func reuse(
        _ channel: any Channel,
        _ request: HTTPExchange.Request
    ) async throws(HTTPExchange.Failure) -> HTTPExchange.Answer {
        let promise = eventLoop.makePromise(of: HTTPExchange.Answer.self)
        let pending = ResponseCollector.Pending(request: request, promise: promise, deadline: .after(patience))
        eventLoop.execute {
            guard let context = try? channel.pipeline.syncOperations.context(handlerType: ResponseCollector.self),
                let collector = context.handler as? ResponseCollector
            else { return promise.fail(HTTPExchange.Failure(.closed)) }
            collector.begin(pending, context: context)
        }
        return try await settle(channel, promise.futureResult)
    }

    private func connect(_ request: HTTPExchange.Request) async throws(HTTPExchange.Failure) -> HTTPExchange.Answer {
        let promise = eventLoop.makePromise(of: HTTPExchange.Answer.self)
        let until = NIODeadline.after(patience)
        let bootstrap = bootstrap { [limits, budget, observed, authority = origin.authority] pipeline in
            let meter = ByteMeter(limits: limits, budget: budget)
            try pipeline.addHandler(meter)
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(
                ResponseCollector(
                    first: ResponseCollector.Pending(request: request, promise: promise, deadline: until),
                    meter: meter,
                    limits: limits,
                    authority: authority,
                    record: observed.record
                )
            )
        }
        let channel: any Channel
        do {
            channel = try await bootstrap.connect(host: origin.host, port: origin.port).get()
        } catch {
            // The handler may have failed the promise already, with more to say about it.
            promise.fail(HTTPExchange.Failure(.unreachable))
            do {
                return try await promise.futureResult.get()
            } catch {
                // It is no end of a connection that never began: whichever of both callers came first says so.
                let failure = error as? HTTPExchange.Failure
                throw failure?.code == .closed
                    ? HTTPExchange.Failure(.unreachable) : failure ?? HTTPExchange.Failure(.unreachable)
            }
        }
        return try await settle(channel, promise.futureResult)
    }

    private func settle(
        _ channel: any Channel,
        _ future: EventLoopFuture<HTTPExchange.Answer>
    ) async throws(HTTPExchange.Failure) -> HTTPExchange.Answer {
        do {
            let answer = try await withTaskCancellationHandler {
                try await future.get()
            } onCancel: {
                channel.close(promise: nil)
            }
            if channel.isActive { idle = channel }
            return answer
        } catch {
            channel.close(promise: nil)
            throw error as? HTTPExchange.Failure ?? HTTPExchange.Failure(.closed)
        }
    }

    private func bootstrap(
        _ initialize: @escaping @Sendable (ChannelPipeline.SynchronousOperations) throws -> Void
    ) -> ClientBootstrap {
        let mustBeTrusted = isTrusted != false
        let name = Address(origin.host) == nil ? origin.host : nil
        let isEncrypted = origin.isEncrypted
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(TimeAmount(patience))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if isEncrypted {
                        let context = try mustBeTrusted ? TLSContexts.trusting.get() : TLSContexts.accepting.get()
                        try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
                    }
                    try initialize(pipeline)
                }
            }
    }
}

/// The two ways to meet a certificate; made once, since reading the trusted roots takes milliseconds.
private enum TLSContexts {
    static let trusting = Result { try NIOSSLContext(configuration: .makeClientConfiguration()) }

    /// Finds out what is there, old versions included, and is never used for anything confidential.
    static let accepting = Result {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.minimumTLSVersion = .tlsv1
        return try NIOSSLContext(configuration: configuration)
    }
}

extension NIODeadline {
    fileprivate static func after(_ duration: Duration) -> NIODeadline { .now() + TimeAmount(duration) }
}
