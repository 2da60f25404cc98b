import Audit
import Core
import Foundation
import Synchronization
import Testing

private let origin = "lockstep.example/queue"

private func entry(_ index: Int) -> [UInt8] { Array("{\"entry\":\(index)}".utf8) }

/// The disk of a queue, and what opening it does.
///
/// Unchecked: it belongs to the thread of the queue until `close` or a failed `init` returned, and to the test after that.
private final class Bench: @unchecked Sendable {
    var disk: CrashDisk
    /// Openings that fail, by their number from 1.
    let failing: ClosedRange<Int>?
    /// Whether the machine starts anew before a log is opened again.
    let restarts: Bool
    private(set) var openings = 0

    init(_ disk: CrashDisk = CrashDisk(), failing: ClosedRange<Int>? = nil, restarts: Bool = false) {
        self.disk = disk
        self.failing = failing
        self.restarts = restarts
    }

    func open() throws(AuditError) -> LogWriter<CrashDisk> {
        openings += 1
        if let failing, failing.contains(openings) { throw AuditError(.unusable, "the disk is away") }
        if openings > 1, restarts { disk = disk.afterCrash() }
        let writer: NoteSigner
        do { writer = try signer(origin) } catch { throw AuditError(.malformed, "no key") }
        return try LogWriter(disk, origin: origin, signers: [writer], trusted: [writer.verifier], at: 0)
    }

    /// All entries that are published, each proved against the signed root.
    func published() throws -> [[UInt8]] {
        let checkpoint = try LogReader(disk).checkpoint().verified(by: [try signer(origin).verifier])
        let entries = try LogReader(disk).entries(0..<checkpoint.size, size: checkpoint.size).map(Array.init)
        #expect(NaiveTree.root(entries.map { TreeHash.leaf($0) }[...]) == checkpoint.root)
        #expect(try LogAudit(disk, keys: [try signer(origin).verifier], isOwn: true).findings.isEmpty)
        return entries
    }
}

extension LogQueue.Limits {
    /// Nothing gathers, is signed or tried again by time: what happens is what the test asked for.
    fileprivate static var still: Self { Self(gathering: .zero, publishing: .seconds(3600), retrying: .zero) }
}

private func queue(
    _ bench: Bench,
    _ limits: LogQueue<CrashDisk>.Limits = .still,
    published: @escaping @Sendable (SignedCheckpoint) -> Void = { _ in }
) throws(AuditError) -> LogQueue<CrashDisk> {
    try LogQueue(limits: limits, time: { 0 }, published: published) { () throws(AuditError) in try bench.open() }
}

extension LogQueue {
    fileprivate func result(_ entry: [UInt8]) async -> Result<Int, AuditError> {
        await withCheckedContinuation { continuation in
            submit(entry) { continuation.resume(returning: $0) }
        }
    }
}

private func code(_ result: Result<Int, AuditError>) -> AuditError.Code? {
    if case .failure(let error) = result { error.code } else { nil }
}

@Suite(.timeLimit(.minutes(10))) struct LogQueueTests {
    @Test func manyThreadsGiveAndEachIsToldWhereItsEntryIs() throws {
        let bench = Bench()
        let queue = try queue(bench, .init(gathering: .milliseconds(1), publishing: .milliseconds(1)))
        let places = Mutex<[Int: Int]>([:])
        DispatchQueue.concurrentPerform(iterations: 8) { thread in
            for index in 0..<200 {
                let number = thread * 200 + index
                queue.submit(entry(number)) { result in
                    places.withLock { $0[number] = try? result.get() }
                }
            }
        }
        let last = try queue.close()
        let published = try bench.published()
        #expect(published.count == 1600)
        #expect(last.checkpoint.size == 1600)
        #expect(queue.status.checkpoint == last)
        #expect(queue.status.waiting == 0)
        #expect(queue.status.waitingBytes == 0)
        let told = places.withLock { $0 }
        #expect(told.count == 1600)
        for (number, place) in told { #expect(published[place] == entry(number)) }
        // What one thread gave is in the order in which it gave it.
        for thread in 0..<8 {
            let own = (0..<200).compactMap { told[thread * 200 + $0] }
            #expect(own == own.sorted())
        }
    }

    @Test func whatGathersIsOneBatchWithOneSync() throws {
        let one = Bench()
        let many = Bench()
        for (bench, count) in [(one, 1), (many, 100)] {
            let queue = try queue(bench, .init(gathering: .seconds(3600), publishing: .seconds(3600)))
            let answers = Mutex(0)
            for index in 0..<count { queue.submit(entry(index)) { _ in answers.withLock { $0 += 1 } } }
            #expect(answers.withLock { $0 } == 0)
            #expect(queue.status.waiting == count)
            try queue.close()
            #expect(answers.withLock { $0 } == count)
            #expect(try bench.published().count == count)
        }
        #expect(one.disk.calls == many.disk.calls)
    }

    @Test func whatIsDueIsWrittenWithoutBeingAskedFor() async throws {
        let bench = Bench()
        let queue = try queue(bench, .init())
        #expect(await queue.result(entry(0)) == .success(0))
        #expect(await queue.result(entry(1)) == .success(1))
        // More than a batch has is written before its time.
        let slow = try LogQueueTests.slow()
        let whole = await withCheckedContinuation { continuation in
            for index in 0..<17 {
                slow.submit([UInt8](repeating: 0, count: 65_535)) { result in
                    if index == 0 { continuation.resume(returning: result) }
                }
            }
        }
        #expect(whole == .success(0))
        try slow.close()
        try queue.close()
        #expect(try bench.published() == [entry(0), entry(1)])
    }

    private static func slow() throws -> LogQueue<CrashDisk> {
        try queue(Bench(), .init(gathering: .seconds(3600), publishing: .seconds(3600)))
    }

    @Test func aFullQueueRefusesAtOnceAndKeepsWhatItHas() throws {
        for limits in [
            LogQueue<CrashDisk>.Limits(entries: 3, gathering: .seconds(3600)),
            LogQueue<CrashDisk>.Limits(bytes: 3 * entry(0).count + 1, gathering: .seconds(3600)),
        ] {
            let bench = Bench()
            let queue = try queue(bench, limits)
            let results = Mutex<[Int: Result<Int, AuditError>]>([:])
            for index in 0..<5 {
                queue.submit(entry(index)) { result in results.withLock { $0[index] = result } }
            }
            let early = results.withLock { $0 }
            #expect(early.keys.sorted() == [3, 4])
            #expect(early.values.allSatisfy { code($0) == .unavailable })
            try queue.close()
            #expect(try bench.published() == (0..<3).map(entry))
        }
    }

    @Test func anEntryTooLargeIsRefusedAloneAndAClosedQueueRefusesAll() async throws {
        let bench = Bench()
        let queue = try queue(bench)
        #expect(code(await queue.result([UInt8](repeating: 0, count: 65_536))) == .entrySize)
        #expect(await queue.result([]) == .success(0))
        let first = try queue.close()
        #expect(try queue.close() == first)
        #expect(code(await queue.result(entry(1))) == .unavailable)
        #expect(try bench.published() == [[]])
    }

    @Test func checkpointsArePublishedByTime() async throws {
        let bench = Bench()
        let (sizes, continuation) = AsyncStream.makeStream(of: Int.self)
        let queue = try queue(bench, .init(gathering: .zero, publishing: .milliseconds(1))) { signed in
            continuation.yield(signed.checkpoint.size)
        }
        var told = sizes.makeAsyncIterator()
        #expect(await told.next() == 0)
        for index in 0..<3 {
            #expect(await queue.result(entry(index)) == .success(index))
            // Signed without another entry, and without the end.
            #expect(await told.next() == index + 1)
        }
        #expect(queue.status.checkpoint?.checkpoint.size == 3)
        try queue.close()
        continuation.finish()
        #expect(await told.next() == nil)
        let rare = Bench()
        let still = try LogQueueTests.still(rare)
        #expect(await still.result(entry(0)) == .success(0))
        #expect(still.status.checkpoint?.checkpoint.size == 0)
        #expect(try still.close().checkpoint.size == 1)
    }

    private static func still(_ bench: Bench) throws -> LogQueue<CrashDisk> { try queue(bench) }

    /// Gives entries one after another until so many are durable, as a gateway does that must not go on without.
    private static func life(_ queue: LogQueue<CrashDisk>, _ count: Int) async -> [(number: Int, place: Int)] {
        var durable: [(number: Int, place: Int)] = []
        var number = 0
        while durable.count < count {
            let result = await queue.result(entry(number))
            switch result {
            case .success(let place): durable.append((number, place))
            case .failure(let error): #expect([.unavailable, .full, .unusable, .stopped].contains(error.code))
            }
            number += 1
        }
        return durable
    }

    /// Every call to the disk fails once; what was answered as durable is there, at the place that was told.
    @Test(arguments: 1..<60, [false, true]) func aDiskThatFailsAtAnyCallLosesNothing(call: Int, restarts: Bool)
        async throws
    {
        let made = Bench()
        try queue(made).close()
        let disk = made.disk.afterCrash(ending: .failure(call % 2 == 0 ? CrashDisk.full : .failed(errno: 5)), at: call)
        let bench = Bench(disk, restarts: restarts)
        // Each batch is signed at once, so that calls of all kinds are met.
        let queue = try queue(bench, .init(gathering: .zero, publishing: .zero, retrying: .zero))
        let durable = await Self.life(queue, 12)
        // The call may be one of the end; what it left unsigned, the next one signs.
        if (try? queue.close()) == nil { try LogQueueTests.still(bench).close() }
        let published = try bench.published()
        for (number, place) in durable { #expect(published[place] == entry(number), "call \(call)") }
        #expect(Set(durable.map(\.place)).count == durable.count)
    }

    /// The process stops at a call and nothing works after it: what was answered is there for the next one.
    @Test(arguments: 1..<60) func aDiskThatStopsForGoodRefusesAndTheNextProcessFindsAll(call: Int) async throws {
        let made = Bench()
        try queue(made).close()
        let bench = Bench(made.disk.afterCrash(ending: .crash, at: call))
        let queue = try queue(bench, .init(gathering: .zero, publishing: .zero, retrying: .zero))
        var durable: [(number: Int, place: Int)] = []
        for number in 0..<12 {
            if case .success(let place) = await queue.result(entry(number)) { durable.append((number, place)) }
        }
        _ = try? queue.close()
        let next = Bench(bench.disk.afterCrash())
        try LogQueueTests.still(next).close()
        let published = try next.published()
        for (number, place) in durable { #expect(published[place] == entry(number), "call \(call)") }
    }

    @Test func afterAFailureNothingIsTakenUntilTheLogIsOpenAgain() async throws {
        let made = Bench()
        try queue(made).close()
        // The second call is the sync of the first batch; the three openings after it fail as well.
        let disk = made.disk.afterCrash(ending: .failure(.failed(errno: 5)), at: 2)
        let bench = Bench(disk, failing: 2...4, restarts: true)
        let queue = try LogQueueTests.waiting(bench)
        let inside = Mutex<Result<Int, AuditError>?>(nil)
        let first = await withCheckedContinuation { continuation in
            queue.submit(entry(0)) { result in
                // Whoever is told of a failure finds it when they ask again.
                #expect(queue.status.fault?.code == .unusable)
                queue.submit(entry(1)) { other in inside.withLock { $0 = other } }
                continuation.resume(returning: result)
            }
        }
        #expect(code(first) == .unusable)
        #expect(inside.withLock { $0 }.flatMap(code) == .unavailable)
        var number = 2
        while true {
            let result = await queue.result(entry(number))
            number += 1
            guard code(result) == nil else {
                #expect(code(result) == .unavailable)
                continue
            }
            break
        }
        #expect(queue.status.fault == nil)
        try queue.close()
        #expect(bench.openings == 5)
        let published = try bench.published()
        #expect(published.last == entry(number - 1))
        #expect(!published.contains(entry(1)))
    }

    private static func waiting(_ bench: Bench) throws -> LogQueue<CrashDisk> {
        try queue(bench, .init(gathering: .zero, publishing: .seconds(3600), retrying: .milliseconds(1)))
    }

    @Test func aLogThatCannotBeOpenedIsNoQueue() throws {
        let away = #expect(throws: AuditError.self) { _ = try queue(Bench(failing: 1...1)) }
        #expect(away?.code == .unusable)
        let bench = Bench()
        try queue(bench).close()
        bench.disk.delete("checkpoint")
        bench.disk.alter("journal") { $0.append(1) }
        #expect(throws: Never.self) { try queue(bench).close() }
        bench.disk.delete("journal")
        let error = #expect(throws: AuditError.self) { _ = try queue(bench) }
        #expect(error?.code == .contradiction)
    }

    @Test func aRealFolderIsFreeAfterTheEnd() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "queue-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let writer = try signer(origin)
        for round in 0..<2 {
            let queue = try LogQueue(time: { 0 }) { () throws(AuditError) in
                try LogWriter(
                    try FileDisk(writing: path, waits: false),
                    origin: origin,
                    signers: [writer],
                    trusted: [writer.verifier],
                    at: 0
                )
            }
            #expect(await queue.result(entry(round)) == .success(round))
            let error = #expect(throws: AuditError.self) { _ = try FileDisk(writing: path, waits: false) }
            #expect(error?.code == .locked)
            try queue.close()
        }
        #expect(try LogReader(FileDisk(reading: path)).checkpoint().checkpoint.size == 2)
    }
}
