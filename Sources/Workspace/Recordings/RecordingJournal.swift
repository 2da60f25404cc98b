package import Core
import FoundationEssentials
import Identity

/// What was taken into the recordings of a workspace and purged from them: `audit/recordings.ndjson`.
///
/// One JSON object a line, without personal data: a principal stands in it as a keyed digest. Each line carries a code of
/// the `audit` key over itself and the line before, so that one that was altered or taken out of the middle shows. How many
/// there are, and the seal of the last, stand beside the keys: lines that were cut off at the end show as well.
package struct RecordingJournal: Sendable {
    private let path: String
    private let headPath: String
    private let keys: KeyStore

    package init(_ folder: WorkspaceFolder) {
        self.init(state: folder.state, keys: KeyStore(directory: folder.keys))
    }

    init(state: String, keys: KeyStore) {
        path = "\(state)/audit/recordings.ndjson"
        headPath = "\(keys.directory)/recordings.head"
        self.keys = keys
    }

    private static let limit = 64 << 20

    /// The lines, oldest first, without their codes.
    package func entries() throws(WorkspaceError) -> [JSON.Value] {
        try lines().compactMap { line in (try? JSON.parse(line))?["entry"] }
    }

    /// The lines, each of which is what was written: what an import leaves out, because it was purged, rests on them.
    ///
    /// - Throws: Where a line was altered, or lines are gone.
    package func sealedEntries() throws -> [JSON.Value] {
        try mustBeWhole()
        if let number = try firstAltered() {
            throw WorkspaceError(
                .damaged,
                "line \(number) of the journal `audit/recordings.ndjson` is not what was written, so nothing says what was "
                    + "purged [journal.altered]",
                help: "see `lockstep doctor`, then restore the last good backup with `lockstep restore FILE`"
            )
        }
        return try entries()
    }

    /// Adds a line; one whose `id` is the last line's is there already.
    ///
    /// - Throws: Where lines are gone that were written: the head is all that shows it, and never goes back.
    func append(_ entry: JSON.Value) throws {
        try mustBeWhole()
        let lines = try lines()
        if let last = lines.last, let id = entry["id"], Self.parsed(last)?["entry"]?["id"] == id {
            return try noteHead(lines)
        }
        let ring = try keys.load(.audit)
        let code = Self.code(entry, after: lines.last ?? [], ring.current)
        let line: JSON.Value = ["entry": entry, "key": .string(ring.current.id), "seal": .string(code)]
        let all = lines + [JSON.canonical(line)]
        try DurableFile.write(Array(all.joined(separator: [0x0A])) + [0x0A], to: path)
        try noteHead(all)
    }

    private func noteHead(_ lines: [[UInt8]]) throws(WorkspaceError) {
        let head: JSON.Value = ["count": .integer(Int64(lines.count)), "seal": .string(Self.seal(lines.last))]
        try DurableFile.write(JSON.canonical(head), to: headPath)
    }

    /// The seal of the last line; empty where there is none.
    package func head() throws(WorkspaceError) -> String { Self.seal(try lines().last) }

    /// Whether a change follows the last line, or is the one that the last line is about.
    func mayTake(_ change: RecordingChange) throws(WorkspaceError) -> Bool {
        let last = try lines().last
        return change.after == Self.seal(last)
            || last.flatMap(Self.parsed)?["entry"]?["id"] == change.entry["id"] && last != nil
    }

    /// Whether lines that were written are gone from the end, or the journal as a whole.
    func isCut() throws(WorkspaceError) -> Bool {
        guard FileManager.default.fileExists(atPath: headPath) else {
            // Before heads were noted, lines did not list shards.
            return try entries().last?["shards"] != nil
        }
        let head = try? JSON.parse(try DurableFile.read(headPath, limit: 1 << 16))
        let lines = try lines()
        guard let count = head?["count"]?.int, count >= 0, count <= lines.count else { return true }
        return count > 0 && Self.seal(lines[Int(count) - 1]) != head?["seal"]?.string
    }

    /// Refuses to go on from a journal that lacks lines: what is written after it would hide that they are gone.
    func mustBeWhole() throws(WorkspaceError) {
        guard try isCut() else { return }
        throw WorkspaceError(
            .damaged,
            "the journal `audit/recordings.ndjson` lacks lines that were written, so nothing is taken in or purged "
                + "[journal.truncated]",
            help: "see `lockstep doctor`, then restore the last good backup with `lockstep restore FILE`"
        )
    }

    private static func parsed(_ line: [UInt8]) -> JSON.Value? { try? JSON.parse(line) }
    private static func seal(_ line: [UInt8]?) -> String { line.flatMap(parsed)?["seal"]?.string ?? "" }

    /// The number of the first line that is not what was written, from 1; nil where every one is.
    package func firstAltered() throws -> Int? {
        let lines = try lines()
        guard !lines.isEmpty else { return nil }
        let ring = try keys.load(.audit)
        var before: [UInt8] = []
        for (number, line) in lines.enumerated() {
            guard let json = try? JSON.parse(line), let entry = json["entry"],
                let key = json["key"]?.string.flatMap({ ring.key(id: $0) }),
                json["seal"]?.string == Self.code(entry, after: before, key)
            else { return number + 1 }
            before = line
        }
        return nil
    }

    private func lines() throws(WorkspaceError) -> [[UInt8]] {
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        return try DurableFile.read(path, limit: Self.limit).split(separator: 0x0A).map { Array($0) }
    }

    private static func code(_ entry: JSON.Value, after line: [UInt8], _ key: WorkspaceKey) -> String {
        let message = Array("lockstep.recordings-journal/1\n".utf8) + line + [0x0A] + JSON.canonical(entry)
        return Hexadecimal.encode(key.authenticationCode(message))
    }
}
