import Actions
import ArgumentParser
import Behaviour
import Core
import Documents
import Glibc
import Ledger
import Policies
import Traffic
import Workspace

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
        @Flag(help: "Write over a policy with decisions or rules of people that would be lost.") var replace = false
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
            let files = recordings
            let mined = PolicyMining.propose(
                profile,
                name: name,
                scope: old?.scope ?? scope ?? .agent,
                isUnproven: self.profile != nil
            )
            let proposal = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try EvidenceQuotes.placing(mined, from: files)
            }
            let points = proposal.points
            let quotes = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try EvidenceQuotes(points, from: files)
            }
            let evidenced = try Recordings.attempt { () throws(RecordingFiles.Failure) in
                try EvidenceDecisions(points, from: files)
            }
            let names = PointNames(points.map(\.point))
            var desk = ReviewDesk(policy: old ?? proposal.policy, proposal: proposal, evidenced: evidenced)
            if desk.policy.unprovenProfile != nil || self.profile != nil { Output.talk(Recordings.unproven) }
            let isTalking =
                out != nil && !isDeciding && output.format == .table && isatty(STDIN_FILENO) == 1
                && isatty(STDERR_FILENO) == 1
            if isTalking {
                try ReviewDialogue(points: points, quotes: quotes, names: names).run(&desk)
            } else {
                try desk.decide(try chosen(among: points, names))
                switch output.format {
                case .json: Output.answer(json(proposal, profile, points, quotes, names, desk))
                case .table: Output.answer(table(points, quotes, names, desk))
                }
            }
            // What is decided about such a profile's points brings its values in, whatever the policy came from before.
            if self.profile != nil, desk.policy != old { desk.mark(unproven: proposal.profile) }
            if quotes.lackTexts {
                Output.talk(
                    "the recordings keep where each argument came from and no texts of results, so only the calls are quoted"
                )
            }
            if let out {
                if policy == nil, !replace {
                    try PolicyOverwrite.refuse(
                        out,
                        by: desk.policy,
                        "review",
                        keeping: "--policy \(out) decides about it"
                    )
                }
                let given = try policy.map { Digest.sha256(try Recordings.bytes($0, limit: 64 << 20)) }
                let bytes = Array(PolicyWriter.write(desk.policy).utf8)
                let decided = Digest.sha256(bytes)
                try Recordings.write(bytes, to: out)
                Output.talk("policy written to \(Output.printable(out))")
                if decided != given { try warn(given, decided, out) }
            }
            let waiting = points.count { !(desk.policy.reviewed($0.point)?.decision.isFinal ?? false) }
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

        /// Says that a run which waits for votes does so for the policy as it was, and how to go on with the decided one.
        private func warn(_ given: Digest?, _ decided: Digest, _ out: String) throws {
            guard let session = try? Session.open(.reading) else { return }
            for asked in try session.estate.askedPolicies() where asked.digest != decided {
                guard asked.digest == given || asked.file == absolute(out) else { continue }
                Output.talk(
                    "warning: run \(asked.root.id) waits at \(asked.path) for votes on the policy as it was, which has "
                        + "nothing of what was decided now"
                )
                let commands = asked.restart(with: out)
                if !commands.isEmpty {
                    Output.talk("  to go on with the decided policy, give it to a new run as `baseline`:")
                }
                for command in commands { Output.talk("    \(Output.printable(command))") }
            }
        }

        /// The decisions that were given, each with its point; whatever is wrong with them is said at once.
        private func chosen(
            among points: [(item: ReviewItem, point: ReviewPoint)],
            _ names: PointNames
        ) throws -> [ReviewDesk.Choice] {
            var choices: [(choice: ReviewDesk.Choice, place: String)] = []
            var faults: [(message: String, help: String?)] = []
            func take(_ entry: DecisionFile.Entry, _ place: String, isKept: Bool) {
                let point: ReviewPoint
                do throws(PointNames.Fault) {
                    point = try names.point(named: entry.item, isKept: isKept)
                } catch {
                    faults.append(("\(place): \(error.message)", error.help))
                    return
                }
                guard let shown = points.first(where: { $0.point == point })?.item.shown(at: point) else { return }
                if let seen = entry.shown, seen != shown {
                    faults.append(
                        (
                            "\(place): what stands behind \(entry.item.inMessage) has changed since it was shown, and it stays open",
                            "look at it again: its evidence is `\(shown)` by now"
                        )
                    )
                    return
                }
                let choice = ReviewDesk.Choice(
                    point: point,
                    shown: shown,
                    decision: entry.decision,
                    reason: entry.reason
                )
                guard let other = choices.first(where: { $0.choice.point == point }) else {
                    choices.append((choice, place))
                    return
                }
                if other.choice.decision != choice.decision || other.choice.reason != choice.reason {
                    faults.append(
                        (
                            "\(entry.item.inMessage) is decided twice, and not the same: at \(other.place) and at \(place)",
                            nil
                        )
                    )
                }
            }
            for (number, text) in decide.enumerated() {
                let place = Place(file: "--decide", line: number + 1, column: 1)
                switch DecisionFile.parse(text) {
                case .success(let given):
                    let entry = DecisionFile.Entry(
                        item: given.item,
                        place: place,
                        decision: given.decision,
                        reason: given.reason
                    )
                    take(entry, "--decide number \(number + 1)", isKept: false)
                case .failure(let fault): faults.append((fault.message, fault.help))
                }
            }
            if let decisions {
                let bytes = try Recordings.bytes(decisions, limit: 16 << 20)
                let (entries, diagnostics) = DecisionFile.read(bytes, file: decisions)
                let source = SourceText(bytes)
                for diagnostic in diagnostics { Output.talk(diagnostic.rendered(source: source)) }
                guard let entries else { throw ExitStatus.invalidInput }
                for entry in entries {
                    take(entry, "\(entry.place.file):\(entry.place.line):\(entry.place.column)", isKept: true)
                }
            }
            guard let first = faults.first else { return choices.map(\.choice) }
            for fault in faults.dropFirst() {
                Output.talk("error: \(fault.message)" + (fault.help.map { "\n  help: \($0)" } ?? ""))
            }
            throw CommandFailure(
                "review.decision",
                first.message,
                help: first.help,
                status: ExitStatus.invalidInput
            )
        }

        private func json(
            _ proposal: Proposal,
            _ profile: Profile,
            _ points: [(item: ReviewItem, point: ReviewPoint)],
            _ quotes: EvidenceQuotes,
            _ names: PointNames,
            _ desk: ReviewDesk
        ) -> JSON.Value {
            [
                "profile": .string(proposal.profile.description),
                "unproven_profile": desk.policy.unprovenProfile.map { .string($0.description) } ?? .null,
                "sessions": .integer(Int64(profile.sessions)),
                "excluded_sessions": .array(proposal.excludedSessions.map { .string($0) }),
                "review": .array(
                    points.map { item, point in
                        var object = item.json.object ?? [:]
                        object["item"] = .string(point.id)
                        object["short"] = .string(names.short(point))
                        object["shown"] = .string(item.shown(at: point).description)
                        object["evidence"] = .array(
                            quotes.places(point).map {
                                ["session": .string($0.session), "sequence": .integer($0.sequence)]
                            }
                        )
                        object["quotes"] = .array(quotes[point].map(\.json))
                        let record = desk.policy.reviewed(point)
                        object["until_decided"] = .string(desk.untilDecided(item, point).rawValue)
                        object["now"] = .string(desk.standing(item, point).rawValue)
                        object["effects"] = .object(
                            ReviewDecision.allCases.reduce(into: [:]) {
                                $0[$1.rawValue] = .string(point.effect(of: $1))
                            }
                        )
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
            _ names: PointNames,
            _ desk: ReviewDesk
        ) -> String {
            let hasDecisions = points.contains { desk.policy.reviewed($0.point) != nil }
            var header = [
                "urgency", "item", "kind", "until decided", "rule", "argument", "values", "shown by", "sessions",
                "what",
                "evidence",
            ]
            if hasDecisions { header.insert("decision", at: 2) }
            let rows = points.prefix(max(0, limit)).map { item, point in
                var row = [
                    item.roundedUrgency.description, names.short(point), item.kind.rawValue,
                    desk.untilDecided(item, point).rawValue,
                    item.rule,
                    item.path ?? "", Self.some(item.shownValues.map(\.text)),
                    Self.some(item.sources.map(\.description)), String(item.sessions), item.detail,
                    Self.some(quotes.places(point).map { "\($0.session)#\($0.sequence)" }),
                ]
                if hasDecisions {
                    let decision = desk.policy.reviewed(point)?.decision
                    row.insert(
                        decision.map { "\($0.rawValue), now \(desk.standing(item, point).rawValue)" } ?? "",
                        at: 2
                    )
                }
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
            "without_texts": .bool(lacksTexts),
        ]
    }
}
