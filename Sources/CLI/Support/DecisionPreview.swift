import Actions
import Core
import Policies
import Traffic

/// What decisions would change: in the policy, and for the calls that were recorded.
struct DecisionPreview {
    private let difference: PolicyDifference
    private let comparison: PolicyComparison?

    init(from old: Policy, to new: Policy, over recordings: [String]) throws {
        difference = PolicyDifference(from: old, to: new)
        comparison =
            recordings.isEmpty || difference.isEmpty
            ? nil
            : try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try PolicyComparison(from: old, to: new, over: recordings)
            }
    }

    /// For a terminal: the changes, then the calls that another decision would meet.
    var lines: [String] {
        if difference.isEmpty { return ["the decisions change nothing"] }
        var lines = [difference.table]
        guard let comparison else { return lines + ["what that means for calls is known from recordings only"] }
        lines.append(
            "of \(counted(comparison.calls, "recorded call")) \(comparison.denied) more would be denied, "
                + "\(comparison.allowed) more allowed"
        )
        if comparison.turns.isEmpty { return lines }
        let rows = comparison.turns.sorted { left, right in
            if left.value.count != right.value.count { return left.value.count > right.value.count }
            let (one, other) = (left.value.first, right.value.first)
            return (one.session, one.sequence) < (other.session, other.sequence)
        }
        .prefix(40).map { turn, calls in
            [
                String(calls.count), turn.tool.description, turn.argument ?? "",
                "\(turn.before.rawValue) -> \(turn.after.rawValue)", turn.reason,
                "\(calls.first.session)#\(calls.first.sequence)",
            ]
        }
        lines.append(Output.table(["calls", "tool", "argument", "decision", "reason", "first"], rows))
        return lines
    }
}
