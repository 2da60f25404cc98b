/// Counts durations by upper bounds, as Prometheus and OTLP have them.
package struct Histogram: Sendable, Equatable {
    /// Upper bounds in seconds, ascending; what is over the last is counted after it.
    package let bounds: [Double]
    /// One more than there are bounds.
    package private(set) var counts: [UInt64]
    package private(set) var sum = 0.0

    package init(_ bounds: [Double]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package var count: UInt64 { counts.reduce(0, +) }

    package mutating func add(nanoseconds: Int64) {
        let seconds = Double(max(0, nanoseconds)) / 1e9
        var slot = 0
        while slot < bounds.count, seconds > bounds[slot] { slot += 1 }
        counts[slot] += 1
        sum += seconds
    }

    /// Of the same bounds.
    package mutating func add(_ other: Histogram) {
        for slot in counts.indices where slot < other.counts.count { counts[slot] += other.counts[slot] }
        sum += other.sum
    }

    /// Of `mcp.server.operation.duration` (OpenTelemetry semantic conventions, "MCP", metrics).
    package static let operation = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]
    /// Of what the gateway itself needs: microseconds, where nothing is wrong.
    static let decide = [0.000_01, 0.000_02, 0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.1, 1]
    static let upstream = [
        0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30,
    ]
}
