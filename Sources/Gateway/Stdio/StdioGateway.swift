import Core
import Glibc
import NIOCore
package import NIOPosix
import Synchronization

/// A gateway around one program: a client on this process's own standard input and output, the program behind it.
package final class StdioGateway: Sendable {
    private let written: Mutex<Settings>
    private let shared: Shared
    private let route: GatewayConfiguration.Route
    private let loop: any EventLoop
    private let stand = Mutex<NIOLoopBound<StdioStand>?>(nil)

    /// A gateway for one program; `route` names the server, as policies and records do.
    package init(
        _ settings: Settings,
        shared: Shared,
        route: GatewayConfiguration.Route,
        group: MultiThreadedEventLoopGroup
    ) {
        written = Mutex(settings)
        self.shared = shared
        self.route = route
        loop = group.next()
    }

    /// Puts the mode in force that people gave to the gateway of this folder.
    package func applyMode() {
        let settings = settings
        let bound = stand.withLock { $0 }
        loop.execute { bound?.value.change(to: settings) }
    }

    /// Puts other settings in force, in the mode that people gave.
    package func change(to settings: Settings) {
        written.withLock { $0 = settings }
        applyMode()
    }

    /// What was given, in the mode that is due.
    private var settings: Settings {
        let settings = written.withLock { $0 }
        return settings.inMode(shared.modes.mode(declared: settings.configuration.mode, at: shared.now()))
    }

    /// Whether the declared caller may not begin at all.
    package func isDenied(_ name: String, credentials: [String] = []) -> Bool {
        shared.revocations.denies(Self.caller(name, credentials))
    }

    private static func caller(_ name: String, _ credentials: [String]) -> Caller {
        Caller(principal: CallRecord.Principal(id: name, kind: .declared), credentials: credentials)
    }

    /// Starts the program and passes lines on until either side ends or the caller is denied.
    ///
    /// - Parameters:
    ///   - words: The program and its arguments.
    ///   - name: Whom the client is taken for.
    ///   - credentials: What else of the client may be denied, such as the digest of its binary.
    ///   - input: Where the client's lines come from; taken over.
    ///   - output: Where its answers go; taken over.
    /// - Returns: The exit status for this process.
    /// - Throws: `Gateway.Failure` where the program cannot be started.
    package func run(
        _ words: [String],
        as name: String,
        credentials: [String] = [],
        input: CInt,
        output: CInt
    ) async throws -> Int32 {
        let program: WrappedProgram
        do throws(WrappedProgram.Failure) {
            program = try WrappedProgram(words)
        } catch {
            throw Gateway.Failure(message: "the program cannot be started: \(error.reason)")
        }
        let done = loop.makePromise(of: Int32.self)
        let (loop, settings, shared, route) = (loop, settings, shared, route)
        let bound = try await loop.submit {
            let worker = Worker(loop: loop, settings: settings, shared: shared)
            let stand = StdioStand(worker, route: route, caller: Self.caller(name, credentials), program: program) {
                done.succeed($0)
            }
            return NIOLoopBound(stand, eventLoop: loop)
        }.get()
        stand.withLock { $0 = bound }
        shared.onRevocation.withLock { onRevocation in
            onRevocation = { loop.execute { bound.value.enforceRevocations() } }
        }
        do {
            try await Self.attach(loop, program.output, program.input) { try bound.value.attach(program: $0) }
            try await Self.attach(loop, input, output) { try bound.value.attach(client: $0) }
        } catch {
            loop.execute { bound.value.stop() }
        }
        return try await done.futureResult.get()
    }

    /// Ends the program and what it started.
    package func stop() {
        let bound = stand.withLock { $0 }
        loop.execute { bound?.value.stop() }
    }

    private static func attach(
        _ loop: any EventLoop,
        _ input: CInt,
        _ output: CInt,
        _ attach: @escaping @Sendable (any Channel) throws -> Void
    ) async throws {
        _ = try await NIOPipeBootstrap(group: loop)
            .channelOption(.autoRead, value: false)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.writeBufferWaterMark, value: .init(low: 64 << 10, high: 256 << 10))
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try attach(channel) } }
            .takingOwnershipOfDescriptors(input: input, output: output)
            .get()
        try await loop.submit {}.get()
    }
}

/// The two pairs of pipes around one exchange, and the end of everything.
final class StdioStand: PipeOwner {
    /// How long a program may go on answering after the client said its last.
    static let lastWords: TimeAmount = .seconds(5)
    private static let grace: TimeAmount = .milliseconds(500)

    private let worker: Worker
    private let program: WrappedProgram
    private let done: (Int32) -> Void
    private var client: PipeEnd?
    private var server: PipeEnd?
    private var fromClient: LineCutter
    private var fromServer: LineCutter
    private var exchange: StdioExchange?
    private var isClosingInput = false
    private var ending: StdioExchange.Ending?

    init(
        _ worker: Worker,
        route: GatewayConfiguration.Route,
        caller: Caller,
        program: WrappedProgram,
        done: @escaping (Int32) -> Void
    ) {
        self.worker = worker
        self.program = program
        self.done = done
        fromClient = LineCutter(limit: worker.limits.bodyBytes)
        fromServer = LineCutter(limit: worker.limits.answerBytes)
        exchange = StdioExchange(
            worker: worker,
            route: route,
            caller: caller,
            toClient: { [weak self] in self?.client?.write($0) },
            toServer: { [weak self] in self?.server?.write($0) },
            proceeds: { [weak self] in self?.proceed() },
            ended: { [weak self] in self?.finish($0) }
        )
    }

    func attach(program channel: any Channel) throws {
        let end = PipeEnd(self)
        server = end
        try channel.pipeline.syncOperations.addHandler(end)
    }

    func attach(client channel: any Channel) throws {
        let end = PipeEnd(self)
        client = end
        try channel.pipeline.syncOperations.addHandler(end)
        worker.loop.assumeIsolated().execute { self.proceed() }
    }

    func stop() { exchange?.end(.stopped) }

    func change(to settings: Settings) { worker.change(to: settings) }

    func enforceRevocations() { exchange?.enforceRevocations() }

    // MARK: Pipes

    func arrived(_ bytes: ByteBuffer, at end: PipeEnd) {
        if end === client { fromClient.feed(bytes) } else { fromServer.feed(bytes) }
    }

    func isQuiet(_ end: PipeEnd) { proceed() }

    func inputEnded(at end: PipeEnd) {
        proceed()
        guard ending == nil else { return }
        guard end === server else {
            // Lines that wait for the answer to `initialize` do not wait for ever.
            worker.loop.assumeIsolated().scheduleTask(in: Self.lastWords) {
                if self.exchange?.isOpening ?? false { self.exchange?.end(.done) }
            }
            return
        }
        exchange?.end(isClosingInput ? .done : .programEnded)
    }

    func closed(_ end: PipeEnd) {
        if end === client { exchange?.end(.clientLeft) }
    }

    /// Decides on what has arrived, as far as there is room for what becomes of it, and asks for more.
    private func proceed() {
        guard let exchange, let client, let server else { return }
        while client.isWritable || server.hasInputEnded, let line = fromServer.next() { exchange.release(line) }
        while exchange.takesLines, server.isWritable, let line = fromClient.next() { exchange.take(line) }
        client.flush()
        server.flush()
        guard ending == nil else { return }
        if exchange.takesLines, server.isWritable { client.read() }
        if client.isWritable { server.read() }
        // A line without an end is none, and is not passed on.
        if client.hasInputEnded, exchange.isPassedOn, exchange.takesLines { closeInput() }
    }

    private func closeInput() {
        guard !isClosingInput else { return }
        isClosingInput = true
        server?.closeOutput()
        worker.loop.assumeIsolated().scheduleTask(in: Self.lastWords) { self.exchange?.end(.done) }
    }

    // MARK: The end

    private func finish(_ ending: StdioExchange.Ending) {
        guard self.ending == nil else { return }
        self.ending = ending
        server?.closeOutput()
        program.signal(ending == .killed ? SIGKILL : SIGTERM)
        bury(until: .now() + Self.grace) { status in
            self.server?.close()
            var isOut = false
            let leave = {
                guard !isOut else { return }
                isOut = true
                self.client?.close()
                switch ending {
                case .done, .clientLeft, .stopped: self.done(0)
                case .programEnded: self.done(status)
                case .killed: self.done(1)
                }
            }
            // A client that reads nothing any more does not keep this process.
            self.worker.loop.assumeIsolated().scheduleTask(in: .seconds(2)) { leave() }
            guard let client = self.client else { return leave() }
            client.drain(leave)
        }
    }

    private func bury(until deadline: NIODeadline, _ done: @escaping (Int32) -> Void) {
        guard program.hasEnded || .now() >= deadline else {
            worker.loop.assumeIsolated().scheduleTask(in: .milliseconds(10)) { self.bury(until: deadline, done) }
            return
        }
        done(program.bury())
    }
}

extension StdioExchange {
    /// Ends everything where the caller is denied from now on.
    func enforceRevocations() {
        if worker.shared.revocations.denies(caller) { end(.killed) }
    }
}
