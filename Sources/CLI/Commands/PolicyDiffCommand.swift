import ArgumentParser
import Core
import Policies
import Traffic

extension PolicyCommand {
    struct Diff: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say what one policy allows that another does not, argument by argument.",
            discussion: "Exit code 0 whatever the difference; 2 with --fail-if-wider where the newer one allows more."
        )
        @Argument(help: "The older policy.") var old: String
        @Argument(help: "The newer policy.") var new: String
        @Flag(help: "Exit with 2 where the newer policy allows more, or where that cannot be ruled out.")
        var failIfWider = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let difference = PolicyDifference(from: try Recordings.policy(old), to: try Recordings.policy(new))
            switch output.format {
            case .json: Output.answer(difference.json)
            case .table: Output.answer(difference.table)
            }
            if failIfWider, difference.widens { throw ExitStatus.answerIsNo }
        }
    }
}

extension PolicyDifference {
    var json: JSON.Value {
        [
            "widens": .bool(widens),
            "changes": .array(changes.map(Self.json)),
        ]
    }

    static func json(_ change: Change) -> JSON.Value {
        [
            "what": .string(change.what), "direction": .string(change.direction.rawValue),
            "agent": .string(change.agent), "task": change.task.map { .string($0) } ?? .null,
            "server": change.tool.map { .string($0.server) } ?? .null,
            "tool": change.tool.map { .string($0.tool) } ?? .null,
            "rule": change.rule.map { .string($0) } ?? .null,
            "argument": change.argument.map { .string($0) } ?? .null,
            "before": .array(change.before.map { .string($0) }),
            "after": .array(change.after.map { .string($0) }),
        ]
    }

    /// For a terminal; one line says so where the policies decide the same.
    var table: String {
        guard !isEmpty else { return "the policies decide the same" }
        let rows = changes.map { change in
            [
                change.direction.rawValue, change.rule ?? change.agent, change.task ?? "", change.argument ?? "",
                change.what, change.before.joined(separator: ", "), change.after.joined(separator: ", "),
            ]
        }
        return Output.table(["", "rule", "task", "argument", "what", "before", "after"], rows)
    }
}
