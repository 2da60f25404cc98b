import Core
import Engine
import Ledger
import Synchronization

/// Remembers what was said of each run, so that `serve` speaks only when something is different.
///
/// A run below its deadline comes back from every tick with the same words and a later due time; hearing that 100 times
/// hides the one line that matters. Lives outside of `Waker.run`, which is a coroutine and holds nothing across its waits.
final class Announcer: Sendable {
    private let said = Mutex<[RunID: String]>([:])

    /// Those summaries that say something which was not said of their run before.
    func news(among summaries: [RunSummary]) -> [RunSummary] {
        summaries.filter { summary in
            let words = Self.words(summary)
            return said.withLock { said in said.updateValue(words, forKey: summary.run) != words }
        }
    }

    /// Everything but the times, which move on with every measurement.
    static func words(_ summary: RunSummary) -> String {
        let waiting = summary.waiting.map { "\($0.path) \($0.waitsFor)" }.joined(separator: "\n")
        return "\(summary.state.rawValue)\n\(summary.reason ?? "")\n\(waiting)"
    }
}
