import Actions
import ArgumentParser
import Behaviour
import Core
import Documents
import Glibc
import Policies
import Traffic

extension PolicyCommand {
    struct Review: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Decide what a miner would not decide alone, the most pressing first, with the evidence.",
            discussion: """
                Lists the points. With --out they are decided: by --decide and --decisions, or, on a terminal without \
                either, one after the other. The decided policy keeps who decided what, when and why. What is deferred \
                stays denied. Exit code 0 where nothing waits for a person, 2 where something does.
                """
        )
        @Option(name: .customLong("recording"), parsing: .upToNextOption, help: "Recordings as lockstep.call/1 lines.")
        var recordings: [String] = []
        @Option(name: .customLong("profile"), help: "A profile that `lockstep profile` wrote.") var profile: String?
        @Option(help: "The policy to decide about, as it was mined; mined anew unless given.") var policy: String?
        @Option(help: "Rules by agent, or by agent and task; those of --policy where it is given.")
        var scope: Policy.Scope?
        @Option(
            name: .customLong("decide"),
            help: "ITEM=accept|tighten|widen|ask|deny|defer, perhaps with :REASON; may be repeated."
        )
        var decide: [String] = []
        @Option(help: "A document of kind PolicyDecisions.") var decisions: String?
        @Option(name: .customLong("out"), help: "Where the decided policy is written; may be that of --policy.")
        var out: String?
        @Flag(help: "Write nothing: say what the decisions would change, and which recorded calls would be denied.")
        var dryRun = false
        @Option(help: "How many points the table shows; --format json has them all.") var limit = 40
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let out = dryRun ? nil : out
            let old = try policy.map { try Recordings.policy($0) }
            if let old, let scope, scope != old.scope {
                throw CommandFailure(
                    "review.scope",
                    "the policy has its rules by \(old.scope.rawValue), not by \(scope.rawValue)",
                    help: "leave --scope out",
                    status: ExitStatus.invalidInput
                )
            }
            let isDeciding = !decide.isEmpty || decisions != nil
            if isDeciding, out == nil, !dryRun {
                throw CommandFailure(
                    "review.out",
                    "the decided policy has no place to go to",
                    help: "name it with --out; it may be the file of --policy; or see what would change with --dry-run",
                    status: ExitStatus.invalidInput
                )
            }
            let profile = try Recordings.profile(recordings, file: profile)
            let name = old?.name ?? "mined"
            let proposal = PolicyMining.propose(profile, name: name, scope: old?.scope ?? scope ?? .agent)
            let points = proposal.points
            let files = recordings
            let quotes = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try EvidenceQuotes(points, from: files)
            }
            var desk = ReviewDesk(policy: old ?? proposal.policy, proposal: proposal)
            let isTalking =
                out != nil && !isDeciding && output.format == .table && isatty(STDIN_FILENO) == 1
                && isatty(STDERR_FILENO) == 1
            if isTalking {
                try ReviewDialogue(points: points, quotes: quotes).run(&desk)
            } else {
                try desk.decide(try chosen(among: points.map(\.point)))
                switch output.format {
                case .json: Output.answer(json(proposal, profile, points, quotes, desk))
                case .table: Output.answer(table(points, quotes, desk))
                }
            }
            if let out {
                try Recordings.write(Array(PolicyWriter.write(desk.policy).utf8), to: out)
                Output.talk("policy written to \(Output.printable(out))")
            }
            let waiting = points.count { !(desk.policy.reviewed($0.point.id)?.decision.isFinal ?? false) }
            Output.talk(
                counted(points.count, "point") + " to review from " + counted(profile.sessions, "session")
                    + (waiting < points.count ? ", \(waiting) of them wait" : "")
            )
            if isDeciding {
                let preview = try DecisionPreview(from: old ?? proposal.policy, to: desk.policy, over: recordings)
                preview.lines.forEach { Output.talk($0) }
            }
            if waiting > 0 { throw ExitStatus.answerIsNo }
        }

        /// The decisions that were given, each with its point; whatever is wrong with them is said at once.
        private func chosen(among points: [ReviewPoint]) throws -> [ReviewDesk.Choice] {
            var choices: [ReviewDesk.Choice] = []
            var faults: [String] = []
            func take(_ item: String, _ decision: ReviewDecision, _ reason: String?, _ place: String) {
                guard let point = points.first(where: { $0.id == item }) else {
                    // The last part of an id says nothing to a person who mistypes it.
                    let stem = { (id: String) in id.split(separator: ".").dropLast().joined(separator: ".") }
                    let near =
                        nearest(to: item, in: points.map(\.id))
                        ?? points.first { stem($0.id) == stem(item) || stem($0.id) == item }?.id
                    let help = near.map { "did you mean `\($0)`?" } ?? "`lockstep policy review` lists the points"
                    faults.append("\(place)there is no point \(item.inMessage)\n  help: \(help)")
                    return
                }
                if let other = choices.first(where: { $0.point == point }) {
                    if other.decision != decision || other.reason != reason {
                        faults.append("\(place)\(item.inMessage) is decided twice, and not the same")
                    }
                    return
                }
                choices.append(ReviewDesk.Choice(point: point, decision: decision, reason: reason))
            }
            for text in decide {
                switch DecisionFile.parse(text) {
                case .success(let given): take(given.item, given.decision, given.reason, "")
                case .failure(let fault): faults.append("\(fault.message)\n  help: \(fault.help)")
                }
            }
            if let decisions {
                let bytes = try Recordings.bytes(decisions, limit: 16 << 20)
                let (entries, diagnostics) = DecisionFile.read(bytes, file: decisions)
                let source = SourceText(bytes)
                for diagnostic in diagnostics { Output.talk(diagnostic.rendered(source: source)) }
                guard let entries else { throw ExitStatus.invalidInput }
                for entry in entries {
                    let place = "\(entry.place.file):\(entry.place.line):\(entry.place.column): "
                    take(entry.item, entry.decision, entry.reason, place)
                }
            }
            guard let first = faults.first else { return choices }
            for fault in faults.dropFirst() { Output.talk("error: \(fault)") }
            let lines = first.split(separator: "\n", maxSplits: 1).map(String.init)
            throw CommandFailure(
                "review.decision",
                lines[0],
                help: lines.count > 1 ? String(lines[1].dropFirst("  help: ".count)) : nil,
                status: ExitStatus.invalidInput
            )
        }

        private func json(
            _ proposal: Proposal,
            _ profile: Profile,
            _ points: [(item: ReviewItem, point: ReviewPoint)],
            _ quotes: EvidenceQuotes,
            _ desk: ReviewDesk
        ) -> JSON.Value {
            [
                "profile": .string(proposal.profile.description), "sessions": .integer(Int64(profile.sessions)),
                "excluded_sessions": .array(proposal.excludedSessions.map { .string($0) }),
                "review": .array(
                    points.map { item, point in
                        var object = item.json.object ?? [:]
                        object["item"] = .string(point.id)
                        object["quotes"] = .array(quotes[point].map(\.json))
                        let record = desk.policy.reviewed(point.id)
                        object["decision"] = record.map { .string($0.decision.rawValue) } ?? .null
                        object["decided"] =
                            record.map {
                                [
                                    "by": .string($0.by), "at": .string($0.at.description),
                                    "reason": $0.reason.map { .string($0) } ?? .null,
                                ]
                            } ?? .null
                        return .object(object)
                    }
                ),
            ]
        }

        private func table(
            _ points: [(item: ReviewItem, point: ReviewPoint)],
            _ quotes: EvidenceQuotes,
            _ desk: ReviewDesk
        ) -> String {
            let hasDecisions = points.contains { desk.policy.reviewed($0.point.id) != nil }
            var header = [
                "urgency", "item", "kind", "rule", "argument", "values", "shown by", "sessions", "what", "evidence",
            ]
            if hasDecisions { header.insert("decision", at: 2) }
            let rows = points.prefix(max(0, limit)).map { item, point in
                var row = [
                    item.roundedUrgency.description, point.id, item.kind.rawValue, item.rule, item.path ?? "",
                    Self.some(item.shownValues.map(\.text)), Self.some(item.sources.map(\.description)),
                    String(item.sessions), item.detail, Self.some(item.evidence.map { "\($0.session)#\($0.sequence)" }),
                ]
                if hasDecisions { row.insert(desk.policy.reviewed(point.id)?.decision.rawValue ?? "", at: 2) }
                return row
            }
            let rest = points.count - rows.count
            return Output.table(header, rows) + (rest > 0 ? "\nand \(rest) more: see --limit or --format json" : "")
        }

        private static func some(_ texts: [String]) -> String {
            texts.prefix(3).joined(separator: ", ") + (texts.count > 3 ? " and \(texts.count - 3) more" : "")
        }
    }
}

extension ReviewItem {
    /// To a thousandth, so that the last bits of a double are no part of what scripts compare.
    var roundedUrgency: Double { (urgency * 1_000).rounded() / 1_000 }

    var json: JSON.Value {
        [
            "kind": .string(kind.rawValue), "rule": .string(rule), "agent": .string(agent),
            "task": task.map { .string($0) } ?? .null, "server": .string(tool.server), "tool": .string(tool.tool),
            "tier": .string(tier.rawValue), "path": path.map { .string($0) } ?? .null,
            "values": .array(
                shownValues.map { ["class": .string($0.valueClass.rawValue), "value": .string($0.text)] }
            ),
            "sources": .array(sources.map { .string($0.description) }), "sessions": .integer(Int64(sessions)),
            "detail": .string(detail),
            "evidence": .array(
                evidence.map { ["session": .string($0.session), "sequence": .integer($0.sequence)] }
            ),
            "urgency": .number(roundedUrgency),
        ]
    }
}

extension EvidenceQuotes.Quote {
    fileprivate var json: JSON.Value {
        [
            "session": .string(session), "sequence": .integer(sequence), "tool": .string(tool.description),
            "argument": .string(argument),
            "source": source.map { ["tool": .string($0.tool.description), "text": .string($0.text)] } ?? .null,
        ]
    }
}
