import Core
import NIOCore
import Policies
import Traffic
import Wire

/// Decides for gateways of others, which forward what is allowed themselves.
///
/// The same judge decides, on the same policy, and what it decides is in the same audit log before it is said. Whoever
/// asks has a token of its own, which opens nothing else. What is not understood is denied, with a status that no asker
/// takes for an error that may be passed over.
final class DecisionDesk: ConnectionOwner {
    static let envoyPrefix = "/v1/ext_authz"
    private static let toolHivePaths: Set = ["/decision", "/v1/authorize", "/v1/authorize/decision"]

    private let worker: Worker
    private let token: Redacted<String>

    init(_ worker: Worker, token: Redacted<String>) {
        self.worker = worker
        self.token = token
    }

    var loop: any EventLoop { worker.loop }
    var limits: GatewayConfiguration.Limits { worker.limits }
    var isDraining: Bool { worker.isDraining }
    func opened(_ connection: ClientConnection) { worker.opened(connection) }
    func closed(_ connection: ClientConnection) { worker.closed(connection) }

    func take(_ request: ClientRequest, from connection: ClientConnection) -> (any RequestWork)? {
        let closes = connection.closesAfterAnswer
        // A page in a browser on this machine has no token, and no say either.
        guard isProven(request.head.head) else {
            connection.write(Answer(status: 401, reason: "token").bytes(closes: closes))
            return nil
        }
        worker.shared.counters.count(.requests)
        if Self.toolHivePaths.contains(request.head.path) { return toolHive(request, connection) }
        guard let original = request.head.without(prefix: Self.envoyPrefix) else {
            connection.write(Answer(status: 404, reason: "path").bytes(closes: closes))
            return nil
        }
        return envoy(request, original, connection)
    }

    /// The asker's token: a field of its own, as `Authorization` belongs to the caller that Envoy asks about; for
    /// ToolHive, which sends what stands in its address, the password.
    private func isProven(_ head: MessageHead) -> Bool {
        let written = head.written(.other).filter { $0.name.lowercased() == "x-lockstep-token" }
        if written.count == 1 { return token.isSame(as: written[0].value.utf8) }
        guard written.isEmpty, let field = head.value(of: .authorization) else { return false }
        if field.hasPrefix("Bearer ") { return token.isSame(as: field.utf8.dropFirst(7)) }
        guard field.hasPrefix("Basic "), let pair = Base64.decode(field.utf8.dropFirst(6)),
            let colon = pair.firstIndex(of: UInt8(ascii: ":"))
        else { return false }
        return token.isSame(as: pair[(colon + 1)...])
    }

    // MARK: Envoy

    /// What Envoy's `ext_authz` filter sends to an HTTP service: the client's request with a prefix before its path.
    private func envoy(
        _ request: ClientRequest,
        _ original: RequestHead,
        _ connection: ClientConnection
    ) -> (any RequestWork)? {
        let observation = worker.observer.begin()
        let form = DecisionForm.envoy
        let copy = ClientRequest(
            head: original,
            body: request.body,
            peer: request.peer,
            began: request.began,
            svid: nil
        )
        var admission = Admission(worker: worker, request: copy, observation: observation)
        admission.isForwardedByOthers = true
        let partial = original.head.written(.other).contains {
            $0.name.lowercased() == "x-envoy-auth-partial-body" && $0.value.lowercased() != "false"
        }
        // What the filter cut off would reach the server, and nobody would have looked at it; so would a query, which only
        // the transport of two endpoints has.
        let hasQuery = original.query != nil && worker.settings.route(original.path)?.transport != .sse
        let outcome =
            partial
            ? admission.refuse(413, "partial-body") : hasQuery ? admission.refuse(400, "query") : admission.run()
        observation.decided()
        switch outcome {
        case .pass(let passage):
            return DecisionWork(passage, worker: worker, connection: connection, observation: observation, form: form)
        case .answer(let answer):
            form.deny(
                observation,
                answer.status,
                answer.body,
                connection,
                answer.fields.map { ($0.name.text, $0.value) }
            )
            worker.observer.end(observation)
            return nil
        }
    }

    // MARK: ToolHive

    private func toolHive(_ request: ClientRequest, _ connection: ClientConnection) -> (any RequestWork)? {
        let observation = worker.observer.begin()
        observation.event.time = worker.shared.now()
        observation.event.mode = worker.settings.configuration.mode
        observation.event.bytesIn = request.body.readableBytes
        observation.event.verb = "POST"
        let form = DecisionForm.toolHive
        func deny(_ reason: String, _ verdict: RequestEvent.Verdict = .refused, status: Int = 200) -> (any RequestWork)?
        {
            if observation.event.reason == nil { observation.refused(verdict, reason) }
            observation.decided()
            form.deny(observation, status, [], connection, [])
            worker.observer.end(observation)
            return nil
        }
        guard request.head.method == .post else { return deny("method", status: 405) }
        guard let body = try? JSON.parse(request.body.readableBytesUInt8Span),
            let question = PORCQuestion(body)
        else {
            worker.shared.counters.count(.refused)
            return deny("question", status: 400)
        }
        guard let route = worker.settings.configuration.routes.first(where: { $0.server == question.server }) else {
            worker.shared.counters.count(.denied)
            return deny("server", .deny)
        }
        observation.event.route = route.path
        observation.event.server = route.server
        // ToolHive has proven it, and vouches for it.
        let caller = Caller(principal: CallRecord.Principal(id: question.principal, kind: .gateway))
        observation.event.principal = caller.principal
        guard !worker.shared.revocations.denies(caller) else {
            worker.shared.counters.count(.denied)
            return deny("revoked", .revoked)
        }
        // What ToolHive asks shows nothing of the machine that its caller runs on.
        if worker.settings.proofs.posture?.isRequired ?? false {
            worker.shared.refused(.missing, caller, route, gateway: worker.settings.configuration.id)
            return deny(PostureFault.missing.rawValue, .deny)
        }
        if request.head.query == "probe=true" { return probe(question, observation, connection) }
        guard question.tellsArguments, let passage = judge(question, route, caller, observation) else {
            return deny("question", .deny)
        }
        observation.decided()
        return DecisionWork(passage, worker: worker, connection: connection, observation: observation, form: form)
    }

    /// Whether something could be allowed at all, which is no decision: nothing is written about it.
    private func probe(
        _ question: PORCQuestion,
        _ observation: Observation,
        _ connection: ClientConnection
    ) -> (any RequestWork)? {
        let tool = ServerTool(server: question.server, tool: question.tool)
        let isOffered =
            question.isList || worker.settings.policy?.offers(tool, to: question.principal) ?? false
        observation.decided()
        if isOffered {
            DecisionForm.toolHive.allow(observation, connection)
        } else {
            observation.refused(.deny, "not-offered")
            DecisionForm.toolHive.deny(observation, 200, [], connection, [])
        }
        worker.observer.end(observation)
        return nil
    }

    private func judge(
        _ question: PORCQuestion,
        _ route: GatewayConfiguration.Route,
        _ caller: Caller,
        _ observation: Observation
    ) -> Passage? {
        let body = ByteBuffer(bytes: question.message)
        let revision = ProtocolRevision.latestLegacy
        guard case .message(let message) = worker.reader.read(body.readableBytesUInt8Span, as: revision, from: .client)
        else {
            worker.shared.counters.count(.refused)
            return nil
        }
        let incoming = Incoming(worker: worker, body: body, peer: nil, head: nil, isForwardedByOthers: true)
        var judge = Judge(
            incoming,
            route: route,
            caller: caller,
            revision: revision,
            session: nil,
            now: observation.event.time
        )
        let ruling = judge.run([message], isBatch: false)
        observation.note([message], judge, ruling, takesArguments: worker.observer.takesArguments)
        guard case .passes(let passage) = ruling else { return nil }
        return passage
    }
}
