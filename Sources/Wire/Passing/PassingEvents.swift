import Core

/// Splits an event stream on its way through, keeping the bytes of each event.
///
/// What an event is follows "Interpreting an event stream" of the WHATWG HTML standard, as `EventStream` does; that one
/// is for reading answers, this one for passing them on. A stream may live for days, so an event is bounded and the
/// stream is not. Every byte is looked at once, however it comes in pieces.
package struct PassingEvents: Sendable {
    /// An event that is larger than it may be; every later byte meets the same error.
    package struct Excess: Error, Sendable, Hashable {
        package let limit: Int

        package init(limit: Int) {
            self.limit = limit
        }
    }

    /// The most bytes that one event may have, as it stands in the stream.
    package let limit: Int
    /// A client that waits longer than this before it connects again has been shut out.
    private static let longestRetry = 3_600_000

    private var piece = PassingEvent(raw: [])
    /// Where in the piece the line begins that is not complete.
    private var lineStart = 0
    private var data: [UInt8] = []
    private var hasData = false
    private var hasFields = false
    private var isFirstLine = true
    private var followsCarriageReturn = false
    /// The first line end of the piece: 1 for LF, 2 for CRLF.
    private var lineEnd = 0
    private var id: [UInt8] = []
    /// Bytes of the piece that end the one before it: how a stream is cut takes no room from an event.
    private var uncounted = 0
    private var failure: Excess?

    package init(limit: Int = 16 << 20) {
        self.limit = limit
    }

    /// What arrived and is no complete event; by the standard it is never delivered, and must not go on.
    package var unfinished: [UInt8] { piece.raw }

    /// Takes the next bytes and appends the pieces that they complete.
    package mutating func feed(_ bytes: Span<UInt8>, into events: inout [PassingEvent]) throws(Excess) {
        if let failure { throw failure }
        let first = events.count
        var at = 0
        if followsCarriageReturn, !bytes.isEmpty {
            followsCarriageReturn = false
            if bytes[0] == UInt8(ascii: "\n") {
                piece.raw.append(bytes[0])
                at = 1
                // The line has been taken already. If it was the last of an event, this byte begins the next piece.
                if piece.raw.count == 1 {
                    piece.isPlain = false
                    uncounted = 1
                }
                lineStart = piece.raw.count
            }
        }
        var lineFeed = -1
        var carriageReturn = -1
        while at < bytes.count {
            if lineFeed < at { lineFeed = ByteSearch.first(UInt8(ascii: "\n"), in: bytes, from: at, to: bytes.count) }
            if carriageReturn < at {
                carriageReturn = ByteSearch.first(UInt8(ascii: "\r"), in: bytes, from: at, to: bytes.count)
            }
            let end = min(lineFeed, carriageReturn)
            try take(bytes.extracting(at..<end))
            guard end < bytes.count else { return }
            at = end + 1
            let contentEnd = piece.raw.count
            piece.raw.append(bytes[end])
            if end == carriageReturn {
                followsCarriageReturn = at == bytes.count
                if at < bytes.count, bytes[at] == UInt8(ascii: "\n") {
                    piece.raw.append(bytes[at])
                    at += 1
                    note(lineEnd: 2)
                } else {
                    // Alone, or cut off here: what a reader by line feeds makes of it is not known.
                    piece.isPlain = false
                }
            } else {
                note(lineEnd: 1)
            }
            endLine(contentEnd, into: &events, from: first)
        }
    }

    /// Takes the next bytes and returns the pieces that they complete.
    package mutating func feed(_ bytes: [UInt8]) throws(Excess) -> [PassingEvent] {
        var events: [PassingEvent] = []
        try feed(bytes.span, into: &events)
        return events
    }

    private mutating func take(_ bytes: Span<UInt8>) throws(Excess) {
        guard piece.raw.count - uncounted + bytes.count < limit else {
            let excess = Excess(limit: limit)
            failure = excess
            throw excess
        }
        unsafe bytes.withUnsafeBufferPointer { unsafe piece.raw.append(contentsOf: $0) }
    }

    private mutating func note(lineEnd kind: Int) {
        if lineEnd == 0 { lineEnd = kind }
        if lineEnd != kind { piece.isPlain = false }
    }

    private mutating func endLine(_ end: Int, into events: inout [PassingEvent], from first: Int) {
        var start = lineStart
        lineStart = piece.raw.count
        if isFirstLine {
            isFirstLine = false
            if end - start >= 3, piece.raw[start..<start + 3].elementsEqual([0xEF, 0xBB, 0xBF]) {
                start += 3
                piece.isPlain = false
            }
        }
        guard start < end else {
            dispatch(into: &events, from: first)
            return
        }
        let colon = ByteSearch.first(UInt8(ascii: ":"), in: piece.raw.span, from: start, to: end)
        if colon == start {
            // What the comment says nobody reads, so only an empty one goes on as it is.
            piece.hasComment = true
            if colon + 1 < end { piece.isPlain = false }
            // A lone comment keeps a connection alive, and does so at once.
            if !hasFields { dispatch(into: &events, from: first) }
            return
        }
        var value = min(colon + 1, end)
        if value < end, piece.raw[value] == UInt8(ascii: " ") { value += 1 }
        hasFields = true
        set(start..<colon, to: value..<end)
    }

    private mutating func set(_ field: Range<Int>, to value: Range<Int>) {
        let name = piece.raw[field]
        let content = piece.raw[value]
        if field.upperBound == value.lowerBound { piece.isPlain = false }
        if name.elementsEqual("data".utf8) {
            if hasData {
                data.append(UInt8(ascii: "\n"))
                piece.isPlain = false
            }
            data.append(contentsOf: content)
            hasData = true
            if piece.isPlain, !Self.isOneLine(content.span) { piece.isPlain = false }
        } else if name.elementsEqual("event".utf8) {
            if piece.typeLine != nil || !Self.isPrintable(content) { piece.isPlain = false }
            piece.typeLine = Array(content)
        } else if name.elementsEqual("id".utf8) {
            if piece.idLine != nil || !Self.isPrintable(content) { piece.isPlain = false }
            if !content.contains(0) {
                piece.idLine = Array(content)
                id = Array(content)
            }
        } else if name.elementsEqual("retry".utf8), let delay = Int(String(decoding: content, as: UTF8.self)),
            content.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }), delay <= Self.longestRetry
        {
            if piece.retryLine != nil { piece.isPlain = false }
            piece.retryLine = Array(content)
        } else {
            piece.isPlain = false
        }
    }

    private mutating func dispatch(into events: inout [PassingEvent], from first: Int) {
        if hasData {
            piece.data = data
            data = []
        }
        if let type = piece.typeLine, !type.isEmpty { piece.type = String(decoding: type, as: UTF8.self) }
        piece.id = id
        // An id or type that is no printable text is not worth the next hop's trust.
        if !Self.isPrintable((piece.idLine ?? [])[...]) { piece.idLine = nil }
        if !Self.isPrintable((piece.typeLine ?? [])[...]) { piece.typeLine = Array("other".utf8) }
        let last = events.count - 1
        if !hasFields, last >= first, events[last].isBetweenEvents {
            events[last].raw += piece.raw
            events[last].hasComment = events[last].hasComment || piece.hasComment
            events[last].isPlain = events[last].isPlain && piece.isPlain
        } else {
            events.append(piece)
        }
        piece = PassingEvent(raw: [])
        uncounted = 0
        lineStart = 0
        hasData = false
        hasFields = false
        lineEnd = 0
    }

    private static func isPrintable(_ text: ArraySlice<UInt8>) -> Bool { text.allSatisfy { 0x20...0x7E ~= $0 } }

    /// Whether no reader ends a line within this one.
    private static func isOneLine(_ line: Span<UInt8>) -> Bool {
        var at = 0
        while at < line.count {
            let byte = line[at]
            if byte < 0x20, byte != 0x09 { return false }
            if byte >= 0x80, PassingEvent.lineEnd(line, at) != nil { return false }
            at += 1
        }
        return true
    }
}
