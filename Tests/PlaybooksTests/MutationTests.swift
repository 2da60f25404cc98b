import Core
import Playbooks
import Testing

/// Good playbooks, damaged: whatever comes in, there is a diagnostic or a document, and never a trap.
struct MutationTests {
    /// A small generator of which a failing test can name the seed (Steele, Lea and Flood, "SplitMix", 2014).
    struct Seeded: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var word = state
            word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
            word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
            return word ^ (word >> 31)
        }
    }

    private static let good = CaseFile.all(in: "good") + CaseFile.all(in: "broken").prefix(60)

    private func check(_ bytes: [UInt8], _ name: String) {
        let checked = CaseFile.checker.check(file: name, bytes: bytes)
        let hasError = checked.diagnostics.hasErrors
        #expect(hasError == (checked.document == nil))
        for diagnostic in checked.diagnostics {
            #expect((diagnostic.place?.line ?? 1) >= 1 && (diagnostic.place?.column ?? 1) >= 1)
            #expect(!diagnostic.message.isEmpty && diagnostic.message.count <= 1_000)
        }
        guard let plan = checked.plan else { return }
        let outline = PlanOutline(plan, catalogue: .example)
        #expect(!outline.text.isEmpty)
        #expect(!GraphDrawing(plan).terminal.isEmpty)
    }

    @Test(arguments: CaseFile.all(in: "good"))
    func survivesBeingCutAnywhere(_ file: CaseFile) {
        for length in stride(from: 0, to: file.bytes.count, by: 3) {
            check(Array(file.bytes.prefix(length)), file.name)
        }
    }

    @Test(arguments: UInt64(0)..<100)
    func survivesDamage(_ seed: UInt64) throws {
        var random = Seeded(state: seed)
        for _ in 0..<10 {
            let file = try #require(Self.good.randomElement(using: &random))
            var bytes = file.bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) { damage(&bytes, using: &random) }
            check(bytes, file.name)
            let inside = CaseFile.checker(in: .example).check(file: file.name, bytes: bytes)
            #expect(inside.diagnostics.hasErrors == (inside.document == nil))
        }
    }

    private func damage(_ bytes: inout [UInt8], using random: inout Seeded) {
        guard bytes.count > 2 else { return }
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: at)
        case 2: bytes.insert(Array("{}[]:-#&*!|>'\"%@`$, \n\t".utf8).randomElement(using: &random) ?? 0, at: at)
        case 3:
            let words = [
                "${{ ", " }}", "null", "[]", "{}", "- ", "steps.scan", "1e999", "-1", "true", "<<: *a", "?", "''",
            ]
            bytes.insert(contentsOf: Array((words.randomElement(using: &random) ?? "").utf8), at: at)
        case 4:
            // Move a line elsewhere.
            var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map(Array.init)
            let line = lines.remove(at: Int.random(in: 0..<lines.count, using: &random))
            lines.insert(line, at: Int.random(in: 0...lines.count, using: &random))
            bytes = Array(lines.joined(separator: [UInt8(ascii: "\n")]))
        default:
            // Repeat a piece.
            let end = min(bytes.count, at + Int.random(in: 1...40, using: &random))
            bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
        }
    }
}
