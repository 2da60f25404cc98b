import Core
import NIOHTTP1
import Wire

/// A server behind the Streamable HTTP transport, in both its shapes, at `/mcp`.
struct StreamableHTTP: Site {
    static let path = "/mcp"

    let server: LabServer
    let answersAsEvents: Bool
    let gate: Gate

    func reply(to request: HTTPRequest) -> HTTPReply {
        if let reply = LabControl.reply(to: request, server: server) ?? gate.reply(to: request) { return reply }
        guard request.path == Self.path else { return HTTPReply(.notFound) }
        switch request.method {
        case .POST: return post(request)
        case .DELETE: return delete(request)
        default: return HTTPReply(.methodNotAllowed, headers: [("Allow", "POST, DELETE")])
        }
    }

    private func post(_ request: HTTPRequest) -> HTTPReply {
        let accept = request.headers[canonicalForm: "accept"].joined(separator: ",")
        guard accept.contains("*/*") || (accept.contains("application/json") && accept.contains("text/event-stream"))
        else { return HTTPReply(.notAcceptable) }
        let value: JSON.Value
        do throws(JSON.ScanError) {
            value = try JSON.parse(request.body)
        } catch {
            return refusal(JSONRPC.Failure(.parse, "Parse error"), id: nil)
        }
        return isModern(value, request) ? modern(value, request) : legacy(value, request)
    }

    /// The way a client opens decides the era, request by request.
    private func isModern(_ value: JSON.Value, _ request: HTTPRequest) -> Bool {
        guard !server.blueprint.modernRevisions.isEmpty else { return false }
        if server.blueprint.legacyRevisions.isEmpty { return true }
        let header = request.headers.first(name: MCPHeader.protocolVersion)
        return value["params"]?["_meta"]?[MetaKey.protocolVersion] != nil
            || header.flatMap(ProtocolRevision.init(rawValue:))?.era == .modern
    }

    // MARK: 2026-07-28

    private func modern(_ value: JSON.Value, _ request: HTTPRequest) -> HTTPReply {
        let message: JSONRPC.Message
        do throws(Malformed) {
            message = try JSONRPC.Message(value)
        } catch {
            return refusal(JSONRPC.Failure(.invalidRequest, "Invalid request"), id: nil)
        }
        guard case .request(let call) = message else { return HTTPReply(.accepted) }
        if call.method == "initialize", server.blueprint.legacyRevisions.isEmpty {
            return refusal(server.unsupported(call.params?.text("protocolVersion") ?? ""), id: call.id)
        }
        if let mismatch = headerMismatch(call, request.headers) { return refusal(mismatch, id: call.id) }
        if call.method == "tools/list", let sabotage = server.blueprint.sabotage { return sabotage(call) }
        guard let response = server.answer(message, revision: .v2026_07_28) else { return HTTPReply(.accepted) }
        return answer([response], isBatch: false, status: Self.status(response.failure))
    }

    /// Headers must repeat the body, so that who decides on headers decides on what is done.
    private func headerMismatch(_ call: JSONRPC.Request, _ headers: HTTPHeaders) -> JSONRPC.Failure? {
        func only(_ name: String) -> String? {
            let values = headers[name]
            return values.count == 1 ? values[0] : nil
        }
        let meta = call.params?["_meta"]?.object
        guard meta?[MetaKey.protocolVersion] == only(MCPHeader.protocolVersion).map(JSON.Value.string) else {
            return JSONRPC.Failure(.headerMismatch, "\(MCPHeader.protocolVersion) does not match the body")
        }
        guard only(MCPHeader.method) == call.method else {
            return JSONRPC.Failure(.headerMismatch, "\(MCPHeader.method) does not match the body")
        }
        if let member = MCPHeader.namedMember(of: call.method), let name = call.params?[member]?.string,
            only(MCPHeader.name).flatMap(MCPHeader.decode) != name
        {
            return JSONRPC.Failure(.headerMismatch, "\(MCPHeader.name) does not match the body")
        }
        return nil
    }

    private static func status(_ failure: JSONRPC.Failure?) -> HTTPResponseStatus {
        switch failure?.known {
        case nil: .ok
        case .methodNotFound: .notFound
        case .internal: .internalServerError
        default: .badRequest
        }
    }

    private func refusal(_ failure: JSONRPC.Failure, id: JSONRPC.ID?) -> HTTPReply {
        .json(JSONRPC.Response(id: id, failure: failure).encoded, status: .badRequest)
    }

    // MARK: Up to 2025-11-25

    private func legacy(_ value: JSON.Value, _ request: HTTPRequest) -> HTTPReply {
        let revision: ProtocolRevision
        switch settleRevision(value, request) {
        case .failure(let failed): return failed.reply
        case .success(let settled): revision = settled
        }
        let body: JSONRPC.Body
        do throws(Malformed) {
            body = try JSONRPC.body(value, revision: revision)
        } catch {
            return refusal(JSONRPC.Failure(.invalidRequest, "Invalid request"), id: nil)
        }
        if let sabotage = server.blueprint.sabotage, case .single(.request(let call)) = body,
            call.method == "tools/list"
        {
            return sabotage(call)
        }
        let responses = body.messages.compactMap { server.answer($0, revision: revision) }
        guard !responses.isEmpty else { return HTTPReply(.accepted) }
        var headers: [(String, String)] = []
        if value["method"] == "initialize", server.blueprint.hasSessions {
            headers.append((MCPHeader.session, server.openSession(revision)))
        }
        let isBatch = if case .batch = body { true } else { false }
        return answer(responses, isBatch: isBatch, status: .ok, headers: headers)
    }

    private struct Refused: Error {
        var reply: HTTPReply
    }

    private func settleRevision(_ value: JSON.Value, _ request: HTTPRequest) -> Result<ProtocolRevision, Refused> {
        func refused(_ status: HTTPResponseStatus, _ message: String) -> Result<ProtocolRevision, Refused> {
            let failure = JSONRPC.Response(id: nil, failure: JSONRPC.Failure(.invalidRequest, message))
            return .failure(Refused(reply: .json(failure.encoded, status: status)))
        }
        let supported = server.blueprint.legacyRevisions
        guard let newest = supported.first else { return refused(.badRequest, "No legacy revision is supported") }
        if value["method"] == "initialize" {
            let asked = value["params"]?["protocolVersion"]?.string.flatMap(ProtocolRevision.init(rawValue:))
            return .success(asked.flatMap { supported.contains($0) ? $0 : nil } ?? newest)
        }
        if let header = request.headers.first(name: MCPHeader.protocolVersion) {
            guard let revision = ProtocolRevision(rawValue: header), supported.contains(revision) else {
                return refused(.badRequest, "Unsupported protocol version")
            }
        }
        guard server.blueprint.hasSessions else {
            let header = request.headers.first(name: MCPHeader.protocolVersion)
            return .success(header.flatMap(ProtocolRevision.init(rawValue:)) ?? newest)
        }
        guard let session = request.headers.first(name: MCPHeader.session) else {
            return refused(.badRequest, "Missing session id")
        }
        guard let revision = server.revision(ofSession: session) else { return refused(.notFound, "Session not found") }
        return .success(revision)
    }

    private func delete(_ request: HTTPRequest) -> HTTPReply {
        guard !server.blueprint.legacyRevisions.isEmpty, server.blueprint.hasSessions else {
            return HTTPReply(.methodNotAllowed, headers: [("Allow", "POST")])
        }
        let session = request.headers.first(name: MCPHeader.session)
        return HTTPReply(session.map { server.closeSession($0) } == true ? .ok : .notFound)
    }

    private func answer(
        _ responses: [JSONRPC.Response],
        isBatch: Bool,
        status: HTTPResponseStatus,
        headers: [(String, String)] = []
    ) -> HTTPReply {
        if answersAsEvents, status == .ok {
            let events = responses.flatMap { EventStream.Event(data: $0.encoded).encoded }
            return HTTPReply(.ok, headers: HTTPReply.eventStreamHeaders + headers, body: .bytes(events))
        }
        let bytes = isBatch ? JSON.canonical(.array(responses.map(\.value))) : responses[0].encoded
        return .json(bytes, status: status, headers: headers)
    }
}
