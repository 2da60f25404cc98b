import Core
import Testing
import Traffic

@testable import Behaviour

/// What writes itself byte by byte writes what its value would be written as.
@Test(arguments: [0, 1, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210, 0x9a9a_a9a9_0f0f_f0f0, .max] as [UInt64])
func hashesAreWrittenAsTheirTexts(hash: UInt64) {
    var bytes: [UInt8] = []
    Form.append(hash: hash, to: &bytes)
    #expect(bytes == JSON.canonical(Form.hash(hash)))
}

/// A text that was shown before is not read again, and no other text passes for it.
@Test func textsAreRememberedAsTheyWere() {
    let hash = KeyedHash(1, 2)
    var known = KnownTexts(hash)
    let texts = (0..<200).map { number in (0..<300).map { "word\(number * $0)" }.joined(separator: " ") }
    for text in texts + texts.reversed() {
        var found: [UInt8] = []
        var fresh: [UInt8] = []
        known.shown(text).write(to: &found)
        ShownText(text, hash).write(to: &fresh)
        #expect(found == fresh)
    }
}

/// Also where so much is known that some of it is forgotten, and whatever is asked for in between.
@Test(arguments: [1, 2, 3] as [UInt64])
func textsAreKnownInAnyOrder(seed: UInt64) {
    var random = Recordings.Generator(state: seed)
    let hash = KeyedHash(seed, 2)
    var known = KnownTexts(hash)
    let texts = (0..<120).map { _ in
        (0..<Int.random(in: 0...6000, using: &random)).map { _ in
            (["Mail", "cafe\u{301}", "caf\u{E9}", "7"].randomElement(using: &random) ?? "")
                + String(random.next() % 999)
        }.joined(separator: " ")
    }
    for _ in 0..<240 {
        let text = texts[Int.random(in: 0..<texts.count, using: &random)]
        var found: [UInt8] = []
        var fresh: [UInt8] = []
        known.shown(text).write(to: &found)
        ShownText(text, hash).write(to: &fresh)
        #expect(found == fresh)
    }
}

@Test func sampledSessionsAreWrittenAsTheyAreRead() throws {
    let leaf = TracedLeaf(
        argument: Keyed(key: 1, value: "to"),
        path: Keyed(key: 2, value: "to/mail"),
        valueClass: .email,
        value: Keyed(key: 3, value: "a\"\u{1}@x.org"),
        isAbridged: false,
        number: 2.5,
        prompt: .host,
        fields: [Keyed(key: 4, value: .init(tool: .init(server: "s", tool: "t"), field: "/a"))],
        texts: [Keyed(key: 5, value: .init(server: "s", tool: "u"))],
        entities: [
            TracedEntity(
                valueClass: .url,
                value: Keyed(key: 6, value: "x.org"),
                prompt: .none,
                fields: [],
                texts: [],
                readings: [7, 8]
            )
        ],
        length: 9,
        readings: [10]
    )
    let call = TracedCall(
        tool: Keyed(key: 11, value: .init(server: "s", tool: "t")),
        tier: .write,
        task: nil,
        definition: Keyed(key: 12, value: "d"),
        outcome: .ok,
        succeeded: true,
        sequence: -1,
        time: 13,
        pointer: EvidencePointer(session: "one", sequence: 2),
        arguments: [Keyed(key: 1, value: "to")],
        leaves: [leaf],
        lists: [(argument: 0, count: 3)],
        reading: 14,
        result: 15
    )
    let elsewhere = TracedCall(
        tool: call.tool,
        tier: .write,
        task: nil,
        definition: nil,
        outcome: .ok,
        succeeded: true,
        sequence: 3,
        time: 13,
        pointer: EvidencePointer(session: "one", sequence: 3),
        arguments: [],
        leaves: [],
        lists: [],
        reading: 14,
        result: 15
    )
    // Two names under one key, as somebody can make them who knows it, stay two.
    let twin = SessionTrace(key: 18, session: "two", principal: Keyed(key: 17, value: "q"), calls: [elsewhere])
    let trace = SessionTrace(key: 16, session: "one", principal: Keyed(key: 17, value: "p"), calls: [call, elsewhere])
    var sample = SessionSample()
    sample.insert(trace)
    sample.insert(twin)
    var bytes: [UInt8] = []
    sample.write(to: &bytes)
    let value = try JSON.parse(bytes)
    #expect(JSON.canonical(value) == bytes)
    let read = try #require(SessionSample(json: value))
    var again: [UInt8] = []
    read.write(to: &again)
    #expect(again == bytes)
    #expect(read.sessions.map(\.principal.value) == ["p", "q"])
    #expect(read.sessions[0].calls.map(\.pointer?.sequence) == [2, 3])
    #expect(read.sessions[1].calls.first?.pointer?.session == "one")
    #expect(read.sessions[0].calls[0].leaves.first?.fields.first?.value.field == "/a")
}
