package import Core

/// What of a server and of a finding a voter is shown, and so signs: everything by which one could differ from another.
///
/// When it was last seen is left out, since that differs at every look.
package enum ShownInventory {
    /// One server as a flat object: its place, how it is reached and protected, how many tools it offers, who answers.
    ///
    /// `definitions` is the digest of all its definitions, so that a tool that says something else is another server.
    package static func row(_ server: InventoryServer) -> JSON.Value {
        let description = server.description
        let definitions = (description?.definitions ?? []).map { "\($0.kind.rawValue) \($0.name) \($0.digest)" }
        return [
            "server": .string(server.id.text),
            "where": .string(server.url ?? server.command.joined(separator: " ")),
            "kind": .string(server.kind.rawValue), "transport": .string(server.transport.rawValue),
            "auth": .string(description?.authentication.word ?? "unknown"),
            "security": .string(
                server.transport == .stdio ? "local" : description?.security.version ?? "unknown"
            ),
            "tools": description?.toolCount.map { .integer(Int64($0)) } ?? .null,
            "owner": server.owner.map { .string($0) } ?? .null,
            "definitions": description == nil
                ? .null
                : .string(Digest.sha256(Array(definitions.sorted().joined(separator: "\n").utf8)).description),
            "key": .string(server.canonicalKey),
        ]
    }

    /// The findings of severity medium and above, each once, the gravest first.
    package static func findings(_ findings: [Finding]) -> [JSON.Value] {
        var seen: Set<String> = []
        return findings.filter { $0.severity >= .medium }
            .sorted { ($1.severity, $0.key, $0.evidence) < ($0.severity, $1.key, $1.evidence) }
            .filter { seen.insert($0.key).inserted }
            .map { finding in
                [
                    "severity": .string(finding.severity.rawValue), "code": .string(finding.code),
                    "subject": .string(finding.subject), "what": .string(finding.message),
                    "evidence": .string(Digest.sha256(Array(finding.evidence.utf8)).description),
                ]
            }
    }

    /// What is different now from what was shown, in lines for people; empty where nothing is.
    ///
    /// An owner that was assigned since is the work that goes on while a question is open, not another estate; a finding
    /// that is gone is no reason to ask again either.
    ///
    /// `shown` is the `show` of a question: only the lists of servers and findings in it are compared.
    package static func changes(
        since shown: [JSON.Value],
        servers: [InventoryServer],
        findings open: [Finding]
    ) -> [String] {
        var lines: [String] = []
        for list in shown.compactMap(\.array) {
            let rows = list.compactMap(\.object)
            guard rows.count == list.count else { continue }
            if !rows.isEmpty, rows.allSatisfy({ $0["server"]?.string != nil && $0["key"] != nil }) {
                lines += changes(of: rows, servers)
            } else if rows.allSatisfy({ $0["severity"] != nil && $0["code"] != nil && $0["evidence"] != nil }) {
                // An empty list says that there was none, but only beside a list of servers.
                guard !rows.isEmpty || shown.contains(where: isInventory) else { continue }
                lines += changes(of: rows, open)
            }
        }
        return lines
    }

    private static func isInventory(_ value: JSON.Value) -> Bool {
        value.array?.first?.object?["server"]?.string != nil
    }

    private static func changes(of rows: [JSON.Object], _ servers: [InventoryServer]) -> [String] {
        var lines: [String] = []
        let now = Dictionary(servers.map { ($0.id.text, $0) }, uniquingKeysWith: { first, _ in first })
        let before = Set(rows.compactMap { $0["server"]?.string })
        for row in rows {
            guard let name = row["server"]?.string else { continue }
            guard let server = now[name], let current = Self.row(server).object else {
                lines.append("\(name): not in the inventory any more")
                continue
            }
            for (field, value) in current where field != "owner" && row[field] != value {
                lines.append("\(name): \(field) was \(words(row[field])), is \(words(value))")
            }
        }
        for server in servers where !before.contains(server.id.text) { lines.append("\(server.id): new") }
        return lines
    }

    private static func changes(of rows: [JSON.Object], _ open: [Finding]) -> [String] {
        Self.findings(open).compactMap(\.object).filter { !rows.contains($0) }.map { finding in
            "finding: \(words(finding["severity"])) \(words(finding["code"])) \(words(finding["subject"]))"
        }
    }

    private static func words(_ value: JSON.Value?) -> String {
        guard let value, value != .null else { return "unknown" }
        return value.string ?? value.description
    }
}
