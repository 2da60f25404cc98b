package import Core
package import Wire

extension RecordingImport.Summary {
    /// What is missing and what follows from it.
    package var gaps: [String] { coverage.gaps(of: calls) }

    /// The notices that `claims` puts into words.
    package static let claimNotices = Set(RecordedClaims.all.map(\.notice.rawValue))

    /// Adds what was not believed.
    mutating func note(_ disbelieved: DisbelievedClaims) {
        for claim in RecordedClaims.all where disbelieved.calls(claim) > 0 {
            notices[claim.notice.rawValue, default: 0] += disbelieved.calls(claim)
        }
    }

    /// What was done about where arguments came from, one sentence each.
    package var provenance: [String] {
        claims([.provenance]) + (coverage.statement(of: calls).map { [$0] } ?? [])
    }

    /// What the file says of tasks and callers and was not believed, one sentence each.
    package var unproven: [String] { claims([.task, .principal]) }

    private func claims(_ kinds: [RecordedClaims]) -> [String] {
        kinds.compactMap { claim in
            let count = notices[claim.notice.rawValue, default: 0]
            guard count > 0 else { return nil }
            return "\(claim.words(counted(count, "call"))) was said by the file itself and not believed"
        }
    }

    package var json: JSON.Value {
        func counts(_ counts: [String: Int]) -> JSON.Value {
            .object(
                JSON.Object(
                    counts.sorted { $0.key < $1.key }.map { (key: $0.key, value: .integer(Int64($0.value))) }
                )
            )
        }
        return [
            "file": .string(file), "format": .string(format), "calls": .integer(Int64(calls)),
            "sessions": .integer(Int64(sessions)), "coverage": coverage.json,
            "missing": coverage.lackingJSON(of: calls), "gaps": .array(gaps.map { .string($0) }),
            "provenance": .array(provenance.map { .string($0) }),
            "unproven": .array(unproven.map { .string($0) }),
            "notices": counts(notices), "skipped": counts(skipped),
            "quarantined": counts(quarantined),
            "examples": .array(
                examples.map {
                    [
                        "line": $0.line.map { .integer(Int64($0)) } ?? .null, "reason": .string($0.reason),
                        "detail": $0.detail.map { .string($0) } ?? .null,
                    ]
                }
            ),
            "unmapped": counts(unmapped), "unread": .array(unread.map { .string($0) }),
        ]
    }
}

extension RecordedClaims {
    fileprivate var notice: ImportNotice {
        switch self {
        case .provenance: .disbelievedProvenance
        case .task: .disbelievedTask
        default: .disbelievedPrincipal
        }
    }
}

extension ImportReport.Coverage {
    /// For how many calls each was told.
    package var json: JSON.Value {
        [
            "principal": .integer(Int64(principal)), "arguments": .integer(Int64(arguments)),
            "results": .integer(Int64(results)), "provenance": .integer(Int64(provenance)),
            "task": .integer(Int64(task)), "times": .integer(Int64(times)),
            "outcomes": .integer(Int64(outcomes)), "conversations": .integer(Int64(conversations)),
        ]
    }

    /// How many of so many calls lack each.
    package func lackingJSON(of calls: Int) -> JSON.Value {
        .object(JSON.Object(lacking(of: calls).map { (key: $0.name, value: .integer(Int64($0.count))) }))
    }
}
