import NIOPosix
import Synchronization

/// Work that waits for the disk, done one piece after the other and never on an event loop.
package final class DiskQueue: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var isBusy = false
    }

    private let state = Mutex(State())

    package init() {}

    package func run(_ work: @escaping @Sendable () -> Void) {
        let begins = state.withLock { state in
            state.waiting.append(work)
            defer { state.isBusy = true }
            return !state.isBusy
        }
        if begins { NIOThreadPool.singleton.submit { _ in self.work() } }
    }

    private func work() {
        while true {
            let all = state.withLock { state in
                defer { state.waiting = [] }
                state.isBusy = !state.waiting.isEmpty
                return state.waiting
            }
            guard !all.isEmpty else { return }
            for work in all { work() }
        }
    }

    /// Returns when what was handed over before is done.
    package func finish() async {
        await withCheckedContinuation { continuation in run { continuation.resume() } }
    }
}
