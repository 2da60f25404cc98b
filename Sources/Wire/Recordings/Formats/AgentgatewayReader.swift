import Core

/// Reads agentgateway's access log, as it stands on its standard output or as JSON.
///
/// Layout: agentgateway/agentgateway, crates/agentgateway/src/telemetry/log.rs: a time, a level and a scope, divided by
/// tabs, then `key=value` with values quoted where they need it; the JSON form has the same keys. There are no arguments
/// and no results. In stateless mode the session id holds the server's state, so it identifies no conversation.
struct AgentgatewayReader: LineReader {
    mutating func read(_ line: [UInt8], at number: Int, into calls: inout DraftCalls) {
        let fields: JSON.Object
        if line.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") {
            guard let value = calls.json(line, at: number) else { return }
            fields = value.object ?? [:]
        } else {
            guard let parsed = Self.fields(line) else { return calls.quarantine(.shape, at: number) }
            fields = parsed
        }
        let method = fields["mcp.method.name"]?.plainText ?? fields["mcp.method"]?.plainText
        guard method == "tools/call" else {
            return calls.skip(method ?? fields["protocol"]?.plainText ?? "log")
        }
        let tool = fields["gen_ai.tool.name"] ?? fields["mcp.tool"] ?? fields["mcp.tool.name"]
        var draft = CallDraft(tool: tool?.plainText ?? "", line: number)
        draft.duration = RecordedValue.duration(fields["duration"])
        let end = RecordedValue.time(fields["time"] ?? fields["timestamp"])
        // The line is written when the answer has been sent.
        draft.time = if let end, let duration = draft.duration { end - duration } else { end }
        draft.server = fields["mcp.target"]?.plainText
        draft.trace = fields["trace.id"]?.plainText
        draft.peerAddress = fields["src.addr"]?.plainText.map { Self.host($0) }
        draft.connection = draft.peerAddress
        if let id = fields["src.identity"]?.plainText, id.hasPrefix("spiffe://") {
            draft.principal = CallRecord.Principal(id: id, kind: .spiffe)
            if let subject = fields["jwt.sub"]?.plainText { draft.delegation = [subject] }
        } else if let subject = fields["jwt.sub"]?.plainText {
            draft.principal = CallRecord.Principal(id: subject, kind: .jwt)
        }
        if let outcome = Self.outcome(fields) { draft.end(outcome) }
        calls.append(draft)
    }

    private static func outcome(_ fields: JSON.Object) -> CallRecord.Outcome? {
        let reason = fields["reason"]?.plainText?.lowercased() ?? ""
        let status = fields["http.status"]?.plainText.flatMap { Int64($0) }
        if reason.contains("authorization") { return .denied }
        if reason.contains("auth") { return .authFailed }
        if reason.contains("timeout") { return .timeout }
        if let status, let failure = RecordedValue.failure(status: status) { return failure }
        let code = fields["mcp.error.code"]?.plainText
        if code != nil || fields["error"] != nil { return .rpcError }
        return status == nil ? nil : .ok
    }

    private static func host(_ address: String) -> String {
        guard let colon = address.lastIndex(of: ":"), address[..<colon].last == "]" || !address[..<colon].contains(":")
        else { return address }
        return String(address[..<colon])
    }

    /// Takes a line apart; nil where it does not begin with a time.
    static func fields(_ line: [UInt8]) -> JSON.Object? {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        let head = line.prefix { !isSpace($0) }
        let time = String(decoding: head, as: UTF8.self)
        guard Timestamp(rfc3339: time) != nil else { return nil }
        var fields: JSON.Object = ["time": .string(time)]
        var at = head.endIndex
        while at < line.endIndex {
            while at < line.endIndex, isSpace(line[at]) { at += 1 }
            let start = at
            while at < line.endIndex, !isSpace(line[at]), line[at] != UInt8(ascii: "=") { at += 1 }
            guard at < line.endIndex, line[at] == UInt8(ascii: "=") else { continue }
            let key = String(decoding: line[start..<at], as: UTF8.self)
            at += 1
            let value = value(line, &at)
            // A repeated key cannot be trusted to be the gateway's own: the first, which it wrote itself, stays.
            if fields[key] == nil { fields[key] = .string(value) }
        }
        return fields
    }

    /// A bare value to the next space, or a quoted one with backslash escapes.
    private static func value(_ line: [UInt8], _ at: inout Int) -> String {
        guard at < line.endIndex, line[at] == UInt8(ascii: "\"") else {
            let start = at
            while at < line.endIndex, line[at] != 0x20, line[at] != 0x09 { at += 1 }
            return String(decoding: line[start..<at], as: UTF8.self)
        }
        let start = at
        at += 1
        while at < line.endIndex, line[at] != UInt8(ascii: "\"") { at += line[at] == UInt8(ascii: "\\") ? 2 : 1 }
        at = min(at + 1, line.endIndex)
        let quoted = Array(line[start..<at])
        if let text = (try? JSON.parse(quoted))?.string { return text }
        return String(decoding: quoted.dropFirst().prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }
}
