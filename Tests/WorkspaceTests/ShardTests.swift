import Core
import Foundation
import Identity
import Testing
import Workspace

/// A workspace folder with a `recording` and an `audit` key, removed at the end.
final class ShardPlace {
    let folder: WorkspaceFolder
    let keys: KeyStore
    let now = Timestamp(seconds: 1_780_000_000)

    init() throws {
        folder = WorkspaceFolder(root: NSTemporaryDirectory() + "/shards-\(UUID().uuidString)")
        keys = KeyStore(directory: folder.keys)
        for path in [folder.root] + folder.stateFolders {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        }
        var random = SystemRandomNumberGenerator()
        for purpose in [KeyPurpose.recording, .audit] {
            _ = try keys.loadOrCreate(purpose, now: now, using: &random)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: folder.root) }

    var path: String { folder.recordings + "/one.shard" }

    func header(_ day: Int64 = 20_000) throws -> ShardHeader {
        var random = SystemRandomNumberGenerator()
        let key = try keys.load(.recording).current
        return ShardHeader(keyID: key.id, day: CivilDate(daysSince1970: day), created: now, using: &random)
    }

    func read(_ path: String) throws -> (text: String, ending: ShardReader.Ending?) {
        let ring = try keys.load(.recording)
        var reader = try ShardReader(path) { ring.key(id: $0) }
        var bytes: [UInt8] = []
        while let chunk = try reader.next() { bytes += chunk }
        return (String(decoding: bytes, as: UTF8.self), reader.ending)
    }

    /// Writes a shard, under the name that its header gives it where it is `named`.
    ///
    /// - Throws: What the writer throws.
    func write(_ lines: [String], finish: Bool = true, named: Bool = false) throws {
        let header = try header()
        let path = named ? "\(folder.recordings)/\(header.fileName)" : path
        var writer = try ShardWriter(path, header: header, key: keys.load(.recording).current)
        for line in lines {
            try writer.write(Array(line.utf8))
            try writer.flush()
        }
        if finish { try writer.finish() }
    }
}

@Suite struct ShardTests {
    @Test(arguments: [[], ["a\n"], (0..<300).map { "line \($0)\n" }, [String(repeating: "x", count: 3 << 20) + "\n"]])
    func whatIsWrittenIsRead(lines: [String]) throws {
        let place = try ShardPlace()
        try place.write(lines)
        let (text, ending) = try place.read(place.path)
        #expect(text == lines.joined())
        #expect(ending == .complete(calls: lines.count))
        #expect(!FileManager.default.contents(atPath: place.path)!.contains(Data("line 7".utf8)))
    }

    /// Cut anywhere, a shard gives the whole chunks before the cut, or says that it has no header.
    @Test func aCutLosesAtMostTheChunkThatItMeets() throws {
        let place = try ShardPlace()
        let lines = (0..<5).map { "line \($0)\n" }
        try place.write(lines)
        let whole = try Data(contentsOf: URL(filePath: place.path))
        for length in 0..<whole.count {
            let cut = place.folder.recordings + "/cut.shard"
            try whole.prefix(length).write(to: URL(filePath: cut))
            do {
                let (text, ending) = try place.read(cut)
                #expect(lines.joined().hasPrefix(text) && text.isEmpty || text.hasSuffix("\n"))
                guard case .unfinished = ending else {
                    Issue.record("cut at \(length) it passes for complete")
                    return
                }
            } catch let fault as ShardFault {
                #expect(fault == .header)
            }
        }
    }

    @Test func everyChangedByteShows() throws {
        let place = try ShardPlace()
        try place.write(["one\n", "two\n"])
        let whole = try Data(contentsOf: URL(filePath: place.path))
        let changed = place.folder.recordings + "/changed.shard"
        for at in whole.indices {
            var bytes = whole
            bytes[at] ^= 0x20
            try bytes.write(to: URL(filePath: changed))
            do {
                let (text, ending) = try place.read(changed)
                // A length that grew looks like a chunk that was not finished: then nothing of it is believed.
                guard case .unfinished = ending, "one\ntwo\n".hasPrefix(text) else {
                    Issue.record("byte \(at) may be changed unseen")
                    return
                }
            } catch _ as ShardFault {}
        }
    }

    @Test func aTornTailIsCutOffAndGetsAnEnd() throws {
        let place = try ShardPlace()
        try place.write(["one\n", "two\n"], finish: false)
        let handle = try #require(FileHandle(forWritingAtPath: place.path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data([1, 0, 0, 0, 90, 1, 2, 3]))
        try handle.close()
        #expect(try place.read(place.path).ending == .unfinished(lost: 8))
        let ring = try place.keys.load(.recording)
        #expect(try ShardWriter.mend(place.path) { ring.key(id: $0) } == 8)
        let (text, ending) = try place.read(place.path)
        #expect(text == "one\ntwo\n" && ending == .complete(calls: 2))
        #expect(try ShardWriter.mend(place.path) { ring.key(id: $0) } == nil)
    }

    @Test func aShardThatIsBeingWrittenIsNotMended() throws {
        let place = try ShardPlace()
        var writer = try ShardWriter(place.path, header: place.header(), key: place.keys.load(.recording).current)
        try writer.write(Array("one\n".utf8))
        try writer.flush()
        let ring = try place.keys.load(.recording)
        #expect(try ShardWriter.mend(place.path) { ring.key(id: $0) } == nil)
        try writer.write(Array("two\n".utf8))
        try writer.finish()
        #expect(try place.read(place.path).text == "one\ntwo\n")
    }

    @Test func aChangeThatThrowsLeavesNothing() throws {
        struct Stop: Error {}
        let place = try ShardPlace()
        let folder = RecordingFolder(place.folder)
        #expect(throws: Stop.self) {
            try folder.change(now: place.now) {
                _,
                additions -> (drop: [RecordingFolder.Shard], entry: JSON.Value?, answer: Int) in
                try additions.write(Array("one\n".utf8), day: CivilDate(daysSince1970: 1))
                throw Stop()
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    /// The states in which a killed writer can leave the folder, made by hand.
    @Test(arguments: [true, false]) func aDecidedChangeCountsFromItsDecision(isDecided: Bool) throws {
        let place = try ShardPlace()
        let folder = RecordingFolder(place.folder)
        func add(_ text: String, drop: [RecordingFolder.Shard] = []) throws {
            try folder.change(now: place.now) { _, additions in
                try additions.write(Array(text.utf8), day: CivilDate(daysSince1970: 1))
                return (drop: drop, entry: ["id": .string(text)], answer: ())
            }
        }
        try add("old\n")
        let old = try #require(try folder.shards().first)
        var header = try place.header(1)
        header.created = place.now
        var writer = try ShardWriter(
            "\(folder.path)/\(header.fileName).next",
            header: header,
            key: place.keys.load(.recording).current
        )
        try writer.write(Array("new\n".utf8))
        try writer.finish()
        let change = RecordingChange(
            bring: [.init(name: header.fileName, header: .sha256(header.bytes), calls: 1)],
            drop: [old.name],
            entry: ["id": "7"],
            after: try RecordingJournal(place.folder).head()
        )
        let sealed = try change.sealed(place.keys.load(.recording).current)
        if isDecided { try Data(sealed).write(to: URL(filePath: folder.path + "/change.json")) }
        for _ in 0..<2 {
            let texts = try folder.shards().map { try place.read($0.place).text }
            #expect(texts == [isDecided ? "new\n" : "old\n"])
            try folder.recover()
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).count == 1)
        let journal = RecordingJournal(place.folder)
        #expect(try journal.entries().count == (isDecided ? 2 : 1))
        #expect(try journal.firstAltered() == nil)
        #expect(RecordingAudit(place.folder).findings.isEmpty)
    }

    /// Whoever changes shards says so; `null` is no line, and neither is one that cannot be told from others.
    @Test(arguments: [nil, .null, ["calls": 1], "x"] as [JSON.Value?])
    func aChangeWithoutALineIsRefused(_ entry: JSON.Value?) throws {
        let place = try ShardPlace()
        let folder = RecordingFolder(place.folder)
        #expect(throws: WorkspaceError.self) {
            try folder.change(now: place.now) { _, additions in
                try additions.write(Array("one\n".utf8), day: CivilDate(daysSince1970: 1))
                return (drop: [], entry: entry, answer: ())
            }
        }
        #expect(try folder.shards().isEmpty && RecordingJournal(place.folder).entries().isEmpty)
    }

    @Test func anAlteredJournalIsFound() throws {
        let place = try ShardPlace()
        let folder = RecordingFolder(place.folder)
        for number in 0..<4 {
            try folder.change(now: place.now) { _, _ in (drop: [], entry: ["id": .string("e\(number)")], answer: ()) }
        }
        let path = place.folder.audit + "/recordings.ndjson"
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
        #expect(try RecordingJournal(place.folder).firstAltered() == nil)
        for changed in [
            [lines[0], lines[2], lines[3]], [lines[0], lines[1].replacing("e1", with: "e9"), lines[2], lines[3]],
        ] {
            try changed.joined(separator: "\n").write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try RecordingJournal(place.folder).firstAltered() == 2)
        }
    }
}
