/// A server of the inventory: everything that is known of it, joined over all sightings.
package struct InventoryServer: Sendable, Hashable {
    package enum Criticality: String, Sendable, Hashable, CaseIterable, Comparable {
        case low, medium, high, critical

        package static func < (left: Self, right: Self) -> Bool {
            (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
        }
    }

    package var id: ServerID
    package var canonicalKey: String
    package var aliases: [String]
    package var kind: ServerKindOfThing
    package var transport: Transport
    package var url: String?
    package var command: [String]
    /// A person or group of `lockstep.yaml`; nothing until somebody is assigned.
    package var owner: String?
    package var criticality: Criticality?
    package var description: ServerDescription?
    /// Where it was seen: `source location`, newest look only.
    package var locations: [String]
    package var secrets: [SecretReference]
    package var firstSeen: Timestamp
    package var lastSeen: Timestamp
    /// That the last look that asked it got no answer; what is known of it is older then.
    package var unreached: Unreached?

    package struct Unreached: Sendable, Hashable {
        package var time: Timestamp
        package var reason: String

        package init(time: Timestamp, reason: String) {
            self.time = time
            self.reason = reason
        }

        /// One sentence for tables and reports.
        package var words: String { "last look on \(time) could not reach it: \(reason)" }
    }

    /// Whether the last look that asked it could read its tools.
    package var isCovered: Bool { unreached == nil && description?.areToolsKnown == true }

    package init(
        id: ServerID,
        canonicalKey: String,
        aliases: [String] = [],
        kind: ServerKindOfThing = .mcp,
        transport: Transport,
        url: String? = nil,
        command: [String] = [],
        owner: String? = nil,
        criticality: Criticality? = nil,
        description: ServerDescription? = nil,
        locations: [String] = [],
        secrets: [SecretReference] = [],
        firstSeen: Timestamp,
        lastSeen: Timestamp,
        unreached: Unreached? = nil
    ) {
        self.unreached = unreached
        self.id = id
        self.canonicalKey = canonicalKey
        self.aliases = aliases
        self.kind = kind
        self.transport = transport
        self.url = url
        self.command = command
        self.owner = owner
        self.criticality = criticality
        self.description = description
        self.locations = locations
        self.secrets = secrets
        self.firstSeen = firstSeen
        self.lastSeen = lastSeen
    }
}
