import Core
import Inspection

/// Writes events as spans: `ExportTraceServiceRequest` of OTLP 1.x in protocol buffers.
///
/// One SERVER span for each request, with the names of the OpenTelemetry conventions for MCP, and `lockstep.*` for what
/// was decided. A span is a child of the one that the client names in `_meta` or its head.
package struct OTLPTraces: Sendable {
    /// Which requests become spans.
    package enum Choice: String, Sendable, CaseIterable {
        case all
        /// What did not pass, or would not have.
        case denied
        case none
    }

    let gateway: String
    /// Arguments that may leave, by name.
    let attributes: Set<String>

    package init(gateway: String, attributes: Set<String> = []) {
        self.gateway = gateway
        self.attributes = attributes
    }

    package static func takes(_ event: RequestEvent, _ choice: Choice) -> Bool {
        switch choice {
        case .none: false
        case .all: true
        case .denied: event.verdict != .pass && event.verdict != .allow
        }
    }

    /// The bytes of one request; `identifiers` gives numbers to spans, and to traces that begin here.
    package func request(
        _ events: some Sequence<RequestEvent>,
        identifiers: inout some RandomNumberGenerator
    ) -> [UInt8] {
        var writer = ProtobufWriter()
        writer.message(1) { resourceSpans in
            resourceSpans.message(1) { OTLP.resource(&$0, gateway) }
            resourceSpans.message(2) { scopeSpans in
                scopeSpans.message(1) { OTLP.scope(&$0) }
                for event in events {
                    let span = UInt64.random(in: 1...(.max), using: &identifiers)
                    let trace =
                        event.trace
                        ?? TraceContext(
                            high: .random(in: 1...(.max), using: &identifiers),
                            low: .random(in: 1...(.max), using: &identifiers),
                            parent: 0,
                            flags: 1
                        )
                    scopeSpans.message(2) { self.span(&$0, event, span, trace) }
                }
            }
        }
        return writer.bytes
    }

    private func span(_ writer: inout ProtobufWriter, _ event: RequestEvent, _ id: UInt64, _ trace: TraceContext) {
        writer.data(1, OTLP.bytes(trace.high) + OTLP.bytes(trace.low))
        writer.data(2, OTLP.bytes(id))
        if trace.parent != 0 { writer.data(4, OTLP.bytes(trace.parent)) }
        let method = event.method.isEmpty ? event.verb : event.method
        writer.text(5, event.name.isEmpty ? method : "\(method) \(OTLP.cut(event.name))")
        writer.number(6, 2)
        let start = UInt64(clamping: event.time.microseconds) &* 1_000
        writer.fixed64(7, start)
        writer.fixed64(8, start &+ UInt64(clamping: event.wholeTime))
        for (key, value) in texts(of: event) { OTLP.attribute(&writer, 9, key, value) }
        for (key, value) in numbers(of: event) { OTLP.attribute(&writer, 9, key, value) }
        if let fault = event.fault { writer.message(15) { status(&$0, event, fault) } }
        // The sampled flag of the caller, and whether the parent is known to be on another machine.
        writer.fixed32(16, UInt32(trace.flags) | 0x100 | (trace.parent == 0 ? 0 : 0x200))
    }

    private func status(_ writer: inout ProtobufWriter, _ event: RequestEvent, _ fault: String) {
        writer.text(2, OTLP.cut(event.reason ?? fault))
        writer.number(3, 2)
    }

    private func texts(of event: RequestEvent) -> [(String, String)] {
        var found: [(String, String)] = []
        func add(_ key: String, _ value: String) { if !value.isEmpty { found.append((key, OTLP.cut(value))) } }
        add("mcp.method.name", event.method)
        add("mcp.protocol.version", event.revision)
        add("mcp.session.id", event.session ?? "")
        add("jsonrpc.request.id", event.idText)
        switch event.method {
        case "tools/call":
            add("gen_ai.tool.name", event.name)
            add("gen_ai.operation.name", "execute_tool")
        case "prompts/get": add("gen_ai.prompt.name", event.name)
        default:
            // A resource's address is an argument like any other.
            if attributes.contains("uri") { add("mcp.resource.uri", event.arguments["uri"]?.string ?? "") }
        }
        if let fault = event.fault {
            add("error.type", fault)
            if Int(fault) != nil { add("rpc.response.status_code", fault) }
        }
        add("client.address", event.peer)
        add("network.transport", event.verb.isEmpty ? "pipe" : "tcp")
        if !event.verb.isEmpty {
            add("network.protocol.name", "http")
            add("network.protocol.version", "1.1")
            add("http.request.method", event.verb)
            add("http.route", event.route)
        }
        add("lockstep.server", event.server)
        add("lockstep.principal", event.principal?.id ?? "")
        if event.isCanary { add("lockstep.canary", "true") }
        add("lockstep.decision", event.verdict.rawValue)
        add("lockstep.reason", event.reason ?? "")
        add("lockstep.rule", event.rule ?? "")
        add("lockstep.mode", event.mode.rawValue)
        let named = namedArguments(of: event)
        if !named.isEmpty {
            add("gen_ai.tool.call.arguments", String(decoding: JSON.canonical(.object(named)), as: UTF8.self))
        }
        return found
    }

    private func numbers(of event: RequestEvent) -> [(String, Int64)] {
        var found: [(String, Int64)] = [("lockstep.decide_us", event.decideTime / 1_000)]
        if event.status != 0 { found.append(("http.response.status_code", Int64(event.status))) }
        if let time = event.upstreamTime { found.append(("lockstep.upstream_us", time / 1_000)) }
        return found
    }

    /// The arguments that the document names, but for those whose name or value is that of a secret.
    private func namedArguments(of event: RequestEvent) -> JSON.Object {
        guard !attributes.isEmpty, event.method == "tools/call" else { return [:] }
        var named: JSON.Object = [:]
        for (key, value) in event.arguments where attributes.contains(key) && !SecretNames.nameSecret(key) {
            if let text = value.string, Credentials.mayHoldSecret(Array(text.utf8).span) { continue }
            named[key] = value
        }
        return named
    }
}

/// What spans and metrics have in common.
enum OTLP {
    static let longest = 512

    static func cut(_ text: String) -> String {
        text.utf8.count > longest ? String(decoding: text.utf8.prefix(longest), as: UTF8.self) : text
    }

    static func bytes(_ number: UInt64) -> [UInt8] {
        stride(from: UInt64(56), through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    static func resource(_ writer: inout ProtobufWriter, _ gateway: String) {
        attribute(&writer, 1, "service.name", "lockstep-gateway")
        attribute(&writer, 1, "service.instance.id", gateway)
    }

    static func scope(_ writer: inout ProtobufWriter) { writer.text(1, "lockstep.gateway") }

    static func attribute(_ writer: inout ProtobufWriter, _ field: Int, _ key: String, _ value: String) {
        writer.message(field) { pair in
            pair.text(1, key)
            pair.message(2) { $0.text(1, value) }
        }
    }

    static func attribute(_ writer: inout ProtobufWriter, _ field: Int, _ key: String, _ value: Int64) {
        writer.message(field) { pair in
            pair.text(1, key)
            pair.message(2) { $0.signed(3, value) }
        }
    }
}
