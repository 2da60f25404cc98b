// The JSON form of the inventory: what snapshots keep, what exports write. Every member is written, so that two
// snapshots can be compared byte by byte.

extension ServerDescription {
    package var json: JSON.Value {
        .object([
            "name": .string(name), "title": title.map { .string($0) } ?? .null, "version": .string(version),
            "instructions": instructions.map { .string($0) } ?? .null,
            "revisions": .array(revisions.map { .string($0) }), "capabilities": capabilities,
            "definitions": .array(definitions.map(\.json)), "authentication": authentication.json,
            "security": security.json, "gaps": .array(gaps.map { .string($0) }),
            "tool_count": toolCount.map { .integer(Int64($0)) } ?? .null,
        ])
    }

    package init?(json: JSON.Value) {
        guard let name = json["name"]?.string, let security = json["security"].flatMap(Security.init(json:)),
            let authentication = json["authentication"].flatMap(Authentication.init(json:))
        else { return nil }
        self.init(
            name: name,
            title: json["title"]?.string,
            version: json["version"]?.string ?? "",
            instructions: json["instructions"]?.string,
            revisions: (json["revisions"]?.array ?? []).compactMap(\.string),
            capabilities: json["capabilities"] ?? .object([:]),
            definitions: (json["definitions"]?.array ?? []).compactMap(Definition.init(json:)),
            authentication: authentication,
            security: security,
            gaps: (json["gaps"]?.array ?? []).compactMap(\.string),
            // Inventories of before have no such member, and no list of theirs was unknown.
            areToolsKnown: json["tool_count"]?.isNull != true
        )
    }
}

extension ServerDescription.Authentication {
    package var json: JSON.Value {
        switch self {
        case .none: ["kind": "none"]
        case .unknown: ["kind": "unknown"]
        case .bearer(let scheme): ["kind": "bearer", "scheme": .string(scheme)]
        case .oauth(let metadata, let issuers):
            ["kind": "oauth", "metadata": .string(metadata), "issuers": .array(issuers.map { .string($0) })]
        }
    }

    package init?(json: JSON.Value) {
        switch json["kind"]?.string {
        case "none": self = .none
        case "unknown": self = .unknown
        case "bearer": self = .bearer(scheme: json["scheme"]?.string ?? "")
        case "oauth":
            self = .oauth(
                metadata: json["metadata"]?.string ?? "",
                issuers: (json["issuers"]?.array ?? []).compactMap(\.string)
            )
        default: return nil
        }
    }

    /// One word for a table.
    package var word: String {
        switch self {
        case .none: "none"
        case .unknown: "unknown"
        case .bearer(let scheme): scheme.isEmpty ? "bearer" : scheme.lowercased()
        case .oauth: "oauth"
        }
    }
}

extension ServerDescription.Security {
    package var json: JSON.Value {
        [
            "version": .string(version), "certificate": certificate.map { .string($0.description) } ?? .null,
            "trusted": isTrusted.map { .bool($0) } ?? .null,
            "not_after": notAfter.map { .string($0.description) } ?? .null,
        ]
    }

    package init?(json: JSON.Value) {
        guard let version = json["version"]?.string else { return nil }
        self.init(
            version: version,
            certificate: json["certificate"]?.string.flatMap { Digest($0) },
            isTrusted: json["trusted"]?.bool,
            notAfter: json["not_after"]?.string.flatMap { Timestamp(rfc3339: $0) }
        )
    }
}

extension Definition {
    package var json: JSON.Value {
        [
            "kind": .string(kind.rawValue), "name": .string(name), "digest": .string(digest.description), "body": body,
        ]
    }

    package init?(json: JSON.Value) {
        guard let kind = json["kind"]?.string.flatMap(Kind.init(rawValue:)), let name = json["name"]?.string,
            let digest = json["digest"]?.string.flatMap({ Digest($0) }), let body = json["body"]
        else { return nil }
        self.init(kind: kind, name: name, body: body, digest: digest)
    }
}

extension SecretReference {
    package var json: JSON.Value { ["name": .string(name), "digest": .string(digest)] }

    package init?(json: JSON.Value) {
        guard let name = json["name"]?.string, let digest = json["digest"]?.string else { return nil }
        self.init(name: name, digest: digest)
    }
}

extension InventoryServer {
    package var json: JSON.Value {
        [
            "id": .string(id.text), "canonical_key": .string(canonicalKey),
            "aliases": .array(aliases.map { .string($0) }), "kind": .string(kind.rawValue),
            "transport": .string(transport.rawValue), "url": url.map { .string($0) } ?? .null,
            "command": .array(command.map { .string($0) }), "owner": owner.map { .string($0) } ?? .null,
            "criticality": criticality.map { .string($0.rawValue) } ?? .null,
            "description": description?.json ?? .null, "locations": .array(locations.map { .string($0) }),
            "secrets": .array(secrets.map(\.json)), "first_seen": .string(firstSeen.description),
            "last_seen": .string(lastSeen.description),
            "not_reached": unreached.map { ["at": .string($0.time.description), "reason": .string($0.reason)] }
                ?? .null,
        ]
    }

    package init?(json: JSON.Value) {
        guard let id = json["id"]?.string, let key = json["canonical_key"]?.string,
            let kind = json["kind"]?.string.flatMap(ServerKindOfThing.init(rawValue:)),
            let transport = json["transport"]?.string.flatMap(Transport.init(rawValue:)),
            let firstSeen = json["first_seen"]?.string.flatMap({ Timestamp(rfc3339: $0) }),
            let lastSeen = json["last_seen"]?.string.flatMap({ Timestamp(rfc3339: $0) })
        else { return nil }
        self.init(
            id: ServerID(id),
            canonicalKey: key,
            aliases: (json["aliases"]?.array ?? []).compactMap(\.string),
            kind: kind,
            transport: transport,
            url: json["url"]?.string,
            command: (json["command"]?.array ?? []).compactMap(\.string),
            owner: json["owner"]?.string,
            criticality: json["criticality"]?.string.flatMap(Criticality.init(rawValue:)),
            description: json["description"].flatMap(ServerDescription.init(json:)),
            locations: (json["locations"]?.array ?? []).compactMap(\.string),
            secrets: (json["secrets"]?.array ?? []).compactMap(SecretReference.init(json:)),
            firstSeen: firstSeen,
            lastSeen: lastSeen,
            unreached: json["not_reached"].flatMap(Unreached.init(json:))
        )
    }
}

extension InventoryServer.Unreached {
    init?(json: JSON.Value) {
        guard let time = json["at"]?.string.flatMap({ Timestamp(rfc3339: $0) }) else { return nil }
        self.init(time: time, reason: json["reason"]?.string ?? "")
    }
}

extension Finding {
    package var json: JSON.Value {
        [
            "code": .string(code), "severity": .string(severity.rawValue), "subject": .string(subject),
            "message": .string(message), "evidence": .string(evidence),
        ]
    }
}

extension CoverageGap {
    package var json: JSON.Value { ["subject": .string(subject), "reason": .string(reason)] }

    package init?(json: JSON.Value) {
        guard let subject = json["subject"]?.string, let reason = json["reason"]?.string else { return nil }
        self.init(subject: subject, reason: reason)
    }
}
