package import Core
import Gateway
package import Identity
import NIOCore
import NIOPosix
import Synchronization
package import Traffic
import Wire
import Workspace

/// Writes recorded calls into encrypted shards, on a thread of its own.
///
/// Traffic never waits for it: what does not fit into the queue, or on the disk, is shed and counted. A shard is closed
/// after a day or 64 MiB, and what waits is on disk a second later.
package final class Recorder: RecordSink {
    private struct Item: Sendable {
        let record: CallRecord
        let call: ObservedCall
    }

    private static let most = 16_384
    private static let shardBytes = 64 << 20

    private let folder: String
    private let key: WorkspaceKey
    private let storage: ResultStorage
    private let clock: @Sendable () -> Timestamp
    private let items = Mutex<[Item]>([])
    private let isFailing = Atomic<Bool>(false)
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let shard = Mutex<OpenShard?>(nil)

    /// The shard that is being written; used on the recorder's thread only.
    private final class OpenShard: Sendable {
        let writer: Mutex<ShardWriter?>
        let day: CivilDate

        init(_ writer: consuming ShardWriter, day: CivilDate) {
            self.writer = Mutex(writer)
            self.day = day
        }
    }

    package init(
        folder: String,
        key: WorkspaceKey,
        storage: ResultStorage,
        clock: @escaping @Sendable () -> Timestamp
    ) {
        self.folder = folder
        self.key = key
        self.storage = storage
        self.clock = clock
        group.next().scheduleRepeatedTask(initialDelay: .milliseconds(200), delay: .milliseconds(200)) { _ in
            self.write()
        }
    }

    package func take(_ record: CallRecord, _ call: ObservedCall) -> Bool {
        guard !isFailing.load(ordering: .relaxed) else { return false }
        return items.withLock { items in
            guard items.count < Self.most else { return false }
            items.append(Item(record: record, call: call))
            return true
        }
    }

    /// Writes what waits and ends the shard.
    package func close() async {
        try? await group.next().submit {
            self.write(); self.end()
        }.get()
        try? await group.shutdownGracefully()
    }

    private func write() {
        let waiting = items.withLock { items in
            defer { items = [] }
            return items
        }
        do {
            for item in waiting { try write(item) }
            if !waiting.isEmpty { try flush() }
            isFailing.store(false, ordering: .relaxed)
        } catch {
            // What was at hand is lost, and what comes is shed until the disk takes something again.
            isFailing.store(true, ordering: .relaxed)
            shard.withLock { $0 = nil }
        }
        if isFailing.load(ordering: .relaxed), (try? open(today)) != nil { isFailing.store(false, ordering: .relaxed) }
    }

    private var today: CivilDate { CivilDate(daysSince1970: clock().epochSeconds / 86_400) }

    private func write(_ item: Item) throws {
        var record = item.record
        record.withholdResult(storage, observed: item.call) { [key] text in
            Hexadecimal.encode(key.authenticationCode(Array("lockstep.recording/1:\(text)".utf8)).prefix(16))
        }
        let line = NativeWriter.line(record)
        let day = CivilDate(daysSince1970: record.time.epochSeconds / 86_400)
        var open = try shard.withLock { $0 } ?? self.open(day)
        if open.day != day || open.writer.withLock({ ($0?.bytes ?? .max) > Self.shardBytes }) {
            end()
            open = try self.open(day)
        }
        try open.writer.withLock { writer in try writer?.write(line) }
    }

    private func open(_ day: CivilDate) throws -> OpenShard {
        var random = SystemRandomNumberGenerator()
        let header = ShardHeader(keyID: key.id, day: day, created: clock(), using: &random)
        let new = OpenShard(try ShardWriter("\(folder)/\(header.fileName)", header: header, key: key), day: day)
        shard.withLock { $0 = new }
        return new
    }

    private func flush() throws {
        try shard.withLock { $0 }?.writer.withLock { writer in try writer?.flush() }
    }

    private func end() {
        let last = shard.withLock { shard in
            defer { shard = nil }
            return shard
        }
        last?.writer.withLock { writer in try? writer?.finish() }
    }
}
