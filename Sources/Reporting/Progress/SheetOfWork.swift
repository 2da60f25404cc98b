import Core

// The sections about the rollout itself: phases, coverage, gates, approvals, steps.

extension Sheet {
    static func phases(_ snapshot: ProgressSnapshot) -> Section {
        Section(
            id: "phases",
            title: "Phases against plan",
            summary: snapshot.phases.isEmpty ? "The playbook has no phases." : tally(snapshot.phases.map(\.status)),
            columns: ["Phase", "Status", "Planned", "Actual", "Time in phase", "Slack"],
            rows: snapshot.phases.map { phase in
                let slack = phase.slack(at: snapshot.taken)
                let isLate = phase.isLate(at: snapshot.taken)
                let slackText =
                    slack.map { $0 < .zero ? "\((.zero - $0).brief) late" : $0.brief }
                    ?? (isLate ? "start is late" : "–")
                return [
                    Cell("\(phase.number) \(phase.name)"), .state(phase.status),
                    Cell(range(phase.plannedStart, phase.plannedEnd, open: "ongoing")),
                    Cell(range(phase.started, phase.ended, open: "now")),
                    Cell(phase.timeInPhase(at: snapshot.taken) ?? phase.planned.map { "– of \($0.brief)" } ?? "–"),
                    Cell(slackText, tone: isLate || (slack ?? .zero) < .zero ? .bad : slack == nil ? nil : .good),
                ]
            }
        )
    }

    private static func range(_ start: Timestamp?, _ end: Timestamp?, open: String) -> String {
        guard let start else { return end.map { "until \($0.minute)" } ?? "–" }
        return "\(start.minute) to \(end?.minute ?? open)"
    }

    static func coverage(_ snapshot: ProgressSnapshot) -> Section {
        Section(
            id: "coverage",
            title: "Coverage",
            summary: snapshot.coverage.isEmpty
                ? "Nothing is measured yet."
                : "The whole that each share is a part of, and how that whole has changed.",
            columns: ["What", .number("Covered"), .number("Of"), "Share", "Change of the whole"],
            rows: snapshot.coverage.map { coverage in
                let share = Share(part: coverage.numerator, whole: coverage.denominator)
                let change =
                    coverage.previousDenominator.map { before in
                        let difference = coverage.denominator &- before
                        return difference == 0
                            ? "same as before" : "\(difference > 0 ? "+" : "−")\(difference.magnitude), was \(before)"
                    } ?? "no earlier report"
                let hasMoved = coverage.previousDenominator.map { $0 != coverage.denominator } ?? false
                return [
                    Cell(coverage.name), .number(coverage.numerator), .number(coverage.denominator),
                    Cell(share.percent.map { "\($0)%" } ?? "none yet", share: share),
                    Cell(change, tone: hasMoved ? .warn : nil),
                ]
            }
        )
    }

    static func gates(_ snapshot: ProgressSnapshot) -> Section {
        Section(
            id: "gates",
            title: "Gates",
            summary: snapshot.gates.isEmpty ? "No gate has been reached." : tally(snapshot.gates.map(\.verdict)),
            columns: ["Gate", "Condition", "Measured", .number("Samples"), "Verdict", "Decided"],
            rows: snapshot.gates.map { gate in
                let shown = gate.measurements.prefix(8).map { "\($0.name) = \(number($0.last)) (\($0.count)×)" }
                let more = gate.measurements.count > 8 ? ["and \(gate.measurements.count - 8) more"] : []
                let lines = shown + more
                return [
                    .code(gate.instance), .code(gate.condition),
                    Cell(lines.first ?? "nothing yet", details: Array(lines.dropFirst())), .number(gate.samples),
                    Cell(
                        gate.verdict,
                        tone: Tone(state: gate.verdict),
                        details: gate.message.isEmpty ? [] : [gate.message]
                    ),
                    .time(gate.decided),
                ]
            }
        )
    }

    static func approvals(_ snapshot: ProgressSnapshot) -> Section {
        Section(
            id: "approvals",
            title: "Approvals",
            summary: snapshot.approvals.isEmpty
                ? "No approval has been asked for." : tally(snapshot.approvals.map(\.state)),
            columns: ["Step", "State", "Who", "Vote", "Why", "When"],
            rows: snapshot.approvals.flatMap { approval -> [[Cell]] in
                var details = ["\(approval.approvals) of \(approval.needed) people needed"]
                if let expires = approval.expires, approval.state == "open" {
                    details.append("expires \(expires.minute)")
                }
                if let shown = approval.shown { details.append("shown: \(shown)") }
                let head = Cell(approval.instance, isCode: true, details: details)
                let state = Cell.state(approval.state)
                if approval.votes.isEmpty {
                    return [[head, state, Cell("nobody yet"), Cell("–"), Cell("–"), Cell("–")]]
                }
                return approval.votes.enumerated().map { position, vote in
                    [
                        position == 0 ? head : .code(approval.instance), position == 0 ? state : Cell(approval.state),
                        Cell(
                            vote.person,
                            tone: vote.isAuthenticated ? nil : .warn,
                            details: vote.isAuthenticated ? [] : ["unauthenticated"]
                        ),
                        .state(vote.verdict), Cell(vote.reason), .time(vote.time),
                    ]
                }
            }
        )
    }

    static func burnDown(_ snapshot: ProgressSnapshot) -> Section {
        guard let burn = BurnDown(snapshot) else {
            return Section(
                id: "burn-down",
                title: "Burn-down",
                summary: "Nothing to forecast: no step has been planned yet.",
                columns: ["When", .number("Steps left"), .number("By plan")],
                rows: []
            )
        }
        return Section(
            id: "burn-down",
            title: "Burn-down",
            summary: burn.summary,
            columns: ["When", .number("Steps left"), .number("By plan")],
            rows: burn.points.map { point in
                [
                    Cell(point.time.minute), Cell(point.left.map(String.init) ?? "–"),
                    Cell(point.planned.map(String.init) ?? "–"),
                ]
            }
        )
    }

    static func steps(_ snapshot: ProgressSnapshot) -> Section {
        Section(
            id: "steps",
            title: "Steps",
            summary: snapshot.steps.isEmpty
                ? "No step has been planned." : "\(tally(snapshot.steps.map(\.state))) of \(snapshot.steps.count)",
            columns: ["Step", "Kind", "State", .number("Tries"), "Started", "Took", "Result"],
            rows: snapshot.steps.map { step in
                let took = step.started.map { ((step.ended ?? snapshot.taken) - $0).brief }
                return [
                    Cell(step.instance, isCode: true, details: step.name.map { [$0] } ?? []), Cell(step.kind),
                    .state(step.state), .number(step.attempts), .time(step.started), Cell(took ?? "–"),
                    Cell(step.summary),
                ]
            }
        )
    }
}
