import Core
import Testing
import Wire

private func cut(_ bytes: [UInt8], _ random: inout Numbers, longest: Int = 7) -> [[UInt8]] {
    var chunks: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
        let length = Int.random(in: 1...min(longest, rest.count), using: &random)
        chunks.append(Array(rest.prefix(length)))
        rest = rest.dropFirst(length)
    }
    return chunks
}

private func pieces(_ chunks: [[UInt8]]) throws -> ([PassingEvent], unfinished: [UInt8]) {
    var stream = PassingEvents()
    var events: [PassingEvent] = []
    for chunk in chunks { try stream.feed(chunk.span, into: &events) }
    return (events, stream.unfinished)
}

private func forwarded(_ text: String) throws -> String {
    var stream = PassingEvents()
    return String(decoding: try stream.feed(Array(text.utf8)).flatMap(\.forwarded), as: UTF8.self)
}

@Suite struct PassingEventsTests {
    @Test(arguments: 0..<300 as Range<UInt64>) func findsTheEventsThatTheReaderOfStreamsFinds(seed: UInt64) throws {
        var random = Numbers(seed: seed)
        let words = [
            "data: ", "data", "data:x", "event: add", "event", "id: 7", "id", "id: a\0b", "retry: 10", ":", ": note",
            "x: y",
            "\n", "\n", "\n\n", "\r", "\r\n", "\r\n\r\n", "é", "\u{2028}", "\u{FEFF}", " ", "{\"a\":1}",
        ]
        var bytes = Int.random(in: 0..<3, using: &random) == 0 ? Array("\u{FEFF}".utf8) : []
        for _ in 0..<60 { bytes += Array(words[Int.random(in: 0..<words.count, using: &random)].utf8) }
        if seed.isMultiple(of: 3) { bytes.append(0xFF) }
        var reader = EventStream()
        let expected = try reader.feed(bytes)
        for longest in [1, 2, 7, 1_000] {
            let (events, unfinished) = try pieces(cut(bytes, &random, longest: longest))
            #expect(events.flatMap(\.raw) + unfinished == bytes)
            let found = events.compactMap { event in
                event.data.map {
                    EventStream.Event(type: event.type, data: $0, id: String(decoding: event.id, as: UTF8.self))
                }
            }
            #expect(found == expected)
            // What goes on is read as the same events by the standard, but for line ends in the data, and as plain by us.
            var second = EventStream()
            let again = try second.feed(events.flatMap(\.forwarded))
            #expect(again.count == expected.count)
            for (before, after) in zip(expected, again) {
                #expect(flat(before.text) == flat(after.text))
                #expect((before.type == "message") == (after.type == "message"))
            }
            let (third, rest) = try pieces([events.flatMap(\.forwarded)])
            #expect(rest.isEmpty)
            #expect(third.allSatisfy { $0.isPlain || $0.type == "endpoint" || $0.data?.contains { $0 < 0x20 } == true })
        }
    }

    private func flat(_ text: String) -> String {
        text.replacing("\n", with: " ").replacing("\u{2028}", with: "\\u2028")
    }

    @Test(arguments: [
        ("data: {\"a\":1}\n\n", "data: {\"a\":1}\n\n"),
        ("event: message\r\ndata: {}\r\n\r\n", "event: message\r\ndata: {}\r\n\r\n"),
        ("id: 1\ndata:\n\n", "id: 1\ndata:\n\n"),
        ("event: message\rdata: {}\r\r", "event: message\ndata: {}\n\n"),
        ("data: {}\n\r\n", "data: {}\n\n"),
        ("data: {\ndata: }\n\n", "data: { }\n\n"),
        ("event: endpoint\ndata: /a\ndata: b\n\n", "event: endpoint\ndata: /a\ndata: b\n\n"),
        (": data: {}\ndata: {}\n\n", ":\n\ndata: {}\n\n"),
        ("data: {}\n: do this\n\n", "data: {}\n\n"),
        ("id: 1\nnote: do this\ndata: {}\n\n", "id: 1\ndata: {}\n\n"),
        ("Data: {}\n\n", ""),
        ("\u{FEFF}data: {}\n\n", "data: {}\n\n"),
        ("data: {}\n\n\u{FEFF}data: {}\n\n", "data: {}\n\n"),
        ("id: a\0b\ndata: {}\n\n", "data: {}\n\n"),
        ("retry: 999999999999999999999999\ndata: {}\n\n", "data: {}\n\n"),
        ("retry: 1000\nid: 4\n\n", "retry: 1000\nid: 4\n\n"),
        ("data: \"a\u{2028}data: b\u{2028}\u{2028}\"\n\n", "data: \"a\\u2028data: b\\u2028\\u2028\"\n\n"),
        ("event: a\nevent: b\ndata: {}\n\n", "event: b\ndata: {}\n\n"),
        ("data: {}\n", ""),
        (":\n\n", ":\n\n"),
        (": keep-alive\n\n", ":\n\n"),
    ])
    func forwardsWhatNoReaderTakesForMore(_ text: String, _ expected: String) throws {
        #expect(try forwarded(text) == expected)
    }

    @Test func aCommentKeepsTheConnectionAliveAtOnce() throws {
        var stream = PassingEvents()
        #expect(try stream.feed(Array(":\n".utf8)).map(\.forwarded) == [Array(":\n".utf8)])
        #expect(try stream.feed(Array("data: {}\n".utf8)).isEmpty)
        #expect(try stream.feed(Array("\n".utf8)).map(\.data) == [Array("{}".utf8)])
    }

    @Test func otherDataKeepsIDTypeAndDelay() throws {
        var stream = PassingEvents()
        let events = try stream.feed(Array("id: 3\nevent: message\nretry: 50\ndata: secret\n: x\n\n".utf8))
        #expect(
            events.map { String(decoding: $0.forwarded(data: Array("{}".utf8)), as: UTF8.self) }
                == ["id: 3\nevent: message\nretry: 50\ndata: {}\n\n"]
        )
    }

    private struct Verdict: Equatable {
        var events: [EventStream.Event] = []
        var excess: PassingEvents.Excess?
    }

    private func verdict(_ chunks: [[UInt8]], limit: Int) -> Verdict {
        var (stream, found, verdict) = (PassingEvents(limit: limit), [PassingEvent](), Verdict())
        do throws(PassingEvents.Excess) {
            for chunk in chunks { try stream.feed(chunk.span, into: &found) }
        } catch {
            verdict.excess = error
        }
        for event in found {
            guard let data = event.data else { continue }
            let id = String(decoding: event.id, as: UTF8.self)
            verdict.events.append(EventStream.Event(type: event.type, data: data, id: id))
        }
        return verdict
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func howAStreamIsCutChangesNoLimit(seed: UInt64) {
        var random = Numbers(seed: seed)
        let ends = ["\n", "\r\n", "\r"]
        var bytes: [UInt8] = []
        for _ in 0..<8 {
            let end = ends[Int.random(in: 0..<3, using: &random)]
            let longest = seed.isMultiple(of: 2) ? 14 : 12
            bytes += Array("data:\(String(repeating: "x", count: Int.random(in: 4...longest, using: &random)))".utf8)
            bytes += Array((end + end).utf8)
            if Bool.random(using: &random) { bytes += Array(":\(end)".utf8) }
        }
        for limit in 15...22 {
            let whole = verdict([bytes], limit: limit)
            for longest in [1, 2, 3, 7, 30] {
                #expect(verdict(cut(bytes, &random, longest: longest), limit: limit) == whole)
            }
            var reader = EventStream()
            let all = try? reader.feed(bytes)
            if whole.excess == nil { #expect(whole.events == all) }
        }
    }

    @Test func anEventIsBoundedAndAStreamIsNot() throws {
        var stream = PassingEvents(limit: 100)
        for _ in 0..<1_000 { #expect(try stream.feed(Array("data: 1\n\n".utf8)).count == 1) }
        #expect(throws: PassingEvents.Excess(limit: 100)) {
            for _ in 0..<30 { _ = try stream.feed(Array("data: 1\n".utf8)) }
        }
        #expect(throws: PassingEvents.Excess(limit: 100)) { try stream.feed(Array("\n\n".utf8)) }
        var line = PassingEvents(limit: 100)
        #expect(throws: PassingEvents.Excess(limit: 100)) { try line.feed([UInt8](repeating: 0x61, count: 101)) }
    }
}
