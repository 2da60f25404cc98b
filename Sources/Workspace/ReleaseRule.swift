import Core
import Documents

extension Configuration {
    /// What a release needs in this workspace, whatever the file of the release says: `releases` in `lockstep.yaml`.
    ///
    /// Whoever writes a release also writes its terms, so terms may ask for more than this and never for less.
    package struct ReleaseRule: Sendable, Hashable {
        /// `group:` and `user:` references; nobody where the list is empty.
        package var approvers: [String]
        /// How many of the approvers have to approve.
        package var minimum: Int
        /// Whether an approval of the person who started the run is refused.
        package var excludesStarter: Bool
        /// The longest that a release holds; its terms may say less.
        package var longestDays: Int?

        package init(
            approvers: [String],
            minimum: Int = 1,
            excludesStarter: Bool = true,
            longestDays: Int? = nil
        ) {
            self.approvers = approvers
            self.minimum = minimum
            self.excludesStarter = excludesStarter
            self.longestDays = longestDays
        }
    }

    /// The rule as written; where none is, one approval by a security lead who did not start the run.
    package var releaseRule: ReleaseRule {
        if let writtenReleaseRule { return writtenReleaseRule }
        let leads = "security-leads"
        return ReleaseRule(approvers: groups.contains { $0.name == leads } ? ["group:\(leads)"] : [])
    }

    mutating func readReleases(_ document: inout MappingReader, _ problems: DiagnosticCollector) {
        guard var entry = document.mapping("releases") else { return }
        var rule = ReleaseRule(approvers: [])
        if let approvers = entry.strings("approvers", isRequired: true, mayBeOne: true) {
            if approvers.value.isEmpty {
                problems.report("invalid-value", "`approvers` names nobody", at: approvers.place)
            }
            for reference in approvers.value where !names(reference.value) {
                let known = groups.map { "group:\($0.name)" } + people.map { "user:\($0.id)" }
                let near = nearest(to: reference.value, in: known)
                problems.report(
                    "unknown-approver",
                    "\(reference.value.inMessage) is neither a group nor a person of this file",
                    at: reference.place,
                    help: near.map { "did you mean `\($0)`?" } ?? "write `group:NAME` or `user:NAME`"
                )
            }
            rule.approvers = approvers.value.map(\.value)
        }
        if let minimum = entry.integer("min", in: 1...1_000) {
            let most = Set(rule.approvers.flatMap { members(of: $0) }).count
            if minimum.value > Int64(most) {
                problems.report(
                    "invalid-value",
                    "`min` is \(minimum.value), and only \(most) people may approve a release",
                    at: minimum.place
                )
            }
            rule.minimum = Int(minimum.value)
        }
        // The words of a playbook's approval, of which a release knows this one.
        if let excluded = entry.strings("distinct-from", mayBeOne: true) {
            rule.excludesStarter = !excluded.value.isEmpty
            for name in excluded.value where name.value != Self.starter {
                problems.report(
                    "invalid-value",
                    "\(name.value.inMessage) is nobody whom a release knows",
                    at: name.place,
                    help: "write `distinct-from: [\(Self.starter)]`, or `[]` where who starts a run may approve it"
                )
            }
        }
        rule.longestDays = (entry.integer("longest-days", in: 1...3_660)?.value).map(Int.init)
        entry.finish()
        writtenReleaseRule = rule
    }

    private static let starter = "run.started_by"

    private func names(_ reference: String) -> Bool {
        if let name = reference.dropping(prefix: "group:") { return groups.contains { $0.name == name } }
        return !members(of: reference).isEmpty
    }
}
