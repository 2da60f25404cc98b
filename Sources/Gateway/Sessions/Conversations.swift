import Core
import NIOPosix
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
        /// What was called, and for whom; a kill shows them before it is made.
        var tools: Set<ToolName> = []
        var people: Set<String> = []
        var lastUse: Timestamp
        /// What was counted of it against what all conversations may take.
        var weighed = 0
        /// Whether it is over, so that nothing of it is counted any more.
        var isDropped = false

        mutating func note(_ record: CallRecord) {
            if tools.count < Conversation.mostNames { tools.insert(ToolName(server: record.server, tool: record.tool)) }
            guard !record.delegation.isEmpty, people.count < Conversation.mostNames else { return }
            people.formUnion(record.delegation)
        }
    }

    struct ToolName: Hashable {
        let server: String
        let tool: String
    }

    static let mostNames = 256

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
/// What a caller names is its own word, so that limits are counted beside it as well (`Tallies`).
///
/// All of them together take a bounded amount of memory. Those that were silent longest lose what explains arguments,
/// and with it may do less; how often they called what is never lost before the silence is over, so that a flood of
/// conversations resets no limit. A principal that has too many of them has one more for all further ones together.
package final class Conversations: Sendable {
    package static let silence: Duration = .seconds(1800)

    struct Key: Hashable, Sendable {
        var principal: String
        /// Trace or task, or empty.
        var thread: String

        /// Trace or task, and whose it is: two that name the same one are not in one session for those who read records.
        var name: String {
            let isPlain = !thread.utf8.contains { $0 == UInt8(ascii: "@") || $0 == UInt8(ascii: "%") }
            if isPlain { return "\(thread)@\(principal)" }
            var escaped = ""
            for scalar in thread.unicodeScalars {
                switch scalar {
                case "%": escaped += "%25"
                case "@": escaped += "%40"
                default: escaped.unicodeScalars.append(scalar)
                }
            }
            return "\(escaped)@\(principal)"
        }
    }

    package struct Limits: Sendable, Hashable {
        /// About how many bytes all of them may take.
        package var bytes: Int
        package var conversations: Int
        /// Of one principal.
        package var threads: Int

        package init(bytes: Int = 512 << 20, conversations: Int = 200_000, threads: Int = 2_000) {
            self.bytes = bytes
            self.conversations = conversations
            self.threads = threads
        }
    }

    /// What is kept of a conversation; beyond it arguments count as less well explained, which denies rather than allows.
    private static let kept = SessionObserver.Limits(
        maxTextBytes: 256 << 10,
        maxSessionBytes: 8 << 20,
        maxResults: 2_048,
        maxValues: 20_000
    )

    private final class Shard: Sendable {
        let table = Mutex<[Key: Conversation]>([:])
    }

    private let shards = (0..<64).map { _ in Shard() }
    /// What results have in common is analysed once for several conversations.
    private let caches = (0..<8).map { _ in ResultCache(maxBytes: 4 << 20) }
    private let limits: Limits
    private let threads = Mutex<[String: Int]>([:])
    private let overflows = Mutex<[String: Conversation]>([:])
    private let held = Atomic<Int>(0)
    private let isRelieving = Atomic<Bool>(false)
    /// Runs what has the time, on no event loop.
    private let later: @Sendable (@escaping @Sendable () -> Void) -> Void

    package init(
        limits: Limits = Limits(),
        later: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void = Conversations.onAnotherThread
    ) {
        self.limits = limits
        self.later = later
    }

    package static let onAnotherThread: @Sendable (@escaping @Sendable () -> Void) -> Void = { work in
        NIOThreadPool.singleton.submit { _ in work() }
    }

    /// About how many bytes all conversations take.
    package var bytes: Int { held.load(ordering: .relaxed) }

    /// The conversation that a call belongs to, begun where there is none.
    func find(_ key: Key, at now: Timestamp, taskText: String?) -> Conversation {
        let shard = UInt(bitPattern: key.hashValue) % UInt(shards.count)
        return shards[Int(shard)].table.withLock { table in
            if let known = table[key] {
                if !Self.isOver(known, now) { return known }
                remove(key, &table)
            }
            if table.count >= max(limits.conversations / shards.count, 16) { removeSilent(&table, now) }
            guard table.count < max(limits.conversations / shards.count, 16), takeThread(key.principal) else {
                return overflow(of: key.principal, at: now)
            }
            let id = key.thread.isEmpty ? "\(key.principal)@\(now.microseconds)" : key.name
            let observer = SessionObserver(
                taskText: taskText,
                limits: Self.kept,
                cache: caches[Int(shard) % caches.count]
            )
            let new = Conversation(id: id, Conversation.State(observer: observer, lastUse: now))
            table[key] = new
            return new
        }
    }

    /// One conversation for all that a principal has too many of; its arguments are the less explained.
    private func overflow(of principal: String, at now: Timestamp) -> Conversation {
        overflows.withLock { overflows in
            // So many principals at once, each with too many: they share what they may do.
            let most = max(limits.conversations / 64, 16)
            if overflows[principal] == nil, overflows.count >= most {
                for (name, conversation) in overflows where Self.isOver(conversation, now) {
                    drop(conversation)
                    overflows[name] = nil
                }
            }
            let name = overflows[principal] == nil && overflows.count >= most ? "" : principal
            if let known = overflows[name] {
                if !Self.isOver(known, now) { return known }
                drop(known)
            }
            var observer = SessionObserver(taskText: nil, limits: Self.kept, cache: caches[0])
            observer.forget()
            let new = Conversation(
                id: "\(name)@\(now.microseconds)",
                Conversation.State(observer: observer, lastUse: now)
            )
            overflows[name] = new
            return new
        }
    }

    private static func isOver(_ conversation: Conversation, _ now: Timestamp) -> Bool {
        conversation.state.withLock { now - $0.lastUse > silence }
    }

    private func takeThread(_ principal: String) -> Bool {
        threads.withLock { threads in
            guard threads[principal, default: 0] < limits.threads else { return false }
            threads[principal, default: 0] += 1
            return true
        }
    }

    private func remove(_ key: Key, _ table: inout [Key: Conversation]) {
        guard let old = table.removeValue(forKey: key) else { return }
        drop(old)
        threads.withLock { threads in
            guard let count = threads[key.principal] else { return }
            threads[key.principal] = count > 1 ? count - 1 : nil
        }
    }

    private func drop(_ conversation: Conversation) {
        let weight = conversation.state.withLock { state in
            state.isDropped = true
            return state.weighed
        }
        held.subtract(weight, ordering: .relaxed)
    }

    private func removeSilent(_ table: inout [Key: Conversation], _ now: Timestamp) {
        for (key, conversation) in table where Self.isOver(conversation, now) { remove(key, &table) }
    }

    // MARK: Memory

    /// Counts what a conversation takes now, and lets go of evidence where all take too much.
    func weigh(_ conversation: Conversation, at now: Timestamp) {
        let change = conversation.state.withLock { state in
            // Where others cannot be relieved fast enough, what grows loses its own.
            let isFar = held.load(ordering: .relaxed) > limits.bytes + limits.bytes / 4
            return isFar ? Self.forget(&state) : Self.weigh(&state)
        }
        let sum = held.add(change, ordering: .relaxed).newValue
        guard sum > limits.bytes, !isRelieving.exchange(true, ordering: .acquiring) else { return }
        later { [self] in
            relieve(now)
            isRelieving.store(false, ordering: .releasing)
        }
    }

    private static func weigh(_ state: inout Conversation.State) -> Int {
        guard !state.isDropped else { return 0 }
        let weight = state.observer.weight
        defer { state.weighed = weight }
        return weight - state.weighed
    }

    private static func forget(_ state: inout Conversation.State) -> Int {
        state.observer.forget()
        return weigh(&state)
    }

    /// Takes the evidence of those that were silent longest until a quarter is free.
    private func relieve(_ now: Timestamp) {
        var all: [(lastUse: Timestamp, conversation: Conversation)] = []
        for shard in shards {
            shard.table.withLock { table in
                removeSilent(&table, now)
                for conversation in table.values {
                    let (lastUse, weighed) = conversation.state.withLock { ($0.lastUse, $0.weighed) }
                    if weighed > 0 { all.append((lastUse, conversation)) }
                }
            }
        }
        overflows.withLock { overflows in
            for conversation in overflows.values {
                all.append((conversation.state.withLock(\.lastUse), conversation))
            }
        }
        all.sort { $0.lastUse < $1.lastUse }
        for (_, conversation) in all where bytes > limits.bytes / 4 * 3 {
            held.add(conversation.state.withLock { Self.forget(&$0) }, ordering: .relaxed)
        }
    }

    /// Who is spoken of by the conversations of the last half hour.
    ///
    /// Costs a look at each of them: for people, not for calls.
    func principals(at now: Timestamp) -> Set<String> {
        var names: Set<String> = []
        func add(_ owner: String, _ conversation: Conversation) {
            let people = conversation.state.withLock { now - $0.lastUse <= Self.silence ? $0.people : nil }
            if let people { names.formUnion(people.union([owner])) }
        }
        for shard in shards {
            for (key, conversation) in shard.table.withLock({ $0 }) { add(key.principal, conversation) }
        }
        for (owner, conversation) in overflows.withLock({ $0 }) { add(owner, conversation) }
        return names
    }

    /// What goes on in the name of a principal, or for it.
    func reach(of principal: String, at now: Timestamp) -> (
        count: Int, tools: Set<Conversation.ToolName>, people: Set<String>
    ) {
        var reach: (count: Int, tools: Set<Conversation.ToolName>, people: Set<String>) = (0, [], [])
        func add(_ owner: String, _ conversation: Conversation) {
            conversation.state.withLock { state in
                guard now - state.lastUse <= Self.silence, owner == principal || state.people.contains(principal)
                else { return }
                reach.count += 1
                reach.tools.formUnion(state.tools)
                reach.people.formUnion(state.people)
            }
        }
        for shard in shards {
            for (key, conversation) in shard.table.withLock({ $0 }) { add(key.principal, conversation) }
        }
        for (owner, conversation) in overflows.withLock({ $0 }) { add(owner, conversation) }
        return reach
    }
}
