import GRDB
import GRDBSQLite

/// The statements of every durable step, compiled once, for the connection that writes.
///
/// They and their values go straight to SQLite: a step writes some six rows, and looking a statement up by its text and
/// having its values boxed and copied cost more than the rows themselves. Used only inside `Ledger.write`, by one caller
/// at a time; that alone makes it safe to share.
final class Prepared: @unchecked Sendable {
    enum Name: Int, CaseIterable {
        case begin, commit, progress, head, move, event, change, step, outbox

        fileprivate var sql: String {
            switch self {
            case .begin: "BEGIN IMMEDIATE"
            case .commit: "COMMIT"
            // A state that stays is not written: the index by state would cost every commit a page more.
            case .progress:
                """
                UPDATE run SET sequence = ?, head = ?, reason = ?, outputs = coalesce(?, outputs),
                updated = max(updated, ?), ended = ?, seal = ?, seal_key = ?
                WHERE id = ? AND sequence = ? AND lease_token IS ? AND head = ? AND state = ?
                """
            case .head: "SELECT head FROM run WHERE id = ? AND sequence = ? AND lease_token IS ?"
            case .move:
                """
                UPDATE run SET sequence = ?, head = ?, reason = ?, outputs = coalesce(?, outputs),
                updated = max(updated, ?), ended = ?, seal = ?, seal_key = ?, state = ? WHERE id = ?
                """
            case .event:
                "INSERT INTO event (run, sequence, time, kind, instance, payload, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
            case .change:
                """
                UPDATE step SET name = ?, state = ?, attempts = ?, started = ?, ended = ?, result = ?, outputs = ?,
                error = ?, summary = ?, waits_for = ?, due = ? WHERE run = ? AND instance = ?
                """
            case .step:
                """
                INSERT INTO step (name, state, attempts, started, ended, result, outputs, error, summary, waits_for,
                due, run, instance, position, step, item, kind)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """
            case .outbox: "INSERT INTO outbox (run, sequence) VALUES (?, ?)"
            }
        }
    }

    private var statements: [Statement?] = Array(repeating: nil, count: Name.allCases.count)
    private var values = Values()

    /// Runs a statement, and answers the first column of its first row where it has one and it is a blob.
    ///
    /// `fill` adds the values in the order of the statement's question marks.
    @discardableResult
    func run(_ name: Name, _ db: Database, _ fill: (inout Values) -> Void = { _ in }) throws -> [UInt8]? {
        let statement = try unsafe statement(name, db).sqliteStatement
        values.removeAll()
        fill(&values)
        return try unsafe values.withBound(to: statement) { code in
            guard code == SQLITE_OK else { throw Self.fault(code, db) }
            var code = unsafe sqlite3_step(statement)
            var blob: [UInt8]?
            if code == SQLITE_ROW {
                let count = unsafe Int(sqlite3_column_bytes(statement, 0))
                blob = unsafe Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, 0), count: count))
                code = SQLITE_DONE
            }
            // Read before the reset, which may forget it.
            let fault = code == SQLITE_DONE ? nil : Self.fault(code, db)
            unsafe sqlite3_reset(statement)
            if let fault { throw fault }
            return blob
        }
    }

    // What follows is asked several times a step, and GRDB would look up each time whether it may be asked here.

    /// How many rows the last statement changed.
    func changes(_ db: Database) -> Int32 { unsafe sqlite3_changes(db.sqliteConnection) }

    func isInTransaction(_ db: Database) -> Bool { unsafe sqlite3_get_autocommit(db.sqliteConnection) == 0 }

    /// Lets go of all statements: a connection that has some does not close.
    func clear() {
        for index in statements.indices { statements[index] = nil }
    }

    private func statement(_ name: Name, _ db: Database) throws -> Statement {
        if let statement = statements[name.rawValue] { return statement }
        let statement = try db.makeStatement(sql: name.sql)
        statements[name.rawValue] = statement
        return statement
    }

    private static func fault(_ code: Int32, _ db: Database) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: code),
            message: unsafe String(cString: sqlite3_errmsg(db.sqliteConnection))
        )
    }
}

/// The values of one row on their way to SQLite, which reads them where they lie.
struct Values {
    private enum Value {
        case null
        case integer(Int64)
        case text(Range<Int>)
        case blob(Range<Int>)
    }

    private var values: [Value] = []
    /// Texts and blobs, one after the other; never empty, as a value without an address would be null.
    private var bytes: [UInt8] = [0]

    fileprivate init() {
        values.reserveCapacity(32)
        bytes.reserveCapacity(4096)
    }

    mutating func add(_ number: Int) { values.append(.integer(Int64(number))) }
    mutating func add(_ number: Int64?) { values.append(number.map { .integer($0) } ?? .null) }

    mutating func add(_ text: String) {
        let start = bytes.count
        bytes.append(contentsOf: text.utf8)
        values.append(.text(start..<bytes.count))
    }

    mutating func add(_ text: String?) {
        if let text { add(text) } else { values.append(.null) }
    }

    mutating func add(_ blob: [UInt8]?) {
        guard let blob else { return values.append(.null) }
        let start = bytes.count
        bytes.append(contentsOf: blob)
        values.append(.blob(start..<bytes.count))
    }

    fileprivate mutating func removeAll() {
        values.removeAll(keepingCapacity: true)
        bytes.removeLast(bytes.count - 1)
    }

    /// Runs `body` with SQLite's answer to binding them all; SQLite may read them only as long as that takes.
    fileprivate func withBound<Result>(
        to statement: OpaquePointer,
        _ body: (Int32) throws -> Result
    ) throws -> Result {
        try unsafe bytes.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return try body(SQLITE_NOMEM) }
            for (index, value) in values.enumerated() {
                let place = Int32(truncatingIfNeeded: index + 1)
                let code: Int32
                switch value {
                case .null: code = unsafe sqlite3_bind_null(statement, place)
                case .integer(let number): code = unsafe sqlite3_bind_int64(statement, place, number)
                case .text(let range):
                    let text = unsafe (start + range.lowerBound).assumingMemoryBound(to: CChar.self)
                    code = unsafe sqlite3_bind_text(statement, place, text, Int32(clamping: range.count), nil)
                case .blob(let range):
                    let blob = unsafe start + range.lowerBound
                    code = unsafe sqlite3_bind_blob(statement, place, blob, Int32(clamping: range.count), nil)
                }
                guard code == SQLITE_OK else { return try body(code) }
            }
            return try body(SQLITE_OK)
        }
    }
}
