package import Core

/// The inventory in the formats that other tools read; equal servers and time give equal bytes.
package struct InventoryExport: Sendable {
    /// The version of the JSON form.
    package static let schema = "lockstep.inventory/1"

    let servers: [InventoryServer]
    let taken: Timestamp

    /// Servers in any order; every format sorts them by id.
    package init(servers: [InventoryServer], taken: Timestamp) {
        self.servers = servers.map(Self.withoutPasswords).sorted { ($0.id, $0.canonicalKey) < ($1.id, $1.canonicalKey) }
        self.taken = taken
    }

    /// The looks keep secrets out of the inventory already; an address is the one place where a person may have typed
    /// one that still looks like an address.
    private static func withoutPasswords(_ server: InventoryServer) -> InventoryServer {
        var server = server
        server.url = server.url.map(withoutUser)
        server.canonicalKey = withoutUser(server.canonicalKey)
        server.aliases = server.aliases.map(withoutUser)
        server.command = server.command.map(withoutUser)
        return server
    }

    /// An address without the name and password in it.
    private static func withoutUser(_ text: String) -> String {
        guard let separator = text.firstRange(of: "://") else { return text }
        let authority = text[separator.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let sign = authority.lastIndex(of: "@") else { return text }
        return text[..<separator.upperBound] + "<redacted>@" + text[text.index(after: sign)...]
    }

    /// Everything that is known, with full definitions.
    package var json: JSON.Value {
        [
            "schema": .string(Self.schema), "taken": .time(taken), "servers": .array(servers.map(\.json)),
        ]
    }

    /// What one look saw, in the form of an export, to be imported where the inventory is kept.
    ///
    /// The gaps go with it: what was not looked at there is not covered here either.
    package func bundle(host: String, found: SurveyResult) -> JSON.Value {
        var bundle = json.object ?? [:]
        bundle["host"] = .string(host)
        bundle["findings"] = .array(found.findings.map(\.json))
        bundle["examined"] = .object(
            JSON.Object(
                found.examined.sorted { $0.key < $1.key }.map { (key: $0.key, value: .integer(Int64($0.value))) }
            )
        )
        bundle["not_covered"] = .array(found.gaps.map(\.json))
        return .object(bundle)
    }

    /// One line a server for a spreadsheet: RFC 4180, and no cell that a spreadsheet would run as a formula.
    package var csv: String {
        var table = CSV(columns: [
            "id", "kind", "transport", "url", "command", "name", "version", "revisions", "authentication", "encryption",
            "certificate_trusted", "certificate_ends", "tools", "prompts", "resources", "owner", "criticality",
            "first_seen", "last_seen", "aliases", "locations", "secrets", "gaps",
        ])
        for server in servers { table.append(Self.row(server)) }
        return table.text
    }

    private static func row(_ server: InventoryServer) -> [String] {
        let description = server.description
        func count(_ kinds: Definition.Kind...) -> String {
            description.map { String($0.definitions.count { kinds.contains($0.kind) }) } ?? ""
        }
        let security = description?.security
        return [
            server.id.text, server.kind.rawValue, server.transport.rawValue, server.url ?? "",
            server.command.joined(separator: " "), description?.name ?? "", description?.version ?? "",
            description?.revisions.joined(separator: " ") ?? "", description?.authentication.word ?? "",
            security?.version ?? "", security?.isTrusted.map { $0 ? "yes" : "no" } ?? "",
            security?.notAfter?.description ?? "", description?.toolCount.map { String($0) } ?? "", count(.prompt),
            count(.resource, .resourceTemplate),
            server.owner ?? "", server.criticality?.rawValue ?? "", server.firstSeen.description,
            server.lastSeen.description, server.aliases.joined(separator: "; "),
            server.locations.joined(separator: "; "),
            server.secrets.map(\.name).joined(separator: "; "), description?.gaps.joined(separator: "; ") ?? "",
        ]
    }
}
