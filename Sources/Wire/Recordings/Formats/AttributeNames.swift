import Core

/// Under which names telemetry writes what a call record needs, best first.
///
/// A new vendor's name is a line here. Sources: OpenTelemetry semantic conventions for GenAI and MCP
/// (open-telemetry/semantic-conventions-genai, docs/gen-ai/mcp.md), OpenInference (Arize-ai/openinference,
/// spec/semantic_conventions.md), OpenLLMetry (traceloop), agentgateway's access log scope, ContextForge, and the names
/// that recorders used before there was a convention.
struct AttributeNames: Sendable {
    enum Field: Sendable, Hashable, CaseIterable {
        case method, operation, kind, tool, arguments, result, server, address, port, callID, error, rpcStatus
        case httpStatus, conversation, task, taskText, messages, spiffe, subject, agent, user, client, clientVersion
        case peer, success, duration, event
    }

    private let names: [Field: [String]]

    init(_ names: [Field: [String]]) { self.names = names }

    static let known = AttributeNames([
        .method: ["mcp.method.name", "mcp.method", "mcp.event_type", "rpc.method"],
        .operation: ["gen_ai.operation.name"],
        .kind: ["openinference.span.kind", "traceloop.span.kind", "langfuse.observation.type", "langsmith.span.kind"],
        .tool: [
            "gen_ai.tool.name", "mcp.tool.name", "mcp_tool_name", "tool.name", "tool_call.function.name",
            "traceloop.entity.name", "mcp.resource_name", "tool_name",
        ],
        .arguments: [
            "gen_ai.tool.call.arguments", "gen_ai.tool.arguments", "mcp.tool.arguments", "mcp.tool.args",
            "mcp.request.argument", "tool.arguments", "tool_call.function.arguments", "tool.input", "tool_input",
            "tool_arguments", "traceloop.entity.input", "langfuse.observation.input", "input.value", "tool.parameters",
        ],
        .result: [
            "gen_ai.tool.call.result", "gen_ai.tool.result", "mcp.tool.result", "mcp.tool.result.content",
            "tool.output",
            "tool.result", "tool_response", "traceloop.entity.output", "langfuse.observation.output", "output.value",
        ],
        .server: [
            "mcp.server.name", "mcp_server_name", "mcp_server.name", "mcp.target", "mcp.server", "mcp.server_name",
            "gen_ai.tool.server.name", "server_name",
        ],
        .address: ["server.address", "net.peer.name", "peer.service"],
        .port: ["server.port", "net.peer.port"],
        .callID: ["gen_ai.tool.call.id", "tool_call.id", "tool.id", "tool_use_id"],
        .error: ["error.type", "exception.type"],
        .rpcStatus: ["rpc.response.status_code", "rpc.jsonrpc.error_code", "mcp.error.code", "jsonrpc.error.code"],
        .httpStatus: ["http.response.status_code", "http.status_code", "http.status"],
        .conversation: [
            "gen_ai.conversation.id", "session.id", "langfuse.session.id",
            "traceloop.association.properties.session_id",
        ],
        .task: ["gen_ai.task.id", "task.id", "prompt.id"],
        .taskText: ["gen_ai.task.text", "task.text", "input.value"],
        .messages: ["gen_ai.input.messages", "gen_ai.prompt"],
        .spiffe: ["src.identity", "client.spiffe_id", "tls.client.spiffe_id", "spiffe.id", "peer.spiffe_id"],
        .subject: ["jwt.sub", "oauth.subject", "token.sub"],
        .agent: ["gen_ai.agent.id", "gen_ai.agent.name", "agent.id", "agent.name", "graph.node.id"],
        .user: ["enduser.id", "user.id", "langfuse.user.id", "user.email", "user.account_uuid"],
        .client: ["mcp.client.name", "mcp.client_name", "client.name"],
        .clientVersion: ["mcp.client.version", "mcp.client_version", "client.version"],
        .peer: ["client.address", "network.peer.address", "net.sock.peer.addr", "src.addr"],
        .success: ["success", "mcp.tool.success", "tool.success"],
        .duration: ["duration_ms", "mcp.duration_ms"],
        .event: ["event.name"],
    ])

    func value(_ field: Field, in attributes: JSON.Object) -> JSON.Value? {
        for name in names[field] ?? [] {
            if let value = attributes[name], !value.isNull { return value }
        }
        return nil
    }

    func text(_ field: Field, in attributes: JSON.Object) -> String? {
        for name in names[field] ?? [] {
            if let text = attributes[name]?.plainText { return text }
        }
        return nil
    }
}
