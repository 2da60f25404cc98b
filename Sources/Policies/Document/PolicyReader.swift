package import Core
import Documents
import Traffic

/// Reads the document of a policy and says everything that is wrong with it at once.
///
/// Codes: those of the YAML reader; `policy.` and `unknown-key`, `missing-key`, `wrong-type`, `invalid-value`,
/// `unsupported-version`, `wrong-kind`, `duplicate-id`, `rule-without-tool`, `bad-condition`, `bad-hours`,
/// `pattern-allows`, `unreachable-rule`, `overlapping-forbid`, `expired-rule`, `unknown-owner`, `expired-owner`,
/// `forbid-in-shadow`, `never-matches`, `only-star`.
package enum PolicyReader {
    /// The policy, or nil where something is wrong.
    ///
    /// Without `now` nothing is said of what has expired.
    package static func read(
        _ bytes: [UInt8],
        file: String,
        now: Timestamp? = nil
    ) -> (policy: Policy?, diagnostics: [Diagnostic]) {
        let (root, diagnostics) = YAMLReader.read(bytes, file: file)
        let problems = DiagnosticCollector(codePrefix: "policy", diagnostics)
        guard let root else { return (nil, problems.sorted) }
        var reading = PolicyReading(problems)
        let policy = reading.policy(root)
        if let policy { PolicyCheck(policy, reading.places, problems, now: now).run() }
        return (problems.hasErrors ? nil : policy, problems.sorted)
    }
}

/// Where a rule and what it holds stand.
struct RulePlaces {
    var rule: Place
    var tool: Place
    var owner: Place?
    var expires: Place?
    var mode: Place?
}

struct PolicyReading {
    let problems: DiagnosticCollector
    /// One for each rule, in the same order.
    private(set) var places: [RulePlaces] = []
    private var ids: [String: Place] = [:]

    init(_ problems: DiagnosticCollector) {
        self.problems = problems
    }

    mutating func policy(_ root: Node) -> Policy? {
        guard var document = MappingReader(root, problems, as: "a policy") else { return nil }
        if let version = document.string("apiVersion", isRequired: true), version.value != "lockstep/v1" {
            problems.report(
                "unsupported-version",
                "this version reads `lockstep/v1`, not \(version.value.inMessage)",
                at: version.place
            )
        }
        if let kind = document.string("kind", isRequired: true), kind.value != "Policy" {
            problems.report("wrong-kind", "this is no policy but a \(kind.value.inMessage)", at: kind.place)
        }
        let name = document.string("name", isRequired: true)
        let scope = document.enumeration("scope", of: Policy.Scope.self, isRequired: true)
        var policy = Policy(name: name?.value ?? "", scope: scope?.value ?? .agent)
        policy.owners = document.list("owners")?.value.compactMap { owner($0) } ?? []
        policy.mark = document.string("as-mined")?.value
        policy.unprovenProfile = digest("unproven-profile", &document)
        for member in document.members("agents", isRequired: true)?.value ?? [] {
            agent(member.key.value, member.value, &policy)
        }
        document.finish()
        return policy
    }

    private func owner(_ node: Node) -> Policy.Owner? {
        guard var owner = MappingReader(node, problems, as: "an owner") else { return nil }
        let name = owner.string("name", isRequired: true)
        let until = time("until", &owner)
        owner.finish()
        return name.map { Policy.Owner(name: $0.value, until: until?.value) }
    }

    private mutating func agent(_ name: String, _ node: Node, _ policy: inout Policy) {
        guard var agent = MappingReader(node, problems, as: "an agent") else { return }
        policy.unseenReads += texts("unseen-reads", &agent).map { Policy.UnseenReads(agent: name, server: $0) }
        policy.known += agent.list("known")?.value.compactMap { parties(name, $0) } ?? []
        for server in agent.members("servers")?.value ?? [] {
            guard let rules = server.value.sequence else {
                problems.report(
                    "wrong-type",
                    "a server holds a list of rules, not \(server.value.kindName)",
                    at: server.value.place
                )
                continue
            }
            for node in rules {
                if let rule = rule(node, agent: name, server: server.key.value) { policy.rules.append(rule) }
            }
        }
        agent.finish()
    }

    private func parties(_ agent: String, _ node: Node) -> Policy.KnownParties? {
        guard var known = MappingReader(node, problems, as: "an entry of `known`") else { return nil }
        let parties = Policy.KnownParties(
            agent: agent,
            task: known.string("task", mayBeEmpty: true)?.value,
            identities: values("identities", &known),
            hosts: texts("hosts", &known),
            domains: texts("domains", &known)
        )
        known.finish()
        return parties
    }

    private mutating func rule(_ node: Node, agent: String, server: String) -> Rule? {
        guard var reader = MappingReader(node, problems, as: "a rule") else { return nil }
        let id = reader.string("id", isRequired: true)
        if !reader.has("tool") {
            var place = node.place
            place.length = 1
            problems.report(
                "rule-without-tool",
                "the rule names no tool",
                at: place,
                help: "add `tool:`; a forbid or ask may end it with `*`"
            )
        }
        let tool = reader.string("tool")
        let effect = reader.enumeration("effect", of: Rule.Effect.self)?.value ?? .allow
        let isPattern = server == "*" || tool?.value.hasSuffix("*") ?? false
        // What a rule that never grants thinks of the tool makes no difference.
        let tier = reader.enumeration("tier", of: ToolTier.self, isRequired: effect != .forbid && !isPattern)
        let mode = reader.enumeration("mode", of: Rule.Mode.self)
        let task = reader.string("task", mayBeEmpty: true)
        let definition = reader.string("definition")
        let condition = condition(&reader)
        let windows = windows(&reader)
        let most = reader.integer("most-calls", in: 0...Int64(Int32.max))
        if let most, effect == .forbid || isPattern {
            problems.report(
                "invalid-value",
                "only a rule that allows a tool can use `most-calls`",
                at: most.place,
                help: "write it in the rule that allows the tool"
            )
        }
        let owner = reader.string("owner")
        let expires = time("expires", &reader)
        let support = support(&reader)
        let mark = reader.string("as-mined")?.value
        var rule = Rule(
            id: id?.value ?? "",
            agent: agent,
            task: task?.value,
            tool: ServerTool(server: server, tool: tool?.value ?? ""),
            definition: definition?.value,
            tier: tier?.value ?? .destructive,
            effect: effect,
            mode: mode?.value ?? .enforce,
            condition: condition,
            windows: windows,
            maximumCalls: most.map { Int($0.value) },
            owner: owner?.value,
            expires: expires?.value,
            support: support ?? Support(),
            origin: support == nil ? .written : .mined,
            mark: support == nil ? nil : mark
        )
        for member in reader.members("arguments")?.value ?? [] {
            if let argument = argument(member.key, member.value, of: rule) { rule.arguments.append(argument) }
        }
        for node in reader.list("relations")?.value ?? [] {
            if let relation = relation(node, of: rule) { rule.relations.append(relation) }
        }
        rule.warnings = reader.list("warnings")?.value.compactMap { warning($0) } ?? []
        for node in reader.list("reviewed")?.value ?? [] {
            guard let record = record(node) else { continue }
            guard let first = rule.reviewed.first(where: { $0.item == record.item }) else {
                rule.reviewed.append(record)
                continue
            }
            if first != record {
                problems.report(
                    "duplicate-decision",
                    "\(record.item.inMessage) is decided twice in this rule, and not the same",
                    at: node.place,
                    help: "keep the one that counts; decide it anew with `lockstep policy review`"
                )
            }
        }
        reader.finish()
        guard let id, let tool else { return nil }
        if let first = ids[id.value] {
            problems.report(
                "duplicate-id",
                "another rule has the id \(id.value.inMessage)",
                at: id.place,
                help: "the first one is on line \(first.line)"
            )
        } else {
            ids[id.value] = id.place
        }
        places.append(
            RulePlaces(
                rule: id.place,
                tool: tool.place,
                owner: owner?.place,
                expires: expires?.place,
                mode: mode?.place
            )
        )
        return rule
    }

    private func record(_ node: Node) -> ReviewRecord? {
        guard var reader = MappingReader(node, problems, as: "a decision") else { return nil }
        let item = reader.string("item", isRequired: true)
        let argument = reader.string("argument", mayBeEmpty: true)
        let values = values("values", &reader)
        let decision = reader.enumeration("decision", of: ReviewDecision.self, isRequired: true)
        let by = reader.string("by", isRequired: true)
        if !reader.has("at") { _ = reader.string("at", isRequired: true) }
        let at = time("at", &reader)
        let reason = reader.string("reason")
        let shown = digest("shown", &reader)
        reader.finish()
        guard let item, let decision, let by, let at else { return nil }
        return ReviewRecord(
            item: item.value,
            argument: argument?.value,
            values: values,
            decision: decision.value,
            by: by.value,
            at: at.value,
            reason: reason?.value,
            shown: shown
        )
    }

    private func warning(_ node: Node) -> Warning? {
        guard var reader = MappingReader(node, problems, as: "a warning") else { return nil }
        let code = reader.string("code", isRequired: true)
        let path = reader.string("argument", mayBeEmpty: true)
        let detail = reader.string("detail", isRequired: true, mayBeEmpty: true)
        reader.finish()
        guard let code, let detail else { return nil }
        return Warning(code: code.value, path: path?.value, detail: detail.value)
    }
}

extension PolicyReading {
    func texts(_ key: String, _ reader: inout MappingReader) -> [String] {
        reader.strings(key, mayBeOne: true)?.value.map(\.value) ?? []
    }

    func digest(_ key: String, _ reader: inout MappingReader) -> Digest? {
        guard let text = reader.string(key) else { return nil }
        if let digest = Digest(text.value) { return digest }
        problems.report("invalid-value", "\(key.inMessage) is no digest such as `sha256:…`", at: text.place)
        return nil
    }

    /// Canonical values, grouped by their class.
    func values(_ key: String, _ reader: inout MappingReader) -> [CanonicalValue] {
        guard var inner = reader.mapping(key) else { return [] }
        var values: [CanonicalValue] = []
        for kind in ValueClass.allCases.sorted() {
            let texts = inner.strings(kind.rawValue, mayBeOne: true)?.value ?? []
            values += texts.map { CanonicalValue(kind, $0.value) }
            switch kind {
            case .token, .short: texts.forEach { warnOfCase($0, isPattern: false) }
            case .email, .account, .url, .phone, .path, .free, .date, .number, .boolean, .empty, .secret: break
            }
        }
        inner.finish()
        return values
    }

    /// What people copy from elsewhere is often spelled with capitals, and would silently match nothing.
    func warnOfCase(_ text: Located<String>, isPattern: Bool) {
        guard text.value.utf8.contains(where: { 65...90 ~= $0 }) else { return }
        problems.warn(
            "never-matches",
            isPattern
                ? "\(text.value.inMessage) matches no word: words and short texts are compared in small letters"
                : "\(text.value.inMessage) matches nothing: values are compared in small letters",
            at: text.place,
            help: "write \(text.value.lowercased().inMessage)"
        )
    }

    /// A moment, or the day at whose beginning in UTC it lies.
    func time(_ key: String, _ reader: inout MappingReader) -> Located<Timestamp>? {
        guard let text = reader.string(key) else { return nil }
        if let time = Timestamp(rfc3339: text.value) { return Located(time, at: text.place) }
        if let day = CivilDate(text.value) {
            return Located(Timestamp(seconds: day.daysSince1970 * 86_400), at: text.place)
        }
        problems.report(
            "invalid-value",
            "\(key.inMessage) must be a time, not \(text.value.inMessage)",
            at: text.place,
            help: "write it like `\"2026-12-31\"` or `\"2026-12-31T18:00:00Z\"`"
        )
        return nil
    }

    private func support(_ reader: inout MappingReader) -> Support? {
        guard let text = reader.string("support") else { return nil }
        if let support = Phrases.parseSupport(text.value) { return support }
        problems.report(
            "invalid-value",
            "`support` cannot be \(text.value.inMessage)",
            at: text.place,
            help: "write counts, as in `42 calls, 30 sessions, 12 tasks, 5 days, 2 principals`"
        )
        return Support()
    }

    private func windows(_ reader: inout MappingReader) -> [TimeWindow] {
        (reader.strings("hours", mayBeOne: true)?.value ?? []).compactMap { text in
            if let window = Phrases.parseWindow(text.value) { return window }
            problems.report(
                "bad-hours",
                "\(text.value.inMessage) are no hours",
                at: text.place,
                help: "write days, hours and an IANA zone, as in `mon-fri 09:00-17:00 Europe/Berlin`"
            )
            return nil
        }
    }

    private func condition(_ reader: inout MappingReader) -> String? {
        guard let node = reader.node("when") else { return nil }
        guard case .string(let text)? = node.scalar?.value else {
            problems.report("wrong-type", "`when` must be text, not \(node.kindName)", at: node.place)
            return nil
        }
        for fault in Condition.faults(of: text) {
            problems.report(
                "bad-condition",
                fault.message,
                at: Self.place(of: fault.range, in: node, text),
                help: fault.help
            )
        }
        return text
    }

    /// Exact on one line without escapes; else the whole condition.
    private static func place(of range: Range<Int>, in node: Node, _ text: String) -> Place {
        var place = node.place
        guard let scalar = node.scalar, node.start.line == node.end.line, text.utf8.allSatisfy({ 0x20..<0x7F ~= $0 })
        else { return place }
        let quotes = scalar.style == .plain ? 0 : 1
        guard node.end.column - node.start.column == text.utf8.count + 2 * quotes else { return place }
        place.column = node.start.column + quotes + range.lowerBound
        place.length = max(1, range.count)
        return place
    }
}
