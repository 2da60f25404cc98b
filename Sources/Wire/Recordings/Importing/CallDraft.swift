import Core

/// What one entry of a recording tells of a call; nil is what it does not tell.
struct CallDraft: Sendable {
    var id: String?
    var time: Timestamp?
    /// The agent's conversation by its own name, where the format has one.
    var conversation: String?
    var trace: String?
    var task: CallRecord.Task?
    /// Stands for the caller where nobody knows who called: calls of one connection have one caller.
    var connection: String?
    var principal: CallRecord.Principal?
    var delegation: [String] = []
    var clientName: String?
    var clientVersion: String?
    var peerAddress: String?
    /// As the recording names it.
    var server: String?
    var tool: String
    var arguments: JSON.Object?
    var result: CallRecord.Result?
    var outcome: CallRecord.Outcome = .ok
    var outcomeIsKnown = false
    var duration: Duration?
    var line: Int?

    init(tool: String, line: Int?) {
        self.tool = tool
        self.line = line
    }

    mutating func end(_ outcome: CallRecord.Outcome) {
        self.outcome = outcome
        outcomeIsKnown = true
    }

    /// Takes from another view of the same call what this one lacks.
    mutating func fill(from other: CallDraft) {
        id = id ?? other.id
        time = time ?? other.time
        conversation = conversation ?? other.conversation
        trace = trace ?? other.trace
        task = task ?? other.task
        if (principal?.kind ?? .unknown).strength < (other.principal?.kind ?? .unknown).strength {
            principal = other.principal
        }
        if delegation.isEmpty { delegation = other.delegation }
        clientName = clientName ?? other.clientName
        clientVersion = clientVersion ?? other.clientVersion
        peerAddress = peerAddress ?? other.peerAddress
        server = server ?? other.server
        arguments = arguments ?? other.arguments
        result = result ?? other.result
        if other.outcomeIsKnown, !outcomeIsKnown || outcome == .ok { end(other.outcome) }
        duration = duration ?? other.duration
    }
}

extension CallRecord.PrincipalKind {
    /// What proves more is taken before what proves less.
    var strength: Int {
        switch self {
        case .unknown: 0
        case .declared: 1
        case .gateway: 2
        case .jwt: 3
        case .spiffe: 4
        }
    }
}

/// The drafts of one import and the report that grows beside them.
struct DraftCalls: Sendable {
    let settings: ImportSettings
    var report: ImportReport
    var drafts: [CallDraft] = []
    /// Set by formats that merge entries: these drafts are part of others.
    var merged: Set<Int> = []

    init(format: RecordingFormat, settings: ImportSettings) {
        self.settings = settings
        report = ImportReport(format: format, file: settings.file)
    }

    /// Keeps a draft and returns its place, or nil where no more fit.
    @discardableResult
    mutating func append(_ draft: CallDraft) -> Int? {
        guard draft.tool.hasVisibleScalar else {
            quarantine(.toolName, at: draft.line)
            return nil
        }
        guard draft.principal?.id.hasVisibleScalar != false else {
            quarantine(.principalName, at: draft.line)
            return nil
        }
        guard drafts.count < settings.limits.calls else {
            quarantine(.tooManyCalls, at: draft.line)
            return nil
        }
        drafts.append(draft)
        return drafts.count - 1
    }

    mutating func quarantine(_ reason: QuarantineReason, at line: Int?) {
        report.quarantined[reason, default: 0] += 1
        if report.quarantine.count < settings.limits.quarantineKept {
            report.quarantine.append(ImportReport.Quarantined(line: line, reason: reason))
        }
    }

    mutating func skip(_ kind: String) {
        let name = kind.utf8.count <= 100 ? kind : "other"
        let hasRoom = report.skipped[name] != nil || report.skipped.count < settings.limits.names
        report.skipped[hasRoom ? name : "other", default: 0] += 1
    }

    mutating func note(_ notice: ImportNotice, count: Int = 1) {
        guard count > 0 else { return }
        report.notices[notice, default: 0] += count
    }

    /// Parses one line, or sets it aside.
    mutating func json(_ bytes: [UInt8], at line: Int) -> JSON.Value? {
        do throws(JSON.ScanError) {
            return try JSON.parse(bytes, limits: settings.limits.lineJSON)
        } catch {
            quarantine(.json(error.code), at: line)
            return nil
        }
    }
}
