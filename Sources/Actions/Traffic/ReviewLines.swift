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
