import Core
import FoundationEssentials
import GRDB

/// Rows as records.
extension Ledger {
    static func run(_ row: Row) throws -> RunRecord {
        guard let state = RunState(rawValue: row["state"]), let digest = Digest(row["digest"]) else {
            throw LedgerError(.corrupt, "the row of run `\(row["id"] as String)` makes no sense")
        }
        var run = RunRecord(
            id: RunID(row["id"]),
            playbook: row["playbook"],
            name: row["name"],
            version: row["version"],
            phase: row["phase"],
            digest: digest,
            file: row["file"],
            inputs: try object(row["inputs"]),
            startedBy: row["started_by"],
            state: state,
            created: Timestamp(microseconds: row["created"])
        )
        for (action, version) in try object(row["pins"]) { run.pins[action] = Int(version.int ?? 0) }
        run.reason = row["reason"]
        run.outputs = try (row["outputs"] as String?).map(object)
        run.updated = Timestamp(microseconds: row["updated"])
        run.ended = (row["ended"] as Int64?).map(Timestamp.init(microseconds:))
        run.group = row["concurrency_group"]
        run.sequence = row["sequence"]
        run.head = Array(row["head"] as Data)
        if let parent = row["parent_run"] as String?, let instance = row["parent_instance"] as String? {
            run.parent = RunRecord.Parent(run: RunID(parent), instance: StepInstance(parsing: instance))
        }
        run.lease = lease(row)
        return run
    }

    static func lease(_ row: Row) -> Lease? {
        guard let token = row["lease_token"] as String? else { return nil }
        return Lease(
            token: token,
            host: row["lease_host"],
            boot: row["lease_boot"],
            process: row["lease_pid"],
            heartbeat: Timestamp(microseconds: row["lease_heartbeat"]),
            expires: Timestamp(microseconds: row["lease_expires"])
        )
    }

    static func step(_ row: Row) throws -> StepRecord {
        guard let state = StepState(rawValue: row["state"]) else {
            throw LedgerError(.corrupt, "the row of step `\(row["instance"] as String)` makes no sense")
        }
        var step = StepRecord(
            instance: StepInstance(StepID(row["step"]), item: row["item"]),
            position: row["position"],
            kind: row["kind"],
            name: row["name"],
            state: state
        )
        step.attempts = row["attempts"]
        step.started = (row["started"] as Int64?).map(Timestamp.init(microseconds:))
        step.ended = (row["ended"] as Int64?).map(Timestamp.init(microseconds:))
        step.result = row["result"]
        step.outputs = try (row["outputs"] as String?).map(object)
        step.error = row["error"]
        step.summary = row["summary"]
        step.waitsFor = row["waits_for"]
        step.due = (row["due"] as Int64?).map(Timestamp.init(microseconds:))
        return step
    }

    static func approval(_ row: Row) throws -> ApprovalRecord {
        guard let state = ApprovalRecord.State(rawValue: row["state"]), let digest = Digest(row["digest"]) else {
            throw LedgerError(.corrupt, "the row of approval `\(row["instance"] as String)` makes no sense")
        }
        var approval = ApprovalRecord(
            run: RunID(row["run"]),
            instance: StepInstance(parsing: row["instance"]),
            generation: row["generation"],
            state: state,
            opened: Timestamp(microseconds: row["opened"]),
            shown: Array(row["shown"] as Data),
            digest: digest,
            approvers: try strings(row["approvers"]),
            quorum: row["quorum"],
            excluded: try strings(row["excluded"]),
            required: try strings(row["required"]),
            ticket: row["ticket"],
            expires: Timestamp(microseconds: row["expires"])
        )
        approval.decided = (row["decided"] as Int64?).map(Timestamp.init(microseconds:))
        approval.note = row["note"]
        return approval
    }

    static func vote(_ row: Row) throws -> VoteRecord {
        guard let shown = Digest(row["shown"]) else {
            throw LedgerError(.corrupt, "a vote of run `\(row["run"] as String)` makes no sense")
        }
        return VoteRecord(
            run: RunID(row["run"]),
            instance: StepInstance(parsing: row["instance"]),
            generation: row["generation"],
            number: row["number"],
            person: PersonID(row["person"]),
            verdict: row["verdict"],
            reason: row["reason"],
            ticket: row["ticket"],
            isAuthenticated: row["authenticated"],
            shown: shown,
            proof: row["proof"],
            time: Timestamp(microseconds: row["time"])
        )
    }

    static func value(_ text: String) throws -> JSON.Value {
        do {
            return try JSON.parse(text)
        } catch {
            throw LedgerError(.corrupt, "a value of the ledger is no json: \(error)")
        }
    }

    static func object(_ text: String) throws -> JSON.Object {
        guard let object = try value(text).object else {
            throw LedgerError(.corrupt, "a value of the ledger is no object")
        }
        return object
    }

    static func strings(_ text: String) throws -> [String] { try value(text).array?.compactMap(\.string) ?? [] }
}
