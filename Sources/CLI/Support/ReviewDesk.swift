import Actions
import Behaviour
import Core
import Documents
import Policies

/// Where decisions are made: the policy as it is by now, and who decides.
struct ReviewDesk {
    struct Choice {
        var point: ReviewPoint
        /// Of what was shown of it.
        var shown: Digest
        var decision: ReviewDecision
        var reason: String?
    }

    private(set) var policy: Policy { didSet { compiled = CompiledPolicy(policy) } }
    private var compiled: CompiledPolicy
    private let mined: Policy
    /// The policy as the miner proposes it, to tell what held before anybody decided.
    private let undecided: CompiledPolicy
    private let evidenced: EvidenceDecisions
    private let review: Review
    private let person: String
    private let now: Timestamp

    init(policy: Policy, proposal: Proposal, evidenced: EvidenceDecisions) {
        self.policy = policy
        self.evidenced = evidenced
        compiled = CompiledPolicy(policy)
        mined = proposal.policy
        undecided = CompiledPolicy(mined)
        review = Review(levels: proposal.levels)
        // Outside of a workspace nobody is known by another name than that of the system.
        let session = try? Session.open(.reading)
        person = session?.operatorName ?? "os:\(Session.systemUser())"
        now = session?.clock.now() ?? SystemClock().now()
    }

    /// What happens with the calls behind a point as long as nobody decides about it.
    func untilDecided(_ item: ReviewItem, _ point: ReviewPoint) -> Standing {
        let isOpen = policy.reviewed(point) == nil
        return evidenced.standing(item, point, in: isOpen ? compiled : undecided)
            ?? item.untilDecided(in: isOpen ? policy : mined)
    }

    /// What happens with them now.
    func standing(_ item: ReviewItem, _ point: ReviewPoint) -> Standing {
        PointStanding(item, point, in: policy, told: evidenced.standing(item, point, in: compiled)).standing
    }

    /// Notes that values of a profile that somebody named as a file are in the policy now.
    mutating func mark(unproven profile: Digest) { policy.unprovenProfile = profile }

    /// Writes the decisions into the policy, all or none.
    mutating func decide(_ choices: [Choice]) throws {
        let decisions = choices.map { choice in
            (
                choice.point,
                ReviewRecord(
                    item: choice.point.id,
                    argument: choice.point.path,
                    values: choice.point.values,
                    decision: choice.decision,
                    by: person,
                    at: now,
                    reason: choice.reason,
                    shown: choice.shown
                )
            )
        }
        do throws(Review.Refusal) {
            policy = try review.deciding(decisions, in: policy, mined: mined)
        } catch {
            throw CommandFailure(
                "review.\(error.code)",
                "\(error.item.inMessage): \(error.message)",
                help: error.help,
                status: ExitStatus.invalidInput
            )
        }
    }
}
