import Core
import Synchronization
import Wire

/// An MCP session of the older era: opened by `initialize`, owned by whoever opened it.
final class ProtocolSession: Sendable {
    struct State {
        var isInitialized = false
        /// Requests of the server that were passed to the client and wait for its answer, by the bytes of their id.
        var asked: Set<[UInt8]> = []
        /// Event ids that the client was given, the latest of them.
        var events: [String] = []
        /// Calls whose answer can still come on a stream that is resumed, by the bytes of their id.
        var open: [[UInt8]: PendingCall] = [:]
        var lastUse: Timestamp
        var revision: ProtocolRevision
        var clientName: String?
        /// Whether `initialize` was sent, which happens once.
        var isOpened = false
        /// Of the transport of two endpoints: where the server takes messages, as it said itself.
        var endpoint: String?
        /// Puts an event onto the client's stream, from any thread.
        var push: (@Sendable ([UInt8]) -> Void)?
    }

    let id: String
    let route: String
    /// Whoever opened it, with what was proven then.
    let caller: Caller
    var principal: String { caller.principal.id }
    let state: Mutex<State>
    static let mostEvents = 4_096
    static let mostOpen = 1_024

    init(
        id: String,
        route: String,
        caller: Caller,
        revision: ProtocolRevision,
        clientName: String?,
        at now: Timestamp
    ) {
        self.id = id
        self.route = route
        self.caller = caller
        state = Mutex(State(lastUse: now, revision: revision, clientName: clientName))
    }

    /// What `initialize` agreed on.
    var revision: ProtocolRevision { state.withLock(\.revision) }
    var clientName: String? { state.withLock(\.clientName) }

    func gave(event: String) {
        state.withLock { state in
            if state.events.count >= Self.mostEvents { state.events.removeFirst(Self.mostEvents / 2) }
            state.events.append(event)
        }
    }

    func gaveEvent(_ event: String) -> Bool { state.withLock { $0.events.contains(event) } }
}

/// The sessions that servers behind the gateway have opened.
///
/// A session id alone proves nothing: it is good for the principal and the route that it was opened for, and for a server
/// that never gave one it is refused.
final class ProtocolSessions: Sendable {
    private let table = Mutex<[String: ProtocolSession]>([:])
    /// Routes whose servers give session ids.
    private let giving = Mutex<Set<String>>([])
    private let most: Int
    static let silence: Duration = .seconds(24 * 3600)

    init(most: Int = 100_000) { self.most = most }

    /// Takes in a session; false where there are too many, or another has the id.
    func open(_ session: ProtocolSession) -> Bool {
        giving.withLock { _ = $0.insert(session.route) }
        return table.withLock { table in
            let key = Self.key(session.route, session.id)
            guard table[key] == nil else { return false }
            if table.count >= most {
                let oldest = table.min { left, right in
                    left.value.state.withLock(\.lastUse) < right.value.state.withLock(\.lastUse)
                }
                if let oldest { table[oldest.key] = nil }
            }
            table[key] = session
            return true
        }
    }

    func find(_ id: String, route: String) -> ProtocolSession? {
        table.withLock { $0[Self.key(route, id)] }
    }

    /// Whether the server behind the route has sessions: then a request of that era without one is nobody's.
    func areGiven(on route: String) -> Bool { giving.withLock { $0.contains(route) } }

    func close(_ session: ProtocolSession) {
        table.withLock { $0[Self.key(session.route, session.id)] = nil }
    }

    /// How many sessions a principal has open.
    func count(of principal: String) -> Int {
        table.withLock { $0.values.count { $0.principal == principal } }
    }

    /// Ends the sessions of whoever this is said of, and says which they were.
    func close(where isEnded: (Caller) -> Bool) -> [ProtocolSession] {
        let all = table.withLock { Array($0.values) }
        let ended = all.filter { isEnded($0.caller) }
        guard !ended.isEmpty else { return [] }
        return table.withLock { table in
            // One that was closed meanwhile is over at its server as well.
            ended.filter { table.removeValue(forKey: Self.key($0.route, $0.id)) != nil }
        }
    }

    private static func key(_ route: String, _ id: String) -> String { route + "\n" + id }
}
