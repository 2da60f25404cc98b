/// Splits a `text/event-stream` body into events while it arrives, and refuses one that grows without end.
///
/// Follows "Interpreting an event stream" of the WHATWG HTML standard
/// (https://html.spec.whatwg.org/multipage/server-sent-events.html): lines end with CR, LF or CRLF, one leading byte
/// order mark is dropped, and an event that the stream ends before is never delivered. How the bytes were cut into
/// chunks makes no difference. The data of an event stays bytes, because a JSON scanner must see what was sent and not
/// what a lenient decoder made of it.
package struct EventStream: Sendable {
    /// One dispatched event.
    package struct Event: Sendable, Hashable {
        /// The event's type; `message` where the stream names none.
        package var type: String
        /// The data lines, joined by line feeds.
        package var data: [UInt8]
        /// The last id the stream has set, which a later event inherits.
        package var id: String

        package init(type: String = "message", data: [UInt8], id: String = "") {
            self.type = type
            self.data = data
            self.id = id
        }

        /// The data as text; what is not UTF-8 shows as U+FFFD.
        package var text: String { String(decoding: data, as: UTF8.self) }
    }

    /// What a stream may use before it is refused.
    package struct Limits: Sendable, Hashable {
        package var lineBytes: Int
        package var eventBytes: Int
        package var events: Int
        package var totalBytes: Int

        package init(lineBytes: Int, eventBytes: Int, events: Int, totalBytes: Int) {
            self.lineBytes = lineBytes
            self.eventBytes = eventBytes
            self.events = events
            self.totalBytes = totalBytes
        }

        /// Room for a large `tools/list` answer, and for little else.
        package static let standard = Limits(
            lineBytes: 8 << 20,
            eventBytes: 8 << 20,
            events: 1_000,
            totalBytes: 16 << 20
        )
    }

    /// A limit that the stream ran into; every later byte meets the same error.
    package enum Excess: Error, Sendable, Hashable {
        case line(limit: Int)
        case event(limit: Int)
        case events(limit: Int)
        case total(limit: Int)
    }

    package let limits: Limits
    /// The delay in milliseconds that the stream last asked a client to wait before it connects again.
    package private(set) var retry: Int?

    private var line: [UInt8] = []
    private var isFirstLine = true
    private var followsCarriageReturn = false
    private var type: [UInt8] = []
    private var data: [UInt8] = []
    private var hasData = false
    private var id: [UInt8] = []
    private var delivered = 0
    private var consumed = 0
    private var failure: Excess?

    package init(limits: Limits = .standard) {
        self.limits = limits
    }

    /// Takes the next bytes and appends the events that they complete.
    ///
    /// - Throws: the limit that was passed. Events completed before that are appended all the same, so the result does
    ///   not depend on how the stream was cut.
    package mutating func feed(_ bytes: some Sequence<UInt8>, into events: inout [Event]) throws(Excess) {
        if let failure { throw failure }
        for byte in bytes {
            do throws(Excess) {
                try take(byte, into: &events)
            } catch {
                failure = error
                throw error
            }
        }
    }

    /// Takes the next bytes and returns the events that they complete.
    package mutating func feed(_ bytes: some Sequence<UInt8>) throws(Excess) -> [Event] {
        var events: [Event] = []
        try feed(bytes, into: &events)
        return events
    }

    private mutating func take(_ byte: UInt8, into events: inout [Event]) throws(Excess) {
        consumed += 1
        guard consumed <= limits.totalBytes else { throw .total(limit: limits.totalBytes) }
        let completesPair = followsCarriageReturn && byte == UInt8(ascii: "\n")
        followsCarriageReturn = byte == UInt8(ascii: "\r")
        if completesPair { return }
        if byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r") {
            try endLine(into: &events)
            return
        }
        guard line.count < limits.lineBytes else { throw .line(limit: limits.lineBytes) }
        line.append(byte)
    }

    private mutating func endLine(into events: inout [Event]) throws(Excess) {
        var content = line[...]
        if isFirstLine, content.starts(with: [0xEF, 0xBB, 0xBF]) {
            content = content.dropFirst(3)
        }
        isFirstLine = false
        defer { line.removeAll(keepingCapacity: true) }
        guard !content.isEmpty else {
            try dispatch(into: &events)
            return
        }
        guard let colon = content.firstIndex(of: UInt8(ascii: ":")) else {
            try set(content, to: [])
            return
        }
        var value = content[content.index(after: colon)...]
        if value.first == UInt8(ascii: " ") {
            value = value.dropFirst()
        }
        try set(content[..<colon], to: value)
    }

    private mutating func set(_ field: ArraySlice<UInt8>, to value: ArraySlice<UInt8>) throws(Excess) {
        if field.elementsEqual("data".utf8) {
            guard data.count + value.count + 1 <= limits.eventBytes else { throw .event(limit: limits.eventBytes) }
            if hasData { data.append(UInt8(ascii: "\n")) }
            data.append(contentsOf: value)
            hasData = true
        } else if field.elementsEqual("event".utf8) {
            type = Array(value)
        } else if field.elementsEqual("id".utf8) {
            if !value.contains(0) { id = Array(value) }
        } else if field.elementsEqual("retry".utf8), !value.isEmpty,
            value.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        {
            retry = Int(String(decoding: value, as: UTF8.self)) ?? retry
        }
    }

    private mutating func dispatch(into events: inout [Event]) throws(Excess) {
        defer {
            type.removeAll()
            data.removeAll()
            hasData = false
        }
        guard hasData else { return }
        guard delivered < limits.events else { throw .events(limit: limits.events) }
        delivered += 1
        events.append(
            Event(
                type: type.isEmpty ? "message" : String(decoding: type, as: UTF8.self),
                data: data,
                id: String(decoding: id, as: UTF8.self)
            )
        )
    }
}

extension EventStream.Event {
    /// The event as a server sends it: one `data` line for each line of the data.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        if !id.isEmpty { bytes += Array("id: \(id)\n".utf8) }
        bytes += Array("event: \(type)\n".utf8)
        for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            bytes += Array("data: ".utf8)
            bytes += line
            bytes.append(UInt8(ascii: "\n"))
        }
        bytes.append(UInt8(ascii: "\n"))
        return bytes
    }
}
