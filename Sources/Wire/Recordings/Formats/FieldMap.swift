package import Core

/// Where a flat format keeps what a call record needs: declared, so that one more vendor is no code.
///
/// A path is a member's name, or names divided by dots; a name that holds dots itself is tried as a whole first. In CSV a
/// path is a column.
package struct FieldMap: Sendable {
    /// Only entries with one of these values in the field are calls.
    package struct Filter: Sendable {
        package var path: String
        package var values: Set<String>

        package init(path: String, values: Set<String>) {
            self.path = path
            self.values = values
        }
    }

    package var tool: [String]
    package var time: [String]
    package var end: [String]
    package var filter: Filter?
    package var id: [String]
    package var server: [String]
    package var principal: [String]
    package var principalKind: CallRecord.PrincipalKind
    package var conversation: [String]
    package var trace: [String]
    package var task: [String]
    package var taskText: [String]
    /// An object, or the text of one.
    package var arguments: [String]
    /// Columns that begin like this are one argument each; nil where there are none such.
    package var argumentPrefix: String?
    package var result: [String]
    package var outcome: [String]
    /// From what stands in the outcome field; what is not listed is no known outcome.
    package var outcomes: [String: CallRecord.Outcome]
    /// A field whose text, when there is any, says that the call failed.
    package var error: [String]
    package var durationMilliseconds: [String]

    package init(
        tool: [String],
        time: [String],
        end: [String] = [],
        filter: Filter? = nil,
        id: [String] = [],
        server: [String] = [],
        principal: [String] = [],
        principalKind: CallRecord.PrincipalKind = .declared,
        conversation: [String] = [],
        trace: [String] = [],
        task: [String] = [],
        taskText: [String] = [],
        arguments: [String] = [],
        argumentPrefix: String? = nil,
        result: [String] = [],
        outcome: [String] = [],
        outcomes: [String: CallRecord.Outcome] = [:],
        error: [String] = [],
        durationMilliseconds: [String] = []
    ) {
        self.tool = tool
        self.time = time
        self.end = end
        self.filter = filter
        self.id = id
        self.server = server
        self.principal = principal
        self.principalKind = principalKind
        self.conversation = conversation
        self.trace = trace
        self.task = task
        self.taskText = taskText
        self.arguments = arguments
        self.argumentPrefix = argumentPrefix
        self.result = result
        self.outcome = outcome
        self.outcomes = outcomes
        self.error = error
        self.durationMilliseconds = durationMilliseconds
    }

    /// The importer of a recording of JSON lines (or one list) that this map describes.
    package func importer(_ settings: ImportSettings) -> any RecordingImporter {
        EntryImporter(FieldReader(map: self), format: .fields, settings: settings)
    }

    /// The importer of a CSV file with a header line.
    package func csvImporter(_ settings: ImportSettings) -> any RecordingImporter {
        CSVImporter(FieldReader(map: self), settings: settings)
    }
}

extension FieldMap {
    /// Maps that come with the product, by the name under which they are asked for.
    ///
    /// Sources: Cloudflare Logpush `mcp_portal_logs`, Langfuse's and LangSmith's run formats, Teleport's MCP session events,
    /// each as its documentation gives the fields.
    package static let shipped: [String: FieldMap] = [
        "cloudflare-portal": FieldMap(
            tool: ["ToolCallName"],
            time: ["Datetime"],
            filter: Filter(path: "Method", values: ["tools/call"]),
            server: ["ServerID", "ServerURL"],
            principal: ["UserID", "UserEmail"],
            principalKind: .gateway,
            outcome: ["Success"],
            outcomes: ["true": .ok, "false": .rpcError],
            error: ["Error"],
            durationMilliseconds: ["ServerResponseDurationMs"]
        ),
        "langfuse": FieldMap(
            tool: ["name"],
            time: ["startTime", "start_time"],
            end: ["endTime", "end_time"],
            filter: Filter(path: "type", values: ["TOOL"]),
            id: ["id"],
            principal: ["userId", "metadata.agent"],
            conversation: ["sessionId"],
            trace: ["traceId", "trace_id"],
            arguments: ["input"],
            result: ["output"],
            outcome: ["level"],
            outcomes: ["DEFAULT": .ok, "DEBUG": .ok, "WARNING": .ok, "ERROR": .toolError]
        ),
        "langsmith": FieldMap(
            tool: ["name"],
            time: ["start_time"],
            end: ["end_time"],
            filter: Filter(path: "run_type", values: ["tool"]),
            id: ["id"],
            conversation: ["extra.metadata.thread_id", "extra.metadata.session_id"],
            trace: ["trace_id"],
            arguments: ["inputs.input", "inputs"],
            result: ["outputs.output", "outputs"],
            outcome: ["status"],
            outcomes: ["success": .ok, "error": .toolError, "pending": .lost],
            error: ["error"]
        ),
        "teleport": FieldMap(
            tool: ["message.params.name"],
            time: ["time"],
            filter: Filter(path: "message.method", values: ["tools/call"]),
            id: ["uid"],
            server: ["app_name"],
            principal: ["user"],
            principalKind: .gateway,
            conversation: ["sid"],
            arguments: ["message.params.arguments"],
            outcome: ["success"],
            outcomes: ["true": .ok, "false": .denied]
        ),
    ]
}

/// Reads entries through a field map.
struct FieldReader: EntryReader {
    let map: FieldMap
    /// Names that the map has no use for, in the order in which they came.
    private var unread: [String] = []
    private var known: Set<String> = []

    init(map: FieldMap) { self.map = map }

    /// Notes which names nothing is read from, so that a map with a gap does not pass for one without.
    mutating func note(names: some Sequence<String>, limit: Int) {
        for name in names where known.count < limit && known.insert(name).inserted {
            if !map.reads(name) { unread.append(name) }
        }
    }

    mutating func finish(into calls: inout DraftCalls) { calls.report.unread = unread }

    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        guard let object = entry.object else { return calls.quarantine(.shape, at: line) }
        note(names: object.lazy.map(\.key), limit: calls.settings.limits.names)
        if let filter = map.filter {
            let kind = Self.text([filter.path], in: object)
            guard let kind, filter.values.contains(kind) else { return calls.skip(kind ?? "other") }
        }
        var draft = CallDraft(tool: Self.text(map.tool, in: object) ?? "", line: line)
        if let (server, tool) = RecordedValue.qualifiedTool(draft.tool) {
            draft.server = server
            draft.tool = tool
        }
        if let written = Self.value(map.time, in: object) {
            draft.time = RecordedValue.time(written)
            if draft.time == nil { return calls.quarantine(.time, at: line) }
        }
        draft.id = Self.text(map.id, in: object)
        draft.server = Self.text(map.server, in: object) ?? draft.server
        draft.conversation = Self.text(map.conversation, in: object)
        draft.trace = Self.text(map.trace, in: object)
        var task = Self.text(map.task, in: object)
        var text = Self.text(map.taskText, in: object)
        // A request in the user's words is no name of a task, and as one it would name the session too.
        if let words = task, !Self.isName(words) {
            text = text ?? words
            task = nil
        }
        if task != nil || text != nil { draft.task = CallRecord.Task(id: task, text: text) }
        draft.principal = Self.text(map.principal, in: object).map {
            CallRecord.Principal(id: $0, kind: map.principalKind)
        }
        draft.arguments = arguments(object, &calls)
        draft.result = Self.value(map.result, in: object).map { RecordedValue.result($0) }
        draft.duration = RecordedValue.duration(Self.value(map.durationMilliseconds, in: object))
        if let start = draft.time, let end = RecordedValue.time(Self.value(map.end, in: object)) {
            if end < start { calls.note(.clockBackwards) } else { draft.duration = draft.duration ?? (end - start) }
        }
        if let outcome = Self.text(map.outcome, in: object).flatMap({ map.outcomes[$0] }) { draft.end(outcome) }
        if Self.text(map.error, in: object) != nil, draft.outcome == .ok { draft.end(.toolError) }
        if draft.result?.isError == true, draft.outcome == .ok { draft.end(.toolError) }
        calls.append(draft)
    }

    private func arguments(_ object: JSON.Object, _ calls: inout DraftCalls) -> JSON.Object? {
        for path in map.arguments {
            guard let value = Self.value([path], in: object) else { continue }
            if let arguments = RecordedValue.arguments(value) { return arguments }
            if path == map.arguments.last { calls.note(.unreadableArguments) }
        }
        guard let prefix = map.argumentPrefix else { return nil }
        var arguments = JSON.Object()
        for (key, value) in object where key.hasPrefix(prefix) && key.utf8.count > prefix.utf8.count {
            // An empty cell is an argument that was not sent.
            if value.isNull || value.string == "" { continue }
            arguments[String(key.dropFirst(prefix.count))] = value
        }
        return arguments
    }

    /// Whether a text is of the form that identifiers have.
    private static func isName(_ text: String) -> Bool {
        text.utf8.count <= 128 && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }

    private static func value(_ paths: [String], in object: JSON.Object) -> JSON.Value? {
        for path in paths {
            if let value = object[path] {
                if value.isNull { continue }
                return value
            }
            var current: JSON.Value? = .object(object)
            for part in path.split(separator: ".") { current = current?[String(part)] }
            if let current, !current.isNull { return current }
        }
        return nil
    }

    private static func text(_ paths: [String], in object: JSON.Object) -> String? {
        for path in paths {
            let value = value([path], in: object)
            if let text = value?.plainText { return text }
            if let flag = value?.bool { return flag ? "true" : "false" }
        }
        return nil
    }
}

extension FieldMap {
    /// Whether something is read from a column or member of this name.
    fileprivate func reads(_ name: String) -> Bool {
        if let prefix = argumentPrefix, name.hasPrefix(prefix), name.utf8.count > prefix.utf8.count { return true }
        let places = [
            tool, time, end, id, server, principal, conversation, trace, task, taskText, arguments, result, outcome,
            error, durationMilliseconds, [filter?.path].compactMap(\.self),
        ]
        return places.joined().contains { $0 == name || $0.hasPrefix(name + ".") }
    }
}
