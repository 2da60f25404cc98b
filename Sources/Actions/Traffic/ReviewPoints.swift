package import Behaviour
package import Policies

extension ReviewItem {
    /// The item as something that can be decided.
    ///
    /// Secrets are no part of it: a value that is one can be denied, and never be allowed by name.
    package var point: ReviewPoint {
        ReviewPoint(
            kind: kind.rawValue,
            rule: rule,
            agent: agent,
            task: task,
            tool: tool,
            tier: tier,
            path: path,
            values: shownValues
        )
    }
}

extension Proposal {
    /// What the miner thinks to be the next tighter and looser level of each argument.
    package var levels: ReviewLevels {
        var levels = ReviewLevels()
        for alternative in alternatives {
            levels[alternative.rule, alternative.path] = ReviewLevels.Neighbours(
                tighter: alternative.tighter?.rule,
                looser: alternative.looser?.rule
            )
        }
        return levels
    }

    /// What is to be decided, the most pressing first; items that ask the same are one.
    package var points: [(item: ReviewItem, point: ReviewPoint)] {
        var seen: Set<String> = []
        return review.compactMap { item in
            let point = item.point
            return seen.insert(point.id).inserted ? (item, point) : nil
        }
    }
}
