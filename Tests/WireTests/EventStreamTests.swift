import Testing
import Wire

private typealias Event = EventStream.Event

private struct StreamCase: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var bytes: [UInt8]
    var events: [EventStream.Event]

    init(_ name: String, _ text: String, _ events: [EventStream.Event]) {
        self.init(name, bytes: Array(text.utf8), events)
    }

    init(_ name: String, bytes: [UInt8], _ events: [EventStream.Event]) {
        testDescription = name
        self.bytes = bytes
        self.events = events
    }
}

private func event(_ data: String, type: String = "message", id: String = "") -> EventStream.Event {
    EventStream.Event(type: type, data: Array(data.utf8), id: id)
}

/// The first six are the examples of the WHATWG standard, section "Interpreting an event stream".
private let cases: [StreamCase] = [
    StreamCase("two data lines", "data: YHOO\ndata: +2\ndata: 10\n\n", [event("YHOO\n+2\n10")]),
    StreamCase(
        "comment, ids, and a block that is cut off",
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
        [event("first event", id: "1"), event("second event")]
    ),
    StreamCase("empty data lines", "data\n\ndata\ndata\n\ndata:", [event(""), event("\n")]),
    StreamCase(
        "one space is dropped",
        "data:test\n\ndata: test\n\ndata:  test\n\n",
        [event("test"), event("test"), event(" test")]
    ),
    StreamCase(
        "event types",
        "event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\n",
        [event("73857293", type: "add"), event("2153", type: "remove")]
    ),
    StreamCase("an event without data is none", "event: ping\n\ndata: x\n\n", [event("x")]),
    StreamCase("carriage returns alone", "data: a\r\rdata: b\r\r", [event("a"), event("b")]),
    StreamCase("both line ends", "data: a\r\n\r\ndata: b\r\n\r\n", [event("a"), event("b")]),
    StreamCase("mixed line ends", "data: a\rdata: b\n\r\ndata: c\r\n\n", [event("a\nb"), event("c")]),
    StreamCase("a byte order mark at the start", bytes: [0xEF, 0xBB, 0xBF] + Array("data: a\n\n".utf8), [event("a")]),
    StreamCase(
        "a second byte order mark is part of the name",
        bytes: [0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF] + Array("data: a\n\n".utf8),
        []
    ),
    StreamCase(
        "an id with a zero is ignored",
        "id: a\ndata: 1\n\nid: b\0c\ndata: 2\n\n",
        [event("1", id: "a"), event("2", id: "a")]
    ),
    StreamCase("an unknown field is ignored", "colour: red\ndata: 1\n\n", [event("1")]),
    StreamCase("a colon in the value", "data: {\"a\": 1}\n\n", [event("{\"a\": 1}")]),
    StreamCase(
        "bytes that are not UTF-8 stay",
        bytes: Array("data: ".utf8) + [0xFF, 10, 10],
        [EventStream.Event(data: [0xFF])]
    ),
    StreamCase("nothing at all", "", []),
]

@Suite struct EventStreamTests {
    @Test(arguments: cases) private func readsWhatTheStandardSays(_ row: StreamCase) throws {
        var stream = EventStream()
        #expect(try stream.feed(row.bytes) == row.events)
    }

    @Test(arguments: 0..<40 as Range<UInt64>) func anyCutGivesTheSameEvents(seed: UInt64) throws {
        var random = Numbers(seed: seed)
        for row in cases {
            var stream = EventStream()
            var events: [EventStream.Event] = []
            var rest = row.bytes[...]
            while !rest.isEmpty {
                let length = Int.random(in: 1...min(7, rest.count), using: &random)
                try stream.feed(rest.prefix(length), into: &events)
                rest = rest.dropFirst(length)
            }
            #expect(events == row.events, "\(row.testDescription)")
        }
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func noiseGivesTheSameEventsHoweverItIsCut(seed: UInt64) {
        var random = Numbers(seed: seed)
        let alphabet = Array("data: event:id\r\n\r\n\n\n:x".utf8) + [0xEF, 0xBB, 0xBF, 0]
        let bytes = (0..<400).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] }
        let limits = EventStream.Limits(lineBytes: 60, eventBytes: 60, events: 20, totalBytes: 380)
        func read(cut: (Int) -> Int) -> ([EventStream.Event], EventStream.Excess?) {
            var stream = EventStream(limits: limits)
            var events: [EventStream.Event] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let length = cut(rest.count)
                do throws(EventStream.Excess) {
                    try stream.feed(rest.prefix(length), into: &events)
                } catch {
                    return (events, error)
                }
                rest = rest.dropFirst(length)
            }
            return (events, nil)
        }
        let whole = read { $0 }
        let single = read { _ in 1 }
        #expect(whole.0 == single.0)
        #expect(whole.1 == single.1)
    }

    @Test func refusesALineAnEventACountAndATotalBeyondTheLimit() {
        let limits = EventStream.Limits(lineBytes: 16, eventBytes: 20, events: 2, totalBytes: 100)
        func failure(_ text: String) -> EventStream.Excess? {
            var stream = EventStream(limits: limits)
            do throws(EventStream.Excess) {
                _ = try stream.feed(text.utf8)
                return nil
            } catch {
                return error
            }
        }
        #expect(failure("data: " + String(repeating: "x", count: 11)) == .line(limit: 16))
        #expect(failure("data: 123456789\ndata: 123456789\ndata: 1\n") == .event(limit: 20))
        #expect(failure("data: 1\n\ndata: 2\n\ndata: 3\n\n") == .events(limit: 2))
        #expect(failure(String(repeating: ":\n", count: 51)) == .total(limit: 100))
        #expect(failure("data: 1\n\n") == nil)
    }

    @Test func staysRefusedOnceItWasRefused() {
        var stream = EventStream(limits: EventStream.Limits(lineBytes: 1, eventBytes: 1, events: 1, totalBytes: 10))
        #expect(throws: EventStream.Excess.line(limit: 1)) { try stream.feed("ab".utf8) }
        #expect(throws: EventStream.Excess.line(limit: 1)) { try stream.feed("\n".utf8) }
    }

    @Test func remembersTheDelayOnlyWhenItIsDigits() throws {
        var stream = EventStream()
        _ = try stream.feed("retry: 250\nretry: 1e3\nretry: -1\nretry:\nretry: 99999999999999999999999\n".utf8)
        #expect(stream.retry == 250)
    }

    @Test func readsWhatItWrites() throws {
        let sent = [event("{}"), event("a\nb\n", type: "endpoint", id: "7"), event("", id: "7")]
        var stream = EventStream()
        #expect(try stream.feed(sent.flatMap(\.encoded)) == sent)
    }
}

/// Repeatable numbers for tests (SplitMix64).
struct Numbers: RandomNumberGenerator {
    var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
