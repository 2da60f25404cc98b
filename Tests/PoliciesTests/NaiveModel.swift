import Core
import Policies
import Traffic

/// What a policy decides, said as plainly as possible: every rule is asked, nothing is looked up.
struct NaiveModel {
    let policy: Policy
    let call: ObservedCall

    var verdict: Decision.Verdict {
        let named = policy.rules.filter { matches($0) }
        if named.contains(where: { $0.effect == .forbid && concerns($0) }) { return .deny }
        let exact = named.filter { $0.effect != .forbid && !isPattern($0) && isChosen($0, among: named) }
        let asked = exact.filter { rule in
            rule.mode == .enforce && !(rule.effect == .ask && (isOpen(rule) == false || holds(rule) == false))
        }
        if asked.contains(where: { !admits($0) }) { return .deny }
        if asked.isEmpty, !exact.isEmpty || !isUnseenReadAllowed { return .deny }
        let questions = named.filter { $0.effect == .ask && $0.mode == .enforce && isPattern($0) && concerns($0) }
        return asked.contains { $0.effect == .ask } || !questions.isEmpty ? .ask : .allow
    }

    private func isPattern(_ rule: Rule) -> Bool { rule.tool.server == "*" || rule.tool.tool.hasSuffix("*") }

    private func matches(_ rule: Rule) -> Bool {
        let tool = rule.tool.tool
        let isTool = tool.hasSuffix("*") ? call.tool.tool.hasPrefix(tool.dropLast()) : call.tool.tool == tool
        return (rule.agent == "*" || rule.agent == call.principal) && (rule.task == nil || rule.task == call.task)
            && isTool && (rule.tool.server == "*" || rule.tool.server == call.tool.server)
    }

    /// Mined rules of the task replace those without one.
    private func isChosen(_ rule: Rule, among named: [Rule]) -> Bool {
        if rule.origin == .written || rule.task != nil { return true }
        let own = policy.rules.filter {
            $0.agent == rule.agent && $0.task == call.task && $0.task != nil && $0.origin == .mined && !isPattern($0)
                && $0.effect != .forbid
        }
        if own.contains(where: { $0.tool == rule.tool }) { return false }
        return policy.scope == .agent || own.isEmpty || rule.tier == .read
    }

    /// The samples are decided without a time.
    private func isOpen(_ rule: Rule) -> Bool? { rule.windows.isEmpty ? true : nil }

    private func holds(_ rule: Rule) -> Bool? {
        rule.condition == nil ? true : rule.condition == "call.tier == 'write'" ? call.tier == .write : nil
    }

    private func concerns(_ rule: Rule) -> Bool {
        holds(rule) != false
            && rule.arguments.allSatisfy { argument in
                let isBare =
                    argument.values.isEmpty && argument.domains.isEmpty && argument.patterns.isEmpty
                    && argument.minimum == nil && argument.maximum == nil
                return sent(argument.path).contains { leaf in
                    isBare || isWithin(leaf, argument)
                        || ([leaf.value] + leaf.entities.map(\.value)).contains {
                            named($0, argument, isForbid: true)
                        }
                }
            }
    }

    private func sent(_ path: String) -> [ObservedLeaf] {
        call.leaves.filter { $0.path == path && $0.value.valueClass != .empty }
    }

    private func named(_ value: CanonicalValue, _ rule: ArgumentRule, isForbid: Bool) -> Bool {
        if rule.values.contains(where: { $0.text == value.text }) || isMatch(value, rule, isForbid) { return true }
        guard !rule.domains.isEmpty, value.valueClass == .email || value.valueClass == .url else { return false }
        return host(value).map { isBelow($0, rule.domains) } ?? isForbid
    }

    private func isMatch(_ value: CanonicalValue, _ rule: ArgumentRule, _ isForbid: Bool) -> Bool {
        if value.text.contains("/../") { return isForbid && !rule.patterns.isEmpty }
        if value.text.contains("\n"), !isForbid { return false }
        return rule.patterns.contains { pattern in
            switch pattern {
            case "*": true
            case "/srv/data/*": value.text.hasPrefix("/srv/data/")
            case "*@acme.com": value.text.hasSuffix("@acme.com")
            default: value.text.hasPrefix("id-") && value.text.hasSuffix("7")
            }
        }
    }

    private func host(_ value: CanonicalValue) -> String? { value.hasUserInformation ? nil : value.host }
    private func isBelow(_ host: String, _ domains: [String]) -> Bool {
        domains.contains { host == $0 || host.hasSuffix("." + $0) }
    }

    private func isWithin(_ leaf: ObservedLeaf, _ rule: ArgumentRule) -> Bool {
        guard let number = leaf.number, rule.minimum != nil || rule.maximum != nil else { return false }
        return number >= rule.minimum ?? -.infinity && number <= rule.maximum ?? .infinity
    }

    private func admits(_ rule: Rule) -> Bool {
        if let made = rule.definition, let has = call.definition, made != has { return false }
        guard rule.expires == nil, isOpen(rule) == true, holds(rule) == true else { return false }
        if let most = rule.maximumCalls, call.earlierCalls >= most { return false }
        return rule.arguments.allSatisfy { !$0.required || !sent($0.path).isEmpty }
            && rule.arguments.allSatisfy { call.listLengths[$0.path] ?? 0 <= $0.maximumItems ?? .max }
            && call.leaves.allSatisfy { leaf in
                leaf.value.valueClass == .empty
                    ? !rule.arguments.contains { $0.required && $0.path == leaf.path } : admits(leaf, rule)
            }
            && rule.relations.allSatisfy(keeps)
    }

    private func keeps(_ relation: Relation) -> Bool {
        let others = sent(relation.other).map(\.value.text)
        let bound = sent(relation.path)
        if bound.isEmpty && others.isEmpty { return true }
        if !bound.isEmpty && !bound.contains(where: { $0.provenance.prompt != .exact }) { return true }
        if others.count != 1 { return false }
        switch relation.kind {
        case .equals: return bound.map(\.value.text) == others
        case .given(let when, let values, let folders):
            if others != [when.text] { return true }
            guard bound.count == 1, let text = bound.first?.value.text else { return false }
            let isBelow = folders.contains { text.hasPrefix($0 + "/") && !text.contains("..") }
            return isBelow || values.map(\.text).contains(text)
        }
    }

    private func admits(_ leaf: ObservedLeaf, _ rule: Rule) -> Bool {
        let kind = leaf.value.valueClass
        guard let argument = rule.arguments.first(where: { $0.path == leaf.path }) else {
            let isKnown = rule.arguments.contains {
                $0.path == leaf.argument || $0.path.hasPrefix(leaf.argument + "/")
            }
            if rule.tier == .read { return isKnown || ![.url, .account, .path, .free, .secret].contains(kind) }
            return false
        }
        let isFree = rule.tier == .read && !argument.isBinding
        if !isFree, kind == .boolean {
            let ways = [
                argument.values.isEmpty, argument.open.isEmpty && argument.own.isEmpty, argument.fromFields.isEmpty,
            ]
            let others = [argument.fromTexts.isEmpty, argument.domains.isEmpty, argument.patterns.isEmpty]
            let isBare = (ways + others).allSatisfy(\.self) && !argument.fromPrompt && !argument.fromAnyRead
            return (isBare && argument.minimum == nil && argument.maximum == nil) || argument.open.contains(.boolean)
                || argument.values.contains { $0.text == leaf.value.text }
        }
        let isPlace = !argument.patterns.isEmpty && (kind == .path || kind == .url)
        if !isFree || isPlace, !isAllowed(leaf, argument, rule) { return false }
        if !isFree, kind.isIdentity { return true }
        let entities = leaf.entities.filter { !isFree || $0.value.valueClass != .email }
        return entities.allSatisfy { isAllowed($0, argument, isFree) } && leaf.length <= argument.maximumLength ?? .max
    }

    private func tier(_ tool: ServerTool) -> ToolTier {
        let rules = policy.rules.filter { $0.tool == tool && $0.effect != .forbid }
        return rules.map(\.tier).max() ?? ToolTier.classify(tool: tool.tool)
    }

    private func known(_ test: (Policy.KnownParties) -> Bool) -> Bool {
        policy.known.contains {
            ($0.agent == "*" || $0.agent == call.principal) && ($0.task == nil || $0.task == call.task) && test($0)
        }
    }

    private func isAllowed(_ leaf: ObservedLeaf, _ argument: ArgumentRule, _ rule: Rule) -> Bool {
        let (value, source, kind) = (leaf.value, leaf.provenance, leaf.value.valueClass)
        if named(value, argument, isForbid: false) || (argument.fromPrompt && source.prompt == .exact) { return true }
        if source.fields.contains(where: argument.fromFields.contains) { return true }
        if argument.fromAnyRead, kind != .secret,
            source.fields.contains(where: { !$0.field.isEmpty && tier($0.tool) == .read })
        {
            return true
        }
        if kind.isIdentity {
            guard let host = host(value), kind == .email ? host != "gmail.com" : kind == .url && rule.tier == .openRead
            else { return false }
            return (argument.fromPrompt && source.prompt == .host) || known { $0.hosts.contains(host) }
        }
        if kind == .number, isWithin(leaf, argument) || (argument.fromAnyRead && !source.fields.isEmpty) { return true }
        if source.texts.contains(where: argument.fromTexts.contains) { return true }
        if argument.own.contains(kind), source.texts.isEmpty { return true }
        guard argument.open.contains(kind) else { return false }
        let isOwn = source.texts.allSatisfy { tier($0) >= .write }
        switch kind {
        case .date, .free: return true
        case .short: return source.texts.isEmpty || leaf.words < 4
        case .token: return isOwn || value.text.allSatisfy { $0.isLetter }
        case .path, .secret: return isOwn
        default: return source.texts.isEmpty
        }
    }

    private func isAllowed(_ entity: ObservedEntity, _ argument: ArgumentRule, _ isFree: Bool) -> Bool {
        let (value, source) = (entity.value, entity.provenance)
        let mayAsk = isFree || argument.fromPrompt
        if (mayAsk && source.prompt == .exact) || argument.values.contains(where: { $0.text == value.text })
            || known({ $0.identities.contains(value) }) || source.fields.contains(where: { tier($0.tool) == .read })
        {
            return true
        }
        let parties = isFree ? [] : call.leaves.map(\.value).filter(\.valueClass.isIdentity)
        if parties.contains(where: { $0.text == value.text }) { return true }
        guard let host = host(value) else { return false }
        if isBelow(host, argument.domains) || known({ isBelow(host, $0.domains) }) { return true }
        if host != "gmail.com", (mayAsk && source.prompt == .host) || known({ $0.hosts.contains(host) }) { return true }
        return value.valueClass == .url
            && parties.contains {
                $0.valueClass == .email && $0.host != "gmail.com" && $0.registeredDomain == value.registeredDomain
            }
    }

    private var isUnseenReadAllowed: Bool {
        let isListed = policy.rules.contains {
            $0.definition != nil && $0.effect != .forbid && $0.tool.server == call.tool.server
        }
        return call.tier == .read && (call.definition != nil || !isListed)
            && policy.unseenReads.contains {
                ($0.agent == "*" || $0.agent == call.principal) && $0.server == call.tool.server
            }
            && call.leaves.allSatisfy { leaf in
                switch leaf.value.valueClass {
                case .url, .account: leaf.provenance.prompt != .none || !leaf.provenance.fields.isEmpty
                case .free: false
                default: true
                }
            }
    }
}
