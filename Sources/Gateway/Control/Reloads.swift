import Core
import NIOPosix
import Synchronization

/// Reads the gateway's files anew when the admin port is asked to, on a thread where that may block.
///
/// Whoever asks is told a number, and learns from the gateway's status when it is done and what was wrong.
package final class Reloads: Sendable {
    package struct State: Sendable {
        package var asked = 0
        package var done = 0
        /// Why nothing changed at the last one.
        package var fault: String?
    }

    private struct Held {
        var state = State()
        var perform: (@Sendable () -> String?)?
    }

    private let held = Mutex(Held())
    /// One at a time, in the order in which they were asked for.
    private let turn = Mutex(())

    package init() {}

    package var state: State { held.withLock(\.state) }

    /// - Parameter body: Reads everything, and says what was wrong.
    package func perform(by body: @escaping @Sendable () -> String?) { held.withLock { $0.perform = body } }

    /// Says how one went that nobody asked for by number.
    func note(fault: String?) { held.withLock { $0.state.fault = fault } }

    /// Begins one; nil where nothing can be read anew.
    func ask() -> Int? {
        let asked: (Int, @Sendable () -> String?)? = held.withLock { held in
            guard let perform = held.perform else { return nil }
            held.state.asked += 1
            return (held.state.asked, perform)
        }
        guard let (number, perform) = asked else { return nil }
        NIOThreadPool.singleton.submit { _ in
            self.turn.withLock { _ in
                let fault = perform()
                self.held.withLock { held in
                    held.state.done = max(held.state.done, number)
                    held.state.fault = fault
                }
            }
        }
        return number
    }
}

extension Shared {
    /// Keeps how a reload went, for status, metrics and heartbeats.
    package func noteReload(fault: String?) {
        reloads.note(fault: fault)
        if fault != nil { counters.count(.failedReloads) }
    }
}
