import Audit
import Core
import Foundation
import Ledger
import Testing
import Workspace

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
