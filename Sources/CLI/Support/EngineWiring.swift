import Actions
import Core
import Engine
import FoundationEssentials
import Ledger
import Playbooks
import Workspace

extension Session {
    /// The engine of this workspace: catalogue, people, secrets and the reading of pinned playbooks.
    func engine() -> Engine {
        let estate = estate
        let ledger = ledger
        let checker = PlaybookReading(estate: estate).checker
        var host = Host.current()
        // The clock of a rehearsal runs faster than the machine's, so the two say nothing about one another.
        if marker.isRehearsal { host.uptime = { nil } }
        var engine = Engine(
            ledger: ledger,
            catalogue: estate.catalogue,
            clock: clock,
            people: people,
            facts: facts,
            secret: { declaration in try Self.secret(declaration) },
            planFor: { source, file, pinned in
                var checker = checker
                checker.pinned = pinned
                let checked = checker.check(file: file, bytes: source)
                guard let plan = checked.plan else { throw InvalidInput(checked.diagnostics) }
                return plan
            },
            proven: VoteProof(folder: folder).check,
            crash: .environment(),
            host: host
        )
        engine.isRehearsal = marker.isRehearsal
        engine.facts.phase = Self.phases(of: engine)
        return engine
    }

    private var people: People {
        People(
            Dictionary(
                configuration.people.map { ($0.id, Set(configuration.groups(of: $0.id))) },
                uniquingKeysWith: { first, _ in first }
            )
        )
    }

    /// What gates are told of other phases: only what the sealed events of their runs bear out.
    private static func phases(of engine: Engine) -> @Sendable (Int) throws -> JSON.Object? {
        { number in
            guard let newest = try engine.ledger.runs().last(where: { $0.phase == number }) else { return nil }
            let run = try engine.attested(newest.id)
            return [
                "status": .string(run.state == .succeeded ? "done" : run.state.rawValue),
                "outputs": .object(run.outputs ?? [:]), "run": .string(run.id.text),
            ]
        }
    }

    private var facts: Facts {
        let ledger = ledger
        let waivers = Waivers(configuration: configuration)
        return Facts(
            exceptions: { ((try? ledger.exceptions()) ?? []).filter { $0.closed == nil && waivers.counts($0) } },
            waivers: { ((try? ledger.exceptions()) ?? []).filter(waivers.counts) }
        )
    }

    /// Fetches a secret when an action needs it; its value goes to that action and nowhere else.
    private static func secret(_ declaration: SecretDeclaration) throws -> Redacted<String> {
        switch declaration.origin {
        case .environment(let name):
            guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
                throw StepError(
                    .permanent,
                    "the secret `\(declaration.name)` is not there: the environment has no `\(name)`",
                    help: "set `\(name)` where `lockstep run`, `tick` or `serve` runs"
                )
            }
            return Redacted(value)
        case .file(let path):
            let bytes: [UInt8]
            do throws(WorkspaceError) {
                bytes = try DurableFile.read(path, limit: 1 << 16)
            } catch {
                throw StepError(.permanent, "the secret `\(declaration.name)` could not be read from its file")
            }
            var text = String(decoding: bytes, as: UTF8.self)
            while text.last?.isNewline == true { text.removeLast() }
            return Redacted(text)
        }
    }

    /// The run that a word means: an id, the beginning of one, or `latest`.
    func run(_ name: String) throws -> RunRecord {
        let runs = try ledger.runs()
        let found =
            name == "latest"
            ? runs.filter { $0.parent == nil }.suffix(1) : runs.filter { $0.id.text.hasPrefix(name) }[...]
        if found.count == 1, let run = found.first { return run }
        if let exact = runs.first(where: { $0.id.text == name }) { return exact }
        // A beginning is compared with beginnings, so that it need not be typed to its end.
        let length = name.unicodeScalars.count
        let near =
            found.isEmpty
            ? nearest(
                to: name,
                in: ["latest"] + runs.map { length < 6 ? $0.id.text : String($0.id.text.prefix(length)) }
            )
            : nil
        throw CommandFailure(
            "run.unknown",
            found.isEmpty
                ? "there is no run `\(Output.printable(name))`"
                : "`\(Output.printable(name))` is the beginning of \(found.count) runs",
            help: runs.isEmpty
                ? "start one with `lockstep run FILE`"
                : near.map { "did you mean `\($0)`?" } ?? "see `lockstep status`; the newest one is called `latest`",
            status: ExitStatus.invalidInput
        )
    }
}

/// What `run`, `tick` and `serve` print when they come back.
enum RunSummaryText {
    static func text(_ summary: RunSummary, _ remedy: Remedy) -> String {
        var lines = ["run \(summary.run) is \(summary.state.rawValue)"]
        if let reason = summary.reason { lines[0] += ": \(Output.printable(reason))" }
        for waiting in summary.waiting {
            var line = "  \(waiting.path) waits for \(waiting.waitsFor)"
            if let due = waiting.due { line += ", due \(due)" }
            lines.append(line)
            if waiting.waitsFor == "approval" {
                lines.append("    lockstep approve \(summary.run) \(waiting.path) --reason \"…\"")
            }
            for command in (try? remedy.commands(for: waiting, of: summary.run)) ?? [] {
                lines.append("    \(command)")
            }
            let again = (try? remedy.again(for: waiting, of: summary.run)) ?? []
            lines += again.map { "    \($0)" }
            if waiting.waitsFor == "resume", waiting.run != summary.run, again.isEmpty {
                lines.append("    lockstep resume \(waiting.run)")
            }
            if waiting.waitsFor == "question" {
                lines.append("    lockstep retry \(waiting.run) \(waiting.path)   or   lockstep skip …")
            }
        }
        let isOnlyAgain = summary.waiting.contains {
            ((try? remedy.again(for: $0, of: summary.run)) ?? []).isEmpty == false
        }
        if summary.state == .paused, !isOnlyAgain { lines.append("    lockstep resume \(summary.run)") }
        return lines.joined(separator: "\n")
    }

    static func json(_ summary: RunSummary) -> JSON.Value {
        [
            "run": .string(summary.run.text), "state": .string(summary.state.rawValue),
            "reason": summary.reason.map { .string($0) } ?? .null, "outputs": .object(summary.outputs),
            "waiting": .array(
                summary.waiting.map { waiting in
                    [
                        "run": .string(waiting.run.text), "step": .string(waiting.path),
                        "for": .string(waiting.waitsFor), "due": waiting.due.map { .string($0.description) } ?? .null,
                    ]
                }
            ),
        ]
    }
}

extension Remedy {
    /// The commands for something that a run waits for; none where nothing but time or another command helps.
    func commands(for waiting: RunSummary.Waiting, of root: RunID) throws -> [String] {
        guard waiting.waitsFor.hasPrefix("gate"), let name = waiting.path.split(separator: "/").last else { return [] }
        return try commands(forGate: StepInstance(parsing: String(name)), of: waiting.run, root: root)
    }
    /// What makes a gate that holds the run say something else, where resuming would only ask it again.
    func again(for waiting: RunSummary.Waiting, of root: RunID) throws -> [String] {
        guard waiting.waitsFor == "resume", let name = waiting.path.split(separator: "/").last else { return [] }
        return try commands(forOutputsReadBy: StepInstance(parsing: String(name)), of: waiting.run, root: root)
    }
}
