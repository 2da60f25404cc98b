package import Core
package import Inspection
package import Traffic
package import Wire

/// What recordings hold, counted while they are read.
package struct TrafficStats: Sendable {
    /// One tool and what was made of it.
    package struct ToolCount: Sendable {
        package var tool: ServerTool
        package var calls = 0
        package var failed = 0
        package var sessions = 0
    }

    package private(set) var calls = 0
    package private(set) var coverage = ImportReport.Coverage()
    private var principals: [String: CallRecord.PrincipalKind] = [:]
    private var byTool: [ServerTool: ToolCount] = [:]
    /// Hashes of sessions, as a set for each tool: names may be long.
    private var sessions: Set<Int> = []
    private var sessionsOfTool: [ServerTool: Set<Int>] = [:]
    private var survey = DataClassSurvey()
    private var declared: Set<String> = []
    /// Detectors read every value of this many calls of each tool; more would prove no more.
    private static let surveyedCalls = 1_000
    private var first: Timestamp?
    private var last: Timestamp?

    package init() {}

    package mutating func count(_ call: CallRecord) {
        calls += 1
        coverage.count(call)
        principals[call.principal.id] = call.principal.kind
        let tool = ServerTool(server: call.server, tool: call.tool)
        byTool[tool, default: ToolCount(tool: tool)].calls += 1
        if !call.succeeded { byTool[tool]?.failed += 1 }
        if byTool[tool]?.calls ?? 0 <= Self.surveyedCalls {
            survey.note(.object(call.arguments), of: "\(call.server)/\(call.tool)")
            if let structured = call.result?.structured {
                survey.note(structured, of: "\(call.server)/\(call.tool)/result")
            }
        }
        var hasher = Hasher()
        hasher.combine(call.principal.id)
        hasher.combine(call.session)
        let session = hasher.finalize()
        sessions.insert(session)
        sessionsOfTool[tool, default: []].insert(session)
        first = min(first ?? call.time, call.time)
        last = max(last ?? call.time, call.time)
    }

    /// What is missing and what follows from it.
    package var gaps: [String] { coverage.gaps(of: calls) }

    /// What was done about results that were not kept.
    package var provenance: String? { coverage.statement(of: calls) }

    /// The data classes that fields seem to have, by `SERVER/TOOL/FIELD`; for a person to declare in lockstep.yaml.
    ///
    /// No value is in them, only how many of the values seen look like what.
    package var dataClasses: [DataClassProposal] {
        survey.proposals.filter { proposal in
            let parts = proposal.field.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return true }
            return !declared.contains(proposal.field) && !declared.contains("\(parts[0])/*/\(parts[2])")
        }
    }

    /// Leaves out what somebody decided already.
    ///
    /// - Parameter declared: `SERVER/TOOL/FIELD`, or `*` in place of the tool.
    package mutating func leaveOut(declared: Set<String>) { self.declared = declared }

    /// The most used first.
    package var tools: [ToolCount] {
        byTool.values.map { count in
            var count = count
            count.sessions = sessionsOfTool[count.tool]?.count ?? 0
            return count
        }
        .sorted { ($1.calls, $0.tool) < ($0.calls, $1.tool) }
    }

    package var summary: String {
        func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
        var text = "\(counted(calls, "call")) of \(counted(sessions.count, "session")), "
        text += "\(counted(principals.count, "principal")), \(counted(byTool.count, "tool"))"
        if let first, let last { text += ", \(first) to \(last)" }
        return text
    }

    package var json: JSON.Value {
        [
            "calls": .integer(Int64(calls)), "sessions": .integer(Int64(sessions.count)),
            "first": first.map { .string($0.description) } ?? .null,
            "last": last.map { .string($0.description) } ?? .null,
            "principals": .array(
                principals.sorted { $0.key < $1.key }.map {
                    ["id": .string($0.key), "kind": .string($0.value.rawValue)]
                }
            ),
            "tools": .array(
                tools.map {
                    [
                        "server": .string($0.tool.server), "tool": .string($0.tool.tool),
                        "calls": .integer(Int64($0.calls)), "failed": .integer(Int64($0.failed)),
                        "sessions": .integer(Int64($0.sessions)),
                    ]
                }
            ),
            "data_classes": .array(
                dataClasses.map {
                    [
                        "field": .string($0.field), "class": .string($0.dataClass.rawValue),
                        "strong": .bool($0.isStrong), "evidence": .array($0.evidence.map { .string($0.words) }),
                    ]
                }
            ),
            "coverage": coverage.json, "missing": coverage.lackingJSON(of: calls),
            "gaps": .array(gaps.map { .string($0) }),
        ]
    }
}

extension DataClassProposal.Evidence {
    /// For people: what speaks for the class.
    package var words: String {
        switch self {
        case .name(let word): "its name has `\(word)`"
        case .format(let format): "the schema's format is `\(format)`"
        case .values(let kind, let matched, let seen): "\(matched) of \(seen) values hold \(kind.rawValue)"
        }
    }
}
