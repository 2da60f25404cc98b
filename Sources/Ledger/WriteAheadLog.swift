import GRDB
import GRDBSQLite

/// The write-ahead log beside a ledger, as the connection that writes has it open.
///
/// SQLite lets the file grow with each commit, and a sync of a file that grows makes the file system commit its own journal
/// too, which takes longer than all the rest of a step. A log that many commits are synced to gets its size at once.
///
/// What SQLite writes, where and in which order it is synced is SQLite's alone. To gather the pages of a commit into one
/// write was tried and taken out: a large transaction rewrites checksums of frames that it wrote before, and whoever comes
/// between must know all of that. Used only inside `Ledger.write`.
final class WriteAheadLog: @unchecked Sendable {
    /// In bytes, before each page (sqlite.org/fileformat2.html#the_write_ahead_log).
    private static let headerSize = 24
    /// SQLite moves the pages into the ledger when there are a thousand; the last commit may go beyond.
    private static let fullSize = Int64(32 + 1024 * (headerSize + 4096))
    /// A short run shall not pay for a long one.
    private static let commitsBeforeFullSize = 16

    private var hasFullSize = false

    /// Called in a transaction, which nobody else can write beside: sizes the file when it is time.
    func prepare(_ db: Database, syncedCommits: Int) {
        guard !hasFullSize, syncedCommits >= Self.commitsBeforeFullSize else { return }
        hasFullSize = true
        var file: UnsafeMutablePointer<sqlite3_file>?
        guard unsafe sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file) == SQLITE_OK
        else { return }
        unsafe extend(file)
    }

    /// Writes zeros up to the full size.
    ///
    /// No page begins with them, so whoever reads the log stops before, as it does before the remains of an older round.
    /// What cannot be written now is written by the commits, as ever.
    private func extend(_ file: UnsafeMutablePointer<sqlite3_file>?) {
        guard let file = unsafe file, let methods = unsafe file.pointee.pMethods,
            let size = unsafe methods.pointee.xFileSize, let write = unsafe methods.pointee.xWrite
        else { return }
        var end: Int64 = 0
        guard unsafe size(file, &end) == SQLITE_OK else { return }
        let zeros = [UInt8](repeating: 0, count: 1 << 16)
        while end < Self.fullSize {
            let count = min(Int64(zeros.count), Self.fullSize - end)
            guard unsafe zeros.withUnsafeBytes({ unsafe write(file, $0.baseAddress, Int32(count), end) }) == SQLITE_OK
            else { return }
            end += count
        }
    }
}
