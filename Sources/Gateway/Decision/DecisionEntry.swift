import Core
import Policies

/// What the audit log keeps of a decision: who, what and why, and the arguments by their digest only.
///
/// An entry of kind `gateway.decision` (`lockstep.audit/1`), canonical as RFC 8785 says. An argument's value never enters it: the
/// log is kept for years, and shown to people who may not see the data.
struct DecisionEntry {
    let gateway: String
    let record: CallRecord
    let decision: Decision?
    /// What was done, after the mode was asked.
    let effective: String
    let policy: String
    let mode: GatewayConfiguration.Mode
    var isCanary = false

    var bytes: [UInt8] {
        var call: JSON.Object = [
            "arguments": .string(Digest.sha256(JSON.canonical(.object(record.arguments))).description),
            "principal": .string(record.principal.id), "sequence": .integer(record.sequence),
            "server": .string(record.server), "session": .string(record.session), "tool": .string(record.tool),
        ]
        call["definition"] = record.definition.map(JSON.Value.string)
        if !record.delegation.isEmpty { call["delegation"] = .array(record.delegation.map(JSON.Value.string)) }
        var entry: JSON.Object = [
            "call": .object(call), "effective": .string(effective), "gateway": .string(gateway),
            "mode": .string(mode.rawValue), "kind": "gateway.decision", "schema": "lockstep.audit/1",
            "time": .string(record.time.description),
        ]
        if isCanary { entry["canary"] = true }
        if !policy.isEmpty { entry["policy"] = .string(policy) }
        if let decision {
            entry["verdict"] = .string(decision.verdict.rawValue)
            entry["reason"] = .string(decision.reason)
            entry["rule"] = decision.rule.map(JSON.Value.string)
            entry["argument"] = decision.argument.map(JSON.Value.string)
        }
        return JSON.canonical(.object(entry))
    }
}
