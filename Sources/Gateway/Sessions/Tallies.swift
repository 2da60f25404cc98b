import Core
import Synchronization
import Traffic

/// How often each principal called what, and how much it was given, however it names its sessions.
///
/// A trace, a task that nobody signed, and a session of MCP, which a server opens for whoever asks: with each of them a
/// caller says itself where a new session begins, and a limit of a session would be gone with the next call. So what a
/// rule allows a session (`most-calls`, `most-items-a-session`) is also all that a principal has within half an hour,
/// over all sessions that it names. A task that is signed, or that a token names, has a count of its own, which lasts
/// until half an hour of silence. Where `identity: {sessions: declared}` says that callers are believed, none of this is
/// asked, and a session counts as it is named.
final class Tallies: Sendable {
    static let window: Duration = Conversations.silence

    struct Key: Hashable, Sendable {
        var principal: String
        /// One that was proven.
        var task: String?
    }

    /// A number of things, by the minute.
    private struct Count {
        private var minutes: [(minute: Int64, count: Int)] = []
        private(set) var sum = 0

        /// What is older than the window does not count any more, unless all of it is kept.
        mutating func add(_ number: Int, at minute: Int64, keepsAll: Bool) {
            if !keepsAll {
                let first = minute - Tallies.window.components.seconds / 60
                let over = minutes.prefix { $0.minute <= first }
                sum -= over.reduce(0) { $0 + $1.count }
                minutes.removeFirst(over.count)
            }
            let (total, isTooMuch) = sum.addingReportingOverflow(number)
            guard !isTooMuch, number > 0 else { return }
            sum = total
            // A clock that was set back adds to the last minute.
            if let last = minutes.indices.last, keepsAll || minutes[last].minute >= minute {
                minutes[last].count += number
            } else {
                minutes.append((minute, number))
            }
        }
    }

    private struct Tally {
        var calls: [ServerTool: Count] = [:]
        /// Of all tools beyond the limit together.
        var otherCalls = Count()
        var items = Count()
        var lastUse: Timestamp
    }

    /// Distinct tools that are counted one by one.
    static let mostTools = 1_024

    private let shards = (0..<64).map { _ in Shard() }
    private let mostOfAShard: Int

    private final class Shard: Sendable {
        let table = Mutex<[Key: Tally]>([:])
    }

    init(most: Int = 200_000) { mostOfAShard = max(most / 64, 16) }

    /// Counts a call, and says how many of the tool came before it.
    func call(_ tool: ServerTool, _ key: Key, at now: Timestamp) -> Int {
        change(key, now) { tally, minute in
            let keepsAll = key.task != nil
            if tally.calls[tool] == nil, tally.calls.count >= Self.mostTools {
                tally.otherCalls.add(1, at: minute, keepsAll: keepsAll)
                return tally.otherCalls.sum - 1
            }
            tally.calls[tool, default: Count()].add(1, at: minute, keepsAll: keepsAll)
            return (tally.calls[tool]?.sum ?? 1) - 1
        }
    }

    /// Counts what a call brought, and says how much that is with what came before it.
    func items(_ count: Int, _ key: Key, at now: Timestamp) -> Int {
        change(key, now) { tally, minute in
            tally.items.add(count, at: minute, keepsAll: key.task != nil)
            return tally.items.sum
        }
    }

    private func change(_ key: Key, _ now: Timestamp, _ body: (inout Tally, Int64) -> Int) -> Int {
        let shard = UInt(bitPattern: key.hashValue) % UInt(shards.count)
        let minute = now.epochSeconds / 60
        return shards[Int(shard)].table.withLock { table in
            var key = key
            if table[key] == nil, table.count >= mostOfAShard {
                for (old, tally) in table where now - tally.lastUse > Self.window { table[old] = nil }
                // So many at once: whoever comes on top shares one count with all others who do.
                if table.count >= mostOfAShard { key = Key(principal: "") }
            }
            var tally = table[key] ?? Tally(lastUse: now)
            if now - tally.lastUse > Self.window { tally = Tally(lastUse: now) }
            tally.lastUse = max(tally.lastUse, now)
            // Taken out, so that what it holds has one owner while it changes.
            table[key] = nil
            let answer = body(&tally, minute)
            table[key] = tally
            return answer
        }
    }
}
