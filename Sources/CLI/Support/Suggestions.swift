import ArgumentParser
import Core

/// Says which command was meant where the parser would only say that a word is unexpected.
enum Suggestions {
    /// Refuses a first word, or a second one below a group, that is no command.
    static func refuseUnknownCommand(_ arguments: [String], below root: any ParsableCommand.Type) throws {
        var current: any ParsableCommand.Type = root
        var path = "lockstep"
        for word in arguments {
            // `help` and what the shell asks for completions are the parser's own.
            if word.hasPrefix("-") || word == "help" { return }
            let below = current.configuration.subcommands
            guard !below.isEmpty else { return }
            let names = below.map(name)
            guard let next = below.first(where: { name($0) == word }) else {
                let near = nearest(to: word, in: names).map { "did you mean `\(path) \($0)`?" }
                throw CommandFailure(
                    "command.unknown",
                    "there is no command `\(path) \(Output.printable(word))`",
                    help: near ?? "there are \(names.joined(separator: ", "))",
                    status: ExitStatus.invalidInput
                )
            }
            current = next
            path += " " + word
        }
    }

    private static func name(_ command: any ParsableCommand.Type) -> String {
        command.configuration.commandName ?? String(describing: command).lowercased()
    }
}
