package import Core

/// Whole sessions, drawn fairly: what leave-one-out bounds and the exclusion of single sessions are computed from.
///
/// Kept is the longest run of sessions in the order of their keyed hashes that stays below 4,096 sessions and the budget.
/// A session of the run of all sessions is in the run of any part that has it, so merging is exact.
package struct SessionSample: Sendable {
    static let limit = 4_096
    /// Calls, arguments, values and entities together: some tens of megabytes.
    static let budget = 1 << 18
    /// What one session may take of it; the rest of a longer one is cut off.
    static let share = 1 << 12

    private var traces: [UInt64: SessionTrace] = [:]
    private var cost = 0
    /// The smallest hash that is out; this one and all beyond it stay out.
    private var threshold: UInt64?

    package init() {}

    /// What the sessions cost that are kept.
    var spent: Int { cost }

    /// Whether the sample holds everything there was.
    package var isComplete: Bool {
        run().threshold == nil && sessions.allSatisfy { !$0.isCut }
    }

    /// The sessions, by hash.
    package var sessions: [SessionTrace] { run().keys.compactMap { traces[$0] } }

    private func run() -> (keys: ArraySlice<UInt64>, threshold: UInt64?) {
        var spent = 0
        let keys = traces.keys.sorted()
        for (count, key) in keys.enumerated() {
            spent += traces[key]?.cost ?? 0
            guard count < Self.limit, spent <= Self.budget else { return (keys[..<count], key) }
        }
        return (keys[...], threshold)
    }

    mutating func insert(_ trace: SessionTrace) {
        if let threshold, trace.key >= threshold { return }
        var trace = trace
        if let earlier = traces[trace.key] {
            cost -= earlier.cost
            trace = Self.joined(earlier, trace)
        }
        Self.cut(&trace)
        cost += trace.cost
        traces[trace.key] = trace
        if traces.count > Self.limit + Self.limit / 4 || cost > Self.budget + Self.budget / 4 { prune() }
    }

    /// A session that was closed and came back.
    private static func joined(_ first: SessionTrace, _ second: SessionTrace) -> SessionTrace {
        var result = first
        result.isCut = first.isCut || second.isCut
        result.client = [first.client, second.client].compactMap(\.self).min { precedes($0.value, $1.value) }
        result.calls += second.calls
        result.calls.sort { ($0.time, $0.sequence, $0.tool.key) < ($1.time, $1.sequence, $1.tool.key) }
        return result
    }

    private static func cut(_ trace: inout SessionTrace) {
        var spent = 1
        for (index, call) in trace.calls.enumerated() {
            spent += call.cost
            if spent > share {
                trace.calls.removeSubrange(index...)
                trace.isCut = true
                return
            }
        }
    }

    private mutating func prune() {
        let kept = run()
        threshold = [threshold, kept.threshold].compactMap(\.self).min()
        for key in Array(traces.keys) where key > kept.keys.last ?? 0 || kept.keys.isEmpty { traces[key] = nil }
        cost = traces.values.reduce(0) { $0 + $1.cost }
    }
}

extension SessionSample: Mergeable {
    package mutating func merge(_ other: SessionSample) {
        threshold = [threshold, other.threshold].compactMap(\.self).min()
        if let threshold {
            for (key, trace) in traces where key >= threshold {
                cost -= trace.cost
                traces[key] = nil
            }
        }
        for trace in other.traces.values { insert(trace) }
    }

    package var json: JSON.Value {
        var bytes: [UInt8] = []
        write(to: &bytes)
        return (try? JSON.parse(bytes)) ?? .null
    }

    package func write(to bytes: inout [UInt8]) {
        let kept = run()
        var writer = MemberWriter()
        writer.write("sessions", to: &bytes)
        var tables = TraceTables()
        Form.append(list: Array(kept.keys), to: &bytes) { traces[$0]?.write(&tables, to: &$1) }
        writer.write("sources", to: &bytes)
        tables.writeSources(to: &bytes)
        writer.write("texts", to: &bytes)
        tables.writeTexts(to: &bytes)
        writer.write("threshold", to: &bytes)
        JSON.append(kept.threshold.map(Form.hash) ?? .null, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    package init?(json: JSON.Value) {
        guard let names = TraceNames(sources: json["sources"], texts: json["texts"]),
            let traces = Form.list(json["sessions"], { SessionTrace(json: $0, names) }),
            let threshold = json["threshold"],
            threshold.isNull || Form.hash(threshold) != nil
        else { return nil }
        for trace in traces {
            guard self.traces[trace.key] == nil else { return nil }
            insert(trace)
        }
        self.threshold = Form.hash(threshold)
    }
}
