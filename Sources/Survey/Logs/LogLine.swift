import Core

/// One line of a log, of whatever kind.
struct LogLine {
    /// The server that a client's line is about.
    private(set) var clientServer: String?
    private(set) var urls: [String] = []
    private(set) var hasHostlessRequest = false

    private static let levels: Set<String> = ["info", "error", "warn", "warning", "debug", "trace", "log", "fatal"]
    private static let marks = [
        "Message from client", "Message from server", "Initializing server", "Server started", "Server transport",
        "Client transport", "Server disconnected", "Shutting down server",
    ]
    private static let hostNames = [
        "http.host", "host", "authority", ":authority", "server_name", "vhost", "http_host", "requesthost",
    ]
    private static let pathNames = [
        "http.path", "path", "uri", "request_uri", "url", "http.url", "request_path", "requestpath",
    ]

    /// Whether a line may speak of a server at all; most lines of an access log do not.
    static func mayMatter(_ line: some Collection<UInt8>) -> Bool {
        var (last, middle): (UInt8, UInt8) = (0, 0)
        for byte in line {
            let lower = (0x41...0x5A).contains(byte) ? byte | 0x20 : byte
            if (last, middle, lower) == (0x6D, 0x63, 0x70) || (last, middle, lower) == (0x73, 0x73, 0x65) {
                return true
            }
            // `Message from`, `Initializing server`: each has an `erv` or an `age`.
            if (last, middle, lower) == (0x65, 0x72, 0x76) || (last, middle, lower) == (0x61, 0x67, 0x65) {
                return true
            }
            (last, middle) = (middle, lower)
        }
        return false
    }

    init(_ text: String) {
        if Self.marks.contains(where: { text.contains($0) }) { clientServer = Self.bracketed(text) }
        let fields = text.hasPrefix("{") ? Self.members(text) : Self.pairs(text)
        let hasHeader = fields.keys.contains {
            let key = $0
            return ["mcp-method", "mcp-name", "mcp-session-id", "mcp-protocol-version", "mcp_method", "mcp_session_id"]
                .contains { key.hasSuffix($0) }
        }
        if clientServer == nil, !fields.isEmpty, let path = Self.pathNames.lazy.compactMap({ fields[$0] }).first,
            hasHeader || Self.isServerPath(path)
        {
            if path.contains("://") {
                urls.append(path)
            } else if let host = Self.hostNames.lazy.compactMap({ fields[$0] }).first, !host.isEmpty {
                let scheme = fields["scheme"] ?? fields["http.scheme"] ?? (host.hasSuffix(":443") ? "https" : "http")
                urls.append("\(scheme)://\(host)\(path)")
            } else {
                hasHostlessRequest = true
            }
        }
        // What a message carries was written by whoever wrote the message: an address in it proves no server.
        if urls.isEmpty, !text.contains("Message from ") { urls = Self.addresses(text) }
        if urls.isEmpty, clientServer == nil, let path = Self.requestLine(text), Self.isServerPath(path) {
            // `vhost_combined` of Apache begins with the name and the port of the site.
            let first = text.prefix { $0 != " " }
            let parts = first.split(separator: ":")
            if parts.count == 2, parts[0].contains("."), UInt16(parts[1]) != nil {
                urls.append("\(parts[1] == "443" ? "https" : "http")://\(first)\(path)")
            } else {
                hasHostlessRequest = true
            }
        }
    }

    /// The last segment of the path is one that servers are found at; others hold these letters for other reasons.
    static func isServerPath(_ path: String) -> Bool {
        let segments = path.prefix { $0 != "?" && $0 != "#" }.split(separator: "/")
        return segments.last.map { ["mcp", "sse"].contains($0.lowercased()) } ?? false
    }

    private static func bracketed(_ text: String) -> String? {
        var rest = text[...]
        for _ in 0..<4 {
            guard let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") else { return nil }
            let name = String(rest[rest.index(after: open)..<close])
            let isTime = name.utf8.first.map { (0x30...0x39).contains($0) } == true && name.contains(":")
            if !name.isEmpty, name.utf8.count <= 200, !levels.contains(name.lowercased()), !isTime { return name }
            rest = rest[rest.index(after: close)...]
        }
        return nil
    }

    private static func members(_ text: String) -> [String: String] {
        guard let object = try? JSON.parse(text).object else { return [:] }
        var fields: [String: String] = [:]
        for (key, value) in object {
            if let text = value.string { fields[key.lowercased()] = text }
            for (inner, value) in value.object ?? JSON.Object() where fields.count < 500 {
                // `request.host` and `request.headers`, as Caddy and Envoy write them.
                let name = inner.lowercased()
                if let text = value.string { fields[name] = fields[name] ?? text }
                for (deepest, _) in value.object ?? JSON.Object() where fields[deepest.lowercased()] == nil {
                    fields[deepest.lowercased()] = ""
                }
            }
        }
        return fields
    }

    private static func pairs(_ text: String) -> [String: String] {
        var fields: [String: String] = [:]
        for word in text.split(separator: " ").prefix(200) {
            guard let equals = word.firstIndex(of: "="), equals != word.startIndex else { continue }
            let value = word[word.index(after: equals)...].filter { $0 != "\"" }
            fields[word[..<equals].lowercased()] = value
        }
        return fields
    }

    private static func addresses(_ text: String) -> [String] {
        var found: [String] = []
        var rest = text[...]
        while found.count < 16, let mark = rest.firstRange(of: "://") {
            let scheme = rest[..<mark.lowerBound].reversed().prefix { $0.isLetter }.reversed()
            let tail = rest[mark.upperBound...].prefix { !" \"'<>()[]{}\\,`".contains($0) && !$0.isWhitespace }
            rest = rest[tail.endIndex...]
            let url = String(scheme) + "://" + tail
            guard ["http", "https"].contains(String(scheme).lowercased()), let address = CanonicalKey.address(url),
                isServerPath(address.path)
            else { continue }
            found.append(url)
        }
        return found
    }

    /// The target of `"POST /mcp HTTP/1.1"` in the common log format.
    private static func requestLine(_ text: String) -> String? {
        for method in ["\"POST ", "\"GET ", "\"DELETE "] {
            guard let start = text.firstRange(of: method) else { continue }
            let path = text[start.upperBound...].prefix { $0 != " " && $0 != "\"" }
            if path.hasPrefix("/") { return String(path) }
        }
        return nil
    }
}
