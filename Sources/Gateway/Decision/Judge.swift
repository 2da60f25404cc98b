import Core
import Identity
import NIOCore
import Policies
import Synchronization
import Traffic
import Wire

/// What is decided on, however it came: the body of an HTTP request, or a line.
struct Incoming {
    /// What the head of a request says beside its message; a line has none.
    struct Head {
        /// The fields that mirror the message.
        let mirrored: [HeaderAgreement.Field]
        let namesSession: Bool
        let hasParameters: Bool
    }

    let worker: Worker
    let body: ByteBuffer
    /// Where it came from, if it came over a network.
    let peer: String?
    let head: Head?
    /// Whether somebody else forwards it, and only asks: its session is theirs, and not known here.
    var isForwardedByOthers = false
}

/// Decides on the messages of one request, on the very bytes that go on.
struct Judge {
    /// What was decided about all messages together.
    enum Ruling {
        case passes(Passage)
        case refused(Refusal)
        /// The decision is the answer: denials, or what says that nothing can be decided.
        case answered(status: Int, body: [UInt8])
        /// Denied, and nobody waits for an answer.
        case denied
    }

    let incoming: Incoming
    let route: GatewayConfiguration.Route
    let caller: Caller
    let revision: ProtocolRevision
    let session: ProtocolSession?
    let now: Timestamp
    var passage: Passage
    /// Why the first of the messages that were denied was.
    private(set) var denial: GatewayError?
    var calls: [PendingCall] { passage.calls }

    var worker: Worker { incoming.worker }
    var shared: Shared { incoming.worker.shared }
    var settings: Settings { incoming.worker.settings }
    var mode: GatewayConfiguration.Mode { settings.configuration.mode }
    var isCanary: Bool { caller.canary != nil }
    /// Whether a denial is more than words; for a canary in every mode.
    var isEnforced: Bool { mode == .enforce || isCanary }

    init(
        _ incoming: Incoming,
        route: GatewayConfiguration.Route,
        caller: Caller,
        revision: ProtocolRevision,
        session: ProtocolSession?,
        now: Timestamp
    ) {
        self.incoming = incoming
        self.route = route
        self.caller = caller
        self.revision = revision
        self.session = session
        self.now = now
        passage = Passage(
            verb: .post,
            route: route,
            revision: revision,
            caller: caller,
            session: session,
            body: incoming.body,
            calls: [],
            fields: [],
            entries: []
        )
    }

    enum Verdict {
        case passes
        case refused(Refusal)
        /// A refusal by policy, which is an answer to the request.
        case denied(GatewayError)
    }

    mutating func run(_ messages: [PassingMessage], isBatch: Bool) -> Ruling {
        let body = incoming.body
        let bytes = body.readableBytesUInt8Span
        do throws(Refusal) {
            try agree(messages, bytes)
        } catch {
            return .refused(error)
        }
        if route.transport == .streamable, revision.era == .legacy, session == nil, !incoming.isForwardedByOthers,
            shared.sessions.areGiven(on: route.path),
            !(messages.count == 1 && messages[0].method == "initialize")
        {
            return .refused(Refusal(.invalidRequest, .header, "the session id is missing"))
        }
        var denials: [(id: [UInt8], error: GatewayError)] = []
        for message in messages {
            switch judge(message, bytes) {
            case .passes: continue
            case .refused(let refusal): return .refused(refusal)
            case .denied(let error):
                denial = denial ?? error
                guard let range = message.idRange else { return .denied }
                denials.append((Self.copy(bytes, range), error))
            }
        }
        guard denials.isEmpty else { return answer(denials, isBatch) }
        return .passes(passage)
    }

    /// What stands beside a message must say the same as the message.
    private mutating func agree(_ messages: [PassingMessage], _ bytes: Span<UInt8>) throws(Refusal) {
        guard let head = incoming.head else {
            for message in messages {
                try HeaderAgreement.checkWithoutHeaders(
                    message,
                    as: revision,
                    outline: worker.reader.outline,
                    in: bytes
                )
            }
            return
        }
        try HeaderAgreement.check(
            head.mirrored,
            against: messages,
            // The old transport has no header for the revision, whatever was agreed on.
            as: route.transport == .sse ? min(revision, .v2025_03_26) : revision,
            marks: marks(messages, head, bytes),
            outline: worker.reader.outline,
            in: bytes
        )
        passage.fields = head.mirrored.filter {
            $0.name != MCPHeader.protocolVersion && $0.name.lowercased() != "mcp-protocol-version"
        }
    }

    private func marks(
        _ messages: [PassingMessage],
        _ head: Incoming.Head,
        _ bytes: Span<UInt8>
    ) -> [HeaderMark] {
        guard messages.count == 1, messages[0].meaning == .call, head.hasParameters || revision.era == .modern,
            let name = messages[0].name.flatMap({ worker.reader.outline.text(of: $0, in: bytes) })
        else { return [] }
        return shared.definitions.marks(of: name, server: route.server)
    }

    /// Where one call of a batch is denied, none goes on: what they do together is not what was allowed.
    private func answer(_ denials: [(id: [UInt8], error: GatewayError)], _ isBatch: Bool) -> Ruling {
        for entry in passage.entries where !shared.audit.note(entry.bytes) {
            return .answered(status: 503, body: GatewayError.unavailable(reason: "audit_unavailable").body(id: nil))
        }
        for call in passage.calls { finish(denied: call) }
        guard isBatch else {
            return .answered(status: 200, body: denials[0].error.body(id: denials[0].id))
        }
        let named = Dictionary(denials.map { ($0.id, $0.error) }, uniquingKeysWith: { first, _ in first })
        var bodies = passage.calls.map { call in
            (named[call.id] ?? .denied(reason: "batch", argument: nil)).body(id: call.id)
        }
        for (id, error) in denials where !passage.calls.contains(where: { $0.id == id }) {
            bodies.append(error.body(id: id))
        }
        let body = [UInt8(ascii: "[")] + Array(bodies.joined(separator: [UInt8(ascii: ",")])) + [UInt8(ascii: "]")]
        return .answered(status: 200, body: body)
    }

    private func finish(denied call: PendingCall) {
        guard var use = call.use else { return }
        use.record.outcome = .denied
        shared.record(use)
    }

    // MARK: One message

    private mutating func judge(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        switch message.kind {
        case .result, .error: return response(message, bytes)
        case .notification: return notification(message, bytes)
        case .request: return request(message, bytes)
        }
    }

    /// A client answers only what it was asked.
    private func response(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        guard let session, let range = message.idRange else {
            return .refused(Refusal(.invalidRequest, .response, "nothing was asked that this could answer"))
        }
        let id = Self.copy(bytes, range)
        guard session.state.withLock({ $0.asked.remove(id) != nil }) else {
            return .refused(Refusal(.invalidRequest, .response, "nothing was asked that this could answer"))
        }
        return .passes
    }

    private func notification(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        guard message.meaning == .notification else {
            return .refused(Refusal(.invalidRequest, .id, "a request has an id"))
        }
        if message.method == "notifications/initialized" { session?.state.withLock { $0.isInitialized = true } }
        return .passes
    }

    private mutating func request(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Verdict {
        guard let range = message.idRange else {
            return .refused(Refusal(.invalidRequest, .id, "a request has an id"))
        }
        let id = Self.copy(bytes, range)
        if let session, !session.state.withLock(\.isInitialized), message.method != "ping",
            !(route.transport == .sse && message.method == "initialize")
        {
            return .refused(Refusal(.invalidRequest, .method, "the session is not initialized", id: range))
        }
        switch message.meaning {
        case .unknown, .notification, .serverRequest:
            return .refused(
                Refusal(.methodNotFound, .unknownMethod, "the method is not one of this revision", id: range)
            )
        case .lifecycle:
            if message.method == "initialize" {
                guard isOpening else {
                    return .refused(Refusal(.invalidRequest, .method, "the session is open already", id: range))
                }
                passage.opening = opening(message, bytes)
            }
            add(message, id, name: "")
            return .passes
        case .list:
            // What is held never goes on, whatever it is.
            if caller.canary == .held { return .denied(.held) }
            add(message, id, name: "")
            return .passes
        case .call, .getPrompt, .readResource, .subscribe, .complete, .task:
            return use(message, id, bytes)
        }
    }

    /// Whether `initialize` has its place here: without a session, or first on a stream that is one.
    private var isOpening: Bool {
        guard !(incoming.head?.namesSession ?? false) else { return false }
        guard let session else { return true }
        return route.transport == .sse
            && session.state.withLock { state in
                defer { state.isOpened = true }
                return !state.isOpened
            }
    }

    private mutating func add(_ message: PassingMessage, _ id: [UInt8], name: String, _ use: PendingCall.Use? = nil) {
        passage.calls.append(
            PendingCall(id: id, method: message.method, meaning: message.meaning, name: name, use: use)
        )
    }

    private func opening(_ message: PassingMessage, _ bytes: Span<UInt8>) -> Passage.Opening {
        let outline = worker.reader.outline
        let info = message.params.flatMap { outline.member("clientInfo", of: $0, in: bytes) }
        let name = info.flatMap { outline.member("name", of: $0, in: bytes) }.flatMap {
            outline.text(of: $0, in: bytes)
        }
        return Passage.Opening(clientName: name, revision: revision)
    }

    static func copy(_ bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.reserveCapacity(range.count)
        for at in range { copy.append(bytes[at]) }
        return copy
    }
}

extension Judge {
    // MARK: A use of something

    /// Whether what a call names stands in the policy or in the server's list, or, of a prompt, in no list, is allowed.
    func isKnown(_ call: PendingCall) -> Bool {
        guard let use = call.use else { return false }
        if call.meaning == .getPrompt { return use.decision?.verdict == .allow }
        return use.record.definition != nil || settings.policy?.names(use.observed.tool) ?? false
    }

    private mutating func use(_ message: PassingMessage, _ id: [UInt8], _ bytes: Span<UInt8>) -> Verdict {
        let outline = worker.reader.outline
        let name = message.name.flatMap { outline.text(of: $0, in: bytes) } ?? ""
        let used = Used(message, name, outline, bytes)
        // A tool that is called like a method would be decided by rules that mean the method.
        if message.meaning == .call, MethodCatalogue.methods.contains(name) {
            return .denied(.denied(reason: "tool-name", argument: nil))
        }
        if let fault = answersNothing(message, name, outline, bytes) { return .refused(fault) }
        let task: CallRecord.Task?
        let isProven: Bool
        switch self.task(message, outline, bytes) {
        case .success(let found): (task, isProven) = found
        case .failure(let refusal):
            guard !isEnforced else { return .denied(refusal.error) }
            (task, isProven) = (nil, false)
        }
        var definition: Digest?
        var fault: String?
        if message.meaning == .call {
            switch shared.definitions.standing(of: name, server: route.server) {
            case .known(let digest): definition = digest
            case .changed: fault = "definition-changed"
            case .unpinned: fault = "definition-unknown"
            case .unlisted: break
            }
        }
        let thread = Self.trace(message, outline, bytes) ?? task?.id ?? ""
        let owner = isCanary ? caller.credentials[0] : caller.principal.id
        let conversation = shared.conversations.find(
            Conversations.Key(principal: owner, thread: thread),
            at: now,
            taskText: isProven ? task?.text : nil
        )
        var record = CallRecord(
            time: now,
            session: conversation.id,
            sequence: 0,
            principal: caller.principal,
            delegation: caller.delegation,
            clientName: session?.clientName,
            peerAddress: incoming.peer,
            server: route.server,
            tool: used.tool,
            definition: definition?.description,
            arguments: used.arguments,
            task: task
        )
        var (observed, open) = conversation.state.withLock { state in
            state.lastUse = now
            state.sequence += 1
            record.sequence = state.sequence
            state.note(record)
            return state.observer.begin(record)
        }
        shared.conversations.weigh(conversation, at: now)
        var tally: Tallies.Key?
        if settings.configuration.sessions == .proven {
            let key = Tallies.Key(principal: owner, task: isProven ? task?.id : nil)
            observed.earlierCalls = max(observed.earlierCalls, shared.tallies.call(observed.tool, key, at: now))
            tally = key
        }
        let decision = mode == .record && !isCanary ? nil : decide(observed, record, isProven, fault)
        let use = PendingCall.Use(
            record: record,
            conversation: conversation,
            tally: tally,
            open: open,
            observed: observed,
            decision: decision,
            isCanary: isCanary
        )
        add(message, id, name: name, use)
        return settle(use, decision)
    }

    private func decide(
        _ call: ObservedCall,
        _ record: CallRecord,
        _ isTaskProven: Bool,
        _ fault: String?
    ) -> Decision {
        if let fault { return Decision(.deny, reason: fault) }
        // A kill may have been missed: whoever was to be stopped could do no more than read.
        if shared.revocations.isUnknown || shared.pull?.isStale ?? false, isMoreThanReading(call) {
            return Decision(.deny, reason: "revocations-stale")
        }
        guard let policy = settings.policy else { return Decision(.deny, reason: "no-policy") }
        return policy.decide(
            call,
            context: DecisionContext(
                now: now,
                arguments: record.arguments,
                source: incoming.peer,
                isTaskProven: isTaskProven,
                needsDefinition: shared.definitions.isPinned(server: route.server)
            )
        )
    }
}
