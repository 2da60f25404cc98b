import Core
import Testing

@testable import Traffic

private func text(_ text: String) -> ResultText { ResultText(text: text, structured: nil, digest: 1, isCut: false) }

/// Each has fields whose spelling and canonical form differ, or that stand beside others.
@Test(arguments: [
    #"{"id": "A-17", "owner": {"mail": "Ann@X.org"}, "n": [1, 2.50, -3, 1e2, 100.0], "007 ": true, "k 2": "x"}"#,
    #"{"a": "one\\u0020two", "b": "tab\\tx", "p": "/a/./b//c/../d", "w": "C:\\\\x"}"#,
    #"{"p": "%2Fetc%2Fpasswd", "u": "http://foo.internal:80/x", "v": "https://www.x.org/a?b#c"}"#,
    "{'a': 'one' 'two', 1: 007, 2.5: None, 'd': 'x'}",
    "['it''s', 'a' , \"b\"]",
    "{1:007, 'flag': True}", "['', 'a' '' 'b', \"\", 'c''d', 'e ' 'f']",
    "id: 007\nwhen: 2026-01-05 09:05\nnote: first line\n  goes on\nlist:\n- one two\n- three: 4\ntext: |\n  a b\n\n  c",
    "account: DE89 3704 0044 0532 0130 00\nname: \"quoted\n  twice\"\nother: 'it''s'",
    "n: 1e3\nl: 007.0\nm: +12\nk: 0.50\nz: -0\nbig: 12345678901234567890",
    "Caf\u{E9}: cafe\u{301} x\nkelvin: 5 \u{212A}\nname: \u{130}stanbul",
    "Files:\nreport-13.txt\n./a/b.txt\nx/../y.txt\nhttps://x.org:443/a",
    "A-17", "<<ann@x.org>>", "12:05/30", "localhost:21/x",
])
func noFieldIsOverlookedByItsWords(result: String) {
    let fields = StructuredResult.fields(of: result)
    #expect(!fields.isEmpty)
    for field in fields {
        for valueClass in ValueClass.allCases {
            let query = FieldQuery(CanonicalValue(valueClass, field.text))
            #expect(text(result).mayHaveField(query), "\(field)")
            #expect(text(result).fields(holding: query).contains(field.path))
        }
    }
}

@Test(arguments: [("id: 5\nwhen: 2026-01-05 09:05", "17"), ("name: Ann", "bob"), ("[\"a\", \"b c\"]", "c b")])
func aTextWithoutTheWordsIsNotTakenApart(result: String, value: String) {
    #expect(!text(result).mayHaveField(FieldQuery(CanonicalValue(text: value))))
}
