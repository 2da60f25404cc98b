/// What a text of a playbook must be beyond its type: a port, an address, a path.
///
/// The linter asks it of texts that are written out, so that what an action would refuse is said before anything runs.
/// The action checks again, since most values are known only then.
package struct LiteralRule: Sendable {
    package enum Verdict: Sendable, Hashable {
        case fine
        /// The reason goes on after the quoted text: `is not a port`.
        case malformed(_ reason: String, help: String)
        /// Well formed, but nothing that a playbook may touch.
        case forbidden(_ reason: String, help: String)
    }

    /// An ECMA 262 pattern for editors, which everything that the rule accepts fits.
    package var pattern: String?
    package var judge: @Sendable (String) -> Verdict

    package init(pattern: String? = nil, judge: @escaping @Sendable (String) -> Verdict) {
        self.pattern = pattern
        self.judge = judge
    }
}
