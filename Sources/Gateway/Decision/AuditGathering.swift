import Synchronization

/// Waits until every entry of a request is safe.
final class AuditGathering: Sendable {
    private let state: Mutex<(left: Int, isSafe: Bool)>
    private let done: @Sendable (Bool) -> Void

    init(_ count: Int, _ done: @escaping @Sendable (Bool) -> Void) {
        state = Mutex((count, true))
        self.done = done
    }

    func ended(_ isSafe: Bool) {
        let result: Bool? = state.withLock { state in
            state.left -= 1
            state.isSafe = state.isSafe && isSafe
            return state.left == 0 ? state.isSafe : nil
        }
        if let result { done(result) }
    }
}
