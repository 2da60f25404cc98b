import Core
import NIOCore
import Synchronization
import Wire

/// One request on its way: to the audit log, to the server, and its answer back to the client.
///
/// Both connections are on one event loop, so that nothing here is shared. What the server says is read message by
/// message, and each is released, replaced or kept back before a byte of it reaches the client.
final class Exchange: RequestWork, AnswerReader {
    private enum State {
        case beginning
        case waiting
        /// An answer that is looked at as a whole.
        case collecting(ResponseHead, ByteBuffer)
        /// Events that are passed on as they come.
        case streaming(PassingEvents)
        /// An answer of which nothing goes on.
        case ignoring(ResponseHead)
        case done
    }

    let passage: Passage
    let worker: Worker
    private let connection: ClientConnection
    private var upstream: UpstreamConnection?
    private var state = State.beginning
    private var desk: ReleaseDesk
    private(set) var deadline: NIODeadline
    private var hasBegunStream = false
    private let isOldClient: Bool
    /// Until the answer is over.
    private var observation: Observation?

    init(
        _ passage: Passage,
        worker: Worker,
        connection: ClientConnection,
        observation: Observation,
        isOldClient: Bool
    ) {
        self.observation = observation
        self.passage = passage
        self.worker = worker
        self.connection = connection
        self.isOldClient = isOldClient
        desk = ReleaseDesk(passage, worker: worker)
        deadline = .now() + .seconds(Int64(worker.limits.answerSeconds))
    }

    var caller: Caller { passage.caller }
    var isEndless: Bool { passage.verb == .get }
    var isStreaming: Bool { hasBegunStream }
    /// Whether the request can be sent again where a kept connection turns out to be closed: it only reads.
    private var isRepeatable: Bool {
        passage.verb == .get
            || !passage.calls.isEmpty && !passage.entries.contains(where: \.isDurable)
                && passage.opening == nil
    }
    private var isRepeated = false

    // MARK: To the server

    func start() {
        var waiting: [[UInt8]] = []
        for entry in passage.entries {
            if entry.isDurable {
                waiting.append(entry.bytes)
            } else if !worker.shared.audit.note(entry.bytes) {
                return refuse(.unavailable(reason: "audit_unavailable"), status: 503)
            }
        }
        guard !waiting.isEmpty else { return forward() }
        let bound = NIOLoopBound(self, eventLoop: worker.loop)
        let loop = worker.loop
        let gathered = AuditGathering(waiting.count) { isSafe in
            loop.execute { bound.value.audited(isSafe) }
        }
        for entry in waiting { worker.shared.audit.append(entry) { gathered.ended($0) } }
    }

    private func audited(_ isSafe: Bool) {
        guard case .beginning = state else { return }
        guard isSafe else { return refuse(.unavailable(reason: "audit_unavailable"), status: 503) }
        // The principal may have been killed while the entry was written.
        guard !worker.shared.revocations.denies(caller) else { return end(.killed) }
        forward()
    }

    private func forward() {
        worker.pool(for: passage.route).take(isFresh: isRepeated) { [self] upstream in
            guard case .beginning = state else {
                upstream?.abandon()
                return
            }
            guard let upstream else { return answerFailed(.unreachable) }
            self.upstream = upstream
            state = .waiting
            observation?.wasSent()
            upstream.send(RequestWriter.head(of: passage), passage.body, for: self)
        }
    }

    // MARK: From the server

    var takesMore: Bool {
        if case .streaming = state { return connection.isWritable }
        return true
    }

    func flush() { if hasBegunStream { connection.flush() } }

    func clientTakesMore() { upstream?.resume() }

    func answerBegan(_ head: ResponseHead) {
        guard case .waiting = state else { return }
        observation?.wasAnswered()
        let type = head.head.value(of: .contentType) ?? ""
        let isPlain = head.head.value(of: .contentEncoding).map { MessageHead.isSame($0.utf8, "identity") } ?? true
        let isRedirect = (300..<400).contains(head.status)
        if !isPlain || isRedirect { return answerFailed(.malformed(isRedirect ? "redirect" : "content-encoding")) }
        switch passage.verb {
        case .delete: state = .ignoring(head)
        case .get:
            guard head.status == 200, MediaType.isEventStream(type) else {
                state = .ignoring(head)
                return
            }
            beginStream(head)
        case .post:
            if passage.calls.isEmpty {
                state = .ignoring(head)
            } else if (200..<300).contains(head.status), MediaType.isEventStream(type) {
                beginStream(head)
            } else if MediaType.isJSON(type) {
                state = .collecting(head, ByteBuffer())
            } else {
                state = .ignoring(head)
            }
        }
    }

    func answer(_ data: ByteBuffer) {
        switch state {
        case .collecting(let head, var body):
            state = .waiting
            guard body.readableBytes + data.readableBytes <= worker.limits.answerBytes else {
                return answerFailed(.tooLarge)
            }
            if body.readableBytes == 0 { body = data } else { body.writeImmutableBuffer(data) }
            state = .collecting(head, body)
        case .streaming(var events):
            state = .waiting
            var found: [PassingEvent] = []
            var isTooLarge = false
            do throws(PassingEvents.Excess) {
                try events.feed(data.readableBytesUInt8Span, into: &found)
            } catch {
                isTooLarge = true
            }
            state = .streaming(events)
            for event in found {
                guard case .streaming = state else { return }
                pass(event)
            }
            if isTooLarge, case .streaming = state { answerFailed(.tooLarge) }
        case .beginning, .waiting, .ignoring, .done: break
        }
    }

    func answerEnded() {
        if case .waiting = state {} else { upstream = nil }
        switch state {
        case .collecting(let head, let body): deliver(head, body)
        case .ignoring(let head): acknowledge(head)
        case .streaming: endStream()
        case .beginning, .waiting: answerFailed(.closed)
        case .done: break
        }
    }

    func answerFailed(_ fault: UpstreamFault) {
        if case .done = state { return }
        let wasKept = upstream?.wasUsedBefore ?? false
        upstream?.abandon()
        upstream = nil
        if fault == .closed, case .waiting = state, wasKept, isRepeatable, !isRepeated {
            // Servers close connections that were idle, and the request was on its way then: nobody has read it.
            isRepeated = true
            state = .beginning
            return forward()
        }
        worker.shared.counters.count(.upstreamFaults)
        if hasBegunStream { return endStream() }
        desk.lost()
        refuse(.unavailable(reason: fault.reason), status: fault.status)
    }

    // MARK: To the client

    /// An answer in one piece.
    private func deliver(_ head: ResponseHead, _ body: ByteBuffer) {
        let release = desk.release(body: body.readableBytesUInt8Span)
        let status: Int
        switch head.status {
        case 200..<300: status = 200
        // What the server thinks of the gateway's own credential is none of the client's business.
        case 401, 403, 407: status = 502
        default: status = head.status
        }
        switch release {
        case .nothing: return refuse(.withheld(reason: "no-answer"), status: 502)
        case .refused(let reason):
            worker.shared.counters.count(.withheld)
            return refuse(.withheld(reason: reason), status: 502)
        case .asItIs: write(status, body, head)
        case .replaced(let bytes): write(status, ByteBuffer(bytes: bytes), head)
        }
        finish()
    }

    private func write(_ status: Int, _ body: ByteBuffer, _ head: ResponseHead) {
        observation?.event.status = status
        var fields: [(name: FieldName, value: String)] = []
        if let session = desk.opened(head) { fields.append((.session, session)) }
        if let delay = head.head.value(of: .retryAfter), delay.utf8.count < 32 { fields.append((.retryAfter, delay)) }
        var bytes = Answer.head(
            status: status,
            length: body.readableBytes,
            fields: fields,
            closes: connection.closesAfterAnswer
        )
        if body.readableBytes < 16 << 10 {
            bytes.writeImmutableBuffer(body)
            connection.write(bytes)
        } else {
            connection.write(bytes)
            connection.write(body)
        }
    }

    /// What has no messages in it: the status alone says what happened.
    private func acknowledge(_ head: ResponseHead) {
        switch passage.verb {
        case .delete:
            if (200..<300).contains(head.status) || head.status == 404 {
                if let session = passage.session { worker.shared.sessions.close(session) }
            }
            answer(
                Answer(
                    status: (200..<300).contains(head.status) ? 204 : head.status == 405 ? 405 : 404,
                    reason: "session"
                )
            )
        case .get: answer(Answer(status: head.status == 405 ? 405 : 502, reason: "stream"))
        case .post where passage.calls.isEmpty:
            let isTaken = (200..<300).contains(head.status)
            answer(isTaken ? Answer(status: 202) : Answer(status: head.status < 500 ? 400 : 502, reason: "not-taken"))
        case .post:
            desk.lost()
            if head.status == 404, let session = passage.session {
                // The server has forgotten the session, and the client begins another one.
                worker.shared.sessions.close(session)
                return answer(Answer(status: 404, body: GatewayError.noSession.body(id: desk.onlyID)))
            }
            refuse(.unavailable(reason: "upstream-status-\(head.status)"), status: head.status < 500 ? 502 : 503)
        }
    }

    private func answer(_ answer: Answer) {
        var answer = answer
        if answer.status == 204 || answer.status == 202 { answer.body = [] }
        observation?.event.status = answer.status
        connection.write(answer.bytes(closes: connection.closesAfterAnswer))
        finish()
    }

    private func refuse(_ error: GatewayError, status: Int) {
        let id = desk.onlyID
        observation?.event.fault = error.reason
        answer(Answer(status: status, body: error.body(id: id)))
    }

    private func finish(closes: Bool = false) {
        state = .done
        leaveStream()
        desk.settle()
        observed()
        connection.finish(closes: closes)
    }

    // MARK: Streams

    private func beginStream(_ head: ResponseHead) {
        let bound = NIOLoopBound(self, eventLoop: worker.loop)
        let loop = worker.loop
        if passage.route.transport == .sse {
            passage.session?.state.withLock { state in
                state.push = { event in loop.execute { bound.value.push(event) } }
            }
        }
        state = .streaming(PassingEvents(limit: worker.limits.answerBytes))
        hasBegunStream = true
        observation?.event.status = 200
        deadline = .distantFuture
        var fields: [(name: FieldName, value: String)] = []
        if let session = desk.opened(head) { fields.append((.session, session)) }
        connection.write(Answer.streamHead(fields: fields, isChunked: !isOldClient))
    }

    private func pass(_ event: PassingEvent) {
        switch desk.release(event: event) {
        case .nothing: break
        case .event(let bytes): writeChunk(bytes)
        case .last(let bytes):
            writeChunk(bytes)
            upstream?.abandon()
            upstream = nil
            endStream()
        }
    }

    /// Puts what the gateway itself says onto the stream.
    private func push(_ event: [UInt8]) {
        guard case .streaming = state else { return }
        writeChunk(event)
        connection.flush()
    }

    private func writeChunk(_ bytes: [UInt8]) {
        var buffer = ByteBufferAllocator().buffer(capacity: bytes.count + 16)
        if !isOldClient {
            buffer.writeString(String(bytes.count, radix: 16))
            buffer.writeStaticString("\r\n")
        }
        buffer.writeBytes(bytes)
        if !isOldClient { buffer.writeStaticString("\r\n") }
        connection.write(buffer)
    }

    /// A stream of two endpoints is its session, and ends with it.
    private func leaveStream() {
        guard passage.verb == .get, passage.route.transport == .sse, let session = passage.session else { return }
        session.state.withLock { $0.push = nil }
        worker.shared.sessions.close(session)
    }

    private func endStream() {
        guard hasBegunStream else { return finish(closes: true) }
        for event in desk.endOfStream() { writeChunk(event) }
        if !isOldClient { connection.write(ByteBuffer(staticString: "0\r\n\r\n")) }
        finish(closes: isOldClient)
    }

    /// What was seen of it is complete.
    private func observed() {
        guard let observation else { return }
        self.observation = nil
        observation.event.bytesOut = connection.written
        if let fault = desk.fault { observation.event.fault = fault }
        worker.observer.end(observation)
    }

    // MARK: Ends from outside

    func clientLeft() {
        guard case .done = state else {
            upstream?.abandon()
            upstream = nil
            // The server may have done what was asked: what became of it is not known here.
            desk.lost()
            state = .done
            leaveStream()
            desk.settle()
            if !hasBegunStream { observation?.event.status = 499 }
            observed()
            return
        }
    }

    func end(_ reason: EndReason) {
        if case .done = state { return }
        upstream?.abandon()
        upstream = nil
        switch reason {
        case .killed:
            desk.killed()
            observation?.refused(.revoked, "revoked", fault: GatewayError.revoked.code)
            if !hasBegunStream { observation?.event.status = 403 }
            if hasBegunStream {
                finish(closes: true)
            } else {
                connection.write(
                    Answer(status: 403, body: GatewayError.revoked.body(id: desk.onlyID)).bytes(closes: true)
                )
                finish(closes: true)
            }
        case .draining: endStream()
        case .late: answerFailed(.late)
        }
    }
}
