import Core
import Synchronization
import Traffic

/// What one agent has done across servers until now: the unit that policies count in.
///
/// Calls of one conversation can come over several connections and event loops at once, so that its state has a lock;
/// each use is one decision long.
final class Conversation: Sendable {
    struct State {
        var observer: SessionObserver
        var sequence: Int64 = 0
        var items = 0
        var lastUse: Timestamp
    }

    let id: String
    let state: Mutex<State>

    init(id: String, _ state: State) {
        self.id = id
        self.state = Mutex(state)
    }
}

/// The conversations that are going on.
///
/// A conversation is known by its trace, else by its task, else it is the principal's until thirty minutes of silence
/// (design §4). A trace or task belongs to the principal who sent it: nobody can write into another's conversation.
package final class Conversations: Sendable {
    package static let silence: Duration = .seconds(1800)

    struct Key: Hashable, Sendable {
        var principal: String
        /// Trace or task, or empty.
        var thread: String
    }

    private struct Shard: ~Copyable {
        let table = Mutex<[Key: Conversation]>([:])
    }

    /// What is kept of a conversation; beyond it arguments count as less well explained, which denies rather than allows.
    private static let kept = SessionObserver.Limits(
        maxTextBytes: 256 << 10,
        maxSessionBytes: 8 << 20,
        maxResults: 2_048,
        maxValues: 20_000
    )

    private let shards: [Holder]
    private final class Holder: Sendable { let shard = Shard() }
    private let mostInShard: Int

    package init(most: Int = 200_000) {
        shards = (0..<64).map { _ in Holder() }
        mostInShard = max(most / 64, 16)
    }

    /// The conversation that a call belongs to, begun where there is none.
    func find(_ key: Key, at now: Timestamp, taskText: String?) -> Conversation {
        let holder = shards[Int(UInt(bitPattern: key.hashValue) % UInt(shards.count))]
        return holder.shard.table.withLock { table in
            if let known = table[key] {
                let isOver = known.state.withLock { now - $0.lastUse > Self.silence }
                if !isOver { return known }
            }
            if table.count >= mostInShard { Self.forget(&table, now) }
            let id = "\(key.thread.isEmpty ? key.principal : key.thread)@\(now.microseconds)"
            let new = Conversation(
                id: key.thread.isEmpty ? id : key.thread,
                Conversation.State(
                    observer: SessionObserver(taskText: taskText, limits: Self.kept),
                    lastUse: now
                )
            )
            table[key] = new
            return new
        }
    }

    /// Drops what is over, and where that is too little the quarter that was silent longest.
    private static func forget(_ table: inout [Key: Conversation], _ now: Timestamp) {
        let ages = table.mapValues { $0.state.withLock(\.lastUse) }
        var order = ages.sorted { $0.value < $1.value }
        let over = order.prefix { now - $0.value > silence }.count
        order = Array(order.prefix(max(over, table.count / 4)))
        for (key, _) in order { table[key] = nil }
    }
}
