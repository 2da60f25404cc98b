import Core

/// One HTTP exchange whose bodies hold JSON-RPC.
struct RecordedExchange: Sendable {
    var time: Timestamp?
    var duration: Duration?
    var method: String
    var url: String
    /// Lower-case names.
    var requestHeaders: [String: String]
    var responseHeaders: [String: String]
    var requestBody: [UInt8]?
    var status: Int64?
    var responseBody: [UInt8]?
    var line: Int
}

/// Pairs the messages of HTTP exchanges: first within an exchange, then across those of a session.
///
/// Old servers answer on a stream that was opened before the request was sent, so answers without a request in their own
/// exchange wait until all requests are known.
struct ExchangePairing: Sendable {
    private var pairing = MessagePairing()
    private var late: [MessagePairing.Observed] = []

    mutating func take(_ exchange: RecordedExchange, into calls: inout DraftCalls) {
        let requests = exchange.method == "POST" ? Self.messages(exchange.requestBody, isStream: false) : []
        let isStream = exchange.responseHeaders["content-type"]?.lowercased().hasPrefix("text/event-stream") == true
        let answers = Self.messages(exchange.responseBody, isStream: isStream)
        guard !requests.isEmpty || !answers.isEmpty else { return calls.skip("http") }
        let address = ServerAliases.key(exchange.url)
        let session =
            exchange.requestHeaders["mcp-session-id"] ?? exchange.responseHeaders["mcp-session-id"] ?? ""
        var observed = MessagePairing.Observed(message: .null, line: exchange.line)
        observed.connection = "\(Self.origin(address)) \(session)"
        observed.time = exchange.time
        observed.server = address
        observed.origin = .client
        var opened: [Int] = []
        var ids: Set<JSONRPC.ID> = []
        for request in requests {
            observed.message = request
            opened += pairing.take(observed, into: &calls)
            for one in request.array ?? [request] {
                if let id = one["id"].flatMap({ MessagePairing.id($0) }) { ids.insert(id) }
            }
        }
        observed.origin = .server
        if let start = exchange.time, let duration = exchange.duration { observed.time = start + duration }
        for answer in answers {
            observed.message = answer
            let isOwn =
                answer.array != nil || answer["id"].flatMap { MessagePairing.id($0) }.map { ids.contains($0) } == true
            if isOwn || answer["method"] != nil { pairing.take(observed, into: &calls) } else { late.append(observed) }
        }
        // A refusal by HTTP has no JSON-RPC answer.
        guard let status = exchange.status, let failure = RecordedValue.failure(status: status) else { return }
        for place in opened where calls.drafts[place].outcome == .lost { calls.drafts[place].end(failure) }
    }

    mutating func finish(into calls: inout DraftCalls) {
        for observed in late {
            var observed = observed
            // A stream lives long: its end says nothing about one answer.
            observed.time = nil
            pairing.take(observed, into: &calls)
        }
    }

    private static func origin(_ url: String) -> String {
        guard let scheme = url.range(ofFirst: "://") else { return url }
        return String(url[..<(url[scheme.upperBound...].firstIndex(of: "/") ?? url.endIndex)])
    }

    /// The JSON-RPC in a body; what is no JSON-RPC (pages, tokens, pictures) gives nothing.
    private static func messages(_ body: [UInt8]?, isStream: Bool) -> [JSON.Value] {
        guard let body, !body.isEmpty else { return [] }
        guard isStream else {
            guard let value = try? JSON.parse(body), isMessage(value) else { return [] }
            return [value]
        }
        let limit = body.count + 2
        let limits = EventStream.Limits(lineBytes: limit, eventBytes: limit, events: 1_000_000, totalBytes: limit)
        var stream = EventStream(limits: limits)
        var events: [EventStream.Event] = []
        // A recording may end within an event; what came before counts.
        try? stream.feed(body + [0x0A, 0x0A], into: &events)
        return events.compactMap { try? JSON.parse($0.data) }.filter { isMessage($0) }
    }

    private static func isMessage(_ value: JSON.Value) -> Bool {
        value["jsonrpc"] != nil || value.array?.contains { $0["jsonrpc"] != nil } == true
    }
}

/// Reads an HTTP Archive.
///
/// Layout: HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): `log.entries` with `request.postData.text` and
/// `response.content.text`, which is base64 where `encoding` says so.
struct HARReader: EntryReader {
    private var pairing = ExchangePairing()

    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        guard let entries = entry["log"]?["entries"]?.array else { return calls.quarantine(.shape, at: line) }
        for (index, entry) in entries.enumerated() {
            calls.report.entries += index == 0 ? 0 : 1
            guard let exchange = Self.exchange(entry, index + 1) else {
                calls.quarantine(.shape, at: index + 1)
                continue
            }
            pairing.take(exchange, into: &calls)
        }
    }

    mutating func finish(into calls: inout DraftCalls) { pairing.finish(into: &calls) }

    /// The place of an entry is its number in the list: the lines of an archive mean nothing.
    private static func exchange(_ entry: JSON.Value, _ number: Int) -> RecordedExchange? {
        guard let request = entry["request"], let url = request["url"]?.string else { return nil }
        let response = entry["response"]
        let content = response?["content"]
        var body = content?["text"]?.string.map { Array($0.utf8) }
        if content?["encoding"]?.string == "base64" { body = body.flatMap { Base64.decode($0) } }
        var responseHeaders = headers(response?["headers"])
        if responseHeaders["content-type"] == nil { responseHeaders["content-type"] = content?["mimeType"]?.string }
        return RecordedExchange(
            time: RecordedValue.time(entry["startedDateTime"]),
            duration: entry["time"]?.double.flatMap { RecordedValue.milliseconds($0) },
            method: request["method"]?.string?.uppercased() ?? "",
            url: url,
            requestHeaders: headers(request["headers"]),
            responseHeaders: responseHeaders,
            requestBody: request["postData"]?["text"]?.string.map { Array($0.utf8) },
            status: response?["status"]?.int,
            responseBody: body,
            line: number
        )
    }

    private static func headers(_ list: JSON.Value?) -> [String: String] {
        var headers: [String: String] = [:]
        for header in list?.array ?? [] {
            guard let name = header["name"]?.string, let value = header["value"]?.string else { continue }
            headers[name.lowercased()] = value
        }
        return headers
    }
}

/// Reads what MCP Inspector exports.
///
/// Layout: `MessageEntry` and `FetchRequestEntry` in modelcontextprotocol/inspector, core/mcp/types.ts. A request entry
/// carries its response. The list of HTTP requests repeats the messages, so it is read only where there are none.
struct InspectorReader: EntryReader {
    private var pairing = MessagePairing()
    private var exchanges = ExchangePairing()
    private var fetches: [RecordedExchange] = []
    private var hasMessages = false

    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        let lists = ["messages", "entries", "history", "requests", "fetchRequests", "network"].compactMap {
            entry[$0]?.array
        }
        guard lists.isEmpty else {
            for (index, inner) in lists.joined().enumerated() { read(inner, at: index + 1, into: &calls) }
            return
        }
        if let url = entry["url"]?.string {
            fetches.append(Self.exchange(entry, url, line))
        } else if entry["message"]?.object != nil {
            hasMessages = true
            message(entry, line, &calls)
        } else {
            calls.quarantine(.shape, at: line)
        }
    }

    mutating func finish(into calls: inout DraftCalls) {
        if hasMessages { return }
        for exchange in fetches { exchanges.take(exchange, into: &calls) }
        exchanges.finish(into: &calls)
    }

    private mutating func message(_ entry: JSON.Value, _ line: Int, _ calls: inout DraftCalls) {
        var observed = MessagePairing.Observed(message: entry["message"] ?? .null, line: line)
        observed.time = RecordedValue.time(entry["timestamp"])
        switch entry["origin"]?.string {
        case "client": observed.origin = .client
        case "server": observed.origin = .server
        default: observed.origin = nil
        }
        let opened = pairing.take(observed, into: &calls)
        guard let response = entry["response"], !response.isNull else { return }
        if let duration = entry["duration"]?.double.flatMap({ RecordedValue.milliseconds($0) }) {
            for place in opened { calls.drafts[place].duration = duration }
        }
        if observed.origin == .server { return }
        observed.origin = .server
        observed.time = nil
        observed.message = response
        pairing.take(observed, into: &calls)
    }

    private static func exchange(_ entry: JSON.Value, _ url: String, _ line: Int) -> RecordedExchange {
        RecordedExchange(
            time: RecordedValue.time(entry["timestamp"]),
            duration: entry["duration"]?.double.flatMap { RecordedValue.milliseconds($0) },
            method: entry["method"]?.string?.uppercased() ?? "",
            url: url,
            requestHeaders: headers(entry["requestHeaders"]),
            responseHeaders: headers(entry["responseHeaders"]),
            requestBody: entry["requestBody"]?.string.map { Array($0.utf8) },
            status: entry["responseStatus"]?.int,
            responseBody: entry["responseBody"]?.string.map { Array($0.utf8) },
            line: line
        )
    }

    private static func headers(_ object: JSON.Value?) -> [String: String] {
        var headers: [String: String] = [:]
        for (name, value) in object?.object ?? [:] { headers[name.lowercased()] = value.string }
        return headers
    }
}
