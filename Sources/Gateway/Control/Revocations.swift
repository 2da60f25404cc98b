package import Core
import Synchronization

/// Who is denied whatever a policy says: principals, single credentials, and everybody who acts for one of them.
///
/// Numbered in the order in which they were made. One that is lifted stays in the list, so that the list only grows and
/// two copies of it can be told apart by their length.
package final class Revocations: Sendable {
    package struct Entry: Sendable, Hashable {
        package let number: Int
        package let principal: String
        package let reason: String
        package let by: String
        package let at: Timestamp
        /// Who gave access back, and when.
        package var lifted: Lift?

        package struct Lift: Sendable, Hashable {
            package let by: String
            package let reason: String
            package let at: Timestamp
        }
    }

    private struct State: Sendable {
        var entries: [Entry] = []
        var denied: Set<String> = []
    }

    private let state: Mutex<State>
    private let isEmpty = Atomic<Bool>(true)
    private let store: (any RevocationStore)?

    /// - Throws: what the store says; a gateway that cannot read who is denied does not begin.
    package init(store: (any RevocationStore)? = nil) throws {
        self.store = store
        let entries = try store?.load() ?? []
        var state = State()
        state.entries = entries
        state.denied = Set(entries.filter { $0.lifted == nil }.map(\.principal))
        isEmpty.store(state.denied.isEmpty, ordering: .releasing)
        self.state = Mutex(state)
    }

    package var entries: [Entry] { state.withLock(\.entries) }

    /// Whether the caller, or anybody it acts for, or its credential is denied.
    func denies(_ caller: Caller) -> Bool {
        if isEmpty.load(ordering: .acquiring) { return false }
        return state.withLock { state in
            state.denied.contains(caller.principal.id) || caller.delegation.contains(where: state.denied.contains)
                || caller.credentials.contains(where: state.denied.contains)
        }
    }

    /// Reads the list anew, as another process on the same folder may have written to it.
    ///
    /// - Throws: what the store says; then what was known stays in force.
    package func refresh() throws {
        guard let entries = try store?.load() else { return }
        state.withLock { state in
            // The list only grows: a shorter one is older, or not what it was.
            guard entries.count >= state.entries.count else { return }
            state.entries = entries
            state.denied = Set(entries.filter { $0.lifted == nil }.map(\.principal))
            isEmpty.store(state.denied.isEmpty, ordering: .releasing)
        }
    }

    /// Denies a principal or a credential. It takes effect at once; whether it will outlive this process is the answer.
    @discardableResult
    package func add(principal: String, reason: String, by: String, at now: Timestamp) -> Bool {
        state.withLock { state in
            if state.denied.contains(principal) { return true }
            let entry = Entry(
                number: (state.entries.last?.number ?? 0) + 1,
                principal: principal,
                reason: reason,
                by: by,
                at: now
            )
            state.entries.append(entry)
            state.denied.insert(principal)
            isEmpty.store(false, ordering: .releasing)
            return store?.save(state.entries) ?? true
        }
    }

    /// Gives access back; false where nobody of that name is denied, or the store failed, and then nothing changed.
    package func lift(principal: String, reason: String, by: String, at now: Timestamp) -> Bool {
        state.withLock { state in
            var entries = state.entries
            var isFound = false
            for at in entries.indices where entries[at].principal == principal && entries[at].lifted == nil {
                entries[at].lifted = Entry.Lift(by: by, reason: reason, at: now)
                isFound = true
            }
            // Access comes back only if it will not be taken for denied after a restart, and the other way round.
            guard isFound, store?.save(entries) ?? true else { return false }
            state.entries = entries
            state.denied.remove(principal)
            isEmpty.store(state.denied.isEmpty, ordering: .releasing)
            return true
        }
    }
}

/// Where revocations are kept, durably before they are acknowledged.
package protocol RevocationStore: Sendable {
    func load() throws -> [Revocations.Entry]
    func save(_ entries: [Revocations.Entry]) -> Bool
}
