import Core
import Traffic

/// A rule made ready for deciding.
final class CompiledRule: Sendable {
    let rule: Rule
    let arguments: [String: CompiledArgument]
    let isRead: Bool
    /// Whether the rule names many tools; such a rule never grants.
    let isPattern: Bool
    private let names: Set<String>
    private let required: [String]
    private let items: [(path: String, most: Int)]
    private let condition: Condition?

    init(_ rule: Rule) {
        self.rule = rule
        isRead = rule.tier == .read
        isPattern = rule.isPattern
        // Of two rules for a path the reader refuses the second; a policy made in memory keeps the first.
        let pairs = rule.arguments.map { ($0.path, CompiledArgument($0)) }
        arguments = Dictionary(pairs, uniquingKeysWith: { first, _ in first })
        var names: Set<String> = []
        for argument in rule.arguments {
            let path = argument.path
            names.insert(path)
            for slash in path.utf8.indices where path.utf8[slash] == UInt8(ascii: "/") {
                names.insert(String(path[..<slash]))
            }
        }
        self.names = names
        required = rule.arguments.filter(\.required).map(\.path)
        items = rule.arguments.compactMap { argument in argument.maximumItems.map { (argument.path, $0) } }
        condition = rule.condition.map(Condition.init)
    }

    /// Whether it means every call of its tool at every hour.
    var isUnconditional: Bool {
        rule.arguments.isEmpty && condition == nil && rule.windows.isEmpty && rule.expires == nil
    }

    /// Whether an ask concerns this call at all; one that cannot tell concerns it.
    func applies(_ call: ObservedCall, _ context: DecisionContext) -> Bool {
        isOpen(context) != false && condition?.holds(call, context) != false
    }

    /// Whether the call is one that a forbid, or an ask about many tools, means.
    ///
    /// Every argument that it names is sent with a value that it names; whatever cannot be answered is meant.
    func concerns(_ call: ObservedCall, _ context: DecisionContext) -> (Bool, argument: String?) {
        if let expires = rule.expires, let now = context.now, now >= expires { return (false, nil) }
        guard isOpen(context) != false else { return (false, nil) }
        var first: String?
        for (path, argument) in arguments {
            let isHit = call.leaves.contains { leaf in
                leaf.path == path && leaf.value.valueClass != .empty && (argument.isBare || argument.forbids(leaf))
            }
            guard isHit else { return (false, nil) }
            if first.map({ path < $0 }) ?? true { first = path }
        }
        guard condition?.holds(call, context) != false else { return (false, nil) }
        return (true, first)
    }

    /// The rule's answer to a call about its tool: allow or ask if it admits it.
    func decide(_ call: ObservedCall, _ context: DecisionContext, _ surroundings: Surroundings) -> Decision {
        if let made = rule.definition {
            guard call.definition == made || (call.definition == nil && !context.needsDefinition) else {
                return deny("definition-changed")
            }
        }
        if let expires = rule.expires {
            guard let now = context.now, now < expires else { return deny("expired") }
        }
        guard isOpen(context) == true else { return deny("window") }
        if let condition, condition.holds(call, context) != true { return deny("condition") }
        if let most = rule.maximumCalls, call.earlierCalls >= most { return deny("calls") }
        if let fault = firstFault(call, surroundings) { return deny(fault.reason, fault.argument) }
        let isAsk = rule.effect == .ask
        return Decision(isAsk ? .ask : .allow, rule: rule.id, reason: isAsk ? "asked" : "allowed")
    }

    private func deny(_ reason: String, _ argument: String? = nil) -> Decision {
        Decision(.deny, rule: rule.id, argument: argument, reason: reason)
    }

    /// Nil where it cannot be told.
    private func isOpen(_ context: DecisionContext) -> Bool? {
        if rule.windows.isEmpty { return true }
        guard let now = context.now else { return nil }
        var isUnknown = false
        for window in rule.windows {
            switch window.contains(now) {
            case true?: return true
            case false?: break
            case nil: isUnknown = true
            }
        }
        return isUnknown ? nil : false
    }

    /// What about the arguments the rule does not admit.
    struct Fault {
        var argument: String
        var reason: String
        /// The value that failed, if it was one.
        var leaf: ObservedLeaf?
        var entity: ObservedEntity?
    }

    func firstFault(_ call: ObservedCall, _ surroundings: Surroundings) -> Fault? {
        for path in required where !call.leaves.contains(where: { $0.path == path && !$0.value.isBlank }) {
            return Fault(argument: path, reason: "missing-argument")
        }
        for (path, most) in items {
            if let count = call.listLengths[path], count > most { return Fault(argument: path, reason: "items") }
        }
        // Identities first: what a text names may be a party that another argument was allowed to name, in whatever
        // order the arguments were sent.
        for leaf in call.leaves where leaf.value.valueClass.isIdentity {
            if let fault = fault(of: leaf, call, surroundings) { return fault }
        }
        for leaf in call.leaves where !leaf.value.valueClass.isIdentity {
            if let fault = fault(of: leaf, call, surroundings) { return fault }
        }
        for relation in rule.relations where !relation.holds(call) {
            return Fault(argument: relation.path, reason: "relation")
        }
        return nil
    }

    func fault(of leaf: ObservedLeaf, _ call: ObservedCall, _ surroundings: Surroundings) -> Fault? {
        let kind = leaf.value.valueClass
        // As good as absent.
        if arguments[leaf.path]?.rule.required == true, leaf.value.isBlank {
            return Fault(argument: leaf.path, reason: "missing-argument", leaf: leaf)
        }
        if kind == .empty { return nil }
        guard let argument = arguments[leaf.path] else {
            let isKnown = names.contains(leaf.argument)
            if isRead, isKnown || Self.harmless(kind) { return nil }
            return Fault(argument: leaf.path, reason: "unseen-argument", leaf: leaf)
        }
        let isFree = isRead && !argument.rule.isBinding
        if !isFree {
            if kind == .boolean {
                if argument.admitsTruth(leaf.value) { return nil }
                return Fault(argument: leaf.path, reason: "value", leaf: leaf)
            }
            if kind.isIdentity {
                if admits(identity: leaf, argument, surroundings) { return nil }
                return Fault(argument: leaf.path, reason: "identity", leaf: leaf)
            }
            if !admits(leaf, argument, isPartial: call.isEvidencePartial, surroundings) {
                let isNumber = kind == .number && argument.hasBounds
                return Fault(argument: leaf.path, reason: isNumber ? "number" : "value", leaf: leaf)
            }
        }
        if isFree, argument.bindsPlace(leaf.value) {
            let isAdmitted =
                kind.isIdentity
                ? admits(identity: leaf, argument, surroundings)
                : admits(leaf, argument, isPartial: call.isEvidencePartial, surroundings)
            if !isAdmitted { return Fault(argument: leaf.path, reason: "value", leaf: leaf) }
        }
        for entity in leaf.entities where !(isFree && Self.harmless(entity.value.valueClass)) {
            if !admits(entity, argument, isFree: isFree, call, surroundings) {
                return Fault(argument: leaf.path, reason: "entity", leaf: leaf, entity: entity)
            }
        }
        if let most = argument.rule.maximumLength, leaf.length > most {
            return Fault(argument: leaf.path, reason: "length", leaf: leaf)
        }
        return nil
    }

    /// What a closed read may be asked for by an argument that nobody was seen to send.
    private static func harmless(_ kind: ValueClass) -> Bool {
        switch kind {
        case .boolean, .number, .date, .token, .short, .email, .phone: true
        default: false
        }
    }
}

extension CanonicalValue {
    /// Whether nothing of the value is shown: there is none, or only spaces and characters without a mark.
    ///
    /// The blank of Braille is a sign to Unicode, and shows as much as a space.
    fileprivate var isBlank: Bool {
        if valueClass == .empty { return true }
        return text.unicodeScalars.allSatisfy {
            $0.properties.isWhitespace || $0.properties.isDefaultIgnorableCodePoint || $0.value == 0x2800
                || $0.properties.generalCategory == .control || $0.properties.generalCategory == .format
        }
    }
}
