import Core

/// Reads what a desktop client logs of its servers, in both of its layouts.
///
/// `mcp.log` writes `TIME [level] [server] Message from client: {…}`, the log of a single server writes
/// `TIME [server] [level] Message from client: {…} { metadata: undefined }`; the servers' own output stands between.
/// Long messages are cut in the middle, so an answer may show no more than its id. Layouts as seen in logs that people
/// published in bug reports of 2025 and 2026.
struct DesktopLogReader: LineReader {
    private static let levels: Set<String> = ["info", "warn", "warning", "error", "debug", "trace"]

    private var pairing = MessagePairing()

    mutating func read(_ line: [UInt8], at number: Int, into calls: inout DraftCalls) {
        let text = line[...]
        let isClient = Self.find("Message from client: ", in: text)
        guard let start = isClient ?? Self.find("Message from server: ", in: text) else { return calls.skip("log") }
        let head = String(decoding: text[..<(start - 21)], as: UTF8.self)
        let (time, server) = Self.heading(head)
        guard let time, let server else { return calls.skip("log") }
        var observed = MessagePairing.Observed(message: .null, line: number)
        observed.time = time
        observed.server = server
        observed.connection = server
        observed.origin = isClient != nil ? .client : .server
        let body = Array(text[start...])
        do throws(JSON.ScanError) {
            observed.message = try Self.leading(body, calls.settings.limits.lineJSON)
            pairing.take(observed, into: &calls)
        } catch {
            guard isClient == nil, let (id, isError) = Self.answerHead(body) else {
                return calls.quarantine(.json(error.code), at: number)
            }
            pairing.answerUnread(id, isError: isError, observed, into: &calls)
        }
    }

    /// Where the text ends that announces a message.
    private static func find(_ mark: String, in line: ArraySlice<UInt8>) -> Int? {
        let mark = Array(mark.utf8)
        // The announcement stands in the first part of the line; a message may quote another one.
        let last = min(line.endIndex, line.startIndex + 400) - mark.count
        guard last >= line.startIndex else { return nil }
        return (line.startIndex...last).first { line[$0...].starts(with: mark) }.map { $0 + mark.count }
    }

    private static func heading(_ head: String) -> (Timestamp?, String?) {
        guard let space = head.firstIndex(of: " ") else { return (nil, nil) }
        let time = Timestamp(rfc3339: String(head[..<space]))
        var parts: [String] = []
        var rest = head[space...]
        while parts.count < 2, let open = rest.firstIndex(of: "["), let close = rest[open...].firstIndex(of: "]") {
            parts.append(String(rest[rest.index(after: open)..<close]))
            rest = rest[rest.index(after: close)...]
        }
        guard parts.count == 2 else { return (time, nil) }
        return (time, levels.contains(parts[0].lowercased()) ? parts[1] : parts[0])
    }

    /// The value at the beginning; what a logger appends to it is dropped.
    private static func leading(_ bytes: [UInt8], _ limits: JSON.Limits) throws(JSON.ScanError) -> JSON.Value {
        do throws(JSON.ScanError) {
            return try JSON.parse(bytes, limits: limits)
        } catch {
            guard error.code == .trailing else { throw error }
            return try JSON.parse(Array(bytes[..<error.offset]), limits: limits)
        }
    }

    /// The id of a cut response, which stands before its result, and whether it is an error.
    private static func answerHead(_ bytes: [UInt8]) -> (JSONRPC.ID, isError: Bool)? {
        let head = String(decoding: bytes.prefix(400), as: UTF8.self)
        let ends = ["\"result\":", "\"error\":"].compactMap { mark in
            head.range(ofFirst: mark).map { (place: $0.lowerBound, isError: mark == "\"error\":") }
        }
        guard let end = ends.min(by: { $0.place < $1.place }), let mark = head[..<end.place].range(ofFirst: "\"id\":")
        else { return nil }
        let rest = head[mark.upperBound..<end.place].drop { $0 == " " }
        let written =
            rest.hasPrefix("\"")
            ? rest.prefix(through: rest.dropFirst().firstIndex(of: "\"") ?? rest.startIndex)
            : rest.prefix { $0.isNumber }
        guard let value = try? JSON.parse(String(written)), let id = MessagePairing.id(value) else { return nil }
        return (id, end.isError)
    }
}

extension StringProtocol {
    /// Where a text occurs first.
    func range(ofFirst word: String) -> Range<Index>? {
        let word = Array(word.utf8)
        guard let first = word.first else { return nil }
        var start = utf8.startIndex
        while let at = utf8[start...].firstIndex(of: first) {
            if utf8[at...].starts(with: word) { return at..<utf8.index(at, offsetBy: word.count) }
            start = utf8.index(after: at)
        }
        return nil
    }
}
