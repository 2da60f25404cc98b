/// A name that cannot be mistaken for the name of another kind of thing.
///
/// `Kind` is never instantiated; it only keeps a `ServerID` from being passed where a `StepID` is meant.
package struct Identifier<Kind>: Sendable, Hashable, Comparable, CustomStringConvertible,
    ExpressibleByStringLiteral
{
    package let text: String

    package init(_ text: String) {
        self.text = text
    }

    package init(stringLiteral text: String) {
        self.text = text
    }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

package enum RunKind: Sendable {}
package enum StepKind: Sendable {}
package enum ServerKind: Sendable {}
package enum ToolKind: Sendable {}
package enum PersonKind: Sendable {}
package enum ActionKind: Sendable {}

/// A run of a playbook: opaque, and sorted by the time of its creation.
package typealias RunID = Identifier<RunKind>
/// A step as its playbook names it (`snake_case`).
package typealias StepID = Identifier<StepKind>
/// A server of the inventory: a slug that is fixed when the server is first discovered.
package typealias ServerID = Identifier<ServerKind>
/// A tool as its server names it.
package typealias ToolName = Identifier<ToolKind>
/// A person of `lockstep.yaml`.
package typealias PersonID = Identifier<PersonKind>
/// An action that a step `uses`, in the form `noun.verb`.
package typealias ActionName = Identifier<ActionKind>

extension Identifier where Kind == RunKind {
    /// Makes an id of ten time characters (milliseconds) and ten random ones, in Crockford's base 32.
    package static func make(at time: Timestamp, using random: inout some RandomNumberGenerator) -> RunID {
        let alphabet = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)
        let stamp = UInt64(max(0, time.microseconds / 1000))
        var text: [UInt8] = []
        for position in (0..<10).reversed() {
            text.append(alphabet[Int(stamp >> UInt64(position * 5) & 31)])
        }
        let noise = random.next()
        for position in 0..<10 {
            text.append(alphabet[Int(noise >> UInt64(position * 5) & 31)])
        }
        return RunID(String(decoding: text, as: UTF8.self))
    }
}

/// One execution of a step: the step, and the item of its `for-each` where it has one.
///
/// Prints as `enforce` or `enforce[inventory]`, and below a sub-playbook as `phase_2/enforce[inventory]`.
package struct StepInstance: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var step: StepID
    package var item: String?

    package init(_ step: StepID, item: String? = nil) {
        self.step = step
        self.item = item
    }

    package init(parsing text: String) {
        if text.hasSuffix("]"), let bracket = text.firstIndex(of: "[") {
            self.init(
                StepID(String(text[..<bracket])),
                item: String(text[text.index(after: bracket)...].dropLast())
            )
        } else {
            self.init(StepID(text))
        }
    }

    package var description: String { item.map { "\(step)[\($0)]" } ?? step.text }

    package static func < (left: Self, right: Self) -> Bool { left.description < right.description }
}
