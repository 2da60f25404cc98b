import Core
import Documents
import Testing

@Suite("Hostile YAML")
struct YAMLLimitsTests {
    private func codes(_ text: String) -> [String] { codes(Array(text.utf8)) }

    private func codes(_ bytes: [UInt8]) -> [String] {
        YAMLReader.read(bytes, file: "f").diagnostics.map(\.code)
    }

    @Test("stops a bomb of aliases", .timeLimit(.minutes(10)))
    func bomb() {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...20 {
            text +=
                "a\(level): &a\(level) [" + repeatElement("*a\(level - 1)", count: 10).joined(separator: ", ") + "]\n"
        }
        #expect(codes(text) == ["yaml.alias-limit"])
    }

    @Test("stops aliases of a large text")
    func largeText() {
        let word = String(repeating: "w", count: 1_000_000)
        #expect(codes("- &x \(word)\n" + String(repeating: "- *x\n", count: 8)).isEmpty)
        #expect(codes("- &x \(word)\n" + String(repeating: "- *x\n", count: 10)) == ["yaml.alias-limit"])
    }

    @Test("aliases cannot stack levels above the limit")
    func depthByAliases() {
        var text = "a0: &a0 [x]\n"
        for level in 1...70 { text += "a\(level): &a\(level) [*a\(level - 1)]\n" }
        #expect(codes(text) == ["yaml.too-deep"])
    }

    @Test("holds the limits of depth and size", .timeLimit(.minutes(10)))
    func limits() {
        let deepest = YAMLReader.maxDepth
        func nested(_ levels: Int) -> String {
            String(repeating: "[", count: levels) + "x" + String(repeating: "]", count: levels)
        }
        #expect(codes(nested(deepest - 1)).isEmpty)
        #expect(codes(nested(deepest)) == ["yaml.too-deep"])
        #expect(codes(String(repeating: "[", count: 1_000_000)) == ["yaml.too-deep"])
        #expect(codes(String(repeating: "{a: ", count: 500_000)) == ["yaml.too-deep"])
        #expect(codes(String(repeating: "- ", count: 500_000)) == ["yaml.too-deep"])
        #expect(codes(String(repeating: "a", count: 10_000_000)) == ["yaml.too-large"])
        #expect(codes(String(repeating: "- x\n", count: 450_000)) == ["yaml.alias-limit"])
        #expect(codes(String(repeating: "- ~\n", count: 50_000)).count == 200)
    }

    @Test("reads a wide mapping in linear time", .timeLimit(.minutes(10)))
    func wide() {
        let text = (0..<45_000).map { "key\($0): \"v\"\n" }.joined()
        #expect(codes(text).isEmpty)
        #expect(codes(text + "key7: 1\n") == ["yaml.duplicate-key"])
    }

    @Test(
        "takes no long time for any pattern",
        .timeLimit(.minutes(10)),
        arguments: [
            "%TAG !a! b\n", "%YAML 1.2\n", "? ", "- ", "[", "{", "a: ", "*a ", "&a ", "!a ", "'", "\"", "|\n", "#",
            "a,", "[a,",
            "{a: b, ", "---\n", "...\n", "...\n%TAG !a! b\n", ": ", "a\n", " a\n", "\t", "{? ", "!<a> ", "a: &a b\n",
            "- *b\n", "-\n", "- &a\n", "- [a, b]\n", "- 'x", "- |\n a\n", "\\", "- a: b\n", "- {a: *b}\n", "a b ", ", ",
            "]",
        ]
    )
    func patterns(pattern: String) {
        let count = (32 << 10) / pattern.utf8.count
        _ = codes(String(repeating: pattern, count: count))
        _ = codes("x\n...\n" + String(repeating: pattern, count: count))
        _ = codes("[" + String(repeating: pattern, count: count))
    }

    @Test("refuses more directives than anyone needs", .timeLimit(.minutes(10)))
    func directives() {
        let text = (0..<200_000).map { "%TAG !a\($0)! b\n" }.joined() + "--- x\n"
        #expect(codes(text) == ["yaml.syntax"])
        #expect(codes("x\n...\n" + text) == ["yaml.syntax"])
        #expect(codes("%YAML 1.2\n---\na: 100%\n").isEmpty)
    }

    @Test("a suggestion for each of many unknown aliases costs nothing", .timeLimit(.minutes(10)))
    func unknownAliases() {
        let anchors = (0..<20_000).map { "- &anchor\($0) x\n" }.joined()
        #expect(codes(anchors + String(repeating: "- *anchorr\n", count: 20_000)).count == 200)
    }

    @Test(
        "refuses bytes that are not UTF-8",
        arguments: [
            [0x61, 0x3A, 0x20, 0xFF], [0xFF, 0xFE, 0x61, 0x00], [0xFE, 0xFF, 0x00, 0x61], [0x61, 0x00, 0x62],
            [0xC3], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x00], [0x0D],
        ] as [[UInt8]]
    )
    func encoding(bytes: [UInt8]) {
        #expect(codes(bytes) == ["yaml.encoding"])
    }

    @Test("a quoted escape may name any character")
    func escapes() {
        let (node, diagnostics) = YAMLReader.read(Array(#"a: "\0\x07\u202E\U0001F600\N""#.utf8), file: "f")
        #expect(diagnostics.isEmpty)
        #expect(node?.json == ["a": "\0\u{7}\u{202E}😀\u{85}"])
    }

    @Test("survives any change of its input", arguments: 1...60 as ClosedRange<UInt64>)
    func mutations(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let original = Array(
            """
            # comment é
            id: "a-b" # x
            list: [1, two, {k: 'v', "😀": "\\u00e9"}]
            anchor: &a {x: [y, z], n: null}
            again: *a
            text: >-
              folded
               more
            lit: |+
              lines

            ? long key
            : - - nested
                - 0.25
            """.utf8
        )
        for _ in 0..<200 {
            let bytes = random.mutate(original, with: Array("&*!|>?:-[]{},#\"'%@`\t\n\r ~<".utf8))
            let (node, diagnostics) = YAMLReader.read(bytes, file: "f")
            if node == nil { #expect(diagnostics.hasErrors) }
            for diagnostic in diagnostics { #expect(diagnostic.place.map { $0.line >= 1 && $0.column >= 1 } == true) }
            _ = node?.json
        }
        for length in original.indices { _ = YAMLReader.read(Array(original[..<length]), file: "f") }
    }
}

/// A small seeded generator (SplitMix64, Steele, Lea and Flood 2014), so that a failure names its seed.
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// The same bytes with a few changed, dropped, doubled or cut off.
    mutating func mutate(_ original: [UInt8], with special: [UInt8]) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...4, using: &self) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &self)
            switch Int.random(in: 0..<6, using: &self) {
            case 0: bytes[at] = UInt8.random(in: 0...255, using: &self)
            case 1: bytes.remove(at: at)
            case 2, 3: bytes.insert(special.randomElement(using: &self) ?? 0, at: at)
            case 4: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + 20)], at: at)
            default: bytes.removeLast(min(bytes.count, 3))
            }
        }
        return bytes
    }
}
