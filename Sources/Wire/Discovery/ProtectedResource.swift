package import Core

/// The metadata of a resource that wants tokens (RFC 9728 §2), as far as an inventory needs it.
package struct ProtectedResource: Sendable, Hashable {
    package static let wellKnown = "/.well-known/oauth-protected-resource"

    /// The identifier of the resource.
    package var resource: String
    package var name: String?
    package var authorizationServers: [String]
    package var scopes: [String]
    /// `header`, `body`, `query`.
    package var bearerMethods: [String]
    package var requiresDPoP: Bool

    package init(_ value: JSON.Value) throws(Malformed) {
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: "") }
        resource = try object.text("resource")
        name = try object.textIfPresent("resource_name")
        authorizationServers = try object.texts("authorization_servers", limit: 64)
        scopes = try object.texts("scopes_supported", limit: 1_024)
        bearerMethods = try object.texts("bearer_methods_supported", limit: 16)
        requiresDPoP = try object.flagIfPresent("dpop_bound_access_tokens_required") ?? false
    }

    /// Where the metadata of the resource at this path may be, the exact place first (RFC 9728 §3.1).
    package static func paths(forResourceAt path: String) -> [String] {
        let trimmed = path.hasSuffix("/") ? String(path.dropLast()) : path
        return trimmed.isEmpty ? [wellKnown] : [wellKnown + trimmed, wellKnown]
    }

    /// Whether the metadata is about this address; metadata about another one must not be used (RFC 9728 §3.3).
    package func isAbout(_ url: String) -> Bool {
        func trimmed(_ text: String) -> Substring { text.hasSuffix("/") ? text.dropLast() : text[...] }
        return trimmed(resource).utf8.elementsEqual(trimmed(url).utf8)
    }
}
