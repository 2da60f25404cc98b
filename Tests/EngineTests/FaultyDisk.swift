import Foundation
import GRDBSQLite
import Synchronization

/// SQLite's own file layer with faults: the k-th write or sync of a ledger under test gives an I/O error.
///
/// A layer of SQLite's kind (sqlite.org/vfs.html) that hands everything on, and replaces two functions in the table of
/// each file whose name says `faulty-`; other files of the process never notice.
enum FaultyDisk {
    struct Fault: Sendable {
        /// The number of the operation that fails; none for counting only.
        var at: Int?
        /// Whether all after it fail too, until `heal`.
        var isLasting = false
    }

    private struct State: Sendable {
        var fault = Fault()
        var count = 0
        var isSick = false
    }

    private static let state = Mutex(State())

    /// Begins to count from the next operation on.
    static func arm(_ fault: Fault) {
        _ = isInstalled
        state.withLock { $0 = State(fault: fault) }
    }

    static func heal() {
        state.withLock { state in
            state.isSick = false
            if state.fault.isLasting, let at = state.fault.at, state.count >= at { state.fault.at = nil }
        }
    }

    static var operations: Int { state.withLock { $0.count } }

    private static func isRefused() -> Bool {
        state.withLock { state in
            state.count += 1
            if state.count == state.fault.at { state.isSick = state.fault.isLasting }
            return state.isSick || state.count == state.fault.at
        }
    }

    private static let base = unsafe UInt(bitPattern: sqlite3_vfs_find(nil))

    private static var original: UnsafeMutablePointer<sqlite3_vfs>? {
        unsafe UnsafeMutablePointer<sqlite3_vfs>(bitPattern: base)
    }

    private static let isInstalled: Bool = {
        guard let original = unsafe original else { return false }
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        unsafe layer.initialize(to: original.pointee)
        unsafe layer.pointee.zName = unsafe UnsafePointer(strdup("lockstep-faulty"))
        unsafe layer.pointee.pNext = nil
        unsafe layer.pointee.xOpen = { _, name, file, flags, out in
            guard let original = unsafe FaultyDisk.original, let open = unsafe original.pointee.xOpen else {
                return SQLITE_CANTOPEN
            }
            let code = unsafe open(original, name, file, flags, out)
            guard code == SQLITE_OK, let file = unsafe file, let name = unsafe name,
                unsafe String(cString: name).contains("/faulty-"), let methods = unsafe file.pointee.pMethods
            else { return code }
            // The changed table first, the untouched one behind it, where the changed functions find it.
            let tables = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 2)
            unsafe tables.initialize(repeating: methods.pointee, count: 2)
            unsafe tables.pointee.xWrite = { file, bytes, count, offset in
                guard !FaultyDisk.isRefused() else { return SQLITE_IOERR | (3 << 8) }
                guard let file = unsafe file, let methods = unsafe file.pointee.pMethods else { return SQLITE_IOERR }
                return unsafe (methods + 1).pointee.xWrite?(file, bytes, count, offset) ?? SQLITE_IOERR
            }
            unsafe tables.pointee.xSync = { file, flags in
                guard !FaultyDisk.isRefused() else { return SQLITE_IOERR | (4 << 8) }
                guard let file = unsafe file, let methods = unsafe file.pointee.pMethods else { return SQLITE_IOERR }
                return unsafe (methods + 1).pointee.xSync?(file, flags) ?? SQLITE_IOERR
            }
            unsafe file.pointee.pMethods = unsafe UnsafePointer(tables)
            return code
        }
        return unsafe sqlite3_vfs_register(layer, 1) == SQLITE_OK
    }()
}
