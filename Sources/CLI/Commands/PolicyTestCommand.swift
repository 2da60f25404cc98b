import Actions
import ArgumentParser
import Core
import Policies

extension PolicyCommand {
    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the unit tests of a policy; exit code 2 where one fails."
        )
        @Option(help: "The policy.") var policy: String
        @Argument(help: "Test files: documents of kind PolicyTest.") var files: [String]
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let policy = CompiledPolicy(try Recordings.policy(policy))
            // Every file is read before the first is run, so that all mistakes are said at once.
            let tests = try files.map { file in try Self.read(file) }
            guard !tests.contains(where: { $0 == nil }) else { throw ExitStatus.invalidInput }
            let outcomes = tests.flatMap { $0?.run(policy) ?? [] }
            let failed = outcomes.filter { $0.failure != nil }
            switch output.format {
            case .json: Output.answer(.array(outcomes.map(\.json)))
            case .table:
                let rows = failed.map {
                    ["\($0.test.place.file):\($0.test.place.line)", $0.test.name, $0.failure ?? ""]
                }
                if !rows.isEmpty { Output.answer(Output.table(["place", "test", "what differs"], rows) + "\n") }
                Output.answer("\(outcomes.count - failed.count) of \(counted(outcomes.count, "test")) passed")
            }
            if outcomes.isEmpty {
                throw CommandFailure(
                    "policy-test.none",
                    "there is no test in these files",
                    help: "nothing tested is never a pass: write `cases`",
                    status: ExitStatus.answerIsNo
                )
            }
            if !failed.isEmpty { throw ExitStatus.answerIsNo }
        }

        private static func read(_ file: String) throws -> PolicyTestFile? {
            let bytes = try Recordings.bytes(file, limit: 16 << 20)
            let (tests, diagnostics) = PolicyTestFile.read(bytes, file: file)
            let source = SourceText(bytes)
            for diagnostic in diagnostics { Output.talk(diagnostic.rendered(source: source)) }
            // A case is decided as the same call in a recording is.
            let secrets = RawSecrets.here { Output.talk("note: \($0)") }
            return tests.map { tests in
                var tests = tests
                tests.changeCalls { calls in
                    // A session of its own.
                    var secrets = secrets
                    for at in calls.indices { secrets.replace(in: &calls[at]) }
                }
                return tests
            }
        }
    }
}

extension PolicyTestFile.Outcome {
    fileprivate var json: JSON.Value {
        [
            "test": .string(test.name), "file": .string(test.place.file), "line": .integer(Int64(test.place.line)),
            "passed": .bool(failure == nil), "failure": failure.map { .string($0) } ?? .null,
            "decision": .string(decision.verdict.rawValue), "rule": decision.rule.map { .string($0) } ?? .null,
            "argument": decision.argument.map { .string($0) } ?? .null, "reason": .string(decision.reason),
        ]
    }
}
