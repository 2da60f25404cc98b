package import Core

/// What an A2A agent says about itself at `/.well-known/agent-card.json`, as far as an inventory needs it.
///
/// Reads both published shapes: 0.x with `url` and `additionalInterfaces`, and 1.0 with `supportedInterfaces`
/// (https://a2a-protocol.org/latest/specification/).
package struct AgentCard: Sendable, Hashable {
    package static let path = "/.well-known/agent-card.json"
    /// Where agents before 0.3 put it.
    package static let formerPath = "/.well-known/agent.json"

    package struct Interface: Sendable, Hashable {
        package var url: String
        /// `JSONRPC`, `GRPC`, `HTTP+JSON`.
        package var binding: String
        package var version: String?
    }

    package struct Skill: Sendable, Hashable {
        package var id: String
        package var name: String
        package var description: String?
        package var tags: [String]
    }

    package var name: String
    package var description: String?
    package var version: String?
    package var provider: String?
    package var interfaces: [Interface]
    package var skills: [Skill]
    /// The names of the security schemes that the card declares; none means that anyone may call.
    package var securitySchemes: [String]
    package var isSigned: Bool
    package var digest: Digest

    package init(_ value: JSON.Value) throws(Malformed) {
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: "") }
        name = try object.text("name")
        description = try object.textIfPresent("description")
        version = try object.textIfPresent("version")
        provider = try object.nestedIfPresent("provider")?.textIfPresent("organization")
        interfaces = try Self.interfaces(object)
        guard !interfaces.isEmpty else { throw Malformed(.missing, at: "url") }
        skills = try Self.entries(object, "skills", limit: 1_024).map { skill throws(Malformed) in
            Skill(
                id: try skill.text("id"),
                name: try skill.text("name"),
                description: try skill.textIfPresent("description"),
                tags: try skill.texts("tags")
            )
        }
        securitySchemes = try object.nestedIfPresent("securitySchemes")?.keys.sorted() ?? []
        isSigned = object["signatures"]?.array?.isEmpty == false
        digest = Digest.sha256(JSON.canonical(value))
    }

    private static func interfaces(_ object: JSON.Object) throws(Malformed) -> [Interface] {
        var found: [Interface] = []
        if let url = try object.textIfPresent("url") {
            found.append(
                Interface(
                    url: url,
                    binding: try object.textIfPresent("preferredTransport") ?? "JSONRPC",
                    version: try object.textIfPresent("protocolVersion")
                )
            )
        }
        for entry in try entries(object, "additionalInterfaces", limit: 64) {
            found.append(Interface(url: try entry.text("url"), binding: try entry.text("transport"), version: nil))
        }
        for entry in try entries(object, "supportedInterfaces", limit: 64) {
            found.append(
                Interface(
                    url: try entry.text("url"),
                    binding: try entry.text("protocolBinding"),
                    version: try entry.textIfPresent("protocolVersion")
                )
            )
        }
        return found
    }

    private static func entries(_ object: JSON.Object, _ key: String, limit: Int) throws(Malformed) -> [JSON.Object] {
        guard let value = object[key], value != .null else { return [] }
        guard let array = value.array else { throw Malformed(.kind(expected: "array"), at: key) }
        guard array.count <= limit else { throw Malformed(.limit(limit), at: key) }
        var entries: [JSON.Object] = []
        for element in array {
            guard let entry = element.object else { throw Malformed(.kind(expected: "object"), at: key) }
            entries.append(entry)
        }
        return entries
    }
}
