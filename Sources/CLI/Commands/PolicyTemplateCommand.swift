import ArgumentParser
import Core
import Policies

extension PolicyCommand {
    struct Template: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print or write a starter policy for a common server; without a name, list them.",
            discussion: "With --out the unit tests are written beside it: git.yaml and git.test.yaml."
        )
        @Argument(help: "The template.") var name: String?
        @Option(name: .customLong("out"), help: "Where the policy is written; nothing is overwritten.") var out: String?
        @Flag(help: "Print the unit tests of the template instead of the policy.") var tests = false
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard let name else {
                switch output.format {
                case .json:
                    Output.answer(
                        .array(
                            ShippedTemplates.all.map {
                                ["name": .string($0.name), "summary": .string($0.summary)]
                            }
                        )
                    )
                case .table:
                    let rows = ShippedTemplates.all.map { [$0.name, $0.summary] }
                    Output.answer(Output.table(["template", "allows"], rows))
                }
                return
            }
            guard let template = ShippedTemplates.all.first(where: { $0.name == name }) else {
                let names = ShippedTemplates.all.map(\.name)
                throw CommandFailure(
                    "template.unknown",
                    "there is no template `\(Output.printable(name))`",
                    help: nearest(to: name, in: names).map { "did you mean `\($0)`?" }
                        ?? "there are \(names.joined(separator: ", "))",
                    status: ExitStatus.invalidInput
                )
            }
            guard let out else {
                Output.answer(String(decoding: tests ? template.tests : template.policy, as: UTF8.self))
                return
            }
            let stem =
                out.hasSuffix(".yaml") ? String(out.dropLast(5)) : out.hasSuffix(".yml") ? String(out.dropLast(4)) : out
            let beside = "\(stem).test.yaml"
            for file in [out, beside] where Recordings.exists(file) {
                throw CommandFailure(
                    "template.exists",
                    "`\(Output.printable(file))` is there already",
                    help: "name another file, or remove it",
                    status: ExitStatus.failed
                )
            }
            try Recordings.write(template.policy, to: out, mode: 0o644)
            try Recordings.write(template.tests, to: beside, mode: 0o644)
            Output.talk("policy written to \(Output.printable(out)), its tests to \(Output.printable(beside))")
            Output.talk("change its folders, sites and names, then `lockstep policy test --policy \(out) \(beside)`")
        }
    }
}
