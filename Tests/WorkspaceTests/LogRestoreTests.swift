import Audit
import Core
import Foundation
import GRDB
import Identity
import Ledger
import Testing
import Workspace

extension Logged {
    fileprivate func backup(_ name: String) throws -> String {
        let archive = folder.root + "/" + name
        try Backup.write(folder, ledger, to: archive)
        return archive
    }

    fileprivate func deliver() throws { try log.deliver(from: ledger, now: now) }

    /// Every event of the ledger is in the log where the ledger says, or in one that ended; none is there twice.
    fileprivate func check(former: [AuditEntry] = []) throws {
        let entries = try entries()
        let queue = try DatabaseQueue(path: folder.database)
        let rows = try queue.read { db in
            try Row.fetchAll(db, sql: "SELECT sequence, delivered, hash FROM outbox JOIN event USING (run, sequence)")
        }
        for row in rows {
            let place = try #require(row["delivered"] as Int?)
            let hash = "sha256:" + Hexadecimal.encode(Array(row["hash"] as Data))
            let entry = place < 0 ? former[-1 - place] : entries[place]
            #expect(entry.members["hash"]?.string == hash)
        }
        let all = (former + entries).compactMap { $0.members["hash"]?.string }
        #expect(Set(all).count == all.count)
        #expect(try log.audit().findings.isEmpty)
    }
}

private func code(_ error: any Error) -> WorkspaceError.Code? { (error as? WorkspaceError)?.code }

@Suite struct LogRestoreTests {
    /// The backup is older than the log by more than one portion; part of it waited when it was taken.
    @Test func theLongerLogThatIsThereGoesOn() throws {
        let place = try Logged()
        try place.deliver()
        try place.add(3)
        let archive = try place.backup("saved")
        try place.deliver()
        try place.add(700)
        try place.deliver()
        let signed = try place.log.reader.checkpoint()
        #expect(try place.restore(archive) == .kept(more: 703))
        #expect(try place.log.reader.checkpoint() == signed)
        place.words = "another history"
        try place.add(2)
        try place.deliver()
        // The three that waited were in it already.
        #expect(try place.log.reader.checkpoint().checkpoint.size == 706)
        try place.check()
        #expect(try place.log.audit(known: [("before", signed)]).findings.isEmpty)
    }

    /// A file that cannot be saved ends a backup before it asks for the lock, which somebody else has here.
    @Test(.timeLimit(.minutes(10))) func aBackupHoldsTheLogForTheFilesOfTheLogAlone() throws {
        let place = try Logged()
        try place.deliver()
        let large = place.folder.artifacts + "/large"
        try DurableFile.write([], to: large)
        #expect(unsafe truncate(large, 1 << 31) == 0)
        let held = try FileDisk(writing: place.log.path, waits: false)
        #expect(throws: LedgerError.self) { _ = try place.backup("saved") }
        withExtendedLifetime(held) {}
    }

    @Test func aKeyThatWasRotatedSinceStaysWithTheLog() throws {
        let place = try Logged()
        try place.deliver()
        let archive = try place.backup("saved")
        var random = SystemRandomNumberGenerator()
        let ring = try KeyStore(directory: place.folder.keys).rotate(.audit, now: place.now, using: &random)
        try place.add(1)
        try place.deliver()
        #expect(try place.restore(archive) == .kept(more: 1))
        #expect(try KeyStore(directory: place.folder.keys).load(.audit) == ring)
        try place.add(1)
        try place.deliver()
        try place.check()
    }

    /// Gone, not readable, or put back to what it was once: nobody knows how far the origin signed.
    @Test(arguments: ["gone", "damaged", "put back"]) func anotherOriginGoesOnFromALogThatIsLost(how: String) throws {
        let place = try Logged()
        try place.add(800)
        try place.deliver()
        let early = place.folder.root + "/early"
        try FileManager.default.copyItem(atPath: place.log.path, toPath: early)
        // The marks of many are lost, as of those that were delivered while a backup copied the ledger.
        try place.forget(after: 100)
        try place.add(2)
        let archive = try place.backup("saved")
        try place.deliver()
        switch how {
        case "damaged":
            try Data([1]).write(to: URL(filePath: place.log.path + "/tile/entries/000"))
        case "put back":
            try FileManager.default.removeItem(atPath: place.log.path)
            try FileManager.default.moveItem(atPath: early, toPath: place.log.path)
        default: try FileManager.default.removeItem(atPath: place.log.path)
        }
        let outcome = try place.restore(archive)
        guard case .begun(after: 801, folder: let name) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        let old = WorkspaceLog(folder: place.folder, keys: KeyStore(directory: place.folder.keys), name: name)
        #expect(try old.audit().findings.isEmpty)
        let last = try old.reader.checkpoint()
        let first = try #require(try place.entries().first)
        #expect(first.kind == "log.continued")
        #expect(first.members["former"]?.string == last.checkpoint.origin)
        #expect(first.members["size"]?.int == 801)
        #expect(first.members["root"]?.string == last.checkpoint.root.base64)
        let named = try SignedCheckpoint(Array(try #require(first.members["checkpoint"]?.string).utf8))
        #expect(try named.verified(by: place.log.trusted(origin: named.checkpoint.origin)).size == 801)
        #expect(try place.log.reader.checkpoint().checkpoint.origin != last.checkpoint.origin)
        place.words = "another history"
        try place.add(1)
        try place.deliver()
        // The two that waited, and the new one.
        #expect(try place.entries().count == 4)
        let former = try old.reader.entries(0..<801, size: 801).compactMap { AuditEntry($0) }
        try place.check(former: former)
        // Gone again, it is not begun anew in silence.
        try FileManager.default.removeItem(atPath: place.log.path)
        try place.add(1)
        #expect(throws: AuditError.self) { try place.deliver() }
    }

    @Test func whoeverAnswersForItGoesOnUnderTheSameOriginAndAForkIsRefused() throws {
        let place = try Logged()
        try place.deliver()
        let early = try place.backup("early")
        try place.add(4)
        try place.deliver()
        let late = try place.backup("late")
        let origin = try place.log.reader.checkpoint().checkpoint.origin
        try FileManager.default.removeItem(atPath: place.log.path)
        #expect(try place.restore(early, accepting: "the disk died") == .accepted(entries: 1))
        let entry = try #require(try place.entries().last)
        #expect(entry.kind == "log.rollback")
        #expect(entry.members["reason"]?.string == Digest.sha256(Array("the disk died".utf8)).description)
        let words = try DurableFile.read(place.folder.audit + "/rollbacks")
        #expect(String(decoding: words, as: UTF8.self).contains("the disk died"))
        #expect(try place.log.reader.checkpoint().checkpoint.origin == origin)
        place.words = "another history"
        try place.add(2)
        try place.deliver()
        try place.check()
        // Two histories of one origin: neither begins with the other.
        let before = try place.log.reader.checkpoint()
        #expect { _ = try place.restore(late) } throws: { code($0) == .forkedLog }
        #expect(try place.log.reader.checkpoint() == before)
        guard case .begun(after: 5, folder: _) = try place.restore(late, accepting: "we know") else {
            Issue.record("a fork went on under its origin")
            return
        }
        #expect(try place.log.reader.checkpoint().checkpoint.origin != origin)
        // From now on the log has another name than that of the older backups.
        #expect { _ = try place.restore(early) } throws: { code($0) == .forkedLog }
    }

    @Test func whereNothingWasSignedNothingIsBegun() throws {
        let place = try Logged()
        let archive = try place.backup("saved")
        #expect(try place.restore(archive) == .none)
        #expect(!place.log.exists)
        try place.deliver()
        // A log that was begun since has all of it.
        #expect(try place.restore(archive) == .kept(more: 1))
        try place.deliver()
        try place.check()
        #expect(try place.entries().count == 1)
    }

    @Test func aLogOfTheBackupThatIsDamagedIsNotGoneOnWith() throws {
        let place = try Logged()
        try place.add(300)
        try place.deliver()
        try Data([1]).write(to: URL(filePath: place.log.path + "/tile/entries/000"))
        let archive = try place.backup("saved")
        try FileManager.default.removeItem(atPath: place.log.path)
        #expect(try place.restore(archive) == .damaged)
        #expect(try !place.log.audit().findings.isEmpty)
    }
}
