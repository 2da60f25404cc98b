import Core
import Policies
import Testing

@testable import Gateway

/// An entry is written without the value that it stands for, and says the same.
@Suite struct DecisionEntryTests {
    private static func record(_ definition: String?, _ delegation: [String]) -> CallRecord {
        CallRecord(
            time: Timestamp(microseconds: 1_700_000_000_123_456),
            session: "s \"1\"\n\u{E9}",
            sequence: 7,
            principal: CallRecord.Principal(id: "agent", kind: .jwt),
            delegation: delegation,
            server: "files",
            tool: "read",
            definition: definition,
            arguments: ["path": "/a", "b": [1, 2.5, .null], "a": ["x": true]]
        )
    }

    /// What is written, as a value.
    private static func value(_ entry: DecisionEntry) -> JSON.Value {
        let arguments = Digest.sha256(JSON.canonical(.object(entry.record.arguments))).description
        var call: JSON.Object = [
            "arguments": .string(arguments), "principal": .string(entry.record.principal.id),
            "sequence": .integer(entry.record.sequence), "server": .string(entry.record.server),
            "session": .string(entry.record.session), "tool": .string(entry.record.tool),
        ]
        call["definition"] = entry.record.definition.map(JSON.Value.string)
        if !entry.record.delegation.isEmpty {
            call["delegation"] = .array(entry.record.delegation.map(JSON.Value.string))
        }
        var value: JSON.Object = [
            "call": .object(call), "effective": .string(entry.effective), "gateway": .string(entry.gateway),
            "mode": .string(entry.mode.rawValue), "kind": "gateway.decision", "schema": "lockstep.audit/1",
            "time": .string(entry.record.time.description),
        ]
        if entry.isCanary { value["canary"] = true }
        if !entry.policy.isEmpty { value["policy"] = .string(entry.policy) }
        if let decision = entry.decision {
            value["verdict"] = .string(decision.verdict.rawValue)
            value["reason"] = .string(decision.reason)
            value["rule"] = decision.rule.map(JSON.Value.string)
            value["argument"] = decision.argument.map(JSON.Value.string)
        }
        return .object(value)
    }

    @Test(arguments: [nil, "sha256:00"], [[], ["user:a", "b\u{1F600}"]])
    func `an entry is the canonical text of what it says`(_ definition: String?, _ delegation: [String]) {
        let decisions: [Decision?] = [
            nil, Decision(.allow, rule: "r\t1", reason: "allowed"), Decision(.deny, reason: "no-rule"),
            Decision(.deny, rule: "r", argument: "a/b", reason: "value"),
        ]
        for decision in decisions {
            for policy in ["", "sha256:11"] {
                for isCanary in [false, true] {
                    let entry = DecisionEntry(
                        gateway: "g",
                        record: Self.record(definition, delegation),
                        decision: decision,
                        effective: "allow",
                        policy: policy,
                        mode: .enforce,
                        isCanary: isCanary
                    )
                    #expect(entry.bytes == JSON.canonical(Self.value(entry)))
                }
            }
        }
    }
}
