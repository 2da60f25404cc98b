import Core
import Wire

/// Event streams: every reader finds in what goes on the event that was looked at, however the stream arrived.
enum StreamTarget {
    static func run(_ bytes: [UInt8], _ choice: Choice, _ report: inout Report) {
        var choice = choice
        let expected = PlainStream.events(bytes)
        let room = EventStream.Limits(lineBytes: 1 << 20, eventBytes: 1 << 20, events: 1 << 20, totalBytes: 1 << 24)
        var stream = EventStream(limits: room)
        let read = (try? stream.feed(bytes)) ?? []
        report.expect(
            read.map { PlainStream.Event(type: $0.type, data: $0.data, id: Array($0.id.utf8)) }
                == expected.map {
                    PlainStream.Event(
                        type: $0.type,
                        data: $0.data,
                        id: Array(String(decoding: $0.id, as: UTF8.self).utf8)
                    )
                },
            "stream-events",
            bytes.shown
        )
        let pieces = pass([bytes])
        report.expect(pieces.events.flatMap(\.raw) + pieces.unfinished == bytes, "passing-bytes", bytes.shown)
        report.expect(delivered(pieces.events) == expected, "passing-events", bytes.shown)
        for cuts in choice.cuts(of: bytes.count) {
            let parts = bytes.pieces(cuts)
            var other = EventStream(limits: room)
            var events: [EventStream.Event] = []
            for part in parts { try? other.feed(part, into: &events) }
            report.expect(events == read, "stream-pieces", "\(cuts) \(bytes.shown)")
            let passed = pass(parts)
            report.expect(
                passed.events.flatMap(\.raw) + passed.unfinished == bytes,
                "passing-bytes-pieces",
                "\(cuts) \(bytes.shown)"
            )
            report.expect(delivered(passed.events) == expected, "passing-pieces", "\(cuts) \(bytes.shown)")
            for event in passed.events { forwarded(event, bytes, &report) }
        }
        for event in pieces.events { forwarded(event, bytes, &report) }
        limited(bytes, &choice, &report)
        report.outcome =
            "\(min(pieces.events.count, 3)) \(min(expected.count, 3)) \(pieces.events.allSatisfy(\.isPlain)) \(expected.first?.type.prefix(8) ?? "") \(pieces.unfinished.isEmpty)"
        Growth.check("stream", bytes, choice, &report) { many in
            _ = pass([many])
            _ = pass([Array("data: ".utf8) + many.map { $0 < 0x20 ? 0x20 : $0 }])
            var stream = EventStream(limits: room)
            _ = try? stream.feed(many)
        }
    }

    private static func pass(_ parts: [[UInt8]]) -> (events: [PassingEvent], unfinished: [UInt8]) {
        var passing = PassingEvents(limit: 1 << 24)
        var events: [PassingEvent] = []
        for part in parts { try? passing.feed(part.span, into: &events) }
        return (events, passing.unfinished)
    }

    private static func delivered(_ events: [PassingEvent]) -> [PlainStream.Event] {
        events.compactMap { event in event.data.map { PlainStream.Event(type: event.type, data: $0, id: event.id) } }
    }

    /// A limit is met at the same event however the stream is cut, give or take the line feed of a CRLF, which belongs to
    /// the next event where it arrives alone.
    private static func limited(_ bytes: [UInt8], _ choice: inout Choice, _ report: inout Report) {
        let limit = 16 + choice.pick(64)
        func events(_ parts: [[UInt8]], _ limit: Int) -> ([PlainStream.Event], Bool) {
            var passing = PassingEvents(limit: limit)
            var events: [PassingEvent] = []
            var fails = false
            for part in parts {
                do throws(PassingEvents.Excess) {
                    try passing.feed(part.span, into: &events)
                } catch {
                    fails = true
                }
            }
            return (delivered(events), fails)
        }
        let fewest = events([bytes], limit - 1)
        let most = events([bytes], limit + 1)
        for cuts in choice.cuts(of: bytes.count) {
            let other = events(bytes.pieces(cuts), limit)
            report.expect(
                other.0.starts(with: fewest.0) && most.0.starts(with: other.0),
                "passing-limit",
                "limit \(limit) \(cuts) \(bytes.shown)"
            )
        }
    }

    private static func forwarded(_ event: PassingEvent, _ bytes: [UInt8], _ report: inout Report) {
        let sent = event.forwarded
        guard let data = event.data else {
            // A message has to be an event, and this is none.
            for lines in [PlainStream.Lines.standard, .lineFeeds, .unicode] {
                report.expect(
                    PlainStream.events(sent, lines: lines).isEmpty,
                    "forwarded-nothing",
                    "\(sent.shown) of \(bytes.shown)"
                )
            }
            report.expect(PlainStream.dataLines(sent).isEmpty, "forwarded-data-line", "\(sent.shown) of \(bytes.shown)")
            return
        }
        guard let value = Plain.read(data) else { return }
        // The address of the old transport is no message, and is written anew before it goes on.
        guard event.type != "endpoint" else { return }
        for lines in [PlainStream.Lines.standard, .lineFeeds, .unicode] {
            let found = PlainStream.events(sent, lines: lines)
            report.expect(found.count == 1, "forwarded-count", "\(lines) \(sent.shown) of \(bytes.shown)")
            guard let one = found.first else { continue }
            report.expect(Plain.read(one.data) == value, "forwarded-data", "\(lines) \(sent.shown) of \(bytes.shown)")
            let isNamed = event.type.utf8.allSatisfy { (0x20...0x7E).contains($0) }
            report.expect(
                !isNamed || one.type == event.type,
                "forwarded-type",
                "\(lines) \(sent.shown) of \(bytes.shown)"
            )
            report.expect(isNamed || one.type == "other", "forwarded-other", "\(lines) \(sent.shown) of \(bytes.shown)")
        }
        let lines = PlainStream.dataLines(sent)
        report.expect(
            lines.count == 1 && Plain.read(lines[0]) == value,
            "forwarded-one-line",
            "\(sent.shown) of \(bytes.shown)"
        )
        let other = Array("{\"a\":1}".utf8)
        let replaced = PlainStream.events(event.forwarded(data: other))
        report.expect(replaced.map(\.data) == [other], "replaced-data", bytes.shown)
    }
}
