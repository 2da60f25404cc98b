import Core
import Reporting
import Testing

/// The tags of a page as a browser's tokenizer splits them: quotation marks hide a `>`.
private func tags(_ page: String) -> [String] {
    var tags: [String] = []
    var current: String.UnicodeScalarView?
    var quote: Unicode.Scalar?
    for scalar in page.unicodeScalars {
        guard current != nil else {
            if scalar == "<" { current = String.UnicodeScalarView([scalar]) }
            continue
        }
        current?.append(scalar)
        if let open = quote {
            if scalar == open { quote = nil }
        } else if scalar == "\"" || scalar == "'" {
            quote = scalar
        } else if scalar == ">" {
            tags.append(String(current ?? String.UnicodeScalarView()))
            current = nil
        }
    }
    return tags
}

@Suite struct HostileTextTests {
    static let attacks = [
        "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "' onmouseover='alert(1)",
        "</style><svg onload=x>",
        "]]>--><!--", "&lt;b&gt;&#60;", "{{{title}}}{{#sections}}{{> x}}", "javascript:alert(1)",
        // A combining mark after a quotation mark or `<` makes another `Character` of it, but not for a browser.
        "\"\u{301} onload=x <\u{301}b> '\u{20DD}x &\u{200D}lt;", "</title\n><base href=//evil.example>",
        "a\u{202E}txt.exe\u{2066}\u{200B}\u{FEFF}", "\u{1B}[2J\u{1B}]0;owned\u{7}", "line\r\nbreak\u{2028}x\u{0}\u{85}",
        "\u{E0001}\u{E0041}\u{E007F} tags", String(repeating: "long ", count: 40_000),
        String(repeating: "\u{301}", count: 9000),
    ]

    @Test(arguments: attacks) func cannotChangeTheTagsOfThePage(_ attack: String) throws {
        let page = try ProgressReport(Samples.hostile(attack)).html()
        let plain = try ProgressReport(Samples.hostile(String(repeating: "a", count: 100))).html()
        let short = try ProgressReport(Samples.hostile("a")).html()
        // The only thing that a text decides is whether its mark may break: a class of our own.
        func shape(_ page: String) -> [String] { tags(page).map { $0.replacing(" whole\"", with: "\"") } }
        #expect(shape(page) == shape(plain))
        #expect(shape(page) == shape(short))
    }

    @Test(arguments: attacks) func leavesNothingInvisible(_ attack: String) throws {
        let report = ProgressReport(Samples.hostile(attack))
        for form in [try report.html(), report.markdown(), report.text(width: 80), JSON.pretty(report.json)] {
            let bad = form.unicodeScalars.first { scalar in
                switch scalar.properties.generalCategory {
                case .control: scalar != "\n"
                case .format, .lineSeparator, .paragraphSeparator, .privateUse: true
                default: false
                }
            }
            #expect(bad == nil, "U+\(String(bad?.value ?? 0, radix: 16))")
        }
    }

    @Test func keepsAPageSmallWhateverAServerSays() throws {
        let report = ProgressReport(Samples.hostile(String(repeating: "<", count: 1 << 18)))
        #expect(try report.html().utf8.count < 300_000)
        #expect(report.markdown().utf8.count < 100_000)
        #expect(report.text(width: 80).utf8.count < 100_000)
    }

    @Test(arguments: [
        ("[click](https://evil.example)", "\\[click\\](https\\://evil.example)"),
        ("www.evil.example", "www\\.evil.example"),
        ("| a | b |", "\\| a \\| b \\|"), ("<b>&amp;", "\\<b\\>\\&amp;"), ("1. item", "1\\. item"),
        ("- item", "\\- item"),
        ("**bold** `code` ~~x~~", "\\*\\*bold\\*\\* \\`code\\` \\~\\~x\\~\\~"), ("plain, 3.5 of 4", "plain, 3.5 of 4"),
    ])
    func markdownTakesTextAsText(_ text: String, _ expected: String) {
        let snapshot = ProgressSnapshot(
            title: text,
            taken: Timestamp(seconds: 0),
            gaps: [CoverageGap(subject: text, reason: text)]
        )
        let lines = ProgressReport(snapshot).markdown().split(separator: "\n")
        #expect(lines.contains { $0 == "# \(expected)" })
        #expect(lines.contains { $0 == "| \(expected) | \(expected) |" })
    }

    @Test(arguments: [("a`b", "``a`b``"), ("`x`", "`` `x` ``"), ("a|b", "`a|b`"), ("x ``` y", "````x ``` y````")])
    func markdownCommandsStayCode(_ command: String, _ expected: String) {
        let snapshot = ProgressSnapshot(
            title: "t",
            taken: Timestamp(seconds: 0),
            blockers: [.init(instance: "a", reason: "b", waitingOn: "c", command: command)]
        )
        #expect(ProgressReport(snapshot).markdown().contains("\n   \(expected)\n"))
    }

    @Test(arguments: [-1, 0, 40, 57, 80, 100, 200, Int.max]) func textFitsItsTerminal(_ width: Int) {
        let text = ProgressReport(Samples.rich).text(width: width)
        // Commands are copied, so they are the one thing that is never cut.
        let commands = Set(Samples.rich.blockers.map { "    " + $0.command })
        for line in text.split(separator: "\n") where !commands.contains(String(line)) {
            #expect(line.unicodeScalars.count <= max(40, width), "\(line)")
        }
    }
}
