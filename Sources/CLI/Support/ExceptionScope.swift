import Core
import Engine
import Ledger
import Workspace

/// What an exception covers, checked against what there is: one that covers nothing would only look like a decision.
struct ExceptionScope {
    let session: Session

    /// The scope in the form in which it is looked up.
    ///
    /// - Throws: `CommandFailure` with the nearest name for what does not exist.
    func checked(_ text: String) throws -> String {
        if let key = text.dropping(prefix: "finding:") { return "finding:" + (try finding(key)) }
        if let name = text.dropping(prefix: "server:") { return "server:" + (try server(name)) }
        if let path = text.dropping(prefix: "gate:") { return "gate:" + (try gate(path)) }
        throw Self.failure(
            "`\(Output.printable(text))` says not what it covers",
            help: "the scope begins with finding:, gate: or server:"
        )
    }

    private func finding(_ key: String) throws -> String {
        let known = try session.ledger.openFindings().map(\.finding.key)
        if known.contains(key) { return key }
        let near = nearest(to: key, in: Array(Set(known)).sorted())
        throw Self.failure(
            "there is no open finding `\(Output.printable(key))`",
            help: near.map { "did you mean \"finding:\($0)\"?" }
                ?? "write it as \"finding:CODE SUBJECT\", as `lockstep inventory findings` lists them"
        )
    }

    private func server(_ name: String) throws -> String {
        if let server = try session.ledger.server(name) { return server.id.text }
        let declared = session.configuration.servers.map(\.id.text)
        if declared.contains(name) { return name }
        let near = nearest(to: name, in: try session.ledger.servers().map(\.id.text) + declared)
        throw Self.failure(
            "there is no server `\(Output.printable(name))` in the inventory or in lockstep.yaml",
            help: near.map { "did you mean `server:\($0)`?" } ?? "see `lockstep inventory list`"
        )
    }

    private func gate(_ path: String) throws -> String {
        guard let slash = path.firstIndex(of: "/") else {
            throw Self.failure(
                "`\(Output.printable(path))` names no gate of a run",
                help: "write it as gate:RUN/STEP, as in gate:latest/discovery/exit"
            )
        }
        let start = try session.run(String(path[..<slash]))
        let (run, step) = try session.engine().locate(String(path[path.index(after: slash)...]), in: start.id)
        let steps = try session.ledger.steps(of: run)
        let gates = steps.filter { $0.kind == "gate" }.map(\.instance)
        guard gates.contains(step) else {
            let near = nearest(to: step.description, in: gates.map(\.description))
            let isOther = steps.contains { $0.instance == step }
            throw Self.failure(
                "`\(Output.printable(step.description))` is no \(isOther ? "gate" : "step") of run `\(run)`",
                help: near.map { "did you mean `gate:\(run)/\($0)`?" } ?? "see `lockstep status \(run)`"
            )
        }
        return "\(run)/\(step)"
    }

    private static func failure(_ message: String, help: String) -> CommandFailure {
        CommandFailure("exception.scope", message, help: help, status: ExitStatus.invalidInput)
    }
}
