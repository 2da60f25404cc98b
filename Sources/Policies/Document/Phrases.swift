import Core
import Traffic

/// The short plain words in which a policy document says what would else take a mapping of its own.
///
/// Each has one spelling that is written and read; what no phrase can say is written as a mapping instead.
enum Phrases {
    static let request = "the request"
    static let anyRead = "any read result"
    static let any = "any"
    static let onlyBoolean = "true or false only"

    static func field(_ field: ResultField) -> String { "field \(field.field) of \(field.tool)" }

    static func text(of tool: ServerTool) -> String { "text of \(tool)" }

    static func parseField(_ text: String) -> ResultField? {
        guard text.hasPrefix("field ") else { return nil }
        let rest = text.dropFirst("field ".count)
        guard let (field, tool) = halves(rest, at: " of "), !field.isEmpty, let tool = parseTool(tool) else {
            return nil
        }
        return ResultField(tool: tool, field: String(field))
    }

    static func parseText(_ text: String) -> ServerTool? {
        text.hasPrefix("text of ") ? parseTool(text.dropFirst("text of ".count)) : nil
    }

    static func parseTool(_ text: Substring) -> ServerTool? {
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let tool = ServerTool(server: String(text[..<slash]), tool: String(text[text.index(after: slash)...]))
        return tool.server.isEmpty || tool.tool.isEmpty ? nil : tool
    }

    private static func halves(_ text: Substring, at separator: String) -> (Substring, Substring)? {
        var start = text.startIndex
        while start < text.endIndex {
            let rest = text[start...]
            if rest.hasPrefix(separator) {
                return (text[..<start], rest.dropFirst(separator.count))
            }
            start = text.index(after: start)
        }
        return nil
    }
}

extension Phrases {
    static func support(_ support: Support) -> String {
        // Tasks are told apart by their ids; without any nothing is known of them, which is not that there were none.
        let tasks = support.tasks > 0 ? [counted(support.tasks, "task")] : []
        return
            ([counted(support.calls, "call"), counted(support.sessions, "session")] + tasks
            + [counted(support.days, "day"), counted(support.principals, "principal")]).joined(separator: ", ")
    }

    private static func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    /// Counts in any order, each at most once; what is not named is 0.
    static func parseSupport(_ text: String) -> Support? {
        var support = Support()
        var seen: Set<String> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let words = part.split(separator: " ")
            guard words.count == 2, let count = Int(words[0]), count >= 0 else { return nil }
            let noun = String(words[1].hasSuffix("s") ? words[1].dropLast() : words[1])
            guard seen.insert(noun).inserted else { return nil }
            switch noun {
            case "call": support.calls = count
            case "session": support.sessions = count
            case "task": support.tasks = count
            case "day": support.days = count
            case "principal": support.principals = count
            default: return nil
            }
        }
        return support
    }
}

extension Phrases {
    private static let weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

    static func window(_ window: TimeWindow) -> String {
        "\(days(window.days)) \(clock(window.start))-\(clock(window.end)) \(window.zone)"
    }

    private static func days(_ days: Set<Int>) -> String {
        let known = days.filter { 1...7 ~= $0 }.sorted()
        guard let first = known.first, let last = known.last else { return "never" }
        if known.count == 7 { return "daily" }
        if known.count > 1, last - first == known.count - 1 { return "\(weekdays[first - 1])-\(weekdays[last - 1])" }
        return known.map { weekdays[$0 - 1] }.joined(separator: ",")
    }

    private static func clock(_ minute: Int) -> String {
        let (hours, minutes) = (String(minute / 60), String(minute % 60))
        return (hours.utf8.count < 2 ? "0" : "") + hours + ":" + (minutes.utf8.count < 2 ? "0" : "") + minutes
    }

    /// `mon-fri 09:00-17:00 Europe/Berlin`; a zone that does not exist is refused.
    static func parseWindow(_ text: String) -> TimeWindow? {
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 3, let days = parseDays(words[0]), Zones.exists(words[2]) else { return nil }
        let times = words[1].split(separator: "-", omittingEmptySubsequences: false).compactMap { parseClock($0) }
        guard times.count == 2, words[1].filter({ $0 == "-" }).count == 1, times[0] < 1440 else { return nil }
        return TimeWindow(zone: words[2], days: days, start: times[0], end: times[1])
    }

    private static func parseDays(_ text: String) -> Set<Int>? {
        if text == "daily" { return Set(1...7) }
        if text == "never" { return [] }
        var days: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
            let numbers = ends.compactMap { weekdays.firstIndex(of: $0) }
            guard numbers.count == ends.count, let first = numbers.first, let last = numbers.last, ends.count <= 2,
                first <= last
            else { return nil }
            days.formUnion(first + 1...last + 1)
        }
        return days
    }

    private static func parseClock(_ text: Substring) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { 48...57 ~= $0 } }),
            let hours = Int(parts[0]), let minutes = Int(parts[1]), minutes < 60, hours * 60 + minutes <= 1440
        else { return nil }
        return hours * 60 + minutes
    }
}
