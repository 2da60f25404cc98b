package import Core

/// What other gateways ask before they pass a call on, read as the call that they mean.
///
/// Both are total: what is not understood is refused with a reason, and a refusal must be answered as a denial.
package enum DecisionService {
    /// A call as another gateway describes it, with what `CallRecord` needs and nothing guessed.
    package struct Call: Sendable, Hashable {
        package var principal: String
        /// Nil where the request does not say; the service then knows by its own address.
        package var server: String?
        package var tool: String
        package var arguments: JSON.Object
        package var session: String?
        package var client: String?

        package init(
            principal: String,
            server: String?,
            tool: String,
            arguments: JSON.Object,
            session: String? = nil,
            client: String? = nil
        ) {
            self.principal = principal
            self.server = server
            self.tool = tool
            self.arguments = arguments
            self.session = session
            self.client = client
        }

        /// The call as the observer takes it; the principal is what the gateway vouches for.
        package func record(at time: Timestamp, sequence: Int64, server known: String) -> CallRecord {
            CallRecord(
                time: time,
                session: session ?? principal,
                sequence: sequence,
                principal: CallRecord.Principal(id: principal, kind: .gateway),
                clientName: client,
                server: server ?? known,
                tool: tool,
                arguments: arguments
            )
        }
    }

    /// Something other than a tool call that a policy about tools has no say in.
    package enum Question: Sendable, Hashable {
        case call(Call)
        /// `tools/list`, `initialize`, a prompt or a resource, by its method or operation.
        case other(String)
    }

    package struct Refusal: Error, Hashable {
        package enum Code: String, Sendable {
            case notAnObject = "not-an-object"
            case noPrincipal = "no-principal"
            case noTool = "no-tool"
            case noArguments = "no-arguments"
            case badResource = "bad-resource"
            case badMethod = "bad-method"
            case badBody = "bad-body"
            case batch
        }

        package var code: Code
        package init(_ code: Code) { self.code = code }
    }

    /// Reads what ToolHive's authorizer `httpv1` posts to `/decision`: principal, operation, resource and context.
    ///
    /// Without `include_args` the arguments of a call cannot be told from none, so that the operation's metadata or the
    /// arguments must be there: `include_operation` shows that the context was filled in at all.
    package static func toolHive(_ body: JSON.Value) throws(Refusal) -> Question {
        guard body.object != nil else { throw Refusal(.notAnObject) }
        guard let operation = body["operation"]?.string else { throw Refusal(.badMethod) }
        guard operation == "mcp:tool:call" else { return .other(operation) }
        guard let principal = body["principal"]?["sub"]?.string, !principal.isEmpty else { throw Refusal(.noPrincipal) }
        guard let resource = body["resource"]?.string, resource.hasPrefix("mrn:mcp:") else {
            throw Refusal(.badResource)
        }
        // A server's id may hold a colon, and so may a tool's name: two readings are none.
        let rest = resource.dropFirst("mrn:mcp:".count)
        let parts = rest.split(separator: ":tool:", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else { throw Refusal(.badResource) }
        guard !parts[1].isEmpty else { throw Refusal(.noTool) }
        guard let context = body["context"]?["mcp"]?.object else { throw Refusal(.noArguments) }
        let arguments: JSON.Object
        switch context["args"] {
        case .object(let object)?: arguments = object
        case nil: arguments = [:]
        default: throw Refusal(.noArguments)
        }
        return .call(Call(principal: principal, server: parts[0], tool: parts[1], arguments: arguments))
    }

    package static func toolHiveAnswer(_ verdict: Decision.Verdict) -> JSON.Value {
        ["allow": .bool(verdict == .allow)]
    }

    /// Reads the request that Envoy's HTTP `ext_authz` filter passes on, with its body.
    ///
    /// Header names are in lower case, and one that came twice is left out. The body must be whole: one that the filter
    /// cut is refused. The principal's header is set by the gateway after it verified the token, and by nobody else.
    package static func envoy(
        headers: [String: String],
        body: [UInt8],
        principalHeader: String,
        server: String?
    ) throws(Refusal) -> Question {
        guard headers["x-envoy-auth-partial-body"]?.lowercased() != "true" else { throw Refusal(.badBody) }
        let message: JSON.Value
        do {
            message = try JSON.parse(body)
        } catch {
            throw Refusal(.badBody)
        }
        if message.array != nil { throw Refusal(.batch) }
        guard message.object != nil else { throw Refusal(.notAnObject) }
        guard let method = message["method"]?.string else { throw Refusal(.badMethod) }
        // A gateway that routes by the header must not be told another method than the server reads.
        if let stated = headers["mcp-method"], stated != method { throw Refusal(.badMethod) }
        guard method == "tools/call" else { return .other(method) }
        guard let principal = headers[principalHeader.lowercased()], !principal.isEmpty else {
            throw Refusal(.noPrincipal)
        }
        guard let parameters = message["params"]?.object, let tool = parameters["name"]?.string, !tool.isEmpty else {
            throw Refusal(.noTool)
        }
        if let stated = headers["mcp-name"], stated != tool { throw Refusal(.noTool) }
        let arguments: JSON.Object
        switch parameters["arguments"] {
        case .object(let object)?: arguments = object
        case nil: arguments = [:]
        default: throw Refusal(.noArguments)
        }
        return .call(
            Call(
                principal: principal,
                server: server,
                tool: tool,
                arguments: arguments,
                session: headers["mcp-session-id"]
            )
        )
    }

    /// 200 lets the request pass; the filter answers anything else itself.
    package static func envoyStatus(_ verdict: Decision.Verdict) -> Int { verdict == .allow ? 200 : 403 }
}
