import Core
import Policies
import Traffic

/// What should make a reviewer look twice at a rule.
struct Doubts {
    let rule: Rule
    let tool: LearnedTool
    let parameters: MiningParameters

    /// Every widening of one argument, with its evidence.
    func warnings(_ path: LearnedPath, _ argument: ArgumentRule) -> [Warning] {
        var warnings: [Warning] = []
        let add = { (code: String, detail: String) in
            warnings.append(Warning(code: code, path: path.path, detail: detail))
        }
        if path.isOpen {
            let left = path.leftOut.map { "\($0.denied) of \($0.of) \($0.unit.rawValue)s bring a new text" }
            add("open-text", left ?? "other tasks bring a new text each time")
        }
        if !argument.own.isEmpty {
            add("composed-anew", "a few words pass that no result shows, as whatever is written passes beside them")
        }
        if argument.open.contains(.secret) {
            add("secret", "any credential passes: \(counted(path.secretSessions, "session")) sent one")
        }
        if !path.texts.isEmpty {
            add(
                "from-text",
                "values may stand in the text of \(path.texts.values.sorted().map(\.description).joined(separator: ", "))"
            )
        }
        if !path.isOpen, !path.rareTexts.isEmpty {
            add("rare-text", "values do not pass for standing in the text of \(Self.named(path.rareTexts))")
        }
        if argument.fromAnyRead, !argument.fromFields.isEmpty {
            add(
                "any-read",
                "values may come from any field of a closed read, since \(counted(path.fields.count, "field")) \(path.fields.count == 1 ? "was" : "were") used"
            )
        }
        if !argument.domains.isEmpty {
            add(
                "domain",
                "at least \(parameters.domainIdentities) identities of \(argument.domains.joined(separator: ", "))"
            )
        }
        if argument.maximum != nil, path.maximumSessions == 1 {
            add("lonely-extreme", "one session alone has the largest number")
        }
        if path.instructedSessions > 0 {
            add(
                "instructing-text",
                "\(counted(path.instructedSessions, "session")) took values from a text that reads like instructions"
            )
        }
        let texts = path.constants.values.filter(\.isTextOnly)
        if !texts.isEmpty {
            add("text-only-identity", "mostly known from texts: \(texts.count) of \(path.constants.count) values")
        }
        return warnings
    }

    func warnings() -> [Warning] {
        var warnings: [Warning] = []
        if rule.support.sessions < parameters.fewSessions {
            warnings.append(
                Warning(code: "few-sessions", detail: "seen in \(counted(rule.support.sessions, "session"))")
            )
        }
        if tool.definitions > 1 {
            warnings.append(
                Warning(code: "several-definitions", detail: "learned from \(tool.definitions), bound to the latest")
            )
        }
        return warnings
    }

    /// Identities of one argument that neither the request nor a field of a result explains.
    private func identities(
        _ path: LearnedPath,
        _ observed: [Observations.Value],
        _ evidence: PathEvidence?
    ) -> [ReviewItem] {
        var items: [ReviewItem] = []
        let writes = rule.tier >= .write
        let fromFields = Self.sessionsFromFields(path, observed)
        for (key, value) in evidence?.values.elements ?? [] {
            let isLearned = path.constants[key] != nil
            guard value.isIdentity, !value.isAbridged, value.explained.count < value.unexplained.count else { continue }
            let kind: ReviewItem.Kind
            let detail: String
            if value.textOnly.count * 2 >= value.unexplained.count {
                // What a text tells everybody is learned and shown all the same: a planted text tells everybody too.
                if isLearned, !writes { continue }
                kind = .textOnlyIdentity
                detail =
                    "only texts of earlier results explain it"
                    + (isLearned ? ", which show it to most who read them" : "")
            } else {
                // A text that says it in other letters, or was not recorded, explains it as well as none does.
                guard writes, isLearned, isRare(value.sessions.count, of: path.sessions) else { continue }
                // A field that passes by itself explains it.
                if (fromFields[key] ?? 0) * 2 >= value.unexplained.count { continue }
                kind = .unexplainedIdentity
                detail =
                    "nothing on record explains it, and \(value.sessions.count) of \(path.sessions) sessions sent it"
            }
            items.append(
                item(
                    kind,
                    path.path,
                    detail,
                    sessions: value.sessions.count,
                    values: value.valueClasses.map { CanonicalValue($0, value.text) },
                    sources: value.texts,
                    evidence: value.pointers.places,
                    // Whom nothing but a text names is likely whom somebody planted there, however often it worked:
                    // where something is written, that comes before what merely reaches far.
                    uncertainty: (writes ? 0.9 : 0) + (writes ? 0.1 : 1) / Double(value.sessions.count + 1),
                    reach: 1
                )
            )
        }
        return items
    }

    /// How many sessions had each value from a field that the rule takes values from.
    private static func sessionsFromFields(_ path: LearnedPath, _ observed: [Observations.Value]) -> [UInt64: Int] {
        var sessions: [UInt64: Set<UInt64>] = [:]
        for value in observed where value.leaf.fields.contains(where: { path.fields[$0.key] != nil }) {
            sessions[value.leaf.value.key, default: []].insert(value.session)
        }
        return sessions.mapValues(\.count)
    }

    private func isRare(_ sessions: Int, of all: Int) -> Bool {
        Double(sessions) <= parameters.suspectUse * Double(all)
    }

    /// Values and widenings of one argument that a person should decide.
    func items(
        _ path: LearnedPath,
        _ alternatives: ArgumentAlternatives,
        _ observed: [Observations.Value],
        _ evidence: PathEvidence?
    ) -> [ReviewItem] {
        var items = identities(path, observed, evidence)
        if let sent = evidence?.secrets, sent > 0, !alternatives.chosen.rule.open.contains(.secret) {
            items.append(
                item(
                    .secret,
                    path.path,
                    "\(counted(sent, "session")) sent a credential here",
                    sessions: sent,
                    evidence: evidence?.secretPlaces ?? [],
                    uncertainty: 1,
                    reach: 1
                )
            )
        }
        // Where identities stand in those texts, each is a question of its own already.
        if !path.isOpen, rule.tier >= .write, items.isEmpty, let most = path.rareTexts.map(\.sessions).max() {
            items.append(
                item(
                    .rareText,
                    path.path,
                    "the text of \(Self.named(path.rareTexts)) held values, which is too seldom to be a source",
                    sessions: most,
                    sources: path.rareTexts.map(\.tool),
                    evidence: evidence?.pointers.places ?? [],
                    uncertainty: Binomial.upperBound(most, of: path.sessions, confidence: parameters.confidence),
                    reach: 0.2
                )
            )
        }
        if path.instructedSessions > 0 {
            items.append(
                item(
                    .instructingText,
                    path.path,
                    "\(counted(path.instructedSessions, "session")) took values from a text that reads like instructions",
                    sessions: path.instructedSessions,
                    evidence: evidence?.pointers.places ?? [],
                    uncertainty: 1,
                    reach: 1
                )
            )
        }
        if path.widensToAnyRead(rule.tier), alternatives.chosen.rule.fromAnyRead {
            items.append(
                item(
                    .anyRead,
                    path.path,
                    "any field of any closed read may name whom it concerns, and \(path.fields.count) \(path.fields.count == 1 ? "was" : "were") used",
                    sessions: path.sessions,
                    sources: Array(Set(path.fields.values.map(\.tool))).sorted(),
                    evidence: evidence?.pointers.places ?? [],
                    uncertainty: 1,
                    reach: 0.6
                )
            )
        }
        if path.isOpen, rule.tier == .destructive {
            items.append(
                item(
                    .openText,
                    path.path,
                    "whatever the agent composes passes",
                    sessions: path.sessions,
                    evidence: evidence?.pointers.places ?? [],
                    uncertainty: path.leftOut.map { $0.upperBound(parameters.confidence) } ?? 1,
                    reach: 0.5
                )
            )
        }
        if alternatives.chosen.rule.maximum != nil, path.maximumSessions == 1, path.sessions >= parameters.fewSessions {
            items.append(
                item(
                    .lonelyExtreme,
                    path.path,
                    "one session alone has the largest number",
                    sessions: 1,
                    // The profile keeps some calls of the argument, and not which of them had the number.
                    evidence: [],
                    uncertainty: alternatives.chosen.upperBound,
                    reach: 0.4
                )
            )
        }
        return items
    }

    func items() -> [ReviewItem] {
        var items: [ReviewItem] = []
        if rule.tier >= .write, rule.support.sessions < parameters.fewSessions {
            items.append(
                item(
                    .fewSessions,
                    nil,
                    "seen in \(counted(rule.support.sessions, "session"))",
                    sessions: rule.support.sessions,
                    evidence: tool.pointers,
                    uncertainty: Binomial.upperBound(0, of: rule.support.sessions, confidence: parameters.confidence),
                    reach: 0.3
                )
            )
        }
        if let limit = rule.maximumCalls, tool.calls > limit {
            items.append(
                item(
                    .manyCalls,
                    nil,
                    "a session made \(counted(tool.calls, "call")), and \(limit) are allowed",
                    sessions: 1,
                    evidence: tool.pointers,
                    uncertainty: 1,
                    reach: 0.4
                )
            )
        }
        if tool.definitions > 1 {
            items.append(
                item(
                    .severalDefinitions,
                    nil,
                    "learned from \(tool.definitions) definitions, bound to the latest",
                    sessions: rule.support.sessions,
                    evidence: tool.pointers,
                    uncertainty: 0.5,
                    reach: 0.5
                )
            )
        }
        return items
    }

    private static func named(_ texts: [(tool: ServerTool, sessions: Int)]) -> String {
        let shown = texts.prefix(4).map { "\($0.tool) in \($0.sessions) session\($0.sessions == 1 ? "" : "s")" }
        return shown.joined(separator: ", ") + (texts.count > 4 ? " and others" : "")
    }

    private func item(
        _ kind: ReviewItem.Kind,
        _ path: String?,
        _ detail: String,
        sessions: Int,
        values: [CanonicalValue] = [],
        sources: [ServerTool] = [],
        evidence: [EvidencePointer],
        uncertainty: Double,
        reach: Double
    ) -> ReviewItem {
        ReviewItem(
            kind: kind,
            rule: rule.id,
            agent: rule.agent,
            task: rule.task,
            tool: rule.tool,
            tier: rule.tier,
            path: path,
            values: values,
            sources: sources,
            sessions: sessions,
            detail: detail,
            evidence: evidence,
            urgency: rule.tier.weight * min(1, uncertainty) * reach
        )
    }
}

extension PathEvidence {
    /// Sessions with a credential, a token of it alone or inside a text; each counts once for each of its credentials.
    fileprivate var secrets: Int {
        values.elements.reduce(0) {
            $0 + ($1.value.isSecret ? $1.value.sessions.count : 0)
        }
    }

    /// Calls that held one of them.
    fileprivate var secretPlaces: [EvidencePointer] {
        Array(values.elements.filter(\.value.isSecret).flatMap(\.value.pointers.places).prefix(5))
    }
}
