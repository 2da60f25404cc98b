import Policies
import Traffic

/// The levels of generalisation that make a difference for one argument, from the tightest.
struct Levels {
    private let learned: LearnedPath
    private let rules: [(level: GeneralisationLevel, rule: ArgumentRule)]
    private let index: Int
    private let seenDomains: Set<String>

    var chosen: ArgumentRule { rules[index].rule }

    init(
        _ learned: LearnedPath,
        _ tool: LearnedTool,
        isRequired: Bool,
        _ evidence: PathEvidence?,
        _ parameters: MiningParameters
    ) {
        self.learned = learned
        var base = ArgumentRule(
            path: learned.path,
            required: isRequired,
            // Numbers and truths have no length.
            maximumLength: learned.longest > 0
                ? parameters.lengthFactor * max(learned.longest, parameters.shortestLength) : nil
        )
        if learned.path == learned.argument, let longest = tool.lists[learned.argument] {
            base.maximumItems = parameters.lengthFactor * max(longest, parameters.shortestList)
        }
        base.values = learned.constants.values.flatMap { constant in
            constant.classes.map { CanonicalValue($0, constant.text) }
        }.sorted()
        guard tool.tier != .read else {
            // Whatever a closed read is asked for passes; constants serve the identities that a text names.
            base.values.removeAll { $0.valueClass != .url && $0.valueClass != .account }
            // Where a read may look is said by the folders that it always looked in, and by the user.
            base.patterns = learned.roots.flatMap { [$0, $0 + "/*"] }
            base.fromPrompt = !learned.roots.isEmpty
            rules = [(.open, base)]
            index = 0
            seenDomains = []
            return
        }
        var sourced = base
        sourced.fromPrompt = true
        sourced.fromFields = learned.fields.values.sorted()
        sourced.fromTexts = learned.texts.values.sorted()
        // So many sessions would have shown the fields that name parties; where fewer did, a person is asked.
        let isNarrow = learned.widensToAnyRead(tool.tier) && learned.sessions >= parameters.narrowSessions
        sourced.fromAnyRead = !learned.fields.isEmpty && !isNarrow
        let isSettled = tool.tier >= .write && learned.settledTruth != nil
        if learned.calls(of: .boolean) > 0, !isSettled { sourced.open = [.boolean] }
        // Which credential it is cannot be ruled, nor who asked for it once it is a token: that one is sent to what
        // changes something, a person decides.
        let maySendSecrets = learned.secretSessions >= parameters.constantSessions
        if maySendSecrets, tool.tier < .write { sourced.open.append(.secret) }
        // Where another argument of the same call takes whatever the agent writes, a few words of its own open no new
        // way out; that they stand in no earlier result keeps out what somebody wants chosen.
        if tool.tier == .write, !learned.isOpen, learned.calls(of: .short) > 0,
            tool.paths.values.contains(where: { $0.path != learned.path && $0.takesComposedText })
        {
            sourced.own = [.short]
        }
        var ranged = sourced
        var isRanged = false
        ranged.domains = learned.domains.sorted()
        let numbers = learned.calls(of: .number)
        if numbers >= parameters.formatCalls, let least = learned.minimum, let most = learned.maximum {
            ranged.minimum = min(0, least)
            ranged.maximum = most
            isRanged = true
            // A number that a result shows is as good as one within the range.
            if ValueClass.allCases.allSatisfy({ $0 == .number || $0 == .empty || learned.calls(of: $0) == 0 }) {
                ranged.fromAnyRead = true
            }
        }
        if learned.calls(of: .date) >= parameters.formatCalls, !learned.datesAreNamed {
            ranged.open.append(.date)
            isRanged = true
        }
        var domains: Set<String> = []
        for (_, value) in evidence?.values.elements ?? [] where !value.isAbridged {
            for valueClass in value.valueClasses {
                guard let domain = Party.domain(of: CanonicalValue(valueClass, value.text)), !Party.isShared(domain)
                else { continue }
                domains.insert(domain)
            }
        }
        seenDomains = domains
        var open = ranged
        for valueClass in [ValueClass.path, .token, .short, .free, .date] where !open.open.contains(valueClass) {
            open.open.append(valueClass)
        }
        if numbers < parameters.formatCalls { open.open.append(.number) }
        if maySendSecrets, !open.open.contains(.secret), !learned.isOpen { open.open.append(.secret) }
        open.open.sort()
        // What the agent words itself stands in no earlier result; what stands there somebody else may want said.
        var worded = open
        if !learned.copiesPhrases {
            worded.open.removeAll { $0 == .short }
            worded.own = [.short]
        }
        if learned.datesAreNamed { worded.open.removeAll { $0 == .date } }
        ranged.open.sort()
        // A domain that was seen, though less often than would be needed, is the next looser level of identities.
        let hasWider = !domains.subtracting(learned.domains).isEmpty
        var wide = ranged
        wide.domains = domains.union(learned.domains).sorted()
        var levels: [(GeneralisationLevel, ArgumentRule)] = [(.exact, base), (.sourced, sourced)]
        if isRanged || !learned.domains.isEmpty { levels.append((.ranged, ranged)) }
        var chosen = levels.count - 1
        if learned.isOpen {
            levels.append((.open, worded))
            chosen = levels.count - 1
            if worded != open { levels.append((.open, open)) }
        } else if hasWider {
            levels.append((.ranged, wide))
        } else if maySendSecrets
            || ValueClass.allCases.contains(where: { $0.isComposable && learned.calls(of: $0) > 0 })
        {
            levels.append((.open, open))
        }
        rules = levels
        index = chosen
    }

    func alternatives(
        _ rule: String,
        _ values: [Observations.Value],
        _ evidence: PathEvidence?,
        _ parameters: MiningParameters
    ) -> ArgumentAlternatives {
        let make = { (position: Int) -> ArgumentAlternative? in
            guard rules.indices.contains(position) else { return nil }
            let left = leftOut(rules[position].rule, values, evidence, parameters)
            return ArgumentAlternative(
                level: rules[position].level,
                rule: rules[position].rule,
                wouldDeny: left,
                upperBound: left.upperBound(parameters.confidence)
            )
        }
        let chosen =
            make(index)
            ?? ArgumentAlternative(
                level: .exact,
                rule: self.chosen,
                wouldDeny: LeftOut(unit: .session, denied: 0, of: 0),
                upperBound: 1
            )
        return ArgumentAlternatives(
            rule: rule,
            path: learned.path,
            chosen: chosen,
            tighter: make(index - 1),
            looser: make(index + 1)
        )
    }

    /// How many sessions the rule would have denied, had it been learned from all the others.
    private func leftOut(
        _ rule: ArgumentRule,
        _ values: [Observations.Value],
        _ evidence: PathEvidence?,
        _ parameters: MiningParameters
    ) -> LeftOut {
        var sessions: [UInt64: Bool] = [:]
        for value in values where sessions[value.session] != true {
            sessions[value.session] = !isAdmitted(value.leaf, rule, evidence, parameters)
        }
        return LeftOut(unit: .session, denied: sessions.values.count { $0 }, of: sessions.count)
    }

    private func isAdmitted(
        _ leaf: TracedLeaf,
        _ rule: ArgumentRule,
        _ evidence: PathEvidence?,
        _ parameters: MiningParameters
    ) -> Bool {
        if leaf.valueClass == .boolean, rule.open.contains(.boolean) { return true }
        if let constant = learned.constants[leaf.value.key] {
            let needed = constant.isTextOnly ? parameters.textOnlySessions : parameters.constantSessions
            if constant.sessions > needed { return true }
        }
        if rule.fromPrompt, leaf.prompt == .exact { return true }
        if !rule.fromFields.isEmpty || rule.fromAnyRead {
            for field in leaf.fields {
                guard learned.fields[field.key] != nil else { continue }
                if evidence.map({ ($0.fields[field.key]?.sessions.count ?? 0) > parameters.fieldSessions }) ?? true {
                    return true
                }
            }
        }
        if leaf.valueClass == .secret {
            return rule.open.contains(.secret) && learned.secretSessions > parameters.constantSessions
        }
        if leaf.valueClass.isIdentity {
            guard !rule.domains.isEmpty,
                let domain = Party.domain(of: CanonicalValue(leaf.valueClass, leaf.value.value))
            else { return false }
            return rule.domains.contains(domain)
        }
        if !rule.fromTexts.isEmpty, leaf.texts.contains(where: { learned.texts[$0.key] != nil }) { return true }
        if let number = leaf.number, let least = rule.minimum, let most = rule.maximum {
            // Alone at the edge, the range would have ended before it.
            let isAlone = number == most && learned.maximumSessions <= 1
            return number >= least && number <= most && !isAlone
        }
        if rule.own.contains(leaf.valueClass), leaf.texts.isEmpty { return true }
        return rule.open.contains(leaf.valueClass)
    }
}

extension Sufficiency {
    init(_ rule: String, _ chosen: ArgumentAlternative, _ evidence: PathEvidence, _ parameters: MiningParameters) {
        self.rule = rule
        path = evidence.path
        sessions = IncidenceCoverage(
            units: evidence.sessions.count,
            counts: evidence.values.elements.lazy.map(\.value.sessions.count)
        )
        upperBound = chosen.upperBound
        isSufficient = chosen.upperBound <= parameters.wouldDenyTarget
        let needed = Binomial.trials(
            hits: chosen.wouldDeny.denied,
            of: chosen.wouldDeny.of,
            upTo: parameters.wouldDenyTarget,
            confidence: parameters.confidence
        )
        moreSessions = isSufficient ? 0 : needed.map { max(1, $0 - chosen.wouldDeny.of) }
    }
}
