import Synchronization

/// Takes entries from many threads to the one thread that writes a log.
///
/// What waits is written as one batch with one sync after `gathering` at most, and what was written is signed about once
/// in `publishing`. Nothing is ever waited for here: a queue that is full, closed or whose disk fails refuses at once, so
/// that whoever must not go on without a durable entry says no instead of hanging.
///
/// After a failure nothing is taken until the log was opened anew, which alone can judge what is durable, and could be
/// signed; the thread tries that again and again. It lives until `close`.
package final class LogQueue<Disk: LogDisk & SendableMetatype>: Sendable {
    /// Is told at which index an entry is durable, or why it is not: it may be in the log all the same where only the
    /// answer of the disk failed.
    package typealias Answer = @Sendable (Result<Int, AuditError>) -> Void

    /// How much may wait, and for how long.
    package struct Limits: Hashable, Sendable {
        package var entries: Int
        package var bytes: Int
        package var gathering: Duration
        /// The same for entries for which nobody waits.
        package var patience: Duration
        package var publishing: Duration
        /// Between two attempts to open a log that failed.
        package var retrying: Duration

        package init(
            entries: Int = 65_536,
            bytes: Int = 32 << 20,
            gathering: Duration = .milliseconds(5),
            patience: Duration = .milliseconds(20),
            publishing: Duration = .seconds(1),
            retrying: Duration = .seconds(1)
        ) {
            self.entries = entries
            self.bytes = bytes
            self.gathering = gathering
            self.patience = patience
            self.publishing = publishing
            self.retrying = retrying
        }
    }

    /// How it stands, for those who watch it.
    package struct Status: Hashable, Sendable {
        /// Entries that are not durable yet, and their bytes.
        package var waiting = 0
        package var waitingBytes = 0
        /// How many entries the log has accepted.
        package var size = 0
        /// The last checkpoint that is durable.
        package var checkpoint: SignedCheckpoint?
        /// Why nothing is taken; nothing while all is well.
        package var fault: AuditError?
    }

    private struct Item {
        let entry: [UInt8]
        let answer: Answer
    }

    private struct State {
        var items: [Item] = []
        var itemBytes = 0
        /// When they are written at the latest.
        var due: ContinuousClock.Instant?
        var status = Status()
        var isOpen = false
        var isClosing = false
        var end: Result<SignedCheckpoint, AuditError>?
    }

    private let limits: Limits
    private let open: @Sendable () throws(AuditError) -> LogWriter<Disk>
    private let time: @Sendable () -> UInt64
    private let published: @Sendable (SignedCheckpoint) -> Void
    private let state = Mutex(State())
    /// Wakes the thread of the log.
    private let work = LogBell()
    /// Wakes whoever opened it, and later whoever closes it.
    private let done = LogBell()

    /// A batch of more is written at once.
    private static var fullBatch: Int { 1 << 20 }

    /// Opens the log on a thread of its own, and signs what it holds.
    ///
    /// `open` is called there, now and after each failure; the writer of before is gone by then, and with it its lock.
    /// `time` is the wall clock in seconds since 1970, for cosignatures. `published` is told each new checkpoint.
    /// - Throws: What `open` or the disk said; then there is no thread.
    package init(
        limits: Limits = Limits(),
        time: @escaping @Sendable () -> UInt64,
        published: @escaping @Sendable (SignedCheckpoint) -> Void = { _ in },
        open: @escaping @Sendable () throws(AuditError) -> LogWriter<Disk>
    ) throws(AuditError) {
        self.limits = limits
        self.time = time
        self.published = published
        self.open = open
        try LogThread.start { self.run() }
        done.wait()
        if let fault = state.withLock({ $0.isOpen ? nil : $0.status.fault }) { throw fault }
    }

    /// How it stands now.
    package var status: Status { state.withLock { $0.status } }

    // MARK: - Giving

    /// Gives an entry to the log.
    ///
    /// One for which nobody waits may share a sync with those that come a little later. `durable` is called once: on this
    /// thread before it returns where the entry is refused, else on that of the log, where it has to be brief and must not
    /// call `close`.
    package func submit(_ entry: [UInt8], isAwaited: Bool = true, durable: @escaping Answer) {
        let (refusal, isDue) = state.withLock { state -> (AuditError?, Bool) in
            if let refusal = self.refusal(of: entry, state) { return (refusal, false) }
            let due = ContinuousClock.now + (isAwaited ? limits.gathering : max(limits.gathering, limits.patience))
            let isSooner = state.due.map { due < $0 } ?? true
            if isSooner { state.due = due }
            let wasFull = state.itemBytes >= Self.fullBatch
            state.items.append(Item(entry: entry, answer: durable))
            state.itemBytes += entry.count
            state.status.waiting += 1
            state.status.waitingBytes += entry.count
            return (nil, isSooner || (!wasFull && state.itemBytes >= Self.fullBatch))
        }
        if let refusal { return durable(.failure(refusal)) }
        if isDue { work.ring() }
    }

    private func refusal(of entry: [UInt8], _ state: State) -> AuditError? {
        if entry.count > EntryBundle.maximumEntry {
            return AuditError(.entrySize, "an entry of \(entry.count) bytes is too large for the audit log")
        }
        if state.isClosing { return AuditError(.unavailable, "the audit log is closed") }
        if let fault = state.status.fault { return Self.unavailable(fault) }
        if state.status.waiting >= limits.entries || entry.count > limits.bytes - state.status.waitingBytes {
            return AuditError(
                .unavailable,
                "\(state.status.waiting) entries wait for the audit log already",
                help: "its disk is slower than what is asked of it"
            )
        }
        return nil
    }

    private static func unavailable(_ fault: AuditError) -> AuditError {
        AuditError(.unavailable, "the audit log takes nothing: \(fault.message)", help: fault.help)
    }

    /// Takes nothing more, makes durable and signs what waits, and lets go of the log.
    ///
    /// - Returns: The last checkpoint.
    /// - Throws: Why the end of the log could not be written or signed; its entries were told so, or are durable and
    ///   signed by the next who opens it.
    @discardableResult
    package func close() throws(AuditError) -> SignedCheckpoint {
        state.withLock { $0.isClosing = true }
        work.ring()
        while true {
            if let end = state.withLock({ $0.end }) {
                // Another one may wait as well.
                done.ring()
                return try end.get()
            }
            done.wait()
        }
    }

    // MARK: - On the thread of the log

    private func run() {
        while true {
            do throws(AuditError) {
                var log = try open()
                let last = try serve(&log)
                return finish(.success(last))
            } catch {
                // The writer is gone here, and its lock with it.
                let (isOpen, isClosing) = state.withLock { ($0.isOpen, $0.isClosing) }
                fail([], error)
                if !isOpen || isClosing { return finish(.failure(error)) }
            }
            let next = ContinuousClock.now + limits.retrying
            while case let rest = next - .now, rest > .zero, !state.withLock({ $0.isClosing }) { work.wait(for: rest) }
        }
    }

    private func finish(_ end: Result<SignedCheckpoint, AuditError>) {
        state.withLock { $0.end = end }
        done.ring()
    }

    /// Writes what comes until the queue is closed.
    private func serve(_ log: inout LogWriter<Disk>) throws(AuditError) -> SignedCheckpoint {
        // A log that can be opened and not signed has not recovered.
        var last = try log.publish(at: time())
        note(last, size: log.size)
        let wasOpen = state.withLock { state in
            defer { state.isOpen = true }
            state.status.fault = nil
            return state.isOpen
        }
        if !wasOpen { done.ring() }
        var next = ContinuousClock.now + limits.publishing
        while true {
            let isUnsigned = log.size > last.checkpoint.size
            let (items, isClosing) = take(publishing: isUnsigned ? next : nil)
            try write(items, to: &log)
            guard isClosing || log.isPublishingDue || (log.size > last.checkpoint.size && .now >= next) else {
                continue
            }
            last = try log.publish(at: time())
            note(last, size: log.size)
            next = .now + limits.publishing
            if isClosing { return last }
        }
    }

    private func note(_ checkpoint: SignedCheckpoint, size: Int) {
        let isNew = state.withLock { state in
            defer { state.status.checkpoint = checkpoint }
            state.status.size = size
            return state.status.checkpoint != checkpoint
        }
        if isNew { published(checkpoint) }
    }

    /// Waits for a batch that is due, for the time to publish, or for the end.
    private func take(publishing: ContinuousClock.Instant?) -> (items: [Item], isClosing: Bool) {
        while true {
            let now = ContinuousClock.now
            var items: [Item]?
            var wake = publishing
            let isClosing = state.withLock { state in
                if let due = state.due {
                    if state.isClosing || due <= now || state.itemBytes >= Self.fullBatch {
                        items = Self.takeAll(&state)
                    } else {
                        wake = min(due, wake ?? due)
                    }
                }
                return state.isClosing
            }
            if let items { return (items, isClosing) }
            if isClosing { return ([], true) }
            if let publishing, publishing <= now { return ([], false) }
            work.wait(for: wake.map { $0 - now })
        }
    }

    private static func takeAll(_ state: inout State) -> [Item] {
        defer {
            state.items = []
            state.itemBytes = 0
            state.due = nil
        }
        return state.items
    }

    private func write(_ items: [Item], to log: inout LogWriter<Disk>) throws(AuditError) {
        var start = 0
        while start < items.count {
            var end = start
            var bytes = 0
            do throws(AuditError) {
                while end < items.count, bytes < Self.fullBatch {
                    _ = try log.stage(items[end].entry, at: .zero)
                    bytes += items[end].entry.count
                    end += 1
                }
                let places = try log.commit()
                state.withLock { state in
                    state.status.waiting -= end - start
                    state.status.waitingBytes -= bytes
                    state.status.size = places.upperBound
                }
                for (place, item) in zip(places, items[start..<end]) { item.answer(.success(place)) }
                start = end
            } catch {
                fail(items[start...], error)
                throw error
            }
        }
    }

    /// Refuses what waits, after nothing more is taken: whoever is told of a failure finds it when they ask again.
    private func fail(_ items: ArraySlice<Item>, _ error: AuditError) {
        let waiting = state.withLock { state in
            state.status.fault = error
            state.status.waiting = 0
            state.status.waitingBytes = 0
            return Self.takeAll(&state)
        }
        for item in items { item.answer(.failure(error)) }
        for item in waiting { item.answer(.failure(Self.unavailable(error))) }
    }
}
