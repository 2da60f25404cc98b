package import Core

/// The exception that bore a gate that did not pass, as it was when the gate was decided.
package struct GateWaiver: Sendable, Hashable {
    package var id: String
    package var owner: String
    /// Who made it: proven where `isAuthenticated`, else claimed.
    package var by: String
    package var reason: String
    package var expires: Timestamp
    package var isAuthenticated: Bool

    init(_ exception: Core.Exception) {
        id = exception.id
        owner = exception.owner
        by = exception.createdBy
        reason = exception.reason
        expires = exception.expires
        isAuthenticated = exception.isAuthenticated
    }

    package var json: JSON.Object {
        [
            "id": .string(id), "owner": .string(owner), "by": .string(by), "reason": .string(reason),
            "until": .string(expires.description), "authenticated": .bool(isAuthenticated),
        ]
    }

    /// Nothing where a member is missing or of another type.
    init?(_ json: JSON.Object) {
        guard let id = json["id"]?.string, let owner = json["owner"]?.string, let by = json["by"]?.string,
            let reason = json["reason"]?.string, let isAuthenticated = json["authenticated"]?.bool,
            let expires = json["until"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        (self.id, self.owner, self.by, self.reason) = (id, owner, by, reason)
        (self.expires, self.isAuthenticated) = (expires, isAuthenticated)
    }
}
