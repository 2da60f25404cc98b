import Core
import Testing

@testable import Traffic

/// `String` equates the two spellings; a call that was sent in one must not be explained as if in the other.
@Test
func aKnownTextIsKnownByItsBytes() {
    let cache = ResultCache()
    #expect(cache.value("caf\u{E9}").length == 4)
    #expect(cache.value("cafe\u{301}").length == 5)
    #expect(cache.value("caf\u{E9}").length == 4)
}

@Test
func aKnownTextIsAnalysedOnce() {
    let cache = ResultCache()
    let first = cache.value("write to ann@example.com, please")
    #expect(first.entities.map(\.value) == [CanonicalValue(.email, "ann@example.com")])
    #expect(cache.value("write to ann@example.com, please") === first)
    #expect(cache.value(String(repeating: "x", count: 5_000)) !== cache.value(String(repeating: "x", count: 5_000)))
}

/// A text is asked for fields and for words at once, and answers as if it were asked one by one.
@Test(arguments: ["ann@example.com", "Blue Team", "17", "nobody", "2026-01-05"])
func evidenceIsWhatEachQuestionAnswers(value: String) {
    let text = "owner: Ann@Example.com\nteam: blue team\nid: 17\nwhen: 2026-01-05"
    let query = ValueQuery(CanonicalValue(text: value), as: value)
    let fresh = ResultText(text: text, structured: nil, digest: 1, isCut: false)
    let both = fresh.evidence(of: query, asksText: true)
    let asked = ResultText(text: text, structured: nil, digest: 1, isCut: false)
    #expect(both.fields == asked.fields(holding: query.field))
    #expect(both.isShown == asked.shows(query))
    #expect(both.isShown == (value != "nobody"))
    #expect(both.fields.isEmpty == (value == "nobody"))
    #expect(!fresh.evidence(of: query, asksText: false).isShown)
}
