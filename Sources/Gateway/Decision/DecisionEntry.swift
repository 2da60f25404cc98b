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

    /// Written member by member in the order of RFC 8785, as there is one for every call.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(768)
        bytes.append(UInt8(ascii: "{"))
        if let argument = decision?.argument {
            Self.add("\"argument\":", argument, to: &bytes)
            bytes.append(UInt8(ascii: ","))
        }
        appendCall(to: &bytes)
        if isCanary { bytes.append(contentsOf: ",\"canary\":true".utf8) }
        Self.add(",\"effective\":", effective, to: &bytes)
        Self.add(",\"gateway\":", gateway, to: &bytes)
        Self.add(",\"kind\":\"gateway.decision\",\"mode\":", mode.rawValue, to: &bytes)
        if !policy.isEmpty { Self.add(",\"policy\":", policy, to: &bytes) }
        if let decision {
            Self.add(",\"reason\":", decision.reason, to: &bytes)
            if let rule = decision.rule { Self.add(",\"rule\":", rule, to: &bytes) }
        }
        Self.add(",\"schema\":\"lockstep.audit/1\",\"time\":", record.time.description, to: &bytes)
        if let decision { Self.add(",\"verdict\":", decision.verdict.rawValue, to: &bytes) }
        bytes.append(UInt8(ascii: "}"))
        return bytes
    }

    private func appendCall(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: "\"call\":{\"arguments\":\"sha256:".utf8)
        for byte in Digest.sha256(JSON.canonical(.object(record.arguments))).bytes {
            bytes.append(Self.digit(byte >> 4))
            bytes.append(Self.digit(byte & 15))
        }
        bytes.append(UInt8(ascii: "\""))
        if let definition = record.definition { Self.add(",\"definition\":", definition, to: &bytes) }
        if !record.delegation.isEmpty {
            bytes.append(contentsOf: ",\"delegation\":".utf8)
            JSON.append(.array(record.delegation.map(JSON.Value.string)), to: &bytes)
        }
        Self.add(",\"principal\":", record.principal.id, to: &bytes)
        bytes.append(contentsOf: ",\"sequence\":".utf8)
        JSON.append(.integer(record.sequence), to: &bytes)
        Self.add(",\"server\":", record.server, to: &bytes)
        Self.add(",\"session\":", record.session, to: &bytes)
        Self.add(",\"tool\":", record.tool, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
    }

    private static func digit(_ nibble: UInt8) -> UInt8 { nibble < 10 ? nibble &+ 0x30 : nibble &+ 0x57 }

    private static func add(_ before: String, _ text: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: before.utf8)
        JSON.append(text: text, to: &bytes)
    }
}
