import FoundationEssentials
import Synchronization

/// Tells what time it is; a parameter wherever time matters, so that a test can own it.
package protocol WallClock: Sendable {
    func now() -> Timestamp
}

/// The machine's clock.
package struct SystemClock: WallClock {
    package init() {}

    package func now() -> Timestamp {
        Timestamp(microseconds: Int64((Date().timeIntervalSince1970 * 1_000_000).rounded(.down)))
    }
}

/// A clock that runs `factor` times as fast as the machine's since `origin`, for rehearsals.
///
/// Exists only in a workspace that was made with `init --rehearsal`; everything that such a workspace prints says so.
package struct RehearsalClock: WallClock {
    package let origin: Timestamp
    package let factor: Int64
    private let base: any WallClock

    package init(origin: Timestamp, factor: Int64, base: any WallClock = SystemClock()) {
        self.origin = origin
        self.factor = factor
        self.base = base
    }

    package func now() -> Timestamp {
        let passed = max(0, base.now().microseconds - origin.microseconds)
        let (scaled, overflow) = passed.multipliedReportingOverflow(by: factor)
        return Timestamp(microseconds: origin.microseconds &+ (overflow ? passed : scaled))
    }
}

/// A clock that moves only when it is told to.
package final class ManualClock: WallClock {
    private let time: Mutex<Timestamp>

    package init(_ time: Timestamp) {
        self.time = Mutex(time)
    }

    package func now() -> Timestamp { time.withLock { $0 } }

    package func advance(by duration: Duration) {
        time.withLock { $0 = $0 + duration }
    }

    package func set(_ new: Timestamp) {
        time.withLock { $0 = new }
    }
}
