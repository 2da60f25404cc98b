package import Core
package import Identity

/// What somebody signs to deny a principal, or to give access back.
///
/// Its canonical bytes (RFC 8785) are what counts. A lift names the very entries that it ends, by gateway and digest:
/// handed in again after the next kill, it opens nothing.
package struct RevocationStatement: Sendable, Hashable {
    package enum Action: String, Sendable { case kill, lift }

    package static let schema = "lockstep.revocation/1"
    /// The type of the payload where the statement comes in an envelope.
    package static let payloadType = "application/vnd.lockstep.revocation+json"
    /// Votes have this namespace too; their schema tells them apart.
    package static let namespace = "lockstep-vote"

    package let action: Action
    package let principal: String
    package let reason: String
    /// Who says so: for a signature of a person, that person.
    package let by: String
    package let time: Timestamp
    /// Of a lift: gateway to the digest of the entry that is lifted there.
    package let entries: [String: Digest]

    package init(
        _ action: Action,
        principal: String,
        reason: String,
        by: String,
        time: Timestamp,
        entries: [String: Digest] = [:]
    ) {
        self.action = action
        self.principal = principal
        self.reason = reason
        self.by = by
        self.time = time
        self.entries = entries
    }

    package var json: JSON.Value {
        var object: JSON.Object = [
            "schema": .string(Self.schema), "action": .string(action.rawValue), "principal": .string(principal),
            "reason": .string(reason), "by": .string(by), "time": .string(time.description),
        ]
        if action == .lift {
            object["entries"] = .object(JSON.Object(entries.map { ($0.key, .string($0.value.description)) }))
        }
        return .object(object)
    }

    package var canonicalBytes: [UInt8] { JSON.canonical(json) }

    /// Reads what `json` writes; nothing where a member is missing, unknown or of the wrong type.
    package init?(_ json: JSON.Value) {
        guard let object = json.object, object["schema"]?.string == Self.schema,
            let action = object["action"]?.string.flatMap({ Action(rawValue: $0) }),
            let principal = object["principal"]?.string, !principal.isEmpty, principal.utf8.count <= 2_048,
            let reason = object["reason"]?.string, !reason.isEmpty, let by = object["by"]?.string,
            let time = object["time"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            object.count == (action == .lift ? 7 : 6)
        else { return nil }
        var entries: [String: Digest] = [:]
        if action == .lift {
            guard let named = object["entries"]?.object else { return nil }
            for (gateway, text) in named {
                guard let digest = text.string.flatMap({ Digest($0) }) else { return nil }
                entries[gateway] = digest
            }
        }
        self.init(action, principal: principal, reason: reason, by: by, time: time, entries: entries)
    }
}

/// A statement with the signature that came with it, not yet believed.
package enum RevocationProof: Sendable, Hashable {
    /// Signed with a key of a workspace.
    case envelope(DSSEEnvelope)
    /// Signed by a person, with the key that they vote with.
    case signature(RevocationStatement, SSHSignature)

    package var json: JSON.Value {
        switch self {
        case .envelope(let envelope): envelope.json
        case .signature(let statement, let signature):
            ["statement": statement.json, "signature": .string(signature.armored)]
        }
    }

    package init?(_ json: JSON.Value) {
        guard let object = json.object else { return nil }
        if object["payload"] != nil {
            guard let envelope = try? DSSEEnvelope(parsing: JSON.canonical(json), limit: 1 << 20) else { return nil }
            self = .envelope(envelope)
            return
        }
        guard object.count == 2, let statement = object["statement"].flatMap({ RevocationStatement($0) }),
            let armored = object["signature"]?.string, let signature = try? SSHSignature(armored: armored)
        else { return nil }
        self = .signature(statement, signature)
    }

    /// What it says, whoever signed it.
    package var statement: RevocationStatement? {
        switch self {
        case .envelope(let envelope): (try? JSON.parse(envelope.payload)).flatMap { RevocationStatement($0) }
        case .signature(let statement, _): statement
        }
    }
}

/// Whose signatures a gateway believes.
package struct ControlKeys: Sendable {
    /// Keys of workspaces: they may deny.
    package var keys: [DSSEKey]
    /// People: they may deny and lift.
    package var people: [PersonID: [SSHPublicKey]]
    /// Keys that may sign no more; what they signed before stays signed.
    package var retired: [PersonID: [SSHPublicKey]]

    package init(
        keys: [DSSEKey] = [],
        people: [PersonID: [SSHPublicKey]] = [:],
        retired: [PersonID: [SSHPublicKey]] = [:]
    ) {
        self.keys = keys
        self.people = people
        self.retired = retired
    }

    /// Whether anybody is named: then access comes back by the vote of a person alone.
    package var isNamed: Bool { !keys.isEmpty || !people.isEmpty }

    /// Who signed the proof, or nothing where it is nobody who is believed.
    package func signer(of proof: RevocationProof, mayBeRetired: Bool = false) -> String? {
        switch proof {
        case .envelope(let envelope):
            return keys.first { (try? envelope.verify(by: [$0], type: RevocationStatement.payloadType)) != nil }
                .map { "key:\($0.id)" }
        case .signature(let statement, let signature):
            var all = people
            if mayBeRetired { all.merge(retired) { $0 + $1 } }
            // A key that two people list proves neither.
            let owners = all.filter { $0.value.contains(signature.key) }.keys
            guard owners.count == 1, let owner = owners.first, owner.text == statement.by, let keys = all[owner],
                (try? signature.verify(
                    statement.canonicalBytes,
                    namespace: RevocationStatement.namespace,
                    allowed: keys
                )) != nil
            else { return nil }
            return "user:\(owner)"
        }
    }
}
