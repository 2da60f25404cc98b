import Core
import Foundation
import Testing

import Wire

/// Cases that no reader of messages can refuse, each with who must.
private let leftToOthers: [String: Set<String>] = [
    // Arguments that a closed rule does not name.
    "policy, key variants": [
        "keys-case-argument", "keys-constructor-prototype", "keys-dotted", "keys-empty", "keys-kelvin-sign",
        "keys-long-s", "keys-proto", "keys-surrounding-space", "keys-trailing-nul",
    ],
    "policy, batches": ["batch-denied-first", "batch-denied-second"],
    "policy, method smuggling": [
        "method-completion", "method-prompts-get", "method-resources-read", "method-resources-subscribe",
        "method-task-augmented", "method-tasks-result",
    ],
    "policy, message shape": ["shape-id-line-break"],
    "policy, numbers": [
        "text-amount-arabic-digits", "text-amount-large-exponent", "text-amount-list", "text-amount-negative",
        "text-amount-negative-zero", "text-amount-null", "text-amount-object", "text-amount-text",
        "text-amount-text-exponent", "text-amount-true",
    ],
    "policy, size": ["text-large-spaces"],
    "policy, paths": ["text-bom-in-path"],
    "policy and content type, encoding": ["text-utf7"],
    "session, method smuggling": ["method-2026-input-responses-elsewhere", "method-2026-state-of-another"],
    "session, session headers": ["session-missing"],
]

@Suite struct BypassCorpusTests {
    private func marks() throws -> [HeaderMark] {
        let text = try Data(contentsOf: BypassCase.folder.appendingPathComponent("definitions.json"))
        let tools = try JSON.parse(Array(text)).object?["data"]?.array ?? []
        return try #require(HeaderMark.marks(of: tools.first?.object?["inputSchema"] ?? nil))
    }

    @Test(arguments: ["keys", "text", "messages", "headers"])
    func refusesWhatNeedsNoPolicy(_ file: String) throws {
        let marks = try marks()
        let others = leftToOthers.values.reduce(into: Set()) { $0.formUnion($1) }
        var passed: Set<String> = []
        let cases = try BypassCase.load(file)
        #expect(cases.count > 20)
        for row in cases where row.expect["upstream"]?.string == "none" {
            switch row.outcome(marks: marks) {
            case .passes: passed.insert(row.id)
            case .refused(let refusal, let id):
                let codes = row.expect["codes"]?.array
                #expect(codes?.contains(.integer(refusal.code)) ?? true, "\(row.id): \(refusal.code)")
                let status = row.expect["status"]?.array?.contains {
                    $0 == .integer(Int64(refusal.status)) || ($0 == "4xx" && 400..<500 ~= refusal.status)
                }
                #expect(status ?? true, "\(row.id): \(refusal.status)")
                #expect(id == nil || row.expect["echo"] == nil || row.expect["echo"]?.string == id, "\(row.id)")
            }
        }
        let ids = Set(cases.map(\.id))
        #expect(passed.subtracting(others).sorted() == [], "these went through")
        #expect(others.intersection(ids).subtracting(passed).sorted() == [], "these are refused here already")
    }

    @Test func letsTheirNeighboursPass() throws {
        let marks = try marks()
        let cases = try BypassCase.load("neighbours")
        #expect(cases.count > 50)
        for row in cases where row.expect["upstream"]?.string == "once" {
            if case .refused(let refusal, _) = row.outcome(marks: marks) {
                Issue.record("\(row.id): \(refusal.sentence)")
            }
        }
    }
}
