import Core

/// A record as one line, written member by member in the order of RFC 8785: a gateway writes one for every call.
///
/// The members are those of `NativeWriter.value`; what is rare is written by way of a value.
struct RecordLine {
    private(set) var bytes: [UInt8] = []
    private var isFirst = true

    init() { bytes.reserveCapacity(1_024) }

    mutating func write(_ record: CallRecord) {
        open()
        add("arguments", .object(record.arguments))
        // Readers that do not know the member see a call without arguments, as before.
        if !record.argumentsAreKnown { add("arguments_known", .bool(false)) }
        addObject("client", ("name", record.clientName), ("version", record.clientVersion))
        add("definition", record.definition)
        if !record.delegation.isEmpty { add("delegation", .array(record.delegation.map(JSON.Value.string))) }
        if let duration = record.duration { add("duration_ms", NativeWriter.milliseconds(duration)) }
        add("id", record.id)
        add("outcome", record.outcome.rawValue)
        addObject("peer", ("address", record.peerAddress))
        addObject("principal", ("id", record.principal.id), ("kind", record.principal.kind.rawValue))
        if !record.provenance.isEmpty { add("provenance", NativeWriter.value(record.provenance)) }
        if record.provenanceIsPartial { add("provenance_partial", .bool(true)) }
        if let result = record.result { add(result) }
        add("schema", NativeReader.schema)
        add("sequence", .integer(record.sequence))
        add("server", record.server)
        add("session", record.session)
        if let source = record.source { add("source", NativeWriter.value(source)) }
        if let task = record.task {
            addObject("task", ("assurance", task.assurance.rawValue), ("id", task.id), ("text", task.text))
        }
        add("time", record.time.description)
        add("tool", record.tool)
        close()
        bytes.append(0x0A)
    }

    private mutating func add(_ result: CallRecord.Result) {
        key("result")
        open()
        if let bytes = result.bytes { add("bytes", .integer(Int64(bytes))) }
        if let digest = result.digest { add("digest", NativeWriter.text(ofDigest: digest)) }
        add("isError", .bool(result.isError))
        if let items = result.items { add("items", .integer(Int64(items))) }
        if let structured = result.structured { add("structured", structured) }
        add("text", result.text)
        close()
    }

    private mutating func open() {
        bytes.append(UInt8(ascii: "{"))
        isFirst = true
    }

    private mutating func close() {
        bytes.append(UInt8(ascii: "}"))
        isFirst = false
    }

    /// The names of the format need no escapes.
    private mutating func key(_ name: StaticString) {
        bytes.append(UInt8(ascii: isFirst ? "\"" : ","))
        if !isFirst { bytes.append(UInt8(ascii: "\"")) }
        isFirst = false
        name.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
        bytes.append(UInt8(ascii: "\""))
        bytes.append(UInt8(ascii: ":"))
    }

    private mutating func add(_ name: StaticString, _ value: JSON.Value) {
        key(name)
        JSON.append(value, to: &bytes)
    }

    /// A text that is not known is left out.
    private mutating func add(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        key(name)
        JSON.append(text: text, to: &bytes)
    }

    /// An object of the texts that are known, where one is.
    private mutating func addObject(_ name: StaticString, _ members: (StaticString, String?)...) {
        guard members.contains(where: { $0.1 != nil }) else { return }
        key(name)
        open()
        for (name, text) in members { add(name, text) }
        close()
    }
}
