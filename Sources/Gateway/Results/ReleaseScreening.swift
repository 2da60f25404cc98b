import Core
import Inspection
import Policies
import Synchronization
import Wire

/// How much an answer brings, and whether it speaks to the model.
extension ReleaseDesk {
    mutating func screened(_ message: PassingMessage, _ call: PendingCall?, _ bytes: Span<UInt8>) -> Verdict {
        if message.kind == .error { fault = code(of: message, bytes) }
        let results = configuration.results
        let isCounted = results.mostItems != nil || results.mostItemsASession != nil
        let mayHoldSigns = results.instructions != .pass && ResultScreen.mayHoldSigns(bytes)
        let needsText = call?.use != nil
        guard isCounted || mayHoldSigns || needsText else { return .passes }
        let value = worker.reader.outline.value(of: message.node, in: bytes)
        var count: Int?
        if isCounted || needsText {
            let cap = max(results.mostItems ?? 0, results.mostItemsASession ?? 0, 1_000) + 1
            let found = ItemCount.count(value, upTo: cap)
            count = found
            items += found
            if isOverLimit(found, call), configuration.mode != .record {
                return overLimit(call)
            }
        }
        let signs = mayHoldSigns ? ResultScreen.screen(value) : []
        if let use = call?.use {
            if value["result"]?["isError"]?.bool == true { fault = "tool_error" }
            finish(use, value, items: count, isError: message.kind == .error, signs: !signs.isEmpty)
        }
        guard !signs.isEmpty, configuration.mode == .enforce else { return .passes }
        shared.counters.count(.withheld)
        if results.instructions == .block, call != nil { fault = signs[0].code }
        switch results.instructions {
        case .pass: return .passes
        case .annotate where call?.meaning == .call:
            return .replaced(JSON.canonical(ResultScreen.annotated(value, signs)))
        case .block where call != nil && call?.meaning != .lifecycle:
            return .replaced(GatewayError.withheld(reason: signs[0].code).body(id: call?.id))
        case .block where call == nil: return .dropped
        case .annotate, .redact, .block:
            if let redacted = ResultScreen.redacted(value, signs) { return .replaced(JSON.canonical(redacted)) }
            guard let call else { return .dropped }
            return .replaced(GatewayError.withheld(reason: signs[0].code).body(id: call.id))
        }
    }

    /// Whether the answer, or all answers of the conversation, brought more than may leave.
    func isOverLimit(_ found: Int, _ call: PendingCall?) -> Bool {
        let results = configuration.results
        if let most = results.mostItems, items > most { return true }
        guard let most = results.mostItemsASession else { return false }
        guard let use = (call ?? passage.calls.first)?.use else { return false }
        let sum = use.conversation.state.withLock { state in
            state.items += found
            return state.items
        }
        return max(sum, use.tally.map { shared.tallies.items(found, $0, at: shared.now()) } ?? 0) > most
    }

    mutating func overLimit(_ call: PendingCall?) -> Verdict {
        let call = call ?? order.first { pending[$0] != nil }.flatMap { pending[$0] }
        shared.counters.count(.withheld)
        shared.counters.count(.killed)
        fault = "limit"
        if let use = call?.use { finish(use, nil, isError: true, outcome: .killed) }
        pending = [:]
        isEnded = true
        // The principal in whose name a canary came did nothing.
        if passage.caller.canary == nil { shared.kill(passage.caller.principal.id, reason: "result-limit") }
        return .overLimit(GatewayError.withheld(reason: "limit").body(id: call?.id))
    }

    /// The code of an error, as text.
    func code(of message: PassingMessage, _ bytes: Span<UInt8>) -> String {
        let outline = worker.reader.outline
        guard let node = message.error.flatMap({ outline.member("code", of: $0, in: bytes) }) else { return "_OTHER" }
        let range = outline.range(of: node)
        guard range.count <= 12 else { return "_OTHER" }
        return String(decoding: Judge.copy(bytes, range), as: UTF8.self)
    }
}
