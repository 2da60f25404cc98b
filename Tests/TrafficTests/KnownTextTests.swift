import Core
import Testing

@testable import Traffic

/// Texts and calls made up from a seed: names, numbers, dates, letters of other scripts, and what only looks like them.
private struct MadeUp: RandomNumberGenerator {
    var state: UInt64

    /// SplitMix64 (Steele, Lea and Flood, 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
        return z ^ z >> 31
    }

    mutating func word() -> String {
        let number = Int.random(in: 0..<60, using: &self)
        switch Int.random(in: 0..<12, using: &self) {
        case 0: return "ann\(number)@Example.org"
        case 1: return "https://www.site\(number).example.com:443/a/../b"
        case 2: return "DE89 3704 0044 0532 0130 00"
        case 3: return "2026-01-\(10 + number % 20)"
        case 4: return "\(number).50"
        case 5: return "00\(number)"
        case 6: return number.isMultiple(of: 2) ? "caf\u{E9}" : "cafe\u{301}"
        case 7: return "/var/data/./file\(number).txt"
        case 8: return "\u{430}nn\(number)@example.org"
        default: return "word\(number)"
        }
    }

    mutating func text() -> String {
        let words = (0..<Int.random(in: 1...24, using: &self)).map { _ in word() }
        switch Int.random(in: 0..<4, using: &self) {
        case 0: return words.map { "key: \($0)" }.joined(separator: "\n")
        case 1: return "[" + words.map { "\"\($0)\"" }.joined(separator: ", ") + "]"
        case 2: return words[0]
        default: return words.joined(separator: " ")
        }
    }

    mutating func call(_ sequence: Int64) -> CallRecord {
        CallRecord(
            time: Timestamp(seconds: sequence),
            session: "s",
            sequence: sequence,
            principal: CallRecord.Principal(id: "a", kind: .declared),
            server: "srv",
            tool: ["get_note", "send_mail", "list_files"][Int.random(in: 0..<3, using: &self)],
            arguments: ["x": .string(Bool.random(using: &self) ? word() : text())],
            result: CallRecord.Result(text: text())
        )
    }
}

/// What is known of a text is what reading it anew tells, also where so many are known that some are forgotten.
@Test(arguments: [1, 2, 3] as [UInt64])
func aKnownValueIsWhatItsTextSays(seed: UInt64) {
    var random = MadeUp(state: seed)
    let cache = ResultCache()
    let texts = (0..<400).map { _ in random.text() }
    for _ in 0..<900 {
        let text = texts[Int.random(in: 0..<texts.count, using: &random)]
        let known = cache.value(text)
        let fresh = ValueText(text)
        #expect(known.value == fresh.value)
        #expect((known.length, known.words) == (fresh.length, fresh.words))
        #expect(known.entities.map(\.value) == fresh.entities.map(\.value))
        #expect(known.query.phrase == fresh.query.phrase)
        #expect(known.query.field.hash == fresh.query.field.hash)
    }
}

/// A call is explained alike whether its texts were analysed for other sessions already, or for nobody.
@Test(arguments: [4, 5, 6, 7] as [UInt64])
func aCallIsExplainedAlikeWithWhatIsKnown(seed: UInt64) {
    var random = MadeUp(state: seed)
    let shared = ResultCache(maxBytes: 64 << 10)
    for _ in 0..<8 {
        let task = random.text()
        var known = SessionObserver(taskText: task, cache: shared)
        // Holds nothing for longer than it takes to ask.
        var fresh = SessionObserver(taskText: task, cache: ResultCache(maxBytes: 0))
        for sequence in 0..<40 {
            let record = random.call(Int64(sequence))
            let (call, other) = (known.observe(record), fresh.observe(record))
            #expect(call.leaves == other.leaves)
            #expect((call.reading, call.resultDigest) == (other.reading, other.resultDigest))
        }
    }
}

/// Identities take many times the bytes of their text, so a few texts full of them must not fill the memory.
@Test
func aKnownTextIsChargedForItsIdentities() {
    let cache = ResultCache()
    func text(_ number: Int) -> String { (0..<200).map { "u\($0)@n\(number).example.org" }.joined(separator: " ") }
    #expect(ValueText(text(1)).entities.count == 200)
    let first = cache.value(text(0))
    #expect(cache.value(text(0)) === first)
    for number in 1...40 { _ = cache.value(text(number)) }
    #expect(cache.value(text(0)) !== first)
}
