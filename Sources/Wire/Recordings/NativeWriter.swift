package import Core

/// Writes records in the native form, one canonical line each (RFC 8785 and a line feed).
package enum NativeWriter {
    package static func line(_ record: CallRecord) -> [UInt8] {
        var line = RecordLine()
        line.write(record)
        return line.bytes
    }

    /// The record as JSON; what is not known is left out.
    package static func value(_ record: CallRecord) -> JSON.Value {
        var object: JSON.Object = [
            "schema": .string(NativeReader.schema),
            "time": .string(record.time.description),
            "session": .string(record.session),
            "sequence": .integer(record.sequence),
            "principal": ["id": .string(record.principal.id), "kind": .string(record.principal.kind.rawValue)],
            "server": .string(record.server),
            "tool": .string(record.tool),
            "arguments": .object(record.arguments),
            "outcome": .string(record.outcome.rawValue),
        ]
        object["id"] = record.id.map(JSON.Value.string)
        // Readers that do not know the member see a call without arguments, as before.
        if !record.argumentsAreKnown { object["arguments_known"] = .bool(false) }
        if !record.delegation.isEmpty { object["delegation"] = .array(record.delegation.map(JSON.Value.string)) }
        object["client"] = members(("name", text(record.clientName)), ("version", text(record.clientVersion)))
        object["peer"] = members(("address", text(record.peerAddress)))
        object["definition"] = text(record.definition)
        if !record.provenance.isEmpty {
            object["provenance"] = value(record.provenance)
        }
        if record.provenanceIsPartial { object["provenance_partial"] = .bool(true) }
        object["result"] = record.result.map(value)
        object["task"] = record.task.map(value)
        object["duration_ms"] = record.duration.map(milliseconds)
        object["source"] = record.source.map(value)
        return .object(object)
    }

    static func value(_ provenance: [String: [String]]) -> JSON.Value {
        .object(JSON.Object(provenance.map { (key: $0.key, value: .array($0.value.map(JSON.Value.string))) }))
    }

    static func value(_ source: CallRecord.Source) -> JSON.Value {
        var object: JSON.Object = ["importer": .string(source.importer)]
        object["file"] = text(source.file)
        object["line"] = whole(source.line)
        return .object(object)
    }

    static func value(_ result: CallRecord.Result) -> JSON.Value {
        var object: JSON.Object = ["isError": .bool(result.isError)]
        object["text"] = text(result.text)
        object["structured"] = result.structured
        object["bytes"] = whole(result.bytes)
        object["items"] = whole(result.items)
        object["digest"] = result.digest.map { .string(text(ofDigest: $0)) }
        return .object(object)
    }

    static func text(ofDigest digest: UInt64) -> String {
        let text = String(digest, radix: 16)
        return String(repeating: "0", count: 16 - text.utf8.count) + text
    }

    private static func value(_ task: CallRecord.Task) -> JSON.Value {
        var object: JSON.Object = ["assurance": .string(task.assurance.rawValue)]
        object["id"] = text(task.id)
        object["text"] = text(task.text)
        return .object(object)
    }

    static func milliseconds(_ duration: Duration) -> JSON.Value {
        let (seconds, attoseconds) = duration.components
        let micros = Double(seconds) * 1e6 + Double(attoseconds / 1_000_000_000_000)
        return .number(micros / 1000)
    }

    private static func text(_ text: String?) -> JSON.Value? { text.map(JSON.Value.string) }
    private static func whole(_ number: Int?) -> JSON.Value? { number.map { .integer(Int64($0)) } }

    /// An object of the members that are known, or nil if none is.
    private static func members(_ members: (String, JSON.Value?)...) -> JSON.Value? {
        var object = JSON.Object()
        for (name, value) in members { object[name] = value }
        return object.isEmpty ? nil : .object(object)
    }
}
