import Core

/// One piece of an event stream on its way through: an event, or what stands between events.
package struct PassingEvent: Sendable, Hashable {
    /// The bytes as they arrived, comments and the empty line at the end included; all pieces together are the stream.
    package internal(set) var raw: [UInt8]
    /// The data lines joined by line feeds; nothing where the piece delivers no event.
    package internal(set) var data: [UInt8]?
    /// The event's type; `message` where the stream names none.
    package internal(set) var type = "message"
    /// The last id that the stream has set, which a later event inherits.
    package internal(set) var id: [UInt8] = []
    /// Whether every reader, also a careless one, finds in the raw bytes what the standard does.
    package internal(set) var isPlain = true

    var idLine: [UInt8]?
    var typeLine: [UInt8]?
    var retryLine: [UInt8]?
    var hasComment = false

    /// Whether the piece says nothing at all.
    var isBetweenEvents: Bool { data == nil && idLine == nil && retryLine == nil }

    /// What may go on once the data was found good: the raw bytes where they are plain, else the same event in the one
    /// form that all readers take alike.
    ///
    /// Comments and fields that the standard does not know are left out, as nobody has read them.
    package var forwarded: [UInt8] { isPlain ? raw : normalised(data: data) }

    /// The event with other data; its id, type and retry lines stay.
    package func forwarded(data: [UInt8]) -> [UInt8] { normalised(data: data) }

    private func normalised(data: [UInt8]?) -> [UInt8] {
        var bytes: [UInt8] = []
        if data == nil, isBetweenEvents { return hasComment ? Array(":\n\n".utf8) : [] }
        bytes.reserveCapacity((data?.count ?? 0) + 64)
        for (field, value) in [("id: ", idLine), ("event: ", typeLine), ("retry: ", retryLine)] {
            guard let value else { continue }
            bytes += field.utf8
            bytes += value
            bytes.append(UInt8(ascii: "\n"))
        }
        if let data { Self.append(data, isMessage: type != "endpoint", to: &bytes) }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }

    /// The data as one line where it is JSON, as all but the address of an `endpoint` is, since a reader that takes each line for itself could find another message
    /// in one of them; between the tokens of JSON a line feed is a space like others.
    private static func append(_ data: [UInt8], isMessage: Bool, to bytes: inout [UInt8]) {
        let span = data.span
        var at = 0
        bytes += "data: ".utf8
        while at < span.count {
            let end = ByteSearch.first(UInt8(ascii: "\n"), in: span, from: at, to: span.count)
            if isMessage {
                appendEscaped(span.extracting(at..<end), to: &bytes)
            } else {
                bytes += data[at..<end]
            }
            if end < span.count { bytes += isMessage ? " ".utf8 : "\ndata: ".utf8 }
            at = end + 1
        }
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Writes U+0085, U+2028 and U+2029 as escapes; in JSON they stand in strings only.
    ///
    /// Unicode calls them line ends, and so do readers that use their language's own splitting of lines.
    private static func appendEscaped(_ line: Span<UInt8>, to bytes: inout [UInt8]) {
        var at = 0
        while at < line.count {
            if let (length, escape) = lineEnd(line, at) {
                bytes += escape.utf8
                at += length
            } else {
                bytes.append(line[at])
                at += 1
            }
        }
    }

    /// The character at this place that some take for the end of a line.
    static func lineEnd(_ bytes: Span<UInt8>, _ at: Int) -> (length: Int, escape: String)? {
        switch bytes[at] {
        case 0xC2 where at + 1 < bytes.count && bytes[at + 1] == 0x85: (2, "\\u0085")
        case 0xE2 where at + 2 < bytes.count && bytes[at + 1] == 0x80 && bytes[at + 2] & 0xFE == 0xA8:
            (3, bytes[at + 2] == 0xA8 ? "\\u2028" : "\\u2029")
        default: nil
        }
    }
}
