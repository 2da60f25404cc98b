import Glibc

/// How work grows with what it is done on, as a ratio that no neighbour changes.
///
/// Time on the wall says how busy a machine is; a test that asserts it fails on the slow ones. What is compared here is
/// the processor time of the calling thread, so `work` must not wait for other threads.
package enum Growth {
    /// The processor time of `work` with `large` units, divided by that with `small` ones.
    ///
    /// Each is the least of three, since caches and interrupts only ever add. Stops early once the ratio is below
    /// `enough`, so that only a failure pays for all of them.
    package static func ratio(
        small: Int,
        large: Int,
        enough: Double,
        _ work: (_ units: Int) throws -> Void
    ) rethrows -> Double {
        try work(small)
        var (least, most) = (Double.infinity, Double.infinity)
        for _ in 0..<3 {
            least = try min(least, time { try work(small) })
            most = try min(most, time { try work(large) })
            if most / least < enough { break }
        }
        return most / least
    }

    /// Seconds of the calling thread's processor time; never zero.
    private static func time(_ work: () throws -> Void) rethrows -> Double {
        let begun = now()
        try work()
        return max(now() - begun, 1e-6)
    }

    private static func now() -> Double {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return 0 }
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
