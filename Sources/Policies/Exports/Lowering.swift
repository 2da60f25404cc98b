import Core
import Traffic

/// Turns a policy into grants that show in a call's raw arguments, and notes what gets lost.
///
/// Whatever depends on the session, the clock or a person is left out, so that a grant allows less, never more. Every
/// single text that a grant lists is put to the compiled rule first.
struct Lowering {
    let policy: Policy
    let options: ExportOptions
    let compiled: CompiledPolicy
    let named: [String]
    /// The texts that were sent for each canonical text.
    let spellings: [String: [String]]
    var statement: ExportStatement

    init(_ policy: Policy, _ options: ExportOptions, _ target: ExportTarget) {
        self.policy = policy
        self.options = options
        compiled = CompiledPolicy(policy)
        named = Set(policy.rules.map(\.agent)).subtracting(["*"]).sorted()
        var spellings: [String: [String]] = [:]
        for text in Set(options.spellings).sorted() {
            spellings[CanonicalValue(text: text).text, default: []].append(text)
        }
        self.spellings = spellings
        statement = ExportStatement(target)
    }

    mutating func grants() -> [Grant] {
        statement.rules = Set(policy.rules.filter { $0.effect == .allow && !$0.isPattern }.map(\.id))
        guard policy.isUnderstood else {
            let detail = "the policy says something beside its rules that no exporter knows"
            statement.add(.omitted, .unknown, rules: statement.rules.sorted(), detail)
            return []
        }
        if let task = options.task {
            statement.add(.assumed, .task, "every call that reaches the engine belongs to the task `\(task)`")
        }
        if !policy.unseenReads.isEmpty {
            statement.add(
                .narrower,
                .unseenReads,
                "reads that no rule names are denied, since the engine knows no tiers"
            )
        }
        if !named.isEmpty {
            statement.add(.assumed, .agent, "the engine knows an agent by the name under which the policy has it")
        }
        var grants: [Grant] = []
        var lowered: Set<String> = []
        for agent in named.map(Optional.some) + [nil] {
            let names: Set<String> = [agent ?? "*", "*"]
            let rules = policy.rules.filter { names.contains($0.agent) && !$0.isPattern && $0.effect != .forbid }
            for tool in Set(rules.map(\.tool)).sorted() {
                guard let grant = grant(agent, names, tool, rules.filter { $0.tool == tool }) else { continue }
                lowered.formUnion(grant.rules)
                grants.append(grant)
            }
        }
        for rule in statement.rules.subtracting(lowered).subtracting(statement.omittedRules) {
            statement.add(.omitted, .forbid, rules: [rule], "a rule that forbids is about the same tool")
        }
        return grants
    }

    private mutating func grant(_ agent: String?, _ names: Set<String>, _ tool: ServerTool, _ rules: [Rule]) -> Grant? {
        let ids = rules.filter { $0.effect == .allow }.map(\.id)
        let applying = applying(rules, names)
        guard applying.contains(where: { $0.effect == .allow && $0.mode == .enforce }) else { return nil }
        if applying.contains(where: { $0.effect == .ask && $0.mode == .enforce }) || asks(names, tool) {
            statement.add(.omitted, .ask, rules: ids, "a person must be asked, and the engine cannot ask")
            return nil
        }
        let forbids = forbids(names, tool)
        if forbids.contains(where: { $0.arguments.isEmpty }) { return nil }
        if let forbid = forbids.first(where: { !$0.isUnderstood }) {
            statement.add(.omitted, .unknown, rules: ids, "`\(forbid.id)` forbids what no exporter can tell")
            return nil
        }
        var tests: [RuleTest] = []
        for rule in applying where rule.effect == .allow && rule.mode == .enforce {
            guard isExpressible(rule, with: ids), let test = test(of: rule, agent, names, with: ids) else { return nil }
            tests.append(test)
        }
        for forbid in forbids { exclude(forbid, from: &tests, with: ids) }
        return Grant(agent: agent, others: agent == nil ? named : [], tool: tool, tests: tests)
    }

    /// The rules that a decision would weigh, by the same order of precedence.
    private mutating func applying(_ rules: [Rule], _ names: Set<String>) -> [Rule] {
        var applying: [Rule] = []
        for name in names.sorted() {
            let common = rules.filter { $0.agent == name && $0.task == nil }
            let own = rules.filter { $0.agent == name && $0.task != nil && $0.task == options.task }
            let hasOwn = policy.rules.contains {
                $0.agent == name && $0.task != nil && $0.task == options.task && $0.origin == .mined && !$0.isPattern
                    && $0.effect != .forbid
            }
            let isReplaced = policy.scope == .task && hasOwn
            applying += own + common.filter { $0.origin == .written }
            if !own.contains(where: { $0.origin == .mined && $0.effect != .forbid }) {
                applying += common.filter { $0.origin == .mined && (!isReplaced || $0.tier == .read) }
            }
        }
        for rule in rules where rule.task != nil && rule.task != options.task {
            statement.add(.omitted, .task, rules: [rule.id], "holds for one task, and the export is not made for it")
            statement.add(
                .assumed,
                .task,
                "the engine does not know the task of a call; verdicts agree for a call without one"
            )
        }
        for rule in rules where rule.mode == .shadow && rule.effect == .allow {
            statement.add(.omitted, .shadow, rules: [rule.id], "is not enforced yet, and grants nothing")
        }
        return applying
    }

    private func isAbout(_ rule: Rule, _ tool: ServerTool) -> Bool {
        guard rule.tool.server == "*" || rule.tool.server == tool.server else { return false }
        guard rule.tool.tool.hasSuffix("*") else { return rule.tool.tool == tool.tool }
        return tool.tool.utf8.starts(with: rule.tool.tool.utf8.dropLast())
    }

    private func asks(_ names: Set<String>, _ tool: ServerTool) -> Bool {
        policy.rules.contains {
            $0.effect == .ask && $0.mode == .enforce && $0.isPattern && names.contains($0.agent) && isAbout($0, tool)
        }
    }

    /// What is forbidden for one task, or at some hours, or for some time, is left out for good.
    private func forbids(_ names: Set<String>, _ tool: ServerTool) -> [Rule] {
        policy.rules.filter { $0.effect == .forbid && names.contains($0.agent) && isAbout($0, tool) }
    }

    private mutating func isExpressible(_ rule: Rule, with ids: [String]) -> Bool {
        guard rule.isUnderstood else {
            statement.add(.omitted, .unknown, rules: ids, "`\(rule.id)` says something that no exporter knows")
            return false
        }
        if let most = rule.maximumCalls {
            guard options.delegatesCalls else {
                let detail = "`\(rule.id)` allows \(most) calls in a session, and the engine counts none"
                statement.add(.omitted, .calls, rules: ids, detail)
                return false
            }
            let detail = "another service denies a session more than \(most) calls of the tool"
            statement.add(.assumed, .calls, rules: ids, detail)
        }
        if rule.condition != nil {
            statement.add(
                .omitted,
                .condition,
                rules: ids,
                "`\(rule.id)` has a condition that only our engine evaluates"
            )
            return false
        }
        if !rule.windows.isEmpty {
            statement.add(
                .omitted,
                .window,
                rules: ids,
                "`\(rule.id)` holds at some hours, and the engine has no clock"
            )
            return false
        }
        if !rule.relations.isEmpty {
            let detail = "`\(rule.id)` compares arguments with each other, which only our engine does"
            statement.add(.omitted, .condition, rules: ids, detail)
            return false
        }
        if rule.expires != nil {
            statement.add(.omitted, .expiry, rules: ids, "`\(rule.id)` expires, and the engine has no clock")
            return false
        }
        if rule.definition != nil {
            if options.needsDefinition {
                statement.add(.omitted, .definition, rules: ids, "`\(rule.id)` was made for one definition of the tool")
                return false
            }
            let detail = "`\(rule.id)` was made for one definition of the tool, which must not change unnoticed"
            statement.add(.assumed, .definition, rules: ids, detail)
        }
        return true
    }

    private mutating func test(
        of rule: Rule,
        _ agent: String?,
        _ names: Set<String>,
        with ids: [String]
    ) -> RuleTest? {
        let compiledRule = CompiledRule(rule)
        let surroundings = Surroundings(
            policy: compiled,
            agents: (
                agent.flatMap { compiled.agents[$0] } ?? CompiledPolicy.nobody, CompiledPolicy.nobody, compiled.everyone
            ),
            task: options.task.flatMap { compiled.tasks[$0] } ?? 0
        )
        var arguments: [String: ArgumentTest] = [:]
        for argument in rule.arguments where arguments[argument.path] == nil {
            let isFree = rule.tier == .read && !argument.isBinding
            var value = listed(argument, compiledRule, surroundings)
            if isFree {
                if argument.patterns.isEmpty {
                    value.tests += [.unnamed, .email, .page]
                } else {
                    // A read that is bound to folders: what may be a place has to pass in one of the ways.
                    widen(&value, by: argument, rule, names, with: ids)
                    value.tests += [.unplaced, .email]
                }
                value.range = .any
                statement.add(
                    .narrower,
                    .entities,
                    rules: ids,
                    argument: argument.path,
                    "a text in which somebody may be named, or hidden by unusual characters, is denied"
                )
            } else {
                widen(&value, by: argument, rule, names, with: ids)
            }
            value.maximumLength = argument.maximumLength
            // A read that is not bound measures addresses like any other text.
            if !isFree, let most = argument.maximumLength,
                value.tests.contains(where: \.namesHosts)
                    || value.texts.contains(where: { $0.unicodeScalars.count > most })
            {
                let detail = "addresses longer than \(most) characters are denied, too"
                statement.add(.narrower, .length, rules: ids, argument: argument.path, detail)
            }
            value.texts = Set(value.texts).sorted()
            if value.admitsTexts {
                let detail = "a text passes in the exported spellings only"
                statement.add(.unusual, .spelling, rules: ids, argument: argument.path, detail)
            }
            arguments[argument.path] = ArgumentTest(
                path: argument.path,
                isRequired: argument.required,
                // Only of what stands at the top the decision counts the elements.
                maximumItems: argument.path.utf8.contains(UInt8(ascii: "/")) ? nil : argument.maximumItems,
                value: value
            )
        }
        let test = RuleTest(
            rule: rule.id,
            arguments: arguments.values.sorted { $0.path < $1.path },
            admitsHarmless: rule.tier == .read
        )
        if test.isNested {
            statement.add(.narrower, .nested, rules: ids, "members of an object that no rule names must be empty")
        }
        if test.admitsHarmless {
            let detail = "an argument that no rule names may hold a number, a date, an address or a few plain words"
            statement.add(.narrower, .unruledArguments, rules: ids, detail)
        }
        return test
    }

    /// The values that the rule lists, in spellings that it was asked about.
    private func listed(_ argument: ArgumentRule, _ rule: CompiledRule, _ surroundings: Surroundings) -> ValueTest {
        var result = ValueTest()
        for value in argument.values.sorted() {
            if let number = Self.number(value) { result.numbers.append(number) }
            for text in candidates(value)
            where Self.admits(.string(text), as: value, argument.path, rule, surroundings) { result.texts.append(text) }
            if isFoldable(value.text),
                [value.text.lowercased(), value.text.uppercased()].allSatisfy({
                    Self.leaf(.string($0), argument.path)?.1.entities.isEmpty == true
                        && Self.admits(.string($0), as: value, argument.path, rule, surroundings)
                })
            {
                result.folded.append(value.text)
            }
        }
        result.numbers = Set(result.numbers).sorted()
        result.folded = Set(result.folded).sorted()
        // A read that is not bound takes either.
        let isFree = rule.isRead && !argument.isBinding
        result.booleans = Set(
            [true, false].filter { flag in
                isFree
                    || rule.arguments[argument.path]?.admitsTruth(CanonicalValue(.boolean, flag ? "true" : "false"))
                        == true
            }
        )
        return result
    }

    private func candidates(_ value: CanonicalValue) -> [String] {
        var candidates = [value.text] + (spellings[value.text] ?? [])
        switch value.valueClass {
        case .account: candidates.append(value.text.uppercased())
        case .url: candidates += ["https://", "http://"].flatMap { [$0 + value.text, $0 + value.text + "/"] }
        default: break
        }
        return candidates
    }

    /// Whether the case of letters makes no difference to the canonical text.
    private func isFoldable(_ text: String) -> Bool {
        guard let first = text.utf8.first, text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else { return false }
        return first != UInt8(ascii: "[") && first != UInt8(ascii: "{") && !text.hasPrefix("www.")
            && !text.utf8.contains(UInt8(ascii: "%")) && CanonicalValue(text: text).valueClass != .url
            && CanonicalValue(text: text.uppercased()).text == text
    }

    /// The JSON number whose canonical text this is.
    static func number(_ value: CanonicalValue) -> Double? {
        guard let number = Double(value.text), number.isFinite, number.magnitude < 0x1p53,
            CanonicalValue(argument: .number(number))?.text == value.text
        else { return nil }
        return number
    }

    static func leaf(_ value: JSON.Value, _ path: String) -> (ObservedCall, ObservedLeaf)? {
        let record = CallRecord(
            time: Timestamp(seconds: 0),
            session: "",
            sequence: 0,
            principal: CallRecord.Principal(id: "", kind: .unknown),
            server: "",
            tool: "",
            arguments: ["value": value]
        )
        let call = SessionObserver(taskText: nil).explain(record)
        guard call.leaves.count == 1, !call.exceedsLimits, var leaf = call.leaves.first, leaf.path == "value" else {
            return nil
        }
        leaf.path = path
        leaf.argument = String(path.prefix { $0 != "/" })
        return (call, leaf)
    }

    private static func admits(
        _ sent: JSON.Value,
        as value: CanonicalValue,
        _ path: String,
        _ rule: CompiledRule,
        _ surroundings: Surroundings
    ) -> Bool {
        guard let (call, leaf) = leaf(sent, path), leaf.value.text == value.text, leaf.value.valueClass != .empty else {
            return false
        }
        return rule.fault(of: leaf, call, surroundings) == nil
    }
}
