/// Why a log could not be read, believed or written; nothing of a refused write counts.
package struct AuditError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The closed set of reasons; the raw value is printed and never reworded.
    package enum Code: String, Sendable, CaseIterable {
        /// There is no log here.
        case missing = "audit.missing"
        /// Bytes that are not what they should be: a note, a checkpoint, a tile, a key, a proof.
        case malformed = "audit.malformed"
        /// No key that is trusted signed it, or the signature of one does not hold.
        case untrusted = "audit.untrusted"
        /// The files of the log and its checkpoint do not belong together.
        case contradiction = "audit.contradiction"
        /// Entries that were accepted are damaged.
        case damaged = "audit.damaged"
        /// Another process writes to the log.
        case locked = "audit.locked"
        /// No space is left on the disk.
        case full = "audit.full"
        /// Others may write to a file of the log, or it is a link to somewhere else.
        case exposed = "audit.exposed"
        /// The file system failed.
        case unusable = "audit.unusable"
        /// An earlier write failed in a way that only opening the log anew can judge.
        case stopped = "audit.stopped"
        /// The log takes nothing now: too much waits for it, its disk failed, or it is closed.
        case unavailable = "audit.unavailable"
        /// An entry that a log cannot hold.
        case entrySize = "audit.entry-size"
        /// The log has no such entry, or is not that long.
        case outOfRange = "audit.out-of-range"
        /// This version cannot check signatures of this type.
        case unsupported = "audit.unsupported"
    }

    package let code: Code
    /// One lower-case sentence without a full stop.
    package let message: String
    package let help: String?

    package init(_ code: Code, _ message: String, help: String? = nil) {
        self.code = code
        self.message = message
        self.help = help
    }

    package var description: String { "\(message) [\(code.rawValue)]" }
}
