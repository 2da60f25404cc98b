import GRDB
import GRDBSQLite

/// A value of a row as SQLite takes it.
enum Bound {
    case null
    case integer(Int64)
    case text(String)
    case blob([UInt8])

    static func integer(_ number: Int) -> Bound { .integer(Int64(number)) }
    static func integer(_ number: Int64?) -> Bound { number.map { .integer($0) } ?? .null }
    static func text(_ text: String?) -> Bound { text.map { .text($0) } ?? .null }
}

extension Database {
    /// Runs a statement that is prepared once a connection, and answers the first column of its first row where it has
    /// one and it is a blob.
    ///
    /// The values go straight to SQLite: a durable step writes some six rows, and GRDB's arguments, which are boxed,
    /// checked and copied twice, cost more than the rows themselves.
    @discardableResult
    func run(_ sql: String, _ values: [Bound]) throws -> [UInt8]? {
        let statement = try unsafe cachedStatement(sql: sql).sqliteStatement
        for (index, value) in values.enumerated() {
            let code = unsafe Self.bind(value, at: Int32(index + 1), of: statement)
            guard code == SQLITE_OK else { throw fault(code) }
        }
        var blob: [UInt8]?
        var code = unsafe sqlite3_step(statement)
        if code == SQLITE_ROW {
            let count = unsafe Int(sqlite3_column_bytes(statement, 0))
            blob = unsafe Array(UnsafeRawBufferPointer(start: sqlite3_column_blob(statement, 0), count: count))
            code = SQLITE_DONE
        }
        // Read before the reset, which may forget it.
        let fault = code == SQLITE_DONE ? nil : fault(code)
        unsafe sqlite3_reset(statement)
        if let fault { throw fault }
        return blob
    }

    private static func bind(_ value: Bound, at place: Int32, of statement: OpaquePointer) -> Int32 {
        switch value {
        case .null: return unsafe sqlite3_bind_null(statement, place)
        case .integer(let number): return unsafe sqlite3_bind_int64(statement, place, number)
        case .text(var text):
            return text.withUTF8 { bytes in
                unsafe bytes.withMemoryRebound(to: CChar.self) { characters in
                    // An empty buffer may have no address, and that would bind null.
                    guard let start = characters.baseAddress else {
                        return unsafe sqlite3_bind_text(statement, place, "", 0, transient)
                    }
                    return unsafe sqlite3_bind_text(statement, place, start, Int32(clamping: bytes.count), transient)
                }
            }
        case .blob(let bytes):
            return unsafe bytes.withUnsafeBytes { buffer in
                guard let start = buffer.baseAddress, !bytes.isEmpty else {
                    return unsafe sqlite3_bind_zeroblob(statement, place, 0)
                }
                return unsafe sqlite3_bind_blob(statement, place, start, Int32(clamping: buffer.count), transient)
            }
        }
    }

    /// Tells SQLite to copy what it is given.
    private static var transient: sqlite3_destructor_type? {
        unsafe unsafeBitCast(OpaquePointer(bitPattern: -1), to: sqlite3_destructor_type?.self)
    }

    private func fault(_ code: Int32) -> DatabaseError {
        DatabaseError(
            resultCode: ResultCode(rawValue: code),
            message: unsafe String(cString: sqlite3_errmsg(sqliteConnection))
        )
    }
}
