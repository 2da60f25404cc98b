import Core

/// Reads HTTP access logs in JSON lines that record the `Mcp-*` headers, whatever the proxy calls its fields.
///
/// Header names are found at the end of a field's name, in any spelling: `req_mcp_method`, `request_Mcp-Method`,
/// `request.headers.Mcp-Method`. From revision 2026-07-28 on a server must refuse a request whose headers differ from its
/// body; before that, or without `MCP-Protocol-Version`, anybody can write anything there, so such entries are set aside.
struct AccessLogReader: EntryReader {
    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        guard let object = entry.object else { return calls.quarantine(.shape, at: line) }
        var fields: [String: JSON.Value] = [:]
        Self.flatten(object, depth: 0, into: &fields)
        guard let method = Self.header("mcpmethod", in: fields) else { return calls.skip("http") }
        guard let revision = Self.header("mcpprotocolversion", in: fields), revision >= "2026-07-28",
            revision.utf8.count == 10
        else { return calls.quarantine(.headerRevision, at: line) }
        guard method == "tools/call" else { return calls.skip(method) }
        guard let name = Self.header("mcpname", in: fields) else { return calls.quarantine(.toolName, at: line) }
        guard let tool = MCPHeader.decode(name) else { return calls.quarantine(.headerEncoding, at: line) }
        var draft = CallDraft(tool: tool, line: line)
        let time = Self.first(
            ["time", "timestamp", "ts", "starttime", "timeiso8601", "startutc", "datetime"],
            in: fields
        )
        draft.time = RecordedValue.time(time)
        draft.duration = RecordedValue.duration(Self.first(["durationms", "responseduration"], in: fields))
        draft.server = Self.server(fields)
        draft.trace = RecordedValue.trace(parent: Self.header("traceparent", in: fields))
        draft.peerAddress =
            Self.first(["remoteaddr", "clientip", "remoteip", "downstreamremoteaddress"], in: fields)?.plainText
        draft.connection = Self.header("mcpsessionid", in: fields) ?? draft.peerAddress
        draft.principal = Self.principal(fields)
        let status = Self.first(
            ["status", "responsecode", "statuscode", "downstreamstatus", "originstatus"],
            in: fields
        )
        if let status = status?.plainText.flatMap({ Int64($0) }) {
            draft.end(RecordedValue.failure(status: status) ?? .ok)
        }
        if let bytes = Self.first(["bytessent", "bodybytessent", "responsesize"], in: fields)?.int, bytes >= 0 {
            draft.result = CallRecord.Result(bytes: Int(bytes))
        }
        calls.append(draft)
    }

    /// The certificate's name before the user that the proxy knows.
    private static func principal(_ fields: [String: JSON.Value]) -> CallRecord.Principal? {
        let names = ["downstreampeerurisan", "peerurisan", "sslclientsuri", "clientspiffeid"]
        if let id = first(names, in: fields)?.plainText, id.hasPrefix("spiffe://") {
            return CallRecord.Principal(id: id, kind: .spiffe)
        }
        let users = ["jwtsub", "remoteuser", "user", "userid", "clientusername"]
        guard let user = first(users, in: fields)?.plainText, user != "-" else { return nil }
        return CallRecord.Principal(id: user, kind: .gateway)
    }

    private static func server(_ fields: [String: JSON.Value]) -> String? {
        if let server = first(["mcpserver", "mcptarget", "upstreamcluster", "servicename"], in: fields)?.plainText {
            return server
        }
        guard let host = first(["authority", "host", "requesthost", "httphost"], in: fields)?.plainText else {
            return nil
        }
        let path = first(["path", "requestpath", "uri", "requesturi"], in: fields)?.plainText
        return ServerAliases.key("https://\(host)\(path ?? "")")
    }

    private static func header(_ name: String, in fields: [String: JSON.Value]) -> String? {
        if let exact = fields[name]?.plainText { return exact }
        // Two fields may end alike (request and response): the one that sorts first, so that the answer is always the same.
        let key = fields.keys.filter { $0.hasSuffix(name) }.min()
        return key.flatMap { fields[$0]?.plainText }.flatMap { $0 == "-" ? nil : $0 }
    }

    /// Field names of a proxy stand alone or under `request`.
    private static func first(_ names: [String], in fields: [String: JSON.Value]) -> JSON.Value? {
        for name in names {
            if let value = fields[name] ?? fields["request" + name], value.plainText != nil { return value }
        }
        return nil
    }

    /// All scalars under their folded names: letters and digits of the whole path, in lower case; of a list the first.
    private static func flatten(
        _ object: JSON.Object,
        prefix: String = "",
        depth: Int,
        into fields: inout [String: JSON.Value]
    ) {
        for (key, value) in object where fields.count < 1000 {
            let folded = prefix + String(decoding: key.lowercased().utf8.filter { isNameByte($0) }, as: UTF8.self)
            switch value {
            case .object(let inner) where depth < 4: flatten(inner, prefix: folded, depth: depth + 1, into: &fields)
            case .array(let elements): if let first = elements.first { fields[folded] = first }
            default: fields[folded] = value
            }
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }
}
