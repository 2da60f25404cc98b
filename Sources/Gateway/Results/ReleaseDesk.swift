import Core
import Inspection
import NIOCore
import Policies
import Synchronization
import Traffic
import Wire

/// Looks at everything that a server says before it reaches the client.
///
/// An answer is released for a request that waits for it, once; a notification if the revision has it; a request if the
/// settings let it reach clients. What is released is the server's own bytes, unless something had to be taken out.
struct ReleaseDesk {
    /// What becomes of an answer in one piece.
    enum Release {
        case asItIs
        case replaced([UInt8])
        /// Nothing of it can be understood well enough to go on.
        case refused(reason: String)
        case nothing
    }

    /// What becomes of one event.
    enum EventRelease {
        case nothing
        case event([UInt8])
        /// After this one nothing more is passed.
        case last([UInt8])
    }

    enum Verdict {
        case passes
        case replaced([UInt8])
        case dropped
        /// Over a hard limit: the error for the client, after which the principal is denied.
        case overLimit([UInt8])
    }

    let passage: Passage
    let worker: Worker
    /// Requests that wait, by the canonical text of their id.
    var pending: [[UInt8]: PendingCall] = [:]
    var order: [[UInt8]] = []
    /// Records that the answer has brought so far, in all its messages.
    var items = 0
    var isEnded = false
    /// What the last answer says that went wrong: a code of JSON-RPC, `tool_error`, or why it was kept back.
    var fault: String?
    /// Tells the server that what it asked of the client will not be answered.
    let refusesServer: ([UInt8]) -> Void

    var shared: Shared { worker.shared }
    var settings: Settings { worker.settings }
    var configuration: GatewayConfiguration { settings.configuration }

    init(_ passage: Passage, worker: Worker, refusesServer: (([UInt8]) -> Void)? = nil) {
        self.passage = passage
        self.worker = worker
        self.refusesServer = refusesServer ?? { ServerReply.refuse(id: $0, passage: passage, worker: worker) }
        for call in passage.calls {
            let key = Self.key(call.id)
            pending[key] = call
            order.append(key)
        }
    }

    /// The id of the request, where there is one alone: errors name it.
    var onlyID: [UInt8]? { passage.calls.count == 1 ? passage.calls.first?.id : nil }

    /// One spelling for an id, as servers may write it back in another.
    static func key(_ id: [UInt8]) -> [UInt8] {
        if id.first != UInt8(ascii: "\"") { return id }
        guard let value = try? JSON.parse(id) else { return id }
        return JSON.canonical(value)
    }

    // MARK: Whole answers

    mutating func release(body: Span<UInt8>) -> Release {
        switch worker.reader.read(body, as: passage.revision, from: .server) {
        case .refused(let refusal): return .refused(reason: "malformed: \(refusal.reason.rawValue)")
        case .message(let message):
            guard message.isResponse else { return .refused(reason: "not-an-answer") }
            switch release(message, body) {
            case .passes: return .asItIs
            case .replaced(let bytes), .overLimit(let bytes): return .replaced(bytes)
            case .dropped: return .nothing
            }
        case .batch(let messages):
            var parts: [[UInt8]] = []
            // Reading a message's parts anew uses the reader: what is needed of each is taken first.
            let texts = messages.map { Judge.copy(body, $0.range) }
            for text in texts {
                guard case .message(let message) = worker.reader.read(text.span, as: passage.revision, from: .server)
                else { return .refused(reason: "malformed") }
                switch release(message, text.span) {
                case .passes: parts.append(text)
                case .replaced(let bytes), .overLimit(let bytes): parts.append(bytes)
                case .dropped: continue
                }
            }
            guard !parts.isEmpty else { return .nothing }
            return .replaced(
                [UInt8(ascii: "[")] + Array(parts.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
            )
        }
    }

    // MARK: Lines

    /// One message that was read already; the bytes are those that the reader still knows.
    mutating func release(_ message: PassingMessage, of line: Span<UInt8>) -> EventRelease {
        switch release(message, line) {
        case .passes: .event(Judge.copy(line, message.range))
        case .replaced(let other): .event(other)
        case .dropped: .nothing
        case .overLimit(let error): .last(error)
        }
    }

    /// Whether an answer is still due.
    var isWaiting: Bool { !pending.isEmpty }

    /// Gives a request up that the client no longer waits for.
    mutating func cancel(_ key: [UInt8]) {
        guard let call = pending.removeValue(forKey: key) else { return }
        if let use = call.use { finish(use, nil, isError: true, outcome: .cancelled) }
    }

    /// Errors for the requests that will not be answered any more.
    mutating func unanswered(_ error: GatewayError, as outcome: CallRecord.Outcome) -> [[UInt8]] {
        let left = order.compactMap { pending[$0]?.id }
        leave(outcome)
        return left.map { error.body(id: $0) }
    }

    // MARK: Events

    mutating func release(event: PassingEvent) -> EventRelease {
        if passage.verb == .get, passage.route.transport == .sse, event.type == "endpoint" { return endpoint(event) }
        // A comment says that the server is still there, and nothing else of it goes on.
        guard let bytes = event.data else { return .event(Array(":\n\n".utf8)) }
        let text = String(decoding: event.id, as: UTF8.self)
        let id = Self.isPassable(text) ? text : ""
        guard !bytes.isEmpty else {
            // An event of an id alone, from which the stream can be resumed.
            guard !id.isEmpty else { return .nothing }
            passage.session?.gave(event: id)
            return .event(Array("id: \(id)\ndata: \n\n".utf8))
        }
        guard case .message(let message) = worker.reader.read(bytes.span, as: passage.revision, from: .server) else {
            shared.counters.count(.withheld)
            return .nothing
        }
        if !id.isEmpty { passage.session?.gave(event: id) }
        switch release(message, bytes.span) {
        case .passes: return .event(Self.frame(bytes, id))
        case .replaced(let other): return .event(Self.frame(other, id))
        case .dropped: return .nothing
        case .overLimit(let error): return .last(Self.frame(error, id))
        }
    }

    /// Where the server takes messages; the client is told the gateway's own address instead.
    ///
    /// Only a place on the server itself is taken, once: whatever else an event may name would get the client's messages.
    func endpoint(_ event: PassingEvent) -> EventRelease {
        let upstream = passage.route.upstream.authority
        var text = String(decoding: event.data ?? [], as: UTF8.self)
        for scheme in ["http://", "https://"] where text.hasPrefix(scheme + upstream + "/") {
            text.removeFirst((scheme + upstream).utf8.count)
        }
        let path = text.prefix { $0 != "?" }
        guard let session = passage.session,
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C && $0 != 0x23 }),
            text.hasPrefix("/"), !text.hasPrefix("//"), text.utf8.count <= 4_096, !path.contains("%"),
            !path.split(separator: "/").contains(where: { $0 == ".." || $0 == "." })
        else {
            shared.counters.count(.withheld)
            return .nothing
        }
        let isFirst = session.state.withLock { state in
            defer { state.endpoint = state.endpoint ?? text }
            return state.endpoint == nil
        }
        guard isFirst else { return .nothing }
        return .event(Array("event: endpoint\ndata: \(passage.route.path)?session=\(session.id)\n\n".utf8))
    }

    /// What the client gets for requests that were not answered before the stream ended.
    mutating func endOfStream() -> [[UInt8]] {
        guard !isEnded else { return [] }
        isEnded = true
        let left = order.compactMap { pending[$0] }
        // A stream with ids can be taken up again, and the answer may come then.
        if let session = passage.session, passage.route.transport == .streamable, !left.isEmpty,
            !session.state.withLock(\.events.isEmpty)
        {
            session.state.withLock { state in
                guard state.open.count + left.count <= ProtocolSession.mostOpen else { return }
                for call in left { state.open[Self.key(call.id)] = call }
            }
            pending = [:]
            return []
        }
        lost()
        return left.map { Self.frame(GatewayError.unavailable(reason: "upstream-closed").body(id: $0.id), "") }
    }

    /// An event as the gateway writes it: every reader sees the same in it.
    static func frame(_ message: [UInt8], _ id: String) -> [UInt8] {
        EventStream.Event(data: message, id: id).encoded
    }

    static func isPassable(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 1_024 && id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }

    // MARK: One message

    mutating func release(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        switch message.kind {
        case .result, .error: return response(message, bytes)
        case .notification: return notification(message, bytes)
        case .request: return request(message, bytes)
        }
    }

    mutating func take(_ message: PassingMessage, _ bytes: Span<UInt8>) -> PendingCall? {
        guard let range = message.idRange else {
            // An error without an id is an answer to the only request there is.
            guard message.kind == .error, order.count == 1, let call = pending.removeValue(forKey: order[0]) else {
                return nil
            }
            return call
        }
        let key = Self.key(Judge.copy(bytes, range))
        if let call = pending.removeValue(forKey: key) { return call }
        return passage.verb == .get ? passage.session?.state.withLock { $0.open.removeValue(forKey: key) } : nil
    }

    mutating func response(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        guard let call = take(message, bytes) else {
            shared.counters.count(.withheld)
            return .dropped
        }
        if message.kind == .result {
            if let refusal = inputRefusal(message, call, bytes) { return withhold(call, refusal) }
            if case .list(let kind) = call.meaning { return list(message, kind, call, bytes) }
        }
        return screened(message, call, bytes)
    }

    mutating func withhold(_ call: PendingCall, _ reason: String) -> Verdict {
        fault = reason
        shared.counters.count(.withheld)
        if let use = call.use { finish(use, nil, isError: true) }
        return .replaced(GatewayError.withheld(reason: reason).body(id: call.id))
    }

    mutating func notification(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        guard message.meaning == .notification else { return .dropped }
        return screened(message, nil, bytes)
    }

    /// A request of the server to the client, which the settings let through or not.
    mutating func request(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        guard let range = message.idRange else { return .dropped }
        let id = Judge.copy(bytes, range)
        if message.method == "ping" {
            passage.session?.state.withLock { _ = $0.asked.insert(id) }
            return .passes
        }
        guard let session = passage.session, message.meaning == .serverRequest,
            configuration.mode == .record || configuration.serverRequests.contains(message.method)
        else {
            shared.counters.count(.withheld)
            if passage.session != nil { refusesServer(id) }
            return .dropped
        }
        switch screened(message, nil, bytes) {
        case .passes:
            session.state.withLock { _ = $0.asked.insert(id) }
            return .passes
        case let other: return other
        }
    }

    // MARK: What becomes of calls

    func finish(
        _ use: PendingCall.Use,
        _ message: JSON.Value?,
        items: Int? = nil,
        isError: Bool = false,
        signs: Bool = false,
        outcome: CallRecord.Outcome? = nil
    ) {
        var use = use
        let result = message?["result"]
        let failed = isError || result?["isError"]?.bool == true
        use.record.outcome = outcome ?? (isError ? .rpcError : failed ? .toolError : .ok)
        use.record.duration = shared.now() - use.record.time
        if let message {
            use.record.result = CallRecord.Result(
                text: Self.text(of: result ?? message["error"] ?? .null),
                structured: result?["structuredContent"],
                isError: failed,
                items: items
            )
        }
        let record = use.record
        use.observed.resultDigest = use.conversation.state.withLock { $0.observer.end(use.open, record) }
        shared.conversations.weigh(use.conversation, at: shared.now())
        if signs { use.record.marksInstructions = true }
        shared.record(use)
    }

    static func text(of result: JSON.Value) -> String? {
        guard let blocks = result["content"]?.array else {
            return String(decoding: JSON.canonical(result), as: UTF8.self)
        }
        let texts = blocks.compactMap { $0["text"]?.string ?? $0["resource"]?["text"]?.string }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    /// The server did not answer what is still open, and may have done it.
    mutating func lost() { leave(.lost) }

    mutating func killed() { leave(.killed) }

    mutating func leave(_ outcome: CallRecord.Outcome) {
        for key in order {
            if let use = pending[key]?.use { finish(use, nil, isError: true, outcome: outcome) }
        }
        pending = [:]
    }

    /// Nothing more comes.
    mutating func settle() { leave(.lost) }

    // MARK: Sessions

    /// Takes in the session that an answer to `initialize` opens, and returns its id for the client.
    mutating func opened(_ head: ResponseHead) -> String? {
        guard let opening = passage.opening, (200..<300).contains(head.status),
            let id = head.head.value(of: .session), Self.isPassable(id)
        else { return nil }
        let session = ProtocolSession(
            id: id,
            route: passage.route.path,
            caller: passage.caller,
            revision: agreed ?? opening.revision,
            clientName: opening.clientName,
            at: shared.now()
        )
        guard shared.sessions.open(session) else { return nil }
        begun = session
        return id
    }

    /// The session that the head opened; where the answer comes as an event, what was agreed on is known only behind it.
    var begun: ProtocolSession?

    /// The revision that the answer to `initialize` names.
    var agreed: ProtocolRevision?
}
