import GRDB

/// Why the ledger could not answer or write; nothing of the failed write remains.
package struct LedgerError: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        /// The file is damaged.
        case corrupt
        /// A run does not end with the seal of this workspace: see `SealFault`.
        case sealMissing = "seal-missing"
        case sealUnknownKey = "seal-unknown-key"
        case sealBroken = "seal-broken"
        /// Another process holds the write lock for longer than the busy timeout.
        case busy
        /// The file or its folder may not be written.
        case readOnly = "read-only"
        /// No space is left.
        case full
        /// A later version of Lockstep wrote it.
        case newerSchema = "newer-schema"
        /// An earlier version wrote it, and it was opened for looking only.
        case olderSchema = "older-schema"
        /// Its tables, indexes or triggers are not those of its version.
        case foreignSchema = "foreign-schema"
        /// A database, but not one of ours.
        case notALedger = "not-a-ledger"
        /// The file system failed.
        case io
        /// Another process advances this run; the message says which.
        case leased
        /// The lease was lost or somebody else wrote: the caller's picture of the run is old.
        case conflict
        /// The file of the ledger is not there, or empty.
        case lost
        /// Nothing has this id or name.
        case missing
        /// Something with this name is there already.
        case duplicate
    }

    package var code: Code
    /// One lower-case sentence without a full stop.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether one run was changed by other means than this program; the others can go on.
    package var isAboutHistory: Bool {
        switch code {
        case .corrupt, .sealMissing, .sealUnknownKey, .sealBroken: true
        default: false
        }
    }

    package var description: String { "error: \(message) [ledger.\(code.rawValue)]" }

    /// Sorts what SQLite reports into our codes; statement arguments never reach the message.
    init(_ error: any Error) {
        if let known = error as? LedgerError {
            self = known
            return
        }
        guard let error = error as? DatabaseError else {
            self.init(.io, "the ledger could not be used: \(type(of: error))")
            return
        }
        switch error.resultCode {
        case .SQLITE_CORRUPT: self.init(.corrupt, "the ledger is damaged: restore it from a backup")
        case .SQLITE_NOTADB: self.init(.corrupt, "the ledger's file is not a database: restore it from a backup")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(.busy, "the ledger is locked by another process")
        case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH:
            self.init(.readOnly, "the ledger may not be written")
        case .SQLITE_FULL: self.init(.full, "no space is left for the ledger")
        case .SQLITE_CANTOPEN: self.init(.io, "the ledger's file cannot be opened")
        case .SQLITE_CONSTRAINT:
            self.init(.conflict, "the ledger refused a row: \(error.message ?? "constraint")")
        default:
            self.init(.io, "the ledger failed: \(error.message ?? "code \(error.resultCode.rawValue)")")
        }
    }
}
