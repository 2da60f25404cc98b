import Testing

@testable import Expressions

@Suite struct PatternTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool {
        var meter = Meter.unlimited
        return try Pattern(pattern).matches(text, &meter)
    }

    @Test(arguments: [
        ("^abc$", "abc", true), ("^abc$", "xabc", false), ("a.c", "a\nc", false), ("(?s)a.c", "a\nc", true),
        ("(?i)STRASSE", "strasse", true), ("(?i)ä", "Ä", true), ("(?i:a)b", "Ab", true), ("(?i:a)b", "AB", false),
        ("^b", "a\nb", false), ("(?m)^b$", "a\nb\nc", true), ("a{2,3}$", "aaaa", true), ("^a{2,3}$", "aaaa", false),
        ("^a{2}$", "aa", true), ("^a{2,}$", "aaaaa", true), ("a{,2}", "a{,2}", true), ("x{", "x{", true),
        ("^[a-c]+$", "abcabc", true), ("^[^a-c]+$", "xyz", true), ("[]a]", "]", true), ("[a-]", "-", true),
        ("^\\d+\\s\\w+$", "42 foo_1", true), ("^\\D$", "٣", true), ("^[\\d.]+$", "1.2", true),
        ("^[^\\D]+$", "12", true),
        ("\\bfoo\\b", "a foo b", true), ("\\bfoo\\b", "afoo", false), ("\\Boo", "foo", true),
        ("^\\pL+$", "straße", true),
        ("^\\p{Lu}\\P{Lu}$", "Ab", true), ("^[[:alpha:]]+$", "ab1", false), ("^[[:^digit:]]+$", "ab", true),
        ("^\\x41\\x{1F600}\\101$", "A😀A", true), ("^\\x41\\x{1F600}$", "A😀", true), ("\\Qa.b\\E", "a.b", true),
        ("\\Qa.b", "axb", false), ("(a|b)*c|(a|ab)*c", "abac", true), ("a||b", "", true),
        ("(?P<n>a)(?<m>b)", "ab", true),
        ("", "", true), ("a*?b+?", "b", true), ("^(a?){3}$", "aa", true), ("^.$", "😀", true),
        ("^..$", "e\u{301}", true),
        ("(?i:ſ)", "S", true), ("(?i)s", "ſ", true), ("(?i)ς", "σ", true), ("(?i)^\\p{Lu}$", "é", true),
        ("(?i)^[^k]$", "\u{212A}", false), ("^\\Qa.\\E+$", "a...", true), ("\\Q\\Ea", "a", true),
        ("\\A\\z", "", true), ("é", "e\u{301}", false), ("[é-ü]", "ö", true), ("^[\\x00-\\x{10FFFF}]$", "ü", true),
    ])
    func followsRE2(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        "(", ")", "a**", "*a", "+", "?", "a{2}{3}", "[", "[a", "[z-a]", "\\", "\\1", "(?=a)", "(?!a)", "(?<=a)", "(?",
        "(?P<", "(?P<>a)", "\\p{Nope}", "\\p{", "[[:nope:]]", "a{1001}", "a{3,2}", "\\xZ", "\\x{110000}", "\\x{D800}",
        "((a{1000}){1000}){1000}", "(((){1000}){1000}){1000}", "\\C", "\\y", "(a", "{2}",
    ])
    func refusesWhatRE2Refuses(_ pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(pattern) }
    }

    @Test func refusesDeepAndLongPatterns() {
        #expect(throws: PatternError.self) { try Pattern(String(repeating: "(", count: 5_000)) }
        #expect(throws: PatternError.self) {
            try Pattern(String(repeating: "(", count: 4_000) + String(repeating: ")", count: 4_000))
        }
        #expect(throws: PatternError.self) { try Pattern(String(repeating: "a", count: 20_000)) }
    }

    /// The naive matcher tries every way; the compiled one must agree on all that the naive one can afford.
    @Test(arguments: [1 as UInt64, 2, 3, 4])
    func agreesWithANaiveMatcher(_ seed: UInt64) throws {
        var generator = SplitMix(state: seed)
        for _ in 0..<1_500 {
            let pattern = Self.pattern(&generator, depth: 3)
            let tree = try PatternParser.parse(pattern)
            let text = (0..<Int.random(in: 0...6, using: &generator)).map { _ in
                "abA \n".unicodeScalars.randomElement(using: &generator) ?? "a"
            }
            let naive = (0...text.count).contains { start in !NaiveMatcher(text: text).ends(tree, [start]).isEmpty }
            let string = String(String.UnicodeScalarView(text))
            #expect(try matches(pattern, string) == naive, "`\(pattern)` on `\(string)`")
        }
    }

    private static func pattern(_ generator: inout SplitMix, depth: Int) -> String {
        let atoms = [
            "a", "b", ".", "[ab]", "[^a]", "\\s", "\\w", "^", "$", "\\b", "\\B", "(?i:a)", "(?m:^)", "(?s:.)", "",
        ]
        if depth == 0 { return atoms.randomElement(using: &generator) ?? "" }
        let left = pattern(&generator, depth: depth - 1)
        switch Int.random(in: 0..<6, using: &generator) {
        case 0: return left + "|" + pattern(&generator, depth: depth - 1)
        case 1:
            return "(\(left))"
                + (["*", "+", "?", "{2}", "{1,3}", "{0,2}?", "{2,}"].randomElement(using: &generator) ?? "")
        case 2: return left
        default: return "(?:\(left))" + pattern(&generator, depth: depth - 1)
        }
    }

    /// A backtracking matcher needs 2^n steps for each of these.
    @Test(
        .timeLimit(.minutes(10)),
        arguments: ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(a*)*b", "^(.*a){12}$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]$"]
    )
    func staysLinear(_ pattern: String) throws {
        let compiled = try Pattern(pattern)
        func cost(_ length: Int) throws -> Int {
            var meter = Meter.unlimited
            _ = try compiled.matches(String(repeating: "a", count: length) + "!", &meter)
            return meter.spent
        }
        let short = try cost(200)
        let long = try cost(800)
        #expect(long <= short * 5)
    }
}
