package import Core
package import Traffic

/// What a person may decide about a point of a review.
package enum ReviewDecision: String, Sendable, CaseIterable {
    /// What the point is about is allowed.
    case accept
    /// One step less is allowed than the miner proposed.
    case tighten
    /// What the point is about is allowed, and one step more.
    case widen
    /// It is allowed, and a person is asked about each such call.
    case ask
    /// It is forbidden, also for every later mining.
    case deny
    /// Not now: it stays denied, and the point stays open.
    case `defer`

    /// Whether nothing is left to do for a person.
    package var isFinal: Bool { self != .defer }
}

/// One decision as the policy keeps it: what was decided, by whom, when and why.
///
/// It says all that is needed to apply it again after the policy was mined anew, whether or not the traffic still
/// shows what it was about.
package struct ReviewRecord: Sendable, Hashable {
    /// The id of the point, the same after every mining.
    package var item: String
    /// The path of the argument; nil where the whole rule was in question.
    package var argument: String?
    /// The values in question, if it was about values.
    package var values: [CanonicalValue]
    package var decision: ReviewDecision
    /// `user:ana`, or `os:ana` where no workspace knows the person.
    package var by: String
    package var at: Timestamp
    package var reason: String?

    package init(
        item: String,
        argument: String? = nil,
        values: [CanonicalValue] = [],
        decision: ReviewDecision,
        by: String,
        at: Timestamp,
        reason: String? = nil
    ) {
        self.item = item
        self.argument = argument
        self.values = values.sorted()
        self.decision = decision
        self.by = by
        self.at = Timestamp(rfc3339: at.description) ?? at
        self.reason = reason
    }

    /// Whether the other one decides the same for the same reason, whoever made it and whenever.
    package func saysTheSame(as other: ReviewRecord) -> Bool {
        item == other.item && argument == other.argument && values == other.values && decision == other.decision
            && reason == other.reason
    }
}
