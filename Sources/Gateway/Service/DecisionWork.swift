import Core
import NIOCore

/// How whoever asks wants to be answered.
enum DecisionForm {
    /// 200 lets the request pass; any other status is the client's answer.
    case envoy
    /// 200 with `allow`.
    case toolHive

    func allow(_ observation: Observation, _ connection: ClientConnection) {
        observation.event.status = 200
        switch self {
        case .envoy: write(200, [], Self.fields(observation.event), connection)
        case .toolHive: write(200, JSON.canonical(Self.answer(observation.event, true)), [], connection)
        }
        observation.event.bytesOut = connection.written
    }

    /// Denies with the rule's name and a word for why, and without what would be allowed.
    func deny(
        _ observation: Observation,
        _ status: Int,
        _ body: [UInt8],
        _ connection: ClientConnection,
        _ fields: [(name: String, value: String)]
    ) {
        switch self {
        case .envoy:
            // 2xx would let it pass, and 5xx is for the filter an error that `failure_mode_allow` passes over.
            let status = (400..<500).contains(status) ? status : 403
            observation.event.status = status
            write(status, body, fields + Self.fields(observation.event), connection)
        case .toolHive:
            observation.event.status = status
            write(status, JSON.canonical(Self.answer(observation.event, false)), fields, connection)
        }
        observation.event.bytesOut = connection.written
    }

    private static func answer(_ event: RequestEvent, _ allows: Bool) -> JSON.Value {
        var answer: JSON.Object = ["allow": .bool(allows), "decision": .string(event.verdict.rawValue)]
        answer["reason"] = event.reason.map(JSON.Value.string)
        answer["rule"] = event.rule.map(JSON.Value.string)
        return .object(answer)
    }

    private static func fields(_ event: RequestEvent) -> [(name: String, value: String)] {
        var fields = [("X-Lockstep-Decision", event.verdict.rawValue)]
        if let reason = event.reason { fields.append(("X-Lockstep-Reason", reason)) }
        if let rule = event.rule { fields.append(("X-Lockstep-Rule", rule)) }
        if let principal = event.principal { fields.append(("X-Lockstep-Principal", principal.id)) }
        // A name may hold what no field may.
        return fields.filter { $0.1.utf8.count <= 1_024 && $0.1.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F } }
    }

    private func write(
        _ status: Int,
        _ body: [UInt8],
        _ fields: [(name: String, value: String)],
        _ connection: ClientConnection
    ) {
        var buffer = ByteBufferAllocator().buffer(capacity: 256 + body.count)
        buffer.writeString("HTTP/1.1 \(status) \(Answer.phrase(status))\r\nContent-Length: \(body.count)\r\n")
        if !body.isEmpty { buffer.writeStaticString("Content-Type: application/json\r\n") }
        for (name, value) in fields { buffer.writeString("\(name): \(value)\r\n") }
        if connection.closesAfterAnswer { buffer.writeStaticString("Connection: close\r\n") }
        buffer.writeStaticString("\r\n")
        buffer.writeBytes(body)
        connection.write(buffer)
    }
}

/// Something that was allowed, until the audit log holds it: then it is said.
final class DecisionWork: RequestWork {
    private let passage: Passage
    private let worker: Worker
    private let connection: ClientConnection
    private let form: DecisionForm
    private var observation: Observation?
    let deadline: NIODeadline

    init(
        _ passage: Passage,
        worker: Worker,
        connection: ClientConnection,
        observation: Observation,
        form: DecisionForm
    ) {
        self.passage = passage
        self.worker = worker
        self.connection = connection
        self.observation = observation
        self.form = form
        deadline = .now() + .seconds(Int64(worker.limits.requestSeconds))
    }

    var caller: Caller { passage.caller }
    var isEndless: Bool { false }
    var isStreaming: Bool { false }

    func start() {
        var waiting: [[UInt8]] = []
        for entry in passage.entries {
            if entry.isDurable {
                waiting.append(entry.bytes)
            } else if !worker.shared.audit.note(entry.bytes) {
                return deny(.unavailable(reason: "audit_unavailable"), .deny)
            }
        }
        guard !waiting.isEmpty else { return allow() }
        let bound = NIOLoopBound(self, eventLoop: worker.loop)
        let loop = worker.loop
        let gathered = AuditGathering(waiting.count) { isSafe in
            loop.execute { bound.value.audited(isSafe) }
        }
        for entry in waiting { worker.shared.audit.append(entry) { gathered.ended($0) } }
    }

    private func audited(_ isSafe: Bool) {
        guard observation != nil else { return }
        guard isSafe else { return deny(.unavailable(reason: "audit_unavailable"), .deny) }
        // The principal may have been killed while the entry was written.
        guard !worker.shared.revocations.denies(caller) else { return deny(.revoked, .revoked) }
        allow()
    }

    private func allow() {
        guard let observation else { return }
        form.allow(observation, connection)
        finish()
    }

    private func deny(_ error: GatewayError, _ verdict: RequestEvent.Verdict, closes: Bool = false) {
        guard let observation else { return }
        observation.refused(verdict, error.reason, fault: error.code)
        let id = passage.calls.count == 1 ? passage.calls[0].id : nil
        form.deny(observation, form == .envoy ? 403 : 200, error.body(id: id), connection, [])
        finish(closes: closes)
    }

    private func finish(closes: Bool = false) {
        settle()
        connection.finish(closes: closes)
    }

    /// What others forward is answered to others: what became of it is not known here.
    private func settle() {
        guard let observation else { return }
        self.observation = nil
        var desk = ReleaseDesk(passage, worker: worker)
        desk.settle()
        worker.observer.end(observation)
    }

    func clientLeft() {
        observation?.event.status = 499
        settle()
    }

    func clientTakesMore() {}

    func end(_ reason: EndReason) {
        switch reason {
        case .killed: deny(.revoked, .revoked, closes: true)
        case .draining: break
        case .late: deny(.unavailable(reason: "late"), .deny, closes: true)
        }
    }
}
