import Core
import Documents
import Foundation
import Testing

/// Reads base64 lines of YAML, prints lines of JSON.
private let pyYAML = """
    import base64, json, sys, yaml
    for line in sys.stdin:
        print(json.dumps(yaml.safe_load(base64.b64decode(line).decode("utf-8"))))
    """

private func runPython(_ script: String, _ input: String) -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", script]
    let (stdin, stdout) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput, process.standardError) = (stdin, stdout, Pipe())
    guard (try? process.run()) != nil else { return nil }
    try? stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try? stdin.fileHandleForWriting.close()
    let output = try? stdout.fileHandleForReading.readToEnd()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: output ?? Data(), as: UTF8.self) : nil
}

@Suite("Writing YAML")
struct YAMLWriterTests {
    @Test("folds what is to be folded, and what every reader takes for the same")
    func folded() throws {
        func folded(_ content: YAMLNode.Content) -> YAMLNode {
            var node = YAMLNode(content)
            node.isFolded = true
            return node
        }
        let words: [YAMLNode] = ["a b", "no", "field /*/a of b/c", "x, y", "[z", "t: u", "7", "", "é#"].map {
            .value($0)
        }
        let long: [YAMLNode] = (0..<30).map { .value(.string("word number \($0)")) }
        let root = YAMLNode.mapping([
            .init("words", folded(.list(words))),
            .init("long", folded(.list(long))),
            .init("one", folded(.mapping([.init("at-least", .value(0)), .init("of", folded(.list([.value("a")])))]))),
            .init(
                "block",
                folded(.mapping([.init("words", folded(.list(long))), .init("text", .value("two\nlines"))]))
            ),
            .init("list", .list([folded(.mapping([.init("code", .value("c")), .init("detail", .value("d, e"))]))])),
            .init("none", folded(.list([]))),
        ])
        let text = YAMLWriter.write(root)
        #expect(
            text.split(separator: "\n").prefix(2) == [
                #"words: [a b, "no", "field /*/a of b/c", "x, y", "[z", "t: u", "7", "", "é#"]"#,
                "long: [word number 0, word number 1, word number 2, word number 3, word number 4, word number 5, word number 6,",
            ]
        )
        #expect(text.contains("\none: {at-least: 0, of: [a]}\n"))
        #expect(
            text.contains("\n- {code: c, detail: \"d, e\"}\n") || text.contains("\n  - {code: c, detail: \"d, e\"}\n")
        )
        #expect(text.split(separator: "\n").allSatisfy { $0.utf8.count <= 124 })
        if let read = runPython(pyYAML, Data(text.utf8).base64EncodedString() + "\n") {
            let value = try JSON.parse(Array(read.utf8))
            #expect(value["words"]?.array?.compactMap(\.string) == words.compactMap(\.text))
            #expect(value["block"]?["words"]?.array?.count == 30)
            #expect(value["one"]?["at-least"] == 0)
        }
        let (node, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f.yaml")
        #expect(node != nil && diagnostics.isEmpty)
    }

    @Test("writes blocks, comments and quotes")
    func golden() {
        let node = YAMLNode.mapping(
            [
                .init("apiVersion", .value("lockstep/v1")),
                .init("version", .value("1.10", remark: "of this file")),
                .init("on", .value("no")),
                .init("timeout", .value("30m")),
                .init("share", .value(0.5)),
                .init("one", .value(1.0)),
                .init("large", .value(.number(1e21))),
                .init("none", .value(nil)),
                .init(
                    "rules",
                    .list(
                        [
                            .mapping(
                                [.init("id", .value("a b")), .init("args", .value(["x: y", "", "-", [], [:]]))],
                                comment: "seen 12 times\nin 3 sessions"
                            ),
                            .value("2026-12-18"),
                        ],
                        comment: "each rule"
                    )
                ),
                .init("text", .value("two\n  lines\n\n# here\n")),
                .init("bare", .value("a\nb")),
                .init("odd", .value("tab\there\u{202E}\u{7}é😀 ")),
            ],
            comment: "head"
        )
        #expect(
            YAMLWriter.write(node) == #"""
                # head
                apiVersion: lockstep/v1
                version: "1.10" # of this file
                "on": "no"
                timeout: 30m
                share: 0.5
                one: 1.0
                large: 1.0e+21
                none: null
                # each rule
                rules:
                  # seen 12 times
                  # in 3 sessions
                  - id: a b
                    args:
                      - "x: y"
                      - ""
                      - "-"
                      - []
                      - {}
                  - "2026-12-18"
                text: |
                  two
                    lines

                  # here
                bare: |-
                  a
                  b
                odd: "tab\there\u202e\x07é😀 "

                """#
        )
    }

    @Test("a comment cannot end its line or hide")
    func comments() {
        let text = YAMLWriter.write(
            YAMLNode.mapping([.init("a", .value(1, comment: "x\nb: 2\r\nc: \u{85}3", remark: "y\nz: 1"))])
        )
        #expect(text == "# x\n# b: 2\n# c: \n# 3\na: 1 # y z: 1\n")
    }

    @Test("what is written is read again", arguments: 1...200 as ClosedRange<UInt64>)
    func roundTrips(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let value = random.document(depth: 4)
        let text = YAMLWriter.write(value)
        let (node, diagnostics) = YAMLReader.read(Array(text.utf8), file: "f")
        #expect(diagnostics.map(\.line) == [])
        #expect(node?.json == value)
        #expect(YAMLWriter.write(value) == text)
    }

    @Test("long keys and texts are read again")
    func long() {
        let value: JSON.Value = [
            String(repeating: "k", count: 3000): [.string(String(repeating: "é ", count: 5000))],
            String(repeating: "\n", count: 600): ["a": 1],
        ]
        let (node, diagnostics) = YAMLReader.read(Array(YAMLWriter.write(value).utf8), file: "f")
        #expect(diagnostics.isEmpty)
        #expect(node?.json == value)
    }

    @Test(
        "PyYAML, a reader of YAML 1.1, reads the same values",
        .timeLimit(.minutes(10)),
        .enabled("python3 with PyYAML is not here") { runPython("import yaml", "") != nil }
    )
    func python() throws {
        var random = SplitMix(seed: 7)
        let values = (0..<60).map { _ in random.document(depth: 3) }
        // A pipe holds 64 KiB: one document after another keeps both sides from waiting.
        for chunk in stride(from: 0, to: values.count, by: 10).map({ values[$0..<min($0 + 10, values.count)] }) {
            let lines = chunk.map { Data(YAMLWriter.write($0).utf8).base64EncodedString() + "\n" }
            let output = try #require(runPython(pyYAML, lines.joined()))
            let read = try output.split(separator: "\n").map { try JSON.parse(String($0)) }
            #expect(read == Array(chunk))
        }
    }
}

extension SplitMix {
    private static let words = [
        "yes", "No", "nO", "null", "NULL", "true", "~", "", " ", "a b", "a: b", "a #b", "#a", "- a", "-", "? a", "0123",
        "1_0",
        "10:30", "2026-12-18", "1e3", ".5", "0x1F", "1.10", "=", "<<", "&a", "*a", "!t", "@", "`", "%x", "a:", ":a",
        "é",
        "e\u{301}", "😀", "\t", "a\tb", "\n", "a\n", "a\n\n", "\na", "a\n b\n", " a\nb", "a \nb", "a\r\nb", "\u{85}",
        "\u{2028}", "\u{FEFF}", "\u{0}", "\u{7F}", "\"", "\\", "'", "{", "[a]", ",", "|", ">", "---", "...", "--- a\nb",
        "a\n---\nb", "30m", "08d", "lockstep/v1", "x@y.z", "nan", ".inf", "Infinity", "1:2", "0b1", "0o7", "+1",
        "\u{FFFE}",
        "on\n", "a\n# b\n", "a\n\n\nb", "\u{E000}", "y", "N",
    ]

    mutating func document(depth: Int) -> JSON.Value {
        switch Int.random(in: 0..<(depth == 0 ? 7 : 10), using: &self) {
        case 0: return .null
        case 1: return .bool(Bool.random(using: &self))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &self))
        case 3:
            let number = Double(bitPattern: next())
            return number.isFinite ? .number(number) : .number(100)
        case 4...6: return .string(word())
        case 7: return .array((0..<Int.random(in: 0...4, using: &self)).map { _ in document(depth: depth - 1) })
        default:
            var object = JSON.Object()
            for _ in 0..<Int.random(in: 0...5, using: &self) {
                let key = word()
                // Two spellings of one letter are one key for this reader of what people write.
                if !object.keys.contains(key) { object[key] = document(depth: depth - 1) }
            }
            return .object(object)
        }
    }

    private mutating func word() -> String {
        let word = Self.words.randomElement(using: &self) ?? ""
        return Int.random(in: 0..<4, using: &self) == 0 ? word + (Self.words.randomElement(using: &self) ?? "") : word
    }
}

extension YAMLNode {
    fileprivate var text: String? {
        if case .value(.string(let text)) = content { text } else { nil }
    }
}
