import Core
import Testing

@testable import Traffic

private func fields(_ text: String) -> [String] {
    StructuredResult.fields(of: text).map { "\($0.path)=\($0.text)" }
}

@Test(arguments: [
    (#"[{"email":"A@x.org","n":1.0,"ok":true,"none":null}]"#, ["/*/email=a@x.org", "/*/n=1"]),
    (#"{"Some Place": {"rating": 4.5}}"#, ["/#key=some place", "/*/rating=4.5"]),
    ("{'name': 'O\\'Neil', 'tags': ('a', 'b'), 'x': None}", ["/name=o'neil", "/tags/*=a", "/tags/*=b"]),
    ("- amount: 100.0\n  subject: 'Pizza: party'\n- amount: 5", ["/amount=100", "/subject=pizza: party", "/amount=5"]),
    ("owner:\n  name: Ann\n  mail: ann@x.org", ["/owner/name=ann", "/owner/mail=ann@x.org"]),
    ("<<a: b>>", ["/a=b"]), ("Files: one.txt\ntwo.txt", ["/list=one.txt", "/list=two.txt"]), ("A-17", ["=a-17"]),
    ("note: |\n  several\n  lines", ["/note=several\nlines"]),
])
func aStructuredTextHasFields(_ text: String, _ expected: [String]) {
    #expect(fields(text) == expected)
}

@Test(arguments: [
    "Dear Ann, please pay.\niban: GB29NWBK60161331926819", "to: x\nThis is a sentence in between.", "", "   ",
    "[1, 2", "{'a': __import__('os')}", "[" + String(repeating: "[", count: 5000),
    "one long sentence with many words in it",
    #"{"a": 1, "a": 2} and more"#,
])
func aTextThatIsNotWhollyStructuredHasNone(_ text: String) {
    #expect(fields(text).isEmpty)
}

@Test(arguments: [UInt64(1), 2, 3, 4])
func anyBytesAreRead(_ seed: UInt64) {
    var state = seed
    func next() -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33)
    }
    let pieces = [
        "- ", "a: ", "'", "\"", "[", "{", "}", "]", ",", "\n", "  ", "|", "@", "x.com", "://", "\\", "%2", "\u{430}",
        "\u{8BF7}",
        "GB29", "1e9", "None", "<<", ">>", "\u{301}", "www.", ":", "/..", "\u{0}",
    ]
    for _ in 0..<400 {
        let text = (0..<next() % 30).map { _ in pieces[next() % pieces.count] }.joined()
        _ = StructuredResult.fields(of: text)
        let index = TextIndex(text)
        for identity in Identities.find(in: text) { #expect(index.shows(identity)) }
        let value = CanonicalValue(text: text)
        _ = (value.host, value.registeredDomain)
        _ = ArgumentLeaves(["a": .string(text)])
    }
}
