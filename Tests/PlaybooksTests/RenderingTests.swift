import Core
import Foundation
import Playbooks
import Testing

struct RenderingTests {
    private static let documents = [
        "good/phase-1-complete.yaml", "good/loop-waves-and-rollback.yaml", "good/graph-branches-and-join.yaml",
        "good/calendar-windows-and-waits.yaml", "good/secrets-where-they-belong.yaml", "good/subplaybook.yaml",
    ]

    private func plan(_ name: String) throws -> Plan {
        let bytes = try Data(contentsOf: CaseFile.folder.appendingPathComponent(name))
        return try #require(CaseFile.checker.check(file: name, bytes: Array(bytes)).plan)
    }

    private func golden(_ name: String, _ kind: String) -> String {
        name.replacingOccurrences(of: "good/", with: "").replacingOccurrences(of: ".yaml", with: kind)
    }

    @Test(arguments: documents)
    func plansReadTheSameAsBefore(_ name: String) throws {
        let outline = PlanOutline(try plan(name), catalogue: .example)
        try Golden.expect(outline.text, is: golden(name, ".plan.txt"))
        try Golden.expect(JSON.pretty(outline.json) + "\n", is: golden(name, ".plan.json"))
    }

    @Test(arguments: documents)
    func graphsLookTheSameAsBefore(_ name: String) throws {
        let graph = GraphDrawing(try plan(name))
        try Golden.expect(graph.mermaid, is: golden(name, ".mermaid"))
        try Golden.expect(graph.terminal, is: golden(name, ".graph.txt"))
    }

    @Test func secretsAreNamedAndNeverRead() throws {
        let outline = PlanOutline(try plan("good/secrets-where-they-belong.yaml"), catalogue: .example)
        #expect(outline.text.contains("Bearer <secret:from_file>"))
    }

    @Test func whatIsNotKnownYetIsMarked() throws {
        let plan = try plan("good/phase-1-complete.yaml")
        let outline = PlanOutline(
            plan,
            catalogue: .example,
            inputs: ["networks": ["10.0.0.0/24"], "ticket": "CHG000001"]
        )
        #expect(outline.text.contains("(known after apply)"))
        #expect(outline.text.contains("[\"10.0.0.0/24\"]"))
        #expect(outline.count(.ask) == 1)
    }

    @Test func theRoadmapReadsTheSameAsBefore() throws {
        let shipped = try #require(ShippedPlaybooks.bytes(of: "builtin:roadmap.yaml"))
        let checked = CaseFile.checker.check(file: "builtin:roadmap.yaml", bytes: shipped)
        guard case .roadmap(let roadmap)? = checked.document else {
            Issue.record("not a roadmap: \(checked.diagnostics.map { $0.line })")
            return
        }
        try Golden.expect(roadmap.text(catalogue: .example), is: "roadmap.plan.txt")
        try Golden.expect(JSON.pretty(roadmap.json(catalogue: .example)) + "\n", is: "roadmap.plan.json")
        let steps = ["discovery", "discovery_exit", "least_privilege", "least_privilege_exit"]
        #expect(roadmap.plan.steps.map(\.id.text) == steps)
    }

    @Test(arguments: ShippedPlaybooks.all.map(\.name))
    func whatShipsChecksWithoutAWord(_ name: String) throws {
        let bytes = try #require(ShippedPlaybooks.bytes(of: "builtin:\(name)"))
        let checked = CaseFile.checker.check(file: "builtin:\(name)", bytes: bytes)
        #expect(checked.diagnostics.map { $0.rendered() } == [])
        #expect(checked.document != nil)
    }

    @Test(arguments: [
        "broken/mixed-first-hour.yaml", "broken/mixed-half-a-github-workflow.yaml",
        "broken/expression-unknown-after-emoji.yaml", "broken/keys-unknown-terminal-escape.yaml",
        "broken/graph-unreachable-behind-cycle.yaml", "broken/expression-hyphen-step.yaml",
        "broken/subplaybook-recursive-mutual.yaml", "broken/waves-shrinking.yaml",
    ])
    func diagnosticsReadTheSameAsBefore(_ name: String) throws {
        let bytes = Array(try Data(contentsOf: CaseFile.folder.appendingPathComponent(name)))
        let checked = CaseFile.checker.check(file: name, bytes: bytes)
        let source = String(decoding: bytes, as: UTF8.self)
        let text = checked.diagnostics.map { $0.rendered(source: SourceText(source)) }.joined(separator: "\n")
        try Golden.expect(
            text + "\n",
            is: name.replacingOccurrences(of: "broken/", with: "").replacingOccurrences(of: ".yaml", with: ".txt")
        )
    }

    @Test func everyWordIsInTheTable() throws {
        let file = CaseFile.folder.appendingPathComponent("words.md")
        let rows = String(decoding: try Data(contentsOf: file), as: UTF8.self).split(separator: "\n")
            .filter { $0.hasPrefix("| `") }.compactMap { $0.split(separator: "|").first }
        let listed = rows.flatMap { row in
            row.split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
        }
        var words: [String] = []
        for (record, schema) in EditorSchema(.example).json["$defs"]?.object ?? [:] where !record.hasPrefix("with-") {
            words += (schema["properties"]?.object ?? [:]).map { "\(record).\($0.key)" }
        }
        #expect(words.sorted() == listed.sorted())
    }

    @Test func theSchemaIsTheSameAsBefore() throws {
        try Golden.expect(JSON.pretty(EditorSchema(.example).json) + "\n", is: "playbook.schema.json")
    }
}
