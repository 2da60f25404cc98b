package import Core

/// What `lockstep.yaml` says: people, groups, servers, data classes, hooks and settings.
package struct Configuration: Sendable {
    package struct Person: Sendable, Hashable {
        package var id: PersonID
        package var name: String
        package var email: String?
        /// Public keys in the form of OpenSSH's `authorized_keys`: type, base64, comment.
        package var keys: [String]
        /// Keys that may not sign any more; what was signed with one stays signed.
        package var retiredKeys: [String]
        /// Counts as this person when votes by OS user are allowed.
        package var osUser: String?

        package init(
            id: PersonID,
            name: String,
            email: String? = nil,
            keys: [String] = [],
            retiredKeys: [String] = [],
            osUser: String? = nil
        ) {
            self.id = id
            self.name = name
            self.email = email
            self.keys = keys
            self.retiredKeys = retiredKeys
            self.osUser = osUser
        }
    }

    /// A server that somebody declared before it was found, or names for one that was.
    package struct Server: Sendable, Hashable {
        package var id: ServerID
        package var url: String?
        package var aliases: [String]
        package var owner: String?
        package var criticality: InventoryServer.Criticality?
        package var dataClasses: [String]
        /// The data classes of single fields, by `TOOL/FIELD`; `*` stands for every tool.
        package var fields: [String: String] = [:]

        package init(
            id: ServerID,
            url: String? = nil,
            aliases: [String] = [],
            owner: String? = nil,
            criticality: InventoryServer.Criticality? = nil,
            dataClasses: [String] = []
        ) {
            self.id = id
            self.url = url
            self.aliases = aliases
            self.owner = owner
            self.criticality = criticality
            self.dataClasses = dataClasses
        }
    }

    /// A gateway that commands of this workspace reach.
    package struct Gateway: Sendable, Hashable {
        package var id: String
        /// Its document, relative to the workspace.
        package var config: String

        package init(id: String, config: String) {
            self.id = id
            self.config = config
        }
    }

    /// A command that playbooks may name but never write.
    package struct Hook: Sendable, Hashable {
        package var name: String
        package var command: [String]
        package var timeout: Duration
        /// Names of environment variables that are handed on; everything else is dropped.
        package var environment: [String]

        package init(name: String, command: [String], timeout: Duration = .seconds(60), environment: [String] = []) {
            self.name = name
            self.command = command
            self.timeout = timeout
            self.environment = environment
        }
    }

    package var organisation: String
    package var people: [Person]
    /// Group name to members, in the order of the file.
    package var groups: [(name: String, members: [PersonID])]
    /// Whether a vote without a signature counts for the person with that OS user; it prints as unauthenticated.
    package var allowsUnauthenticatedVotes: Bool
    package var servers: [Server]
    package var gateways: [Gateway] = []
    package var dataClasses: [(name: String, summary: String)]
    package var hooks: [Hook]
    /// What is kept of recorded results, as people write it; nil where they said nothing.
    package var recordedResults: String?
    /// How long recordings are kept.
    package var recordingRetention: Duration
    /// What a release needs, where the file says it; `releaseRule` is what counts.
    package var writtenReleaseRule: ReleaseRule?
    /// SHA-256 of the bytes of the file: a vote names it, so that a change of the voters is seen.
    package var digest: Digest

    package init(
        organisation: String = "",
        people: [Person] = [],
        groups: [(name: String, members: [PersonID])] = [],
        allowsUnauthenticatedVotes: Bool = false,
        servers: [Server] = [],
        dataClasses: [(name: String, summary: String)] = [],
        hooks: [Hook] = [],
        recordingRetention: Duration = .seconds(30 * 86_400),
        digest: Digest
    ) {
        self.organisation = organisation
        self.people = people
        self.groups = groups
        self.allowsUnauthenticatedVotes = allowsUnauthenticatedVotes
        self.servers = servers
        self.dataClasses = dataClasses
        self.hooks = hooks
        self.recordingRetention = recordingRetention
        self.digest = digest
    }

    /// Data classes that need no declaration: those that `lockstep traffic stats` proposes.
    package static let knownDataClasses = ["contact", "identity", "payment", "health", "location", "credential"]
    /// What `recordings: {results: …}` may say.
    package static let resultStorages = ["provenance", "digests", "full"]

    package func person(_ id: PersonID) -> Person? { people.first { $0.id == id } }

    /// The groups of a person, in the order of the file.
    package func groups(of id: PersonID) -> [String] {
        groups.filter { $0.members.contains(id) }.map(\.name)
    }

    /// Who a `user:` or `group:` reference means.
    package func members(of reference: String) -> [PersonID] {
        if let name = reference.dropping(prefix: "user:") { return people.map(\.id).filter { $0.text == name } }
        if let name = reference.dropping(prefix: "group:") { return groups.first { $0.name == name }?.members ?? [] }
        return []
    }
}

extension String {
    package func dropping(prefix: String) -> String? {
        hasPrefix(prefix) ? String(dropFirst(prefix.count)) : nil
    }
}
