import Glibc
import Synchronization

/// How many connections the gateway takes, of the files that its process may have open.
///
/// A client takes two: its own connection, and the one to the server. What is kept back is what the gateway cannot be
/// without: its log, its recordings, and the connections of people who want to stop an agent, which clients could
/// otherwise take from it by opening more and more of theirs.
package final class Descriptors: Sendable {
    /// For files, listeners and people.
    static let kept = 256
    /// For what each event loop waits with.
    private static let ofALoop = 4

    /// How many files the process may have open.
    package let limit: Int
    private let loops: Int
    private let most = Atomic<Int>(0)
    private let idle = Atomic<Int>(1)
    private let held = Atomic<Int>(0)

    /// - Parameters:
    ///   - limit: How many files the process may have open.
    ///   - loops: How many event loops there are.
    package init(limit: Int, loops: Int) {
        self.limit = limit
        self.loops = loops
    }

    /// Lets the process have as many files open as it may let itself, and says how many that are.
    package static func raise() -> Int {
        var limit = rlimit()
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(files, &limit) == 0 else { return 1_024 }
        let soft = limit.rlim_cur
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            if unsafe setrlimit(files, &limit) != 0 { limit.rlim_cur = soft }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// Shares out what there is.
    ///
    /// - Parameters:
    ///   - wanted: How many clients at most, as the document has it.
    ///   - servers: How many the gateway stands before.
    func share(wanted: Int, servers: Int) {
        let pools = max(servers, 1) * loops
        let spare = min(UpstreamPool.mostIdle, max(limit / 8 / pools, 1))
        idle.store(spare, ordering: .relaxed)
        let left = limit - Self.kept - Self.ofALoop * loops - spare * pools
        most.store(min(wanted, max(left / 2, 1)), ordering: .relaxed)
    }

    /// How many clients at once.
    package var clients: Int { most.load(ordering: .relaxed) }
    /// How many connections to one server an event loop keeps for later.
    var spare: Int { idle.load(ordering: .relaxed) }
    /// How many clients there are.
    package var open: Int { held.load(ordering: .relaxed) }
    var isFull: Bool { open >= clients }

    /// What people should know where there are fewer clients than the document has.
    package func notice(_ limits: GatewayConfiguration.Limits) -> String? {
        guard clients < limits.connections else { return nil }
        return "\(clients) clients at once instead of \(limits.connections): \(limit) files may be open, and a client "
            + "takes two; more with `ulimit -n`, or `LimitNOFILE=` of its service"
    }

    func opened() { held.add(1, ordering: .relaxed) }
    func closed() { held.subtract(1, ordering: .relaxed) }
}
