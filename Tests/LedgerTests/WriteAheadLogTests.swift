import Core
import Foundation
import GRDB
import Ledger
import Testing

/// The log beside the ledger holds what SQLite would have written, however it got there.
@Suite struct WriteAheadLogTests {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("log-\(UUID().uuidString)")
    var path: String { folder.appendingPathComponent("lockstep.db").path }
    let now = Timestamp(seconds: 1_800_000_000)

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func creation(steps: Int, source: [UInt8] = [1]) -> RunCommit {
        let digest = Digest.sha256(source)
        var commit = RunCommit(run: "r1", sequence: 0, token: nil, state: .running)
        commit.durability = .decision
        commit.creation = RunRecord(
            id: "r1",
            playbook: "p",
            name: "P",
            version: "1.0.0",
            digest: digest,
            file: "p.yaml",
            inputs: [:],
            startedBy: "ana",
            pins: [:],
            state: .running,
            created: now
        )
        commit.artifacts = [
            ArtifactRecord(
                digest: digest,
                mediaType: "text/plain",
                byteCount: source.count,
                bytes: source,
                created: now
            )
        ]
        commit.events = [event(1)]
        commit.steps = (0..<steps).map {
            StepRecord(instance: StepInstance(StepID("s\($0)")), position: $0, kind: "action")
        }
        return commit
    }

    private func event(_ sequence: Int) -> EventRecord {
        EventRecord(sequence: sequence, time: now, kind: "k", instance: "s\(sequence)", payload: "{\"n\":\(sequence)}")
    }

    private func next(_ sequence: Int, _ durability: Ledger.Durability) -> RunCommit {
        var commit = RunCommit(run: "r1", sequence: sequence, token: nil, state: .running)
        commit.durability = durability
        commit.events = [event(sequence + 1)]
        return commit
    }

    /// The files as a machine leaves them that stops now.
    private func copy() throws -> String {
        let copy = folder.appendingPathComponent("\(UUID().uuidString).db").path
        for end in ["", "-wal"] { try FileManager.default.copyItem(atPath: path + end, toPath: copy + end) }
        return copy
    }

    private func logSize() throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path + "-wal")[.size] as? Int)
    }

    @Test(arguments: [1, 50, 500, 5000], [1, 100_000, 3_000_000])
    func aCommitOfAnySizeIsWhole(_ steps: Int, _ bytes: Int) throws {
        let ledger = try Ledger(path: path)
        let source = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
        try ledger.commit([creation(steps: steps, source: source)])
        let copied = try Ledger(path: try copy())
        #expect(try copied.artifact(.sha256(source))?.bytes == source)
        #expect(try copied.steps(of: "r1").count == steps)
        #expect(try copied.integrityCheck() == [])
    }

    /// Many pages that are written before the commit and changed once more after that, with no sync at the end: the chain
    /// of checksums must hold for this commit and for those after it.
    @Test(arguments: [Ledger.Durability.progress, .decision])
    func aCommitThatSpillsAndRewritesIsWhole(_ durability: Ledger.Durability) throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation(steps: 1)])
        var large = next(1, durability)
        let summary = String(repeating: "s", count: 700)
        for round in 0..<2 {
            for number in 0..<2400 {
                // Scattered over the tree, so that pages are met again long after they were written.
                let id = StepID("s\(number &* 7919 % 2411)")
                var step = StepRecord(instance: StepInstance(id), position: number, kind: "action")
                step.summary = "\(round)" + summary
                large.steps.append(step)
            }
        }
        try ledger.commit([large])
        try ledger.commit([next(2, .decision)])
        let copy = try copy()
        // Nothing was moved into the ledger yet: all of it comes out of the log.
        let size = try #require(FileManager.default.attributesOfItem(atPath: copy)[.size] as? Int)
        #expect(size < 1 << 20)
        let copied = try Ledger(path: copy)
        #expect(try copied.events(of: "r1").count == 3)
        #expect(try copied.steps(of: "r1").count >= 2400)
        #expect(try copied.integrityCheck() == [])
    }

    @Test(arguments: [Ledger.Durability.progress, .decision])
    func everyCommitIsThereForAReaderAndAfterACrash(_ durability: Ledger.Durability) throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation(steps: 3)])
        let reader = try Ledger(readOnly: path)
        for sequence in 1...300 {
            try ledger.commit([next(sequence, durability)])
            #expect(try reader.events(of: "r1").count == sequence + 1)
            guard sequence % 50 == 0 else { continue }
            let copied = try Ledger(path: try copy())
            #expect(try copied.events(of: "r1").count == sequence + 1)
            #expect(try copied.integrityCheck() == [])
        }
    }

    @Test func onlyALogThatManyCommitsAreSyncedToGetsItsSizeAtOnce() throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation(steps: 3)])
        for sequence in 1...10 { try ledger.commit([next(sequence, .decision)]) }
        #expect(try logSize() < 1 << 20)
        for sequence in 11...100 { try ledger.commit([next(sequence, .progress)]) }
        #expect(try logSize() < 2 << 20)
        for sequence in 101...110 { try ledger.commit([next(sequence, .decision)]) }
        let full = try logSize()
        #expect(full > 4 << 20)
        for sequence in 111...900 { try ledger.commit([next(sequence, .decision)]) }
        #expect(try logSize() == full)
        #expect(try Ledger(path: try copy()).events(of: "r1").count == 901)
    }

    @Test func anotherWriterInBetweenLosesNothing() throws {
        let ledgers = try [Ledger(path: path), Ledger(path: path)]
        try ledgers[0].commit([creation(steps: 3)])
        for sequence in 1...400 {
            try ledgers[sequence / 3 % 2].commit([next(sequence, sequence % 5 == 0 ? .progress : .decision)])
            // A transaction that is taken back leaves nothing for the other to stumble over.
            if sequence % 7 == 0 { #expect(throws: LedgerError.self) { try ledgers[0].commit([next(1, .decision)]) } }
        }
        #expect(try ledgers[1].events(of: "r1").count == 401)
        #expect(try ledgers[0].integrityCheck() == [])
    }

    @Test func whatTheHookCountsIsWhatWasCommitted() throws {
        let ledger = try Ledger(path: path)
        try ledger.commit([creation(steps: 3)])
        for sequence in 1...20 { try ledger.commit([next(sequence, .progress)]) }
        #expect(throws: LedgerError.self) { try ledger.commit([next(3, .decision)]) }
        #expect(ledger.commits.all == 21 && ledger.commits.synced == 1)
        try ledger.close()
        #expect(throws: LedgerError.self) { try ledger.commit([next(21, .progress)]) }
    }
}
