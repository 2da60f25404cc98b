import Core
import Ledger
import Playbooks

extension RunEvent {
    /// The stable name of its kind in the ledger.
    var kind: String {
        switch body {
        case .created: "run.created"
        case .queued: "run.queued"
        case .dequeued: "run.dequeued"
        case .paused: "run.paused"
        case .resumed: "run.resumed"
        case .cancelRequested: "run.cancel-requested"
        case .rollbackRequested: "run.rollback-requested"
        case .retried: "run.retried"
        case .attention: "run.attention"
        case .clockJumped: "clock.jumped"
        case .ended: "run.ended"
        case .expanded: "step.expanded"
        case .skipped: "step.skipped"
        case .waits: "step.waits"
        case .started: "step.started"
        case .succeeded: "step.succeeded"
        case .failed: "step.failed"
        case .cancelled: "step.cancelled"
        case .asked: "step.asked"
        case .childStarted: "step.child-started"
        case .gateOpened: "gate.opened"
        case .sampled: "gate.sampled"
        case .decided: "gate.decided"
        case .approvalOpened: "approval.opened"
        case .voted: "approval.voted"
        case .escalated: "approval.escalated"
        case .approvalDecided: "approval.decided"
        }
    }

    var payload: JSON.Object {
        switch body {
        case .created(let inputs, let by, let digest, let origin):
            Self.created(["inputs": .object(inputs), "by": .string(by), "digest": .string(digest)], origin)
        case .queued(let other): ["behind": .string(other.text)]
        case .dequeued, .cancelled, .gateOpened: [:]
        case .paused(let by, let reason), .cancelRequested(let by, let reason):
            ["by": .string(by), "reason": .string(reason)]
        case .rollbackRequested(let by, let reason, let step):
            ["by": .string(by), "reason": .string(reason), "to": JSON.Value(step?.text)]
        case .resumed(let by): ["by": .string(by)]
        case .retried(let step, let reason?, let by):
            ["from": .string(step.text), "by": .string(by), "reason": .string(reason)]
        case .retried(let step, nil, let by): ["from": .string(step.text), "by": .string(by)]
        case .attention(let reason): ["reason": .string(reason)]
        case .clockJumped(let from, let to): ["from": JSON.Value(from), "to": JSON.Value(to)]
        case .ended(let state, let reason, let outputs):
            ["state": .string(state.rawValue), "reason": JSON.Value(reason), "outputs": .object(outputs)]
        case .expanded(_, let items, let waves):
            [
                "items": .array(items.map { ["key": .string($0.key), "value": $0.value] }),
                "waves": .array(waves.map { .integer(Int64($0)) }),
            ]
        case .skipped(_, let reason, let by): ["reason": .string(reason), "by": JSON.Value(by)]
        case .waits(_, let pending): pending.json
        case .started(_, let attempt): attempt.json
        case .succeeded(_, let result): result.json
        case .failed(_, let error, let retry):
            [
                "code": .string(error.code.rawValue), "message": .string(error.message), "help": JSON.Value(error.help),
                "retry": retry.map { .object($0.json) } ?? .null,
            ]
        case .asked(_, let question): ["question": .string(question)]
        case .childStarted(_, let run): ["run": .string(run.text)]
        case .sampled(_, let sample, let note, let next):
            [
                "time": JSON.Value(sample.time), "outcome": .string(sample.outcome.rawValue),
                "measurements": .object(sample.json), "note": JSON.Value(note),
                "next": next.map { .object($0.json) } ?? .null,
            ]
        case .decided(_, let result, let reason, let waiver):
            Self.decided(result, reason, waiver)
        case .approvalOpened(let record): record.json
        case .voted(let vote): vote.json
        case .escalated(_, let approvers, let expires):
            ["approvers": JSON.Value(approvers), "expires": JSON.Value(expires)]
        case .approvalDecided(_, let state, let note): ["state": .string(state.rawValue), "note": .string(note)]
        }
    }

    private static func decided(_ result: GateResult, _ reason: String, _ waiver: GateWaiver?) -> JSON.Object {
        var payload: JSON.Object = ["result": .string(result.rawValue), "reason": .string(reason)]
        if let waiver { payload["waiver"] = .object(waiver.json) }
        return payload
    }

    private static func created(_ payload: JSON.Object, _ origin: JSON.Object?) -> JSON.Object {
        var payload = payload
        if let origin { payload["origin"] = .object(origin) }
        return payload
    }

    func record(sequence: Int) -> EventRecord {
        EventRecord(
            sequence: sequence,
            time: time,
            kind: kind,
            instance: instance?.description ?? "",
            payload: String(decoding: canonicalPayload, as: UTF8.self)
        )
    }

    /// The payload as canonical JSON.
    ///
    /// What every step writes is put down as it comes: making an object first, only to sort it, costs several times that.
    private var canonicalPayload: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        switch body {
        case .started(_, let attempt): attempt.appendCanonical(to: &bytes)
        case .succeeded(_, let result) where result.evidence.isEmpty: result.appendCanonical(to: &bytes)
        default: JSON.append(.object(payload), to: &bytes)
        }
        return bytes
    }
}

extension JSON.Value {
    init(_ text: String?) { self = text.map(JSON.Value.string) ?? .null }
    init(_ time: Timestamp) { self = .integer(time.microseconds) }
    init(_ strings: [String]) { self = .array(strings.map(JSON.Value.string)) }
}

extension RunEvent.Pending {
    var json: JSON.Object {
        [
            "kind": .string(kind.rawValue), "generation": .integer(Int64(generation)), "due": JSON.Value(due),
            "note": JSON.Value(note),
        ]
    }
}

extension RunEvent.Attempt {
    var json: JSON.Object {
        [
            "attempt": .integer(Int64(number)), "key": .string(key), "action": .string(action.text),
            "version": .integer(Int64(version)), "effect": .string(effect.rawValue), "parameters": .object(parameters),
        ]
    }
}

extension RunEvent.Attempt {
    /// As `json`, with the keys in the order of RFC 8785.
    fileprivate func appendCanonical(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: #"{"action":"#.utf8)
        JSON.append(text: action.text, to: &bytes)
        bytes.append(contentsOf: #","attempt":"#.utf8)
        JSON.append(.integer(Int64(number)), to: &bytes)
        bytes.append(contentsOf: #","effect":"#.utf8)
        JSON.append(text: effect.rawValue, to: &bytes)
        bytes.append(contentsOf: #","key":"#.utf8)
        JSON.append(text: key, to: &bytes)
        bytes.append(contentsOf: #","parameters":"#.utf8)
        JSON.append(.object(parameters), to: &bytes)
        bytes.append(contentsOf: #","version":"#.utf8)
        JSON.append(.integer(Int64(version)), to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }
}

extension ActionResult {
    /// As `json` where there is no evidence, with the keys in the order of RFC 8785.
    fileprivate func appendCanonical(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: #"{"outputs":"#.utf8)
        JSON.append(.object(outputs), to: &bytes)
        bytes.append(contentsOf: #","summary":"#.utf8)
        JSON.append(text: summary, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    var json: JSON.Object {
        var object: JSON.Object = ["outputs": .object(outputs), "summary": .string(summary)]
        guard !evidence.isEmpty else { return object }
        object["evidence"] = .array(
            evidence.map { item in
                [
                    "name": .string(item.name), "digest": .string(item.digest.description),
                    "media_type": .string(item.mediaType), "bytes": .integer(Int64(item.byteCount)),
                    "controls": JSON.Value(item.controls),
                ]
            }
        )
        return object
    }
}

extension GateMachine.Sample {
    var json: JSON.Object {
        JSON.Object(measurements.sorted { $0.key < $1.key }.map { ($0.key, .number($0.value)) })
    }
}

extension ApprovalRecord {
    var json: JSON.Object {
        [
            "generation": .integer(Int64(generation)), "shown": .string(String(decoding: shown, as: UTF8.self)),
            "digest": .string(digest.description), "approvers": JSON.Value(approvers),
            "quorum": .integer(Int64(quorum)), "excluded": JSON.Value(excluded), "required": JSON.Value(required),
            "ticket": JSON.Value(ticket), "expires": JSON.Value(expires),
        ]
    }
}

extension VoteRecord {
    var json: JSON.Object {
        [
            "generation": .integer(Int64(generation)), "number": .integer(Int64(number)),
            "person": .string(person.text), "verdict": .string(verdict), "reason": .string(reason),
            "ticket": JSON.Value(ticket), "authenticated": .bool(isAuthenticated),
            "shown": .string(shown.description), "proof": JSON.Value(proof),
        ]
    }
}
