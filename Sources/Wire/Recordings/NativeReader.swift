package import Core

/// Reads recordings in the native form, `lockstep.call/1`: one JSON object a line.
///
/// Bytes in, records out. A line that cannot be a record is set aside with its number and a reason; it never stops the
/// rest. Members that are not known are ignored; optional ones may be null.
package struct NativeReader: Sendable {
    package static let schema = "lockstep.call/1"

    /// A line for people to write theirs by.
    package static let example = """
        {"schema":"lockstep.call/1","time":"2026-11-23T09:00:00Z","session":"s1","sequence":0,\
        "principal":{"id":"clerk"},"server":"books","tool":"read_note","arguments":{"id":7},\
        "task":{"text":"pay what note 7 asks for"},"result":{"text":"pay acme 120"}}
        """

    /// Why a line is no record; the codes are stable.
    package struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        package enum Code: String, Sendable, Hashable, CaseIterable {
            /// Not acceptable JSON: also two equal keys, half a surrogate pair, `NaN`.
            case json
            case lineTooLong = "line-too-long"
            case schema
            case missingMember = "missing-member"
            case wrongType = "wrong-type"
            case badValue = "bad-value"
        }

        package var code: Code
        /// The member that is wrong, or the reader's word for what is wrong with the text; never the peer's own text.
        package var detail: String

        package init(_ code: Code, _ detail: String = "") {
            self.code = code
            self.detail = detail
        }

        package var description: String {
            switch code {
            case .json: "the line is not acceptable json: \(detail)"
            case .lineTooLong: "the line is too long"
            case .schema: "the line is no `\(NativeReader.schema)`"
            case .missingMember: "`\(detail)` is missing"
            case .wrongType: "`\(detail)` is of the wrong type"
            case .badValue: "`\(detail)` has a value that is not permitted"
            }
        }
    }

    package struct Quarantined: Sendable, Hashable {
        /// One-based.
        package var line: Int
        package var refusal: Refusal
    }

    private var splitter: RecordingLines
    private var parser: LineParser

    package init(maxLineBytes: Int = 16 << 20) {
        splitter = RecordingLines(maxLineBytes: maxLineBytes)
        parser = LineParser()
    }

    /// Reads more bytes; blank lines are passed over.
    package mutating func feed(_ bytes: Span<UInt8>, _ body: (Int, consuming Result<CallRecord, Refusal>) -> Void) {
        var parser = parser
        splitter.feed(bytes) { parser.read($0, $1, body) }
        self.parser = parser
    }

    /// Reads the last line, where no line feed ended it, and begins anew.
    package mutating func finish(_ body: (Int, consuming Result<CallRecord, Refusal>) -> Void) {
        var parser = parser
        splitter.finish { parser.read($0, $1, body) }
        self.parser = parser
    }

    /// Reads one line.
    package static func read(line: Span<UInt8>) throws(Refusal) -> CallRecord {
        var parser = LineParser()
        return try parser.record(line)
    }

    /// Reads a whole recording at once.
    package static func read(_ bytes: [UInt8]) -> (records: [CallRecord], quarantined: [Quarantined]) {
        var reader = NativeReader()
        var records: [CallRecord] = []
        var quarantined: [Quarantined] = []
        func take(_ line: Int, _ result: Result<CallRecord, Refusal>) {
            switch result {
            case .success(let record): records.append(record)
            case .failure(let refusal): quarantined.append(Quarantined(line: line, refusal: refusal))
            }
        }
        reader.feed(bytes.span, take)
        reader.finish(take)
        return (records, quarantined)
    }
}

/// Reads lines with one outline, whose storage it keeps.
private struct LineParser: Sendable {
    private var outline = JSON.Outline()
    private var last = RepeatedTexts()

    private static let limits = JSON.Limits(maxBytes: 64 << 20, maxDepth: 128)

    mutating func read(
        _ number: Int,
        _ line: Span<UInt8>?,
        _ body: (Int, consuming Result<CallRecord, NativeReader.Refusal>) -> Void
    ) {
        guard let line else {
            body(number, .failure(NativeReader.Refusal(.lineTooLong)))
            return
        }
        guard !Self.isBlank(line) else { return }
        do throws(NativeReader.Refusal) {
            body(number, .success(try record(line)))
        } catch {
            body(number, .failure(error))
        }
    }

    private static func isBlank(_ line: Span<UInt8>) -> Bool {
        for at in line.indices where line[at] != 0x20 && line[at] != 0x09 && line[at] != 0x0D { return false }
        return true
    }

    mutating func record(_ line: Span<UInt8>) throws(NativeReader.Refusal) -> CallRecord {
        do throws(JSON.ScanError) {
            try outline.scan(line, limits: Self.limits)
        } catch {
            throw NativeReader.Refusal(.json, error.code.rawValue)
        }
        guard outline.kind(of: outline.root) == .object else { throw NativeReader.Refusal(.schema) }
        let members = RecordMembers(outline, outline.root, line)
        guard try members.textIfPresent("schema", line) == NativeReader.schema else {
            throw NativeReader.Refusal(.schema)
        }
        guard let time = Timestamp(rfc3339: try members.text("time", line)) else {
            throw NativeReader.Refusal(.badValue, "time")
        }
        guard let sequence = try members.wholeIfPresent("sequence", line) else {
            throw NativeReader.Refusal(.missingMember, "sequence")
        }
        let principal = try members.object("principal", line)
        guard let arguments = members.value("arguments", line) else {
            throw NativeReader.Refusal(.missingMember, "arguments")
        }
        guard case .object(let arguments) = arguments else { throw NativeReader.Refusal(.wrongType, "arguments") }
        let client = try members.objectIfPresent("client", line)
        var record = CallRecord(
            id: try members.textIfPresent("id", line),
            time: time,
            session: try members.name("session", line, &last.session),
            sequence: sequence,
            principal: CallRecord.Principal(
                id: try principal.name("id", line, &last.principal),
                kind: try principal.choice("kind", line) ?? .unknown
            ),
            delegation: try members.texts("delegation", line),
            clientName: try client?.textIfPresent("name", line, &last.client),
            clientVersion: try client?.textIfPresent("version", line),
            peerAddress: try members.objectIfPresent("peer", line)?.textIfPresent("address", line),
            server: try members.name("server", line, &last.server),
            tool: try members.name("tool", line, &last.tool),
            definition: try members.textIfPresent("definition", line, &last.definition),
            arguments: arguments
        )
        record.argumentsAreKnown = try members.flag("arguments_known", line) ?? true
        record.provenance = try members.provenance(line)
        record.provenanceIsPartial = try members.flag("provenance_partial", line) ?? false
        record.result = try members.objectIfPresent("result", line)?.result(line)
        record.task = try members.objectIfPresent("task", line)?.task(line, &last)
        record.outcome = try members.choice("outcome", line) ?? (record.result?.isError == true ? .toolError : .ok)
        record.duration = try members.milliseconds("duration_ms", line)
        record.source = try members.objectIfPresent("source", line)?.source(line)
        return record
    }
}
