package import Core
package import Ledger

/// A person's answer, after its signature was checked by whoever took it in.
package struct Ballot: Sendable, Hashable {
    package enum Verdict: String, Sendable, Hashable, CaseIterable { case approve, reject, withdraw }

    package var person: PersonID
    package var verdict: Verdict
    package var reason: String
    package var ticket: String?
    /// The digest of the bytes that the person was shown, and the generation of the question.
    package var shown: Digest
    package var generation: Int
    /// False where only the name of the OS user speaks for the person.
    package var isAuthenticated: Bool
    /// What was signed and the signature, kept so that the vote can be verified later.
    package var proof: JSON.Object?

    package init(
        person: PersonID,
        verdict: Verdict,
        reason: String,
        ticket: String? = nil,
        shown: Digest,
        generation: Int,
        isAuthenticated: Bool,
        proof: JSON.Object? = nil
    ) {
        self.person = person
        self.verdict = verdict
        self.reason = reason
        self.ticket = ticket
        self.shown = shown
        self.generation = generation
        self.isAuthenticated = isAuthenticated
        self.proof = proof
    }
}

/// Why a vote does not count.
package struct VoteRefusal: Error, Sendable, Hashable {
    package enum Code: String, Sendable, Hashable, CaseIterable {
        case notOpen = "approval.not-open"
        case expired = "approval.expired"
        case staleGeneration = "approval.stale-generation"
        case staleDigest = "approval.stale-digest"
        case unknownPerson = "approval.unknown-person"
        case notEligible = "approval.not-eligible"
        case excluded = "approval.excluded"
        case reasonMissing = "approval.reason-missing"
        case ticketMissing = "approval.ticket-missing"
        case ticketDiffers = "approval.ticket-differs"
        case nothingToWithdraw = "approval.nothing-to-withdraw"
        /// The very bytes were counted already: a vote that was withdrawn since must not come back.
        case counted = "approval.counted"
        /// Nothing shows that it is the voter's, and this workspace wants that shown.
        case unproven = "approval.unproven"
    }

    package var code: Code
    package var message: String

    package init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    package var diagnostic: Diagnostic { Diagnostic(code: code.rawValue, message: message) }
}

/// Who exists and who belongs where, as `lockstep.yaml` says at this moment.
package struct People: Sendable {
    package var groups: [PersonID: Set<String>]

    package init(_ groups: [PersonID: Set<String>] = [:]) {
        self.groups = groups
    }

    /// Whether `user:ana` or `group:leads` means this person.
    package func matches(_ person: PersonID, _ pattern: String) -> Bool {
        if pattern.hasPrefix("group:") { return groups[person]?.contains(String(pattern.dropFirst(6))) ?? false }
        if pattern.hasPrefix("user:") { return pattern.dropFirst(5) == person.text }
        return pattern == person.text
    }

    /// Everybody whom one of the patterns means, sorted.
    package func persons(_ patterns: [String]) -> [PersonID] {
        groups.keys.filter { person in patterns.contains { matches(person, $0) } }.sorted()
    }
}

/// One question to people and the votes on it.
///
/// Votes are only added. Of one person's votes the latest counts; one reject of an eligible person decides; a quorum
/// counts distinct persons.
package struct ApprovalMachine: Sendable, Hashable {
    package var record: ApprovalRecord
    package var votes: [VoteRecord] = []
    package var isEscalated = false

    package init(_ record: ApprovalRecord) {
        self.record = record
    }

    package var isOpen: Bool { record.state == .open }

    /// The votes that count at the moment: the latest of each person, without withdrawn ones.
    package var standing: [VoteRecord] {
        var latest: [PersonID: VoteRecord] = [:]
        for vote in votes { latest[vote.person] = vote }
        return latest.values.filter { $0.verdict != Ballot.Verdict.withdraw.rawValue }.sorted { $0.number < $1.number }
    }

    package func eligible(_ people: People) -> [PersonID] {
        people.persons(record.approvers).filter { !record.excluded.contains($0.text) }
    }

    /// Checks a vote against every rule; nothing is recorded.
    package func check(_ ballot: Ballot, people: People, now: Timestamp) throws(VoteRefusal) {
        guard isOpen else {
            throw VoteRefusal(code: .notOpen, message: "this approval is \(record.state.rawValue) already")
        }
        guard ballot.generation == record.generation else {
            throw VoteRefusal(
                code: .staleGeneration,
                message: "the question was asked again since: look at it and vote anew"
            )
        }
        guard ballot.shown == record.digest else {
            throw VoteRefusal(
                code: .staleDigest,
                message: "what you were shown is not what is asked now: look at it and vote anew"
            )
        }
        guard now < record.expires else {
            throw VoteRefusal(code: .expired, message: "this approval ended \(record.expires)")
        }
        guard people.groups[ballot.person] != nil else {
            throw VoteRefusal(code: .unknownPerson, message: "nobody is called `\(ballot.person)` in `lockstep.yaml`")
        }
        guard !record.excluded.contains(ballot.person.text) else {
            throw VoteRefusal(
                code: .excluded,
                message: "`\(ballot.person)` may not vote here: four eyes are wanted"
            )
        }
        guard record.approvers.contains(where: { people.matches(ballot.person, $0) }) else {
            throw VoteRefusal(
                code: .notEligible,
                message: "`\(ballot.person)` is none of \(record.approvers.map { "`\($0)`" }.joined(separator: ", "))"
            )
        }
        if let said = ballot.proof?["vote"], votes.contains(where: { $0.signedVote == said }) {
            throw VoteRefusal(
                code: .counted,
                message: "this very vote of `\(ballot.person)` was counted already: vote anew"
            )
        }
        if ballot.verdict == .withdraw {
            guard standing.contains(where: { $0.person == ballot.person }) else {
                throw VoteRefusal(code: .nothingToWithdraw, message: "`\(ballot.person)` has no vote here")
            }
            return
        }
        let isBlank = !ballot.reason.unicodeScalars.contains { !$0.properties.isWhitespace }
        guard !record.required.contains("reason") || !isBlank else {
            throw VoteRefusal(code: .reasonMissing, message: "a reason is required: add `--reason`")
        }
        guard record.required.contains("ticket"), ballot.verdict == .approve else { return }
        guard let ticket = ballot.ticket, !ticket.isEmpty else {
            throw VoteRefusal(code: .ticketMissing, message: "a ticket is required: add `--ticket`")
        }
        guard record.ticket == nil || record.ticket == ticket else {
            throw VoteRefusal(
                code: .ticketDiffers,
                message: "the ticket of this approval is `\(record.ticket ?? "")`"
            )
        }
    }

    /// What the standing votes decide, if anything yet.
    package var outcome: ApprovalRecord.State? {
        let standing = standing
        if standing.contains(where: { $0.verdict == Ballot.Verdict.reject.rawValue }) { return .rejected }
        let approvals = standing.count { $0.verdict == Ballot.Verdict.approve.rawValue }
        return approvals >= record.quorum ? .approved : nil
    }
}

extension VoteRecord {
    /// What was signed, without the signature: one text can be signed any number of times.
    fileprivate var signedVote: JSON.Value? {
        proof.flatMap { try? JSON.parse(Array($0.utf8), limits: .standard) }?["vote"]
    }
}
