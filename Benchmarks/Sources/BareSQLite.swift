import GRDBSQLite

/// SQLite's C interface with nothing in between: what the ledger is measured against.
@safe final class BareSQLite {
    enum Value {
        case null
        case integer(Int64)
        case text([UInt8])
        case blob([UInt8])

        static func text(_ text: String) -> Value { .text(Array(text.utf8)) }
        static func text(_ text: String?) -> Value { text.map { .text($0) } ?? .null }
        static func integer(_ number: Int) -> Value { .integer(Int64(number)) }
        static func integer(_ number: Int64?) -> Value { number.map { .integer($0) } ?? .null }
    }

    private var handle: OpaquePointer?
    private var statements: [OpaquePointer?] = unsafe []

    init(path: String) throws {
        guard unsafe sqlite3_open(path, &handle) == SQLITE_OK else { throw fault() }
    }

    deinit {
        unsafe statements.forEach { unsafe sqlite3_finalize($0) }
        unsafe sqlite3_close(handle)
    }

    func execute(_ sql: String) throws {
        guard unsafe sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw fault() }
    }

    /// Prepares a statement and answers the number under which it is run.
    func prepare(_ sql: String) throws -> Int {
        var statement: OpaquePointer?
        guard unsafe sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else { throw fault() }
        unsafe statements.append(statement)
        return unsafe statements.count - 1
    }

    func run(_ number: Int, _ values: [Value] = []) throws {
        let statement = unsafe statements[number]
        for (index, value) in values.enumerated() {
            let place = Int32(index + 1)
            switch value {
            case .null: unsafe sqlite3_bind_null(statement, place)
            case .integer(let number): unsafe sqlite3_bind_int64(statement, place, number)
            case .text(let bytes):
                unsafe bytes.withUnsafeBytes { buffer in
                    let text = unsafe buffer.bindMemory(to: CChar.self).baseAddress
                    _ = unsafe sqlite3_bind_text(statement, place, text, Int32(buffer.count), Self.transient)
                }
            case .blob(let bytes):
                unsafe bytes.withUnsafeBytes { buffer in
                    _ = unsafe sqlite3_bind_blob(
                        statement,
                        place,
                        buffer.baseAddress,
                        Int32(buffer.count),
                        Self.transient
                    )
                }
            }
        }
        guard unsafe sqlite3_step(statement) == SQLITE_DONE else { throw fault() }
        unsafe sqlite3_reset(statement)
    }

    /// Tells SQLite to copy what it is given.
    private static var transient: sqlite3_destructor_type? {
        unsafe unsafeBitCast(OpaquePointer(bitPattern: -1), to: sqlite3_destructor_type?.self)
    }

    private func fault() -> BenchmarkFault { BenchmarkFault(unsafe String(cString: sqlite3_errmsg(handle))) }
}
