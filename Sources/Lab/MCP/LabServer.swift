import Core
import Synchronization
import Wire

/// A running server: a blueprint and what has happened to it so far.
///
/// It speaks JSON-RPC and knows of no transport.
final class LabServer: Sendable {
    private struct State {
        var listCalls = 0
        var hasDrifted = false
        var sessions: [String: ProtocolRevision] = [:]
        var numbers: SeededNumbers
    }

    let blueprint: Blueprint
    /// The count of `tools/list` calls after which a drifting server drifts; 0 leaves it to `drift()`.
    private let driftAfter: Int
    /// Guards everything that changes; the servers share event loops.
    private let state: Mutex<State>

    init(_ blueprint: Blueprint, seed: UInt64, driftAfter: Int) {
        self.blueprint = blueprint
        self.driftAfter = driftAfter
        state = Mutex(State(numbers: SeededNumbers(seed: seed)))
    }

    // MARK: Sessions

    func openSession(_ revision: ProtocolRevision) -> String {
        state.withLock { state in
            let id = "lab-" + String(state.numbers.next(), radix: 16) + String(state.numbers.next(), radix: 16)
            state.sessions[id] = revision
            return id
        }
    }

    func revision(ofSession id: String) -> ProtocolRevision? { state.withLock { $0.sessions[id] } }

    func closeSession(_ id: String) -> Bool { state.withLock { $0.sessions.removeValue(forKey: id) != nil } }

    // MARK: Drift

    /// Changes the definition now; answers whether this server has one to change.
    func drift() -> Bool {
        guard blueprint.drift != nil else { return false }
        state.withLock { $0.hasDrifted = true }
        return true
    }

    /// The definitions as they stand; asking as a client counts towards the drift.
    func definitions(countsAsCall: Bool = false) -> [JSON.Object] {
        let drifted = state.withLock { state in
            let drifted = state.hasDrifted
            if countsAsCall {
                state.listCalls += 1
                if driftAfter > 0, state.listCalls >= driftAfter { state.hasDrifted = true }
            }
            return drifted
        }
        return blueprint.tools.map { tool in
            if drifted, let drift = blueprint.drift, drift.tool == tool.name { return drift.definition }
            return tool.definition
        }
    }

    // MARK: Calls

    /// Answers one message; notifications and stray responses get none.
    func answer(_ message: JSONRPC.Message, revision: ProtocolRevision) -> JSONRPC.Response? {
        guard case .request(let request) = message else { return nil }
        do throws(JSONRPC.Failure) {
            if revision.era == .modern { try checkEnvelope(request) }
            var result = try self.result(of: request, revision: revision)
            if revision.era == .modern { complete(&result, for: request.method) }
            return JSONRPC.Response(id: request.id, result: .object(result))
        } catch {
            return JSONRPC.Response(id: request.id, failure: error)
        }
    }

    private func result(
        of request: JSONRPC.Request,
        revision: ProtocolRevision
    ) throws(JSONRPC.Failure) -> JSON.Object {
        let params = request.params ?? [:]
        switch request.method {
        case "initialize" where revision.era == .legacy:
            return introduction.initializeResult(revision).object ?? [:]
        case "ping" where revision.era == .legacy: return [:]
        case "server/discover" where revision.era == .modern:
            var result: JSON.Object = [
                "supportedVersions": .array(blueprint.modernRevisions.map { .string($0.rawValue) }),
                "capabilities": .object(introduction.capabilities),
            ]
            result["instructions"] = introduction.instructions.map(JSON.Value.string)
            return result
        case "tools/list": return try page(definitions(countsAsCall: params["cursor"] == nil), .tools, params)
        case "prompts/list": return try page(blueprint.prompts.map(\.definition), .prompts, params)
        case "resources/list": return try page(blueprint.resources.map(\.definition), .resources, params)
        case "resources/templates/list": return try page(blueprint.resourceTemplates, .resourceTemplates, params)
        case "tools/call": return try call(params, revision: revision)
        case "prompts/get": return try prompt(params)
        case "resources/read": return try read(params, revision: revision)
        default: throw JSONRPC.Failure(.methodNotFound, "Method not found")
        }
    }

    var introduction: Introduction {
        var capabilities: JSON.Object = ["tools": ["listChanged": .bool(blueprint.drift != nil)]]
        if !blueprint.prompts.isEmpty { capabilities["prompts"] = ["listChanged": false] }
        if !blueprint.resources.isEmpty || !blueprint.resourceTemplates.isEmpty {
            capabilities["resources"] = ["subscribe": false, "listChanged": false]
        }
        return Introduction(
            server: implementation,
            capabilities: capabilities,
            instructions: blueprint.instructions,
            versions: []
        )
    }

    private var implementation: Implementation {
        Implementation(name: blueprint.name, title: blueprint.title, version: blueprint.version)
    }

    private func page(
        _ entries: [JSON.Object],
        _ kind: ListKind,
        _ params: JSON.Object
    ) throws(JSONRPC.Failure) -> JSON.Object {
        var start = 0
        if let cursor = params["cursor"] {
            guard let text = cursor.string, text.hasPrefix("after-"), let position = Int(text.dropFirst(6)),
                position > 0, position < entries.count
            else { throw JSONRPC.Failure(.invalidParams, "Invalid cursor") }
            start = position
        }
        let end = min(start + blueprint.pageSize, entries.count)
        var result: JSON.Object = [kind.rawValue: .array(entries[start..<end].map(JSON.Value.object))]
        if end < entries.count { result["nextCursor"] = "after-\(end)" }
        return result
    }

    private func call(_ params: JSON.Object, revision: ProtocolRevision) throws(JSONRPC.Failure) -> JSON.Object {
        let name = params.text("name")
        guard let tool = blueprint.tools.first(where: { $0.name == name }) else {
            throw JSONRPC.Failure(.invalidParams, "Unknown tool: \(name)")
        }
        let arguments = params["arguments"] ?? [:]
        if let complaint = ArgumentCheck.complaint(arguments, schema: tool.definition["inputSchema"]?.object ?? [:]) {
            return Self.toolError(complaint)
        }
        do throws(ToolFailure) {
            let answer = try tool.action(arguments.object ?? [:])
            var result: JSON.Object = [
                "content": [["type": "text", "text": .string(answer.description)]], "isError": false,
            ]
            if tool.definition["outputSchema"] != nil, revision >= .v2025_06_18 {
                result["structuredContent"] = answer
            }
            return result
        } catch {
            return Self.toolError(error.message)
        }
    }

    private static func toolError(_ message: String) -> JSON.Object {
        ["content": [["type": "text", "text": .string(message)]], "isError": true]
    }

    private func prompt(_ params: JSON.Object) throws(JSONRPC.Failure) -> JSON.Object {
        guard let prompt = blueprint.prompts.first(where: { $0.definition["name"] == params["name"] }) else {
            throw JSONRPC.Failure(.invalidParams, "Unknown prompt")
        }
        var text = prompt.text
        for argument in params["arguments"]?.object ?? [:] {
            text = text.split(separator: "{\(argument.key)}", omittingEmptySubsequences: false)
                .joined(separator: argument.value.string ?? "")
        }
        return ["messages": [["role": "user", "content": ["type": "text", "text": .string(text)]]]]
    }

    private func read(_ params: JSON.Object, revision: ProtocolRevision) throws(JSONRPC.Failure) -> JSON.Object {
        let uri = params.text("uri")
        guard let resource = blueprint.resources.first(where: { $0.definition.text("uri") == uri }) else {
            throw JSONRPC.Failure(
                revision.era == .modern ? .invalidParams : .resourceNotFound,
                "Resource not found",
                data: ["uri": .string(uri)]
            )
        }
        var contents: JSON.Object = ["uri": .string(uri), "text": .string(resource.text)]
        contents["mimeType"] = resource.definition["mimeType"]
        return ["contents": [.object(contents)]]
    }

    // MARK: The modern era

    private func checkEnvelope(_ request: JSONRPC.Request) throws(JSONRPC.Failure) {
        let meta = request.params?["_meta"]?.object
        guard let version = meta?[MetaKey.protocolVersion]?.string,
            meta?[MetaKey.clientCapabilities]?.object != nil
        else { throw JSONRPC.Failure(.invalidParams, "params._meta lacks what every request must carry") }
        guard blueprint.modernRevisions.contains(where: { $0.rawValue == version }) else {
            throw unsupported(version)
        }
    }

    func unsupported(_ version: String) -> JSONRPC.Failure {
        JSONRPC.Failure(
            .unsupportedProtocolVersion,
            "Unsupported protocol version",
            data: [
                "supported": .array(blueprint.revisions.sorted(by: >).map { .string($0.rawValue) }),
                "requested": .string(version),
            ]
        )
    }

    private func complete(_ result: inout JSON.Object, for method: String) {
        result["resultType"] = .string(ResultType.complete.rawValue)
        result["_meta"] = [MetaKey.serverInfo: implementation.value]
        if method == "server/discover" || method == "resources/read" || method.hasSuffix("/list") {
            result["ttlMs"] = 0
            result["cacheScope"] = blueprint.token == nil ? "public" : "private"
        }
    }
}
