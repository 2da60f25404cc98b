package import Core
package import Ledger
import Playbooks

/// A row of the ledger that is no event of this version.
package struct EventFault: Error, CustomStringConvertible {
    package var sequence: Int
    package var kind: String

    package var description: String { "event \(sequence) (`\(kind)`) cannot be read" }
}

/// Reads the members of one event; every missing or misshapen one is a fault of the whole event.
private struct Payload {
    let object: JSON.Object
    let fault: EventFault

    func value(_ key: String) throws(EventFault) -> JSON.Value {
        guard let value = object[key] else { throw fault }
        return value
    }

    func text(_ key: String) throws(EventFault) -> String { try some(value(key).string) }
    func int(_ key: String) throws(EventFault) -> Int { try Int(some(value(key).int)) }
    func time(_ key: String) throws(EventFault) -> Timestamp { try Timestamp(microseconds: some(value(key).int)) }
    func optional(_ key: String) -> String? { object[key]?.string }
    func strings(_ key: String) throws(EventFault) -> [String] { try some(value(key).array).compactMap(\.string) }
    func object(_ key: String) throws(EventFault) -> JSON.Object { try some(value(key).object) }
    func payload(_ key: String) throws(EventFault) -> Payload { Payload(object: try object(key), fault: fault) }

    func some<Wrapped>(_ value: Wrapped?) throws(EventFault) -> Wrapped {
        guard let value else { throw fault }
        return value
    }

    func word<Word: RawRepresentable<String>>(_ key: String, _ type: Word.Type) throws(EventFault) -> Word {
        try some(Word(rawValue: text(key)))
    }

    func digest(_ key: String) throws(EventFault) -> Digest { try some(Digest(text(key))) }

    func pending() throws(EventFault) -> RunEvent.Pending {
        RunEvent.Pending(
            kind: try word("kind", RunEvent.Pending.Kind.self),
            generation: try int("generation"),
            due: try time("due"),
            note: optional("note")
        )
    }

    func optionalWaiver(_ key: String) throws(EventFault) -> GateWaiver? {
        guard let inner = object[key] else { return nil }
        return try some(inner.object.flatMap { GateWaiver($0) })
    }

    func optionalPending(_ key: String) throws(EventFault) -> RunEvent.Pending? {
        guard let inner = object[key]?.object else { return nil }
        return try Payload(object: inner, fault: fault).pending()
    }
}

extension RunEvent {
    /// Reads what `record` wrote.
    package init(_ record: EventRecord, run: RunID) throws(EventFault) {
        let fault = EventFault(sequence: record.sequence, kind: record.kind)
        guard let object = (try? JSON.parse(record.payload))?.object else { throw fault }
        let payload = Payload(object: object, fault: fault)
        let instance = StepInstance(parsing: record.instance)
        var body = try Self.runEvent(record.kind, payload)
        if body == nil { body = try Self.stepEvent(record.kind, instance, payload) }
        if body == nil {
            body = try Self.checkpointEvent(record.kind, instance, payload, run: run, time: record.time)
        }
        self.init(try payload.some(body), at: record.time)
    }

    private static func runEvent(_ kind: String, _ payload: Payload) throws(EventFault) -> Body? {
        switch kind {
        case "run.created":
            .created(
                inputs: try payload.object("inputs"),
                startedBy: try payload.text("by"),
                digest: try payload.text("digest"),
                origin: payload.object["origin"]?.object
            )
        case "run.queued": .queued(behind: RunID(try payload.text("behind")))
        case "run.dequeued": .dequeued
        case "run.paused": .paused(by: try payload.text("by"), reason: try payload.text("reason"))
        case "run.resumed": .resumed(by: try payload.text("by"))
        case "run.cancel-requested":
            .cancelRequested(by: try payload.text("by"), reason: try payload.text("reason"))
        case "run.rollback-requested":
            .rollbackRequested(
                by: try payload.text("by"),
                reason: try payload.text("reason"),
                to: payload.optional("to").map { StepID($0) }
            )
        case "run.retried":
            .retried(
                from: StepID(try payload.text("from")),
                reason: payload.optional("reason"),
                by: try payload.text("by")
            )
        case "run.attention": .attention(reason: try payload.text("reason"))
        case "clock.jumped":
            // The first version recorded only where the clock should have been.
            .clockJumped(
                from: try payload.time("from"),
                to: payload.object["to"] == nil ? try payload.time("from") : try payload.time("to")
            )
        case "run.ended":
            .ended(
                try payload.word("state", RunState.self),
                reason: payload.optional("reason"),
                outputs: try payload.object("outputs")
            )
        default: nil
        }
    }

    private static func stepEvent(
        _ kind: String,
        _ instance: StepInstance,
        _ payload: Payload
    ) throws(EventFault) -> Body? {
        switch kind {
        case "step.expanded":
            .expanded(
                instance,
                items: try items(payload),
                waves: try payload.some(payload.value("waves").array).compactMap { $0.int.map(Int.init) }
            )
        case "step.skipped":
            .skipped(instance, reason: try payload.text("reason"), by: payload.optional("by"))
        case "step.waits": .waits(instance, try payload.pending())
        case "step.started":
            .started(
                instance,
                Attempt(
                    number: try payload.int("attempt"),
                    key: try payload.text("key"),
                    action: ActionName(try payload.text("action")),
                    version: try payload.int("version"),
                    effect: try payload.word("effect", ActionSchema.Effect.self),
                    parameters: try payload.object("parameters")
                )
            )
        case "step.succeeded": .succeeded(instance, try result(payload))
        case "step.failed":
            .failed(
                instance,
                StepError(
                    try payload.word("code", StepError.Code.self),
                    try payload.text("message"),
                    help: payload.optional("help")
                ),
                retry: try payload.optionalPending("retry")
            )
        case "step.cancelled": .cancelled(instance)
        case "step.asked": .asked(instance, question: try payload.text("question"))
        case "step.child-started": .childStarted(instance, RunID(try payload.text("run")))
        default: nil
        }
    }

    private static func checkpointEvent(
        _ kind: String,
        _ instance: StepInstance,
        _ payload: Payload,
        run: RunID,
        time: Timestamp
    ) throws(EventFault) -> Body? {
        switch kind {
        case "gate.opened": .gateOpened(instance)
        case "gate.sampled":
            .sampled(
                instance,
                GateMachine.Sample(
                    time: try payload.time("time"),
                    outcome: try payload.word("outcome", GateResult.self),
                    measurements: try numbers(payload)
                ),
                note: payload.optional("note"),
                next: try payload.optionalPending("next")
            )
        case "gate.decided":
            .decided(
                instance,
                try payload.word("result", GateResult.self),
                reason: try payload.text("reason"),
                waiver: try payload.optionalWaiver("waiver")
            )
        case "approval.opened":
            .approvalOpened(
                ApprovalRecord(
                    run: run,
                    instance: instance,
                    generation: try payload.int("generation"),
                    state: .open,
                    opened: time,
                    shown: Array(try payload.text("shown").utf8),
                    digest: try payload.digest("digest"),
                    approvers: try payload.strings("approvers"),
                    quorum: try payload.int("quorum"),
                    excluded: try payload.strings("excluded"),
                    required: try payload.strings("required"),
                    ticket: payload.optional("ticket"),
                    expires: try payload.time("expires")
                )
            )
        case "approval.voted":
            .voted(
                VoteRecord(
                    run: run,
                    instance: instance,
                    generation: try payload.int("generation"),
                    number: try payload.int("number"),
                    person: PersonID(try payload.text("person")),
                    verdict: try payload.text("verdict"),
                    reason: try payload.text("reason"),
                    ticket: payload.optional("ticket"),
                    isAuthenticated: try payload.some(payload.value("authenticated").bool),
                    shown: try payload.digest("shown"),
                    proof: payload.optional("proof"),
                    time: time
                )
            )
        case "approval.escalated":
            .escalated(instance, approvers: try payload.strings("approvers"), expires: try payload.time("expires"))
        case "approval.decided":
            .approvalDecided(
                instance,
                try payload.word("state", ApprovalRecord.State.self),
                note: try payload.text("note")
            )
        default: nil
        }
    }

    private static func items(_ payload: Payload) throws(EventFault) -> [Item] {
        var items: [Item] = []
        for element in try payload.some(payload.value("items").array) {
            items.append(
                Item(key: try payload.some(element["key"]?.string), value: try payload.some(element["value"]))
            )
        }
        return items
    }

    private static func numbers(_ payload: Payload) throws(EventFault) -> [String: Double] {
        var numbers: [String: Double] = [:]
        for (name, value) in try payload.object("measurements") { numbers[name] = try payload.some(value.double) }
        return numbers
    }

    private static func result(_ payload: Payload) throws(EventFault) -> ActionResult {
        var result = ActionResult(outputs: try payload.object("outputs"), summary: try payload.text("summary"))
        for element in payload.object["evidence"]?.array ?? [] {
            let item = Payload(object: try payload.some(element.object), fault: payload.fault)
            result.evidence.append(
                Evidence(
                    name: try item.text("name"),
                    digest: try item.digest("digest"),
                    mediaType: try item.text("media_type"),
                    byteCount: try item.int("bytes"),
                    controls: try item.strings("controls")
                )
            )
        }
        return result
    }
}
