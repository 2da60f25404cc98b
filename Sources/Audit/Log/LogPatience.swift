/// How long a command waits for another one that writes the log, and when it says so.
package struct LogPatience {
    /// No limit waits for ever.
    private let limit: Duration?
    private let notice: Duration
    private let tell: () -> Void
    private var begin: ContinuousClock.Instant?
    private var isTold = false

    /// Microseconds between two attempts; a command holds the lock for a few milliseconds.
    static let pause: UInt32 = 5_000

    /// `tell` is called once, when it has waited for so long as `notice` says.
    package init(limit: Duration?, notice: Duration = .seconds(1), tell: @escaping () -> Void = {}) {
        self.limit = limit
        self.notice = notice
        self.tell = tell
    }

    /// Whether the lock may be asked for once more.
    mutating func mayWait() -> Bool {
        let now = ContinuousClock.now
        let begin = begin ?? now
        self.begin = begin
        if let limit, now - begin >= limit { return false }
        if !isTold, now - begin >= notice {
            isTold = true
            tell()
        }
        return true
    }
}
