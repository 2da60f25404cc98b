package import Core
import FoundationEssentials
import Identity

/// What was taken into the recordings of a workspace and purged from them: `audit/recordings.ndjson`.
///
/// One JSON object a line, without personal data: a principal stands in it as a keyed digest. Each line carries a code of
/// the `audit` key over itself and the line before, so that one that was altered or taken out of the middle shows.
package struct RecordingJournal: Sendable {
    private let path: String
    private let keys: KeyStore

    package init(_ folder: WorkspaceFolder) {
        self.init(state: folder.state, keys: KeyStore(directory: folder.keys))
    }

    init(state: String, keys: KeyStore) {
        path = "\(state)/audit/recordings.ndjson"
        self.keys = keys
    }

    private static let limit = 64 << 20

    /// The lines, oldest first, without their codes.
    package func entries() throws(WorkspaceError) -> [JSON.Value] {
        try lines().compactMap { line in (try? JSON.parse(line))?["entry"] }
    }

    /// Adds a line; one whose `id` is the last line's is there already.
    func append(_ entry: JSON.Value) throws {
        let lines = try lines()
        if let last = lines.last.flatMap({ try? JSON.parse($0) }), let id = entry["id"], last["entry"]?["id"] == id {
            return
        }
        let ring = try keys.load(.audit)
        let code = Self.code(entry, after: lines.last ?? [], ring.current)
        let line: JSON.Value = ["entry": entry, "key": .string(ring.current.id), "seal": .string(code)]
        let bytes = Array((lines + [JSON.canonical(line)]).joined(separator: [0x0A])) + [0x0A]
        try DurableFile.write(bytes, to: path)
    }

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
