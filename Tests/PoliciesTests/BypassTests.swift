import Core
import Foundation
import Policies
import Testing
import Traffic

/// Calls that try to get around a policy written by hand; see `Cases/bypass/README.md`.
@Suite struct BypassTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var id: String
        var why: String
        var expect: String
        var request: String?
        var history: [JSON.Object]
        var call: JSON.Object

        var testDescription: String { "\(id), \(why)" }

        func record(_ object: JSON.Object, _ sequence: Int) -> CallRecord? {
            guard let server = object["server"]?.string, let tool = object["tool"]?.string,
                let arguments = object["arguments"]?.object,
                let time = Timestamp(rfc3339: object["time"]?.string ?? "2026-03-02T10:00:00Z")
            else { return nil }
            let result = object["result"]?.object.map {
                CallRecord.Result(text: $0["text"]?.string, structured: $0["structured"])
            }
            return CallRecord(
                time: time,
                session: id,
                sequence: Int64(sequence),
                principal: .init(id: object["principal"]?.string ?? "registrar", kind: .declared),
                server: server,
                tool: tool,
                definition: object["definition"]?.string,
                arguments: arguments,
                result: result,
                task: request.map { CallRecord.Task(text: $0) }
            )
        }
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Cases/bypass")

    static let cases: [Case] = {
        let text = (try? String(contentsOf: folder.appendingPathComponent("bypass.ndjson"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            guard let object = try? JSON.parse(String(line)).object, let id = object["id"]?.string,
                let why = object["why"]?.string, let expect = object["expect"]?.string,
                let call = object["call"]?.object
            else { return nil }
            let history = (object["history"]?.array ?? []).compactMap(\.object)
            let request = object["request"]?.string
            return Case(id: id, why: why, expect: expect, request: request, history: history, call: call)
        }
    }()

    static let policy: (Policy?, [Diagnostic]) = {
        let bytes = (try? Data(contentsOf: folder.appendingPathComponent("policy.yaml"))).map(Array.init) ?? []
        return PolicyReader.read(bytes, file: "policy.yaml", now: Timestamp(rfc3339: "2026-03-02T10:00:00Z"))
    }()

    @Test func everyCaseIsRead() {
        #expect(Self.cases.count == 309)
        #expect(Self.policy.1.map(\.line) == [])
    }

    @Test(arguments: cases) func theVerdictIsWhatTheRulesMean(_ each: Case) throws {
        let policy = try #require(Self.policy.0)
        let tiers = Dictionary(policy.rules.map { ($0.tool, $0.tier) }, uniquingKeysWith: { first, _ in first })
        var observer = SessionObserver(taskText: each.request, tiers: tiers)
        for (index, object) in each.history.enumerated() {
            _ = observer.observe(try #require(each.record(object, index)))
        }
        let record = try #require(each.record(each.call, each.history.count))
        let context = DecisionContext(now: record.time, arguments: record.arguments)
        let decision = CompiledPolicy(policy).decide(observer.explain(record), context: context)
        #expect(decision.verdict.rawValue == each.expect, "\(each.why): \(decision)")
    }
}
