package import Behaviour
import Core
package import Policies
import Traffic

/// What a policy does with that which a point of its review is about.
package enum Standing: String, Sendable, CaseIterable { case allowed, denied, asked }

extension ReviewItem {
    /// What holds until somebody decides, as far as the kind of the point tells.
    ///
    /// Some points are about what passes already, others about what does not. Where calls are on record,
    /// `EvidenceDecisions` knows better. In doubt it says `allowed`, since whoever reads `denied` may look no further.
    package func untilDecided(in policy: Policy) -> Standing {
        switch kind {
        case .textOnlyIdentity, .unexplainedIdentity: return isNamed(in: policy) ? .allowed : .denied
        case .varyingSource: return isNamed(in: policy) || passesFromSources(in: policy) ? .allowed : .denied
        // What stands in such a text passes once the text is a source, and not for standing there before.
        case .rareText: return passesFromSources(in: policy) ? .allowed : .denied
        case .openText, .lonelyExtreme, .anyRead, .fewSessions, .severalDefinitions: return .allowed
        // Of a tool that nobody calls who was not told to, nothing was learned.
        case .instructingText where path == nil: return rules(of: policy).isEmpty ? .denied : .allowed
        // Nothing was learned from those sessions; what the texts hold passes where any text or any wording does.
        case .instructingText: return takesTexts(in: policy) ? .allowed : .denied
        case .manyCalls: return .denied
        // Nothing was learned of the tool; a rule that somebody wrote may grant it all the same.
        case .suspectTool, .wildcardName: return rules(of: policy).isEmpty ? .denied : .allowed
        // Inside a text that the agent composes a credential passes as the text does.
        case .secret:
            return arguments(in: policy).contains { $0.open.contains(.secret) || $0.open.contains(.free) }
                ? .allowed : .denied
        }
    }

    /// Rules in force that grant something about the tool.
    private func rules(of policy: Policy) -> [Rule] {
        policy.rules.filter { rule in
            rule.effect != .forbid && rule.mode == .enforce && Self.covers(rule.agent, agent)
                && Self.covers(rule.tool.server, tool.server) && Self.covers(rule.tool.tool, tool.tool)
        }
    }

    private func arguments(in policy: Policy) -> [ArgumentRule] {
        rules(of: policy).flatMap(\.arguments).filter { $0.path == path }
    }

    private func isNamed(in policy: Policy) -> Bool {
        let named = Set(arguments(in: policy).flatMap(\.values).map(\.text))
        return values.contains { named.contains($0.text) }
    }

    private func takesTexts(in policy: Policy) -> Bool {
        arguments(in: policy).contains { argument in
            !argument.fromTexts.isEmpty || argument.open.contains { $0 != .boolean && $0 != .empty }
        }
    }

    private func passesFromSources(in policy: Policy) -> Bool {
        let arguments = arguments(in: policy)
        if kind == .varyingSource, arguments.contains(where: { $0.fromAnyRead || !$0.open.isEmpty }) { return true }
        let texts = Set(arguments.flatMap(\.fromTexts))
        let fields = kind == .varyingSource ? Set(arguments.flatMap(\.fromFields).map(\.tool)) : []
        return sources.contains { texts.contains($0) || fields.contains($0) }
    }

    private static func covers(_ pattern: String, _ name: String) -> Bool {
        pattern == name || (pattern.hasSuffix("*") && name.hasPrefix(pattern.dropLast()))
    }
}

/// A point of a review as it stands in one policy.
package struct PointStanding: Sendable {
    package let item: ReviewItem
    /// What was decided about it; nil where nothing was, or two rules say different things.
    package let record: ReviewRecord?
    package let standing: Standing

    /// - Parameters:
    ///   - item: What is in question.
    ///   - point: The same, as something that can be decided.
    ///   - policy: As it is by now, decided or not.
    ///   - told: What the policy decides about the calls behind the point; without it the kind and the decision tell.
    package init(_ item: ReviewItem, _ point: ReviewPoint, in policy: Policy, told: Standing? = nil) {
        self.item = item
        record = policy.reviewed(point)
        standing =
            if let told {
                told
            } else if Self.holds(.forbid, point, in: policy) {
                .denied
            } else {
                switch record?.decision {
                case .accept? where !point.values.isEmpty, .widen? where !point.values.isEmpty: .allowed
                // Without values nothing is named by it: what passed goes on passing, and what did not does not.
                case .accept?, .widen?: item.untilDecided(in: policy)
                case .ask?: Self.holds(.ask, point, in: policy) ? .asked : .allowed
                case .defer? where point.values.isEmpty: .denied
                case .deny? where point.path == nil: .denied
                // What the record says counts for nothing where the policy grants something else.
                case .defer?, .tighten?, .deny?, nil: item.untilDecided(in: policy)
                }
            }
    }

    /// Whether the rule that a decision is kept in beside the one in question is there, and about all of the point.
    private static func holds(_ effect: Rule.Effect, _ point: ReviewPoint, in policy: Policy) -> Bool {
        policy.rules.contains { rule in
            guard rule.id == Review.ruleID(ofItem: point.id), rule.effect == effect, rule.mode == .enforce,
                rule.agent == point.agent, rule.task == nil || rule.task == point.task, rule.expires == nil,
                rule.windows.isEmpty, rule.arguments.count == (point.path == nil ? 0 : 1),
                effect == .ask || (rule.tool == point.tool && rule.condition == nil)
            else { return false }
            guard let argument = rule.arguments.first else { return true }
            return argument.path == point.path
                && (argument.values.isEmpty || point.values.allSatisfy(argument.values.contains))
        }
    }

    /// Whether it still waits for a person.
    package var isOpen: Bool { !(record?.decision.isFinal ?? false) }

    /// One line for whoever approves the policy: how the point stands, then what it is about.
    package var line: String {
        let state = isOpen ? (record == nil ? "open" : "deferred") : "decided"
        return "\(state), \(standing.rawValue.uppercased()): \(item.line)"
    }
}

extension Policy {
    /// Everything in this policy that people decided or wrote, for whoever approves it: what allows most comes first.
    ///
    /// Who decided and why is what the policy notes; nobody signed that.
    package func decisionLines(_ points: [PointStanding]) -> [String] {
        var lines: [(rank: Int, text: String)] = []
        for rule in rules {
            for record in rule.reviewed {
                let values =
                    record.values.isEmpty
                    ? "" : " = " + record.values.map { Self.quoted($0.text) }.joined(separator: ", ")
                let reason = record.reason.map { "why \(Self.quoted($0))" } ?? "no reason"
                let point = points.first { $0.record?.item == record.item && $0.record?.decision == record.decision }
                let effect = point.map { ", now \($0.standing.rawValue.uppercased())" } ?? ", not in this traffic"
                let kind = point.map { "\($0.item.kind.rawValue): " } ?? ""
                lines.append(
                    (
                        Self.rank(record.decision),
                        "\(record.decision.rawValue)\(effect): \(kind)\(rule.id)"
                            + "\(record.argument.map { " \($0)" } ?? "")\(values), by \(Self.quoted(record.by)) "
                            + "at \(record.at), \(reason)"
                    )
                )
            }
        }
        let decided = Set(rules.flatMap(\.reviewed).map { Review.ruleID(ofItem: $0.item) })
        for rule in rules where rule.origin == .written && !decided.contains(rule.id) {
            let task = rule.task.map { " [\($0)]" } ?? ""
            let mode = rule.mode == .shadow ? ", only computed" : ""
            lines.append(
                (
                    rule.effect == .allow ? 0 : 9,
                    "written by hand, \(rule.effect.rawValue)\(mode): \(rule.id)\(task), \(rule.agent) on \(rule.tool)"
                )
            )
        }
        for rule in rules where rule.origin == .mined && rule.reviewed.isEmpty && rule.isDecidedByPeople {
            lines.append(
                (8, "mined, then changed by hand or without its mark: \(rule.id), \(rule.agent) on \(rule.tool)")
            )
        }
        return lines.sorted { ($0.rank, $0.text) < ($1.rank, $1.text) }.map(\.text)
    }

    /// As JSON, so that no text can look like the end of its line.
    private static func quoted(_ text: String) -> String {
        String(decoding: JSON.canonical(.string(text)), as: UTF8.self)
    }

    private static func rank(_ decision: ReviewDecision) -> Int {
        switch decision {
        case .widen: 1
        case .accept: 2
        case .tighten: 3
        case .ask: 4
        case .defer: 5
        case .deny: 6
        }
    }
}
