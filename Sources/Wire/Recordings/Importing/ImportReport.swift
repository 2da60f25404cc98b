package import Core

/// Why a line or an entry of a recording was set aside.
package enum QuarantineReason: Sendable, Hashable {
    case json(JSON.ScanError.Code)
    /// The line passed the limit; the rest of it was skipped unread.
    case lineTooLong
    case documentTooLarge
    case tooManyCalls
    /// Not of the form that the format prescribes.
    case shape
    /// A call of a tool that has no name.
    case toolName
    case time
    /// A JSON-RPC id that is neither text nor a whole number.
    case messageID
    /// A header value whose base64 or UTF-8 is not exactly right.
    case headerEncoding
    /// Headers of a revision in which a server need not compare them with the body: they prove nothing.
    case headerRevision
    /// A CSV row with fewer or more columns than the header.
    case columns
    /// Two columns of a CSV header have one name; their places, from 1.
    case repeatedColumn(Int, Int)
    /// A caller whose name has nothing to see.
    case principalName

    /// Stable: reports print it.
    package var code: String {
        switch self {
        case .json(let code): "json.\(code.rawValue)"
        case .lineTooLong: "line.too-long"
        case .documentTooLarge: "document.too-large"
        case .tooManyCalls: "calls.too-many"
        case .shape: "entry.shape"
        case .toolName: "tool.name"
        case .time: "entry.time"
        case .messageID: "message.id"
        case .headerEncoding: "header.encoding"
        case .headerRevision: "header.revision"
        case .columns: "row.columns"
        case .repeatedColumn: "header.repeated-column"
        case .principalName: "principal.name"
        }
    }
}

/// What an importer had to decide or do without, while the call was kept; the raw value is stable.
package enum ImportNotice: String, Sendable, Hashable, CaseIterable {
    /// A second request with an id that was still open: the first is `lost`.
    case duplicateID = "id.duplicate"
    case unmatchedResponse = "response.unmatched"
    /// The end of a call is written as earlier than its start: it has no duration.
    case clockBackwards = "clock.backwards"
    /// No time of its own: it has that of the entry before.
    case timeCarried = "time.carried"
    /// The same span or event was written twice.
    case duplicateEntry = "entry.duplicate"
    /// Two spans show one call from two sides: they became one record.
    case mergedSpans = "span.merged"
    case truncatedMessage = "message.truncated"
    case unreadableArguments = "arguments.unreadable"
    /// Texts in which a secret was replaced by its token.
    case tokenised = "secret.tokenised"
    /// Calls that said themselves where their arguments came from; what the results show counts instead.
    case disbelievedProvenance = "provenance.disbelieved"
    /// Calls that said themselves that their task was signed: it counts as declared.
    case disbelievedTask = "task.disbelieved"
    /// Calls whose caller proved itself to somebody who is not here to ask: it counts as declared.
    case disbelievedPrincipal = "principal.disbelieved"
}

/// What an import gave, what it lacks and what it set aside.
///
/// Every count is exact; the lists that show single places and names are bounded.
package struct ImportReport: Sendable {
    /// For how many of the calls the format told this.
    package struct Coverage: Sendable, Hashable {
        package var principal = 0
        /// Calls that name a principal and do not say of which kind it is.
        package var undeclaredPrincipal = 0
        package var arguments = 0
        package var results = 0
        /// Calls without a result whose recorder noted where the arguments came from.
        package var provenance = 0
        package var task = 0
        package var times = 0
        package var outcomes = 0
        /// Calls whose conversation is named (by conversation, trace or task), not put together from silence.
        package var conversations = 0

        package init() {}
    }

    package struct Quarantined: Sendable, Hashable {
        /// One-based; nil where it is the document as a whole.
        package var line: Int?
        package var reason: QuarantineReason

        package init(line: Int?, reason: QuarantineReason) {
            self.line = line
            self.reason = reason
        }
    }

    package var format: RecordingFormat
    package var file: String?
    /// Lines or entries that were read, blank ones apart.
    package var entries = 0
    package var calls = 0
    package var sessions = 0
    package var coverage = Coverage()
    package var outcomes: [CallRecord.Outcome: Int] = [:]
    /// What was understood and is no tool call, by method or kind of entry.
    package var skipped: [String: Int] = [:]
    package var notices: [ImportNotice: Int] = [:]
    package var quarantined: [QuarantineReason: Int] = [:]
    /// The first quarantined places, at most `ImportLimits.quarantineKept`.
    package var quarantine: [Quarantined] = []
    /// Server names that no alias knows, with their calls.
    package var unmapped: [String: Int] = [:]
    /// Columns, or members of flat lines, that nothing was read from, in the order in which they came.
    package var unread: [String] = []
    /// Calls of servers that found no more room in `unmapped`.
    package var unmappedBeyond = 0

    package init(format: RecordingFormat, file: String? = nil) {
        self.format = format
        self.file = file
    }

    package var quarantinedTotal: Int { quarantined.values.reduce(0, +) }

    /// What the recording lacks and what follows from it, one sentence each; empty where nothing is missing.
    package var gaps: [String] { coverage.gaps(of: calls) }
}

extension ImportReport.Coverage {
    /// What is missing of so many calls and what follows from it, one sentence each.
    package func gaps(of calls: Int) -> [String] {
        guard calls > 0 else { return ["no tool calls"] }
        let parts: [(Int, String, String)] = [
            (arguments, "arguments", "nothing to learn a rule from"),
            (principal, "principal", "one rule set for everybody"),
            (results + provenance, "results", "no provenance of arguments from earlier results"),
            (task, "task", "no rules per task"),
            (times, "times", "order as in the file, no rates"),
            (outcomes, "outcomes", "failed calls cannot be told apart"),
        ]
        return parts.compactMap { count, name, consequence in
            if count == calls { return nil }
            if name == "principal", count == 0, undeclaredPrincipal == calls {
                return "kind of principal not declared (`principal.kind`): its id tells whose rules they are"
            }
            // Both numbers: of one alone nobody knows whether it counts what is there or what is not.
            return count == 0
                ? "no \(name): \(consequence)" : "no \(name) for \(calls - count) of \(calls) calls, told for \(count)"
        }
    }

    /// How many of so many calls lack each.
    package func lacking(of calls: Int) -> [(name: String, count: Int)] {
        [
            ("principal", principal), ("arguments", arguments), ("results", results + provenance), ("task", task),
            ("times", times), ("outcomes", outcomes),
        ].map { ($0, calls - $1) }
    }

    /// What was done about results that were not kept, a sentence; nil where nothing was.
    package func statement(of calls: Int) -> String? {
        guard provenance > 0 else { return nil }
        return
            "of \(provenance) of \(calls) calls the result was not kept: where their arguments came from was computed before"
    }

    /// Counts a call that is in the native form, which cannot do without a time and an outcome.
    package mutating func count(_ call: CallRecord) {
        if call.principal.kind != .unknown {
            principal += 1
        } else if !call.principal.id.isEmpty, call.principal.id != "unknown" {
            undeclaredPrincipal += 1
        }
        if call.argumentsAreKnown { arguments += 1 }
        if call.result?.text != nil || call.result?.structured != nil {
            results += 1
        } else if call.result?.digest != nil || !call.provenance.isEmpty {
            provenance += 1
        }
        if call.task != nil { task += 1 }
        times += 1
        outcomes += 1
        conversations += 1
    }
}

/// The calls of one recording, in the order of time, and what is to be said of them.
package struct ImportedRecording: Sendable {
    package var calls: [CallRecord]
    package var report: ImportReport

    package init(calls: [CallRecord], report: ImportReport) {
        self.calls = calls
        self.report = report
    }
}
