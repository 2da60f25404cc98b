import Actions
import Core
import FoundationEssentials
import Playbooks
import Workspace

/// Reads playbooks from files and from this program, and prints what is wrong with them.
struct PlaybookFiles: Sendable {
    let checker: Checker

    /// With a workspace its catalogue is used; without one, lint and plan know the same actions.
    init(_ catalogue: Catalogue, _ surroundings: Surroundings? = nil) {
        checker = Checker(catalogue: catalogue, surroundings: surroundings) { file in
            try DurableFile.read(absolute(file), limit: 16 << 20)
        }
    }

    /// For commands that also work outside of a workspace, which they say once.
    static func here(_ catalogue: Catalogue) throws -> PlaybookFiles {
        let surroundings = try Session.surroundings()
        if surroundings == nil {
            Output.talk("note: there is no workspace here, so people, groups, votes and hooks were not checked")
        }
        return PlaybookFiles(catalogue, surroundings)
    }

    /// The bytes of a file or of `builtin:NAME`; a path to a shipped playbook that is not on disk means the shipped one.
    static func bytes(_ file: String) throws -> [UInt8] {
        if file.hasPrefix("builtin:") {
            guard let bytes = ShippedPlaybooks.bytes(of: file) else {
                let names = ShippedPlaybooks.all.map { "builtin:" + $0.name }
                let stem = file.hasSuffix(".yaml") ? file.dropLast(".yaml".count) : file[...]
                let near = names.first { $0.hasPrefix(stem) } ?? nearest(to: file, in: names)
                throw CommandFailure(
                    "playbook.not-shipped",
                    "no playbook `\(Output.printable(file))` comes with this program",
                    help: near.map { "did you mean `\($0)`?" } ?? "there are \(names.joined(separator: " and "))",
                    status: ExitStatus.invalidInput
                )
            }
            return bytes
        }
        do throws(WorkspaceError) {
            return try DurableFile.read(absolute(file), limit: 16 << 20)
        } catch {
            throw CommandFailure(
                "playbook.unreadable",
                error.message,
                help: suggestion(for: file),
                status: ExitStatus.invalidInput
            )
        }
    }

    /// A playbook with nearly that name: one that comes with this program, or a file beside the one that was named.
    private static func suggestion(for file: String) -> String {
        let parts = file.split(separator: "/", omittingEmptySubsequences: false)
        let name = String(parts.last ?? "")
        let folder = parts.dropLast().joined(separator: "/")
        let shipped = ShippedPlaybooks.all.map(\.name)
        let beside =
            ((try? FileManager.default.contentsOfDirectory(atPath: absolute(folder.isEmpty ? "." : folder))) ?? [])
            .filter { $0.hasSuffix(".yaml") || $0.hasSuffix(".yml") }
        if let near = nearest(to: name, in: beside.sorted()) {
            return "did you mean `\(folder.isEmpty ? near : folder + "/" + near)`?"
        }
        if let near = shipped.first(where: { $0 == name }) ?? nearest(to: name, in: shipped) {
            return "did you mean `builtin:\(near)`, which comes with this program?"
        }
        return
            "playbooks that come with this program are \(shipped.map { "`builtin:\($0)`" }.joined(separator: " and "))"
    }

    func check(_ file: String) throws -> Checked {
        checker.check(file: file, bytes: try Self.bytes(file))
    }

    /// The checked document; diagnostics go to stderr, and errors end the command.
    func document(_ file: String) throws -> Checked {
        let checked = try check(file)
        Self.report(checked)
        guard checked.document != nil else { throw ExitStatus.invalidInput }
        return checked
    }

    static func report(_ checked: Checked) {
        let sources = checked.diagnostics.isEmpty ? [:] : checked.sources.mapValues { SourceText($0) }
        for diagnostic in checked.diagnostics {
            Output.talk(diagnostic.rendered(source: diagnostic.place.flatMap { sources[$0.file] }))
        }
    }
}

extension Diagnostic {
    var json: JSON.Value {
        [
            "severity": .string(severity.rawValue), "code": .string(code), "message": .string(message),
            "file": place.map { .string($0.file) } ?? .null, "line": place.map { .integer(Int64($0.line)) } ?? .null,
            "column": place.map { .integer(Int64($0.column)) } ?? .null, "help": help.map { .string($0) } ?? .null,
        ]
    }
}
