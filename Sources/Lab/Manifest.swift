import Core
import Wire

/// The truth about the estate, against which a survey can be held.
enum Manifest {
    static let version: Int64 = 1

    static func entry(
        _ server: LabServer,
        url: String,
        certificate: Digest?
    ) -> JSON.Value {
        let blueprint = server.blueprint
        let transport: Transport =
            if case .eventStream = blueprint.front { .legacySSE } else { .streamableHTTP }
        var entry: JSON.Object = [
            "name": .string(blueprint.name), "title": .string(blueprint.title), "version": .string(blueprint.version),
            "kind": "mcp", "url": .string(url), "transport": .string(transport.rawValue),
            "revisions": .array(blueprint.revisions.sorted(by: >).map { .string($0.rawValue) }),
            "owner": .string(blueprint.owner), "auth": blueprint.token == nil ? "none" : "bearer",
            "tls": certificate.map { ["selfSigned": true, "certificate": .string($0.description)] } ?? nil,
            "poisoned": .bool(blueprint.isPoisoned), "changing": .bool(blueprint.drift != nil),
            "tools": tools(blueprint.tools.map(\.definition)),
            "prompts": .array(blueprint.prompts.map { $0.definition["name"] ?? nil }),
            "resources": .array(blueprint.resources.map { $0.definition["uri"] ?? nil }),
            "resourceTemplates": .array(blueprint.resourceTemplates.map { $0["uriTemplate"] ?? nil }),
        ]
        // The token of a server that exists for a test is no secret; a client needs it to get in.
        entry["token"] = blueprint.token.map(JSON.Value.string)
        if let drift = blueprint.drift { entry["changedTools"] = tools([drift.definition]) }
        return .object(entry)
    }

    static func agent(url: String, card: JSON.Value) -> JSON.Value {
        [
            "name": .string(TravelAgent.name), "kind": "a2a-agent", "url": .string(url),
            "owner": .string(TravelAgent.owner), "auth": "none", "tls": nil, "poisoned": false, "changing": false,
            "card": .string(Digest.sha256(JSON.canonical(card)).description),
        ]
    }

    static func fault(_ name: String, url: String, behaviour: String, speaksMCP: Bool = false) -> JSON.Value {
        [
            "name": .string(name), "url": .string(url), "behaviour": .string(behaviour), "speaksMCP": .bool(speaksMCP),
        ]
    }

    private static func tools(_ definitions: [JSON.Object]) -> JSON.Value {
        .array(
            definitions.map { definition in
                [
                    "name": .string(definition.text("name")),
                    "digest": .string(ToolDefinition.digest(of: definition).description),
                ]
            }
        )
    }
}
