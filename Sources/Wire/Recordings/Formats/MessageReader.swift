import Core

/// Reads JSON-RPC messages, one a line: bare, or in the envelope of a recorder.
///
/// There is no standard envelope. Understood are the names that proxies and recorders use for the time, the connection, the
/// direction and the message; the message may be JSON or its text. A stdio tap writes no envelope at all.
struct MessageReader: EntryReader {
    private var pairing = MessagePairing()

    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        if entry.array != nil || entry["jsonrpc"] != nil || entry["method"] != nil && entry["message"] == nil {
            pairing.take(MessagePairing.Observed(message: entry, line: line), into: &calls)
            return
        }
        guard entry.object != nil else { return calls.quarantine(.shape, at: line) }
        guard let written = entry.first("message", "msg", "payload", "data", "body", "frame", "rpc") else {
            return calls.quarantine(.shape, at: line)
        }
        var observed = MessagePairing.Observed(message: written, line: line)
        if let text = written.string {
            guard let message = calls.json(Array(text.utf8), at: line) else { return }
            observed.message = message
        }
        observed.time = RecordedValue.time(entry.first("time", "timestamp", "ts", "at"))
        observed.server = entry.first("server", "serverName", "server_name")?.string
        let session = entry.first("connection", "session", "sessionId", "session_id", "mcp_session", "stream")?
            .plainText
        observed.connection = [session, observed.server].compactMap { $0 }.joined(separator: " ")
        observed.origin = Self.origin(entry.first("direction", "dir", "from", "origin", "sender")?.string)
        pairing.take(observed, into: &calls)
    }

    private static func origin(_ text: String?) -> MessagePairing.Origin? {
        switch text?.lowercased() {
        case "client", "client->server", "client_to_server", "client-to-server", "c2s", "outgoing", "outbound", "out",
            "send", "sent",
            "request", "stdin", ">":
            .client
        case "server", "server->client", "server_to_client", "server-to-client", "s2c", "incoming", "inbound", "in",
            "recv",
            "received", "response", "stdout", "<":
            .server
        default: nil
        }
    }
}
