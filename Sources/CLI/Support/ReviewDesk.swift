import Actions
import Behaviour
import Core
import Documents
import Policies

/// Where decisions are made: the policy as it is by now, and who decides.
struct ReviewDesk {
    struct Choice {
        var point: ReviewPoint
        var decision: ReviewDecision
        var reason: String?
    }

    private(set) var policy: Policy
    private let mined: Policy
    private let review: Review
    private let person: String
    private let now: Timestamp

    init(policy: Policy, proposal: Proposal) {
        self.policy = policy
        mined = proposal.policy
        review = Review(levels: proposal.levels)
        // Outside of a workspace nobody is known by another name than that of the system.
        let session = try? Session.open(.reading)
        person = session?.operatorName ?? "os:\(Session.systemUser())"
        now = session?.clock.now() ?? SystemClock().now()
    }

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
                    reason: choice.reason
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
