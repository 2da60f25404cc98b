package import Core

/// The digest by which a changed definition is known.
extension Definition {
    /// The members of a tool that count: what a model reads, and what a client checks.
    package static let digestedMembers = [
        "name", "title", "description", "inputSchema", "outputSchema", "annotations",
    ]

    /// SHA-256 of RFC 8785 of the members that count, of a tool; of the whole body, of everything else.
    ///
    /// Members that are missing stay missing: a `title` of null and no title are two definitions.
    package static func digest(of body: JSON.Value, kind: Kind) -> Digest {
        guard kind == .tool, let object = body.object else { return .sha256(JSON.canonical(body)) }
        var counted = JSON.Object()
        for member in digestedMembers {
            if let value = object[member] { counted[member] = value }
        }
        return .sha256(JSON.canonical(.object(counted)))
    }

    /// A definition as its server sent it, under its digest.
    package static func read(_ body: JSON.Value, kind: Kind) -> Definition? {
        let name = body["name"]?.string ?? (kind == .resource ? body["uri"]?.string : body["uriTemplate"]?.string)
        guard let name else { return nil }
        return Definition(kind: kind, name: name, body: body, digest: digest(of: body, kind: kind))
    }
}
