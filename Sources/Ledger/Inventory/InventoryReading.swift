package import Core
import FoundationEssentials
import GRDB

/// One look at the estate, as it was stored.
package struct ScanRecord: Sendable, Hashable {
    package var id: Int64
    package var label: String
    package var time: Timestamp
    package var examined: [String: Int]
    package var gaps: [CoverageGap]
}

/// A finding with when it was last seen.
package struct FindingRecord: Sendable, Hashable {
    package var finding: Finding
    package var scan: Int64
    package var time: Timestamp
}

extension Ledger {
    /// The whole inventory, sorted by id.
    package func servers() throws(LedgerError) -> [InventoryServer] {
        try read { db in
            let aliases = Dictionary(
                grouping: try Row.fetchAll(db, sql: "SELECT server, name FROM alias ORDER BY name"),
                by: { $0["server"] as String }
            )
            let locations = Dictionary(
                grouping: try Row.fetchAll(
                    db,
                    sql: """
                        SELECT DISTINCT server, source, location FROM sighting s WHERE scan =
                        (SELECT max(scan) FROM sighting l WHERE l.server = s.server AND l.source = s.source)
                        ORDER BY source, location
                        """
                ),
                by: { $0["server"] as String }
            )
            let missed = Dictionary(
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT m.server, m.reason, s.time FROM miss m JOIN scan s ON s.id = m.scan
                        WHERE m.scan = (SELECT max(scan) FROM miss n WHERE n.server = m.server) AND NOT EXISTS (
                            SELECT 1 FROM coverage c WHERE c.place = 'server:' || m.server AND c.scan > m.scan)
                        """
                ).map { ($0["server"] as String, $0) },
                uniquingKeysWith: { first, _ in first }
            )
            return try Row.fetchAll(db, sql: "SELECT * FROM server ORDER BY id").map { row in
                var server = try Self.server(row)
                server.unreached = missed[server.id.text].map {
                    .init(time: Timestamp(microseconds: $0["time"]), reason: $0["reason"])
                }
                server.aliases = (aliases[server.id.text] ?? []).map { $0["name"] }
                server.locations = (locations[server.id.text] ?? []).map {
                    "\($0["source"] as String) \($0["location"] as String)"
                }
                return server
            }
        }
    }

    /// The server with an id, or the only one that has the name as an alias.
    package func server(_ name: String) throws(LedgerError) -> InventoryServer? {
        let all = try servers()
        if let exact = all.first(where: { $0.id.text == name }) { return exact }
        let aliased = all.filter { $0.aliases.contains(name) || $0.canonicalKey == name }
        return aliased.count == 1 ? aliased[0] : nil
    }

    package func scans() throws(LedgerError) -> [ScanRecord] {
        try read { db in try Row.fetchAll(db, sql: "SELECT * FROM scan ORDER BY id").map(Self.scan) }
    }

    /// The newest scan of each kind of look: what the inventory rests on now.
    package func newestScans() throws(LedgerError) -> [ScanRecord] {
        try read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM scan WHERE id IN (SELECT max(id) FROM scan GROUP BY label) ORDER BY id"
            ).map(Self.scan)
        }
    }

    /// Findings that are still true as far as anybody has looked.
    ///
    /// A finding ends when its own place has been covered again and the finding was not there any more: the file of a
    /// configuration was read, the server answered, its tools could be listed. A look elsewhere, or one that failed, says
    /// nothing. That a definition changed stays until somebody has accepted it with an exception.
    package func openFindings() throws(LedgerError) -> [FindingRecord] {
        // The looks that ask a server itself; one may confirm or end what another has found.
        let asking = "'discovery.network', 'discovery.probe', 'discovery.launch', 'discovery.models'"
        return try read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT f.*, s.time FROM finding f JOIN scan s ON s.id = f.scan
                    WHERE f.code = 'definition.changed' OR NOT EXISTS (
                        SELECT 1 FROM coverage c JOIN scan l ON l.id = c.scan
                        WHERE c.place = f.place AND c.scan > f.scan AND (l.label = s.label
                            OR (s.label IN (\(asking)) AND l.label IN (\(asking)))))
                    AND (f.place IS NOT NULL OR NOT EXISTS (
                        SELECT 1 FROM scan l JOIN sighting g ON g.scan = l.id AND g.server = f.server
                        WHERE l.id > f.scan AND l.label = s.label))
                    ORDER BY f.scan, f.key, f.evidence
                    """
            ).map { row in
                FindingRecord(
                    finding: try Self.finding(row),
                    scan: row["scan"],
                    time: Timestamp(microseconds: row["time"])
                )
            }.reversed().reduce(into: [FindingRecord]()) { kept, record in
                // Two kinds of look may see the same thing: the newest sight of it counts.
                if !kept.contains(where: { $0.finding.key == record.finding.key }) { kept.append(record) }
            }.reversed()
        }
    }

    /// The files in which findings of this kind of look were seen; another such look should say whether they are there.
    package func placesOfFindings(label: String) throws(LedgerError) -> Set<String> {
        try read { db in
            try String.fetchSet(
                db,
                sql: """
                    SELECT DISTINCT f.place FROM finding f JOIN scan s ON s.id = f.scan
                    WHERE s.label = ? AND f.place LIKE '/%'
                    """,
                arguments: [label]
            )
        }
    }

    /// Names of the snapshots, oldest first.
    package func snapshots() throws(LedgerError) -> [(name: String, time: Timestamp)] {
        try read { db in
            try Row.fetchAll(db, sql: "SELECT name, time FROM snapshot ORDER BY time, name").map {
                (name: $0["name"], time: Timestamp(microseconds: $0["time"]))
            }
        }
    }

    /// The inventory as it was when the snapshot was taken.
    package func snapshot(_ name: String) throws(LedgerError) -> [InventoryServer]? {
        try read { db in
            guard
                let bytes = try Data.fetchOne(
                    db,
                    sql: "SELECT a.bytes FROM snapshot s JOIN artifact a ON a.digest = s.digest WHERE s.name = ?",
                    arguments: [name]
                )
            else { return nil }
            let value = try JSON.parse(Array(bytes), limits: .standard)
            return try (value.array ?? []).map { element in
                guard let server = InventoryServer(json: element) else {
                    throw LedgerError(.corrupt, "the snapshot `\(name)` makes no sense")
                }
                return server
            }
        }
    }

    static func summary(ofScan scan: Int64, _ db: Database) throws -> ScanSummary {
        guard let row = try Row.fetchOne(db, sql: "SELECT * FROM scan WHERE id = ?", arguments: [scan]) else {
            throw LedgerError(.corrupt, "the scan that was just written is not there")
        }
        let servers = try Row.fetchAll(
            db,
            sql: """
                SELECT DISTINCT s.id, NOT EXISTS (SELECT 1 FROM sighting o WHERE o.server = s.id AND o.scan < :scan) AS new
                FROM server s JOIN sighting t ON t.server = s.id WHERE t.scan = :scan ORDER BY s.id
                """,
            arguments: ["scan": scan]
        )
        let findings = try Row.fetchAll(
            db,
            sql: "SELECT * FROM finding WHERE scan = ? ORDER BY key, evidence",
            arguments: [scan]
        )
        return ScanSummary(
            scan: scan,
            servers: servers.map { ServerID($0["id"]) },
            added: servers.filter { $0["new"] }.map { ServerID($0["id"]) },
            findings: try findings.map(Self.finding),
            gaps: try Self.scan(row).gaps
        )
    }

    private static func scan(_ row: Row) throws -> ScanRecord {
        let examined = try JSON.parse(Array((row["examined"] as String).utf8), limits: .standard)
        let gaps = try JSON.parse(Array((row["gaps"] as String).utf8), limits: .standard)
        return ScanRecord(
            id: row["id"],
            label: row["label"],
            time: Timestamp(microseconds: row["time"]),
            examined: Dictionary(
                (examined.object ?? [:]).map { ($0.key, Int($0.value.int ?? 0)) },
                uniquingKeysWith: { first, _ in first }
            ),
            gaps: (gaps.array ?? []).compactMap(CoverageGap.init(json:))
        )
    }

    private static func finding(_ row: Row) throws -> Finding {
        guard let severity = Finding.Severity(rawValue: row["severity"]) else {
            throw LedgerError(.corrupt, "a finding has an unknown severity")
        }
        return Finding(
            code: row["code"],
            severity: severity,
            subject: row["subject"],
            message: row["message"],
            evidence: row["evidence"]
        )
    }

    private static func server(_ row: Row) throws -> InventoryServer {
        func parse(_ column: String) throws -> JSON.Value {
            try JSON.parse(Array((row[column] as String? ?? "null").utf8), limits: .standard)
        }
        guard let kind = ServerKindOfThing(rawValue: row["kind"]), let transport = Transport(rawValue: row["transport"])
        else { throw LedgerError(.corrupt, "the row of server `\(row["id"] as String)` makes no sense") }
        return InventoryServer(
            id: ServerID(row["id"]),
            canonicalKey: row["canonical_key"],
            kind: kind,
            transport: transport,
            url: row["url"],
            command: (try parse("command").array ?? []).compactMap(\.string),
            owner: row["owner"],
            criticality: (row["criticality"] as String?).flatMap(InventoryServer.Criticality.init(rawValue:)),
            description: ServerDescription(json: try parse("description")),
            secrets: (try parse("secrets").array ?? []).compactMap(SecretReference.init(json:)),
            firstSeen: Timestamp(microseconds: row["first_seen"]),
            lastSeen: Timestamp(microseconds: row["last_seen"])
        )
    }
}

extension Ledger {
    /// The digests of the artifacts that lie as files in the workspace.
    package func storedArtifacts() throws(LedgerError) -> [Digest] {
        try read { db in
            try String.fetchAll(db, sql: "SELECT digest FROM artifact WHERE bytes IS NULL ORDER BY digest")
                .compactMap { Digest($0) }
        }
    }

    /// Artifacts whose bytes in the ledger are not those of their digest.
    package func alteredArtifacts() throws(LedgerError) -> [String] {
        try read { db in
            var altered: [String] = []
            let rows = try Row.fetchCursor(
                db,
                sql: "SELECT digest, byte_count, bytes FROM artifact WHERE bytes IS NOT NULL ORDER BY digest"
            )
            while let row = try rows.next() {
                let bytes = Array(row[2] as Data)
                let name: String = row[0]
                if Digest.sha256(bytes).description != name || bytes.count != row[1] { altered.append(name) }
            }
            return altered
        }
    }
}
