import Core
import Wire

/// The questions put to one path of one server in the words of MCP, and what came back.
///
/// The decisions are `EraProbe`'s and `Listing`'s; this drives them over HTTP and notes what could not be learned.
struct Conversation {
    /// A session that the server opened and that must be ended again.
    struct Session {
        var id: String
        var revision: ProtocolRevision
    }

    let client: HTTPClient
    /// The path with its query.
    let path: String
    let calls: Calls
    let token: Redacted<String>?
    private(set) var report = EraProbe.http().report
    private(set) var definitions: [Definition] = []
    /// What could not be learned, in words for people; never twice the same.
    private(set) var gaps: [String] = []
    /// Lists that want a token.
    private(set) var guardedLists: [ListKind] = []
    private(set) var answeredLists: [ListKind] = []
    /// Whether the list of tools was read, or the server has none.
    private(set) var areToolsKnown = true
    /// The last status that was no answer, and the last failure: what to say about a server that is none of ours.
    private(set) var lastAnswer: HTTPExchange.Answer?
    private(set) var lastFailure: HTTPExchange.Failure?
    private var sessions: [Session] = []
    private var lastID: Int64 = 0

    init(client: HTTPClient, path: String, calls: Calls, token: Redacted<String>? = nil) {
        self.client = client
        self.path = path
        self.calls = calls
        self.token = token
    }

    /// The message that is tried first on every path.
    var opening: JSONRPC.Request { calls.discover(id: .integer(0), revision: .latest) }

    /// The first question, as it goes over the wire; asked before anything is known of the server.
    var openingRequest: HTTPExchange.Request { request(.request(opening), revision: .latest) }

    /// Settles which revisions are spoken.
    ///
    /// `first` is the answer to `openingRequest`, if it has been sent.
    mutating func introduce(
        first: Result<HTTPExchange.Answer, HTTPExchange.Failure>? = nil,
        depth: EraProbe.Depth
    ) async {
        var first = first
        var probe = EraProbe.http(depth: depth)
        while let question = probe.question {
            switch question {
            case .discover(let revision, _):
                let message = first == nil ? calls.discover(id: nextID(), revision: revision) : opening
                let answer: EraProbe.Answer
                if let early = first {
                    answer = read(early, id: message.id, revision: revision)
                    first = nil
                } else {
                    answer = await ask(message, revision: revision)
                }
                probe.receive(answer)
            case .initialize(let offered, let route):
                probe.receive(await initialize(offered, route))
            case .openEventStream:
                probe.receive(await openEventStream())
            }
        }
        report = probe.report
    }

    /// Reads every list that the server says it offers.
    mutating func readLists(_ limits: Listing.Limits) async {
        guard let introduction = report.modern ?? report.legacy else { return }
        let revision: ProtocolRevision
        if report.modern != nil {
            revision = introduction.revisions.first { $0.era == .modern } ?? .latest
        } else {
            revision = introduction.revisions.first ?? .latestLegacy
            await notify(calls.initialized, revision: revision)
        }
        for kind in ListKind.allCases where introduction.lists.contains(kind) || kind == .tools {
            await read(kind, limits, revision: revision, isOffered: introduction.lists.contains(kind))
        }
    }

    /// Ends the sessions that were opened, as the specification asks of a client that leaves.
    mutating func leave() async {
        for session in sessions {
            var headers = [(name: MCPHeader.session, value: session.id)]
            if session.revision.requiredHeaders.contains(MCPHeader.protocolVersion) {
                headers.append((MCPHeader.protocolVersion, session.revision.rawValue))
            }
            _ = try? await client.send(
                HTTPExchange.Request(method: "DELETE", path: path, headers: headers + authorization)
            )
        }
        sessions = []
    }

    mutating func note(_ gap: String) {
        if !gaps.contains(gap), gaps.count < 32 { gaps.append(gap) }
    }
}

// MARK: - Questions

extension Conversation {
    private mutating func nextID() -> JSONRPC.ID {
        lastID += 1
        return .integer(lastID)
    }

    private var authorization: [(name: String, value: String)] {
        token.map { [(name: "Authorization", value: "Bearer " + $0.revealed)] } ?? []
    }

    private func request(
        _ message: JSONRPC.Message,
        revision: ProtocolRevision,
        at path: String? = nil,
        session: String? = nil
    ) -> HTTPExchange.Request {
        let id: JSONRPC.ID? = if case .request(let request) = message { request.id } else { nil }
        return HTTPExchange.Request(
            method: "POST",
            path: path ?? self.path,
            headers: message.headers(revision: revision, session: session) + authorization,
            body: message.encoded,
            isAnswer: { event in
                guard let id, let body = try? JSONRPC.parse(event.data, revision: revision) else { return false }
                return Self.response(to: id, in: body) != nil
            }
        )
    }

    private mutating func ask(
        _ message: JSONRPC.Request,
        revision: ProtocolRevision,
        session: String? = nil
    ) async -> EraProbe.Answer {
        let result = await send(request(.request(message), revision: revision, session: session))
        return read(result, id: message.id, revision: revision)
    }

    private func send(_ request: HTTPExchange.Request) async -> Result<HTTPExchange.Answer, HTTPExchange.Failure> {
        do throws(HTTPExchange.Failure) {
            return .success(try await client.send(request))
        } catch {
            return .failure(error)
        }
    }

    private mutating func initialize(_ offered: ProtocolRevision, _ route: EraProbe.Route) async -> EraProbe.Answer {
        let message = calls.initialize(id: nextID(), offering: offered)
        if case .eventStream(let endpoint) = route {
            return await askOnStream(message, revision: offered, endpoint: endpoint)
        }
        let result = await send(request(.request(message), revision: offered))
        if case .success(let answer) = result, (200..<300).contains(answer.status),
            let id = answer.value(MCPHeader.session)
        {
            if !id.isEmpty, id.utf8.count <= 1024, id.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
                sessions.append(Session(id: id, revision: offered))
            } else {
                note("the session id is not one that may be sent back")
            }
        }
        return read(result, id: message.id, revision: offered)
    }

    private mutating func openEventStream() async -> EraProbe.Answer {
        do throws(HTTPExchange.Failure) {
            if let status = try await client.subscribe(path, headers: authorization) { return .status(status) }
        } catch {
            lastFailure = error
            return .nothing
        }
        // The first event names the address; a server that sends others first is given a few tries.
        for _ in 0..<4 {
            guard let event = await client.nextEvent() else { return .nothing }
            if event.type == "endpoint" { return .endpoint(event.text) }
        }
        return .nothing
    }

    private mutating func askOnStream(
        _ message: JSONRPC.Request,
        revision: ProtocolRevision,
        endpoint: String
    ) async -> EraProbe.Answer {
        guard let target = LegacyEndpoint(endpoint, origin: client.origin.text, streamPath: path) else {
            note("the event stream names an address elsewhere, which was not asked")
            return .nothing
        }
        let posted = await send(request(.request(message), revision: revision, at: target.path))
        guard case .success(let answer) = posted else { return read(posted, id: message.id, revision: revision) }
        guard answer.status == 202 || (answer.status == 200 && answer.body.first != UInt8(ascii: "{")) else {
            return read(posted, id: message.id, revision: revision)
        }
        for _ in 0..<client.limits.events {
            guard let event = await client.nextEvent() else { break }
            guard let body = try? JSONRPC.parse(event.data, revision: revision) else {
                note("an event of the stream is not acceptable json")
                continue
            }
            if let response = Self.response(to: message.id, in: body) { return .response(response) }
        }
        return .nothing
    }

    private mutating func notify(_ message: JSONRPC.Notification, revision: ProtocolRevision) async {
        let target = report.endpoint.flatMap { LegacyEndpoint($0, origin: client.origin.text, streamPath: path) }
        _ = await send(
            request(.notification(message), revision: revision, at: target?.path, session: sessions.first?.id)
        )
    }
}

// MARK: - Answers

extension Conversation {
    /// Makes of an exchange what the era probe wants to know.
    private mutating func read(
        _ result: Result<HTTPExchange.Answer, HTTPExchange.Failure>,
        id: JSONRPC.ID,
        revision: ProtocolRevision
    ) -> EraProbe.Answer {
        switch result {
        case .failure(let failure):
            lastFailure = failure
            note(failure.reason)
            return .nothing
        case .success(let answer):
            lastAnswer = answer
            if answer.isRedirect {
                note("it redirects elsewhere, which was not followed")
                return .status(answer.status)
            }
            if answer.status == 401 || (answer.status == 403 && answer.value("www-authenticate") != nil) {
                return .challenge(status: answer.status, challenges(answer))
            }
            if let response = response(answer, id: id, revision: revision) { return .response(response) }
            return .status(answer.status)
        }
    }

    private mutating func challenges(_ answer: HTTPExchange.Answer) -> [AuthenticationChallenge] {
        var all: [AuthenticationChallenge] = []
        for value in answer.values("www-authenticate").prefix(8) {
            if let parsed = AuthenticationChallenge.parse(value) {
                all += parsed
            } else {
                note("a `WWW-Authenticate` header breaks its grammar")
            }
        }
        return all
    }

    private mutating func response(
        _ answer: HTTPExchange.Answer,
        id: JSONRPC.ID,
        revision: ProtocolRevision
    ) -> JSONRPC.Response? {
        if answer.isEventStream {
            for event in answer.events {
                if let body = try? JSONRPC.parse(event.data, revision: revision),
                    let response = Self.response(to: id, in: body)
                {
                    return response
                }
            }
            if !answer.events.isEmpty { note("no event of the answer is the response that was asked for") }
            return nil
        }
        let isJSON = answer.value("content-type")?.lowercased().hasPrefix("application/json") == true
        guard !answer.body.isEmpty, isJSON || answer.body.first == UInt8(ascii: "{") else { return nil }
        do throws(Malformed) {
            let body = try JSONRPC.parse(answer.body, revision: revision)
            if let response = Self.response(to: id, in: body) { return response }
            // Servers in the field answer what they refuse altogether with an id of their own.
            if case .single(.response(let other)) = body, other.failure != nil { return other }
            if (200..<300).contains(answer.status) { note("the answer is not the response that was asked for") }
        } catch {
            if (200..<300).contains(answer.status), isJSON { note(error.description) }
        }
        return nil
    }

    private static func response(to id: JSONRPC.ID, in body: JSONRPC.Body) -> JSONRPC.Response? {
        for case .response(let response) in body.messages where response.id == id { return response }
        return nil
    }
}

// MARK: - Lists

extension Conversation {
    private mutating func read(
        _ kind: ListKind,
        _ limits: Listing.Limits,
        revision: ProtocolRevision,
        isOffered: Bool
    ) async {
        let words = Self.words(kind)
        var listing = Listing(kind, limits: limits)
        while let message = listing.request(calls, id: nextID(), revision: revision) {
            let answer: EraProbe.Answer
            if report.modern == nil, let endpoint = report.endpoint {
                answer = await askOnStream(message, revision: revision, endpoint: endpoint)
            } else {
                let session = report.modern == nil ? sessions.first?.id : nil
                answer = await ask(message, revision: revision, session: session)
            }
            guard case .response(let response) = answer else {
                if case .challenge(_, let challenges) = answer {
                    guardedLists.append(kind)
                    report.isChallenged = true
                    report.challenges += challenges.filter { !report.challenges.contains($0) }
                    note("the list of \(words) is behind authentication")
                } else if isOffered {
                    note("the list of \(words) was not answered")
                }
                break
            }
            listing.receive(response)
        }
        definitions += listing.definitions
        if listing.stop != nil { answeredLists.append(kind) }
        if kind == .tools {
            let isRead = Self.isRead(listing.stop, refusals: listing.refusals.count)
            areToolsKnown = !listing.definitions.isEmpty || (isOffered ? isRead : !guardedLists.contains(.tools))
        }
        if let trouble = Self.trouble(listing.stop, words: words, isOffered: isOffered) { note(trouble) }
        for refusal in listing.refusals.prefix(4) {
            note("entry \(refusal.index) of the list of \(words) is malformed: \(refusal.reason)")
        }
        if !listing.duplicates.isEmpty { note("the list of \(words) names \(listing.duplicates.count) of them twice") }
    }

    /// Whether a list without an entry says that there are none; one whose entries were all refused does not.
    static func isRead(_ stop: Listing.Stop?, refusals: Int) -> Bool {
        if case .complete = stop { return refusals == 0 }
        return false
    }

    static func words(_ kind: ListKind) -> String { kind == .resourceTemplates ? "resource templates" : kind.rawValue }

    /// Why a list is not complete, or nothing where it is or was never offered.
    static func trouble(_ stop: Listing.Stop?, words: String, isOffered: Bool) -> String? {
        switch stop {
        case nil, .complete: nil
        case .cursorRepeated: "the list of \(words) leads in a circle"
        case .pageLimit(let limit): "the list of \(words) has more than \(limit) pages"
        case .entryLimit(let limit): "the list of \(words) has more than \(limit) entries"
        // Resources may be offered without templates; nothing tells beforehand.
        case .refused(let failure) where failure.known == .methodNotFound && words == self.words(.resourceTemplates):
            nil
        case .refused(let failure):
            isOffered ? "the list of \(words) was refused with code \(failure.code)" : nil
        case .malformed(let reason): "the list of \(words) is malformed: \(reason)"
        }
    }
}
