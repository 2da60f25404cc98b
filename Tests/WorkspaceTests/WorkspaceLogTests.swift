import Audit
import Core
import Foundation
import GRDB
import Identity
import Ledger
import Testing
import Workspace

/// A workspace with a run whose events are all for the log.
private final class Logged {
    let folder: WorkspaceFolder
    let now = Timestamp(seconds: 1_700_000_000)
    let ledger: Ledger
    let log: WorkspaceLog
    let run: RunID = "r-1"
    private var count = 0

    init() throws {
        let root = FileManager.default.temporaryDirectory.appending(path: "lockstep-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
        folder = WorkspaceFolder(root: root)
        var random = SystemRandomNumberGenerator()
        try WorkspaceInit(folder: folder, rehearsalFactor: nil, person: .init(id: "ana", name: "Ana"))
            .run(now: now, using: &random)
        ledger = try Ledger(path: folder.database)
        log = WorkspaceLog(folder: folder, keys: KeyStore(directory: folder.keys))
        var commit = RunCommit(run: run, sequence: 0, token: nil, state: .running)
        commit.artifacts = [
            ArtifactRecord(digest: .sha256([]), mediaType: "application/yaml", byteCount: 0, bytes: [], created: now)
        ]
        commit.creation = RunRecord(
            id: run,
            playbook: "p",
            name: "P",
            version: "1",
            digest: .sha256([]),
            file: "p.yaml",
            inputs: [:],
            startedBy: "user:ana",
            state: .running,
            created: now
        )
        try add(1, to: commit)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder.root) }

    func add(_ events: Int, to first: RunCommit? = nil) throws {
        var commit = first ?? RunCommit(run: run, sequence: count, token: nil, state: .running)
        for _ in 0..<events {
            count += 1
            commit.events.append(
                EventRecord(
                    sequence: count,
                    time: now,
                    kind: "gate.decided",
                    instance: "gate",
                    payload: #"{"reason":"the secret words","result":"pass"}"#
                )
            )
            commit.outbox.append(count)
        }
        try ledger.commit([commit])
    }

    func entries() throws -> [AuditEntry] {
        let size = try log.reader.checkpoint().checkpoint.size
        return try log.reader.entries(0..<size, size: size).compactMap { AuditEntry($0) }
    }

    func sequences() throws -> [Int64?] { try entries().map { $0.members["sequence"]?.int } }

    /// Takes back what the ledger knows of the delivery: how it looks when the process died before the mark.
    func forget(after id: Int) throws {
        let queue = try DatabaseQueue(path: folder.database)
        try queue.write { db in
            try db.execute(sql: "UPDATE outbox SET delivered = NULL WHERE id > ?", arguments: [id])
        }
        try queue.close()
    }
}

@Suite struct WorkspaceLogTests {
    @Test func eachChangeOfAnExceptionReachesTheLogOnce() throws {
        let place = try Logged()
        let exception = Core.Exception(
            id: "x-1",
            scope: "gate:r-1/gate",
            owner: "group:leads",
            reason: "the secret words",
            createdBy: "user:ana",
            created: place.now,
            expires: place.now + .seconds(60)
        )
        func events() throws -> [String?] {
            try place.log.deliver(from: place.ledger, now: place.now)
            return try place.entries().filter { $0.kind == "ledger.exception" }.map { $0.members["event"]?.string }
        }
        try place.ledger.add(exception)
        #expect(try events() == ["exception.added"])
        try place.ledger.extend(exception: "x-1", to: place.now + .seconds(90))
        #expect(try events() == ["exception.added", "exception.extended"])
        // Killed between the log and the note: it is found at the end of the log.
        try FileManager.default.removeItem(atPath: place.folder.audit + "/exceptions.told")
        try place.ledger.close(exception: "x-1", at: place.now)
        let all = ["exception.added", "exception.extended", "exception.closed"]
        #expect(try events() == all)
        #expect(try events() == all)
        let first = try #require(try place.entries().first { $0.kind == "ledger.exception" })
        #expect(first.members["step"]?.string == "gate" && first.members["by"]?.string == "user:ana")
        #expect(try !place.entries().contains { String(decoding: $0.bytes, as: UTF8.self).contains("secret words") })
    }

    @Test func eventsReachTheLogInOrderAndOnce() throws {
        let place = try Logged()
        #expect(try place.log.deliver(from: place.ledger, now: place.now) == 1)
        #expect(try place.log.deliver(from: place.ledger, now: place.now) == 0)
        try place.add(1300)
        #expect(try place.log.deliver(from: place.ledger, now: place.now) == 1300)
        #expect(try place.sequences() == (1...1301).map { Int64($0) })
        #expect(try place.ledger.delivered(run: place.run, sequence: 1200) == 1199)
        #expect(try place.ledger.lastDelivered() == 1300)
        let audit = try place.log.audit()
        #expect(audit.findings.isEmpty)
        #expect(audit.checkpoint?.size == 1301)
    }

    /// One portion where a process died before the mark; more where the ledger is older than the log.
    @Test(arguments: [0, 1, 600, 700, 1100, 1211]) func whatIsInTheLogWithoutItsMarkDoesNotComeTwice(kept: Int) throws {
        let place = try Logged()
        try place.add(1211)
        try place.log.deliver(from: place.ledger, now: place.now)
        try place.forget(after: kept)
        try place.add(600)
        #expect(try place.log.deliver(from: place.ledger, now: place.now) == 1812 - kept)
        #expect(try place.sequences() == (1...1812).map { Int64($0) })
        #expect(try place.ledger.delivered(run: place.run, sequence: 1212) == 1211)
        #expect(try place.ledger.delivered(run: place.run, sequence: 1213) == 1212)
    }

    @Test func anEntryThatWasNotSignedKeepsNoEventOut() throws {
        let place = try Logged()
        try place.add(600)
        try place.log.deliver(from: place.ledger, now: place.now)
        try place.forget(after: 0)
        let bundle = place.log.path + "/tile/entries/000"
        var bytes = try Data(contentsOf: URL(filePath: bundle))
        let gate = try #require(bytes.firstRange(of: Data("gate.decided".utf8)))
        bytes[gate.lowerBound] ^= 1
        try bytes.write(to: URL(filePath: bundle))
        let error = #expect(throws: AuditError.self) { try place.log.deliver(from: place.ledger, now: place.now) }
        #expect(error?.code == .contradiction)
        #expect(error?.message.hasPrefix("entry 0 ") == true)
    }

    @Test func entriesHoldDigestsAndNoWordsOfPeople() throws {
        let place = try Logged()
        try place.log.deliver(from: place.ledger, now: place.now)
        let entry = try #require(try place.entries().first)
        #expect(entry.kind == "ledger.event")
        #expect(entry.members["result"] == .string("pass"))
        #expect(entry.members["reason"] == nil)
        #expect(!String(decoding: entry.bytes, as: UTF8.self).contains("secret words"))
        #expect(AuditEntry(entry.bytes) == entry)
        #expect(AuditEntry(entry.bytes + [32]) == nil)
    }

    @Test func aLogThatWasPutBackIsNotGoneOnWith() throws {
        let place = try Logged()
        try place.log.deliver(from: place.ledger, now: place.now)
        let saved = place.folder.root + "/saved"
        try FileManager.default.copyItem(atPath: place.log.path, toPath: saved)
        try place.add(3)
        try place.log.deliver(from: place.ledger, now: place.now)
        let newest = try place.log.reader.checkpoint()
        try FileManager.default.removeItem(atPath: place.log.path)
        try FileManager.default.moveItem(atPath: saved, toPath: place.log.path)
        // By itself the older log is whole; the ledger and a checkpoint from elsewhere know better.
        #expect(try place.log.audit().findings.isEmpty)
        #expect(try place.log.audit(known: [("newest", newest)]).findings.map(\.file) == ["newest"])
        try place.add(1)
        #expect(throws: AuditError.self) { try place.log.deliver(from: place.ledger, now: place.now) }
    }
}
