package import Core

extension ProgressSnapshot {
    /// The version of the JSON form; a reader refuses any other.
    package static let schema = "lockstep.progress/1"

    /// The snapshot as JSON, with every member written; `init(json:)` reads it back to an equal value.
    ///
    /// A measurement that is not a finite number is written as `null`, since JSON has no word for it.
    package var json: JSON.Value {
        [
            "schema": .string(Self.schema), "title": .string(title), "taken": .time(taken),
            "rehearsal": .bool(isRehearsal), "run": .optional(run), "run_state": .string(runState),
            "started_by": .optional(startedBy), "started": .time(started),
            "playbook_digest": .optional(playbookDigest?.description),
            "phases": .array(phases.map(\.json)), "steps": .array(steps.map(\.json)),
            "gates": .array(gates.map(\.json)), "approvals": .array(approvals.map(\.json)),
            "coverage": .array(coverage.map(\.json)), "blockers": .array(blockers.map(\.json)),
            "servers": .array(servers.map(\.json)), "findings": .array(findings.map(\.json)),
            "exceptions": .array(exceptions.map(\.reportJSON)), "gaps": .array(gaps.map(\.json)),
        ]
    }
}

extension JSON.Value {
    static func optional(_ text: String?) -> JSON.Value { text.map { .string($0) } ?? .null }

    /// A time with as many digits as it has, so that reading gives the very same one.
    static func time(_ time: Timestamp?) -> JSON.Value { time.map { .string($0.exact) } ?? .null }

    static func count(_ count: Int) -> JSON.Value { .integer(Int64(count)) }
}

extension Timestamp {
    /// RFC 3339 with milliseconds, or microseconds where there are any.
    var exact: String {
        let rest = microseconds % 1000
        guard rest != 0 else { return description }
        let digits = String(rest < 0 ? rest + 1000 : rest)
        return description.dropLast() + String(repeating: "0", count: 3 - digits.utf8.count) + digits + "Z"
    }
}

extension ProgressSnapshot.Phase {
    fileprivate var json: JSON.Value {
        [
            "number": .count(number), "name": .string(name), "status": .string(status),
            "planned_start": .time(plannedStart), "planned_end": .time(plannedEnd), "started": .time(started),
            "ended": .time(ended),
        ]
    }
}

extension ProgressSnapshot.Step {
    fileprivate var json: JSON.Value {
        [
            "instance": .string(instance), "name": .optional(name), "kind": .string(kind), "state": .string(state),
            "attempts": .count(attempts), "started": .time(started), "ended": .time(ended),
            "summary": .string(summary),
        ]
    }
}

extension ProgressSnapshot.Gate {
    fileprivate var json: JSON.Value {
        [
            "instance": .string(instance), "condition": .string(condition), "verdict": .string(verdict),
            "decided": .time(decided), "samples": .count(samples),
            "measurements": .array(
                measurements.map { measurement in
                    [
                        "name": .string(measurement.name),
                        "last": measurement.last.flatMap { JSON.Value(finite: $0) } ?? .null,
                        "count": .count(measurement.count),
                    ]
                }
            ), "message": .string(message),
        ]
    }
}

extension ProgressSnapshot.Approval {
    fileprivate var json: JSON.Value {
        [
            "instance": .string(instance), "state": .string(state), "needed": .count(needed),
            "votes": .array(
                votes.map { vote in
                    [
                        "person": .string(vote.person), "verdict": .string(vote.verdict),
                        "reason": .string(vote.reason), "time": .time(vote.time),
                        "authenticated": .bool(vote.isAuthenticated),
                    ]
                }
            ), "shown": .optional(shown?.description), "expires": .time(expires),
        ]
    }
}

extension ProgressSnapshot.Coverage {
    fileprivate var json: JSON.Value {
        [
            "name": .string(name), "numerator": .count(numerator), "denominator": .count(denominator),
            "previous_denominator": previousDenominator.map { .count($0) } ?? .null,
        ]
    }
}

extension ProgressSnapshot.Blocker {
    fileprivate var json: JSON.Value {
        [
            "instance": .string(instance), "reason": .string(reason), "waiting_on": .string(waitingOn),
            "since": .time(since), "command": .string(command),
        ]
    }
}

extension ProgressSnapshot.Server {
    fileprivate var json: JSON.Value {
        [
            "id": .string(id), "transport": .string(transport), "security": .string(security),
            "authentication": .string(authentication), "owner": .optional(owner),
            "criticality": .optional(criticality), "tools": tools.map { .count($0) } ?? .null,
            "revisions": .array(revisions.map { .string($0) }), "kind": .string(kind),
        ]
    }
}

extension Exception {
    fileprivate var reportJSON: JSON.Value {
        [
            "id": .string(id), "scope": .string(scope), "owner": .string(owner), "reason": .string(reason),
            "created_by": .string(createdBy), "created": .time(created), "expires": .time(expires),
            "closed": .time(closed), "authenticated": .bool(isAuthenticated),
        ]
    }
}
