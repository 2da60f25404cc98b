package import Behaviour
import Inspection
package import Policies
package import Traffic

extension ReviewItem {
    /// The values as people and scripts may see them: a recording that was never tokenised may hold secrets.
    package var shownValues: [CanonicalValue] {
        let name = path?.split(separator: "/").last { $0 != "*" }.map(String.init)
        return values.map { value in
            guard let clean = Credentials.tokenise(value.text, named: name, token: { _ in "<secret>" }) else {
                return value
            }
            return CanonicalValue(value.valueClass, clean)
        }
    }

    /// One line for whoever decides.
    package var line: String {
        var line = "\(kind.rawValue): \(rule)"
        if let path { line += " \(path)" }
        if !values.isEmpty { line += " = " + Self.some(shownValues.map(\.text)) }
        if !sources.isEmpty { line += ", shown by " + Self.some(sources.map(\.description)) }
        line += ": \(detail)"
        if let place = evidence.first { line += " (session \(place.session), call \(place.sequence))" }
        return line
    }

    private static func some(_ texts: [String]) -> String {
        texts.prefix(3).joined(separator: ", ") + (texts.count > 3 ? " and \(texts.count - 3) more" : "")
    }
}

extension ReviewPoint {
    /// What a decision about the point does to the policy, in a clause; what `Review` writes, word for word.
    package func effect(of decision: ReviewDecision) -> String {
        let argument = path.map { "`\($0)`" }
        // What a rule beside the one in question is about.
        let calls =
            argument.map {
                values.isEmpty ? "every call of \(tool) with \($0)" : "calls of \(tool) with this value in \($0)"
            }
            ?? "every call of \(tool)"
        let step = argument ?? "every argument of the rule"
        switch decision {
        case .accept where values.isEmpty: return "the rule stays as it is, and what it denies stays denied"
        case .accept: return "the rule names the value, and it passes in \(argument ?? "the call")"
        case .tighten: return "\(step) is taken one step tighter"
        case .widen where values.isEmpty: return "\(step) is taken one step wider"
        case .widen: return "the rule names the value and its site, and all of the site passes"
        case .ask: return "asks a person about \(calls)"
        case .deny: return "forbids \(calls)"
        case .defer where path != nil && values.isEmpty: return "\(step) is taken one step tighter until it is decided"
        case .defer: return "forbids \(calls) until it is decided"
        }
    }
}

extension PolicyDifference {
    /// One line for each change.
    package var lines: [String] { changes.map(\.line) }
}

extension PolicyDifference.Change {
    package var line: String {
        var line = "\(direction.rawValue): \(rule ?? agent)"
        if let task { line += " [\(task)]" }
        if let argument { line += " \(argument)" }
        line += ": \(what)"
        if !before.isEmpty { line += ", before \(before.joined(separator: ", "))" }
        if !after.isEmpty { line += ", after \(after.joined(separator: ", "))" }
        return line
    }
}

extension Policy {
    /// What whoever approves the policy must know of where it came from; nothing where recordings are all there was.
    package var unprovenLines: [String] {
        unprovenSign.map { [$0 + ", and nothing proves which traffic it was folded from"] } ?? []
    }
}
