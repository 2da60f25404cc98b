package import Core
package import Identity
import Ledger
package import Policies
import Workspace

/// A release whose votes were proven; only `verify` makes one.
package struct VerifiedRelease: Sendable {
    package let release: Release
    /// Who approved, in the order of their votes.
    package let approvals: [VerifiedVote]
    package let expires: Timestamp

    fileprivate init(_ release: Release, _ approvals: [VerifiedVote], expires: Timestamp) {
        self.release = release
        self.approvals = approvals
        self.expires = expires
    }
}

extension Release {
    /// Proves the votes of a release and that it holds at a time.
    ///
    /// - Parameters:
    ///   - people: Everybody's keys, those that may not sign any more among them.
    ///   - now: Nil leaves the end out, for looking at an old release.
    /// - Returns: The release with those who approved it.
    /// - Throws: The first reason why it does not hold.
    package func verify(people: [PersonID: [SSHPublicKey]], now: Timestamp?) throws(Fault) -> VerifiedRelease {
        var approvals: [PersonID: VerifiedVote] = [:]
        for json in votes {
            let verified: VerifiedVote
            do throws(VoteError) {
                verified = try SignedVote(parsing: JSON.canonical(json)).verify(people: people)
            } catch {
                let code: Fault.Code =
                    switch error.code {
                    case .unknownPerson, .wrongKey, .sharedKey: .unknownSigner
                    case .badSignature: .badSignature
                    case .malformed, .unknownSchema, .unknownMember, .missingMember: .malformed
                    }
                throw Fault(code, error.message, help: error.help)
            }
            let vote = verified.vote
            guard vote.run.text == run, vote.step.description == step, vote.shown == shownDigest else {
                throw Fault(.badSignature, "the vote of `\(vote.person)` is about something else than this release")
            }
            guard vote.verdict == .approve, approvals[vote.person] == nil else {
                throw Fault(.badSignature, "the vote of `\(vote.person)` is no approval, or is there twice")
            }
            approvals[vote.person] = verified
        }
        guard approvals.count >= terms.approvals else {
            throw Fault(
                .tooFewApprovals,
                "\(approvals.count) of \(terms.approvals) people approved the release"
            )
        }
        let ordered = approvals.values.sorted { ($0.vote.time, $0.person) < ($1.vote.time, $1.person) }
        let last = ordered.last?.vote.time ?? Timestamp(microseconds: 0)
        let expires = last + .seconds(Int64(terms.validDays) * 86_400)
        if let now {
            guard now < expires else { throw Fault(.expired, "the release expired on \(expires)") }
            // Clocks differ a little; a vote of tomorrow is none.
            guard last <= now + .seconds(300) else {
                throw Fault(.notYet, "the release was approved on \(last), which is yet to come")
            }
        }
        return VerifiedRelease(self, ordered, expires: expires)
    }
}

extension Estate {
    /// Makes the release of a policy that an approval of a run has approved.
    ///
    /// - Parameters:
    ///   - document: The bytes of the policy as they are now; others than those that were shown are refused.
    ///   - run: The run that asked.
    ///   - step: The approval.
    ///   - now: A release that is expired by now is none.
    /// - Returns: The release, its votes proven with the keys of the workspace.
    /// - Throws: `Release.Fault`, or what the ledger could not do.
    package func release(
        _ document: [UInt8],
        run: RunID,
        step: StepInstance,
        now: Timestamp
    ) throws -> VerifiedRelease {
        let asked = try ledger.approvals(of: run).filter { $0.instance == step }
        guard let approval = asked.max(by: { $0.generation < $1.generation }) else {
            throw Release.Fault(.notApproved, "`\(step)` of run `\(run)` asks for no approval")
        }
        guard approval.state == .approved else {
            throw Release.Fault(.notApproved, "`\(step)` of run `\(run)` is \(approval.state.rawValue), not approved")
        }
        var latest: [PersonID: VoteRecord] = [:]
        for vote in try ledger.votes(of: run, instance: step) where vote.generation == approval.generation {
            latest[vote.person] = vote
        }
        let standing = latest.values.filter { $0.verdict == Vote.Verdict.approve.rawValue }.sorted {
            $0.number < $1.number
        }
        var votes: [JSON.Value] = []
        for vote in standing {
            guard vote.isAuthenticated, let proof = vote.proof,
                let json = try? JSON.parse(Array(proof.utf8), limits: .standard)
            else {
                throw Release.Fault(
                    .unsigned,
                    "the vote of `\(vote.person)` is not signed, so the release would prove nothing",
                    help: "vote with an SSH key: `lockstep approve … --key FILE`"
                )
            }
            votes.append(json)
        }
        let release = try Release(
            document: document,
            shown: approval.shown,
            run: run.text,
            step: step.description,
            votes: votes
        )
        guard release.terms.approvals <= approval.quorum else {
            throw Release.Fault(
                .tooFewApprovals,
                "the terms ask for \(release.terms.approvals) approvals, and the step for \(approval.quorum)"
            )
        }
        return try release.verify(people: Waivers(configuration: configuration).everyKey, now: now)
    }
}
