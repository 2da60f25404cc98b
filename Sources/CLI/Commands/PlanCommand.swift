import ArgumentParser
import Core
import Engine
import Playbooks

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan",
        abstract: "Show what a playbook would do, and do none of it."
    )

    @Argument(help: "A file, or builtin:NAME.") var file: String
    @Option(name: .customLong("input"), help: "An input as name=value.") var inputs: [String] = []
    @OptionGroup var output: OutputOptions

    func run() async throws {
        let catalogue = try Session.catalogue()
        let checked = try PlaybookFiles.here(catalogue).document(file)
        guard let plan = checked.plan else { throw ExitStatus.invalidInput }
        let given = try InputArguments.values(inputs, for: plan)
        // What is given must fit; what is required may still be missing in a plan.
        if !inputs.isEmpty { try InputArguments.check(given, for: plan, catalogue) }
        switch checked.document {
        case .playbook(let plan):
            let outline = PlanOutline(plan, catalogue: catalogue, inputs: given)
            Output.answer(output.format == .table ? outline.text : JSON.pretty(outline.json))
        case .roadmap(let roadmap):
            Output.answer(
                output.format == .table
                    ? roadmap.text(catalogue: catalogue, inputs: given)
                    : JSON.pretty(roadmap.json(catalogue: catalogue, inputs: given))
            )
        case nil: throw ExitStatus.invalidInput
        }
    }
}

struct PlaybookCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "playbook",
        abstract: "Show what playbooks can say: schema, actions, graph.",
        subcommands: [Schema.self, Graph.self, Actions.self, Show.self]
    )

    struct Schema: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Print the JSON Schema that editors use.")

        func run() async throws { Output.answer(EditorSchema(try Session.catalogue()).json) }
    }

    struct Graph: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Draw the steps and what they need.")
        @Argument(help: "A file, or builtin:NAME.") var file: String
        @Flag(help: "Print Mermaid text instead of a drawing.") var mermaid = false

        func run() async throws {
            let checked = try PlaybookFiles(try Session.catalogue()).document(file)
            guard let plan = checked.plan else { throw ExitStatus.invalidInput }
            let drawing = GraphDrawing(plan)
            Output.answer(mermaid ? drawing.mermaid : drawing.terminal)
        }
    }

    struct Actions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the actions and measures of this version.")
        @Argument(help: "An action, such as exec.run, to see everything about it.") var name: String?

        func run() async throws {
            let catalogue = try Session.catalogue()
            let actions = catalogue.actions.values.map(\.schema).sorted { $0.name < $1.name }
            let metrics = catalogue.metrics.values.map(\.schema).sorted { $0.name < $1.name }
            if let name {
                guard let schema = actions.first(where: { $0.name.text == name }) else {
                    throw CommandFailure(
                        "action.unknown",
                        "there is no action `\(Output.printable(name))`",
                        help: nearest(to: name, in: actions.map(\.name.text)).map { "did you mean `\($0)`?" }
                            ?? "see `lockstep playbook actions`",
                        status: ExitStatus.invalidInput
                    )
                }
                return Output.answer(Self.page(of: schema))
            }
            Output.answer(
                Output.table(
                    ["name", "effect", "takes", "what"],
                    actions.map { schema in
                        [
                            schema.name.text, schema.effect.rawValue,
                            schema.parameters.map { $0.name + ($0.isRequired ? "" : "?") }.joined(separator: " "),
                            schema.summary,
                        ]
                    }
                        + metrics.map {
                            [
                                $0.name, "measure", $0.parameters.map { $0.name + "?" }.joined(separator: " "),
                                $0.summary,
                            ]
                        }
                )
            )
        }

        /// Everything that a playbook's author needs of one action.
        private static func page(of schema: ActionSchema) -> String {
            var lines = ["\(schema.name)  \(schema.summary)  (\(schema.effect.rawValue))", ""]
            if !schema.parameters.isEmpty {
                lines.append(
                    Output.table(
                        ["takes", "type", "what"],
                        schema.parameters.map {
                            [
                                $0.name + ($0.isRequired ? "" : "?"), $0.isSecret ? "secret" : $0.type.rawValue,
                                $0.summary,
                            ]
                        }
                    )
                )
            }
            lines.append("gives  " + schema.outputs.map(\.name).joined(separator: ", "))
            if let contract = schema.contract { lines += ["", contract] }
            return lines.joined(separator: "\n")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a playbook that comes with this program, to start your own from."
        )
        @Argument(help: "Its name; all names are listed unless given.") var name: String?

        func run() async throws {
            guard let name else { return Output.answer(ShippedPlaybooks.all.map(\.name).joined(separator: "\n")) }
            let file = name.hasPrefix("builtin:") ? name : "builtin:" + name
            Output.answer(String(decoding: try PlaybookFiles.bytes(file), as: UTF8.self))
        }
    }
}
