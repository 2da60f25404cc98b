import Core
import Foundation
import Identity
import Testing
import Workspace

/// What somebody who may write into the folders does; the raw value names the case.
enum Tampering: String, CaseIterable, Sendable {
    case nothing, remove, unlisted, cutEnd, cutChunk, bit, swap, rename, foreign, putBack, cutJournal, cutJournalOfPurge
    case removeJournal, alterJournal, rollBack, nullEntry, unsealedChange, oldChange, foreignChange

    var codes: Set<String> {
        switch self {
        case .nothing: []
        case .remove: ["shard.missing"]
        case .unlisted: ["shard.unlisted"]
        case .cutEnd, .cutChunk: ["shard.truncated"]
        case .bit: ["shard.altered"]
        case .swap: ["shard.swapped"]
        case .rename: ["shard.swapped", "shard.missing"]
        case .foreign: ["shard.unknown-key"]
        case .putBack: ["shard.purged"]
        case .cutJournal: ["journal.truncated", "shard.unlisted"]
        case .cutJournalOfPurge: ["journal.truncated", "shard.missing"]
        case .removeJournal: ["journal.truncated", "shard.unlisted"]
        case .alterJournal: ["journal.altered"]
        case .rollBack: ["journal.truncated"]
        case .nullEntry, .unsealedChange, .oldChange, .foreignChange: ["recordings.change-altered"]
        }
    }
}

@Suite struct RecordingAuditTests {
    @Test(arguments: Tampering.allCases)
    func whatSomebodyDoesToTheRecordingsIsNamed(_ tampering: Tampering) throws {
        let place = try ShardPlace()
        try add(place, "one", day: 1)
        let early = try contents(place)
        try add(place, "two", day: 2)
        let full = try contents(place)
        try purge(place, day: 2)
        if tampering != .cutJournalOfPurge, tampering != .putBack { try add(place, "three", day: 3) }
        #expect(RecordingAudit(place.folder).findings.isEmpty)
        try tamper(place, tampering, early, full)
        let found = RecordingAudit(place.folder).findings
        #expect(Set(found.map(\.code)) == tampering.codes, "\(found)")
        // A change that nobody here decided is not done, and stops whoever would read.
        if tampering.codes == ["recordings.change-altered"] {
            #expect(throws: WorkspaceError.self) { try RecordingFolder(place.folder).recover() }
            #expect(try shards(place).count == 2)
        }
    }

    /// What comes later must not make good what was taken away.
    @Test(arguments: [Tampering.rollBack, .cutJournal, .cutJournalOfPurge, .removeJournal])
    func nothingIsTakenInAfterAJournalThatWasCut(_ tampering: Tampering) throws {
        let place = try ShardPlace()
        try add(place, "one", day: 1)
        let early = try contents(place)
        try add(place, "two", day: 2)
        let full = try contents(place)
        try purge(place, day: 2)
        try tamper(place, tampering, early, full)
        let before = (RecordingAudit(place.folder).findings, try contents(place))
        #expect(before.0.contains { $0.code == "journal.truncated" })
        let error = #expect(throws: WorkspaceError.self) { try add(place, "four", day: 4) }
        #expect(error?.code == .damaged && error?.message.contains("[journal.truncated]") == true)
        #expect(throws: WorkspaceError.self) { try purge(place, day: 1) }
        #expect(RecordingAudit(place.folder).findings == before.0)
        #expect(try shards(place).map { "\(place.folder.recordings)/\($0)" }.allSatisfy { before.1[$0] != nil })
    }

    private func tamper(_ place: ShardPlace, _ what: Tampering, _ early: [String: Data], _ full: [String: Data]) throws
    {
        let names = try shards(place)
        let folder = place.folder.recordings
        let first = "\(folder)/\(names[0])"
        let journal = place.folder.audit + "/recordings.ndjson"
        let change = folder + "/change.json"
        switch what {
        case .nothing: break
        case .remove: try FileManager.default.removeItem(atPath: first)
        case .unlisted: try place.write(["x\n"], named: true)
        case .cutEnd: try write(Data(contentsOf: URL(filePath: first)).dropLast(20), first)
        case .cutChunk:
            let data = try Data(contentsOf: URL(filePath: first))
            try write(data.prefix(data.count - 60), first)
        case .bit:
            var data = try Data(contentsOf: URL(filePath: first))
            data[data.count - 1] ^= 1
            try write(data, first)
        case .swap:
            let other = "\(folder)/\(names[1])"
            let (a, b) = (try Data(contentsOf: URL(filePath: first)), try Data(contentsOf: URL(filePath: other)))
            try write(a, other)
            try write(b, first)
        case .rename:
            try FileManager.default.moveItem(atPath: first, toPath: folder + "/1970-01-02-0000000000000000.shard")
        case .foreign:
            let other = try ShardPlace()
            try add(other, "one", day: 1)
            try write(Data(contentsOf: URL(filePath: "\(other.folder.recordings)/\(try shards(other)[0])")), first)
        case .putBack:
            for (path, data) in full where path.hasSuffix(".shard") && early[path] == nil { try write(data, path) }
        case .cutJournal, .cutJournalOfPurge:
            let lines = try String(contentsOfFile: journal, encoding: .utf8).split(separator: "\n").dropLast()
            try write(Data((lines.joined(separator: "\n") + "\n").utf8), journal)
        case .removeJournal: try FileManager.default.removeItem(atPath: journal)
        case .alterJournal:
            let text = try String(contentsOfFile: journal, encoding: .utf8)
            try write(Data(text.replacing(#""id":"two""#, with: #""id":"six""#).utf8), journal)
        case .rollBack:
            for name in names { try FileManager.default.removeItem(atPath: "\(folder)/\(name)") }
            for (path, data) in early { try write(data, path) }
        case .nullEntry:
            let json = #"{"bring":[],"drop":["\#(names[0])"],"entry":null,"schema":"lockstep.recordings-change/2"}"#
            try write(Data(json.utf8), change)
        case .unsealedChange:
            let json =
                #"{"after":"","bring":[],"drop":["\#(names[0])"],"entry":{"id":"x"},"key":"","schema":"lockstep.recordings-change/2","seal":""}"#
            try write(Data(json.utf8), change)
        case .oldChange:
            let old = RecordingChange(bring: [], drop: [names[0]], entry: ["id": "x"], after: "0123")
            try write(Data(old.sealed(place.keys.load(.recording).current)), change)
        case .foreignChange:
            let other = try ShardPlace()
            let head = try RecordingJournal(place.folder).head()
            let made = RecordingChange(bring: [], drop: [names[0]], entry: ["id": "x"], after: head)
            try write(Data(made.sealed(other.keys.load(.recording).current)), change)
        }
    }

    private func add(_ place: ShardPlace, _ text: String, day: Int64) throws {
        try RecordingFolder(place.folder).change(now: place.now) { _, additions in
            try additions.write(Array("\(text)\n".utf8), day: CivilDate(daysSince1970: day))
            return (drop: [], entry: ["id": .string(text)], answer: ())
        }
    }

    private func purge(_ place: ShardPlace, day: Int64) throws {
        try RecordingFolder(place.folder).change(now: place.now) { shards, _ in
            let gone = shards.filter { $0.header.day.daysSince1970 == day }
            return (drop: gone, entry: ["id": "purge"], answer: ())
        }
    }

    private func shards(_ place: ShardPlace) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: place.folder.recordings).filter { $0.hasSuffix(".shard") }
            .sorted()
    }

    /// The shards and the journal, by their paths.
    private func contents(_ place: ShardPlace) throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for path in try shards(place).map({ "\(place.folder.recordings)/\($0)" }) + [
            place.folder.audit + "/recordings.ndjson"
        ] {
            guard FileManager.default.fileExists(atPath: path) else { continue }
            contents[path] = try Data(contentsOf: URL(filePath: path))
        }
        return contents
    }

    private func write(_ data: Data, _ path: String) throws { try data.write(to: URL(filePath: path)) }
}
