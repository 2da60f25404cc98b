package import Core

/// What a server says about itself when a conversation opens.
package struct Introduction: Sendable, Hashable {
    package var server: Implementation?
    package var capabilities: JSON.Object
    /// Text that hosts put before a model; as much an attack surface as a tool's description.
    package var instructions: String?
    /// The revisions that the server named, as it wrote them: the negotiated one, or all of `supportedVersions`.
    package var versions: [String]

    package init(
        server: Implementation?,
        capabilities: JSON.Object,
        instructions: String? = nil,
        versions: [String]
    ) {
        self.server = server
        self.capabilities = capabilities
        self.instructions = instructions
        self.versions = versions
    }

    /// The named revisions that are published ones, newest first.
    package var revisions: [ProtocolRevision] {
        versions.compactMap(ProtocolRevision.init(rawValue:)).sorted(by: >)
    }

    /// The lists that the server says it offers.
    package var lists: [ListKind] { ListKind.allCases.filter { capabilities[$0.capability]?.object != nil } }

    /// Reads the result of `initialize`.
    package init(initializeResult value: JSON.Value) throws(Malformed) {
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: "result") }
        versions = [try object.text("protocolVersion")]
        capabilities = try object.nested("capabilities")
        server = try Implementation(object.nested("serverInfo"))
        instructions = try object.textIfPresent("instructions")
    }

    /// Reads the result of `server/discover`.
    ///
    /// `ttlMs` and `cacheScope` are not looked at: a server that leaves them out is still there, and must be listed.
    package init(discoverResult value: JSON.Value) throws(Malformed) {
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: "result") }
        try ResultType.requireComplete(object)
        versions = try object.texts("supportedVersions", limit: 64)
        guard object["supportedVersions"] != nil else { throw Malformed(.missing, at: "supportedVersions") }
        capabilities = try object.nested("capabilities")
        instructions = try object.textIfPresent("instructions")
        let info = try object.nestedIfPresent("_meta").flatMap { $0[MetaKey.serverInfo]?.object }
        server = try info.map { info throws(Malformed) in try Implementation(info) }
    }

    /// The introduction as the result of `initialize`.
    package func initializeResult(_ revision: ProtocolRevision) -> JSON.Value {
        var object: JSON.Object = [
            "protocolVersion": .string(revision.rawValue), "capabilities": .object(capabilities),
        ]
        object["serverInfo"] = server?.value
        object["instructions"] = instructions.map(JSON.Value.string)
        return .object(object)
    }
}

/// The word with which a result of 2026-07-28 says how it is to be read.
package enum ResultType: String, Sendable, Hashable {
    case complete
    /// The server wants something from the client first, and has not answered yet.
    case inputRequired = "input_required"

    /// Refuses a result that is no answer; one without the word is complete, as the specification rules.
    static func requireComplete(_ object: JSON.Object) throws(Malformed) {
        guard let word = try object.textIfPresent("resultType") else { return }
        guard word == complete.rawValue else { throw Malformed(.value, at: "resultType") }
    }
}
