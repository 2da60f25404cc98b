import Core
import NIOCore
import Policies
import Wire

/// What is seen of one request from its arrival to the end of its answer.
///
/// They are used again, one after the other, so that watching costs no memory of its own. On one event loop only.
final class Observation {
    var event = RequestEvent()
    /// Further calls of the same request, where it is a batch.
    var more: [Call] = []
    private var began: UInt64 = 0
    private var sent: UInt64 = 0

    /// What is told of each call.
    struct Call {
        let method: String
        let name: String
        let isKnown: Bool
        let id: [UInt8]
        let verdict: RequestEvent.Verdict
        let reason: String?
        let rule: String?
        let arguments: JSON.Object
    }

    fileprivate func begin(_ now: UInt64) {
        event = RequestEvent()
        more.removeAll(keepingCapacity: true)
        (began, sent) = (now, 0)
    }

    private static var now: UInt64 { NIODeadline.now().uptimeNanoseconds }

    func decided() { event.decideTime = Int64(clamping: Self.now - began) }

    func wasSent() { sent = Self.now }

    func wasAnswered() { if event.upstreamTime == nil { event.upstreamTime = Int64(clamping: Self.now - sent) } }

    fileprivate func end() { event.wholeTime = Int64(clamping: Self.now - began) }

    func note(_ call: Call) {
        guard event.method.isEmpty else { return more.append(call) }
        event.take(call)
    }

    func refused(_ verdict: RequestEvent.Verdict, _ reason: String, fault: String? = nil) {
        event.verdict = verdict
        event.reason = reason
        event.fault = fault
    }
}

extension RequestEvent {
    fileprivate mutating func take(_ call: Observation.Call) {
        (method, name, id, verdict) = (call.method, call.name, call.id, call.verdict)
        isKnown = call.isKnown
        (reason, rule, arguments) = (call.reason, call.rule, call.arguments)
    }
}

/// Watches the requests of one event loop.
final class Observer {
    private let observatory: Observatory
    private let notes: LoopNotes
    private var kept: [Observation] = []
    private static let mostKept = 1_024

    init(_ observatory: Observatory) {
        self.observatory = observatory
        notes = observatory.newLoop()
    }

    /// Whether there is somebody for whom more than figures is taken down.
    var isWatched: Bool { observatory.isWatched }
    var takesArguments: Bool { observatory.isWatched && observatory.takesArguments }

    func begin() -> Observation {
        let observation = kept.popLast() ?? Observation()
        observation.begin(NIODeadline.now().uptimeNanoseconds)
        return observation
    }

    func end(_ observation: Observation) {
        observation.end()
        let isKept = observatory.isWatched
        // What all of a batch came to is that of each of its calls; its bytes are the first one's.
        if !notes.add(observation.event, isKept: isKept) { observatory.lost(.ring) }
        for call in observation.more {
            observation.event.take(call)
            (observation.event.bytesIn, observation.event.bytesOut) = (0, 0)
            if !notes.add(observation.event, isKept: isKept) { observatory.lost(.ring) }
        }
        guard kept.count < Self.mostKept else { return }
        observation.event = RequestEvent()
        kept.append(observation)
    }

    func opened() { notes.changeConnections(by: 1) }
    func closed() { notes.changeConnections(by: -1) }
}

extension Observation {
    /// Takes down what was decided about the messages of a request.
    func note(_ messages: [PassingMessage], _ judge: Judge, _ ruling: Judge.Ruling, takesArguments: Bool) {
        let passes = if case .passes = ruling { true } else { false }
        if case .refused(let refusal) = ruling {
            refused(.refused, refusal.reason.rawValue, fault: String(refusal.code))
            if let message = messages.first { event.method = message.method }
            return
        }
        if case .denied = ruling { return refused(.refused, "denied") }
        let isAsked = if case .asked = judge.denial { true } else { false }
        for call in judge.calls {
            let decision = call.use?.decision
            var (verdict, reason) = (RequestEvent.Verdict.pass, decision?.reason)
            if call.use != nil {
                let isAllowed = decision.map { $0.verdict == .allow || Self.isGranted($0, judge.mode) } ?? true
                if passes {
                    verdict = isAllowed ? .allow : .shadow
                } else if decision?.verdict == .ask, isAsked {
                    verdict = .ask
                } else {
                    verdict = .deny
                    // One that is allowed by itself goes down with its batch.
                    if decision?.verdict == .allow { reason = "batch" }
                }
            }
            let isNamed = call.meaning == .call || call.meaning == .getPrompt
            note(
                Call(
                    method: call.method,
                    name: isNamed ? call.name : "",
                    isKnown: judge.isKnown(call),
                    id: call.id,
                    verdict: verdict,
                    reason: reason,
                    rule: decision?.rule,
                    arguments: takesArguments ? call.use?.record.arguments ?? [:] : [:]
                )
            )
        }
        if event.method.isEmpty, let message = messages.first { event.method = message.method }
        guard !passes else { return }
        event.fault = judge.denial?.code
        if event.verdict == .pass { refused(.deny, judge.denial?.reason ?? "denied", fault: judge.denial?.code) }
    }

    /// What a person allowed once passes in every mode.
    private static func isGranted(_ decision: Decision, _ mode: GatewayConfiguration.Mode) -> Bool {
        mode == .enforce && decision.verdict == .ask
    }
}
