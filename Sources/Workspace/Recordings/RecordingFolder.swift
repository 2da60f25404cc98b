package import Core
import FoundationEssentials
import Glibc
package import Identity

/// The encrypted recordings of a workspace, `.lockstep/recordings/`: one shard an import and day.
///
/// Every change is decided by one file, `change.json`: before it is there nothing has changed, after it everything has,
/// for whoever looks. Killed at any instant, a reader sees the shards from before or those from after; the next
/// writer ends what the file says.
package struct RecordingFolder: Sendable {
    package let path: String
    private let keys: KeyStore

    package init(_ folder: WorkspaceFolder) {
        path = folder.recordings
        keys = KeyStore(directory: folder.keys)
    }

    package struct Shard: Sendable, Hashable {
        package var name: String
        package var header: ShardHeader
        package var byteCount: Int
        /// Where its bytes are at this moment.
        package var place: String
    }

    /// A shard that a change brings, as the journal remembers it.
    package struct Brought: Sendable, Hashable {
        var name: String
        /// Of the bytes of the header, which no two shards share and every chunk is bound to.
        var header: Digest
        var calls: Int

        package init(name: String, header: Digest, calls: Int) {
            self.name = name
            self.header = header
            self.calls = calls
        }

        var json: JSON.Value {
            ["name": .string(name), "header": .string(header.hex), "calls": .integer(Int64(calls))]
        }
    }

    static let changeName = "change.json"
    static let nextSuffix = ".next"
    private var journal: RecordingJournal { RecordingJournal(state: path + "/..", keys: keys) }

    /// The shards as they are, the oldest day first; within a day, as they came.
    package func shards() throws(WorkspaceError) -> [Shard] {
        let change = try pendingChange()
        let names: [String]
        do { names = try FileManager.default.contentsOfDirectory(atPath: path) } catch { return [] }
        let dropped = Set(change?.drop ?? [])
        var shards: [Shard] = []
        for name in Set(names.filter(Self.isShardName)).union(change?.bring ?? []).subtracting(dropped) {
            let isNext =
                !names.contains(name) || names.contains(name + Self.nextSuffix) && change?.bring.contains(name) == true
            let place = "\(path)/\(name)\(isNext && names.contains(name + Self.nextSuffix) ? Self.nextSuffix : "")"
            do throws(ShardFault) {
                let header = try ShardReader.header(of: place)
                var status = stat()
                let size = unsafe stat(place, &status) == 0 ? Int(status.st_size) : 0
                shards.append(Shard(name: name, header: header, byteCount: size, place: place))
            } catch {
                throw Self.error(name, error)
            }
        }
        return shards.sorted { a, b in
            (a.header.day, a.header.created, a.name) < (b.header.day, b.header.created, b.name)
        }
    }

    /// The workspace key of an id, retired ones included.
    package func key(_ id: String) throws(ShardFault) -> WorkspaceKey? {
        do throws(KeyStoreError) { return try keys.load(.recording).key(id: id) } catch { return nil }
    }

    package func open(_ shard: Shard) throws(ShardFault) -> ShardReader {
        try ShardReader(shard.place) { id throws(ShardFault) in try key(id) }
    }

    /// Changes the shards whole or not at all, while no other process changes them.
    ///
    /// First, what a killed writer left is ended or cleared away. Then `body` gets the shards and a writer of new ones, and
    /// says which of the old ones go and what the journal is to say; what it wrote and dropped counts from
    /// one instant on. Nothing changes where it throws.
    package func change<Answer>(
        now: Timestamp,
        _ body: (_ shards: [Shard], _ additions: inout ShardAdditions) throws -> (
            drop: [Shard], entry: JSON.Value?, answer: Answer
        )
    ) throws -> Answer {
        try DurableFile.makeFolder(path)
        let held = try lock()
        defer { _ = held.contains(Self.changeName) }
        try settle()
        try journal.mustBeWhole()
        var random = SystemRandomNumberGenerator()
        let ring = try keys.loadOrCreate(.recording, now: now, using: &random)
        var additions = ShardAdditions(folder: path, suffix: Self.nextSuffix, key: ring.current, now: now)
        var decided = false
        defer { if !decided { additions.discard() } }
        let (drop, entry, answer) = try body(try shards(), &additions)
        let bring = try additions.finish()
        if entry == nil, bring.isEmpty, drop.isEmpty { return answer }
        // Nothing comes or goes that the journal does not know of.
        guard let entry, entry["id"]?.string != nil else {
            throw WorkspaceError(.recording, "a change of the recordings has no line for the journal")
        }
        let change = try RecordingChange(bring: bring, drop: drop.map(\.name), entry: entry, after: journal.head())
        try DurableFile.write(change.sealed(ring.current), to: "\(path)/\(Self.changeName)")
        decided = true
        try settle()
        return answer
    }

    /// Other processes wait until the value that is returned goes.
    private func lock() throws(WorkspaceError) -> HeldFolder {
        do throws(FileFault) {
            return try HeldFolder(path, isPrivate: true, isLocked: true)
        } catch {
            throw WorkspaceError(.unreadable, "the folder of recordings `\(path)` \(error.sentence)")
        }
    }

    /// Ends a change that was decided, and clears away what was never decided; needs the lock.
    private func settle() throws {
        if let change = try pendingChange() {
            try journal.mustBeWhole()
            for name in change.bring {
                let target = "\(path)/\(name)"
                guard unsafe rename(target + Self.nextSuffix, target) == 0 || errno == ENOENT else {
                    throw WorkspaceError(.unwritable, "could not bring the recording `\(name)` in")
                }
            }
            for name in change.drop {
                guard unsafe unlink("\(path)/\(name)") == 0 || errno == ENOENT else {
                    throw WorkspaceError(.unwritable, "could not drop the recording `\(name)`")
                }
            }
            try syncFolder()
            try journal.append(change.entry)
            guard unsafe unlink("\(path)/\(Self.changeName)") == 0 || errno == ENOENT else {
                throw WorkspaceError(.unwritable, "could not end the change of the recordings")
            }
            try syncFolder()
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        where name.hasSuffix(Self.nextSuffix) && Self.isShardName(String(name.dropLast(Self.nextSuffix.count))) {
            unsafe unlink("\(path)/\(name)")
        }
    }

    /// Ends what a killed writer left half done: a change that was decided, and shards without an end mark.
    ///
    /// - Returns: A sentence for each shard that was mended.
    @discardableResult
    package func recover() throws -> [String] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let held = try lock()
        defer { _ = held.contains(Self.changeName) }
        try settle()
        var words: [String] = []
        for shard in try shards() {
            do throws(ShardFault) {
                let lost = try ShardWriter.mend(shard.place) { id throws(ShardFault) in try key(id) }
                if let lost {
                    words.append("`\(shard.name)` was not finished: \(lost) bytes of its last chunk were lost")
                }
            } catch {
                // What was altered stays as it is, for `doctor` to name.
                continue
            }
        }
        return words
    }

    func pendingChange() throws(WorkspaceError) -> RecordingChange? {
        var earlier: RecordingChange?
        while let change = try sealedChange() {
            if try journal.mayTake(change) { return change }
            // A writer may have ended it between the two looks; then it is gone now, or another one is there.
            guard change != earlier else { throw Self.alteredChange(path, "belongs to an earlier time") }
            earlier = change
        }
        return nil
    }

    private func sealedChange() throws(WorkspaceError) -> RecordingChange? {
        let file = "\(path)/\(Self.changeName)"
        guard FileManager.default.fileExists(atPath: file) else { return nil }
        let bytes: [UInt8]
        do throws(WorkspaceError) {
            bytes = try DurableFile.read(file)
        } catch {
            // It was ended between the two looks.
            guard error.code == .missing else { throw error }
            return nil
        }
        let ring: KeyRing
        do throws(KeyStoreError) { ring = try keys.load(.recording) } catch {
            throw Self.alteredChange(path, "was written with a key that is not here")
        }
        guard let change = RecordingChange(sealed: bytes, ring) else {
            throw Self.alteredChange(path, "is not what was written there")
        }
        return change
    }

    private static func alteredChange(_ path: String, _ words: String) -> WorkspaceError {
        WorkspaceError(
            .damaged,
            "`\(path)/\(changeName)` \(words) [recordings.change-altered]",
            help: "restore the last good backup with `lockstep restore FILE`, or remove the file"
        )
    }

    private func syncFolder() throws(WorkspaceError) {
        let folder = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw WorkspaceError(.unwritable, "could not open `\(path)`") }
        defer { close(folder) }
        guard fsync(folder) == 0 || errno == EINVAL else {
            throw WorkspaceError(.unwritable, "could not keep the change of `\(path)`")
        }
    }

    static func isShardName(_ name: String) -> Bool {
        name.hasSuffix(".shard") && !name.contains("/") && !name.hasPrefix(".")
    }

    package static func error(_ name: String, _ fault: ShardFault) -> WorkspaceError {
        WorkspaceError(
            .recording,
            "the recording `\(name)` \(fault) [\(fault.code)]",
            help: "restore the last good backup with `lockstep restore FILE`, or remove the file"
        )
    }
}

/// New shards, each for one day, that count once the change they belong to is decided.
package struct ShardAdditions {
    /// A shard that grows beyond this is followed by another of the same day, so that a backup can take each whole.
    private static let maxShardBytes = 64 << 20
    /// Writers that are open at once; each holds one file.
    private static let maxOpen = 64

    private final class Slot {
        var writer: ShardWriter
        init(_ writer: consuming ShardWriter) { self.writer = writer }
    }

    private let folder: String
    private let suffix: String
    private let key: WorkspaceKey
    private let now: Timestamp
    private var writers: [CivilDate: Slot] = [:]
    private var names: [String] = []
    private var brought: [RecordingFolder.Brought] = []

    fileprivate init(folder: String, suffix: String, key: WorkspaceKey, now: Timestamp) {
        self.folder = folder
        self.suffix = suffix
        self.key = key
        self.now = now
    }

    /// Adds a line, with its line feed, to a shard of the day; `created` is kept where another shard is rewritten.
    package mutating func write(_ line: [UInt8], day: CivilDate, created: Timestamp? = nil) throws {
        do throws(FileFault) {
            let slot = try slot(day, created)
            try slot.writer.write(line)
            if slot.writer.bytes > Self.maxShardBytes {
                try end(slot)
                writers[day] = nil
            }
        } catch {
            throw Self.unwritable(folder, error)
        }
    }

    /// Ends the shards at hand, so that what follows goes to other ones.
    package mutating func endShards() throws {
        do throws(FileFault) {
            for slot in writers.values { try end(slot) }
        } catch {
            throw Self.unwritable(folder, error)
        }
        writers = [:]
    }

    private mutating func slot(_ day: CivilDate, _ created: Timestamp?) throws(FileFault) -> Slot {
        if let slot = writers[day] { return slot }
        if writers.count >= Self.maxOpen, let oldest = writers.keys.min() {
            if let slot = writers[oldest] { try end(slot) }
            writers[oldest] = nil
        }
        var random = SystemRandomNumberGenerator()
        let header = ShardHeader(keyID: key.id, day: day, created: created ?? now, using: &random)
        let slot = Slot(try ShardWriter("\(folder)/\(header.fileName)\(suffix)", header: header, key: key))
        names.append(header.fileName)
        writers[day] = slot
        return slot
    }

    private mutating func end(_ slot: Slot) throws(FileFault) {
        try slot.writer.finish()
        let header = slot.writer.header
        brought.append(
            RecordingFolder.Brought(name: header.fileName, header: .sha256(header.bytes), calls: slot.writer.calls)
        )
    }

    fileprivate mutating func finish() throws -> [RecordingFolder.Brought] {
        try endShards()
        return brought.sorted { $0.name < $1.name }
    }

    fileprivate mutating func discard() {
        writers = [:]
        for name in names { unsafe unlink("\(folder)/\(name)\(suffix)") }
        names = []
    }

    private static func unwritable(_ folder: String, _ fault: FileFault) -> WorkspaceError {
        let help = fault.isDiskFull ? "free some space on that disk, then run the same command again" : nil
        return WorkspaceError(
            .unwritable,
            "could not write a recording into `\(folder)`: \(fault.sentence)",
            help: help
        )
    }
}
