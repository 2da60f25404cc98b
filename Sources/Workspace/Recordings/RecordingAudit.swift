import Core
import FoundationEssentials

/// Compares the recordings of a workspace with its journal: what is there, and what was taken in and purged.
package struct RecordingAudit: Sendable {
    /// What is wrong with one shard, the journal or a change; the code is stable.
    package struct Finding: Sendable, Hashable {
        package var code: String
        /// The name of the shard or file.
        package var name: String
        /// Goes after the name.
        package var words: String

        package var sentence: String { "`\(name)` \(words) [\(code)]" }
    }

    package private(set) var findings: [Finding] = []
    /// Of shards that were read to their end.
    package private(set) var calls = 0
    package private(set) var shards = 0

    private let isReading: Bool

    private static let journalName = "audit/recordings.ndjson"

    /// - Parameters:
    ///   - workspace: Whose recordings are compared.
    ///   - isReading: Whether every shard is read to its end; otherwise its header is held against the journal.
    package init(_ workspace: WorkspaceFolder, isReading: Bool = true) {
        self.isReading = isReading
        let folder = RecordingFolder(workspace)
        let change = pendingChange(folder)
        let known = journal(RecordingJournal(workspace), change)
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        var names = Set(files.filter(RecordingFolder.isShardName)).subtracting(change?.drop ?? [])
        var places: [String: String] = [:]
        for name in change?.bring ?? [] where files.contains(name + RecordingFolder.nextSuffix) {
            names.insert(name)
            places[name] = "\(folder.path)/\(name)\(RecordingFolder.nextSuffix)"
        }
        for name in names.sorted() {
            shards += 1
            examine(name, places[name] ?? "\(folder.path)/\(name)", folder, known)
        }
        for name in known.shards.keys.sorted() where !names.contains(name) {
            note("shard.missing", name, "was taken in and is gone")
        }
    }

    /// The shards for whoever learns from them, with the first reason not to, by headers and journal alone.
    ///
    /// Whoever reads them finds out about their chunks. A writer may change them while they are looked at: then they are
    /// looked at anew.
    package static func checkedShards(
        of workspace: WorkspaceFolder
    ) throws(WorkspaceError) -> (shards: [RecordingFolder.Shard], doubt: Finding?) {
        let folder = RecordingFolder(workspace)
        let journal = RecordingJournal(workspace)
        var shards: [RecordingFolder.Shard] = []
        var doubt: Finding?
        for _ in 0..<20 {
            let before = (try folder.pendingChange(), try journal.head())
            shards = try folder.shards()
            doubt = RecordingAudit(workspace, isReading: false).findings.first
            let after = (try folder.pendingChange(), try journal.head())
            if before == after { break }
        }
        return (shards, doubt)
    }

    /// What the journal of a workspace has against one shard, wherever it lies: a copy of what was purged, or of what was
    /// never taken in.
    ///
    /// - Parameters:
    ///   - place: The file, which may be a copy under another name: the header says which it is.
    ///   - workspace: Whose key opens it.
    /// - Returns: Nil where it was taken in, and where the shard does not open.
    /// - Throws: Where the journal cannot be read.
    package static func doubt(
        about place: String,
        in workspace: WorkspaceFolder
    ) throws(WorkspaceError) -> Finding? {
        let folder = RecordingFolder(workspace)
        let journal = RecordingJournal(workspace)
        var doubt: Finding?
        for _ in 0..<20 {
            let before = (try folder.pendingChange(), try journal.head())
            doubt = RecordingAudit(of: place, in: workspace).findings.first
            let after = (try folder.pendingChange(), try journal.head())
            if before == after { break }
        }
        return doubt
    }

    private init(of place: String, in workspace: WorkspaceFolder) {
        isReading = false
        let folder = RecordingFolder(workspace)
        // Reading it says what is wrong with one that has no header, or no key here.
        guard let header = try? ShardReader.header(of: place), (try? folder.key(header.keyID)) != nil else { return }
        let known = journal(RecordingJournal(workspace), pendingChange(folder))
        shards = 1
        examine(header.fileName, place, folder, known)
    }

    /// What the journal says there is.
    fileprivate struct Known {
        var shards: [String: (header: String, calls: Int)] = [:]
        var purged: Set<String> = []
        /// Whether every line says which shards came; those of earlier versions do not.
        var isComplete = true
    }

    private mutating func note(_ code: String, _ name: String, _ words: String) {
        findings.append(Finding(code: code, name: name, words: words))
    }

    private mutating func pendingChange(_ folder: RecordingFolder) -> RecordingChange? {
        do throws(WorkspaceError) { return try folder.pendingChange() } catch {
            note("recordings.change-altered", RecordingFolder.changeName, "is no change that was decided here")
            return nil
        }
    }

    private mutating func journal(_ journal: RecordingJournal, _ change: RecordingChange?) -> Known {
        var known = Known()
        do {
            if let line = try journal.firstAltered() {
                note("journal.altered", Self.journalName, "has a line \(line) that is not what was written")
            } else if try journal.isCut() {
                note("journal.truncated", Self.journalName, "lacks lines that were written")
            }
            var entries = try journal.entries()
            // Decided, and not yet written down.
            if let change, entries.last?["id"] != change.entry["id"] { entries.append(change.entry) }
            for entry in entries { known.take(entry) }
        } catch {
            note("journal.unreadable", Self.journalName, "cannot be read")
        }
        return known
    }

    private mutating func examine(_ name: String, _ place: String, _ folder: RecordingFolder, _ known: Known) {
        do throws(ShardFault) {
            let header = try ShardReader.header(of: place)
            let expected = known.shards[name]
            if try folder.key(header.keyID) == nil { throw .unknownKey(header.keyID) }
            if header.fileName != name || expected.map({ $0.header != Digest.sha256(header.bytes).hex }) ?? false {
                return note("shard.swapped", name, "holds another recording than the one of its name")
            }
            if expected == nil, known.purged.contains(name) {
                return note("shard.purged", name, "was purged and is there again")
            }
            if expected == nil, known.isComplete { note("shard.unlisted", name, "was never taken in") }
            guard isReading else { return }
            var reader = try ShardReader(place) { id throws(ShardFault) in try folder.key(id) }
            var lines = 0
            while let chunk = try reader.next() { lines += chunk.count { $0 == 0x0A } }
            calls += lines
            switch reader.ending {
            case .unfinished(let lost):
                note("shard.truncated", name, "has no end mark, \(lost) bytes of its last chunk are lost")
            case .complete(let ended) where ended != lines || expected.map({ $0.calls != lines }) ?? false:
                note(
                    "shard.truncated",
                    name,
                    "has \(lines) of the \(expected?.calls ?? ended) calls that were taken in"
                )
            default: break
            }
        } catch {
            note(error.code, name, "\(error)")
        }
    }
}

extension RecordingAudit.Known {
    fileprivate mutating func take(_ entry: JSON.Value) {
        for name in entry["gone"]?.array?.compactMap(\.string) ?? [] {
            shards[name] = nil
            purged.insert(name)
        }
        guard let brought = entry["shards"]?.array else {
            isComplete = false
            return
        }
        for shard in brought {
            guard let name = shard["name"]?.string, let header = shard["header"]?.string else { continue }
            shards[name] = (header, Int(shard["calls"]?.int ?? 0))
        }
    }
}
