import Core

/// The foreign formats of recorded traffic that can be read; the raw value is what `--from` takes.
package enum RecordingFormat: String, Sendable, Hashable, CaseIterable {
    /// OTLP in JSON: spans and log records, one object a line or one document.
    case otlp
    /// JSON-RPC messages, bare or in an envelope, one a line.
    case jsonrpc
    /// HTTP Archive 1.2.
    case har
    /// The message list that MCP Inspector exports.
    case inspector
    /// What desktop clients log of their servers.
    case desktopLog = "desktop-log"
    case toolhive
    case agentgateway
    /// Any HTTP access log in JSON lines with the `Mcp-*` headers.
    case accessLog = "access-log"
    /// Flat NDJSON or CSV with a declared field map.
    case fields
}

extension RecordingFormat {
    /// The importer of this format; nil for `fields`, which needs its map.
    package func importer(_ settings: ImportSettings) -> (any RecordingImporter)? {
        switch self {
        case .otlp: EntryImporter(OTLPReader(limits: settings.limits), format: self, settings: settings)
        case .jsonrpc: EntryImporter(MessageReader(), format: self, settings: settings)
        case .har: EntryImporter(HARReader(), format: self, settings: settings, isDocument: true)
        case .inspector: EntryImporter(InspectorReader(), format: self, settings: settings, isDocument: true)
        case .desktopLog: LineImporter(DesktopLogReader(), format: self, settings: settings)
        case .toolhive: EntryImporter(ToolHiveReader(), format: self, settings: settings)
        case .agentgateway: LineImporter(AgentgatewayReader(), format: self, settings: settings)
        case .accessLog: EntryImporter(AccessLogReader(), format: self, settings: settings)
        case .fields: nil
        }
    }

    /// Tells the format from how a recording begins, or nil; a few kilobytes are enough.
    ///
    /// Each mark is a member that the format cannot do without and no other has. Own recordings are known to their own
    /// reader by `lockstep.call/`, so that text is no format here.
    package static func sniff(_ beginning: [UInt8]) -> RecordingFormat? {
        let text = String(decoding: beginning.prefix(64 << 10), as: UTF8.self)
        func has(_ mark: String) -> Bool { text.contains(mark) }
        if has("\"lockstep.call/") { return nil }
        let start = text.unicodeScalars.first { !$0.properties.isWhitespace && $0.value != 0xFEFF }
        guard start == "{" || start == "[" else {
            if has("Message from client: ") || has("Message from server: ") { return .desktopLog }
            if has("gateway="), has("route=") || has("mcp.method.name=") { return .agentgateway }
            return nil
        }
        if has("\"resourceSpans\"") || has("\"resourceLogs\"") || has("\"resource_spans\"") || has("\"resource_logs\"")
        {
            return .otlp
        }
        if has("\"startedDateTime\"") || (has("\"log\"") && has("\"creator\"") && has("\"entries\"")) { return .har }
        if has("\"audit_id\"") || has("\"auditId\"") || has("\"audit_event\"") { return .toolhive }
        if has("\"mcp.method.name\"") && (has("\"gateway\"") || has("\"route\"")) { return .agentgateway }
        let folded = text.lowercased()
        if folded.contains("mcp-method\"") || folded.contains("mcp_method\"") { return .accessLog }
        if has("\"direction\""), has("\"timestamp\""), start == "[" || has("\"messages\"") { return .inspector }
        if has("\"jsonrpc\"") { return .jsonrpc }
        return nil
    }
}
