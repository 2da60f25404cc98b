import Core
import NIOCore
import Synchronization
import Wire

/// Messages that were decided on together, on their way to the program and until they are answered.
final class LinePassage {
    let passage: Passage
    var desk: ReleaseDesk
    /// Keys of the ids of its requests.
    let keys: [[UInt8]]
    /// Whether what must be in the audit log before it goes on is there.
    var isReady = false

    init(_ passage: Passage, desk: ReleaseDesk) {
        self.passage = passage
        self.desk = desk
        keys = passage.calls.map { ReleaseDesk.key($0.id) }
    }
}

/// One client and one program, line by line: the same decisions as over HTTP, on the bytes that go on.
///
/// Everything happens on one event loop. Lines go on in the order in which they came, also where one of them waits for
/// the audit log.
final class StdioExchange {
    enum Ending: Equatable {
        /// The client said all it wanted, and the program nothing more.
        case done
        case programEnded
        case clientLeft
        case killed
        case stopped
    }

    static let mostOpen = 1_024
    private static let mostCancelled = 65_536
    private static let mostQueued = 1 << 20

    let worker: Worker
    let route: GatewayConfiguration.Route
    let caller: Caller
    private let toClient: (ByteBuffer) -> Void
    private let toServer: (ByteBuffer) -> Void
    /// Told when lines were written, or may be taken again, outside of what the pipes themselves bring about.
    private let proceeds: () -> Void
    private let ended: (Ending) -> Void
    private var session: ProtocolSession?
    /// The request that opens the session, until it is answered; other lines wait for that.
    private var opening: LinePassage?
    /// Requests that wait for their answer, by the key of their id.
    private var open: [[UInt8]: LinePassage] = [:]
    /// Ids of requests that were cancelled and may be answered all the same.
    ///
    /// None of them is used again in the session
    /// (MCP, basic protocol: requests), or the late answer would pass for the answer to another request.
    private var cancelled: Set<Digest> = []
    /// The same in their order.
    private var order: [LinePassage] = []
    private var queue: [LinePassage] = []
    private var queuedBytes = 0
    /// Releases what belongs to no request.
    private var beside: ReleaseDesk
    private(set) var isOver = false

    private var shared: Shared { worker.shared }

    init(
        worker: Worker,
        route: GatewayConfiguration.Route,
        caller: Caller,
        toClient: @escaping (ByteBuffer) -> Void,
        toServer: @escaping (ByteBuffer) -> Void,
        proceeds: @escaping () -> Void,
        ended: @escaping (Ending) -> Void
    ) {
        self.worker = worker
        self.route = route
        self.caller = caller
        self.toClient = toClient
        self.toServer = toServer
        self.proceeds = proceeds
        self.ended = ended
        beside = Self.besideDesk(worker, route, caller, nil, toServer)
    }

    private static func besideDesk(
        _ worker: Worker,
        _ route: GatewayConfiguration.Route,
        _ caller: Caller,
        _ session: ProtocolSession?,
        _ toServer: @escaping (ByteBuffer) -> Void
    ) -> ReleaseDesk {
        let passage = Passage(
            verb: .get,
            route: route,
            revision: session?.revision ?? .latest,
            caller: caller,
            session: session,
            body: ByteBuffer(),
            calls: [],
            fields: [],
            entries: []
        )
        return ReleaseDesk(passage, worker: worker) { toServer(Self.line(refusal(ofServer: $0))) }
    }

    private static func refusal(ofServer id: [UInt8]) -> [UInt8] {
        Refusal(.methodNotFound, .unknownMethod, "the client may not be asked this").body(id: id)
    }

    private static func line(_ bytes: [UInt8]) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.count + 1)
        buffer.writeBytes(bytes)
        buffer.writeInteger(UInt8(ascii: "\n"))
        return buffer
    }

    private func answer(_ bytes: [UInt8]) { toClient(Self.line(bytes)) }

    /// Whether another line of the client can be decided on now.
    var takesLines: Bool { !isOver && opening == nil && queuedBytes < Self.mostQueued }

    var isOpening: Bool { opening != nil }

    /// Whether nothing waits to be passed on to the program.
    var isPassedOn: Bool { queue.isEmpty && opening == nil }

    // MARK: From the client

    func take(_ line: LineCutter.Line) {
        guard !isOver else { return }
        shared.counters.count(.requests)
        guard !shared.revocations.denies(caller) else { return end(.killed) }
        switch line {
        case .tooLong: refuse(Refusal(.invalidRequest, .tooLarge, "the line is too long").body(id: nil))
        case .whole(let body): take(body)
        }
    }

    private func refuse(_ body: [UInt8]) {
        shared.counters.count(.refused)
        answer(body)
    }

    private func take(_ body: ByteBuffer) {
        let bytes = body.readableBytesUInt8Span
        // Some readers take it for the end of a line, and nobody needs it inside of one.
        guard !bytes.holds(0x0D) else {
            return refuse(Refusal(.parse, .notJSON, "a carriage return stands inside a line").body(id: nil))
        }
        let (reading, revision) = read(bytes)
        let messages: [PassingMessage]
        let isBatch: Bool
        switch reading {
        case .refused(let refusal): return refuse(refusal, bytes)
        case .message(let message): (messages, isBatch) = ([message], false)
        case .batch(let all): (messages, isBatch) = (all, true)
        }
        if let refusal = excess(messages, bytes) { return refuse(refusal.body(in: bytes)) }
        let incoming = Incoming(worker: worker, body: body, peer: nil, head: nil)
        var judge = Judge(
            incoming,
            route: route,
            caller: caller,
            revision: revision,
            session: session,
            now: shared.now()
        )
        let ruling = judge.run(messages, isBatch: isBatch)
        switch ruling {
        case .refused(let refusal): refuse(refusal, bytes)
        case .answered(_, let body): answer(body)
        case .denied: shared.counters.count(.refused)
        case .passes(let passage):
            for message in messages where message.method == "notifications/cancelled" { cancel(message, bytes) }
            pass(passage)
        }
    }

    /// Reads a line as the revision of the session, else as the newest; only `initialize` is of an older one then.
    private func read(_ bytes: Span<UInt8>) -> (Reading, ProtocolRevision) {
        if let session { return (worker.reader.read(bytes, as: session.revision, from: .client), session.revision) }
        let modern = worker.reader.read(bytes, as: .latest, from: .client)
        guard case .refused = modern else { return (modern, .latest) }
        let older = worker.reader.read(bytes, as: .latestLegacy, from: .client)
        if case .message(let message) = older, message.method == "initialize" { return (older, .latestLegacy) }
        return (modern, .latest)
    }

    private func refuse(_ refusal: Refusal, _ bytes: Span<UInt8>) {
        // Notifications and answers get no answer (JSON-RPC 2.0 §4.1).
        let isUnanswered = refusal.id == nil && (refusal.reason == .unknownMethod || refusal.reason == .response)
        guard isUnanswered else { return refuse(refusal.body(in: bytes)) }
        shared.counters.count(.refused)
    }

    /// Two open requests with one id would get each other's answers.
    private func excess(_ messages: [PassingMessage], _ bytes: Span<UInt8>) -> Refusal? {
        for message in messages where message.kind == .request {
            guard let range = message.idRange else { continue }
            let id = messages.count == 1 ? range : nil
            let key = ReleaseDesk.key(Judge.copy(bytes, range))
            if open[key] != nil || !cancelled.isEmpty && cancelled.contains(.sha256(key)) {
                return Refusal(.invalidRequest, .id, "a request with this id is not answered yet", id: id)
            }
            if open.count + messages.count > Self.mostOpen || cancelled.count >= Self.mostCancelled {
                return Refusal(.invalidRequest, .tooLarge, "too many requests are not answered yet", id: id)
            }
        }
        return nil
    }

    private func cancel(_ message: PassingMessage, _ bytes: Span<UInt8>) {
        let outline = worker.reader.outline
        guard let node = message.params.flatMap({ outline.member("requestId", of: $0, in: bytes) }) else { return }
        let key = ReleaseDesk.key(Judge.copy(bytes, outline.range(of: node)))
        guard let waiting = open.removeValue(forKey: key) else { return }
        cancelled.insert(.sha256(key))
        waiting.desk.cancel(key)
        forget(waiting)
    }

    private func pass(_ passage: Passage) {
        let toServer = toServer
        let desk = ReleaseDesk(passage, worker: worker) { toServer(Self.line(Self.refusal(ofServer: $0))) }
        let new = LinePassage(passage, desk: desk)
        var waiting: [[UInt8]] = []
        for entry in passage.entries {
            if entry.isDurable {
                waiting.append(entry.bytes)
            } else if !shared.audit.note(entry.bytes) {
                return fail(new, .unavailable(reason: "audit_unavailable"))
            }
        }
        for key in new.keys { open[key] = new }
        if !new.keys.isEmpty { order.append(new) }
        if passage.opening != nil { opening = new }
        queue.append(new)
        queuedBytes += passage.body.readableBytes
        guard !waiting.isEmpty else {
            new.isReady = true
            return forward()
        }
        let loop = worker.loop
        let bound = NIOLoopBound((exchange: self, passage: new), eventLoop: loop)
        let gathered = AuditGathering(waiting.count) { isSafe in
            loop.execute { bound.value.exchange.audited(bound.value.passage, isSafe) }
        }
        for entry in waiting { shared.audit.append(entry) { gathered.ended($0) } }
    }

    private func audited(_ passage: LinePassage, _ isSafe: Bool) {
        guard !isOver else { return }
        // The principal may have been killed while the entry was written.
        guard !shared.revocations.denies(caller) else { return end(.killed) }
        passage.isReady = true
        if !isSafe {
            queue.removeAll { $0 === passage }
            queuedBytes -= passage.passage.body.readableBytes
            fail(passage, .unavailable(reason: "audit_unavailable"))
        }
        forward()
        proceeds()
    }

    private func fail(_ passage: LinePassage, _ error: GatewayError) {
        for body in passage.desk.unanswered(error, as: .lost) { answer(body) }
        forget(passage)
    }

    private func forward() {
        while let first = queue.first, first.isReady {
            queue.removeFirst()
            queuedBytes -= first.passage.body.readableBytes
            var bytes = first.passage.body
            bytes.writeInteger(UInt8(ascii: "\n"))
            toServer(bytes)
        }
    }

    private func forget(_ passage: LinePassage) {
        for key in passage.keys where open[key] === passage && !passage.desk.isWaiting { open[key] = nil }
        guard !passage.desk.isWaiting else { return }
        order.removeAll { $0 === passage }
        if opening === passage { opening = nil }
    }

    // MARK: From the program

    func release(_ line: LineCutter.Line) {
        guard !isOver else { return }
        guard !shared.revocations.denies(caller) else { return end(.killed) }
        guard case .whole(let body) = line else {
            shared.counters.count(.withheld)
            // Whose answer it was cannot be read, unless there is only one who waits.
            if order.count == 1 { fail(order[0], .unavailable(reason: "too-large")) }
            return
        }
        let bytes = body.readableBytesUInt8Span
        guard !bytes.holds(0x0D) else { return shared.counters.count(.withheld) }
        let revision = session?.revision ?? (opening == nil ? .latest : .latestLegacy)
        switch worker.reader.read(bytes, as: revision, from: .server) {
        // Programs print what is no message; it never reaches a client.
        case .refused: shared.counters.count(.withheld)
        case .message(let message): if let text = release(message, bytes) { answer(text) }
        case .batch(let messages):
            // Reading a message's parts anew uses the reader: what is needed of each is taken first.
            let texts = messages.map { Judge.copy(bytes, $0.range) }
            var parts: [[UInt8]] = []
            for text in texts {
                guard case .message(let message) = worker.reader.read(text.span, as: revision, from: .server) else {
                    shared.counters.count(.withheld)
                    continue
                }
                if let part = release(message, text.span) { parts.append(part) }
            }
            guard !parts.isEmpty else { return }
            answer([UInt8(ascii: "[")] + Array(parts.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")])
        }
    }

    /// What the client gets of one message.
    private func release(_ message: PassingMessage, _ bytes: Span<UInt8>) -> [UInt8]? {
        guard let found = passage(of: message, bytes) else {
            if message.isResponse {
                shared.counters.count(.withheld)
                return nil
            }
            return text(beside.release(message, of: bytes))
        }
        let released = found.desk.release(message, of: bytes)
        if found === opening, message.kind == .result { openSession(found) }
        forget(found)
        return text(released)
    }

    private func text(_ released: ReleaseDesk.EventRelease) -> [UInt8]? {
        switch released {
        case .nothing: nil
        // Over a hard limit, the principal was killed: the error goes out, and then the kill arrives here.
        case .event(let bytes), .last(let bytes): bytes
        }
    }

    /// The request that a message belongs to: an answer's own, else the oldest that waits, as on a stream over HTTP.
    private func passage(of message: PassingMessage, _ bytes: Span<UInt8>) -> LinePassage? {
        guard message.isResponse else { return order.first }
        guard let range = message.idRange else { return order.count == 1 && open.count == 1 ? order[0] : nil }
        return open[ReleaseDesk.key(Judge.copy(bytes, range))]
    }

    private func openSession(_ passage: LinePassage) {
        guard let opening = passage.passage.opening else { return }
        let agreed = passage.desk.agreed ?? opening.revision
        let new = ProtocolSession(
            id: "stdio",
            route: route.path,
            caller: caller,
            revision: agreed.era == .legacy ? agreed : opening.revision,
            clientName: opening.clientName,
            at: shared.now()
        )
        session = new
        beside = Self.besideDesk(worker, route, caller, new, toServer)
    }

    // MARK: Ends

    /// Tells everybody who waits that there will be no answer, and takes nothing more.
    func end(_ ending: Ending) {
        guard !isOver else { return }
        isOver = true
        let isKilled = ending == .killed
        for passage in order {
            let error: GatewayError = isKilled ? .revoked : .unavailable(reason: "upstream-closed")
            for body in passage.desk.unanswered(error, as: isKilled ? .killed : .lost) { answer(body) }
        }
        order = []
        open = [:]
        queue = []
        opening = nil
        ended(ending)
    }
}
