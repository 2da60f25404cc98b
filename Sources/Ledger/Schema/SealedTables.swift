import Core
import FoundationEssentials
import GRDB

/// A table that no chain of events covers, sealed as a whole: what it says decides gates and is shown to voters.
///
/// The seal is a keyed code over every row in the order of the primary key, and their number. It is made anew in the
/// transaction that changes the table, and only if it was whole before: a change by somebody without the key is not
/// sealed over by the next honest writer. The cost is one reading of the table before and after such a transaction.
/// A migration that alters one of these tables has to seal it anew.
package enum SealedTable: String, Sendable, CaseIterable {
    case exception, server, alias, scan, sighting, definition, finding, snapshot

    fileprivate var order: String {
        switch self {
        case .exception, .server, .scan: "id"
        case .alias: "name, server"
        case .sighting: "scan, number"
        case .definition: "server, kind, name, first_scan"
        case .finding: "scan, key, evidence"
        case .snapshot: "name"
        }
    }
}

extension Ledger {
    /// Runs one transaction that changes sealed tables; those that were whole before it are sealed after it.
    func write<Result>(
        _ wanted: Durability,
        sealing tables: [SealedTable],
        _ body: (Database) throws -> Result
    ) throws(LedgerError) -> Result {
        guard let sealer else { return try write(wanted, body) }
        return try write(wanted) { db in
            let whole = try tables.filter { try Self.fault(of: $0, sealer, db) == nil }
            let result = try body(db)
            for table in whole { try Self.seal(table, sealer, db) }
            return result
        }
    }

    /// Seals the tables as they are, unless one of them has a seal: for the one moment in which a workspace begins to.
    package func sealTables(with sealer: Sealer) throws(LedgerError) {
        try write(.decision) { db in
            guard try Bool.fetchOne(db, sql: "SELECT EXISTS (SELECT 1 FROM table_seal)") != true else { return }
            for table in SealedTable.allCases { try Self.seal(table, sealer, db) }
        }
    }

    /// The tables whose seal is not that of their rows, with a stable code and the words.
    package func tableFaults(
        _ sealer: Sealer
    ) throws(LedgerError) -> [(table: SealedTable, code: String, message: String)] {
        try read { db in
            try SealedTable.allCases.compactMap { table in
                try Self.fault(of: table, sealer, db).map { (table, $0.code, $0.message) }
            }
        }
    }

    private static func seal(_ table: SealedTable, _ sealer: Sealer, _ db: Database) throws {
        let (rows, digest) = try contents(of: table, db)
        guard let seal = sealer.seal(table, rows: rows, digest: digest, keyID: sealer.keyID) else { return }
        try db.execute(
            sql: "INSERT OR REPLACE INTO table_seal (name, seal_key, row_count, seal) VALUES (?, ?, ?, ?)",
            arguments: [table.rawValue, sealer.keyID, rows, Data(seal)]
        )
    }

    private static func fault(
        of table: SealedTable,
        _ sealer: Sealer,
        _ db: Database
    ) throws -> (code: String, message: String)? {
        guard
            let row = try Row.fetchOne(
                db,
                sql: "SELECT seal_key, row_count, seal FROM table_seal WHERE name = ?",
                arguments: [table.rawValue]
            )
        else { return ("seal.missing", "nobody with the key of this workspace wrote it last") }
        let (rows, digest) = try contents(of: table, db)
        guard let seal = sealer.seal(table, rows: rows, digest: digest, keyID: row[0]) else {
            return ("seal.unknown-key", "it is sealed with the key `\(row[0] as String)`, which is not here")
        }
        if Array(row[2] as Data) == seal { return nil }
        let count: Int = row[1]
        let change = rows == count ? "" : ": it has \(rows) rows and was sealed with \(count)"
        return ("seal.broken", "it was changed by somebody without the key of this workspace\(change)")
    }

    /// The number of rows and a digest of all their values, each with its type and length.
    private static func contents(of table: SealedTable, _ db: Database) throws -> (rows: Int, digest: [UInt8]) {
        var digest: [UInt8] = []
        var buffer: [UInt8] = []
        var count = 0
        let rows = try Row.fetchCursor(db, sql: "SELECT * FROM \(table.rawValue) ORDER BY \(table.order)")
        while let row = try rows.next() {
            count += 1
            for value in row.databaseValues {
                let (tag, bytes): (String, [UInt8]) =
                    switch value.storage {
                    case .null: ("n", [])
                    case .int64(let number): ("i", Array(String(number).utf8))
                    case .double(let number): ("d", Array(String(number.bitPattern).utf8))
                    case .string(let text): ("t", Array(text.utf8))
                    case .blob(let data): ("b", Array(data))
                    }
                buffer += Array("\(tag)\(bytes.count):".utf8)
                buffer += bytes
            }
            // In pieces, so that a large inventory is never in memory twice.
            guard buffer.count > 1 << 20 else { continue }
            digest = Array(Digest.sha256(digest + buffer).bytes)
            buffer.removeAll(keepingCapacity: true)
        }
        return (count, Array(Digest.sha256(digest + buffer).bytes))
    }
}
