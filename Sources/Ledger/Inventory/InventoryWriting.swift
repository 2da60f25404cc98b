package import Core
import GRDB

/// What one scan added to the inventory.
package struct ScanSummary: Sendable, Hashable {
    package var scan: Int64
    /// The servers that were seen, sorted.
    package var servers: [ServerID]
    /// Those never seen before.
    package var added: [ServerID]
    /// The findings of the scan, with those about changed definitions.
    package var findings: [Finding]
    package var gaps: [CoverageGap]
}

extension Ledger {
    /// Says how grave a changed definition is, and what became different in it; nothing leaves that to the digests.
    package typealias ChangeReader = (_ before: Definition, _ after: Definition) -> (Finding.Severity, String)?

    /// Joins the sightings of a scan to servers, keeps the history of their definitions, and stores the findings.
    ///
    /// One transaction. A scan that is recorded again under the same key (an attempt that was repeated after a crash)
    /// changes nothing and answers what the first one answered.
    ///
    /// `key` is what makes this scan this scan: the idempotency key of its step, or a fresh id. `label` says what kind of
    /// look it was, for example `discovery.network`; a later scan ends the findings of an earlier one with the same label in
    /// the places that it covered. `names` are the ids that `lockstep.yaml` gives to canonical keys or names; others get a slug of theirs.
    package func record(
        _ result: SurveyResult,
        key: String,
        label: String,
        at time: Timestamp,
        names: [String: ServerID] = [:],
        change: ChangeReader = { _, _ in nil }
    ) throws(LedgerError) -> ScanSummary {
        try write(.progress, sealing: [.scan, .server, .alias, .sighting, .definition, .finding]) { db in
            if let row = try Row.fetchOne(db, sql: "SELECT * FROM scan WHERE key = ?", arguments: [key]) {
                return try Self.summary(ofScan: row["id"], db)
            }
            let examined = JSON.Object(
                result.examined.sorted { $0.key < $1.key }.map { (key: $0.key, value: .integer(Int64($0.value))) }
            )
            try db.execute(
                sql: "INSERT INTO scan (key, label, time, examined, gaps) VALUES (?, ?, ?, ?, ?)",
                arguments: [
                    key, label, time.microseconds, Self.text(.object(examined)),
                    Self.text(.array(result.gaps.map(\.json))),
                ]
            )
            let scan = db.lastInsertedRowID
            var findings = result.findings
            var subjects: [String: ServerID] = [:]
            var covered = result.covered
            for (number, sighting) in result.sightings.enumerated() {
                let server = try Self.join(sighting, at: time, names, db)
                for subject in [sighting.canonicalKey, sighting.name, server.text] { subjects[subject] = server }
                try db.execute(
                    sql: """
                        INSERT INTO sighting (scan, number, server, source, location, name, client, user, is_described)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        scan, number, server.text, sighting.source, sighting.location, sighting.name, sighting.client,
                        sighting.user, sighting.description != nil,
                    ]
                )
                if let description = sighting.description {
                    covered.insert("server:\(server)")
                    if description.areToolsKnown { covered.insert("tools:\(server)") }
                    findings += try Self.follow(description, of: server, scan: scan, change, db)
                }
            }
            for place in covered.sorted() {
                try db.execute(sql: "INSERT INTO coverage (place, scan) VALUES (?, ?)", arguments: [place, scan])
            }
            try Self.note(result.missed, scan: scan, covered, db)
            for finding in findings {
                let server = Self.server(of: finding, subjects)
                let own = finding.code.hasPrefix("tool.") ? "tools" : "server"
                try db.execute(
                    sql: """
                        INSERT OR IGNORE INTO finding
                        (scan, key, code, severity, subject, message, evidence, server, place)
                        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                        """,
                    arguments: [
                        scan, finding.key, finding.code, finding.severity.rawValue, finding.subject, finding.message,
                        finding.evidence, server, finding.place ?? server.map { "\(own):\($0)" },
                    ]
                )
            }
            return try Self.summary(ofScan: scan, db)
        }
    }

    /// Writes down which servers of the inventory were asked and did not answer; one that answered elsewhere did.
    private static func note(
        _ missed: [MissedServer],
        scan: Int64,
        _ covered: Set<String>,
        _ db: Database
    ) throws {
        for miss in missed {
            guard
                let server = try String.fetchOne(
                    db,
                    sql: "SELECT id FROM server WHERE canonical_key = ?",
                    arguments: [miss.canonicalKey]
                ), !covered.contains("server:\(server)")
            else { continue }
            try db.execute(
                sql: "INSERT OR IGNORE INTO miss (server, scan, reason) VALUES (?, ?, ?)",
                arguments: [server, scan, miss.reason]
            )
        }
    }

    /// Sets who answers for a server, and how much depends on it.
    package func assign(
        _ server: ServerID,
        owner: String,
        criticality: InventoryServer.Criticality?
    ) throws(LedgerError) {
        try write(.decision, sealing: [.server]) { db in
            try db.execute(
                sql: "UPDATE server SET owner = ?, criticality = coalesce(?, criticality) WHERE id = ?",
                arguments: [owner, criticality?.rawValue, server.text]
            )
            guard db.changesCount == 1 else {
                throw LedgerError(.missing, "there is no server `\(server)` in the inventory")
            }
        }
    }

    /// Freezes the inventory under a name; the same name again keeps the first one.
    package func snapshot(named name: String, at time: Timestamp) throws(LedgerError) -> (digest: Digest, count: Int) {
        let servers = try servers()
        let bytes = JSON.canonical(.array(servers.map(\.json)))
        let artifact = ArtifactRecord(
            digest: .sha256(bytes),
            mediaType: "application/json",
            byteCount: bytes.count,
            bytes: bytes,
            created: time
        )
        return try write(.decision, sealing: [.snapshot]) { db in
            let row = try Row.fetchOne(db, sql: "SELECT digest FROM snapshot WHERE name = ?", arguments: [name])
            if let row, let digest = Digest(row["digest"]) { return (digest, servers.count) }
            try Self.insert(artifact, db)
            try db.execute(
                sql: "INSERT INTO snapshot (name, time, digest) VALUES (?, ?, ?)",
                arguments: [name, time.microseconds, artifact.digest.description]
            )
            return (artifact.digest, servers.count)
        }
    }

    private static func join(
        _ sighting: Sighting,
        at time: Timestamp,
        _ names: [String: ServerID],
        _ db: Database
    ) throws -> ServerID {
        let known =
            try String.fetchOne(
                db,
                sql: "SELECT id FROM server WHERE canonical_key = ?",
                arguments: [sighting.canonicalKey]
            ) ?? adopt(sighting, db)
        let description = sighting.description.map { text($0.json) }
        let secrets = text(.array(sighting.secrets.map(\.json)))
        if let known {
            try db.execute(
                sql: """
                    UPDATE server SET last_seen = max(last_seen, :time), description = coalesce(:description, description),
                    kind = CASE WHEN :description IS NULL THEN kind ELSE :kind END,
                    transport = CASE WHEN :transport = 'unknown' THEN transport ELSE :transport END,
                    url = coalesce(:url, url), command = CASE WHEN :command = '[]' THEN command ELSE :command END,
                    secrets = CASE WHEN :secrets = '[]' THEN secrets ELSE :secrets END WHERE id = :id
                    """,
                arguments: [
                    "time": time.microseconds, "description": description, "kind": sighting.kind.rawValue,
                    "transport": sighting.transport.rawValue, "url": sighting.url,
                    "command": text(.array(sighting.command.map { .string($0) })), "secrets": secrets, "id": known,
                ]
            )
            try alias(sighting.name, of: ServerID(known), db)
            return ServerID(known)
        }
        let id = try freeID(for: names[sighting.canonicalKey] ?? names[sighting.name], sighting.name, db)
        try db.execute(
            sql: """
                INSERT INTO server (id, canonical_key, kind, transport, url, command, owner, criticality, description,
                secrets, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?)
                """,
            arguments: [
                id.text, sighting.canonicalKey, sighting.kind.rawValue, sighting.transport.rawValue, sighting.url,
                text(.array(sighting.command.map { .string($0) })), description, secrets, time.microseconds,
                time.microseconds,
            ]
        )
        try alias(sighting.name, of: id, db)
        return id
    }

    /// Gives the row that this server had under its former key the new one, so that its id, owner and history stay.
    private static func adopt(_ sighting: Sighting, _ db: Database) throws -> String? {
        guard let former = sighting.former, !former.arguments.isEmpty,
            let row = try Row.fetchOne(
                db,
                sql: "SELECT id, command FROM server WHERE canonical_key = ?",
                arguments: [former.key]
            ),
            let command = try? JSON.parse(Array((row["command"] as String).utf8)).array?.compactMap(\.string),
            command.suffix(former.arguments.count) == former.arguments[...]
        else { return nil }
        try db.execute(
            sql: "UPDATE server SET canonical_key = ? WHERE id = ?",
            arguments: [sighting.canonicalKey, row["id"] as String]
        )
        return row["id"]
    }

    private static func alias(_ name: String, of server: ServerID, _ db: Database) throws {
        guard !name.isEmpty, name != server.text else { return }
        try db.execute(sql: "INSERT OR IGNORE INTO alias (name, server) VALUES (?, ?)", arguments: [name, server.text])
    }

    /// A slug that no other server has: the wanted one, or one made of the name with a number where it is taken.
    private static func freeID(for wanted: ServerID?, _ name: String, _ db: Database) throws -> ServerID {
        let base = wanted?.text ?? slug(name)
        let statement = try db.cachedStatement(sql: "SELECT EXISTS (SELECT 1 FROM server WHERE id = ?)")
        func candidate(_ number: Int) -> String { number == 1 ? base : "\(base)-\(number)" }
        func isTaken(_ number: Int) throws -> Bool {
            try Bool.fetchOne(statement, arguments: [candidate(number)]) == true
        }
        guard try isTaken(1) else { return ServerID(base) }
        // Doubling, then halving: a thousand servers of one name must not look at each other a thousand times.
        var (taken, free) = (1, 2)
        while try isTaken(free) { (taken, free) = (free, free * 2) }
        while free - taken > 1 {
            let middle = (taken + free) / 2
            if try isTaken(middle) { taken = middle } else { free = middle }
        }
        return ServerID(candidate(free))
    }

    /// Lower-case letters, digits and hyphens, at most 48 of them.
    static func slug(_ name: String) -> String {
        var text: [UInt8] = []
        for byte in name.lowercased().utf8 {
            let isWord =
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            if isWord {
                text.append(byte)
            } else if text.last != UInt8(ascii: "-"), !text.isEmpty {
                text.append(UInt8(ascii: "-"))
            }
            if text.count == 48 { break }
        }
        while text.last == UInt8(ascii: "-") { text.removeLast() }
        return text.isEmpty ? "server" : String(decoding: text, as: UTF8.self)
    }

    /// Compares each definition with the last one of its name; a different digest is a finding and a new row.
    private static func follow(
        _ description: ServerDescription,
        of server: ServerID,
        scan: Int64,
        _ change: ChangeReader,
        _ db: Database
    ) throws -> [Finding] {
        var findings: [Finding] = []
        for definition in description.definitions {
            let arguments: StatementArguments = [server.text, definition.kind.rawValue, definition.name]
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT digest, body, first_scan FROM definition WHERE server = ? AND kind = ? AND name = ?
                    ORDER BY first_scan DESC LIMIT 1
                    """,
                arguments: arguments
            )
            let subject = "\(server)/\(definition.name)"
            if let row, row["digest"] == definition.digest.description {
                try db.execute(
                    sql: """
                        UPDATE definition SET last_scan = ? WHERE server = ? AND kind = ? AND name = ?
                        AND first_scan = ?
                        """,
                    arguments: [scan] + arguments + [row["first_scan"] as Int64]
                )
                continue
            }
            if let row { findings.append(try Self.changed(row, definition, subject, change)) }
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO definition (server, kind, name, digest, body, first_scan, last_scan)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: arguments + [definition.digest.description, text(definition.body), scan, scan]
            )
        }
        return findings
    }

    private static func changed(
        _ row: Row,
        _ definition: Definition,
        _ subject: String,
        _ change: ChangeReader
    ) throws -> Finding {
        let body = try JSON.parse(Array((row["body"] as String).utf8), limits: .standard)
        let before = Digest(row["digest"]).map {
            Definition(kind: definition.kind, name: definition.name, body: body, digest: $0)
        }
        let seen = before.flatMap { change($0, definition) }
        return Finding(
            code: "definition.changed",
            severity: seen?.0 ?? (definition.kind == .tool ? .high : .medium),
            subject: subject,
            message: "the \(definition.kind.rawValue) `\(definition.name)` is not what it was"
                + (seen.map { ": \($0.1)" } ?? ""),
            evidence: "\(row["digest"] as String) -> \(definition.digest)"
        )
    }

    /// The server that a finding is about: its subject is a key, a name, or either with a tool behind it.
    private static func server(of finding: Finding, _ subjects: [String: ServerID]) -> String? {
        if let server = subjects[finding.subject] { return server.text }
        guard let slash = finding.subject.lastIndex(of: "/") else { return nil }
        return subjects[String(finding.subject[..<slash])]?.text
    }
}
