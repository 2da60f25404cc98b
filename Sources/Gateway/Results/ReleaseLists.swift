import Core
import Policies
import Synchronization
import Traffic
import Wire

/// Answers that ask for input, and lists of what there is.
extension ReleaseDesk {
    /// Why an answer that asks for input is withheld; what it asks may be answered otherwise.
    mutating func inputRefusal(
        _ message: PassingMessage,
        _ call: PendingCall,
        _ bytes: Span<UInt8>
    ) -> String? {
        let outline = worker.reader.outline
        guard let result = message.result else { return nil }
        if call.method == "initialize", let node = outline.member("protocolVersion", of: result, in: bytes) {
            agreed = outline.text(of: node, in: bytes).flatMap(ProtocolRevision.init(rawValue:))
            let session = passage.route.transport == .sse ? passage.session : begun
            if let agreed, agreed.era == .legacy { session?.state.withLock { $0.revision = agreed } }
        }
        guard let type = outline.member("resultType", of: result, in: bytes),
            !outline.isText(type, "complete", in: bytes)
        else { return nil }
        guard outline.isText(type, "input_required", in: bytes) else { return "result-type" }
        let asked = outline.member("inputRequests", of: result, in: bytes).flatMap {
            outline.value(of: $0, in: bytes).object
        }
        for request in (asked ?? [:]).values {
            guard let method = request["method"]?.string,
                configuration.mode == .record || configuration.serverRequests.contains(method)
            else { return "server-request" }
        }
        let state = outline.member("requestState", of: result, in: bytes).flatMap { outline.text(of: $0, in: bytes) }
        shared.inputs.asked(
            InputRequests.Key(
                principal: passage.caller.principal.id,
                route: passage.route.path,
                method: call.method,
                name: call.name,
                state: .sha256(Array((state ?? "").utf8))
            ),
            at: shared.now()
        )
        return nil
    }

    /// Shows of a list what the caller may use, each entry in the server's own bytes.
    mutating func list(
        _ message: PassingMessage,
        _ kind: ListKind,
        _ call: PendingCall,
        _ bytes: Span<UInt8>
    ) -> Verdict {
        let outline = worker.reader.outline
        var shown: Set<String> = []
        // Twice over the list: what stands later in it can speak against what stands before it.
        _ = ListCut.cut(kind, of: message, outline: outline, in: bytes) { entry in
            guard let name = entry.name, let object = outline.value(of: entry.node, in: bytes).object else {
                return .keep
            }
            if isShown(name, object, kind) { shown.insert(name) } else { shown.remove(name) }
            return .keep
        }
        let server = passage.route.server
        let outcome = ListCut.cut(kind, of: message, outline: outline, in: bytes) { entry in
            guard let name = entry.name, shown.contains(name) else { return .drop }
            guard kind == .tools else { return .keep }
            if case .changed = shared.definitions.standing(of: name, server: server) { return .drop }
            guard configuration.narrowsLists, configuration.mode == .enforce, let policy = settings.policy else {
                return .keep
            }
            let tool = ServerTool(server: server, tool: name)
            let limits = policy.narrowing(of: tool, for: passage.caller.principal.id)
            let narrowed = SchemaNarrowing.narrowed(entry.node, limits, outline: outline, in: bytes)
            return narrowed.map { .replace($0) } ?? .keep
        }
        guard let outcome else { return screened(message, call, bytes) }
        return configuration.mode == .record || outcome.isUnchanged ? .passes : .replaced(outcome.bytes)
    }

    func isShown(_ name: String, _ entry: JSON.Object, _ kind: ListKind) -> Bool {
        let server = passage.route.server
        if kind == .tools {
            let isKnown = shared.definitions.see(name, ToolDefinition.digest(of: entry), entry, server: server)
            guard isKnown else { return false }
        }
        guard configuration.mode == .enforce else { return true }
        guard let policy = settings.policy else { return false }
        let tool =
            switch kind {
            case .tools: name
            case .prompts: "prompts/get"
            case .resources, .resourceTemplates: "resources/read"
            }
        return policy.offers(ServerTool(server: server, tool: tool), to: passage.caller.principal.id)
    }
}
