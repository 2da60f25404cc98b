import Core
import Playbooks
import Testing

/// The cases of `generated.md`: too large or too odd for a file.
struct GeneratedCases {
    struct Made: Sendable, CustomTestStringConvertible {
        let name: String
        let bytes: @Sendable () -> [UInt8]
        /// Nothing for a file without diagnostics.
        let code: String?
        var place: (line: Int, column: Int)?
        var count = 1

        var testDescription: String { name }
    }

    static let head = """
        apiVersion: lockstep/v1
        kind: Playbook
        id: smallest
        name: Look
        version: 1.0.0
        steps:

        """
    static let scan = "  - id: scan\n    uses: discovery.configurations\n"

    /// The head with a key before `steps:`.
    private static func top(_ key: String) -> String { head.replacing("steps:\n", with: key + "\nsteps:\n") + scan }

    private static func gate(_ pass: String) -> String {
        head + scan + "  - id: enough\n    gate:\n      pass: \(pass)\n"
    }

    private static func repeated(_ text: String, upTo count: Int) -> String {
        String(repeating: text, count: count / text.utf8.count + 1)
    }

    private static func bomb(_ item: (Int) -> String, _ first: String) -> String {
        let lines = (1...9).map { "  a\($0): &a\($0) " + item($0 - 1) }
        return top("vars:\n  a0: &a0 \(first)\n" + lines.joined(separator: "\n"))
    }

    private static func list(_ item: String, _ count: Int) -> String {
        "[" + [String](repeating: item, count: count).joined(separator: ", ") + "]"
    }

    static let all: [Made] = [
        Made(
            name: "large-file",
            bytes: { Array((head + scan + repeated("# padding\n", upTo: 10 << 20)).utf8) },
            code: "yaml.too-large",
            place: (1, 1)
        ),
        Made(
            name: "large-file-steps",
            bytes: {
                var text = head
                var number = 0
                while text.utf8.count < 10 << 20 {
                    text += "  - {id: s\(number), uses: discovery.processes}\n"
                    number += 1
                }
                return Array(text.utf8)
            },
            code: "yaml.too-large",
            place: (1, 1)
        ),
        Made(
            name: "large-endless-line",
            bytes: { Array((head + String(repeating: "a", count: 10 << 20)).utf8) },
            code: "yaml.too-large",
            place: (1, 1)
        ),
        Made(
            name: "large-description",
            bytes: { Array(top("description: " + String(repeating: "a", count: 1_000_000)).utf8) },
            code: nil
        ),
        Made(
            name: "large-name",
            bytes: {
                Array(
                    (head.replacing("name: Look", with: "name: " + String(repeating: "a", count: 1_000_000)) + scan)
                        .utf8
                )
            },
            code: "playbook.invalid-value",
            place: (4, 7)
        ),
        Made(
            name: "large-expression",
            bytes: { Array(gate("true" + String(repeating: " && true", count: 100_000)).utf8) },
            code: "expression.syntax"
        ),
        Made(
            name: "many-steps",
            bytes: {
                Array((head + (0..<20_000).map { "  - {id: s\($0), uses: discovery.processes}\n" }.joined()).utf8)
            },
            code: nil
        ),
        Made(
            name: "many-steps-cycle",
            bytes: {
                Array(
                    (head + "  - {id: s0, uses: discovery.processes, needs: [s19999]}\n"
                        + (1..<20_000).map { "  - {id: s\($0), uses: discovery.processes}\n" }.joined()).utf8
                )
            },
            code: "playbook.cycle",
            place: (7, 49)
        ),
        Made(
            name: "many-steps-dense",
            bytes: {
                let steps = (0..<500).map { number in
                    let needs = (0..<number).map { "s\($0)" }.joined(separator: ", ")
                    return "  - {id: s\(number), uses: discovery.processes, needs: [\(needs)]}\n"
                }
                return Array((head + steps.joined()).utf8)
            },
            code: nil
        ),
        Made(
            name: "many-steps-that-read-each-other",
            bytes: {
                let steps = (0..<5_000).map { number in
                    let needs = number < 5 ? "[]" : "[s\(number / 2), s\(number - 2)]"
                    let condition = number < 5 ? "" : ", if: 'steps.s\(number / 2).outputs.count > 0'"
                    return "  - {id: s\(number), uses: discovery.processes, needs: \(needs)\(condition)}\n"
                }
                return Array((head + steps.joined()).utf8)
            },
            code: nil
        ),
        Made(
            name: "many-errors",
            bytes: { Array((head + (0..<20_000).map { "  - {id: s\($0), uses: nothing.here}\n" }.joined()).utf8) },
            code: "playbook.unknown-action",
            count: 20_000
        ),
        Made(
            name: "many-keys",
            bytes: { Array(top("vars:\n" + (0..<50_000).map { "  k\($0): 1" }.joined(separator: "\n")).utf8) },
            code: nil
        ),
        Made(
            name: "deep-lists",
            bytes: {
                Array(
                    top("vars: {a: " + String(repeating: "[", count: 200) + String(repeating: "]", count: 200) + "}")
                        .utf8
                )
            },
            code: "yaml.too-deep"
        ),
        Made(
            name: "deep-block",
            bytes: {
                let lines = (0..<200).map { String(repeating: "  ", count: $0 + 1) + "a:" }
                return Array(top("vars:\n" + lines.joined(separator: "\n")).utf8)
            },
            code: "yaml.too-deep"
        ),
        Made(
            name: "deep-million",
            bytes: { Array(top("vars: " + String(repeating: "[", count: 1_000_000)).utf8) },
            code: "yaml.too-deep"
        ),
        Made(
            name: "deep-flow-mixed",
            bytes: {
                let open = String(repeating: "{a: [", count: 100)
                return Array(top("vars: " + open + "x" + String(repeating: "]}", count: 100)).utf8)
            },
            code: "yaml.too-deep",
            place: (6, 166)
        ),
        Made(
            name: "deep-allowed",
            bytes: {
                Array(
                    top("vars: {a: " + String(repeating: "[", count: 30) + String(repeating: "]", count: 30) + "}").utf8
                )
            },
            code: nil
        ),
        Made(
            name: "deep-expression",
            bytes: {
                Array(gate(String(repeating: "(", count: 5_000) + "true" + String(repeating: ")", count: 5_000)).utf8)
            },
            code: "expression.syntax"
        ),
        Made(
            name: "deep-negation",
            bytes: { Array(gate("\"" + String(repeating: "!", count: 50_000) + "true\"").utf8) },
            code: "expression.syntax"
        ),
        Made(
            name: "alias-bomb",
            bytes: { Array(bomb({ list("*a\($0)", 10) }, list("x", 10)).utf8) },
            code: "yaml.alias-limit"
        ),
        Made(
            name: "alias-bomb-of-keys",
            bytes: {
                Array(
                    bomb({ before in "{" + (0..<10).map { "k\($0): *a\(before)" }.joined(separator: ", ") + "}" }, "x")
                        .utf8
                )
            },
            code: "yaml.alias-limit"
        ),
        Made(
            name: "alias-quadratic",
            bytes: { Array(top("vars:\n  a: &a " + list("x", 2_000) + "\n  b: " + list("*a", 2_000)).utf8) },
            code: "yaml.alias-limit"
        ),
        Made(
            name: "alias-chain",
            bytes: {
                let lines = (1..<200).map { "  a\($0): &a\($0) [*a\($0 - 1)]" }
                return Array(top("vars:\n  a0: &a0 x\n" + lines.joined(separator: "\n")).utf8)
            },
            code: "yaml.too-deep"
        ),
        Made(
            name: "anchors-100000",
            bytes: {
                let lines = (0..<100_000).map { "  k\($0): &k\($0) 1" }
                return Array(top("vars:\n" + lines.joined(separator: "\n")).utf8)
            },
            code: nil
        ),
        Made(
            name: "anchors-100000-used",
            bytes: {
                let lines = (0..<50_000).map { "  k\($0): &k\($0) 1\n  u\($0): *k\($0)" }
                return Array(top("vars:\n" + lines.joined(separator: "\n")).utf8)
            },
            code: nil
        ),
        Made(
            name: "alias-many-small",
            bytes: {
                let first = "  - {id: s0, uses: discovery.network, with: {hosts: &h [127.0.0.1], ports: [443]}}\n"
                let rest = (1...500).map {
                    "  - {id: s\($0), uses: discovery.network, with: {hosts: *h, ports: [443]}}\n"
                }
                return Array((head + first + rest.joined()).utf8)
            },
            code: nil
        ),
        encoding("encoding-invalid-utf8", [0xFF]), encoding("encoding-overlong", [0xC0, 0xAF]),
        encoding("encoding-surrogate", [0xED, 0xA0, 0x80]), encoding("encoding-nul", [0]),
        Made(
            name: "encoding-cut-character",
            bytes: { Array((head + scan).utf8) + [0xF0, 0x9F] },
            code: "yaml.encoding"
        ),
        Made(
            name: "encoding-nul-hides-rest",
            bytes: { Array((head + scan).utf8) + [0] + Array("  - {id: x, uses: nothing.here}\n".utf8) },
            code: "yaml.encoding"
        ),
        Made(
            name: "encoding-utf16",
            bytes: { [0xFF, 0xFE] + (head + scan).utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } },
            code: "yaml.encoding",
            place: (1, 1)
        ),
        Made(
            name: "encoding-utf16-big-endian",
            bytes: { [0xFE, 0xFF] + (head + scan).utf16.flatMap { [UInt8($0 >> 8), UInt8($0 & 255)] } },
            code: "yaml.encoding",
            place: (1, 1)
        ),
        Made(
            name: "encoding-utf16-without-mark",
            bytes: { (head + scan).utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] } },
            code: "yaml.encoding",
            place: (1, 2)
        ),
        Made(
            name: "encoding-utf32",
            bytes: { [0xFF, 0xFE, 0, 0] + (head + scan).unicodeScalars.flatMap { [UInt8($0.value & 255), 0, 0, 0] } },
            code: "yaml.encoding",
            place: (1, 1)
        ),
        Made(
            name: "encoding-latin1",
            bytes: {
                (head + scan).replacing("Look", with: "Größe").unicodeScalars.map { UInt8($0.value) }
            },
            code: "yaml.encoding",
            place: (4, 9)
        ),
        Made(
            name: "encoding-many-nuls",
            bytes: { [UInt8](repeating: 0, count: 100_000) },
            code: "yaml.encoding",
            place: (1, 1)
        ),
        Made(
            name: "encoding-nul-in-a-comment",
            bytes: { Array("# a".utf8) + [0] + Array(("b\n" + head + scan).utf8) },
            code: "yaml.encoding",
            place: (1, 4)
        ),
        Made(
            name: "encoding-cr-only",
            bytes: { (head + scan).utf8.map { $0 == 0x0A ? 0x0D : $0 } },
            code: "yaml.encoding",
            place: (1, 24)
        ),
        Made(
            name: "tab-before-comment",
            bytes: { Array((head.replacing("name: Look", with: "name: Look\t# what it does") + scan).utf8) },
            code: nil
        ),
        Made(
            name: "tab-indents-a-comment",
            bytes: { Array((head + "\t# what it does\n" + scan).utf8) },
            code: "yaml.tab",
            place: (7, 1)
        ),
        Made(
            name: "tab-after-a-dash",
            bytes: { Array((head + "  -\tid: scan\n    uses: discovery.processes\n").utf8) },
            code: "yaml.tab",
            place: (7, 4)
        ),
        Made(name: "empty-file", bytes: { [] }, code: "document.empty", place: (1, 1)),
        Made(name: "blank-file", bytes: { Array("\n".utf8) }, code: "document.empty", place: (1, 1)),
        Made(name: "three-blanks", bytes: { Array("   ".utf8) }, code: "document.empty", place: (1, 1)),
        Made(name: "only-a-start", bytes: { Array("---".utf8) }, code: "document.empty", place: (1, 1)),
    ]

    private static func encoding(_ name: String, _ bad: [UInt8]) -> Made {
        Made(
            name: name,
            bytes: {
                let halves = (head + scan).split(separator: "L", maxSplits: 1)
                return Array(halves[0].utf8) + bad + Array(halves[1].utf8)
            },
            code: "yaml.encoding",
            place: (4, 7)
        )
    }

    @Test(.timeLimit(.minutes(10)), arguments: all)
    func giveWhatTheListSays(_ made: Made) {
        let checked = CaseFile.checker.check(file: "made.yaml", bytes: made.bytes())
        let found = checked.diagnostics.filter { $0.code == made.code }
        // Not asked within the expectation: to print a document of megabytes takes minutes.
        let hasDocument = checked.document != nil
        if let code = made.code {
            #expect(found.count == made.count, "\(code): \(checked.diagnostics.prefix(3).map(\.line))")
            #expect(!hasDocument)
        } else {
            #expect(checked.diagnostics.prefix(3).map(\.line) == [])
            #expect(hasDocument)
        }
        if let place = made.place, let first = found.first?.place {
            #expect((first.line, first.column) == place)
        }
        for diagnostic in checked.diagnostics.prefix(100) {
            #expect(diagnostic.message.count + (diagnostic.help?.count ?? 0) <= 1_000)
        }
    }
}
