import GRDB
import GRDBSQLite

/// The write-ahead log beside a ledger, as the connection that writes has it open.
///
/// SQLite puts every page of a commit down with two calls, and lets the file grow with each commit. Here one commit is one
/// call, and a log that many commits are synced to gets its size at once: a sync of a file that grows makes the file
/// system commit its own journal too, which takes longer than all the rest of a step.
///
/// What SQLite writes, where and in which order it is synced stays the same. Used only inside `Ledger.write`.
final class WriteAheadLog: @unchecked Sendable {
    /// In bytes, before each page (sqlite.org/fileformat2.html#the_write_ahead_log).
    fileprivate static let headerSize = 24
    /// SQLite moves the pages into the ledger when there are a thousand; the last commit may go beyond.
    private static let fullSize = Int64(32 + 1024 * (headerSize + 4096))
    /// A short run shall not pay for a long one.
    private static let commitsBeforeFullSize = 16

    private var isOpen = false
    private var hasFullSize = false
    private let gathered = Gathered()

    /// Carries a commit out with its pages gathered.
    ///
    /// Only a commit: pages of a transaction that is taken back must not be in anybody's hands when the next begins.
    func gather(_ commit: () throws -> Void) rethrows {
        gathered.isOn = isOpen
        defer { gathered.end() }
        try commit()
    }

    /// Called in a transaction, which nobody else can write beside: takes the file over, and sizes it when it is time.
    func prepare(_ db: Database, syncedCommits: Int) {
        if !isOpen { open(db) }
        guard !hasFullSize, syncedCommits >= Self.commitsBeforeFullSize else { return }
        hasFullSize = true
        unsafe extend(Self.file(db))
    }

    private static func file(_ db: Database) -> UnsafeMutablePointer<sqlite3_file>? {
        var file: UnsafeMutablePointer<sqlite3_file>?
        let code = unsafe sqlite3_file_control(db.sqliteConnection, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file)
        return code == SQLITE_OK ? unsafe file : nil
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

    /// Puts a layer of ours over SQLite's functions for the file (sqlite.org/c3ref/io_methods.html).
    private func open(_ db: Database) {
        isOpen = true
        guard let file = unsafe Self.file(db), let original = unsafe file.pointee.pMethods else { return }
        let layer = UnsafeMutablePointer<Layer>.allocate(capacity: 1)
        unsafe layer.initialize(to: Layer(methods: original.pointee, original: original, gathered: gathered))
        unsafe layer.pointee.methods.xWrite = { file, bytes, count, offset in
            unsafe Layer.of(file).pointee.gathered.write(file, bytes, count, offset)
        }
        unsafe layer.pointee.methods.xRead = { file, bytes, count, offset in
            let code = unsafe Layer.of(file).pointee.gathered.handOver(file)
            guard code == SQLITE_OK else { return code }
            return unsafe Layer.below(file) { unsafe $0.xRead?(file, bytes, count, offset) }
        }
        unsafe layer.pointee.methods.xSync = { file, flags in
            let code = unsafe Layer.of(file).pointee.gathered.handOver(file)
            guard code == SQLITE_OK else { return code }
            return unsafe Layer.below(file) { unsafe $0.xSync?(file, flags) }
        }
        unsafe layer.pointee.methods.xClose = { file in
            let layer = unsafe Layer.of(file)
            let original = unsafe layer.pointee.original
            unsafe file?.pointee.pMethods = original
            unsafe layer.deinitialize(count: 1)
            unsafe layer.deallocate()
            return unsafe original.pointee.xClose?(file) ?? SQLITE_IOERR
        }
        unsafe file.pointee.pMethods = unsafe UnsafePointer(
            UnsafeRawPointer(layer).assumingMemoryBound(to: sqlite3_io_methods.self)
        )
    }
}

/// What SQLite takes for the table of a file's functions.
@unsafe private struct Layer {
    /// Must be the first: SQLite knows of nothing behind it.
    var methods: sqlite3_io_methods
    var original: UnsafePointer<sqlite3_io_methods>
    var gathered: Gathered

    static func of(_ file: UnsafeMutablePointer<sqlite3_file>?) -> UnsafeMutablePointer<Layer> {
        unsafe UnsafeMutableRawPointer(mutating: file.unsafelyUnwrapped.pointee.pMethods)
            .assumingMemoryBound(to: Layer.self)
    }

    /// Calls a function of the layer below, which finds its own table at the file as if there were none above it.
    static func below(
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ call: (sqlite3_io_methods) -> Int32?
    ) -> Int32 {
        let layer = unsafe file?.pointee.pMethods
        let original = unsafe of(file).pointee.original
        unsafe file?.pointee.pMethods = original
        defer { unsafe file?.pointee.pMethods = layer }
        return unsafe call(original.pointee) ?? SQLITE_IOERR
    }
}

/// The pages of one commit, until the last of them is there.
private final class Gathered {
    /// From here on no page is added.
    ///
    /// SQLite's layer for files takes less than 128 KiB at once, and a page has up to 64.
    private static let limit = 1 << 15

    var isOn = false
    private var bytes: [UInt8] = []
    /// Where in the file the first of them belongs.
    private var start: Int64 = 0
    private var endsCommit = false

    func write(
        _ file: UnsafeMutablePointer<sqlite3_file>?,
        _ data: UnsafeRawPointer?,
        _ count: Int32,
        _ offset: Int64
    ) -> Int32 {
        let isHeader = Int(count) == WriteAheadLog.headerSize
        if !bytes.isEmpty, offset != start + Int64(bytes.count) {
            let code = unsafe handOver(file)
            guard code == SQLITE_OK else { return code }
        }
        guard isOn, isHeader || !bytes.isEmpty else {
            return unsafe Layer.below(file) { unsafe $0.xWrite?(file, data, count, offset) }
        }
        if bytes.isEmpty { start = offset }
        let data = unsafe UnsafeRawBufferPointer(start: data, count: Int(count))
        unsafe bytes.append(contentsOf: data)
        if isHeader {
            // The size of the ledger after a commit stands in the header of its last page, and in no other.
            endsCommit = unsafe data[4..<8].contains { $0 != 0 }
            return SQLITE_OK
        }
        // The last page is in the file before SQLite hears that it is, so every error is one of this commit.
        return endsCommit || bytes.count >= Self.limit ? unsafe handOver(file) : SQLITE_OK
    }

    func handOver(_ file: UnsafeMutablePointer<sqlite3_file>?) -> Int32 {
        guard !bytes.isEmpty else { return SQLITE_OK }
        defer { bytes.removeAll(keepingCapacity: true) }
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe Layer.below(file) {
                unsafe $0.xWrite?(file, bytes.baseAddress, Int32(clamping: bytes.count), start)
            }
        }
    }

    /// What a commit that failed leaves here is nobody's any more: others may have written at its place.
    func end() {
        isOn = false
        guard !bytes.isEmpty else { return }
        bytes.removeAll(keepingCapacity: true)
    }
}
