package import Core

/// One entry of an audit log: what happened, when, and digests of what it was about.
///
/// RFC 8785 JSON with the members `schema` (`lockstep.audit/1`), `kind`, `time` (RFC 3339, UTC) and those of its kind.
/// It holds identifiers, closed sets of words and digests; never a secret, an argument or a sentence somebody wrote:
/// the log is made to be handed to strangers.
package struct AuditEntry: Hashable, Sendable {
    package static let schema = "lockstep.audit/1"

    /// Which members follow; a stable word such as `ledger.event`.
    package let kind: String
    package let time: Timestamp
    package let members: JSON.Object

    package init(kind: String, time: Timestamp, members: JSON.Object) {
        self.kind = kind
        self.time = time
        self.members = members
    }

    package var bytes: [UInt8] {
        var object = members
        object["schema"] = .string(Self.schema)
        object["kind"] = .string(kind)
        object["time"] = .string(time.description)
        return JSON.canonical(.object(object))
    }

    /// Reads what `bytes` writes; nothing for an entry of another schema, or one that is not canonical.
    package init?(_ bytes: some Collection<UInt8>) {
        guard let value = try? JSON.parse(Array(bytes)), var object = value.object,
            object["schema"]?.string == Self.schema, let kind = object["kind"]?.string,
            let time = object["time"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        for name in ["schema", "kind", "time"] { object[name] = nil }
        self.init(kind: kind, time: time, members: object)
        guard self.bytes.elementsEqual(bytes) else { return nil }
    }
}
