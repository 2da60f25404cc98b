import Core
import Growth
import Testing

@testable import Traffic

@Suite struct ForbiddenIdentitiesTests {
    private static let forbidden = ForbiddenIdentities([CanonicalValue(text: "eve@evil.example")])

    /// What an attacker writes so that a program further on reads the forbidden mailbox.
    @Test(arguments: [
        "eve\u{FE6B}evil.example", "eve@evil\u{FE52}example", "eve@evil\u{2024}example", "eve&#64;evil.example",
        "eve&#064evil.example", "eve&#x40;evil.example", "eve&#X00040;evil.example", "eve&commat;evil.example",
        "eve@evil&period;example", "eve&amp;#64;evil.example", "eve%26%2364%3Bevil.example", "eve&#65312;evil.example",
        "e&ZeroWidthSpace;ve@evil.example", "=?utf-8?q?eve=40evil.example?=",
        "=?UTF-8?Q?eve?= =?utf-8?q?=40evil.example?=",
        "=?utf-8?q?eve?=@evil.example", "=?utf-8?b?ZXZlQGV2aWwuZXhhbXBsZQ==?=", "eve [at] evil.example",
        "eve(at)evil(dot)example", "eve at evil dot example", "write to eve  { AT }  evil.example!",
        "eve\u{FF05}40evil.example", "=?utf-8?q?eve_[at]_evil.example?=",
    ]) func anEncodedSpellingIsForbidden(text: String) {
        let value = CanonicalValue(text: text)
        #expect(Self.forbidden.areNamed(in: text))
        #expect(Self.forbidden.areNamed(in: value.text), "\(value)")
        // What allows the plain one allows none of these.
        #expect(value.text != "eve@evil.example")
    }

    @Test(arguments: [
        "bob&#64;evil.example", "=?utf-8?q?bob=40evil.example?=", "eve [at] evil.org", "meet eve at noon", "&#;&#x;&;&",
        "&#99999999999999999999;", "&#xD800;", "=?", "=?utf-8?q?", "=?utf-8?q?x?", "[at]", " at ", "a &commat",
        "=??q??=",
    ]) func whatNamesAnotherOrNobodyIsNot(text: String) {
        #expect(!Self.forbidden.areNamed(in: text))
    }

    @Test(arguments: [" ", "&", "&#", "=?a?q?", "[", "[at] ", "%25", "&amp;"]) func aLongTextIsReadInOnePass(
        part: String
    ) {
        let growth = Growth.ratio(small: 12_500, large: 100_000, enough: 16) { length in
            #expect(!Self.forbidden.areNamed(in: String(repeating: part, count: length / part.utf8.count)))
        }
        #expect(growth < 32)
    }

    /// Facts of UnicodeData.txt, the compatibility decompositions of the small forms.
    @Test func smallFormsAreWhatTheyDecomposeTo() {
        #expect(
            IdentitySpelling.plain("\u{FE50}\u{FE52}\u{FE55}\u{FE5F}\u{FE62}\u{FE63}\u{FE68}\u{FE6A}\u{FE6B}")
                == ",.:#+-\\%@"
        )
    }
}
