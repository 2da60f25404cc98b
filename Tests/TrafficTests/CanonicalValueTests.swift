import Core
import Testing

@testable import Traffic

private struct Same: CustomTestStringConvertible, Sendable {
    var left: String
    var right: String
    var testDescription: String { "\(left) = \(right)" }
}

@Test(
    arguments: [
        Same(left: "100", right: "100.0"), Same(left: "100", right: "1e2"), Same(left: "-0", right: "0"),
        Same(left: "Ann@Example.ORG", right: "ann@example.org"),
        Same(left: "https://www.Example.com:443/a/../b/#top", right: "example.com/b"),
        Same(left: "http://example.com/%7Euser/", right: "https://example.com/~user"),
        Same(left: "https://example.com/a%2fb", right: "https://example.com/a%2Fb"),
        Same(left: "example.com.", right: "Example.com"),
        Same(left: "/data/./a//b/", right: "/data/a/b"), Same(left: "/data/x/../../etc", right: "/etc"),
        Same(left: "/data/%2e%2e/etc", right: "/etc"), Same(left: "dir\\file", right: "dir/file"),
        Same(left: "Caf\u{E9}", right: "cafe\u{301}"), Same(left: "  Alice ", right: "alice"),
        Same(left: "GB29 NWBK 6016 1331 9268 19", right: "GB29NWBK60161331926819"),
        Same(left: "de89-3704-0044-0532-0130-00", right: "DE89370400440532013000"),
        Same(left: "De89.3704.0044.0532.0130.00", right: "DE89370400440532013000"),
        Same(left: "DE89\u{2011}3704\u{A0}0044 0532 0130 00", right: "DE89370400440532013000"),
        Same(left: "de89370400440532013000", right: "DE89370400440532013000"),
        Same(left: "+1 (415) 555-2671", right: "+14155552671"), Same(left: "1-415-555-2671", right: "+1.415.555.2671"),
        Same(left: "(415) 555-2671", right: "415.555.2671"), Same(left: "+44 (0)20 7183 8750", right: "+442071838750"),
        Same(left: "0044 20 7183 8750", right: "+44 20 71838750"), Same(left: "030/901820", right: "(030) 90 18-20"),
        Same(left: "+49\u{A0}30\u{2011}901820", right: "+4930901820"),
    ] as [Same]
)
private func twoSpellingsOfOneValueAreEqual(_ row: Same) {
    #expect(CanonicalValue(text: row.left) == CanonicalValue(text: row.right))
}

@Test(
    arguments: [
        // Cyrillic `а`, a full-width `g`, and the same host in punycode: none is the Latin host.
        Same(left: "https://b\u{430}nk.com/x", right: "https://bank.com/x"),
        Same(left: "https://\u{FF47}oogle.com", right: "https://google.com"),
        Same(left: "ann@b\u{430}nk.com", right: "ann@bank.com"),
        Same(left: "https://good.com@evil.com/", right: "https://good.com/"),
        Same(left: "https://good.com@evil.com/", right: "https://evil.com/"),
        Same(left: "https://good.com:8443/", right: "https://good.com/"),
        Same(left: "https://good.com/a?x=1", right: "https://good.com/a?x=2"),
        Same(left: "https://good.com/AbC", right: "https://good.com/abc"),
        Same(left: "file:///etc/passwd", right: "https:///etc/passwd"),
        Same(left: "12345678901234567", right: "12345678901234568"),
        Same(left: "../etc", right: "etc"), Same(left: "/etc", right: "etc"),
        // No account: the check digits are wrong, or it is a file's name, a word or a digest.
        Same(left: "de88-3704-0044-0532-0130-00", right: "de88370400440532013000"),
        Same(left: "a-b.c d", right: "abcd"), Same(left: "report-2026.v2", right: "report2026v2"),
        Same(left: "de89/3704/0044/0532/0130/00", right: "DE89370400440532013000"),
        Same(left: "\u{FF41}bc", right: "abc"), Same(left: "a\u{200B}bc", right: "abc"),
        // Whoever may pay the account may not send what only some servers read as it.
        Same(left: "DE89_3704_0044_0532_0130_00", right: "DE89370400440532013000"),
        Same(left: "DE89, 3704, 0044, 0532, 0130, 00", right: "DE89370400440532013000"),
        Same(left: "IBAN DE89370400440532013000", right: "DE89370400440532013000"),
        Same(left: "payto://iban/DE89370400440532013000", right: "DE89370400440532013000"),
        Same(left: "ann+x@example.org", right: "ann@example.org"),
        Same(left: "https://evil\u{3002}com/x", right: "https://evil.com/x"),
        Same(left: "ann@evil\u{FF61}com", right: "ann@evil.com"),
        Same(left: "(415) 555-2671", right: "+1 415 555 2671"), Same(left: "030/901820", right: "+49 30 901820"),
    ] as [Same]
)
private func differentValuesStayDifferent(_ row: Same) {
    #expect(CanonicalValue(text: row.left) != CanonicalValue(text: row.right))
}

@Test(
    arguments: [
        ("", ValueClass.empty), ("ann@example.org", .email), ("https://example.com/x", .url), ("example.com", .url),
        ("//evil.com/x", .url), ("10.0.0.5:8080/x", .url), ("s3://bucket/key", .url),
        ("https://good.com\\@evil.com", .url),
        ("b\u{430}nk.com", .url), ("readme.md", .token), ("notes.txt", .token), ("1.2.3.4", .token),
        ("GB29NWBK60161331926819", .account), ("0x52908400098527886E0F7030069857D2E4169EE7", .account),
        ("2026-01-05", .date), ("2026-01-05T09:00:03.120Z", .date), ("2026-01-05 09:00", .date), ("12.50", .number),
        ("A-17", .token), ("/srv/data", .path), ("..%2f..%2fetc", .path), ("two words", .short),
        ("one line\nand another", .free),
        ("DE89_3704_0044_0532_0130_00", .account), ("de89/3704/0044/0532/0130/00", .account),
        ("IBANDE89370400440532013000", .account), ("D E 8 9,3704+0044|0532:0130,00", .account),
        ("DE88_3704_0044_0532_0130_00", .token), ("ab_12_cd_34_ef_56_gh_78", .token),
        ("evil\u{3002}com", .url), ("evil\u{FF0E}com/x", .url), ("ann@evil\u{FF61}com", .email),
        ("\u{4F60}\u{3002}", .token),
        ("+14155552671", .phone), ("+1 (415) 555-2671", .phone), ("415-555-2671", .phone), ("(030) 901820", .phone),
        ("020 7183 8750", .phone), ("01 23 45 67 89", .phone), ("0044 20 7183 8750", .phone),
        // Plain numbers, dates, cards, ids and addresses of the net are none.
        ("4155552671", .number), ("0301234567", .number), ("+1234567", .number), ("12.50", .number),
        ("05-03-2026", .token),
        ("05.03.2026 0930", .short), ("05 03 2026", .short), ("4111 1111 1111 1111", .short), ("219-09-9999", .token),
        ("978-3-16-148410-0", .token), ("0-306-40615-2", .token), ("192.168.100.200", .token), ("2026-03-01", .date),
        ("555-1234", .token), ("943 476 5919", .short), ("115-555-2671", .token), ("INV-415-555-2671", .token),
        ("+0123456789", .number), ("+1-2", .token), ("415-555-26712", .token), ("0000-0000-0000", .token),
        (String(repeating: "x", count: 65), .free), ("/" + String(repeating: "x", count: 100), .path),
    ] as [(String, ValueClass)]
)
func everyTextHasAClass(_ text: String, _ expected: ValueClass) {
    #expect(CanonicalValue(text: text).valueClass == expected)
}

@Test(arguments: [
    Same(left: "DE89\u{200B}37040044\u{AD}0532013000", right: "DE89370400440532013000"),
    Same(left: "\u{FF24}\u{FF25}89\u{FF13}70400440532013000", right: "DE89370400440532013000"),
    Same(left: "DE89\u{0663}\u{0667}0400440532013000", right: "DE89370400440532013000"),
    Same(left: "ann@\u{200B}example.org\u{FEFF}", right: "Ann@example.org"),
    Same(left: "ann\u{FF20}example.org", right: "ann@example.org"),
])
private func whatNoServerMayFoldIsAnIdentityOfItsOwn(_ row: Same) {
    let (odd, plain) = (CanonicalValue(text: row.left), CanonicalValue(text: row.right))
    #expect(odd != plain)
    #expect(odd.valueClass == plain.valueClass)
    #expect(odd.plainSpelling == plain)
}

@Test(arguments: [
    "DE89370400440532013000", "de89370400440532013000", "DE89 3704 0044 0532 0130 00", "de89-3704-0044-0532-0130-00",
    "DE89.3704.0044.0532.0130.00", "DE89 370400440532 013000", "D\u{200B}E89370400440532013000",
    "DE89\u{2013}3704\u{2013}0044\u{2013}0532\u{2013}0130\u{2013}00", "\u{FF24}\u{FF25}89370400440532013000",
])
func aTextNamesTheAccountInEverySpelling(_ spelling: String) {
    let account = CanonicalValue(.account, "de89370400440532013000")
    for text in ["Pay \(spelling) today, please.", "Pay it to (\(spelling)).", "(\(spelling))"] {
        #expect(Identities.find(in: text).filter { $0.valueClass == .account } == [account])
    }
}

@Test(arguments: [
    "DE89_3704_0044_0532_0130_00", "DE89, 3704, 0044, 0532, 0130, 00", "DE89 | 3704 | 0044 | 0532 | 0130 | 00",
    "DE89+3704+0044+0532+0130+00", "DE89:3704:0044:0532:0130:00", "IBANDE89370400440532013000",
    "payto:iban/DE89370400440532013000",
])
func aTextNamesTheAccountWhateverJoinsItsGroups(_ spelling: String) {
    let account = CanonicalValue(.account, "de89370400440532013000")
    for text in ["Pay \(spelling) today, please.", "(\(spelling))"] {
        #expect(Identities.find(in: text).contains(account), "\(text)")
    }
}

@Test(
    arguments: [
        ("call +1 (415) 555-2671 now", ["+14155552671"]),
        ("ring 415-555-2671, or (030) 901820.", ["030901820", "4155552671"]),
        ("tel:+442071838750", ["+442071838750"]), ("+44 20 7183 8750", ["+442071838750"]),
        ("from 2026-03-01 to 2026-04-05 at 10:30", []), ("order 2026-030-9018 of 12 parts", []),
        ("DE89 3704 0044 0532 0130 00", []), ("1 + 23456789 = 23456790", []), ("12 345 678 901", []),
        ("id 550e8400-e29b-41d4-a716-446655440000", []), ("4111-1111-1111-1111", []),
        ("0.1234 5678 90", []), ("at 09:00 10.05.2026 11:30", []), ("at 09:00 10.05.2026", []),
    ] as [(String, [String])]
)
func aTextNamesTelephoneNumbers(_ text: String, _ expected: [String]) {
    let found = Identities.find(in: text).filter { $0.valueClass == .phone }
    #expect(found.map(\.text).sorted() == expected)
}

@Test(arguments: [("see evil\u{3002}com today", "evil.com"), ("write to ann@evil\u{FF61}com", "ann@evil.com")])
func aTextNamesAHostWithTheFullStopsOfOtherScripts(_ text: String, _ expected: String) {
    #expect(Identities.find(in: text).contains { $0.text == expected })
}

@Test func aTextThatLooksLikeANumberIsATokenWithTheNumbersText() {
    #expect(CanonicalValue(argument: "100.0") == CanonicalValue(.token, "100"))
    #expect(CanonicalValue(argument: 100) == CanonicalValue(.number, "100"))
    #expect(CanonicalValue(argument: 100.0)?.text == "100")
}

@Test(arguments: [
    ("https://user:pw@evil.com/x", "evil.com"), ("https://good.com@evil.com", "evil.com"),
    ("example.com:8080/a", "example.com"),
    ("https://a.b.example.co.uk/", "a.b.example.co.uk"), ("ann@mail.example.org", "mail.example.org"),
    ("https://good.com\\@evil.com/", nil), ("https://a@b@c.com/", nil), ("https://good%2ecom/", nil), ("plain", nil),
    ("postgres://db.example.net/x", "db.example.net"),
])
func theHostIsWhatProgramsConnectTo(_ text: String, _ host: String?) {
    #expect(CanonicalValue(text: text).host == host)
}

@Test(arguments: [
    ("a.b.example.co.uk", "example.co.uk"), ("example.com", "example.com"), ("x.y.example.com", "example.com"),
    ("mine.github.io", "mine.github.io"), ("a.mine.github.io", "mine.github.io"), ("10.0.0.1", "10.0.0.1"),
    ("localhost", "localhost"),
])
func theRegisteredDomainIsWhatSomebodyOwns(_ host: String, _ domain: String) {
    #expect(Domains.registered(host) == domain)
}

@Test(arguments: [
    ("write to Ann@Example.org, or bob@x.io.", ["ann@example.org", "bob@x.io"]),
    ("see https://evil.com/a?b=c@d.com.", ["evil.com/a?b=c@d.com", "c@d.com"].sorted()),
    ("go to www.secure-site.com now", ["secure-site.com"]), ("(https://a.com/x)", ["a.com/x"]),
    ("visit example.com/path, e.g. today.It is", ["example.com/path"]), ("open b\u{430}nk.com", ["b\u{430}nk.com"]),
    ("\u{8BF7}\u{8BBF}\u{95EE}example.com", ["example.com"]),
    ("pay GB29NWBK60161331926819 please", ["gb29nwbk60161331926819"]),
    ("line\\nhttps://a.com", ["a.com"]), ("https://good.com@evil.com/x", ["good.com@evil.com/x"]),
    ("pay to LT60 1010 0123 4567 8901 instead", ["lt601010012345678901"]),
    ("to GB29\u{A0}NWBK\u{A0}6016\u{A0}1331\u{A0}9268\u{A0}19 AND SOON", ["gb29nwbk60161331926819"]),
    ("to LT60-1010-0123-4567-8901.", ["lt601010012345678901"]), ("LT60 1010 0123 4567 8902", []),
    ("https://a.com/x,https://b.com/y", ["a.com/x", "b.com/y"]), ("https://a.com/x;www.b.com", ["a.com/x", "b.com"]),
    ("https://a.com/?x=1,2", ["a.com?x=1,2"]),
    ("no names here, 3.5 or v1.2.3 or file.txt", []),
])
func identitiesAreFoundInText(_ text: String, _ expected: [String]) {
    #expect(Identities.find(in: text).map(\.text).sorted() == expected.sorted())
}

@Test(arguments: [
    ("get_user", ToolTier.read), ("getUserInfo", .read), ("calendar_list_events", .read), ("fetch", .openRead),
    ("browse_page", .openRead), ("send_message", .write), ("send_money", .destructive), ("deleteFile", .destructive),
    ("checkout", .write), ("listen_to", .write), ("frobnicate", .write), ("", .write), ("delete_website", .destructive),
    ("add_list", .write),
])
func aToolsVerbTellsItsTier(_ tool: String, _ tier: ToolTier) {
    #expect(ToolTier.classify(tool: tool) == tier)
}

@Test func hintsMakeAToolMilderOnlyWhereTheServerIsTrusted() {
    #expect(ToolTier.classify(tool: "send_x", hints: ToolHints(readOnly: true)) == .write)
    #expect(ToolTier.classify(tool: "get_x", hints: ToolHints(readOnly: false)) == .write)
    #expect(ToolTier.classify(tool: "get_x", hints: ToolHints(openWorld: true)) == .openRead)
    #expect(ToolTier.classify(tool: "get_x", hints: ToolHints(destructive: true)) == .destructive)
    #expect(
        ToolTier.classify(tool: "run_x", hints: ToolHints(readOnly: true, openWorld: false, isTrusted: true)) == .read
    )
}
