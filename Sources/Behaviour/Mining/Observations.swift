import Core
import Traffic

/// The values of sampled sessions by tool and path, for leaving sessions, tasks and clients out one by one.
struct Observations {
    struct Place: Hashable {
        var tool: UInt64
        var path: UInt64
    }

    struct Value {
        var session: UInt64
        var task: UInt64?
        var client: UInt64?
        var leaf: TracedLeaf
    }

    struct Call {
        var session: UInt64
        var task: UInt64?
        var leaves: [TracedLeaf]
    }

    private var values: [Place: [Value]] = [:]
    private var calls: [UInt64: [Call]] = [:]
    /// All that are learned from.
    let sessions: Set<UInt64>

    /// Closed reads are left out: what they may be asked is not learned by value.
    init(_ traces: [SessionTrace]) {
        sessions = Set(traces.lazy.map(\.key))
        for trace in traces {
            for call in trace.calls where call.succeeded && call.tier != .read {
                calls[call.tool.key, default: []].append(
                    Call(session: trace.key, task: call.task?.key, leaves: call.leaves)
                )
                for leaf in call.leaves where !leaf.isEmpty {
                    values[Place(tool: call.tool.key, path: leaf.path.key), default: []].append(
                        Value(session: trace.key, task: call.task?.key, client: trace.client?.key, leaf: leaf)
                    )
                }
            }
        }
    }

    /// Successful calls of one tool, each whole.
    func calls(_ tool: UInt64) -> [Call] { calls[tool] ?? [] }

    func values(_ tool: UInt64, _ path: UInt64) -> [Value] { values[Place(tool: tool, path: path)] ?? [] }
}

/// Sessions, tasks or clients, each left out once, and how many of them bring something that the rest does not explain.
package struct LeftOut: Sendable, Hashable {
    package enum Unit: String, Sendable { case session, task, client }
    package var unit: Unit
    package var denied: Int
    package var of: Int

    package var rate: Double { of > 0 ? Double(denied) / Double(of) : 0 }
    package func upperBound(_ confidence: Double) -> Double {
        Binomial.upperBound(denied, of: of, confidence: confidence)
    }
}
