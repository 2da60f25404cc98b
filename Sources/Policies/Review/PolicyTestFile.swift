package import Core
import Documents
import Traffic

/// Unit tests of a policy: calls, what came before them, and what is to be decided.
///
///     apiVersion: lockstep/v1
///     kind: PolicyTest
///     cases:
///       - name: a payment to a stranger
///         call: {agent: bot, server: bank, tool: send, task: {text: Pay the rent}, arguments: {to: GB29}}
///         history: [{server: bank, tool: read_file, arguments: {}, result: {text: pay GB29}}]
///         expect: deny
///         reason: identity
package struct PolicyTestFile: Sendable {
    package struct Case: Sendable {
        package var name: String
        package var place: Place
        var call: CallRecord
        var history: [CallRecord]
        var context: DecisionContext
        package var verdict: Decision.Verdict
        package var reason: String?
        package var rule: String?
        package var argument: String?
    }

    package struct Outcome: Sendable {
        package var test: Case
        package var decision: Decision
        /// What differs from what was expected, nil where nothing does.
        package var failure: String?
    }

    package private(set) var cases: [Case]

    /// Reads the tests, or nil where something is wrong with them; codes begin with `policy-test.`.
    package static func read(_ bytes: [UInt8], file: String) -> (tests: PolicyTestFile?, diagnostics: [Diagnostic]) {
        let (root, diagnostics) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "policy-test", diagnostics)
        guard let root, var document = MappingReader(root, problems, as: "a policy test") else {
            return (nil, problems.sorted)
        }
        if let version = document.string("apiVersion", isRequired: true), version.value != "lockstep/v1" {
            problems.report(
                "unsupported-version",
                "this version reads `lockstep/v1`, not \(version.value.inMessage)",
                at: version.place
            )
        }
        if let kind = document.string("kind", isRequired: true), kind.value != "PolicyTest" {
            problems.report("wrong-kind", "this is no policy test but a \(kind.value.inMessage)", at: kind.place)
        }
        let reading = TestReading(problems)
        let cases = document.list("cases", isRequired: true)?.value.compactMap { reading.test($0) } ?? []
        document.finish()
        return (problems.hasErrors ? nil : PolicyTestFile(cases: cases), problems.sorted)
    }

    /// Changes the calls of every case, such as to tokens where secrets stand; `change` has those of one case in their order.
    package mutating func changeCalls(_ change: (inout [CallRecord]) -> Void) {
        for at in cases.indices {
            var calls = cases[at].history + [cases[at].call]
            change(&calls)
            if let call = calls.popLast() { cases[at].call = call }
            cases[at].history = calls
        }
    }

    /// Decides every case anew; each has a session of its own.
    package func run(_ policy: CompiledPolicy) -> [Outcome] {
        cases.map { test in
            var observer = SessionObserver(taskText: test.call.task?.text)
            for record in test.history { _ = observer.observe(record) }
            let decision = policy.decide(observer.explain(test.call), context: test.context)
            var failure = Self.failure(test, decision)
            if let words = failure, decision.verdict == .deny, let argument = decision.argument {
                // The first of the arguments that fail is the one that is told, so another one may fail too.
                let found = policy.explain(observer.explain(test.call), context: test.context).found
                failure =
                    "\(words); \(argument.inMessage) is the first that fails, by \(decision.reason.inMessage)"
                    + (found.map { ": \($0.words)" } ?? "")
            }
            return Outcome(test: test, decision: decision, failure: failure)
        }
    }

    private static func failure(_ test: Case, _ decision: Decision) -> String? {
        func differs(_ what: String, _ expected: String?, _ actual: String?) -> String? {
            guard let expected, expected != actual else { return nil }
            return "expected \(what) \(expected.inMessage), not \((actual ?? "none").inMessage)"
        }
        if test.verdict != decision.verdict {
            return "expected \(test.verdict.rawValue), not \(decision.verdict.rawValue) (\(decision.reason))"
        }
        return differs("reason", test.reason, decision.reason) ?? differs("rule", test.rule, decision.rule)
            ?? differs("argument", test.argument, decision.argument)
    }
}

/// Reads the cases of a file.
private struct TestReading {
    private let problems: DiagnosticCollector

    init(_ problems: DiagnosticCollector) {
        self.problems = problems
    }

    func test(_ node: Node) -> PolicyTestFile.Case? {
        guard var reader = MappingReader(node, problems, as: "a case") else { return nil }
        let name = reader.string("name", isRequired: true)
        let agent = reader.string("agent")?.value
        var context = DecisionContext()
        let call = reader.node("call", isRequired: true).flatMap { record($0, sequence: 1 << 20, agent) }
        let history = reader.list("history")?.value.enumerated().compactMap { index, node in
            record(node, sequence: Int64(index), agent)
        }
        let verdict = reader.enumeration("expect", of: Decision.Verdict.self, isRequired: true)
        let reason = reader.string("reason")?.value
        let rule = reader.string("rule")?.value
        let argument = reader.string("argument")?.value
        if var given = reader.mapping("context") {
            if let now = given.string("now") {
                context.now = Timestamp(rfc3339: now.value)
                if context.now == nil {
                    problems.report("invalid-value", "`now` must be a time like 2026-12-31T18:00:00Z", at: now.place)
                }
            }
            context.agent = given.string("agent")?.value
            context.dataClasses = given.strings("classes", mayBeOne: true)?.value.map(\.value) ?? []
            context.source = given.string("source")?.value
            context.posture = given.string("posture")?.value
            given.finish()
        }
        reader.finish()
        guard let name, let call, let verdict else { return nil }
        context.arguments = call.arguments
        return PolicyTestFile.Case(
            name: name.value,
            place: name.place,
            call: call,
            history: history ?? [],
            context: context,
            verdict: verdict.value,
            reason: reason,
            rule: rule,
            argument: argument
        )
    }

    private func record(_ node: Node, sequence: Int64, _ agent: String?) -> CallRecord? {
        guard var reader = MappingReader(node, problems, as: "a call") else { return nil }
        let server = reader.string("server", isRequired: true)
        let tool = reader.string("tool", isRequired: true)
        let principal = reader.string("agent")?.value ?? agent ?? ""
        let definition = reader.string("definition")?.value
        let arguments = object("arguments", &reader)
        let task = task(&reader)
        let result = result(&reader)
        reader.finish()
        guard let server, let tool else { return nil }
        return CallRecord(
            time: Timestamp(microseconds: sequence),
            session: "test",
            sequence: sequence,
            principal: CallRecord.Principal(id: principal, kind: .declared),
            server: server.value,
            tool: tool.value,
            definition: definition,
            arguments: arguments,
            result: result,
            task: task
        )
    }

    private func object(_ key: String, _ reader: inout MappingReader) -> JSON.Object {
        guard let value = reader.value(key) else { return JSON.Object() }
        if case .object(let object) = value.value { return object }
        problems.report("wrong-type", "\(key.inMessage) must be a mapping", at: value.place)
        return JSON.Object()
    }

    private func task(_ reader: inout MappingReader) -> CallRecord.Task? {
        guard let node = reader.node("task") else { return nil }
        if case .string(let id)? = node.scalar?.value { return CallRecord.Task(id: id) }
        guard var task = MappingReader(node, problems, as: "a task") else { return nil }
        let id = task.string("id")?.value
        let text = task.string("text")?.value
        task.finish()
        return CallRecord.Task(id: id, text: text)
    }

    private func result(_ reader: inout MappingReader) -> CallRecord.Result? {
        guard let node = reader.node("result") else { return nil }
        if case .string(let text)? = node.scalar?.value { return CallRecord.Result(text: text) }
        guard var result = MappingReader(node, problems, as: "a result") else { return nil }
        let text = result.string("text", mayBeEmpty: true)?.value
        let structured = result.value("structured")?.value
        let isError = result.bool("isError")?.value ?? false
        result.finish()
        return CallRecord.Result(text: text, structured: structured, isError: isError)
    }
}
