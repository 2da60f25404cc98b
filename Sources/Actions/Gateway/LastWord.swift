import Synchronization

/// Passes on what is said, but the same thing only once in a row.
final class LastWord: Sendable {
    private let last = Mutex("")
    private let talk: @Sendable (String) -> Void

    init(_ talk: @escaping @Sendable (String) -> Void) { self.talk = talk }

    func say(_ text: String) {
        let isNew = last.withLock { last in
            defer { last = text }
            return last != text
        }
        if isNew { talk(text) }
    }

    func forget() { last.withLock { $0 = "" } }
}
