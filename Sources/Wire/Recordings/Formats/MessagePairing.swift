import Core

/// Pairs JSON-RPC requests for tool calls with their responses, connection by connection.
///
/// Both sides number their requests on their own, so where the direction is known a response counts only if it goes the
/// other way. A request that nobody answers is `lost`, one that was given up is `cancelled`.
struct MessagePairing: Sendable {
    /// Who wrote a message; nil where the recording does not tell.
    enum Origin: Sendable { case client, server }

    /// One message and what the recording tells of it.
    struct Observed: Sendable {
        var message: JSON.Value
        var connection = ""
        var origin: Origin?
        var time: Timestamp?
        var server: String?
        var line: Int
    }

    private struct Key: Hashable, Sendable {
        var connection: String
        var id: JSONRPC.ID
    }

    /// What is known of a connection from its opening.
    private struct Connection: Sendable {
        var client: (name: String, version: String?)?
        var server: String?
    }

    private enum Pending: Sendable {
        case call(Int)
        case opening
        case other
    }

    private var pending: [Key: Pending] = [:]
    private var connections: [String: Connection] = [:]
    private var placesOf: [String: [Int]] = [:]

    /// Takes one message or batch; returns the drafts that it opened.
    @discardableResult
    mutating func take(_ observed: Observed, into calls: inout DraftCalls) -> [Int] {
        if let batch = observed.message.array {
            guard batch.count <= JSONRPC.batchLimit else {
                calls.quarantine(.shape, at: observed.line)
                return []
            }
            return batch.compactMap { element in
                var one = observed
                one.message = element
                return single(one, &calls)
            }
        }
        return single(observed, &calls).map { [$0] } ?? []
    }

    private mutating func single(_ observed: Observed, _ calls: inout DraftCalls) -> Int? {
        guard let object = observed.message.object else {
            calls.quarantine(.shape, at: observed.line)
            return nil
        }
        let answers = object["result"] != nil || object["error"] != nil
        guard let method = object["method"]?.string else {
            if answers { answer(object, observed, &calls) } else { calls.quarantine(.shape, at: observed.line) }
            return nil
        }
        guard !answers else {
            calls.quarantine(.shape, at: observed.line)
            return nil
        }
        guard let id = object["id"], !id.isNull else {
            if method == "notifications/cancelled" { cancel(object, observed, &calls) }
            calls.skip(method)
            return nil
        }
        guard let id = Self.id(id) else {
            calls.quarantine(.messageID, at: observed.line)
            return nil
        }
        return request(method, id, object["params"]?.object ?? [:], observed, &calls)
    }

    private mutating func request(
        _ method: String,
        _ id: JSONRPC.ID,
        _ params: JSON.Object,
        _ observed: Observed,
        _ calls: inout DraftCalls
    ) -> Int? {
        // A server's own requests (sampling, elicitation) have ids of their own.
        if observed.origin == .server {
            calls.skip(method)
            return nil
        }
        let key = Key(connection: observed.connection, id: id)
        if let open = pending[key] {
            calls.note(.duplicateID)
            if case .call(let place) = open { calls.drafts[place].end(.lost) }
        }
        let meta = params["_meta"]
        if method == "initialize" || method == "server/discover" {
            learnClient(params["clientInfo"] ?? meta?[MetaKey.clientInfo], of: observed.connection, &calls)
            pending[key] = .opening
            calls.skip(method)
            return nil
        }
        guard method == "tools/call" else {
            // Only so that its answer is not taken for a stray one.
            if pending.count < calls.settings.limits.calls { pending[key] = .other }
            calls.skip(method)
            return nil
        }
        if meta?[MetaKey.clientInfo] != nil { learnClient(meta?[MetaKey.clientInfo], of: observed.connection, &calls) }
        var draft = CallDraft(tool: params["name"]?.string ?? "", line: observed.line)
        draft.time = observed.time
        draft.connection = observed.connection
        draft.server = observed.server ?? connections[observed.connection]?.server
        draft.trace = RecordedValue.trace(parent: meta?["traceparent"]?.string)
        if let arguments = params["arguments"], !arguments.isNull {
            draft.arguments = arguments.object
            if draft.arguments == nil { calls.note(.unreadableArguments) }
        } else {
            draft.arguments = [:]
        }
        draft.end(.lost)
        if let client = connections[observed.connection]?.client { Self.name(client, in: &draft) }
        guard let place = calls.append(draft) else {
            pending[key] = nil
            return nil
        }
        pending[key] = .call(place)
        placesOf[observed.connection, default: []].append(place)
        return place
    }

    private mutating func answer(_ object: JSON.Object, _ observed: Observed, _ calls: inout DraftCalls) {
        if observed.origin == .client { return calls.skip("response") }
        guard let written = object["id"], !written.isNull else { return calls.note(.unmatchedResponse) }
        guard let id = Self.id(written) else { return calls.quarantine(.messageID, at: observed.line) }
        switch pending.removeValue(forKey: Key(connection: observed.connection, id: id)) {
        case nil: calls.note(.unmatchedResponse)
        case .other: break
        case .opening:
            let info = object["result"]?["serverInfo"] ?? object["result"]?["_meta"]?[MetaKey.serverInfo]
            guard let name = info?["name"]?.string else { return }
            connections[observed.connection, default: Connection()].server = name
            for place in placesOf[observed.connection] ?? [] {
                calls.drafts[place].server = calls.drafts[place].server ?? name
            }
        case .call(let place): Self.finish(&calls.drafts[place], object, at: observed.time, &calls.report)
        }
    }

    /// Marks a call as answered where the answer itself cannot be read.
    mutating func answerUnread(_ id: JSONRPC.ID, isError: Bool, _ observed: Observed, into calls: inout DraftCalls) {
        calls.note(.truncatedMessage)
        guard let open = pending.removeValue(forKey: Key(connection: observed.connection, id: id)) else {
            return calls.note(.unmatchedResponse)
        }
        guard case .call(let place) = open else { return }
        calls.drafts[place].end(isError ? .rpcError : .ok)
        if let start = calls.drafts[place].time, let end = observed.time, end >= start {
            calls.drafts[place].duration = end - start
        }
    }

    private static func finish(
        _ draft: inout CallDraft,
        _ object: JSON.Object,
        at time: Timestamp?,
        _ report: inout ImportReport
    ) {
        if let start = draft.time, let time {
            if time < start {
                report.notices[.clockBackwards, default: 0] += 1
            } else if draft.duration == nil {
                draft.duration = time - start
            }
        }
        if let error = object["error"], !error.isNull {
            // Clients of the TypeScript SDK log their own time limit under this code.
            draft.end(error["code"]?.int == -32001 ? .timeout : .rpcError)
            draft.result = CallRecord.Result(text: error["message"]?.string, isError: true)
            return
        }
        let result = RecordedValue.result(object["result"] ?? .null)
        let isError = result.isError || object["result"]?["isError"]?.bool == true
        draft.result = result
        draft.end(isError ? .toolError : .ok)
    }

    private mutating func cancel(_ object: JSON.Object, _ observed: Observed, _ calls: inout DraftCalls) {
        guard let id = (object["params"]?["requestId"]).flatMap({ Self.id($0) }),
            case .call(let place)? = pending[Key(connection: observed.connection, id: id)]
        else { return }
        calls.drafts[place].end(.cancelled)
    }

    private mutating func learnClient(_ info: JSON.Value?, of connection: String, _ calls: inout DraftCalls) {
        guard let name = info?["name"]?.string, !name.isEmpty else { return }
        let client = (name: name, version: info?["version"]?.string)
        let isNew = connections[connection]?.client == nil
        connections[connection, default: Connection()].client = client
        // Later openings name later calls only; in the modern era every request names its client.
        guard isNew else { return }
        for place in placesOf[connection] ?? [] where calls.drafts[place].clientName == nil {
            Self.name(client, in: &calls.drafts[place])
        }
    }

    /// The client's own word for itself: a name, and no proof.
    private static func name(_ client: (name: String, version: String?), in draft: inout CallDraft) {
        draft.clientName = client.name
        draft.clientVersion = client.version
        draft.principal = draft.principal ?? CallRecord.Principal(id: client.name, kind: .declared)
    }

    static func id(_ value: JSON.Value) -> JSONRPC.ID? {
        if let number = value.int { return .integer(number) }
        return value.string.map { .string($0) }
    }
}
