import Core

/// Reads traces and log records in the JSON form of OTLP.
///
/// Layout: opentelemetry-proto (`TracesData`, `LogsData`) in the JSON mapping of the OTLP specification: ids are
/// hexadecimal, 64-bit numbers are strings, enumerations are integers; writers that use protobuf's own names or spellings
/// are understood too. Agent, client and server may each write a span of the same call; they are nested, and `OTLPNesting`
/// makes one call of them. Spans come in no order, hence that is decided at the end.
struct OTLPReader: EntryReader {
    private let limits: ImportLimits
    private let names: AttributeNames
    private var nesting: OTLPNesting

    init(limits: ImportLimits, names: AttributeNames = .known) {
        self.limits = limits
        self.names = names
        nesting = OTLPNesting(limit: limits.spans)
    }

    mutating func read(_ entry: JSON.Value, at line: Int, into calls: inout DraftCalls) {
        var isKnown = false
        for group in entry.first("resourceSpans", "resource_spans")?.array ?? [] {
            isKnown = true
            let resource = Self.attributes(group["resource"]?["attributes"])
            for scope in group.first("scopeSpans", "scope_spans", "instrumentationLibrarySpans")?.array ?? [] {
                for span in scope["spans"]?.array ?? [] { read(span: span, resource, line, into: &calls) }
            }
        }
        for group in entry.first("resourceLogs", "resource_logs")?.array ?? [] {
            isKnown = true
            let resource = Self.attributes(group["resource"]?["attributes"])
            for scope in group.first("scopeLogs", "scope_logs")?.array ?? [] {
                let name = scope["scope"]?["name"]?.string
                for record in scope.first("logRecords", "log_records")?.array ?? [] {
                    read(record: record, scope: name, resource, line, into: &calls)
                }
            }
        }
        if isKnown { return }
        if entry.first("resourceMetrics", "resource_metrics") != nil { return calls.skip("metrics") }
        let isEmptyBatch = entry.first("resourceSpans", "resource_spans", "resourceLogs", "resource_logs")?.array == []
        if !isEmptyBatch { calls.quarantine(.shape, at: line) }
    }

    private mutating func read(span: JSON.Value, _ resource: JSON.Object, _ line: Int, into calls: inout DraftCalls) {
        guard span.object != nil else { return calls.quarantine(.shape, at: line) }
        let attributes = Self.attributes(span["attributes"])
        let trace = span.first("traceId", "trace_id")?.string ?? ""
        let id = OTLPNesting.SpanID(trace: trace, span: span.first("spanId", "span_id")?.string ?? "")
        nesting.add(id, parent: span.first("parentSpanId", "parent_span_id")?.string)
        let name = span["name"]?.string ?? ""
        guard let tool = tool(attributes, spanName: name, isEvent: false) else {
            if let method = names.text(.method, in: attributes) { calls.skip(method) } else { calls.skip("span") }
            nesting.surround(surroundings(attributes), at: id)
            return
        }
        if nesting.holds(id) { return calls.note(.duplicateEntry) }
        let view = OTLPNesting.View(kind: span["kind"])
        var draft = draft(tool, attributes, resource, isServer: view == .server, line, &calls)
        draft.trace = trace.isEmpty ? nil : trace
        draft.id = draft.id ?? (id.isComplete ? id.span : nil)
        draft.time = RecordedValue.time(span.first("startTimeUnixNano", "start_time_unix_nano"))
        let end = RecordedValue.time(span.first("endTimeUnixNano", "end_time_unix_nano"))
        if let start = draft.time, let end {
            if end < start { calls.note(.clockBackwards) } else { draft.duration = end - start }
        }
        let status = span["status"]?["code"]
        let isFailed = status?.int == 2 || status?.string == "STATUS_CODE_ERROR"
        draft.end(end == nil ? .lost : outcome(attributes, isFailed: isFailed, draft.result))
        guard let place = calls.append(draft) else { return }
        nesting.place(place, at: id, view, hasAgent: names.text(.agent, in: attributes) != nil)
    }

    private mutating func read(
        record: JSON.Value,
        scope: String?,
        _ resource: JSON.Object,
        _ line: Int,
        into calls: inout DraftCalls
    ) {
        guard record.object != nil else { return calls.quarantine(.shape, at: line) }
        var attributes = Self.attributes(record["attributes"])
        for (key, value) in Self.value(record["body"])?.object ?? [:] where attributes[key] == nil {
            attributes[key] = value
        }
        let event = record.first("eventName", "event_name")?.string ?? names.text(.event, in: attributes) ?? ""
        let isCall = event.hasSuffix("tool_result") || event.hasSuffix("tool.result") || event.hasSuffix("tool_call")
        guard let tool = tool(attributes, spanName: "", isEvent: isCall) else {
            return calls.skip(names.text(.method, in: attributes) ?? (event.isEmpty ? "log" : event))
        }
        var draft = draft(tool, attributes, resource, isServer: false, line, &calls)
        draft.time =
            RecordedValue.time(record.first("timeUnixNano", "time_unix_nano"))
            ?? RecordedValue.time(record.first("observedTimeUnixNano", "observed_time_unix_nano"))
        draft.duration = RecordedValue.duration(names.value(.duration, in: attributes) ?? attributes["duration"])
        let id = OTLPNesting.SpanID(
            trace: record.first("traceId", "trace_id")?.string ?? "",
            span: record.first("spanId", "span_id")?.string ?? ""
        )
        draft.trace = id.trace.isEmpty ? nil : id.trace
        let success = names.value(.success, in: attributes)
        let isFailed = success?.bool == false || success?.string == "false"
        draft.end(outcome(attributes, isFailed: isFailed, draft.result))
        guard let place = calls.append(draft) else { return }
        nesting.place(place, at: id, .record, hasAgent: names.text(.agent, in: attributes) != nil)
    }

    /// The tool that a span or record tells of, or nil where it is something else than a call.
    private func tool(_ attributes: JSON.Object, spanName: String, isEvent: Bool) -> String? {
        let method = names.text(.method, in: attributes)
        let operation = names.text(.operation, in: attributes)
        let kind = names.text(.kind, in: attributes)?.lowercased()
        if let method, method != "tools/call", kind != "tool", operation != "execute_tool" { return nil }
        let named = names.text(.tool, in: attributes)
        let isCall = method == "tools/call" || operation == "execute_tool" || kind == "tool" || isEvent
        guard isCall else {
            // Before there was a convention, the tool's name was all there was.
            return kind == nil && operation == nil && method == nil ? attributes["mcp.tool.name"]?.plainText : nil
        }
        if let named { return named }
        for prefix in ["tools/call ", "execute_tool "] where spanName.hasPrefix(prefix) {
            return String(spanName.dropFirst(prefix.count))
        }
        return kind == "tool" ? spanName : ""
    }

    private func draft(
        _ tool: String,
        _ attributes: JSON.Object,
        _ resource: JSON.Object,
        isServer: Bool,
        _ line: Int,
        _ calls: inout DraftCalls
    ) -> CallDraft {
        var draft = CallDraft(tool: tool, line: line)
        let service = resource["service.name"]?.plainText
        draft.server = names.text(.server, in: attributes)
        if let (server, bare) = RecordedValue.qualifiedTool(tool) {
            draft.tool = bare
            draft.server = draft.server ?? server
        }
        if draft.server == nil, isServer { draft.server = service }
        if draft.server == nil, let address = names.text(.address, in: attributes) {
            draft.server = names.text(.port, in: attributes).map { "\(address):\($0)" } ?? address
        }
        draft.id = names.text(.callID, in: attributes)
        draft.conversation = names.text(.conversation, in: attributes)
        draft.task = names.text(.task, in: attributes).map { CallRecord.Task(id: $0) }
        draft.principal = principal(attributes, service: isServer ? nil : service)
        if draft.principal?.kind != nil, let user = names.text(.user, in: attributes), user != draft.principal?.id {
            draft.delegation = [user]
        }
        draft.clientName = names.text(.client, in: attributes)
        draft.clientVersion = names.text(.clientVersion, in: attributes)
        draft.peerAddress = names.text(.peer, in: attributes)
        if let written = names.value(.arguments, in: attributes) {
            draft.arguments = RecordedValue.arguments(written)
            if draft.arguments == nil { calls.note(.unreadableArguments) }
        }
        draft.result = names.value(.result, in: attributes).map { RecordedValue.result($0) }
        return draft
    }

    /// A proven name before one that the program gave itself.
    private func principal(_ attributes: JSON.Object, service: String?) -> CallRecord.Principal? {
        if let id = names.text(.spiffe, in: attributes), id.hasPrefix("spiffe://") {
            return CallRecord.Principal(id: id, kind: .spiffe)
        }
        if let id = names.text(.subject, in: attributes) { return CallRecord.Principal(id: id, kind: .jwt) }
        let declared = names.text(.agent, in: attributes) ?? service ?? names.text(.user, in: attributes)
        return declared.map { CallRecord.Principal(id: $0, kind: .declared) }
    }

    private func outcome(
        _ attributes: JSON.Object,
        isFailed: Bool,
        _ result: CallRecord.Result?
    ) -> CallRecord.Outcome {
        let error = names.text(.error, in: attributes)?.lowercased()
        if result?.isError == true || error == "tool_error" { return .toolError }
        if let code = names.text(.rpcStatus, in: attributes), code != "0", code != "OK" { return .rpcError }
        if let error, !error.isEmpty {
            if Int64(error).map({ $0 < 0 }) == true { return .rpcError }
            if let status = Int64(error), let failure = RecordedValue.failure(status: status) { return failure }
            if error.contains("timeout") || error.contains("deadline") { return .timeout }
            if error.contains("cancel") { return .cancelled }
            if error.contains("denied") || error.contains("forbidden") { return .denied }
            if error.contains("unauthor") || error.contains("unauthenticated") { return .authFailed }
            return .toolError
        }
        if let status = names.value(.httpStatus, in: attributes)?.plainText.flatMap({ Int64($0) }),
            let failure = RecordedValue.failure(status: status)
        {
            return failure
        }
        return isFailed ? .toolError : .ok
    }

    private func surroundings(_ attributes: JSON.Object) -> OTLPNesting.Surroundings {
        var found = OTLPNesting.Surroundings()
        let kind = names.text(.kind, in: attributes)?.lowercased()
        let isAgent = kind == "agent" || kind == "chain" || names.text(.operation, in: attributes) == "invoke_agent"
        found.agent = names.text(.agent, in: attributes)
        found.conversation = names.text(.conversation, in: attributes)
        if isAgent {
            let text = Self.prompt(names.value(.messages, in: attributes)) ?? names.text(.taskText, in: attributes)
            let id = names.text(.task, in: attributes)
            if text != nil || id != nil { found.task = CallRecord.Task(id: id, text: text) }
        }
        return found
    }

    /// The user's last message in `gen_ai.input.messages` (semantic conventions, `gen-ai-input-messages.json`).
    private static func prompt(_ value: JSON.Value?) -> String? {
        let messages = value?.array ?? value?.string.flatMap { try? JSON.parse($0) }?.array
        guard let user = messages?.last(where: { $0["role"]?.string == "user" }) else { return nil }
        if let content = user["content"]?.string { return content }
        let texts = (user["parts"]?.array ?? []).compactMap { $0["content"]?.string ?? $0["text"]?.string }
        return texts.isEmpty ? nil : texts.joined(separator: "\n")
    }

    func finish(into calls: inout DraftCalls) {
        nesting.settle(&calls)
    }

    private static func attributes(_ list: JSON.Value?) -> JSON.Object {
        var object = JSON.Object()
        for pair in list?.array ?? [] {
            guard let key = pair["key"]?.string, let value = value(pair["value"]) else { continue }
            object[key] = value
        }
        return object
    }

    /// An `AnyValue`; bytes and what is unknown are left out.
    private static func value(_ any: JSON.Value?) -> JSON.Value? {
        guard let any else { return nil }
        if let text = any.first("stringValue", "string_value")?.string { return .string(text) }
        if let number = any.first("intValue", "int_value") {
            return number.int.map { .integer($0) } ?? number.string.flatMap { Int64($0) }.map { .integer($0) }
        }
        if let flag = any.first("boolValue", "bool_value")?.bool { return .bool(flag) }
        if let number = any.first("doubleValue", "double_value")?.double { return .number(number) }
        if let list = any.first("arrayValue", "array_value") {
            return .array((list["values"]?.array ?? []).compactMap { value($0) })
        }
        if let list = any.first("kvlistValue", "kvlist_value") { return .object(attributes(list["values"])) }
        return nil
    }
}
