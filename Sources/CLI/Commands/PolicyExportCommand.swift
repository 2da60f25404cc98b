import Actions
import ArgumentParser
import Core
import FoundationEssentials
import Ledger
import Policies
import Traffic
import Workspace

extension PolicyCommand {
    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a policy for another engine, and say what that engine cannot express.",
            discussion: """
                The engine never allows what the policy denies: what it cannot express is left out, or made stricter.
                The statement names each rule and argument with what became of it.

                cedar-toolhive    ToolHive's authorizer cedarv1, a file for each server
                cedar-agentcore   policies for Amazon Bedrock AgentCore
                cedar             policies for the schemas of cedar-for-agents
                rego              a module and its data
                cel-envoy         an MCPRoute of Envoy AI Gateway; also `cel`
                cel-agentgateway  rules about whole tools, for a gateway that sees no arguments
                json-schema       JSON Schema 2020-12, a file for each agent and tool
                progent           the policies of Progent, a file for each agent

                Exit code 0 when it is written; 2 with --require-exact where a rule is left out or stricter.
                """
        )
        @Option(help: "The engine or format.") var to: ExportTarget
        @Option(help: "The policy.") var policy: String
        @Option(help: "The folder that is written.") var out: String
        @Option(parsing: .upToNextOption, help: "Answers to tools/list, for tools that the inventory does not know.")
        var tools: [String] = []
        @Option(
            name: .customLong("recording"),
            parsing: .upToNextOption,
            help: "Recordings: for engines that compare texts as they were sent."
        )
        var recordings: [String] = []
        @Option(help: "The one task whose calls reach the engine.") var task: String?
        @Option(parsing: .upToNextOption, help: "What another service decides in front: arguments, calls.")
        var delegate: [Delegated] = []
        @Flag(help: "Leave out rules made for one definition of a tool: no engine compares it.")
        var needsDefinition = false
        @Option(help: "For cedar-agentcore: the resource of the policies.")
        var gateway = ExportOptions().gateway
        @Option(help: "For cedar: the namespace of the schema.") var namespace = ExportOptions().namespace
        @Flag(help: "Replace files of the folder that no export wrote.") var replace = false
        @Flag(help: "Exit with 2 where a rule is left out or stricter.") var requireExact = false
        @OptionGroup var output: OutputOptions

        enum Delegated: String, ExpressibleByArgument, CaseIterable { case arguments, calls }

        func validate() throws {
            let isName = namespace.utf8.allSatisfy {
                (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 95 || $0 == 58
            }
            guard isName, let first = namespace.utf8.first, !(48...58).contains(first) else {
                throw ValidationError("a namespace is made of letters, digits and `_`")
            }
        }

        func run() async throws {
            let policy = try Recordings.policy(policy)
            let options = ExportOptions(
                task: task,
                tools: try shapes(policy),
                spellings: try Recordings.attempt { () throws(RecordingFiles.Failure) in
                    try ExportSources.spellings(in: recordings, of: policy)
                },
                needsDefinition: needsDefinition,
                delegatesArguments: delegate.contains(.arguments),
                delegatesCalls: delegate.contains(.calls),
                gateway: gateway,
                namespace: namespace
            )
            let export = policy.exported(to: to, options: options)
            let place = ExportFolder(try folder())
            let outcome: ExportFolder.Outcome
            do throws(ExportFolder.Failure) {
                outcome = try place.write(export, mayReplace: replace)
            } catch {
                throw CommandFailure(
                    error.code,
                    error.message,
                    help: error.code == "export.foreign-file" ? "choose another folder, or give --replace" : error.help
                )
            }
            switch output.format {
            case .json:
                var json = export.statement.json.object ?? [:]
                json["written"] = .array(outcome.written.map { .string($0) })
                json["unchanged"] = .array(outcome.unchanged.map { .string($0) })
                json["removed"] = .array(outcome.removed.map { .string($0) })
                Output.answer(.object(json))
            case .table: Output.answer(table(export.statement))
            }
            let more = outcome.removed.isEmpty ? "" : ", \(outcome.removed.count) of an earlier export removed"
            Output.talk(
                "\(export.statement.summary); \(counted(export.files.count, "file")) in \(Output.printable(out))\(more)"
            )
            if let help = remedy(export.statement) { Output.talk("  help: \(help)") }
            if requireExact, export.statement.exactRules.count < export.statement.rules.count {
                throw ExitStatus.answerIsNo
            }
        }

        /// What to do where most rules are left out.
        private func remedy(_ statement: ExportStatement) -> String? {
            guard statement.omittedRules.count * 2 > statement.rules.count else { return nil }
            let omissions = statement.omissions
            var ways: [String] = []
            if omissions[.unruledArguments] != nil {
                ways.append("name the tools with --tools, or take them into the inventory with `lockstep discover`")
            }
            if omissions[.calls] != nil { ways.append("--delegate calls where another service counts calls") }
            if omissions[.arguments] != nil {
                ways.append("--delegate arguments where another service decides about arguments")
            }
            if omissions[.task] != nil { ways.append("--task NAME for the rules of one task") }
            if omissions[.definition] != nil { ways.append("leave out --needs-definition") }
            if omissions[.shadow] != nil { ways.append("set `mode: enforce` on the rules that are in shadow") }
            if omissions[.toolName] != nil { ways.append("export a policy for each server: the engine knows none") }
            if ways.isEmpty {
                return "the engine cannot say what these rules need; `rego` and `json-schema` say the most"
            }
            return ways.joined(separator: "; ")
        }

        /// The folder, made where only it is missing.
        private func folder() throws -> String {
            let path = out.hasPrefix("/") ? out : FileManager.default.currentDirectoryPath + "/" + out
            var isFolder = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder {
                // Whatever lies in it is looked at file by file.
                _ = try Destination.checked(path + "/" + ExportStatement.file)
                return path
            }
            return try Destination.checked(path)
        }

        private func shapes(_ policy: Policy) throws -> [ServerTool: ToolShape] {
            var shapes: [ServerTool: ToolShape] = [:]
            let start =
                ProcessInfo.processInfo.environment["LOCKSTEP_WORKSPACE"] ?? FileManager.default.currentDirectoryPath
            if WorkspaceFolder.nearest(to: start) != nil {
                shapes = ExportSources.shapes(in: try Session.open(.reading).ledger.servers(), of: policy)
            }
            for file in tools {
                let bytes = try Recordings.bytes(file, limit: 64 << 20)
                do throws(ExportSources.Failure) {
                    shapes.merge(try ExportSources.shapes(bytes, of: policy)) { $1 }
                } catch {
                    throw CommandFailure(
                        "export.tools",
                        "`\(Output.printable(file))`: \(Output.printable(error.message))",
                        help: error.help,
                        status: ExitStatus.invalidInput
                    )
                }
            }
            return shapes
        }

        private func table(_ statement: ExportStatement) -> String {
            let exact = statement.exactRules
            let omitted = statement.omittedRules
            let rules = statement.rules.sorted().map { rule in
                [rule, exact.contains(rule) ? "as it is" : omitted.contains(rule) ? "left out" : "stricter"]
            }
            let rows = statement.differences.map {
                [$0.rule ?? "", $0.argument ?? "", $0.effect.rawValue, $0.reason.rawValue, $0.detail]
            }
            return Output.table(["rule", "in the export"], rules)
                + (rows.isEmpty ? "" : "\n\n" + Output.table(["rule", "argument", "effect", "reason", "what"], rows))
        }
    }
}

extension ExportTarget: ExpressibleByArgument {
    package init?(argument: String) { self.init(rawValue: argument == "cel" ? "cel-envoy" : argument) }
}
