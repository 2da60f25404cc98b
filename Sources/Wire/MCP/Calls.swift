package import Core

/// The name under which a program shows itself to its peer; self-reported, so never a ground for a decision.
package struct Implementation: Sendable, Hashable {
    package var name: String
    package var title: String?
    package var version: String

    package init(name: String, title: String? = nil, version: String) {
        self.name = name
        self.title = title
        self.version = version
    }

    /// Reads `serverInfo` or `clientInfo`.
    package init(_ object: JSON.Object) throws(Malformed) {
        name = try object.text("name")
        title = try object.textIfPresent("title")
        version = try object.text("version")
    }

    package var value: JSON.Value {
        var object: JSON.Object = ["name": .string(name), "version": .string(version)]
        object["title"] = title.map(JSON.Value.string)
        return .object(object)
    }
}

/// The keys that MCP itself puts into `_meta` (schema of 2026-07-28, `RequestMetaObject` and `ResultMetaObject`).
package enum MetaKey {
    package static let protocolVersion = "io.modelcontextprotocol/protocolVersion"
    package static let clientInfo = "io.modelcontextprotocol/clientInfo"
    package static let clientCapabilities = "io.modelcontextprotocol/clientCapabilities"
    package static let serverInfo = "io.modelcontextprotocol/serverInfo"
}

/// A list that a server offers, each with its method and the member of the result that holds the entries.
package enum ListKind: String, Sendable, Hashable, CaseIterable {
    case tools
    case prompts
    case resources
    case resourceTemplates

    package var method: String {
        self == .resourceTemplates ? "resources/templates/list" : "\(rawValue)/list"
    }

    /// The capability without which the list need not be asked for.
    package var capability: String { self == .resourceTemplates ? "resources" : rawValue }

    package var definitionKind: Definition.Kind {
        switch self {
        case .tools: .tool
        case .prompts: .prompt
        case .resources: .resource
        case .resourceTemplates: .resourceTemplate
        }
    }
}

/// The calls that a reader of servers makes, in the form that each revision wants.
package struct Calls: Sendable, Hashable {
    package var client: Implementation

    package init(client: Implementation) {
        self.client = client
    }

    /// Opens a session of the legacy era.
    ///
    /// No capability is offered: a server then has no right to ask this client for anything.
    package func initialize(id: JSONRPC.ID, offering revision: ProtocolRevision) -> JSONRPC.Request {
        JSONRPC.Request(
            id: id,
            method: "initialize",
            params: [
                "protocolVersion": .string(revision.rawValue), "capabilities": .object([:]), "clientInfo": client.value,
            ]
        )
    }

    /// Completes the opening of a session; nothing else may be asked before.
    package var initialized: JSONRPC.Notification { JSONRPC.Notification(method: "notifications/initialized") }

    /// Asks a server of the modern era what it is.
    package func discover(id: JSONRPC.ID, revision: ProtocolRevision) -> JSONRPC.Request {
        request("server/discover", id: id, revision: revision)
    }

    package func list(
        _ kind: ListKind,
        cursor: String? = nil,
        id: JSONRPC.ID,
        revision: ProtocolRevision
    ) -> JSONRPC.Request {
        var params: JSON.Object = [:]
        params["cursor"] = cursor.map(JSON.Value.string)
        return request(kind.method, id: id, revision: revision, params: params)
    }

    /// Any request, with what the revision wants in its `params`.
    package func request(
        _ method: String,
        id: JSONRPC.ID,
        revision: ProtocolRevision,
        params: JSON.Object = [:]
    ) -> JSONRPC.Request {
        var params = params
        if revision.era == .modern {
            params["_meta"] = [
                MetaKey.protocolVersion: .string(revision.rawValue), MetaKey.clientInfo: client.value,
                MetaKey.clientCapabilities: .object([:]),
            ]
        }
        return JSONRPC.Request(id: id, method: method, params: params.isEmpty ? nil : params)
    }
}

extension JSONRPC.Message {
    /// The headers of the HTTP POST that carries this message, in a fixed order.
    ///
    /// Before `initialize` is answered no revision has been agreed on; its header is left out then. `session` is the
    /// `Mcp-Session-Id` that the server gave.
    package func headers(
        revision: ProtocolRevision,
        session: String? = nil
    ) -> [(name: String, value: String)] {
        var headers = [
            (name: "Content-Type", value: "application/json"),
            (name: "Accept", value: "application/json, text/event-stream"),
        ]
        let (method, params): (String?, JSON.Object?) =
            switch self {
            case .request(let request): (request.method, request.params)
            case .notification(let notification): (notification.method, notification.params)
            case .response: (nil, nil)
            }
        if revision.requiredHeaders.contains(MCPHeader.protocolVersion), method != "initialize" {
            headers.append((MCPHeader.protocolVersion, revision.rawValue))
        }
        if revision.requiredHeaders.contains(MCPHeader.method), let method {
            headers.append((MCPHeader.method, method))
            if let member = MCPHeader.namedMember(of: method), let name = params?[member]?.string {
                headers.append((MCPHeader.name, MCPHeader.encode(name)))
            }
        }
        if let session, revision.hasSessions { headers.append((MCPHeader.session, session)) }
        return headers
    }
}
