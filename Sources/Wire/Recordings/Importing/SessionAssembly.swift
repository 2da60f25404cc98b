import Core

extension DraftCalls {
    /// Puts the drafts together to records: servers by their ids, sessions, order, tokens, and the report's counts.
    ///
    /// A session is the conversation where the recording names one: an agent's own word for what it does across servers,
    /// of which each turn may be a trace of its own. Else it is the trace, else the task, else one principal's
    /// calls without a long silence. Calls of nobody in particular are kept apart by connection.
    consuming func assemble() -> ImportedRecording {
        var report = report
        let settings = settings
        var times: [Timestamp] = []
        var last = drafts.lazy.compactMap(\.time).first ?? settings.time
        for draft in drafts {
            last = draft.time ?? last
            times.append(last)
        }
        let order = drafts.indices.filter { !merged.contains($0) }.sorted { (times[$0], $0) < (times[$1], $1) }
        var silences = Silences(limit: settings.silence)
        var sequences: [String: Int64] = [:]
        var calls: [CallRecord] = []
        calls.reserveCapacity(order.count)
        var carried = 0
        var tokenised = 0
        var secrets = SessionSecrets()
        for index in order {
            let draft = drafts[index]
            let principal = draft.principal ?? settings.principal ?? CallRecord.Principal(id: "unknown", kind: .unknown)
            let names = [draft.conversation, draft.trace, draft.task?.id]
            let named = names.lazy.compactMap { $0 }.first { $0.hasVisibleScalar }
            let session =
                named
                ?? silences.session(
                    of: principal.kind == .unknown ? "\(principal.id) \(draft.connection ?? "")" : principal.id,
                    at: times[index]
                )
            var call = CallRecord(
                id: draft.id,
                time: times[index],
                session: session,
                sequence: 0,
                principal: principal,
                delegation: draft.delegation,
                clientName: draft.clientName,
                clientVersion: draft.clientVersion,
                peerAddress: draft.peerAddress,
                server: Self.server(draft.server ?? settings.server, settings, &report),
                tool: draft.tool,
                arguments: draft.arguments ?? [:],
                result: draft.result,
                task: draft.task,
                outcome: draft.outcome,
                duration: draft.duration,
                source: CallRecord.Source(importer: report.format.rawValue, file: settings.file, line: draft.line)
            )
            call.argumentsAreKnown = draft.arguments != nil
            tokenised += settings.tokeniser?.apply(to: &call, &secrets) ?? 0
            call.sequence = sequences[call.session, default: 0]
            sequences[call.session] = call.sequence + 1
            Self.count(draft, isNamed: named != nil, in: &report)
            if draft.time == nil { carried += 1 }
            calls.append(call)
        }
        report.calls = calls.count
        report.sessions = sequences.count
        if carried > 0 { report.notices[.timeCarried, default: 0] += carried }
        if tokenised > 0 { report.notices[.tokenised, default: 0] += tokenised }
        return ImportedRecording(calls: calls, report: report)
    }

    private static func count(_ draft: CallDraft, isNamed: Bool, in report: inout ImportReport) {
        if let kind = draft.principal?.kind, kind != .unknown { report.coverage.principal += 1 }
        if draft.arguments != nil { report.coverage.arguments += 1 }
        if draft.result?.text != nil || draft.result?.structured != nil { report.coverage.results += 1 }
        if draft.task != nil { report.coverage.task += 1 }
        if draft.time != nil { report.coverage.times += 1 }
        if draft.outcomeIsKnown { report.coverage.outcomes += 1 }
        if isNamed { report.coverage.conversations += 1 }
        report.outcomes[draft.outcome, default: 0] += 1
    }

    private static func server(_ name: String?, _ settings: ImportSettings, _ report: inout ImportReport) -> String {
        let name = name ?? ""
        if let server = settings.aliases.server(named: name) { return server }
        let server = ServerAliases.unmapped(name.hasVisibleScalar ? name : "")
        if report.unmapped[server] != nil || report.unmapped.count < settings.limits.names {
            report.unmapped[server, default: 0] += 1
        } else {
            report.unmappedBeyond += 1
        }
        return server
    }
}

/// Cuts each caller's calls, given in the order of time, where it was silent for long.
private struct Silences {
    private var open: [String: (session: String, last: Timestamp)] = [:]
    private let limit: Duration

    init(limit: Duration) { self.limit = limit }

    mutating func session(of caller: String, at time: Timestamp) -> String {
        if let current = open[caller], time - current.last <= limit {
            open[caller] = (current.session, time)
            return current.session
        }
        let session = "\(caller)#\(time)"
        open[caller] = (session, time)
        return session
    }
}
