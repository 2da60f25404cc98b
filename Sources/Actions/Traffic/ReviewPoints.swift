package import Behaviour
package import Core
package import Policies
import Traffic

extension ReviewItem {
    /// The item as something that can be decided.
    ///
    /// Secrets are no part of it: a value that is one can be denied, and never be allowed by name.
    fileprivate func point(_ extent: String?) -> ReviewPoint {
        ReviewPoint(
            kind: kind.rawValue,
            rule: rule,
            agent: agent,
            task: task,
            tool: tool,
            tier: tier,
            path: path,
            values: shownValues,
            extent: extent
        )
    }
}

extension ReviewItem {
    /// Of all that a person sees of the point: the question, the values, and what stands behind them.
    package func shown(at point: ReviewPoint) -> Digest {
        .sha256(
            JSON.canonical([
                "item": .string(point.id), "detail": .string(detail), "sessions": .integer(Int64(sessions)),
                "sources": .array(sources.map { .string($0.description) }),
                "evidence": .array(evidence.map { [.string($0.session), .integer($0.sequence)] }),
            ])
        )
    }

    /// This and another item that asks the same, as one.
    fileprivate func joined(with other: ReviewItem) -> ReviewItem {
        var item = self
        item.sources = Array(Set(sources + other.sources)).sorted()
        item.evidence = Array(Set(evidence + other.evidence)).sorted()
        item.sessions = max(sessions, other.sessions)
        item.urgency = max(urgency, other.urgency)
        if detail != other.detail { item.detail += "; " + other.detail }
        return item
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
        var points: [(item: ReviewItem, point: ReviewPoint)] = []
        var places: [ReviewPoint: Int] = [:]
        for item in review {
            let point = point(of: item)
            if let place = places[point] {
                points[place].item = points[place].item.joined(with: item)
            } else {
                places[point] = points.count
                points.append((item, point))
            }
        }
        return points
    }

    /// What can be decided about an item.
    func point(of item: ReviewItem) -> ReviewPoint { item.point(extent(of: item)) }

    /// What a decision without values was about: when it reaches further, it is another question.
    private func extent(of item: ReviewItem) -> String? {
        switch item.kind {
        case .lonelyExtreme:
            let argument = alternatives.first { $0.rule == item.rule && $0.path == item.path }
            return argument?.chosen.rule.maximum.map { String($0) }
        case .manyCalls: return item.detail
        case .rareText, .anyRead: return item.sources.map(\.description).sorted().joined(separator: " ")
        case .severalDefinitions: return policy.rules.first { $0.id == item.rule }?.definition
        case .textOnlyIdentity, .unexplainedIdentity, .varyingSource, .openText, .fewSessions, .secret, .suspectTool,
            .wildcardName, .instructingText:
            return nil
        }
    }
}
