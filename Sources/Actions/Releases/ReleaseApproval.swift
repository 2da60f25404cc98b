package import Core
package import Identity
import Ledger
package import Policies
package import Workspace

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
    /// Proves the votes of a release, that they are enough here, and that it holds at a time.
    ///
    /// Who may approve, how many of them and whose approval does not count is asked of the configuration of whoever
    /// verifies: the file says its own terms, and these may only be stricter. Nothing proves when a vote was signed but
    /// the vote itself, so a key that may not sign today proves nothing.
    ///
    /// - Parameters:
    ///   - configuration: The people with their keys, the groups, and what a release needs.
    ///   - now: When it has to hold.
    /// - Returns: The release with those who approved it.
    /// - Throws: The first reason why it does not hold.
    package func verify(
        under configuration: Workspace.Configuration,
        now: Timestamp
    ) throws(Fault) -> VerifiedRelease {
        let rule = configuration.releaseRule
        let approvers = Set(rule.approvers.flatMap { configuration.members(of: $0) })
        guard !approvers.isEmpty else {
            throw Fault(
                .noApprovers,
                "lockstep.yaml does not say who may approve a release",
                help: "write `releases: {approvers: [group:NAME], min: 1}`"
            )
        }
        let starter = try starter(configuration, rule)
        var approvals: [PersonID: VerifiedVote] = [:]
        for json in votes {
            let verified = try proven(json, configuration)
            let person = verified.person
            guard verified.vote.verdict == .approve, approvals[person] == nil else {
                throw Fault(.badSignature, "the vote of `\(person)` is no approval, or is there twice")
            }
            guard approvers.contains(person) else {
                throw Fault(
                    .notAnApprover,
                    "`\(person)` is not among \(rule.approvers.joined(separator: ", ")), who approve releases here"
                )
            }
            guard person != starter, !excluded.contains(person.text) else {
                throw Fault(
                    .ownApproval,
                    "`\(person)` started the run or was kept from voting, so the approval is void"
                )
            }
            approvals[person] = verified
        }
        let needed = max(rule.minimum, terms.approvals)
        guard approvals.count >= needed else {
            throw Fault(
                .tooFewApprovals,
                "\(approvals.count) of \(needed) people approved the release"
                    + (rule.minimum > terms.approvals ? ", as lockstep.yaml wants them" : "")
            )
        }
        let ordered = approvals.values.sorted { ($0.vote.time, $0.person) < ($1.vote.time, $1.person) }
        let last = ordered.last?.vote.time ?? Timestamp(microseconds: 0)
        let days = min(terms.validDays, rule.longestDays ?? terms.validDays)
        let expires = last + .seconds(Int64(days) * 86_400)
        guard now < expires else { throw Fault(.expired, "the release expired on \(expires)") }
        // Clocks differ a little; a vote of tomorrow is none.
        guard last <= now + .seconds(300) else {
            throw Fault(.notYet, "the release was approved on \(last), which is yet to come")
        }
        return VerifiedRelease(self, ordered, expires: expires)
    }

    /// One vote that its person signed with a key that may sign today, about this very release.
    private func proven(_ json: JSON.Value, _ configuration: Workspace.Configuration) throws(Fault) -> VerifiedVote {
        let waivers = Waivers(configuration: configuration)
        let signed: SignedVote
        do throws(VoteError) { signed = try SignedVote(parsing: JSON.canonical(json)) } catch { throw Fault(error) }
        let key = signed.signature.key
        let isCurrent = waivers.people.values.contains { $0.contains(key) }
        if !isCurrent, let owner = waivers.everyKey.first(where: { $0.value.contains(key) })?.key {
            throw Fault(
                .retiredKey,
                "the vote of `\(signed.vote.person)` is signed with a retired key of `\(owner)`, and nothing proves that "
                    + "this was before it was retired",
                help: "have the policy approved and signed again with a key that is listed under `keys`"
            )
        }
        let verified: VerifiedVote
        do throws(VoteError) { verified = try signed.verify(people: waivers.people) } catch { throw Fault(error) }
        let vote = verified.vote
        guard vote.run.text == run, vote.step.description == step, vote.shown == shownDigest else {
            throw Fault(.badSignature, "the vote of `\(vote.person)` is about something else than this release")
        }
        return verified
    }

    /// The person who started the run, where their approval does not count.
    private func starter(
        _ configuration: Workspace.Configuration,
        _ rule: Workspace.Configuration.ReleaseRule
    ) throws(Fault) -> PersonID? {
        guard rule.excludesStarter else { return nil }
        guard let startedBy else {
            throw Fault(
                .ownApproval,
                "what was approved does not say who started the run, whose approval would not count",
                help: "have the policy approved again with this version"
            )
        }
        if let name = startedBy.dropping(prefix: "user:") {
            if let person = configuration.people.first(where: { $0.id.text == name }) { return person.id }
        } else if let name = startedBy.dropping(prefix: "os:"), Self.isSystemName(name) {
            // A name of the system may be somebody's who is listed under another one; many systems fold the case.
            return configuration.people.first { $0.osUser?.lowercased() == name.lowercased() }?.id
                ?? configuration.people.first { $0.id.text.lowercased() == name.lowercased() }?.id
        }
        throw Fault(
            .ownApproval,
            "what was approved names nobody whom lockstep.yaml knows as who started the run, so nobody can say whose "
                + "approval does not count",
            help: "list them under `people`, or have the policy approved again"
        )
    }

    /// Letters, digits and a few signs, as systems name their users (POSIX 3.437 and the signs of directories).
    private static func isSystemName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                    || "._-@+$\\".utf8.contains($0)
            }
    }
}

extension Release.Fault {
    /// What is wrong with a vote is wrong with the release.
    fileprivate init(_ error: VoteError) {
        let code: Code =
            switch error.code {
            case .unknownPerson, .wrongKey, .sharedKey: .unknownSigner
            case .badSignature: .badSignature
            case .malformed, .unknownSchema, .unknownMember, .missingMember: .malformed
            }
        self.init(code, error.message, help: error.help)
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
        return try release.verify(under: configuration, now: now)
    }

    /// Holds a release against what this workspace knows of its run.
    ///
    /// Votes that were taken back stay signed, and who started a run is only what its approvers signed: the ledger knows
    /// both better.
    ///
    /// - Returns: Whether the run is one of this workspace.
    /// - Throws: `Release.Fault` where the ledger says otherwise, or what the ledger could not do.
    package func recalls(_ verified: VerifiedRelease) throws -> Bool {
        let release = verified.release
        guard try ledger.run(RunID(release.run)) != nil else { return false }
        // The same may have been asked twice, after a step before it was taken again.
        let questions = try ledger.approvals(of: RunID(release.run)).filter {
            $0.instance.description == release.step && $0.digest == release.shownDigest
        }
        let asked = questions.last { $0.state == .approved } ?? questions.last
        guard let asked, asked.state == .approved else {
            throw Release.Fault(
                .notApproved,
                "`\(release.step)` of run `\(release.run)` is \(asked?.state.rawValue ?? "about something else"), not approved"
            )
        }
        var latest: [PersonID: VoteRecord] = [:]
        for vote in try ledger.votes(of: asked.run, instance: asked.instance) where vote.generation == asked.generation
        {
            latest[vote.person] = vote
        }
        for person in verified.approvals.map(\.person)
        where latest[person]?.verdict != Vote.Verdict.approve.rawValue {
            throw Release.Fault(.notApproved, "the ledger has no standing approval of `\(person)`")
        }
        return true
    }
}
