import Core
import Traffic

extension Lowering {
    /// Adds what an argument's rule admits besides its list, and notes what cannot be added.
    mutating func widen(
        _ value: inout ValueTest,
        by argument: ArgumentRule,
        _ rule: Rule,
        _ names: Set<String>,
        with ids: [String]
    ) {
        let path = argument.path
        if argument.fromPrompt || argument.fromAnyRead || !argument.fromFields.isEmpty || !argument.fromTexts.isEmpty {
            let detail = "the request and earlier results cannot be seen, so that they explain no value"
            statement.add(.narrower, .provenance, rules: ids, argument: path, detail)
        }
        if argument.minimum != nil || argument.maximum != nil {
            value.range = ValueTest.Bounds(minimum: argument.minimum, maximum: argument.maximum)
        }
        var isPartlyNamed = false
        for domain in Set(argument.domains).sorted() {
            isPartlyNamed = true
            guard Self.isPlainHost(domain) else { continue }
            if domain.contains(".") { value.tests.append(.email(at: domain, below: true)) }
            value.tests.append(.page(at: domain, below: true))
        }
        let known = policy.known.filter { names.contains($0.agent) && ($0.task == nil || $0.task == options.task) }
        let isOpenRead = rule.tier == .openRead
        for host in Set(known.flatMap(\.hosts)).sorted() where Self.isPlainHost(host) && host.contains(".") {
            if !Hosts.isShared(host) {
                value.tests.append(.email(at: host, below: false))
                isPartlyNamed = true
            }
            if isOpenRead, CanonicalValue(text: "https://\(host)/").text == host {
                value.tests.append(.page(at: host, below: false))
                isPartlyNamed = true
            }
        }
        if isPartlyNamed {
            let detail = "addresses and pages pass in plain ascii, pages with http or https, without a user's name"
            statement.add(.unusual, .domains, rules: ids, argument: path, detail)
        }
        for pattern in Set(argument.patterns).sorted() {
            if let test = TextTest.wildcard(pattern) {
                value.tests.append(test)
                let detail = "`\(pattern)` passes for plain ascii without spaces"
                statement.add(.narrower, .patterns, rules: ids, argument: path, detail)
            } else {
                let detail = "`\(pattern)` cannot be told from a text as it was sent"
                statement.add(.narrower, .patterns, rules: ids, argument: path, detail)
            }
        }
        for kind in Set(argument.open).sorted() { open(kind, &value, path, ids) }
        if !argument.own.isEmpty {
            let detail = "words that stand in no earlier result are denied, since results cannot be seen"
            statement.add(.narrower, .openValues, rules: ids, argument: path, detail)
        }
    }

    private mutating func open(_ kind: ValueClass, _ value: inout ValueTest, _ path: String, _ ids: [String]) {
        switch kind {
        case .date:
            value.tests.append(.date)
        case .free:
            value.tests.append(.free)
            let detail = "a long text in which somebody may be named, or hidden by unusual characters, is denied"
            statement.add(.narrower, .entities, rules: ids, argument: path, detail)
        case .short:
            value.tests.append(.fewWords)
            let detail = "up to three words pass; more must not be copied from a result, which cannot be seen"
            statement.add(.narrower, .openValues, rules: ids, argument: path, detail)
        case .token:
            value.tests.append(.word)
            let detail =
                "a word of letters passes; anything else must not be copied from a result, which cannot be seen"
            statement.add(.narrower, .openValues, rules: ids, argument: path, detail)
        case .path, .number:
            let detail = "a composed \(kind.rawValue) must not be copied from a result, which cannot be seen"
            statement.add(.narrower, .openValues, rules: ids, argument: path, detail)
        // Booleans pass by `ValueTest.booleans`; identities are never composed, and what is empty always passes.
        case .boolean, .email, .url, .account, .phone, .empty: break
        case .secret:
            let detail = "a credential itself is sent to the engine, and not the token that stands for it"
            statement.add(.narrower, .openValues, rules: ids, argument: path, detail)
        }
    }

    private static func isPlainHost(_ host: String) -> Bool {
        !host.isEmpty && !host.hasPrefix(".") && !host.hasSuffix(".")
            && host.utf8.allSatisfy {
                (48...57).contains($0) || (97...122).contains($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
            }
    }

    /// Takes from the tests what a forbid means.
    ///
    /// A forbid needs all its arguments, so that it is enough that one of them never holds what it names: one that some
    /// rule leaves empty, or else the first.
    mutating func exclude(_ forbid: Rule, from tests: inout [RuleTest], with ids: [String]) {
        let compiled = CompiledRule(forbid)
        let paths = compiled.arguments.keys.sorted()
        // By the path, so that a member of an object is found as well.
        func isNamed(_ path: String, _ test: RuleTest) -> Bool { test.arguments.contains { $0.path == path } }
        if paths.contains(where: { path in tests.contains { !$0.admitsHarmless && !isNamed(path, $0) } }) { return }
        guard let path = paths.first, let argument = compiled.arguments[path] else { return }
        if tests.allSatisfy({ !isNamed(path, $0) }), let first = tests.indices.first {
            let test = ArgumentTest(path: path, isRequired: false, maximumItems: nil, value: .harmless)
            tests[first].arguments = (tests[first].arguments + [test]).sorted { $0.path < $1.path }
        }
        let detail = "`\(forbid.id)` forbids some values of it: those that are not listed are denied"
        for position in tests.indices {
            guard let at = tests[position].arguments.firstIndex(where: { $0.path == path }) else { continue }
            var value = tests[position].arguments[at].value
            value.texts.removeAll { Self.isMeant(.string($0), path, argument) }
            value.folded.removeAll { text in
                [text, text.uppercased()].contains { Self.isMeant(.string($0), path, argument) }
            }
            value.numbers.removeAll { Self.isMeant(.number($0), path, argument) }
            value.booleans = value.booleans.filter { !Self.isMeant(.bool($0), path, argument) }
            if !value.tests.isEmpty || value.range != nil {
                value.tests = []
                value.range = nil
                statement.add(.narrower, .forbid, rules: ids, argument: path, detail)
            }
            if forbid.condition != nil || !forbid.windows.isEmpty || forbid.expires != nil || forbid.task != nil
                || paths.count > 1
            {
                statement.add(.narrower, .forbid, rules: ids, argument: path, detail)
            }
            tests[position].arguments[at].value = value
        }
    }

    private static func isMeant(_ value: JSON.Value, _ path: String, _ argument: CompiledArgument) -> Bool {
        guard let (_, leaf) = leaf(value, path) else { return true }
        return leaf.value.valueClass != .empty && (argument.isBare || argument.forbids(leaf))
    }
}
