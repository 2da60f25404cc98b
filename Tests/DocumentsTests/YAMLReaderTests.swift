import Core
import Documents
import Foundation
import Testing

@Suite("Reading YAML")
struct YAMLReaderTests {
    struct Trap: Sendable, CustomTestStringConvertible {
        var text: String
        var expected: [String]

        init(_ text: String, _ expected: String...) {
            self.text = text
            self.expected = expected
        }

        var testDescription: String { String(text.prefix(40).map { $0.isNewline ? "⏎" : $0 }) }
    }

    @Test(
        "points at every trap",
        arguments: [
            Trap("a: 1\nb: 2\na: 3\n", "3:1+1 duplicate-key"),
            Trap("a: 1\n\"a\": 3\n", "2:1+3 duplicate-key"),
            Trap("x: {k: 1, k: 2}\n", "1:11+1 duplicate-key"),
            Trap("ü: {é: 1, é: 2}\n", "1:11+1 duplicate-key"),
            Trap("- 😀😀: {é: no}\n", "1:11+2 ambiguous-scalar"),
            Trap("on: push\n", "1:1+2 ambiguous-scalar"),
            Trap(
                "a: no\nb: [Yes, OFF, y]\n",
                "1:4+2 ambiguous-scalar",
                "2:5+3 ambiguous-scalar",
                "2:10+3 ambiguous-scalar",
                "2:15+1 ambiguous-scalar"
            ),
            Trap("a: 0123\n", "1:4+4 ambiguous-scalar"), Trap("a: 10:30\n", "1:4+5 ambiguous-scalar"),
            Trap("from: 2026-12-18\n", "1:7+10 ambiguous-scalar"),
            Trap("from: 2026-12-18T09:00:00Z\n", "1:7+20 ambiguous-scalar"),
            Trap("version: 1.10\n", "1:10+4 ambiguous-scalar"), Trap("a: ~\n", "1:4+1 ambiguous-scalar"),
            Trap("base: &b {x: 1}\nc:\n  <<: *b\n", "3:3+2 merge-key"),
            Trap("a: !!str 1\n", "1:4+7 tag"), Trap("a: !secret x\n", "1:4+9 tag"), Trap("a: ! 1\n", "1:4+3 tag"),
            Trap("a: !!binary [1]\n", "1:4+10 tag"), Trap("!!map {a: 1}\n", "1:1+7 tag"),
            Trap("a:\n\tb: 1\n", "2:1+1 tab"), Trap("a:\n  - b\n \t- c\n", "3:2+1 tab"),
            Trap("a: 1\n---\nb: 2\n", "2:1+3 multiple-documents"),
            Trap("1: a\n", "1:1+1 non-string-key"), Trap("true: a\n", "1:1+4 non-string-key"),
            Trap("null: a\n", "1:1+4 non-string-key"), Trap("? [a]\n: b\n", "1:3+1 non-string-key"),
            Trap("{1.5: a}\n", "1:2+3 non-string-key"), Trap(": a\n", "1:1+1 syntax"),
            Trap("{: a}\n", "1:2+1 syntax"),
            Trap("k: &k x\n*k : z\n", "2:1+2 non-string-key"),
            Trap("a: *nope\n", "1:4+5 syntax"), Trap("a: &x [*x]\n", "1:8+2 alias-limit"),
            Trap("a: [1, 2\nb: 3\n", "2:2+1 syntax"), Trap("a: b: c\n", "1:5+1 syntax"),
            Trap("a: \"open\nb: 1\n", "1:4+1 syntax"), Trap("a: @x\n", "1:4+1 syntax"),
            Trap("a: 1\n b: 2\n", "2:3+1 syntax"), Trap("a: [1]]\n", "1:7+1 syntax"),
            Trap("a: \"\\q\"\n", "1:5+1 syntax"),
            Trap("a: no\nb: no\nc: [\n", "1:4+2 ambiguous-scalar", "2:4+2 ambiguous-scalar", "4:1+1 syntax"),
            Trap("", "1:1+1 empty"), Trap("# only this\n", "1:1+1 empty"),
            Trap("a: \u{0}\n", "1:4+1 encoding"), Trap("a: é\u{7}\nb: \u{85}\n", "1:5+1 encoding", "2:4+1 encoding"),
            Trap("a: x\u{2028}y\n", "1:5+1 encoding"), Trap("a: x\u{202E}y\n", "1:5+1 encoding"),
            Trap("a: x\u{FEFF}y\n", "1:5+1 encoding"), Trap("a: 1\rb: 2\r", "1:5+1 encoding"),
        ]
    )
    func traps(trap: Trap) {
        let (_, diagnostics) = YAMLReader.read(Array(trap.text.utf8), file: "f.yaml")
        let found = diagnostics.map { diagnostic in
            let place = diagnostic.place ?? Place(file: "", line: 0, column: 0)
            return "\(place.line):\(place.column)+\(place.length) \(diagnostic.code.dropFirst(5))"
        }
        #expect(found == trap.expected)
        for diagnostic in diagnostics {
            #expect(diagnostic.place?.file == "f.yaml")
            #expect(!diagnostic.message.contains("\n"))
            #expect(!diagnostic.message.hasSuffix("."))
        }
    }

    @Test(
        "refuses words that readers understand differently",
        arguments: [
            "y", "Y", "n", "N", "yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF", "~", "=",
            "<<", "00", "0123", "-012", "00.5", "0o17", "0b101", "-0x1F", "0x_1", "1_000", "1_0.5", "+1", "+1.5", "-.5",
            "1e3", "1.5e3", "1e+3", "1.10", "0.50", "10.00", "10:30", "1:00:59", "190:20:30.15", "-1:30", ".inf",
            "-.inf", "+.INF", ".nan", ".NaN", "2026-12-18", "2026-1-2", "2026-12-18 09:00:00", "2026-12-18t09:00:00Z",
            "99999999999999999999", "0xFFFFFFFFFFFFFFFFFF", "1.0e+999",
        ]
    )
    func ambiguous(word: String) throws {
        for text in ["k: \(word)\n", "[\(word)]\n"] {
            let (_, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f")
            #expect(diagnostics.map(\.code) == ["yaml.ambiguous-scalar"])
            #expect(diagnostics.first?.help != nil)
        }
        for text in ["k: '\(word)'\n", "k: \"\(word)\"\n", "k: |-\n  \(word)\n"] {
            let (node, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f")
            #expect(diagnostics.isEmpty)
            #expect(node?.json == ["k": .string(word)])
        }
    }

    @Test(
        "reads plain words under the core schema",
        arguments: [
            ("null", nil), ("", nil), ("NULL", nil), ("true", true), ("False", false), ("0", 0), ("-17", -17),
            ("0x1F", 31), ("9223372036854775807", .integer(.max)), ("1.5", 1.5), ("-0.25", -0.25), (".5", 0.5),
            ("5.", 5.0), ("1.0", 1.0), ("1.5e+3", 1500.0), ("1.0e-3", 0.001), ("1.3.0", "1.3.0"),
            ("10.0.0.1", "10.0.0.1"),
            ("30m", "30m"), ("61d", "61d"), ("P4W", "P4W"), ("2026-12", "2026-12"), ("8080:8080", "8080:8080"),
            ("09:00-16:00", "09:00-16:00"), ("a:b", "a:b"), ("nO", "nO"), ("yess", "yess"), ("-", nil),
            ("1e", "1e"), ("0xZ", "0xZ"), (".", "."), ("..", ".."), ("-a", "-a"), ("1.2.", "1.2."), ("1__", nil),
            ("http://x/#y", "http://x/#y"), ("12:61", "12:61"), ("a\n  b", "a b"), ("+", "+"), ("+x", "+x"),
        ] as [(String, JSON.Value)]
    )
    func plain(text: String, expected: JSON.Value) {
        let (node, diagnostics) = YAMLReader.read(Array("k: \(text)\n".utf8), file: "f")
        guard text != "-", text != "1__" else {
            #expect(diagnostics.hasErrors)
            return
        }
        #expect(diagnostics.isEmpty)
        #expect(node?.json == ["k": expected])
    }

    @Test("places count scalars and know their length")
    func places() throws {
        let text = "# 😀\nünï: \"😀é\" # x\nlist:\n  - {ä: 'ö', b: wörd}\nblock: |\n  text\n"
        let (root, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.isEmpty)
        let node = try #require(root)
        #expect(node["ünï"]?.place == Place(file: "f", line: 2, column: 6, length: 4))
        #expect(node["ünï"]?.start.offset == 9)
        #expect(node.mapping?.first?.key.place == Place(file: "f", line: 2, column: 1, length: 3))
        let inner = try #require(node["list"]?.sequence?.first)
        #expect(inner.place == Place(file: "f", line: 4, column: 5, length: 17))
        #expect(inner["b"]?.place == Place(file: "f", line: 4, column: 17, length: 4))
        #expect(node["block"]?.scalar == Scalar(text: "text\n", style: .literal))
    }

    @Test("a byte order mark and CRLF do not move a place")
    func byteOrderMark() throws {
        let text = "\u{FEFF}a: 1\r\nb:\r\n  c: no\r\n"
        let (node, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.map(\.place) == [Place(file: "f", line: 3, column: 6, length: 2)])
        #expect(node?["a"]?.place == Place(file: "f", line: 1, column: 4, length: 1))
    }

    @Test("expands aliases and keeps their first place")
    func aliases() throws {
        let (node, diagnostics) = YAMLReader.read(Array("a: &x {k: [1, 2]}\nb: *x\n".utf8), file: "f")
        #expect(diagnostics.isEmpty)
        #expect(node?.json == ["a": ["k": [1, 2]], "b": ["k": [1, 2]]])
        #expect(node?["b"]?["k"]?.place.line == 1)
    }

    static let shared = URL(
        fileURLWithPath: ProcessInfo.processInfo.environment["LOCKSTEP_SHARED"]
            ?? URL(fileURLWithPath: #filePath).appendingPathComponent("../../../../shared").standardized.path
    )

    @Test(
        "reads the published playbook",
        .enabled(
            if: FileManager.default.fileExists(atPath: shared.appendingPathComponent("reference/phase2.yaml").path),
            "the shared references are not here; set LOCKSTEP_SHARED"
        )
    )
    func published() throws {
        let data = try Data(contentsOf: Self.shared.appendingPathComponent("reference/phase2.yaml"))
        let (node, diagnostics) = YAMLReader.read(Array(data), file: "phase2.yaml")
        #expect(diagnostics.map(\.line) == [])
        #expect(node?["kind"]?.scalar?.text == "Playbook")
        #expect((node?["steps"]?.sequence?.count ?? 0) > 5)
    }
}
