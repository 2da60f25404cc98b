import Actions
import Core
import Engine
import Identity
import Expressions
import Ledger
import Playbooks
import Workspace

/// What a voter is asked, in a form that a person reads: the signed bytes as tables, and apart what is not signed.
struct ShownText {
    /// More rows than this are counted; `--show --format json` prints all of them.
    private static let rowLimit = 120
    /// Lines are what people decided, and are read one by one.
    private static let lineLimit = 1_000
    private static let columnLimit = 12

    let view: ApprovalView
    let name: String
    /// Of what is shown, in the same order; empty where they are not known.
    let labels: [String?]
    let estate: Estate
    let now: Core.Timestamp

    private var ledger: Ledger { estate.ledger }

    /// Throws when the ledger cannot be read.
    func text() throws -> String {
        let page = (try? JSON.parse(view.shown, limits: .standard))?.object ?? [:]
        var lines = [
            "\(name)  [\(view.step) of run \(view.run)]", "  playbook  \(page["playbook"]?.string ?? "?")",
            "  state     \(standing)", "  voters    \(voters)", "  digest    \(view.digest)",
        ]
        if let ticket = page["ticket"]?.string { lines.append("  ticket    \(ticket)") }
        lines += Self.waived(page["waived"]?.array ?? []).map { "  WAIVED    \($0)" }
        lines.append("")
        let shown = page["show"]?.array ?? []
        var named: [ServerID] = []
        if shown.isEmpty { lines.append("the playbook shows nothing besides the step itself") }
        let servers = try ledger.servers()
        for (index, value) in shown.enumerated() {
            let label = labels.count == shown.count ? labels[index] : nil
            if let heading = Self.heading(label, value) { lines.append(heading) }
            lines.append(block(value))
            lines.append("")
            named += (value.array ?? []).compactMap { $0.string.map { ServerID($0) } }
        }
        named = named.filter { name in servers.contains { $0.id == name } }
        if !named.isEmpty { lines += try known(of: named, servers) }
        let changes = try changes()
        if !changes.isEmpty {
            lines += ["changed since it was asked (not part of what is signed)"]
            lines += changes.prefix(Self.rowLimit).map { "  \(Output.printable($0))" }
            if changes.count > Self.rowLimit { lines.append("  and \(changes.count - Self.rowLimit) more") }
        }
        lines += try wayToDecide()
        while lines.last?.isEmpty ?? false { lines.removeLast() }
        return lines.joined(separator: "\n")
    }

    /// One line for each gate that was let through although it did not pass: which, by whom and why.
    static func waived(_ gates: [JSON.Value]) -> [String] {
        gates.map { gate in
            func word(_ name: String) -> String { Output.cell(gate[name]?.string ?? "?") }
            let proof = gate["authenticated"]?.bool == true ? "" : ", unauthenticated"
            return "gate `\(word("gate"))` (\(word("result"))) by \(word("by"))\(proof), exception \(word("id")) of "
                + "\(word("owner")) until \(word("until")): \(word("reason"))"
        }
    }

    /// What the playbook calls the values that it shows: `mine.outputs.difference`; nil where it shows a composed one.
    static func labels(of view: ApprovalView, in plan: Plan) -> [String?] {
        guard let step = plan.steps.first(where: { $0.id == view.step.step }), case .approval(let approval) = step.kind
        else { return [] }
        return approval.show.map { template in
            guard case .expression(let expression) = template, expression.source.utf8.count <= 80,
                let name = expression.source.dropping(prefix: "steps.")
            else { return nil }
            return name.split(separator: ".").filter { $0 != "outputs" }.joined(separator: ": ")
        }
    }

    /// The label of a value with how much of it there is.
    private static func heading(_ label: String?, _ value: JSON.Value) -> String? {
        guard let label else { return nil }
        return Output.printable(label) + (value.array.map { " (\($0.count))" } ?? "")
    }

    /// How the points of a policy are decided before anybody votes: what is decided makes another policy.
    private func wayToDecide() throws -> [String] {
        guard view.record.state == .open, let asked = try estate.askedPolicies().first(where: { $0.isAt(view) }),
            let file = asked.file
        else { return [] }
        let isChanged = estate.isAnother(file, than: asked.digest)
        let decided = isChanged ? file : "decided.yaml"
        let commands = asked.restart(with: decided)
        guard !commands.isEmpty else { return [] }
        let recordings = asked.recordings.map { " --recording \($0)" }.joined()
        let review =
            isChanged
            ? [
                asked.isChangedWords(file)
            ]
            : [
                "to decide points of the policy before anybody votes, give the decided one to a new run as `baseline`:",
                "  lockstep policy review\(recordings) --policy \(file) --out \(decided)",
            ]
        return (review + commands.map { "  \($0)" }).map { Output.printable($0) }
    }

    /// What became different in the estate since the question was asked; nothing once it is closed.
    func changes() throws -> [String] {
        guard view.record.state == .open else { return [] }
        let page = (try? JSON.parse(view.shown, limits: .standard))?.object ?? [:]
        return ShownInventory.changes(
            since: page["show"]?.array ?? [],
            servers: try ledger.servers(),
            findings: try ledger.openFindings().map(\.finding)
        )
    }

    /// `open, 1 of 2 approvals, until …`.
    private var standing: String {
        let count = Self.approvals(view)
        let until = view.record.state == .open ? ", until \(view.record.expires)" : ""
        return "\(view.record.state.rawValue), \(count) of \(view.record.quorum) approvals\(until)"
    }

    /// The distinct people whose newest vote is an approval.
    static func approvals(_ view: ApprovalView) -> Int {
        var latest: [PersonID: String] = [:]
        for vote in view.votes { latest[vote.person] = vote.verdict }
        return latest.values.count { $0 == Vote.Verdict.approve.rawValue }
    }

    private var voters: String {
        let names = view.eligible.map(\.text).joined(separator: ", ")
        let excluded = view.record.excluded.joined(separator: ", ")
        return (names.isEmpty ? "nobody" : names) + (excluded.isEmpty ? "" : "; not \(excluded)")
    }

    /// What is known now of servers that the playbook shows by name alone.
    private func known(of named: [ServerID], _ servers: [InventoryServer]) throws -> [String] {
        let rows = servers.filter { named.contains($0.id) }.prefix(Self.rowLimit).map { server in
            [
                server.id.text, server.transport.rawValue, server.description?.authentication.word ?? "unknown",
                server.description?.toolCount.map { String($0) } ?? "?", server.owner ?? "nobody",
                server.url ?? server.command.joined(separator: " "),
            ]
        }
        return [
            "\(counted(named.count, "server")) (as of now; only their names are signed)",
            Output.table(["server", "transport", "auth", "tools", "owner", "where"], Array(rows)), "",
        ] + (try findings(of: named))
    }

    /// The signed value as it is: a list of objects as a table, anything else as text.
    private func block(_ value: JSON.Value) -> String {
        guard let list = value.array else { return plain(value) }
        if list.isEmpty { return "  nothing" }
        let names = list.compactMap(\.string)
        if names.count == list.count {
            let more =
                list.count > Self.lineLimit
                ? "\nand \(list.count - Self.lineLimit) more, which `--show --format json` prints" : ""
            // No text may look like a line that is signed beside it.
            return names.prefix(Self.lineLimit).map { "  \(Output.printable($0))" }.joined(separator: "\n") + more
        }
        let more = list.count > Self.rowLimit ? "\nand \(list.count - Self.rowLimit) more" : ""
        let objects = list.compactMap(\.object)
        guard objects.count == list.count else { return plain(value) }
        // Canonical bytes have their members in alphabetical order; a reader wants the name first.
        let first = ["server", "severity", "code", "subject", "where", "kind", "transport", "auth", "tools", "owner"]
        var columns = first.filter { name in objects.allSatisfy { $0[name] != nil } }
        for object in objects.prefix(Self.rowLimit) {
            for key in object.keys where !columns.contains(key) { columns.append(key) }
        }
        let cut = columns.count - Self.columnLimit
        let wide = cut > 0 ? "\nand \(counted(cut, "column")) more" : ""
        columns = Array(columns.prefix(Self.columnLimit))
        let rows = objects.prefix(Self.rowLimit).map { object in
            columns.map { object[$0].map { $0 == .null ? "?" : $0.string ?? $0.description } ?? "" }
        }
        let heading = objects.allSatisfy { $0["server"] != nil } ? counted(list.count, "server") + "\n" : ""
        return heading + Output.table(columns, rows) + more + wide
    }

    private func plain(_ value: JSON.Value) -> String {
        let text = value.string ?? JSON.pretty(value)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count > Self.rowLimit else { return text }
        return lines.prefix(Self.rowLimit).joined(separator: "\n")
            + "\nand \(counted(lines.count - Self.rowLimit, "line")) more"
    }

    /// The open findings on the servers that are shown: what a voter should have seen before saying yes.
    private func findings(of named: [ServerID]) throws -> [String] {
        let servers = try ledger.servers().filter { named.contains($0.id) }
        let subjects = Set(
            servers.flatMap { [$0.id.text, $0.canonicalKey] + [$0.url].compactMap(\.self) + $0.aliases }
        )
        let open = try ledger.openFindings().map(\.finding).filter { finding in
            subjects.contains(finding.subject) || subjects.contains { finding.subject.hasPrefix($0 + "/") }
        }
        guard !open.isEmpty else { return ["no open findings on these servers"] }
        let waived = try estate.waivedScopes(at: now)
        var seen: Set<String> = []
        let isGrave = { (finding: Finding) in finding.severity >= .medium }
        let rest = Set(open.filter { !isGrave($0) }.map(\.key)).count
        let rows = open.filter(isGrave).sorted { ($1.severity, $0.key) < ($0.severity, $1.key) }
            .filter { seen.insert($0.key).inserted }
            .map { finding in
                [
                    finding.severity.rawValue, finding.code, finding.subject,
                    waived.contains("finding:\(finding.key)") ? "yes" : "no", finding.message,
                ]
            }
        let more = max(0, rows.count - Self.rowLimit) + rest
        return [
            "\(counted(rows.count + rest, "open finding")) on these servers (as of now; not part of what is signed)",
            Output.table(["severity", "code", "subject", "exception", "what"], Array(rows.prefix(Self.rowLimit))),
        ] + (more > 0 ? ["and \(more) more, see `lockstep inventory findings`"] : [])
    }
}

extension AskedPolicy {
    func isAt(_ view: ApprovalView) -> Bool { run == view.run && step == view.step }

    /// That the policy was changed since it was asked about, and what is done then.
    func isChangedWords(_ file: String) -> String {
        "`\(file)` is another policy by now, and a vote would be about the one that was mined; to have the changed one "
            + "approved, give it to a new run as `baseline`:"
    }
}

extension Estate {
    /// Whether a file of the workspace holds something else than the policy with this digest.
    func isAnother(_ file: String, than digest: Digest) -> Bool {
        guard let bytes = try? DurableFile.read(file, limit: 64 << 20) else { return false }
        return Digest.sha256(bytes) != digest
    }
}
