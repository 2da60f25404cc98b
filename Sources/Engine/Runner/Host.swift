import Core
import FoundationEssentials
import Glibc
import Ledger

/// Who this process is, and who else is alive: what a lease says of its holder.
package struct Host: Sendable {
    package var name: String
    package var boot: String
    package var process: Int
    package var isAlive: @Sendable (Int) -> Bool

    /// The time since this machine started, sleep included; nothing where it says nothing about the clock in use.
    package var uptime: @Sendable () -> Duration?

    package init(
        name: String,
        boot: String,
        process: Int,
        isAlive: @escaping @Sendable (Int) -> Bool,
        uptime: @escaping @Sendable () -> Duration? = { nil }
    ) {
        self.name = name
        self.boot = boot
        self.process = process
        self.isAlive = isAlive
        self.uptime = uptime
    }

    /// This process on this machine.
    package static func current() -> Host {
        let boot = (try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)) ?? ""
        return Host(
            name: ProcessInfo.processInfo.hostName,
            boot: boot.filter { $0 != "\n" },
            process: Int(getpid()),
            // A process that we may not signal is alive all the same.
            isAlive: { kill(pid_t($0), 0) == 0 || errno == EPERM },
            uptime: {
                // Seconds with two decimals, then the idle time; boot time counts sleep, as the wall clock does.
                let text = (try? String(contentsOfFile: "/proc/uptime", encoding: .utf8)) ?? ""
                return text.split(separator: " ").first.flatMap { Double($0) }.map { .seconds($0) }
            }
        )
    }

    /// How far the clock is ahead of the machine's uptime.
    func offset(of now: Timestamp) -> ClockOffset? {
        guard let uptime = uptime(), !boot.isEmpty else { return nil }
        let since = uptime.components
        let microseconds = since.seconds * 1_000_000 + since.attoseconds / 1_000_000_000_000
        return ClockOffset(boot: boot, microseconds: now.microseconds - microseconds)
    }

    static let leaseLength: Duration = .seconds(60)

    func lease(token: String, now: Timestamp) -> Lease {
        Lease(
            token: token,
            host: name,
            boot: boot,
            process: process,
            heartbeat: now,
            expires: now + Self.leaseLength
        )
    }

    /// Whether a holder is known to be gone or known to live; nothing where only its clock can tell.
    func isDead(_ lease: Lease) -> Bool? {
        guard lease.host == name else { return nil }
        return lease.boot != boot || !isAlive(lease.process)
    }
}

/// Places at which a test ends the process, or pretends to.
package struct CrashPoints: Sendable {
    /// What a pretended crash throws; nobody but the test catches it.
    package struct Crash: Error, Sendable, Hashable {
        package var point: String

        package init(point: String) { self.point = point }
    }

    private let reached: (@Sendable (String) throws -> Void)?

    package init(hit: @escaping @Sendable (String) throws -> Void) {
        reached = hit
    }

    private init() {
        reached = nil
    }

    package static let none = CrashPoints()

    /// Says that a point was reached; its name is made for a test only.
    package func hit(_ point: @autoclosure () -> String) throws { try reached?(point()) }

    /// Ends the process the hard way at the n-th point, as `LOCKSTEP_CRASH_AT` says; for tests of whole processes.
    package static func environment() -> CrashPoints {
        guard let text = ProcessInfo.processInfo.environment["LOCKSTEP_CRASH_AT"], let wanted = Int(text) else {
            return .none
        }
        let counter = Counter()
        return CrashPoints { _ in
            if counter.next() == wanted { _exit(137) }
        }
    }
}

/// Randomness that a seed fixes: SplitMix64 (Steele, Lea, Flood 2014), good enough for jitter and ids.
package struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) {
        state = seed
    }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
