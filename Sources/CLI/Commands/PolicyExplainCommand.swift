import Actions
import ArgumentParser
import Core
import Policies
import Traffic

extension PolicyCommand {
    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which rule and argument decide about a recorded call; exit code 2 where it is refused.",
            discussion: """
                Of a call that is allowed: by which way of the rule each argument passed. Of one that is denied: what \
                failed, and what the rule would have to say besides for the call to be allowed: each step with the source \
                of the value and whether others could have written it, and a warning of its own where a text would say \
                whom a write concerns.
                """
        )
        @Option(help: "The policy.") var policy: String
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String]
        @Option(help: "The session of the call.") var session: String
        @Option(help: "The number of the call in its session.") var sequence: Int64
        @Flag(help: "Also say what the argument may be, or every argument of a call that is allowed.") var showAllowed =
            false
        @Flag(help: "With modes and expiry, as a gateway decides; otherwise every rule counts as enforced.")
        var asDeployed = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let policy = try Recordings.policy(policy)
            var found: PolicyReplay.Explained?
            let count = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try PolicyReplay.explain(
                    policy,
                    over: recordings,
                    session: session,
                    sequence: sequence,
                    asDeployed: asDeployed,
                    showsAllowed: showAllowed
                ) { found = $0 }
            }
            Recordings.report(count)
            guard let found else {
                throw CommandFailure(
                    "explain.missing",
                    "no call \(sequence) of session `\(Output.printable(session))` is in these recordings",
                    help: "`lockstep policy replay --format ndjson` prints session and sequence of every call",
                    status: ExitStatus.invalidInput
                )
            }
            switch output.format {
            case .json: Output.answer(found.json)
            case .table:
                let record = found.record
                let title =
                    "\(record.principal.id) calls \(record.server)/\(record.tool), call \(sequence) of \(session)"
                Output.answer(([title] + found.explanation.lines).joined(separator: "\n"))
            }
            if found.explanation.decision.verdict != .allow { throw ExitStatus.answerIsNo }
        }
    }
}

extension PolicyReplay.Explained {
    fileprivate var json: JSON.Value {
        let decision = explanation.decision
        var object: JSON.Object = [
            "session": .string(record.session), "sequence": .integer(record.sequence),
            "principal": .string(record.principal.id), "server": .string(record.server),
            "tool": .string(record.tool), "decision": .string(decision.verdict.rawValue),
            "rule": decision.rule.map { .string($0) } ?? .null,
            "argument": decision.argument.map { .string($0) } ?? .null, "reason": .string(decision.reason),
            "step_wider": explanation.steps.count == 1 ? .string(explanation.steps[0].line) : .null,
            "steps_wider": .array(explanation.steps.map { .string(explanation.sentence($0)) }),
            "steps": .array(explanation.steps.map(\.json)),
            "passed": .array(
                explanation.passed.map {
                    [
                        "argument": .string($0.argument), "class": .string($0.valueClass.rawValue),
                        "ways": .array($0.ways.map { .string($0) }),
                    ]
                }
            ),
            "allowed": .array(explanation.allowed.map { .string($0) }),
        ]
        if let found = explanation.found {
            object["found"] = [
                "class": .string(found.valueClass.rawValue), "in_text": .bool(found.isInText),
                "prompt": .string(found.provenance.prompt.rawValue),
                "fields": .array(
                    found.provenance.fields.sorted().map {
                        ["tool": .string($0.tool.description), "field": .string($0.field)]
                    }
                ),
                "texts": .array(found.provenance.texts.sorted().map { .string($0.description) }),
            ]
        }
        return .object(object)
    }
}

extension WideningStep {
    fileprivate var json: JSON.Value {
        let sources = origins.map { origin -> JSON.Value in
            [
                "source": .string(origin.phrase), "text": .bool(origin.isText),
                "open_world": .bool(origin.isOpenWorld),
            ]
        }
        return [
            "argument": .string(argument), "step": .string(words), "risk": .string(risk.rawValue),
            "warning": warning.map { .string($0) } ?? .null, "sources": .array(sources),
        ]
    }
}
