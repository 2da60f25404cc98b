/// A regular expression that a text must match, and others that it must not.
///
/// Written in what ECMA-262, RE2 and Python's `re` understand alike: no look-around, no flags, no classes that depend on
/// Unicode tables, and no `$` whose meaning before a last line break would matter. Each test accepts fewer texts than
/// the canonicaliser puts into the class it stands for, never more.
struct TextTest: Hashable, Sendable {
    var pattern: String
    var excluding: [String] = []
    var minimumLength: Int?
    var maximumLength: Int?
}

extension TextTest {
    /// What may stand between the groups of an account.
    private static let gap = "[^A-Za-z0-9]"

    /// What every account in a text of ASCII shows, in whatever spelling; see `IdentitySpelling`.
    static let accounts = [
        "[A-Z][A-Z][0-9][0-9]", "0x",
        // In groups, in either case. The check digits, which no expression can test, are taken to be right.
        "(?:^|\(gap)|[iI][bB][aA][nN])[A-Za-z][A-Za-z][0-9]\(gap){0,3}[0-9](?:\(gap){0,3}[A-Za-z0-9]){11}",
        // And nothing else, where groups may be of one letter and gaps of any length.
        "^\(gap)*(?:[iI]\(gap)*[bB]\(gap)*[aA]\(gap)*[nN]\(gap)*)?(?:[A-Za-z]\(gap)*){2}(?:[0-9]\(gap)*){2}"
            + "(?:[A-Za-z0-9]\(gap)*){11,30}$",
        "^[A-Z] *[A-Z] *[0-9][A-Z0-9 ]{9,}[^!-~]*$",
    ]

    /// What may stand between the groups of a telephone number: space, dashes, dots, strokes and parentheses.
    private static let space = "[^!-'*-,0-~]"

    /// What every telephone number in a text shows, see `PhoneNumber`.
    static let phones = [
        "\\+\(space){0,3}[0-9](?:\(space){0,3}[0-9]){7}", "(?:^|[^0-9])0[0-9](?:\(space){0,3}[0-9]){7}",
        "(?:^|[^0-9])[2-9][0-9]{2}\(space){1,3}[2-9][0-9]{2}\(space){1,3}[0-9]{4}",
    ]

    /// What every mail address, web address, account or telephone number in a text shows.
    static let identities =
        [
            "@", "://",
            // A dot before a letter or hyphen of any script: the end of a host's name begins so.
            "\\.[^ -,.-@\\[-`{-~\\n\\r\\t]", "[0-9]\\.[0-9]+\\.[0-9]+\\.[0-9]", "[wW][wW][wW]\\.",
        ] + accounts + phones + [foreign]

    /// A character in which an identity may hide: a full-width letter, a digit of another script, one that is not shown.
    ///
    /// Those change with every version of Unicode, so that the blocks are listed that have none of them: the letters of
    /// Latin, Greek, Cyrillic, Armenian and Hebrew, signs of print and of currencies, and what East Asia writes. All are
    /// of the basic plane, since some engines see two characters in any other.
    private static let foreign =
        "[^ -~\\n\\r\\t"
        + [
            "\u{A1}-\u{AC}", "\u{AE}-\u{34E}", "\u{350}-\u{5FF}", "\u{2010}-\u{2023}\u{2025}-\u{2027}",
            "\u{20A0}-\u{20CF}",
        ].joined()
        + ["\u{3001}\u{3003}-\u{3163}", "\u{3165}-\u{9FFF}", "\u{AC00}-\u{D7A3}"].joined() + "]"

    /// Begins as neither a list nor an object begins that was written as a text, and not with white space.
    private static let first = "[!-Z\\\\-z|}~]"
    /// Without `%`, behind which a server might find a separator or a line break.
    private static let local = "[A-Za-z0-9._+-]+"
    private static let label = "[A-Za-z0-9-]+"

    /// A month, or a day that there is: decisions take `2026-02-30` for no date.
    private static let day =
        "(?:[0-9]{4}-(?:0[1-9]|1[0-2])|[0-9]{4}-(?:(?:0[13578]|1[02])-31|(?:0[13-9]|1[0-2])-(?:29|30)"
        + "|(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8]))"
        + "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)"

    static let date = TextTest(
        pattern: "^\(day)(?:[T ](?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60))?(?:\\.[0-9]{1,9})?"
            + "(?:Z|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])?)?$"
    )

    /// A word of letters is no trace of the text in which it also stands.
    static let word = TextTest(pattern: "^[A-Za-z_]{1,20}$")

    static let fewWords = TextTest(
        pattern: "^\(first)[!-~]*(?: +[!-~]+){1,2}$",
        excluding: identities + ["^[0-9]{4}-[0-9]{2}"],
        maximumLength: 60
    )

    /// A text so long that it is free, with more than one word.
    static let free = TextTest(
        pattern: "^\(first)[\\s\\S]*[ \\n][\\s\\S]*[!-~]$",
        excluding: identities,
        minimumLength: 62
    )

    /// What a closed read may be asked in an argument of a rule: anything that names nobody.
    static let unnamed = TextTest(pattern: "^\(first)[\\s\\S]*$", excluding: identities)

    /// What a closed read that is bound to folders may be asked besides: what names nobody and no place.
    static let unplaced = TextTest(pattern: "^\(first)[\\s\\S]*$", excluding: identities + ["[/\\\\%~]"])

    /// Whether only addresses match.
    var namesHosts: Bool { pattern.contains("@") || pattern.contains("://") }

    /// What a closed read may be asked in an argument that no rule names.
    static let harmless = TextTest(
        pattern: "^[A-Za-z0-9_ ,-]{1,60}$",
        excluding: accounts
    )

    static let email = TextTest(pattern: "^\(local)@\(label)(?:\\.\(label))+$")
    static let page = TextTest(pattern: "^[hH][tT][tT][pP][sS]?://[!-~]+$")

    static func email(at host: String, below: Bool) -> TextTest {
        TextTest(pattern: "^\(local)@\(below ? "(?:\(label)\\.)*" : "")\(anyCase(host))$")
    }

    static func page(at host: String, below: Bool) -> TextTest {
        TextTest(
            pattern: "^[hH][tT][tT][pP][sS]?://\(below ? "(?:\(label)\\.)*" : "")\(anyCase(host))"
                + "\(below ? "(?::[0-9]{1,5})?" : "")(?:[/?#][!-~]*)?$"
        )
    }

    /// A text of ASCII in any mixture of upper and lower case.
    static func folded(_ text: String) -> TextTest { TextTest(pattern: "^\(anyCase(text))$") }

    /// The texts that a wildcard certainly matches once they are canonical; nil where that cannot be told from the text.
    static func wildcard(_ pattern: String) -> TextTest? {
        let bytes = Array(pattern.utf8)
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }), pattern == pattern.lowercased() else { return nil }
        let parts = pattern.split(separator: "*", omittingEmptySubsequences: false)
        guard parts.count > 1 else { return nil }
        if bytes.first == UInt8(ascii: "/"), bytes.dropFirst().first != UInt8(ascii: "/"),
            bytes.allSatisfy({ isPath($0) })
        {
            return TextTest(
                pattern: "^" + parts.map { anyCase(String($0)) }.joined(separator: "[A-Za-z0-9._/-]*") + "$",
                // A path that climbs, or that has two spellings.
                excluding: ["(?:^|/)\\.+(?:/|$)", "//", "/$", "\\n", "[wW][wW][wW]\\."] + accounts + phones,
                maximumLength: 1000
            )
        }
        if pattern.hasPrefix("*@"), parts.count == 2, pattern.dropFirst(2).contains("."),
            bytes.dropFirst(2).allSatisfy({ isLabel($0) || $0 == UInt8(ascii: ".") })
        {
            return email(at: String(pattern.dropFirst(2)), below: false)
        }
        let isToken = bytes.allSatisfy { isLabel($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "*") }
        // A letter that no number has.
        guard isToken, bytes.contains(where: { (97...122).contains($0) && $0 != UInt8(ascii: "e") }) else { return nil }
        return TextTest(
            pattern: "^" + parts.map { anyCase(String($0)) }.joined(separator: "[A-Za-z0-9_-]*") + "$",
            excluding: accounts + phones,
            maximumLength: 64
        )
    }

    private static func isLabel(_ byte: UInt8) -> Bool {
        (48...57).contains(byte) || (97...122).contains(byte) || byte == UInt8(ascii: "-")
    }

    private static func isPath(_ byte: UInt8) -> Bool {
        isLabel(byte) || [UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "*")].contains(byte)
    }

    static func anyCase(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z": result += "[\(Character(scalar).lowercased())\(Character(scalar).uppercased())]"
            case "\\", "^", "$", ".", "*", "+", "?", "(", ")", "[", "]", "{", "}", "|": result += "\\\(scalar)"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
