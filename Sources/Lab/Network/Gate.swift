import Core
import NIOHTTP1
import Wire

/// What stands before a server: the check of `Origin`, and of the bearer token where one is wanted.
struct Gate: Sendable {
    /// The address that clients know the server by, for the metadata.
    let url: String
    let token: String?

    /// The refusal, the metadata document, or nothing where the request may pass.
    func reply(to request: HTTPRequest) -> HTTPReply? {
        // A web page must not reach a server of this machine through its visitor's browser (2025-11-25, "Transports").
        if let origin = request.headers.first(name: "Origin"), !Self.isLoopback(origin) { return HTTPReply(.forbidden) }
        guard let token else { return nil }
        if ProtectedResource.paths(forResourceAt: StreamableHTTP.path).contains(request.path) {
            return .json(JSON.canonical(metadata))
        }
        if request.headers.first(name: "Authorization") == "Bearer " + token { return nil }
        let base = url.dropLast(StreamableHTTP.path.count)
        let address = base + ProtectedResource.wellKnown + StreamableHTTP.path
        let challenge = "Bearer realm=\"lab\", resource_metadata=\"\(address)\", scope=\"hr.read\""
        return HTTPReply(.unauthorized, headers: [("WWW-Authenticate", challenge)])
    }

    private var metadata: JSON.Value {
        [
            "resource": .string(url), "resource_name": "Lab HR", "authorization_servers": ["https://login.lab.example"],
            "scopes_supported": ["hr.read", "hr.write"], "bearer_methods_supported": ["header"],
        ]
    }

    private static func isLoopback(_ origin: String) -> Bool {
        ["http://127.0.0.1", "http://localhost", "https://127.0.0.1", "https://localhost"].contains { prefix in
            origin == prefix || origin.hasPrefix(prefix + ":")
        }
    }
}

/// The handle by which a demonstration or a test changes a server: `POST /_lab/drift`.
enum LabControl {
    static func reply(to request: HTTPRequest, server: LabServer) -> HTTPReply? {
        guard request.method == .POST, request.path == "/_lab/drift" else { return nil }
        return HTTPReply(server.drift() ? .noContent : .notFound)
    }
}
