import Core
import Documents
import Testing

@Suite("Reading JSON with comments and TOML")
struct OtherReadersTests {
    @Test("blanks comments and trailing commas")
    func comments() {
        let text =
            "\u{FEFF}// head\n{\n  /* é */ \"a\": [1, 2, /* x */ ],\r\n  \"b\": \"// no /* comment */ ,]\", // tail\n}\n"
        let (value, diagnostics) = JSONCReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.isEmpty)
        #expect(value == ["a": [1, 2], "b": "// no /* comment */ ,]"])
    }

    @Test(
        "points at what is wrong in JSON with comments",
        arguments: [
            ("[,]", "f:1:2 jsonc.unexpected"), ("[1,,]", "f:1:4 jsonc.unexpected"), ("{,}", "f:1:2 jsonc.unexpected"),
            (",", "f:1:1 jsonc.unexpected"), ("{\"a\":,}", "f:1:6 jsonc.unexpected"),
            ("// é\n/* é */ x", "f:2:9 jsonc.unexpected"), ("[1] /* open", "f:1:5 jsonc.unterminated"),
            ("{\n  \"é\": 1,\n  \"é\": 2,\n}", "f:3:3 jsonc.duplicate-key"), ("/", "f:1:1 jsonc.unexpected"),
            ("", "f:1:1 jsonc.unterminated"), ("// x", "f:1:5 jsonc.unterminated"),
            ("\"a\\", "f:1:4 jsonc.unterminated"),
            ("\u{FEFF}x", "f:1:1 jsonc.unexpected"), ("[1 /**/ 2]", "f:1:9 jsonc.unexpected"),
            ("/*/", "f:1:1 jsonc.unterminated"),
            ("1/**/2", "f:1:6 jsonc.trailing"),
        ] as [(String, String)]
    )
    func refusals(text: String, expected: String) {
        #expect(places(JSONCReader.read(Array(text.utf8), file: "f").diagnostics) == [expected])
    }

    @Test("reads TOML")
    func toml() {
        let text = """
            # servers
            title = "é \\u0000 😀"
            day = 2026-12-18
            at = 2026-12-18T09:00:00Z
            hex = 0xff
            f = 1.5
            big = 9223372036854775807
            [mcp_servers.files]
            command = "npx"
            args = ["-y", 'C:\\dir', ]
            env = { A = "1", B.c = true }
            [[list]]
            x = 1
            [[list]]
            x = 2
            """
        let (value, diagnostics) = TOMLReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.isEmpty)
        #expect(
            value == [
                "title": "é \0 😀", "day": "2026-12-18", "at": "2026-12-18T09:00:00Z", "hex": 255, "f": 1.5,
                "big": .integer(.max),
                "mcp_servers": [
                    "files": ["command": "npx", "args": ["-y", "C:\\dir"], "env": ["A": "1", "B": ["c": true]]]
                ],
                "list": [["x": 1], ["x": 2]],
            ]
        )
        #expect(TOMLReader.read([], file: "f").value == [:])
    }

    @Test(
        "points at what is wrong in TOML",
        arguments: [
            ("a = 1\nb = \n", "f:2:5 toml.syntax"), ("é = 1\n", "f:1:1 toml.syntax"),
            ("a = 1\na = 2\n", "f:2:1 toml.duplicate-key"), ("'é' = 1\n\"\\u00e9\" = 2\n", "f:2:1 toml.duplicate-key"),
            ("[a]\n[a]\n", "f:2:2 toml.duplicate-key"), ("[[a]]\n[a]\n", "f:2:2 toml.duplicate-key"),
            ("[a]\n[[a]]\n", "f:2:3 toml.duplicate-key"), ("a = []\n[[a]]\n", "f:2:3 toml.duplicate-key"),
            ("a = {}\n[a.b]\n", "f:2:2 toml.duplicate-key"), ("a = {}\na.b = 1\n", "f:2:1 toml.duplicate-key"),
            ("a.b = 1\n[a]\n", "f:2:2 toml.duplicate-key"),
            ("[a.b.c]\nz=9\n[a]\nb.c.t = 1\n", "f:4:1 toml.duplicate-key"),
            ("a = 1\na.b = 2\n", "f:2:1 toml.duplicate-key"), ("x = {a.b = 1, a = 2}", "f:1:15 toml.duplicate-key"),
            ("a = 01\n", "f:1:5 toml.bad-value"), ("a = 1__0\n", "f:1:5 toml.bad-value"),
            ("a = 1.\n", "f:1:5 toml.bad-value"), ("a = .5\n", "f:1:5 toml.bad-value"),
            ("a = inf\n", "f:1:5 toml.bad-value"),
            ("a = 1e999\n", "f:1:5 toml.bad-value"), ("a = 99999999999999999999\n", "f:1:5 toml.bad-value"),
            ("a = 2026-12\n", "f:1:5 toml.bad-value"), ("a = yes\n", "f:1:5 toml.bad-value"),
            ("a = 0x\n", "f:1:5 toml.bad-value"),
            ("a = 1 2\n", "f:1:7 toml.syntax"), ("a = \"x\nb\"\n", "f:1:5 toml.syntax"),
            ("a = '\n", "f:1:5 toml.syntax"),
            ("a = \"\"\"x\n\n", "f:1:5 toml.syntax"), ("a = \"é\\x\"\n", "f:1:7 toml.syntax"),
            ("a = \"\\uD800\"\n", "f:1:6 toml.syntax"), ("a = \"\\u12\"", "f:1:6 toml.syntax"),
            ("a = {b = 1,\n}\n", "f:1:12 toml.syntax"), ("a = {b = 1\n}\n", "f:1:11 toml.syntax"),
            ("a = [1 2]\n", "f:1:8 toml.syntax"),
            ("[a\n", "f:1:3 toml.syntax"), ("[]\n", "f:1:2 toml.syntax"), ("[[a]\n", "f:1:4 toml.syntax"),
            ("[a] b = 1\n", "f:1:5 toml.syntax"), ("a\n", "f:1:2 toml.syntax"), ("= 1\n", "f:1:1 toml.syntax"),
            ("a. = 1\n", "f:1:4 toml.syntax"), ("a = \"x\u{0}\"", "f:1:7 toml.encoding"),
            ("a = 1\r", "f:1:6 toml.encoding"),
        ] as [(String, String)]
    )
    func tomlRefusals(text: String, expected: String) {
        #expect(places(TOMLReader.read(Array(text.utf8), file: "f").diagnostics) == [expected])
    }

    @Test(
        "reads the values of TOML",
        arguments: [
            ("+1_000", 1000), ("-0", 0), ("0o17", 15), ("0b1_01", 5), ("0xDEAD_beef", 0xDEAD_BEEF),
            ("-1.5e-3", -0.0015),
            ("6.02E+23", 6.02e23), ("1e3", 1000.0), ("2026-12-18 09:00:00.5", "2026-12-18T09:00:00.5"),
            ("2026-12-18T09:00:00+01:00", "2026-12-18T09:00:00+01:00"), ("09:30:00", "09:30:00"),
            ("\"\"\"\na\\\n   b\"\"\"", "ab"), ("'''\n\\n'''", "\\n"), ("\"\"\"a\"\"\"\"\"", "a\"\""), ("\"\"", ""),
            ("''", ""),
            ("\"\"\"\"a\"\"\"", "\"a"), ("[ # c\n 1, [2,], # d\n]", [1, [2]]), ("{}", [:]),
            ("{ a . b = 1, a.c = 2 }", ["a": ["b": 1, "c": 2]]),
            ("\"\\U0001F600\\t\"", "😀\t"), ("true # x", true), ("\"\"\"a\r\nb\"\"\"", "a\r\nb"),
        ] as [(String, JSON.Value)]
    )
    func tomlValues(text: String, expected: JSON.Value) {
        let (value, diagnostics) = TOMLReader.read(Array("k = \(text)\r\n# end".utf8), file: "f")
        #expect(diagnostics.map(\.line) == [])
        #expect(value == ["k": expected])
    }

    @Test("puts TOML tables where their headers say")
    func tomlTables() {
        let text = """
            x.y.z = 1
            x.y.w = 2
            [a.b]
            c = 1
            [a]
            d = 2
            [[l]]
            [l.in]
            v = 1
            [[l.sub]]
            [[l]]
            [l.in]
            v = 2
            ["q.r".s]
            """
        let (value, diagnostics) = TOMLReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.map(\.line) == [])
        #expect(
            value == [
                "x": ["y": ["z": 1, "w": 2]], "a": ["b": ["c": 1], "d": 2],
                "l": [["in": ["v": 1], "sub": [[:]]], ["in": ["v": 2]]], "q.r": ["s": [:]],
            ]
        )
    }

    @Test(
        "refuses TOML that would go too deep",
        arguments: [
            "a = " + String(repeating: "[", count: 100_000), "a = " + String(repeating: "{b=", count: 100_000),
            String(repeating: "a.", count: 100_000) + "a = 1", "[" + String(repeating: "a.", count: 100_000) + "a]",
            String(repeating: "\"!\".", count: 100_000) + "a = 1", String(repeating: "1.", count: 100_000) + "1 = 1",
            String(repeating: "'' . ", count: 100_000) + "1 = 1",
            "x = {" + String(repeating: "1.1 . ", count: 1000) + "b = 1}",
        ]
    )
    func tomlDepth(text: String) {
        #expect(TOMLReader.read(Array(text.utf8), file: "f").diagnostics.map(\.code) == ["toml.too-deep"])
    }

    @Test("a long list of numbers in TOML is no depth")
    func tomlNumbers() {
        let text =
            "a = [" + String(repeating: "1.5, ", count: 5000) + "]\nb = \"" + String(repeating: "x.", count: 500)
            + "\"\n"
        #expect(TOMLReader.read(Array(text.utf8), file: "f").value?["a"]?.array?.count == 5000)
        let many = String(repeating: "[[t]]\n", count: 100_000)
        #expect(TOMLReader.read(Array(many.utf8), file: "f").value?["t"]?.array?.count == 100_000)
        #expect(
            TOMLReader.read(Array(repeating: 0x23, count: 5 << 20), file: "f").diagnostics.map(\.code) == [
                "toml.too-large"
            ]
        )
    }

    @Test("survive any change of their input", arguments: 1...40 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let json = Array("// c é\n{\"a\": [1, 2.5, \"x\\u00e9\", ], /* b */ \"b\": {\"c\": null,},}\n".utf8)
        let toml = Array(
            "a = 1\nd = 2026-12-18T09:00:00.5+01:00\n[t.u]\ns = \"\"\"x\\n\"\"\"\nl = [1, 2,]\n[[v]]\nw = {x = 'y', z.q = -0.5e3}\n"
                .utf8
        )
        for _ in 0..<150 {
            let first = JSONCReader.read(random.mutate(json, with: Array("/*,[]{}\"\\\n".utf8)), file: "f")
            #expect((first.value == nil) == first.diagnostics.hasErrors)
            let second = TOMLReader.read(random.mutate(toml, with: Array("=.[]{}\"'\\\n#-+_:".utf8)), file: "f")
            #expect((second.value == nil) == second.diagnostics.hasErrors)
        }
    }

    private func places(_ diagnostics: [Diagnostic]) -> [String] {
        diagnostics.map { "\($0.place?.file ?? ""):\($0.place?.line ?? 0):\($0.place?.column ?? 0) \($0.code)" }
    }
}
