import Core
import Identity
import Wire

/// What a message says about why it is sent.
extension Judge {
    /// What nobody asked for cannot be answered: input for a server that did not want any.
    func answersNothing(
        _ message: PassingMessage,
        _ name: String,
        _ outline: JSON.Outline,
        _ bytes: Span<UInt8>
    ) -> Refusal? {
        guard message.requestState != nil || message.inputResponses != nil else { return nil }
        let state = message.requestState.flatMap { outline.text(of: $0, in: bytes) } ?? ""
        let key = InputRequests.Key(
            principal: caller.principal.id,
            route: route.path,
            method: message.method,
            name: name,
            state: .sha256(Array(state.utf8))
        )
        if shared.inputs.isAsked(key, at: now) { return nil }
        return Refusal(.invalidParams, .params, "nothing was asked that this could answer", id: message.idRange)
    }

    struct TaskFault: Error {
        let error: GatewayError
    }

    func task(
        _ message: PassingMessage,
        _ outline: JSON.Outline,
        _ bytes: Span<UInt8>
    ) -> Result<(CallRecord.Task?, Bool), TaskFault> {
        let purpose = caller.purpose.map { CallRecord.Task(id: $0, assurance: .signed) }
        guard let node = message.declaredTask else { return .success((purpose, purpose != nil)) }
        let refused = TaskFault(error: .denied(reason: "task", argument: nil))
        do throws(TokenFault) {
            let isKnown = caller.principal.kind == .jwt || caller.principal.kind == .spiffe
            let statement = try TaskStatement(
                outline.value(of: node, in: bytes),
                principal: isKnown ? caller.principal.id : nil,
                resource: settings.resource(of: route),
                orchestrators: settings.proofs.orchestrators,
                now: now
            )
            // Two that vouch for different tasks vouch for none.
            guard purpose == nil || purpose?.id == statement.id else { return .failure(refused) }
            if statement.assurance == .signed {
                return .success((CallRecord.Task(id: statement.id, text: statement.text, assurance: .signed), true))
            }
            // Its words are the caller's own, and explain nothing.
            let declared = CallRecord.Task(id: statement.id, assurance: .declared)
            return .success((purpose ?? declared, purpose != nil))
        } catch {
            return .failure(refused)
        }
    }

    /// The trace of a W3C `traceparent`.
    static func trace(_ message: PassingMessage, _ outline: JSON.Outline, _ bytes: Span<UInt8>) -> String? {
        guard let node = message.traceparent, let text = outline.text(of: node, in: bytes) else { return nil }
        let utf8 = text.utf8.span
        var dashes = InlineArray<3, Int>(repeating: 0)
        var count = 0
        for at in utf8.indices where utf8[at] == UInt8(ascii: "-") {
            dashes[count] = at
            count += 1
            if count == 3 { break }
        }
        guard count == 3, dashes[1] - dashes[0] == 33 else { return nil }
        var digits: [UInt8] = []
        digits.reserveCapacity(32)
        var isZero = true
        for at in (dashes[0] + 1)..<dashes[1] {
            let digit = utf8[at]
            guard (0x30...0x39).contains(digit) || (0x61...0x66).contains(digit | 0x20) else { return nil }
            if digit != 0x30 { isZero = false }
            digits.append(digit | 0x20)
        }
        return isZero ? nil : String(decoding: digits, as: UTF8.self)
    }
}
