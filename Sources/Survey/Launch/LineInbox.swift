/// The lines that a program writes, handed over one at a time, and no more of them than allowed.
actor LineInbox {
    struct Limits: Sendable {
        var lineBytes: Int
        var totalBytes: Int
        var lines: Int
    }

    private let limits: Limits
    private var lines: [[UInt8]] = []
    private var partial: [UInt8] = []
    private var total = 0
    private var count = 0
    private var hasEnded = false
    private var waiter: CheckedContinuation<Void, Never>?
    /// Whether the program wrote more than is read of it.
    private(set) var isOverfull = false

    init(_ limits: Limits) {
        self.limits = limits
    }

    /// Takes bytes in; says whether there is room for more.
    func take(_ bytes: [UInt8]) -> Bool {
        guard !hasEnded else { return false }
        total += bytes.count
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            partial += rest[..<end]
            rest = rest[(end + 1)...]
            count += 1
            if partial.count <= limits.lineBytes { lines.append(partial) }
            partial.removeAll()
        }
        partial += rest
        if total > limits.totalBytes || partial.count > limits.lineBytes || count > limits.lines {
            isOverfull = true
            finish()
            return false
        }
        if !lines.isEmpty { wake() }
        return true
    }

    /// Nothing more will come.
    func finish() {
        hasEnded = true
        wake()
    }

    /// The next line; nothing once the program has ended or none comes in time.
    func next(until deadline: ContinuousClock.Instant) async -> [UInt8]? {
        while lines.isEmpty, !hasEnded {
            guard .now < deadline else { return nil }
            // Owned by this call, which cancels it.
            let alarm = Task { [weak self] in
                try? await Task.sleep(until: deadline, clock: .continuous)
                await self?.wake()
            }
            await withCheckedContinuation { waiter = $0 }
            alarm.cancel()
        }
        return isOverfull || lines.isEmpty ? nil : lines.removeFirst()
    }

    private func wake() {
        waiter?.resume()
        waiter = nil
    }
}

/// The end of what a program wrote to its standard error, for a message about why it failed.
actor StandardErrorTail {
    private var bytes: [UInt8] = []
    private let limit = 4096

    func take(_ more: [UInt8]) {
        bytes += more.suffix(limit)
        if bytes.count > limit { bytes.removeFirst(bytes.count - limit) }
    }

    /// The last line that says anything.
    var lastLine: String {
        let lines = bytes.split(separator: UInt8(ascii: "\n"))
        let line = lines.last { $0.contains { $0 > 0x20 } } ?? []
        return Shown.text(String(decoding: line, as: UTF8.self), limit: 200)
    }
}
