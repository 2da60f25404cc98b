import Core
import NIOCore
import Synchronization
import Wire

/// Looks at one request from its first byte to its last, and lets it pass or answers it.
///
/// In this order, each step on what the one before it left standing: the place (host, origin, route), the caller, the
/// form of the message, its headers, its session, and then each thing that it asks for. Whatever cannot be answered is
/// refused.
struct Admission {
    enum Outcome {
        case answer(Answer)
        case pass(Passage)
    }

    let worker: Worker
    let request: ClientRequest
    let observation: Observation
    /// Whether somebody else forwards the request, and only asks what is decided about it.
    var isForwardedByOthers = false
    var shared: Shared { worker.shared }
    var settings: Settings { worker.settings }
    var head: MessageHead { request.head.head }

    func run() -> Outcome {
        observe()
        // Who forwards it says to whom it was sent, and has looked at that.
        guard isForwardedByOthers || settings.isOwn(authority: request.head.authority) else {
            return refuse(421, "host")
        }
        if let origin = head.value(of: .origin), !isAllowed(origin: origin) { return refuse(403, "origin") }
        if !isForwardedByOthers, let metadata = protectedResource() { return .answer(metadata) }
        guard let route = settings.route(request.head.path) else { return refuse(404, "route") }
        observation.event.route = route.path
        observation.event.server = route.server
        let now = observation.event.time
        var caller: Caller
        switch authenticate(route, now) {
        case .caller(let known):
            caller = known
            observation.event.principal = known.principal
        case .refused(let status, let error): return challenge(status, error, route)
        }
        if shared.revocations.denies(caller) { return denied(caller) }
        do throws(PostureFault) {
            caller = try standing(of: caller, route, now)
        } catch {
            return refuse(error, caller, route)
        }
        switch request.head.method {
        case .get where isForwardedByOthers, .delete where isForwardedByOthers: return stream(route, caller)
        case .post: return post(route, caller, now)
        case .get: return get(route, caller, now)
        case .delete: return delete(route, caller, now)
        case .other: return .answer(Answer(status: 405, reason: "method", fields: [(.allow, "POST, GET, DELETE")]))
        }
    }

    func refuse(_ status: Int, _ reason: String) -> Outcome {
        shared.counters.count(.refused)
        observation.refused(.refused, reason, fault: String(status))
        return .answer(Answer(status: status, reason: reason))
    }

    func refuse(_ refusal: Refusal, status: Int? = nil) -> Outcome {
        shared.counters.count(.refused)
        observation.refused(.refused, refusal.reason.rawValue, fault: String(refusal.code))
        return .answer(
            Answer(status: status ?? refusal.status, body: refusal.body(in: request.body.readableBytesUInt8Span))
        )
    }

    private func isAllowed(origin: String) -> Bool {
        settings.configuration.origins.contains(origin) || settings.configuration.address == origin
    }

    // MARK: Who calls

    private func authenticate(_ route: GatewayConfiguration.Route, _ now: Timestamp) -> Authenticator.Outcome {
        // What others forward cannot be held back here.
        if !isForwardedByOthers, let canary = shared.canaries.caller(head.values(of: .authorization), at: now) {
            return .caller(canary)
        }
        let method = request.head.method == .post ? "POST" : request.head.method == .get ? "GET" : "DELETE"
        return worker.authenticator.authenticate(
            head,
            svid: request.svid,
            method: method,
            route: route,
            settings: settings,
            now: now
        )
    }

    private func challenge(_ status: Int, _ error: String?, _ route: GatewayConfiguration.Route) -> Outcome {
        shared.counters.count(.refused)
        observation.refused(.unauthenticated, error ?? "unauthorized", fault: String(status))
        let address = settings.configuration.address ?? "http://\(settings.configuration.listen.authority)"
        var text = "Bearer resource_metadata=\"\(address)\(Self.metadataPath)\(route.path)\""
        if let error { text += ", error=\"\(error)\"" }
        return .answer(Answer(status: status, reason: error ?? "unauthorized", fields: [(.authenticate, text)]))
    }

    /// Who was killed is told so and nothing else; an error in JSON-RPC, as clients show it to people.
    private func denied(_ caller: Caller) -> Outcome {
        shared.counters.count(.denied)
        observation.refused(.revoked, "revoked", fault: GatewayError.revoked.code)
        return .answer(Answer(status: 403, body: GatewayError.revoked.body(id: nil)))
    }

    private static let metadataPath = "/.well-known/oauth-protected-resource"

    /// Where a client learns who issues tokens for a route (RFC 9728 §3).
    private func protectedResource() -> Answer? {
        guard request.head.method == .get, request.head.path.hasPrefix(Self.metadataPath) else { return nil }
        let path = String(request.head.path.dropFirst(Self.metadataPath.count))
        guard let route = settings.route(path) else { return Answer(status: 404, reason: "route") }
        let issuers = settings.configuration.issuers.map(JSON.Value.string)
        return Answer(
            status: 200,
            body: JSON.canonical([
                "resource": .string(settings.resource(of: route)), "authorization_servers": .array(issuers),
                "bearer_methods_supported": ["header"],
            ])
        )
    }

    // MARK: Streams and the end of sessions

    private func get(_ route: GatewayConfiguration.Route, _ caller: Caller, _ now: Timestamp) -> Outcome {
        guard request.head.framing == .none else { return refuse(400, "body") }
        if route.transport == .sse { return openStream(route, caller, now) }
        guard let session = openSession(route, caller, now) else { return noSession() }
        var fields: [(name: String, value: String)] = []
        let last = head.value(of: .lastEventID)
        if let last {
            // Only what this session was given can be resumed from: event ids are not secrets.
            guard session.gaveEvent(last) else { return refuse(400, "last-event-id") }
            fields.append((FieldName.lastEventID.text, last))
        }
        return .pass(passage(.get, route, caller, session, fields))
    }

    /// The stream of the transport of two endpoints (2024-11-05), which is the session.
    private func openStream(
        _ route: GatewayConfiguration.Route,
        _ caller: Caller,
        _ now: Timestamp
    ) -> Outcome {
        var random = SystemRandomNumberGenerator()
        let id = Hexadecimal.encode((0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
        let session = ProtocolSession(
            id: id,
            route: route.path,
            caller: caller,
            revision: .v2024_11_05,
            clientName: nil,
            at: now
        )
        guard shared.sessions.open(session) else { return refuse(503, "sessions") }
        return .pass(passage(.get, route, caller, session, []))
    }

    /// The session of two endpoints that a message belongs to: its id stands in the query.
    private func streamSession(_ route: GatewayConfiguration.Route, _ caller: Caller) -> ProtocolSession? {
        guard let query = request.head.query, query.hasPrefix("session="),
            let session = shared.sessions.find(String(query.dropFirst(8)), route: route.path),
            session.principal == caller.principal.id, session.state.withLock({ $0.endpoint != nil })
        else { return nil }
        return session
    }

    /// A stream, or its end, on a session that is kept elsewhere: whoever is proven and not denied may have it.
    private func stream(_ route: GatewayConfiguration.Route, _ caller: Caller) -> Outcome {
        guard request.head.framing == .none, route.transport == .streamable else { return refuse(400, "body") }
        return .pass(
            Passage(
                verb: request.head.method == .get ? .get : .delete,
                route: route,
                revision: .latestLegacy,
                caller: caller,
                session: nil,
                body: ByteBuffer(),
                calls: [],
                fields: [],
                entries: []
            )
        )
    }

    private func delete(_ route: GatewayConfiguration.Route, _ caller: Caller, _ now: Timestamp) -> Outcome {
        guard let session = openSession(route, caller, now) else { return noSession() }
        return .pass(passage(.delete, route, caller, session, []))
    }

    private func passage(
        _ verb: Passage.Verb,
        _ route: GatewayConfiguration.Route,
        _ caller: Caller,
        _ session: ProtocolSession,
        _ fields: [(name: String, value: String)]
    ) -> Passage {
        Passage(
            verb: verb,
            route: route,
            revision: session.revision,
            caller: caller,
            session: session,
            body: ByteBuffer(),
            calls: [],
            fields: fields,
            entries: []
        )
    }

    /// The session that the request names, if it is the caller's, of this route, and of the revision that the head says.
    private func openSession(
        _ route: GatewayConfiguration.Route,
        _ caller: Caller,
        _ now: Timestamp
    ) -> ProtocolSession? {
        guard let id = head.value(of: .session), let session = shared.sessions.find(id, route: route.path),
            session.principal == caller.principal.id, isOneOfItsOwn(session, caller)
        else { return nil }
        if let text = head.value(of: .protocolVersion), text != session.revision.rawValue { return nil }
        session.state.withLock { $0.lastUse = now }
        return session
    }

    /// A canary has no part in the sessions of its principal, nor the principal in those of a canary.
    private func isOneOfItsOwn(_ session: ProtocolSession, _ caller: Caller) -> Bool {
        guard session.caller.canary != nil || caller.canary != nil else { return true }
        return session.caller.credentials == caller.credentials
    }

    private func noSession() -> Outcome {
        // The era without sessions has no streams and nothing to end.
        if head.value(of: .protocolVersion).flatMap(ProtocolRevision.init(rawValue:))?.era == .modern {
            return .answer(Answer(status: 405, reason: "method", fields: [(.allow, "POST")]))
        }
        shared.counters.count(.refused)
        observation.refused(.refused, "no-session", fault: GatewayError.noSession.code)
        guard head.has(.session) else {
            return .answer(Answer(status: 405, reason: "no-session", fields: [(.allow, "POST")]))
        }
        return unknownSession()
    }

    private func unknownSession() -> Outcome {
        observation.refused(.refused, "no-session", fault: GatewayError.noSession.code)
        return .answer(Answer(status: 404, body: GatewayError.noSession.body(id: nil)))
    }

    // MARK: Messages

    private func post(_ route: GatewayConfiguration.Route, _ caller: Caller, _ now: Timestamp) -> Outcome {
        guard head.value(of: .contentType).map(MediaType.isJSON) ?? false else { return refuse(415, "content-type") }
        guard !head.has(.contentEncoding) else { return refuse(415, "content-encoding") }
        var session: ProtocolSession?
        let spoken: ProtocolRevision
        do throws(Refusal) {
            if route.transport == .sse {
                guard let known = streamSession(route, caller) else { return refuse(404, "session") }
                let said = try HeaderAgreement.revision(of: head.mirrored, session: nil)
                guard said?.era != .modern else { return refuse(400, "revision") }
                known.state.withLock { $0.lastUse = now }
                return messages(route, caller, known, known.revision, now)
            }
            let stated = try HeaderAgreement.revision(of: head.mirrored, session: nil)
            // The era without sessions passes over the id (2026-07-28, transports).
            if !isForwardedByOthers, let id = head.value(of: .session), stated?.era != .modern {
                guard let known = shared.sessions.find(id, route: route.path),
                    known.principal == caller.principal.id
                else { return unknownSession() }
                _ = try HeaderAgreement.revision(of: head.mirrored, session: known.revision)
                known.state.withLock { $0.lastUse = now }
                session = known
            }
            // Who says nothing speaks the revision that had no header yet (2025-06-18, transports).
            spoken = session?.revision ?? stated ?? .v2025_03_26
        } catch {
            return refuse(error)
        }
        return messages(route, caller, session, spoken, now)
    }

    private func messages(
        _ route: GatewayConfiguration.Route,
        _ caller: Caller,
        _ session: ProtocolSession?,
        _ spoken: ProtocolRevision,
        _ now: Timestamp
    ) -> Outcome {
        let messages: [PassingMessage]
        let isBatch: Bool
        let bytes = request.body.readableBytesUInt8Span
        switch worker.reader.read(bytes, as: spoken, from: .client) {
        case .refused(let refusal): return refuse(refusal)
        case .message(let message): (messages, isBatch) = ([message], false)
        case .batch(let all): (messages, isBatch) = (all, true)
        }
        let incoming = Incoming(
            worker: worker,
            body: request.body,
            peer: isForwardedByOthers ? nil : request.peer,
            head: Incoming.Head(
                mirrored: head.mirrored,
                namesSession: head.has(.session),
                hasParameters: head.has(.parameter)
            ),
            isForwardedByOthers: isForwardedByOthers
        )
        var judge = Judge(incoming, route: route, caller: caller, revision: spoken, session: session, now: now)
        let ruling = judge.run(messages, isBatch: isBatch)
        observe(messages, judge, ruling)
        let outcome: Outcome =
            switch ruling {
            case .passes(let passage): .pass(withTrace(passage))
            case .refused(let refusal): refuse(refusal)
            case .answered(let status, let body): .answer(Answer(status: status, body: body))
            case .denied: refuse(403, "denied")
            }
        guard route.transport == .sse, let session else { return outcome }
        return onStream(outcome, session)
    }

    /// What is said about a message of two endpoints comes on the stream, and so does the server's answer.
    private func onStream(_ outcome: Outcome, _ session: ProtocolSession) -> Outcome {
        switch outcome {
        case .answer(let answer):
            guard answer.status == 200, let push = session.state.withLock(\.push) else { return outcome }
            push(EventStream.Event(data: answer.body).encoded)
            return .answer(Answer(status: 202))
        case .pass(var passage):
            let isTaken = session.state.withLock { state in
                guard state.open.count + passage.calls.count <= ProtocolSession.mostOpen else { return false }
                for call in passage.calls { state.open[ReleaseDesk.key(call.id)] = call }
                passage.upstreamPath = state.endpoint
                return true
            }
            guard isTaken else { return refuse(429, "calls") }
            passage.calls = []
            return .pass(passage)
        }
    }
}

/// The types of content that the transport has (RFC 9110 §8.3).
enum MediaType {
    /// `application/json`, and at most one parameter, which says UTF-8.
    static func isJSON(_ value: String) -> Bool { matches(value, "application/json") }

    static func isEventStream(_ value: String) -> Bool { matches(value, "text/event-stream") }

    private static func matches(_ value: String, _ type: String) -> Bool {
        if value == type { return true }
        let parts = value.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard let first = parts.first, MessageHead.isSame(first, type), parts.count <= 2 else { return false }
        guard parts.count == 2 else { return true }
        let parameter = parts[1].split(separator: UInt8(ascii: "="), omittingEmptySubsequences: false)
        guard parameter.count == 2, MessageHead.isSame(parameter[0], "charset") else { return false }
        return ["utf-8", "\"utf-8\"", "utf8"].contains { MessageHead.isSame(parameter[1], $0) }
    }
}
