import Core

/// What a board reads first, computed from a snapshot: one status, one paragraph, five numbers, what comes next.
struct Standing {
    struct Figure {
        var name: String
        var share: Share
        /// What is still missing, in words.
        var remark: String
        var tone: Tone
    }

    struct Event {
        var time: Timestamp
        var text: String
    }

    /// How far ahead the report looks.
    static let horizon = Duration.seconds(14 * 86_400)

    let status: String
    let tone: Tone
    let sentences: [String]
    let figures: [Figure]
    let upcoming: [Event]

    init(_ snapshot: ProgressSnapshot) {
        let late = snapshot.phases.filter { $0.isLate(at: snapshot.taken) }
        let expired = snapshot.exceptions.filter { $0.isExpiredButOpen(at: snapshot.taken) }
        (status, tone) = Self.status(snapshot, late: late)
        sentences = Self.sentences(snapshot, late: late, expired: expired)
        figures = Self.figures(snapshot)
        upcoming = Self.upcoming(snapshot)
    }

    private static func status(_ snapshot: ProgressSnapshot, late: [ProgressSnapshot.Phase]) -> (String, Tone) {
        switch snapshot.runState {
        case "failed": return ("Failed", .bad)
        case "needs-attention": return ("Needs attention", .bad)
        case "cancelling": return ("Being cancelled", .warn)
        case "cancelled": return ("Cancelled", .warn)
        case "rolling-back": return ("Rolling back", .warn)
        case "rolled-back": return ("Rolled back", .warn)
        case "paused": return ("Paused", .warn)
        case "succeeded":
            let isWhole = snapshot.phases.allSatisfy { $0.status == "done" }
            return isWhole ? ("Done", .good) : ("Done, as far as this version goes", .good)
        default: break
        }
        if snapshot.phases.contains(where: { $0.status == "failed" }) { return ("Failed", .bad) }
        if !late.isEmpty { return ("Behind plan", .bad) }
        if !snapshot.blockers.isEmpty {
            let isDueLater = snapshot.blockers.allSatisfy { $0.waitingOn == "time" }
            return isDueLater ? ("Waiting for time", .busy) : ("Waiting for people", .warn)
        }
        if snapshot.run == nil { return ("Not started", .plain) }
        if snapshot.runState == "waiting" { return ("Waiting", .busy) }
        if snapshot.phases.contains(where: { $0.plannedEnd != nil }) { return ("On plan", .good) }
        return ("Running", .busy)
    }

    private static func sentences(
        _ snapshot: ProgressSnapshot,
        late: [ProgressSnapshot.Phase],
        expired: [Exception]
    ) -> [String] {
        var sentences: [String] = []
        let open = snapshot.phases.filter { ["running", "waiting", "failed"].contains($0.status) }
        for phase in open.prefix(3) {
            var sentence =
                "Phase \(phase.number), \(VisibleText.line(phase.name, limit: 80)), is \(VisibleText.line(phase.status, limit: 60))"
            if let time = phase.timeInPhase(at: snapshot.taken) { sentence += " after \(time)" }
            if let slack = phase.slack(at: snapshot.taken) {
                sentence +=
                    slack < .zero
                    ? ", \((.zero - slack).brief) past its plan" : ", \(slack.brief) before its planned end"
            }
            sentences.append(sentence + ".")
        }
        for phase in late where !open.contains(phase) {
            sentences.append(
                "Phase \(phase.number), \(VisibleText.line(phase.name, limit: 80)), should have started by now."
            )
        }
        if snapshot.run == nil && snapshot.phases.allSatisfy({ $0.started == nil }) {
            sentences.append("No run has been started yet.")
        }
        let blocked = snapshot.blockers.count
        if blocked > 0 {
            let names = snapshot.blockers.map { VisibleText.line($0.waitingOn, limit: 60) }.filter { !$0.isEmpty }
            var unique: [String] = []
            for name in names where !unique.contains(name) { unique.append(name) }
            let more = unique.count > 3 ? " and \(unique.count - 3) more" : ""
            let whom = unique.isEmpty ? "" : " for \(unique.prefix(3).joined(separator: ", "))\(more)"
            sentences.append("\(counted(blocked, "step waits", "steps wait"))\(whom).")
        }
        let failed = snapshot.gates.count { ["fail", "error"].contains($0.verdict) }
        if failed > 0 { sentences.append("\(counted(failed, "gate has", "gates have")) failed.") }
        if !expired.isEmpty {
            sentences.append(
                "\(counted(expired.count, "exception has expired and is", "exceptions have expired and are")) still open."
            )
        }
        let critical = snapshot.findings.count { $0.severity == .critical }
        let high = snapshot.findings.count { $0.severity == .high }
        if critical + high > 0 {
            sentences.append("Open: \(critical) critical and \(counted(high, "high finding", "high findings")).")
        }
        if !snapshot.gaps.isEmpty {
            sentences.append(
                "\(counted(snapshot.gaps.count, "thing was", "things were")) not covered; see the list below."
            )
        }
        return sentences
    }

    private static func figures(_ snapshot: ProgressSnapshot) -> [Figure] {
        let phases = snapshot.phases
        let done = phases.count { $0.status == "done" }
        let missing = phases.count { $0.status == "not in this version" }
        let gates = snapshot.gates
        let passed = gates.count { $0.verdict == "pass" }
        let failed = gates.count { $0.verdict == "fail" || $0.verdict == "error" }
        // The same whole as under Coverage and in the gates: MCP servers, not whatever else listens.
        let servers = snapshot.servers.filter { $0.kind == "mcp" }
        let owned = servers.count { !($0.owner ?? "").isEmpty }
        let remote = servers.filter { $0.transport != Transport.stdio.rawValue }
        let guarded = remote.count { !["", "none", "unknown"].contains($0.authentication) }
        // Nothing found is good news only where something was looked at.
        let severe = snapshot.findings.count { $0.severity >= .high }
        func missingTone(_ share: Share) -> Tone {
            share.whole == 0 ? .plain : share.part == share.whole ? .good : .warn
        }
        let ownership = Share(part: owned, whole: servers.count)
        let access = Share(part: guarded, whole: remote.count)
        return [
            Figure(
                name: "Phases done",
                share: Share(part: done, whole: phases.count),
                remark: missing > 0 ? "\(missing) not in this version" : "\(phases.count - done) to go",
                tone: phases.isEmpty || done < phases.count ? .plain : .good
            ),
            Figure(
                name: "Gates passed",
                share: Share(part: passed, whole: gates.count),
                remark: failed > 0 ? "\(failed) failed" : "\(gates.count - passed) undecided",
                tone: failed > 0 ? .bad : gates.isEmpty ? .plain : passed == gates.count ? .good : .busy
            ),
            Figure(
                name: "MCP servers with an owner",
                share: ownership,
                remark: "\(servers.count - owned) without",
                tone: missingTone(ownership)
            ),
            Figure(
                name: "MCP servers on the network that ask who calls",
                share: access,
                remark: "\(remote.count - guarded) open or unknown",
                tone: missingTone(access)
            ),
            Figure(
                name: "High or critical findings",
                share: Share(part: severe, whole: snapshot.findings.count),
                remark: "\(snapshot.findings.count { $0.severity == .critical }) critical",
                tone: severe > 0 ? .bad : servers.isEmpty ? .plain : .good
            ),
        ]
    }

    private static func upcoming(_ snapshot: ProgressSnapshot) -> [Event] {
        let limit = snapshot.taken + horizon
        var events: [Event] = []
        func add(_ time: Timestamp?, _ text: String) {
            if let time, time > snapshot.taken, time <= limit { events.append(Event(time: time, text: text)) }
        }
        for phase in snapshot.phases where phase.ended == nil && phase.status != "not in this version" {
            let name = "phase \(phase.number), \(VisibleText.line(phase.name, limit: 80))"
            if phase.started == nil { add(phase.plannedStart, "planned start of \(name)") }
            add(phase.plannedEnd, "planned end of \(name)")
        }
        for approval in snapshot.approvals where approval.state == "open" {
            add(approval.expires, "approval of \(VisibleText.line(approval.instance, limit: 120)) expires")
        }
        for exception in snapshot.exceptions where exception.closed == nil {
            let scope = VisibleText.line(exception.scope, limit: 120)
            add(exception.expires, "exception \(VisibleText.line(exception.id, limit: 80)) for \(scope) expires")
        }
        return events.sorted { ($0.time, $0.text) < ($1.time, $1.text) }
    }

    static func counted(_ count: Int, _ one: String, _ many: String) -> String {
        "\(count) \(count == 1 ? one : many)"
    }
}

extension ProgressSnapshot.Phase {
    /// How long it has been or was worked on.
    func used(at now: Timestamp) -> Duration? { started.map { (ended ?? now) - $0 } }

    var planned: Duration? {
        guard let plannedStart, let plannedEnd else { return nil }
        return plannedEnd - plannedStart
    }

    /// `6d of 28d`.
    func timeInPhase(at now: Timestamp) -> String? {
        guard let used = used(at: now) else { return nil }
        return planned.map { "\(used.brief) of \($0.brief)" } ?? used.brief
    }

    /// What is left until the planned end, or was when it ended; below zero when it is late.
    func slack(at now: Timestamp) -> Duration? {
        guard started != nil, let plannedEnd else { return nil }
        return plannedEnd - (ended ?? now)
    }

    /// A phase that cannot be run yet is not late: nobody could have started it.
    func isLate(at now: Timestamp) -> Bool {
        guard ended == nil, status != "done", status != "not in this version" else { return false }
        if let plannedEnd, plannedEnd < now { return true }
        if let plannedStart, started == nil, plannedStart < now { return true }
        return false
    }
}

extension Exception {
    /// Past its end and not closed: it waives nothing any more, and what it waived is still there.
    func isExpiredButOpen(at now: Timestamp) -> Bool { closed == nil && expires <= now }
}
