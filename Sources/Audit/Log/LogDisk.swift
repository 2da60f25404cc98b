package import Core

/// What a log needs of a file system, one call a step that can fail or be the last one before a crash.
///
/// Names are paths below the log's folder; `""` is the folder itself. Two implement it: `FileDisk`, and the disk of the
/// tests, which loses at a crash whatever was not synced.
package protocol LogDisk {
    /// - Throws: `missing`, `tooLarge`, or what the system said.
    func read(_ name: String, limit: Int) throws(FileFault) -> [UInt8]
    /// Makes or overwrites a file and the folders above it; nothing of it is durable yet.
    ///
    /// - Returns: The folders that have a new name in them, and so must be synced as well.
    func write(_ bytes: [UInt8], to name: String) throws(FileFault) -> [String]
    /// Writes at an offset of a file that is there; not durable yet.
    func append(_ bytes: [UInt8], to name: String, at offset: Int) throws(FileFault)
    func cut(_ name: String, to length: Int) throws(FileFault)
    /// Makes the bytes of a file durable.
    func sync(_ name: String) throws(FileFault)
    /// Makes the names in a folder durable.
    func syncFolder(_ name: String) throws(FileFault)
    /// Replaces a file whole and durably: whenever it fails or crashes, the old or the new one is there.
    func replace(_ name: String, with bytes: [UInt8]) throws(FileFault)
    func remove(_ name: String) throws(FileFault)
    /// The names of all files below a folder, in order; none where there is no such folder.
    func files(below folder: String) throws(FileFault) -> [String]
    /// What others may write to, and what is neither a plain file nor a folder; none on a disk without rights.
    func exposed() throws(FileFault) -> [(name: String, fault: FileFault)]
}

extension LogDisk {
    package func exposed() throws(FileFault) -> [(name: String, fault: FileFault)] { [] }
}

/// The names of what lies in a log's folder beside its tiles.
package enum LogFile {
    package static let checkpoint = "checkpoint"
    package static let journal = "journal"
    /// The verifier keys that sign, one a line, for whoever is given the folder; nobody here believes them.
    package static let keys = "vkeys"

    /// Where the next version of a file is written before it takes the place of the last one.
    static func unfinished(_ name: String) -> String { ".\(name).new" }

    /// The files of a log that are no tiles, with what a crash can leave beside them.
    static let all = [checkpoint, journal, keys].flatMap { [$0, unfinished($0)] }
}

extension AuditError {
    init(fault: FileFault, at name: String) {
        if fault.isDiskFull {
            self.init(
                .full,
                "no space is left for `\(name)` of the audit log",
                help: "free some space on that disk, then run the same command again"
            )
        } else if fault == .missing {
            self.init(.contradiction, "the audit log lacks its file `\(name)`", help: Self.restoring)
        } else {
            self.init(.unusable, "`\(name)` of the audit log \(fault.sentence)")
        }
    }

    static let restoring =
        "do not write to it: keep the folder as it is, look who changed it, and bring the log back from a backup"
}
