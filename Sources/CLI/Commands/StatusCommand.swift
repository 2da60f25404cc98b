import Actions
import ArgumentParser
import Core
import Ledger
import Workspace

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show how far runs are and what unblocks them."
    )

    @Argument(help: "Id of a run, the beginning of it, or latest; all runs unless given.")
    var run: String?

    @OptionGroup var output: OutputOptions

    func run() async throws {
        let session = try Session.open(.reading)
        if session.marker.isRehearsal {
            Output.talk("rehearsal: time runs \(session.marker.rehearsalFactor ?? 1) times as fast here")
        }
        if let run { try one(try session.run(run), session) } else { try all(session) }
    }

    private func all(_ session: Session) throws {
        let runs = try session.ledger.runs().filter { $0.parent == nil }
        var rows: [[String]] = []
        for run in runs {
            let counts = try session.ledger.stepCounts(of: run.id)
            let done = counts.filter { $0.key.isTerminal }.values.reduce(0, +)
            rows.append([
                run.id.text, run.name, run.state.rawValue, "\(done)/\(counts.values.reduce(0, +))", run.startedBy,
                run.created.description,
                try run.reason
                    ?? (run.state.isTerminal ? [] : below(run.id, "", session)).joined(separator: "; "),
            ])
        }
        switch output.format {
        case .table:
            Output.answer(Output.table(["run", "playbook", "state", "steps", "started by", "started", "reason"], rows))
        case .json:
            Output.answer(
                .array(
                    zip(runs, rows).map { run, row in
                        [
                            "run": .string(run.id.text), "playbook": .string(run.playbook),
                            "state": .string(run.state.rawValue), "steps": .string(row[3]),
                            "started_by": .string(run.startedBy), "started": .string(run.created.description),
                            "reason": run.reason.map { .string($0) } ?? .null,
                        ]
                    }
                )
            )
        }
    }

    private func one(_ run: RunRecord, _ session: Session) throws {
        let rows = try rows(run, prefix: "", session)
        let jumps = try session.ledger.clockJumps(of: run.id)
        switch output.format {
        case .table:
            Output.answer(
                "run \(run.id) of \(run.name) is \(run.state.rawValue)\(run.reason.map { ": " + Output.printable($0) } ?? "")"
            )
            Output.answer(Output.table(["step", "kind", "state", "result", "waits for", "what"], rows))
            let ways = try unblocking(run, root: run, path: "", session)
            if !ways.isEmpty { Output.answer("\nwhat unblocks it\n" + ways.joined(separator: "\n")) }
            for jump in jumps { Output.talk("the clock was set: it showed \(jump.to) where \(jump.from) was expected") }
        case .json:
            let header = ["step", "kind", "state", "result", "waits_for", "summary"]
            Output.answer([
                "run": .string(run.id.text), "state": .string(run.state.rawValue),
                "reason": run.reason.map { .string($0) } ?? .null,
                "outputs": run.outputs.map { .object($0) } ?? .null,
                "clock_jumps": .array(
                    jumps.map { ["from": .string($0.from.description), "to": .string($0.to.description)] }
                ),
                "steps": .array(rows.map { row in .object(JSON.Object(zip(header, row).map { ($0, .string($1)) })) }),
            ])
        }
    }

    /// The commands that a person may type now, under the step that each is for.
    private func unblocking(_ run: RunRecord, root: RunRecord, path: String, _ session: Session) throws -> [String] {
        var lines: [String] = []
        let remedy = Remedy(estate: session.estate)
        var isHeldByOutputs = false
        for step in try session.ledger.steps(of: run.id, in: [.waiting, .needsAttention]) {
            let name = path + step.instance.description
            var commands: [String] = []
            if step.state == .needsAttention {
                commands = ["lockstep retry \(root.id) \(name)", "lockstep skip \(root.id) \(name) --reason \"…\""]
            } else if step.waitsFor?.hasPrefix("approval") ?? false {
                commands = ["lockstep approve \(root.id) \(name) --reason \"…\""]
                let asked = try session.estate.askedPolicies().first { $0.run == run.id && $0.step == step.instance }
                if let asked, let file = asked.file, session.estate.isAnother(file, than: asked.digest) {
                    lines += ["  \(name)", "    # \(Output.printable(asked.isChangedWords(file)))"]
                    lines += asked.restart(with: file).map { "    \(Output.printable($0))" }
                    continue
                }
                if asked != nil {
                    commands.append(
                        "lockstep approve \(root.id) \(name) --show   # says how points of the policy are decided first"
                    )
                }
            } else if step.kind == "gate", try waiver(of: step, run.id, session) != nil {
                commands = ["lockstep \(run.state == .paused ? "resume" : "tick") \(root.id)"]
            } else if step.kind == "gate" {
                commands = try remedy.commands(forGate: step.instance, of: run.id, root: root.id)
                let again = try remedy.commands(forOutputsReadBy: step.instance, of: run.id, root: root.id)
                if step.waitsFor == "resume", !again.isEmpty { isHeldByOutputs = true }
            }
            guard !commands.isEmpty else { continue }
            lines.append("  \(name)")
            lines += commands.map { "    \($0)" }
        }
        for child in try session.ledger.children(of: run.id) where !child.state.isTerminal {
            guard let parent = child.parent else { continue }
            lines += try unblocking(child, root: root, path: "\(path)\(parent.instance)/", session)
        }
        // Whoever resumes is asked the same by a gate that reads what is there already.
        if run.state == .paused, !isHeldByOutputs { lines += ["  run \(run.id)", "    lockstep resume \(run.id)"] }
        return lines
    }

    /// The exception that waives a gate that has not ended.
    private func waiver(of step: StepRecord, _ run: RunID, _ session: Session) throws -> Core.Exception? {
        guard step.kind == "gate", !step.state.isTerminal else { return nil }
        let scopes = try session.estate.waivedScopes(at: session.clock.now())
        let names = ["gate:\(run)/\(step.instance)", "gate:\(run)/\(step.instance.step)"].filter(scopes.contains)
        guard let name = names.first else { return nil }
        return try session.ledger.exceptions().last { $0.scope == name && $0.isActive(at: session.clock.now()) }
    }

    /// What the runs below a run wait for, in words with the path to it.
    private func below(_ run: RunID, _ prefix: String, _ session: Session) throws -> [String] {
        var words: [String] = []
        for child in try session.ledger.children(of: run) where !child.state.isTerminal {
            let path = prefix + (child.parent?.instance.description ?? "") + "/"
            for step in try session.ledger.steps(of: child.id, in: [.waiting, .needsAttention]) {
                let command = step.waitsFor == "resume" ? ": lockstep resume \(child.id)" : ""
                words.append("\(path)\(step.instance) waits for \(step.waitsFor ?? "an answer")\(command)")
            }
            words += try below(child.id, path, session)
        }
        return words
    }

    private func rows(_ run: RunRecord, prefix: String, _ session: Session) throws -> [[String]] {
        var rows: [[String]] = []
        let children = try session.ledger.children(of: run.id)
        let retries = try session.estate.retries(of: run.id)
        for step in try session.ledger.steps(of: run.id) {
            let due = step.due.map { " until \($0)" } ?? ""
            rows.append([
                prefix + step.instance.description, step.kind, step.state.rawValue, step.result ?? "",
                step.waitsFor.map { $0 + due } ?? "", step.error ?? step.summary ?? "",
            ])
            if step.instance.item == nil, let again = retries[step.instance.step.text] {
                let text = rows[rows.count - 1][5]
                rows[rows.count - 1][5] = text.isEmpty ? again : "\(text); \(again)"
            }
            if let waiver = try waiver(of: step, run.id, session) {
                let words = "waived by exception \(waiver.id) of \(waiver.owner) until \(waiver.expires)"
                let text = rows[rows.count - 1][5]
                rows[rows.count - 1][5] = text.isEmpty ? words : "\(text); \(words)"
            }
            guard let child = children.last(where: { $0.parent?.instance == step.instance }) else { continue }
            if !child.state.isTerminal, !step.state.isTerminal {
                rows[rows.count - 1][4] =
                    child.state == .paused ? "run \(child.id), which is paused" : "run \(child.id)"
            }
            rows += try self.rows(child, prefix: prefix + step.instance.description + "/", session)
        }
        return rows
    }
}
