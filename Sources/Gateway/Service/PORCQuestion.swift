import Core
import Policies

/// What ToolHive's authorizer `httpv1` asks, as the message of MCP that it is about.
///
/// Principal, operation, resource and context; the operation is `mcp:tool:call` and the like, and the resource
/// `mrn:mcp:SERVER:tool:NAME` (ToolHive, `pkg/authz/authorizers/http`).
struct PORCQuestion {
    let principal: String
    let server: String
    /// As rules name it.
    let tool: String
    let isList: Bool
    /// Arguments of a call that are not told are not known to be none.
    let tellsArguments: Bool
    /// The request in JSON-RPC that the client sent to ToolHive, as far as it is told.
    let message: [UInt8]

    init?(_ body: JSON.Value) {
        guard let question = try? DecisionService.toolHive(body) else { return nil }
        switch question {
        case .call(let call):
            guard let named = call.server else { return nil }
            tellsArguments = body["context"]?["mcp"]?["args"]?.object != nil
            (principal, server, tool, isList) = (call.principal, named, call.tool, false)
            message = Self.message("tools/call", ["name": .string(call.tool), "arguments": .object(call.arguments)])
        case .other(let operation):
            guard let caller = body["principal"]?["sub"]?.string, !caller.isEmpty,
                let resource = body["resource"]?.string
            else { return nil }
            principal = caller
            tellsArguments = true
            let arguments = body["context"]?["mcp"]?["args"]?.object ?? [:]
            switch operation {
            case "mcp:prompt:get":
                guard let (named, prompt) = Self.parts(resource, "prompt"), !prompt.isEmpty else { return nil }
                (server, tool, isList) = (named, "prompts/get", false)
                message = Self.message("prompts/get", ["name": .string(prompt), "arguments": .object(arguments)])
            case "mcp:resource:read":
                guard let (named, address) = Self.parts(resource, "resource"), !address.isEmpty else { return nil }
                (server, tool, isList) = (named, "resources/read", false)
                message = Self.message("resources/read", ["uri": .string(address)])
            case "mcp:tool:list", "mcp:prompt:list", "mcp:resource:list":
                let feature = String(operation.split(separator: ":")[1])
                guard let (named, _) = Self.parts(resource, feature) else { return nil }
                (server, tool, isList) = (named, "", true)
                message = Self.message("\(feature)s/list", [:])
            default: return nil
            }
        }
    }

    /// Server and name; a resource's address may hold anything, so that the first mark counts, and the server has none.
    private static func parts(_ resource: String, _ feature: String) -> (server: String, name: String)? {
        guard resource.hasPrefix("mrn:mcp:") else { return nil }
        let rest = resource.dropFirst("mrn:mcp:".count)
        guard let colon = rest.firstIndex(of: ":"), colon > rest.startIndex else { return nil }
        let name = rest[colon...].dropFirst()
        guard name.hasPrefix(feature + ":") else { return nil }
        return (String(rest[..<colon]), String(name.dropFirst(feature.utf8.count + 1)))
    }

    private static func message(_ method: String, _ params: JSON.Object) -> [UInt8] {
        JSON.canonical(["jsonrpc": "2.0", "id": 1, "method": .string(method), "params": .object(params)])
    }
}
