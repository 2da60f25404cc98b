import Core
import Gateway
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Takes what the event loops noted, writes the access log and exports to a collector, on threads of its own.
///
/// Traffic never waits for it: a collector that is away, a disk that is full and a reader that has stopped lose events,
/// which are counted.
final class Telemetry: Sendable {
    /// Spans that may wait for a collector.
    private static let mostWaiting = 16_384
    /// Spans in one request, so that it stays below what collectors take.
    private static let mostAtOnce = 1_024

    private let observatory: Observatory
    private let gateway: String
    private let clock: @Sendable () -> Timestamp
    private let counters: @Sendable () -> [(name: String, value: Int)]
    private let metrics: OTLPMetrics
    /// One loop writes files and encodes, the other speaks with the collector.
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    private let writer: any EventLoop
    private let network: any EventLoop
    private let state: NIOLoopBoundBox<State>

    /// What is used on the writing loop only.
    private final class State {
        var file: AccessLogFile?
        var collector: TelemetryDocument.Collector?
        var client: CollectorClient?
        var lines: [UInt8] = []
        var spans: [RequestEvent] = []
        var isSending = false
        /// Exports that failed one after the other.
        var failures = 0
        var due = NIODeadline.now()
        var isOver = false
    }

    init(
        _ observatory: Observatory,
        gateway: String,
        clock: @escaping @Sendable () -> Timestamp,
        counters: @escaping @Sendable () -> [(name: String, value: Int)]
    ) {
        self.observatory = observatory
        self.gateway = gateway
        self.clock = clock
        self.counters = counters
        metrics = OTLPMetrics(gateway: gateway, since: clock())
        writer = group.next()
        network = group.next()
        state = .makeBoxSendingValue(State(), eventLoop: writer)
        writer.scheduleRepeatedTask(initialDelay: .milliseconds(100), delay: .milliseconds(100)) { _ in self.look() }
    }

    /// Puts a document in force; a file is opened anew in any case.
    ///
    /// - Throws: `GatewayRuntime.Failure` where the log cannot be opened; nothing changes then.
    func change(to document: TelemetryDocument, accessLog path: String?, tls: NIOSSLContext?) throws {
        let isStandard = document.accessLog == "stdout"
        if let path, !isStandard {
            do throws(FileFault) {
                try AccessLogFile(path).open()
            } catch {
                throw GatewayRuntime.Failure(
                    "access-log",
                    "the access log `\(path)` cannot be written: \(error.sentence)"
                )
            }
        }
        let client = document.collector.map {
            CollectorClient($0.endpoint, path: $0.path, headers: $0.headers, tls: tls)
        }
        let hasLog = document.accessLog != nil
        writer.execute {
            self.look()
            let state = self.state.value
            state.file = hasLog ? AccessLogFile(isStandard ? nil : path) : nil
            state.collector = document.collector
            state.client = client
            (state.failures, state.due) = (0, .now() + Self.pause(document.collector?.every ?? .seconds(5)))
            if document.collector.map({ $0.spans == .none }) ?? true { state.spans = [] }
        }
        let wantsSpans = document.collector.map { $0.spans != .none } ?? false
        observatory.watch(hasLog || wantsSpans, arguments: !(document.collector?.attributes.isEmpty ?? true))
    }

    private static func pause(_ time: Duration) -> TimeAmount { .microseconds(time.microseconds) }

    // MARK: On the writing loop

    private func look() {
        take()
        write()
        if state.value.due < .now() { export() }
    }

    private func take() {
        var random = SystemRandomNumberGenerator()
        observatory.drain { events in
            for var event in events {
                if let choice = state.value.collector?.spans, OTLPTraces.takes(event, choice) {
                    // So that the line and the span of a trace that begins here can be found by each other.
                    event.trace =
                        event.trace
                        ?? TraceContext(
                            high: .random(in: 1...(.max), using: &random),
                            low: .random(in: 1...(.max), using: &random),
                            parent: 0,
                            flags: 1
                        )
                    if state.value.spans.count < Self.mostWaiting {
                        state.value.spans.append(event)
                    } else {
                        observatory.lost(.span)
                    }
                }
                if state.value.file != nil {
                    AccessLogLine.append(event, gateway: gateway, to: &state.value.lines)
                }
                if state.value.lines.count > 1 << 20 { write() }
            }
        }
        observatory.spansWaiting = state.value.spans.count
    }

    private func write() {
        guard let file = state.value.file, !state.value.lines.isEmpty else { return }
        if !file.write(state.value.lines) {
            observatory.lost(.accessLog, state.value.lines.count { $0 == 0x0A })
        }
        state.value.lines.removeAll(keepingCapacity: true)
    }

    private func export() {
        guard let collector = state.value.collector, let client = state.value.client, !state.value.isSending else {
            return
        }
        state.value.isSending = true
        let sent = Array(state.value.spans.prefix(Self.mostAtOnce))
        let figures = metrics.request(observatory.metrics, counters: counters(), at: clock())
        var random = SystemRandomNumberGenerator()
        let body =
            sent.isEmpty
            ? nil
            : OTLPTraces(gateway: gateway, attributes: collector.attributes).request(sent, identifiers: &random)
        let count = sent.count
        let network = network
        client.send(figures, to: "/v1/metrics", on: network).flatMap { first in
            self.observatory.exported(isTaken: first == .taken)
            guard let body else { return network.makeSucceededFuture((first, first)) }
            return client.send(body, to: "/v1/traces", on: network).map { second in
                self.observatory.exported(isTaken: second == .taken)
                return (first, second)
            }
        }
        .hop(to: writer)
        .whenSuccess { figures, spans in self.exported(figures, spans, count, collector) }
    }

    private func exported(
        _ figures: CollectorClient.Outcome,
        _ spans: CollectorClient.Outcome,
        _ count: Int,
        _ collector: TelemetryDocument.Collector
    ) {
        state.value.isSending = false
        switch spans {
        case .taken: state.value.spans.removeFirst(min(count, state.value.spans.count))
        case .refused:
            state.value.spans.removeFirst(min(count, state.value.spans.count))
            observatory.lost(.span, count)
        case .later: break
        }
        observatory.spansWaiting = state.value.spans.count
        if spans == .later || figures == .later {
            // Twice as long each time, and no longer than a minute.
            state.value.failures = min(state.value.failures + 1, 16)
            let wait = min(60_000, 500 << min(state.value.failures, 8))
            state.value.due = .now() + .milliseconds(Int64(wait))
        } else {
            state.value.failures = 0
            let isBehind = state.value.spans.count >= Self.mostAtOnce
            state.value.due = isBehind ? .now() : .now() + Self.pause(collector.every)
        }
    }

    /// Writes what waits, tries the collector once more, and ends.
    func close() async {
        observatory.watch(false, arguments: false)
        let last: EventLoopFuture<Void> = writer.flatSubmit { [self] in
            take()
            write()
            guard state.value.client != nil else { return self.writer.makeSucceededVoidFuture() }
            export()
            let done = self.writer.makePromise(of: Void.self)
            self.wait(done, until: .now() + .seconds(2))
            return done.futureResult
        }
        try? await last.get()
        try? await group.shutdownGracefully()
    }

    private func wait(_ done: EventLoopPromise<Void>, until end: NIODeadline) {
        guard state.value.isSending, .now() < end else { return done.succeed() }
        writer.scheduleTask(in: .milliseconds(20)) { self.wait(done, until: end) }
    }
}
