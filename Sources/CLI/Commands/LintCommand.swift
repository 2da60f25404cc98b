import Actions
import ArgumentParser
import Core
import Playbooks

struct LintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Check playbooks and roadmaps; run nothing."
    )

    @Argument(help: "Files, or builtin:NAME for a playbook that comes with this program.")
    var files: [String]

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let playbooks = try PlaybookFiles.here(try Session.catalogue())
        var all: [Diagnostic] = []
        for file in files {
            let checked = try playbooks.check(file)
            all += checked.diagnostics
            if output.format == .table { PlaybookFiles.report(checked) }
        }
        let errors = all.count { $0.severity == .error }
        switch output.format {
        case .json: Output.answer(.array(all.map(\.json)))
        case .table:
            Output.answer(
                errors == 0
                    ? "\(files.count) checked, no errors, \(counted(all.count, "warning"))"
                    : "\(files.count) checked, \(counted(errors, "error")), \(counted(all.count - errors, "warning"))"
            )
        }
        if errors > 0 { throw ExitStatus.invalidInput }
    }
}
