import Core
import Testing

@testable import Traffic

/// Numbers that are the same in every run (SplitMix64).
private struct Chance: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }

    mutating func one<Element>(_ choices: [Element]) -> Element { choices[Int(next() % UInt64(choices.count))] }
}

/// Few words, so that phrases come again in other results, and as parts of other phrases.
private let words = ["red", "Red", "blue", "green", "caf\u{E9}", "cafe\u{301}", "13", "a-17", "ann", "x.org", "note"]
private let parties = [
    "ann@x.org", "Bob@X.org", "https://x.org/a", "x.org/a/", "DE89370400440532013000", "eve@b\u{430}nk.com",
]

private func phrase(_ chance: inout Chance) -> String {
    (0...chance.next() % 3).map { _ in chance.one(words) }.joined(separator: chance.one([" ", ", ", "/"]))
}

private func result(_ chance: inout Chance) -> String {
    let value = chance.one([phrase(&chance), chance.one(parties), String(chance.next() % 20)])
    return chance.one([
        #"[{"id": "\#(value)", "owner": {"mail": "\#(chance.one(parties))"}}]"#,
        "id: \(value)\nnote: \(phrase(&chance))",
        "They said that \(phrase(&chance)) and \(value), so write to \(chance.one(parties)) about \(phrase(&chance)).",
        phrase(&chance),
        "",
    ])
}

private func session(_ seed: UInt64, calls: Int) -> [CallRecord] {
    var chance = Chance(state: seed)
    return (0..<calls).map { number in
        let to = chance.one([chance.one(parties), phrase(&chance), String(chance.next() % 20)])
        let text = "\(phrase(&chance)) \(chance.one(parties)) \(phrase(&chance))"
        return CallRecord(
            time: Timestamp(seconds: Int64(number)),
            session: "s",
            sequence: Int64(number),
            principal: CallRecord.Principal(id: "a", kind: .declared),
            server: chance.one(["one", "two"]),
            tool: chance.one(["get_list", "read_page", "fetch_url", "send", "add_note"]),
            arguments: ["to": .string(to), "list": [.string(phrase(&chance))], "text": .string(text)],
            result: CallRecord.Result(text: result(&chance))
        )
    }
}

private func observer(mostUnindexed: Int, limits: SessionObserver.Limits, explainsReads: Bool) -> SessionObserver {
    var observer = SessionObserver(taskText: "send the red note", explainsReads: explainsReads, limits: limits)
    observer.mostUnindexed = mostUnindexed
    return observer
}

@Test(arguments: [0, 1, 5, 32], 0..<8 as Range<UInt64>)
func theIndexOfASessionAnswersAsAskingEachResultDoes(mostUnindexed: Int, seed: UInt64) {
    var limits = SessionObserver.Limits()
    // Values that are no longer remembered, and results that are no longer kept, are answered alike as well.
    if seed % 4 == 3 { limits = SessionObserver.Limits(maxTextBytes: 60, maxResults: 100, maxValues: 50) }
    let explainsReads = seed % 2 == 0
    var plain = observer(mostUnindexed: .max, limits: limits, explainsReads: explainsReads)
    var indexed = observer(mostUnindexed: mostUnindexed, limits: limits, explainsReads: explainsReads)
    for record in session(seed, calls: 200) {
        #expect(indexed.explain(record).leaves == plain.explain(record).leaves)
        let (left, right) = (indexed.observe(record), plain.observe(record))
        #expect(left.leaves == right.leaves)
        #expect(left.isEvidencePartial == right.isEvidencePartial)
    }
}

@Test func aCopyOfAnObserverGoesItsOwnWay() {
    let records = session(1, calls: 120)
    var first = observer(mostUnindexed: 4, limits: SessionObserver.Limits(), explainsReads: true)
    for record in records.prefix(60) { _ = first.observe(record) }
    var second = first
    for record in records[60..<90] { _ = first.observe(record) }
    for record in records[90...] { _ = second.observe(record) }
    var plain = observer(mostUnindexed: .max, limits: SessionObserver.Limits(), explainsReads: true)
    for record in records.prefix(60) { _ = plain.observe(record) }
    for record in records[90...] { _ = plain.observe(record) }
    #expect(second.explain(records[61]).leaves == plain.explain(records[61]).leaves)
}
