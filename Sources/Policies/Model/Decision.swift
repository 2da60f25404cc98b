/// What is decided about one call.
package struct Decision: Sendable, Equatable {
    package enum Verdict: String, Sendable, CaseIterable { case allow, ask, deny }

    package var verdict: Verdict
    /// The rule that decided, if one did.
    package var rule: String?
    /// The argument path that failed.
    package var argument: String?
    /// A stable word: `allowed`, `no-rule`, `unseen-tool`, `unseen-argument`, `identity`, `value`, `number`, `entity`,
    /// `length`, `items`, `relation`, `calls`, `missing-argument`, `forbidden`, `asked`, `condition`, `window`, `definition-changed`, `expired`, `shadow`, `limits`,
    /// `unknown-arguments`.
    package var reason: String

    package init(_ verdict: Verdict, rule: String? = nil, argument: String? = nil, reason: String) {
        self.verdict = verdict
        self.rule = rule
        self.argument = argument
        self.reason = reason
    }
}
