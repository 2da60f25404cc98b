package import Core

/// What a recording says of itself and only its recorder can know.
package struct RecordedClaims: OptionSet, Sendable {
    package let rawValue: UInt8

    package init(rawValue: UInt8) { self.rawValue = rawValue }

    /// Where arguments came from, or the stand-in of a result that was not kept.
    package static let provenance = RecordedClaims(rawValue: 1)
    /// That somebody signed the task.
    package static let task = RecordedClaims(rawValue: 2)
    /// That the caller proved who it is.
    package static let principal = RecordedClaims(rawValue: 4)

    package static let all: [RecordedClaims] = [.provenance, .task, .principal]

    /// What so many calls said that was not believed; goes before `was said by the file itself`.
    package func words(_ calls: String) -> String {
        switch self {
        case .provenance: "where the arguments of \(calls) came from"
        case .task: "that somebody signed the task of \(calls)"
        default: "that the caller of \(calls) proved who it is"
        }
    }
}

/// How often claims of each kind were not believed in one file.
package struct DisbelievedClaims: Sendable, Hashable {
    private var counts: [UInt8: Int] = [:]

    package init() {}

    package mutating func count(_ claims: RecordedClaims) {
        if claims.isEmpty { return }
        for claim in RecordedClaims.all where claims.contains(claim) { counts[claim.rawValue, default: 0] += 1 }
    }

    package func calls(_ claim: RecordedClaims) -> Int { counts[claim.rawValue] ?? 0 }
}

extension CallRecord {
    /// Takes away what only a recorder of this workspace can prove: where the arguments are said to come from, the
    /// stand-in of a result that was not kept, that a task was signed, and that a caller proved who it is.
    ///
    /// Who writes a recording can write that a value came from the user, or from a structured result, and a policy would
    /// learn it so. Only what this workspace sealed itself is believed; of everything else the provenance is
    /// computed from the results that are there, and task and caller are as good as declared. That evidence is said
    /// to be partial only narrows, and stays.
    ///
    /// - Returns: What there was to take away.
    package mutating func withdrawClaims() -> RecordedClaims {
        var claims: RecordedClaims = []
        if !provenance.isEmpty || result?.digest != nil {
            claims.insert(.provenance)
            provenance = [:]
            result?.digest = nil
        }
        if task?.assurance == .signed {
            claims.insert(.task)
            task?.assurance = .declared
        }
        switch principal.kind {
        case .spiffe, .jwt, .gateway:
            claims.insert(.principal)
            principal.kind = .declared
        case .declared, .unknown: break
        }
        return claims
    }

    /// Whether somebody who saw the results noted where the arguments came from, in place of a result that was not kept.
    package var hasRecordedProvenance: Bool { !provenance.isEmpty || result?.digest != nil }
}
