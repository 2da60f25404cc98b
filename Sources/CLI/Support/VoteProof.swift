import Actions
import Core
import Engine
import Identity
import Workspace

/// Whether a vote is its voter's, asked of `lockstep.yaml` as it is when the vote is counted.
///
/// A vote may have waited in the ledger for the process that advances its run, where anybody who can write that file could
/// have put it; so its signature is verified once more, and what it says must be what was signed.
struct VoteProof: Sendable {
    var folder: WorkspaceFolder

    /// True for a signed vote, false for one that rests on the name of an OS user where the workspace allows that.
    @Sendable func check(_ ballot: Ballot, _ run: RunID, _ step: StepInstance) throws(VoteRefusal) -> Bool {
        let configuration: Workspace.Configuration
        do { configuration = try Session.readConfiguration(folder) } catch {
            throw VoteRefusal(code: .unproven, message: "lockstep.yaml cannot be read, so no vote can be counted")
        }
        guard let proof = ballot.proof else {
            guard configuration.allowsUnauthenticatedVotes else {
                throw VoteRefusal(code: .unproven, message: "the vote of `\(ballot.person)` is not signed")
            }
            return false
        }
        let vote: Vote
        do throws(VoteError) {
            let signed = try SignedVote(parsing: JSON.canonical(.object(proof)))
            vote = try signed.verify(people: Waivers(configuration: configuration).people).vote
        } catch {
            throw VoteRefusal(
                code: .unproven,
                message: "the vote of `\(ballot.person)` does not verify: \(error.message)"
            )
        }
        let isSame =
            vote.run == run && vote.step == step && vote.generation == Int64(ballot.generation)
            && vote.shown == ballot.shown && vote.person == ballot.person && vote.reason == ballot.reason
            && vote.verdict.rawValue == ballot.verdict.rawValue && vote.ticket == ballot.ticket
        guard isSame else {
            throw VoteRefusal(code: .unproven, message: "the vote of `\(ballot.person)` is not the one that was signed")
        }
        guard vote.configuration == configuration.digest else {
            throw VoteRefusal(
                code: .unproven,
                message: "lockstep.yaml has changed since `\(ballot.person)` voted: who may vote may have changed"
            )
        }
        return true
    }
}
