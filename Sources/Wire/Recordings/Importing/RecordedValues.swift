import Core

/// How recordings write times, durations, arguments and results.
enum RecordedValue {
    /// Reads RFC 3339, or a count since 1970 whose unit shows in its size.
    static func time(_ value: JSON.Value?) -> Timestamp? {
        switch value {
        case .string(let text):
            if let time = Timestamp(rfc3339: text) { return time }
            guard text.utf8.count <= 24, let number = Double(text), number.isFinite else { return nil }
            return Int64(text).flatMap { epoch($0) } ?? epoch(number)
        case .integer(let count): return epoch(count)
        case .number(let count): return epoch(count)
        default: return nil
        }
    }

    /// Seconds to the year 5138, then milliseconds, microseconds and nanoseconds; zero stands for "not set".
    private static func epoch(_ count: Int64) -> Timestamp? {
        switch count {
        case ..<1: nil
        case ..<100_000_000_000: Timestamp(seconds: count)
        case ..<100_000_000_000_000: Timestamp(microseconds: count * 1000)
        case ..<100_000_000_000_000_000: Timestamp(microseconds: count)
        default: Timestamp(microseconds: count / 1000)
        }
    }

    private static func epoch(_ count: Double) -> Timestamp? {
        guard count > 0, count < 9e18 else { return nil }
        let scale: Double = count < 1e11 ? 1e6 : count < 1e14 ? 1e3 : count < 1e17 ? 1 : 1e-3
        return Timestamp(microseconds: Int64(count * scale))
    }

    /// Reads `6ms`, `1.25s`, `340µs` or a number of milliseconds; nothing negative is a duration.
    static func duration(_ value: JSON.Value?) -> Duration? {
        guard let value else { return nil }
        guard let text = value.string else { return value.double.flatMap { milliseconds($0) } }
        let units: [(String, Double)] = [("ms", 1), ("µs", 1e-3), ("μs", 1e-3), ("us", 1e-3), ("ns", 1e-6), ("s", 1e3)]
        for (unit, scale) in units where text.hasSuffix(unit) {
            return Double(text.dropLast(unit.count)).flatMap { milliseconds($0 * scale) }
        }
        return Double(text).flatMap { milliseconds($0) }
    }

    static func milliseconds(_ count: Double) -> Duration? {
        guard count >= 0, count < 1e12 else { return nil }
        return .microseconds(Int64(count * 1000))
    }

    /// The arguments, which telemetry writes as an object or as its JSON text.
    ///
    /// Null and an empty text are what a call without arguments looks like.
    static func arguments(_ value: JSON.Value) -> JSON.Object? {
        switch value {
        case .object(let object): return object
        case .null: return [:]
        case .string(let text):
            if text.isEmpty { return [:] }
            return (try? JSON.parse(text))?.object
        default: return nil
        }
    }

    /// A result: MCP's own form, a JSON value, or a text that may hold either.
    static func result(_ value: JSON.Value) -> CallRecord.Result {
        if let object = value.object, let result = toolResult(object) { return result }
        guard let text = value.string else {
            return CallRecord.Result(
                structured: value.isNull ? nil : value,
                bytes: value.isNull ? 0 : JSON.canonical(value).count,
                items: value.array?.count
            )
        }
        let inner: JSON.Value? = text.utf8.first.map { $0 == 0x7B || $0 == 0x5B } == true ? try? JSON.parse(text) : nil
        if let object = inner?.object, let result = toolResult(object) { return result }
        return CallRecord.Result(text: text, structured: inner, bytes: text.utf8.count, items: inner?.array?.count)
    }

    /// A `CallToolResult` (MCP schema), known by its list of contents.
    static func toolResult(_ object: JSON.Object) -> CallRecord.Result? {
        let contents = object["content"]?.array
        guard contents != nil || object["structuredContent"] != nil else { return nil }
        let texts = (contents ?? []).compactMap { part in
            part["type"]?.string == "text" ? part["text"]?.string : part["resource"]?["text"]?.string
        }
        let text = texts.joined(separator: "\n")
        var structured = object["structuredContent"]
        if structured?.isNull == true { structured = nil }
        return CallRecord.Result(
            text: texts.isEmpty ? nil : text,
            structured: structured,
            isError: object["isError"]?.bool ?? false,
            bytes: JSON.canonical(.object(object)).count,
            items: structured?.array?.count
        )
    }

    /// `mcp__server__tool`, under which agents offer a server's tool to a model, taken apart.
    static func qualifiedTool(_ name: String) -> (server: String, tool: String)? {
        guard name.hasPrefix("mcp__") else { return nil }
        let rest = Array(name.dropFirst(5).utf8)
        let mark = UInt8(ascii: "_")
        guard let cut = rest.indices.dropLast().first(where: { $0 > 0 && rest[$0] == mark && rest[$0 + 1] == mark }),
            cut + 2 < rest.count
        else { return nil }
        return (String(decoding: rest[..<cut], as: UTF8.self), String(decoding: rest[(cut + 2)...], as: UTF8.self))
    }

    /// What the status of an HTTP answer alone says of a call; nil for success.
    static func failure(status: Int64) -> CallRecord.Outcome? {
        switch status {
        case ..<100: .lost
        case 401: .authFailed
        case 403: .denied
        case 408, 504: .timeout
        case 499: .cancelled
        case 400...: .rpcError
        default: nil
        }
    }

    /// The trace id of a `traceparent` (W3C Trace Context), where it is well formed.
    static func trace(parent: String?) -> String? {
        guard let parts = parent?.split(separator: "-"), parts.count >= 4, parts[1].utf8.count == 32,
            parts[1].utf8.contains(where: { $0 != UInt8(ascii: "0") })
        else { return nil }
        return String(parts[1])
    }
}

extension JSON.Value {
    /// The text, or a number as text: recorders disagree on which of the two an id is.
    var plainText: String? {
        switch self {
        case .string(let text): text.isEmpty ? nil : text
        case .integer(let number): String(number)
        case .number: description
        default: nil
        }
    }

    /// The first member of these names that is there and is not null.
    func first(_ names: String...) -> JSON.Value? {
        names.lazy.compactMap { self[$0] }.first { !$0.isNull }
    }
}
