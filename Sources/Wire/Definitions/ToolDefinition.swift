package import Core

/// A tool as its server defines it.
package struct ToolDefinition: Sendable, Hashable {
    package var name: ToolName
    package var title: String?
    package var description: String?
    /// JSON Schema of the arguments.
    package var inputSchema: JSON.Object
    /// JSON Schema of the structured result.
    package var outputSchema: JSON.Object?
    /// Hints that an untrusted server gives about itself.
    package var annotations: JSON.Object?
    /// The whole definition as the server sent it, unknown members included.
    package var body: JSON.Object

    /// The members that the digest covers (design §4).
    ///
    /// Icons and `_meta` are left out: they do not tell a model what the tool does, and servers vary them without a
    /// change of meaning.
    package static let digestedMembers = [
        "name", "title", "description", "inputSchema", "outputSchema", "annotations",
    ]

    /// SHA-256 of RFC 8785 of the digested members that are present, as they are: `null` is present.
    package let digest: Digest

    package init(_ value: JSON.Value) throws(Malformed) {
        guard let object = value.object else { throw Malformed(.kind(expected: "object"), at: "") }
        let name = try object.text("name")
        guard !name.isEmpty else { throw Malformed(.value, at: "name") }
        self.name = ToolName(name)
        title = try object.textIfPresent("title")
        description = try object.textIfPresent("description")
        inputSchema = try object.nested("inputSchema")
        outputSchema = try object.nestedIfPresent("outputSchema")
        annotations = try object.nestedIfPresent("annotations")
        body = object
        digest = Self.digest(of: object)
    }

    /// The digest of any object read as a tool definition, also of one that is otherwise malformed.
    package static func digest(of object: JSON.Object) -> Digest {
        var covered: JSON.Object = [:]
        for member in digestedMembers {
            covered[member] = object[member]
        }
        return Digest.sha256(JSON.canonical(.object(covered)))
    }

    /// The definition as the inventory keeps it.
    package var definition: Definition {
        Definition(kind: .tool, name: name.text, body: .object(body), digest: digest)
    }
}
