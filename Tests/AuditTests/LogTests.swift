import Audit
import Core
import Foundation
import Growth
import Testing

private let origin = "lockstep.example/log"

private func open(_ disk: CrashDisk) throws -> LogWriter<CrashDisk> {
    let writer = try signer(origin)
    return try LogWriter(disk, origin: origin, signers: [writer], trusted: [writer.verifier], at: 1_800_000_000)
}

private func entry(_ index: Int) -> [UInt8] { Array("{\"entry\":\(index)}".utf8) }

/// All entries that a disk publishes, each proved against the signed root.
private func published(_ disk: CrashDisk) throws -> [[UInt8]] {
    let reader = LogReader(disk)
    let checkpoint = try reader.checkpoint().verified(by: [try signer(origin).verifier])
    let entries = try reader.entries(0..<checkpoint.size, size: checkpoint.size).map(Array.init)
    #expect(NaiveTree.root(entries.map { TreeHash.leaf($0) }[...]) == checkpoint.root)
    return entries
}

@Suite struct LogTests {
    @Test func whatWasAcceptedIsThereAfterOpeningAnew() throws {
        let disk = CrashDisk()
        var log = try open(disk)
        #expect(log.checkpoint?.checkpoint.size == 0)
        for index in 0..<700 {
            #expect(try log.stage(entry(index), at: .zero) == index)
            if index % 7 == 0 { try log.commit() }
            if index % 100 == 0 { try log.publish(at: 0) }
        }
        #expect(try log.commit() == 694..<700)
        // Not published: the journal has them.
        let again = try open(disk.afterCrash())
        #expect(again.size == 700)
        try log.publish(at: 0)
        #expect(try published(disk) == (0..<700).map(entry))
        #expect(Set(try disk.files(below: "tile/0")).isDisjoint(with: ["tile/0/000.p/101", "tile/0/001.p/45"]))
        #expect(try disk.files(below: "tile/1") == ["tile/1/000.p/1", "tile/1/000.p/2"])
    }

    @Test func aBatchIsDueFiveMillisecondsAfterItsFirstEntryOrWhenItIsFull() throws {
        var log = try open(CrashDisk())
        #expect(log.due == nil)
        _ = try log.stage([1], at: .milliseconds(100))
        _ = try log.stage([2], at: .milliseconds(103))
        #expect(log.due == .milliseconds(105))
        try log.commit()
        #expect(log.due == nil)
        for _ in 0..<17 { _ = try log.stage([UInt8](repeating: 0, count: 65_535), at: .milliseconds(200)) }
        #expect(log.due == .milliseconds(200))
        #expect(throws: AuditError.self) { _ = try log.stage([UInt8](repeating: 0, count: 65_536), at: .zero) }
    }

    /// Counts the calls of one life, so that the next test can end it at each of them.
    private static func life(_ disk: CrashDisk, from start: Int, to end: Int) throws -> Int {
        var accepted = start
        var log = try open(disk)
        #expect(log.size >= start, "an accepted entry is lost")
        accepted = max(accepted, log.size)
        var next = log.size
        while next < end {
            for _ in 0..<(1 + next % 5) {
                _ = try log.stage(entry(next), at: .zero)
                next += 1
            }
            try log.commit()
            if next % 3 == 0 { try log.publish(at: 0) }
        }
        try log.publish(at: 0)
        return log.size
    }

    /// Ends the process at every call that changes the disk, with many outcomes for what was not synced.
    @Test(arguments: 0..<8) func killedAtAnyCallNothingAcceptedIsLostAndNothingForks(seed: UInt64) throws {
        let whole = CrashDisk(seed: seed)
        _ = try Self.life(whole, from: 0, to: 245)
        var disk = whole.afterCrash()
        let start = try published(disk).count
        // A second life over the first, so that there are tiles that become full and partial ones that go.
        let probe = disk.afterCrash()
        _ = try Self.life(probe, from: start, to: start + 25)
        let calls = probe.calls
        #expect(calls > 60)
        // Each seed takes every second call, so that four of them meet at each.
        for call in stride(from: 1 + Int(seed) % 2, through: calls, by: 2) {
            disk = whole.afterCrash(ending: .crash, at: call)
            var accepted = start
            var signed = try LogReader(disk).checkpoint().checkpoint
            do {
                var log = try open(disk)
                var next = log.size
                while true {
                    for _ in 0..<(1 + next % 5) {
                        _ = try log.stage(entry(next), at: .zero)
                        next += 1
                    }
                    try log.commit()
                    accepted = log.size
                    if next % 3 == 0 { signed = try log.publish(at: 0).checkpoint }
                    guard next < start + 25 else { break }
                }
            } catch {}
            // Killed again while it recovers, then left alone.
            let second = disk.afterCrash(ending: .crash, at: Int(seed) % 4 + 1)
            do {
                var log = try open(second)
                try log.publish(at: 0)
            } catch let error as AuditError {
                #expect(error.code == .unusable, "seed \(seed) call \(call): \(error)")
            }
            let third = second.afterCrash()
            var log = try open(third)
            #expect(log.size >= accepted, "seed \(seed) call \(call)")
            _ = try log.stage(entry(log.size), at: .zero)
            try log.publish(at: 0)
            let entries = try published(third)
            let findings = try LogAudit(third, keys: [try signer(origin).verifier]).findings
            #expect(findings.isEmpty, "seed \(seed) call \(call): \(findings)")
            #expect(entries == (0..<entries.count).map(entry), "seed \(seed) call \(call)")
            // What was signed before is what the log begins with now.
            let hashes = entries.map { TreeHash.leaf($0) }
            #expect(NaiveTree.root(hashes[..<signed.size]) == signed.root, "seed \(seed) call \(call)")
        }
    }

    @Test(arguments: 0..<20) func killedWhileItIsMadeALogIsMadeByTheNext(seed: UInt64) throws {
        for call in 1...12 {
            let disk = CrashDisk(ending: .crash, at: call, seed: seed)
            _ = try? Self.life(disk, from: 0, to: 3)
            let next = disk.afterCrash()
            var log = try open(next)
            _ = try log.stage(entry(log.size), at: .zero)
            try log.publish(at: 0)
            let entries = try published(next)
            #expect(entries == (0..<entries.count).map(entry))
        }
    }

    @Test(arguments: 1..<40) func aFullDiskRefusesTheBatchAndNothingOfIt(call: Int) throws {
        let first = CrashDisk()
        var log = try open(first)
        for index in 0..<260 { _ = try log.stage(entry(index), at: .zero) }
        try log.publish(at: 0)
        let disk = first.afterCrash(ending: .failure(CrashDisk.full), at: call)
        var accepted = 260
        do {
            var log = try open(disk)
            for round in 0..<8 {
                for index in 0..<3 { _ = try log.stage(entry(260 + round * 3 + index), at: .zero) }
                try log.commit()
                accepted = log.size
                try log.publish(at: 0)
            }
        } catch let error as AuditError {
            #expect(error.code == .full)
        }
        var again = try open(disk.revived())
        #expect(again.size == accepted || again.size == accepted + 3)
        _ = try again.stage(entry(again.size), at: .zero)
        try again.publish(at: 0)
        var torn = try open(disk.afterCrash())
        #expect(torn.size == accepted || torn.size == accepted + 3)
        try torn.publish(at: 0)
    }

    @Test func afterAFailedWriteTheSameWriterGoesOnAndAfterAFailedSyncItStops() throws {
        for isSync in [false, true] {
            let first = CrashDisk()
            _ = try open(first)
            // Opening changes nothing; a batch is one write and one sync.
            let disk = first.afterCrash(ending: .failure(CrashDisk.full), at: isSync ? 2 : 1)
            var log = try open(disk)
            _ = try log.stage(entry(0), at: .zero)
            #expect(throws: AuditError.self) { _ = try log.commit() }
            if isSync {
                #expect(throws: AuditError.self) { _ = try log.stage(entry(0), at: .zero) }
                #expect(throws: AuditError.self) { _ = try log.publish(at: 0) }
            } else {
                #expect(try log.stage(entry(0), at: .zero) == 0)
                try log.publish(at: 0)
                #expect(try published(disk) == [entry(0)])
            }
        }
    }

    /// Every way in which files and checkpoint can contradict; the writer changes nothing then.
    @Test(arguments: [
        "checkpoint", "journal", "tile/0/001.p/44", "tile/entries/001.p/44", "tile/1/000.p/1",
    ])
    func whatContradictsTheSignatureIsRefused(name: String) throws {
        let made = CrashDisk()
        var log = try open(made)
        for index in 0..<300 { _ = try log.stage(entry(index), at: .zero) }
        try log.publish(at: 0)
        let missing = made.afterCrash()
        missing.delete(name)
        #expect(throws: AuditError.self) { _ = try open(missing) }
        #expect(missing.calls == 0)
        let size = try made.read(name, limit: 1 << 20).count
        for index in stride(from: 0, to: size, by: max(1, size / 60)) {
            let disk = made.afterCrash()
            disk.alter(name) { $0[index] ^= 4 }
            #expect(throws: AuditError.self, "\(name) byte \(index)") { _ = try open(disk) }
            #expect(disk.calls == 0)
        }
    }

    @Test func aCheckpointPutBackOrOfSomebodyElseIsRefused() throws {
        let disk = CrashDisk()
        var log = try open(disk)
        let early = try log.publish(at: 0)
        for index in 0..<30_000 { _ = try log.stage(entry(index) + [UInt8](repeating: 32, count: 40), at: .zero) }
        try log.publish(at: 0)
        // The journal was begun anew after the 30,000: an older signature does not fit it.
        disk.alter("checkpoint") { $0 = early.bytes }
        #expect(throws: AuditError.self) { _ = try open(disk) }
        let other = try signer(origin, seed: 99)
        let foreign = try SignedCheckpoint(try LogReader(disk).checkpoint().checkpoint, signers: [other], at: 0)
        disk.alter("checkpoint") { $0 = foreign.bytes }
        let error = #expect(throws: AuditError.self) { _ = try open(disk) }
        #expect(error?.code == .untrusted)
    }

    /// A head in every 56 bytes, each of which says that its batch goes on to the end: read once, not once a head.
    @Test func headsWithinBatchesAreNotEachHashed() throws {
        var disks: [Int: CrashDisk] = [:]
        for heads in [512, 4096] {
            let disk = CrashDisk()
            _ = try open(disk)
            disk.alter("journal") { bytes in
                for left in (0..<heads).reversed() {
                    let length = 4 + left * 56
                    // The entries are empty ones as far as they go, so that as many as can be would be hashed.
                    bytes += Array("LSJB".utf8) + be(left == heads - 1 ? 9 : 7, 8) + be(2, 4) + be(length, 4)
                    bytes += [UInt8](repeating: 0, count: 32) + [0, 0, 0, 0]
                }
            }
            disks[heads] = disk
        }
        // Each hashed would take 64 times as long.
        let growth = try Growth.ratio(small: 512, large: 4096, enough: 16) { heads in
            let disk = try #require(disks[heads])
            let error = #expect(throws: AuditError.self) { _ = try open(disk) }
            #expect(error?.code == .damaged)
        }
        #expect(growth < 32)
    }

    private func be(_ number: Int, _ width: Int) -> [UInt8] {
        (0..<width).map { UInt8(truncatingIfNeeded: number >> (8 * (width - 1 - $0))) }
    }

    @Test func damageInTheMiddleOfTheJournalIsNoTornEnd() throws {
        let disk = CrashDisk()
        var log = try open(disk)
        var ends: [Int] = []
        for index in 0..<4 {
            _ = try log.stage(entry(index), at: .zero)
            try log.commit()
            ends.append(try disk.read("journal", limit: 1 << 20).count)
        }
        let damaged = disk.afterCrash()
        damaged.alter("journal") { $0[ends[1] + 60] ^= 1 }
        let error = #expect(throws: AuditError.self) { _ = try open(damaged) }
        #expect(error?.code == .damaged)
        #expect(damaged.calls == 0)
        let torn = disk.afterCrash()
        torn.alter("journal") { $0.removeLast(3) }
        #expect(try open(torn).size == 3)
        #expect(try torn.read("journal", limit: 1 << 20).count == ends[2])
    }

    @Test func aNewKeySignsWithTheOldOneBesideIt() throws {
        let disk = CrashDisk()
        var log = try open(disk)
        _ = try log.stage(entry(0), at: .zero)
        try log.publish(at: 0)
        let old = try signer(origin)
        let new = try signer(origin, seed: 8)
        #expect(throws: AuditError.self) {
            _ = try LogWriter(disk, origin: origin, signers: [new], trusted: [new.verifier], at: 0)
        }
        var rotated = try LogWriter(
            disk,
            origin: origin,
            signers: [new, old],
            trusted: [new.verifier, old.verifier],
            at: 0
        )
        let checkpoint = try rotated.publish(at: 0)
        for key in [new.verifier, old.verifier] {
            #expect(try checkpoint.verified(by: [key]).size == 1)
        }
        let keys = String(decoding: try disk.read("vkeys", limit: 1 << 20), as: UTF8.self)
        #expect(keys == "\(old.verifier)\n\(new.verifier)\n")
    }

    @Test func aRealFolderHoldsOneWriter() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "log-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try signer(origin)
        do {
            var log = try LogWriter(
                try FileDisk(writing: path, waits: false),
                origin: origin,
                signers: [writer],
                trusted: [writer.verifier],
                at: 0
            )
            for index in 0..<600 { _ = try log.stage(entry(index), at: .zero) }
            try log.publish(at: 0)
            let error = #expect(throws: AuditError.self) { _ = try FileDisk(writing: path, waits: false) }
            #expect(error?.code == .locked)
            for index in 600..<70_000 { _ = try log.stage(entry(index), at: .zero) }
            try log.publish(at: 0)
        }
        let again = try LogWriter(
            try FileDisk(writing: path, waits: false),
            origin: origin,
            signers: [writer],
            trusted: [writer.verifier],
            at: 0
        )
        #expect(again.size == 70_000)
        let reader = LogReader(FileDisk(reading: path))
        var tree = TileTree(size: 70_000, source: reader)
        #expect(try tree.root() == again.checkpoint?.checkpoint.root)
        for index in [0, 255, 256, 65_535, 65_536, 69_999] {
            let bytes = try reader.entries(index..<(index + 1), size: 70_000)[0]
            #expect(Array(bytes) == entry(index))
            let path = try tree.inclusion(of: index)
            #expect(
                MerkleProof.includes(
                    leaf: .leaf(bytes),
                    index: index,
                    size: 70_000,
                    path: path,
                    root: try tree.root()
                )
            )
        }
        unsafe chmod(path, 0o777)
        #expect(throws: AuditError.self) { _ = try FileDisk(writing: path, waits: false) }
    }

    @Test func aPipeInAFilesPlaceHoldsNobody() throws {
        let path = NSTemporaryDirectory() + "lockstep-pipe-\(UInt64.random(in: 0...UInt64.max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let disk = try FileDisk(writing: path, waits: false)
        #expect(unsafe mkfifo(path + "/.checkpoint.new", 0o600) == 0)
        try disk.replace("checkpoint", with: [1, 2])
        #expect(try disk.read("checkpoint", limit: 9) == [1, 2])
        // Nor is a file written to that has a second name there.
        #expect(unsafe link(path + "/checkpoint", path + "/.checkpoint.new") == 0)
        #expect(unsafe link(path + "/checkpoint", path + "/kept") == 0)
        try disk.replace("checkpoint", with: [3])
        #expect(try disk.read("kept", limit: 9) == [1, 2])
        #expect(unsafe mkfifo(path + "/pipe", 0o600) == 0)
        #expect(throws: FileFault.notAFile) { _ = try disk.write([1], to: "pipe") }
        #expect(throws: FileFault.notAFile) { try disk.append([1], to: "pipe", at: 0) }
        #expect(throws: FileFault.notAFile) { try disk.sync("pipe") }
        #expect(throws: FileFault.notAFile) { _ = try disk.read("pipe", limit: 9) }
    }
}
