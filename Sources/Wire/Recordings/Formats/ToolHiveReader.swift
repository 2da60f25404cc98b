import Core

/// Reads ToolHive's audit events.
///
/// Layout: stacklok/toolhive, pkg/audit/event.go and docs/middleware.md: `audit_id logged_at` from its logger, `auditId
/// loggedAt` from its own encoder. Request and response bodies are off by default and cut at 1 KiB, so most calls have no
/// arguments. A refused login is an `http_request` that names no tool: it is counted and no call.
struct ToolHiveReader: EntryReader {
    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        guard entry.object != nil else { return calls.quarantine(.shape, at: line) }
        guard let type = entry["type"]?.string else {
            // The same stream carries the program's other log lines.
            return entry["msg"] != nil ? calls.skip("log") : calls.quarantine(.shape, at: line)
        }
        guard type == "mcp_tool_call" else { return calls.skip(type) }
        let target = entry["target"]
        var draft = CallDraft(tool: target?["name"]?.plainText ?? "", line: line)
        let metadata = entry["metadata"]
        draft.id = (entry.first("audit_id", "auditId") ?? metadata?.first("auditId", "audit_id"))?.plainText
        let time = entry.first("logged_at", "loggedAt") ?? entry["time"]
        draft.time = RecordedValue.time(time)
        if draft.time == nil, time != nil { return calls.quarantine(.time, at: line) }
        let extra = metadata?["extra"]
        // The event is written when the call is over.
        if let duration = extra?["duration_ms"]?.double.flatMap({ RecordedValue.milliseconds($0) }) {
            draft.duration = duration
            draft.time = draft.time.map { $0 - duration }
        }
        draft.server = entry["component"]?.plainText
        if let backend = extra?["backend_name"]?.plainText { draft.server = backend }
        subjects(entry, &draft)
        draft.peerAddress = entry["source"]?["value"]?.plainText
        draft.connection = entry["source"]?["extra"]?["session_id"]?.plainText ?? draft.peerAddress
        data(entry["data"], bytes: extra?["response_size_bytes"]?.int, &draft, &calls)
        if let outcome = Self.outcome(entry["outcome"]?.string) {
            // An answer that says `isError` is a success for the gateway.
            draft.end(outcome == .ok && draft.result?.isError == true ? .toolError : outcome)
        }
        calls.append(draft)
    }

    private func subjects(_ entry: JSON.Value, _ draft: inout CallDraft) {
        let subjects = entry["subjects"]
        if let id = subjects?["user_id"]?.plainText {
            draft.principal = CallRecord.Principal(id: id, kind: .jwt)
        } else if let user = subjects?["user"]?.plainText, user != "anonymous" {
            draft.principal = CallRecord.Principal(id: user, kind: .gateway)
        } else if let client = subjects?["client_name"]?.plainText {
            draft.principal = CallRecord.Principal(id: client, kind: .declared)
        }
        draft.clientName = subjects?["client_name"]?.plainText
        draft.clientVersion = subjects?["client_version"]?.plainText
        let chain = entry["delegation"]?["chain"]?.array ?? []
        draft.delegation = chain.compactMap { $0["sub"]?.plainText ?? $0.string }
    }

    private func data(_ data: JSON.Value?, bytes: Int64?, _ draft: inout CallDraft, _ calls: inout DraftCalls) {
        if let request = data?["request"], !request.isNull {
            let message = request.object.map { JSON.Value.object($0) } ?? request.string.flatMap { try? JSON.parse($0) }
            if let params = message?["params"] {
                draft.arguments = (params["arguments"] ?? .null).object ?? (params["arguments"] == nil ? [:] : nil)
                draft.trace = RecordedValue.trace(parent: params["_meta"]?["traceparent"]?.string)
            } else {
                calls.note(.truncatedMessage)
            }
        }
        if let response = data?["response"], !response.isNull {
            let message =
                response.object.map { JSON.Value.object($0) } ?? response.string.flatMap { try? JSON.parse($0) }
            if let result = message?["result"] {
                draft.result = RecordedValue.result(result)
            } else if message?["error"] != nil {
                draft.result = CallRecord.Result(text: message?["error"]?["message"]?.string, isError: true)
            } else {
                calls.note(.truncatedMessage)
            }
        }
        if draft.result == nil, let bytes, bytes >= 0 { draft.result = CallRecord.Result(bytes: Int(bytes)) }
    }

    private static func outcome(_ text: String?) -> CallRecord.Outcome? {
        switch text {
        case "success": .ok
        case "application_error": .toolError
        case "failure", "error": .rpcError
        case "denied": .denied
        default: nil
        }
    }
}
