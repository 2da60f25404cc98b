import Core
import Policies
import Testing
import Traffic

/// No engine allows what `decide` denies, whatever the policy says.
@Suite struct ExportWidthTests {
    static let seeds = Array(UInt64(0)..<60)

    @Test(arguments: ExportEngines.targets, seeds)
    func noExportIsWiderThanDecide(target: ExportTarget, seed: UInt64) throws {
        var dice = Dice(seed: seed &* 7 &+ 3)
        let policy = seed.isMultiple(of: 3) ? Samples.policy(&dice, rules: 7) : ExportSamples.policy(&dice)
        let compiled = CompiledPolicy(policy)
        let export = policy.exported(to: target, options: ExportSamples.options)
        let engine = try ExportEngines(export)
        for _ in 0..<120 {
            let call = ExportSamples.call(&dice)
            guard isServed(call, export), try engine.allows(call) else { continue }
            let decision = compiled.decide(
                ExportSamples.observed(call),
                context: DecisionContext(now: Samples.start, arguments: call.arguments)
            )
            #expect(
                decision.verdict == .allow,
                "\(decision) \(call.agent) \(call.tool) \(JSON.Value.object(call.arguments))"
            )
        }
    }

    /// Whether the call would reach the engine, where the statement says that undeclared arguments do not.
    private func isServed(_ call: ExportSamples.Call, _ export: PolicyExport) -> Bool {
        let isAssumed = export.statement.differences.contains {
            $0.effect == .assumed && $0.reason == .unruledArguments
        }
        return !isAssumed || call.arguments.keys.allSatisfy { ExportSamples.shape.arguments[$0] != nil }
    }

    @Test(arguments: ExportEngines.targets, seeds)
    func whatIsSaidToBeExactIs(target: ExportTarget, seed: UInt64) throws {
        var dice = Dice(seed: seed &* 11 &+ 5)
        let policy = ExportSamples.policy(&dice)
        let compiled = CompiledPolicy(policy)
        let export = policy.exported(to: target, options: ExportSamples.options)
        let exact = export.statement.exactRules
        let engine = try ExportEngines(export)
        for _ in 0..<120 {
            let call = ExportSamples.call(&dice)
            let decision = compiled.decide(
                ExportSamples.observed(call),
                context: DecisionContext(now: Samples.start, arguments: call.arguments)
            )
            guard call.isUsual, isServed(call, export), let rule = decision.rule, exact.contains(rule) else { continue }
            let isAllowed = try engine.allows(call)
            #expect(
                isAllowed == (decision.verdict == .allow),
                "\(decision) \(call.agent) \(call.tool) \(JSON.Value.object(call.arguments))"
            )
        }
    }

    @Test(arguments: ExportEngines.targets, Array(UInt64(0)..<12))
    func noSpellingOfAnIdentityPassesThatDecideKnows(target: ExportTarget, seed: UInt64) throws {
        var dice = Dice(seed: seed &* 13 &+ 1)
        let name = ExportSpellings.names[Int(seed) % ExportSpellings.names.count]
        let policy = ExportSpellings.policy(name)
        let compiled = CompiledPolicy(policy)
        let engine = try ExportEngines(policy.exported(to: target, options: ExportSpellings.options))
        var denied = 0
        for _ in 0..<150 {
            let call = ExportSpellings.call(name, &dice)
            let decision = compiled.decide(
                ExportSamples.observed(call),
                context: DecisionContext(now: Samples.start, arguments: call.arguments)
            )
            denied += decision.verdict == .allow ? 0 : 1
            guard try engine.allows(call) else { continue }
            #expect(decision.verdict == .allow, "\(decision) \(call.tool) \(JSON.Value.object(call.arguments))")
        }
        #expect(denied > 75, "too few of the spellings are known")
    }

    /// Whatever version of Unicode the decision knows.
    @Test(arguments: [ExportSpellings.write, ExportSpellings.read])
    func noTextPassesWithACharacterThatDecisionsReadAsAnother(tool: ServerTool) throws {
        let engine = try ExportEngines(ExportSpellings.policy("free").exported(to: .jsonSchema))
        let hiding = (UInt32(0x80)...0xE0FFF).lazy.compactMap(Unicode.Scalar.init).filter {
            CanonicalValue(.token, String($0)).plainSpelling != nil && ($0.value < 0xE0080 || $0.value > 0xE0FF0)
        }
        let before = "a text that is long enough to be free, with a sign: ", after = "and as many words as it needs"
        func allows(_ sign: String) throws -> Bool {
            let text = JSON.Value.string(before + sign + after)
            return try engine.allows(.init(agent: "bot", tool: tool, arguments: ["free": text], isUsual: false))
        }
        let plain = try ["", "\u{FC}", "\u{2019}", "\u{6F22}"].map(allows)
        #expect(plain == [true, true, true, true])
        var count = 0
        for scalar in hiding {
            count += 1
            #expect(try !allows(String(scalar)), "U+\(String(scalar.value, radix: 16))")
        }
        #expect(count > 800)
    }

    @Test(arguments: [
        ("short", "for 12 people"), ("short", "room ab12 please"), ("pattern", "pay-2026-000123"),
        ("pattern", "/srv/data/2026-03/report-12.txt"),
        ("free", "Danke für die Überweisung – die Miete für März 2026 ist damit „ganz“ bezahlt, 100 €."),
        ("free", "We met on 12 March 2026 in room B12, and the 20 guests paid EUR 500 for the whole evening."),
    ]) func whatNamesNobodyStillPasses(name: String, text: String) throws {
        for target in ExportEngines.targets {
            let export = ExportSpellings.policy(name).exported(to: target, options: ExportSpellings.options)
            let call = ExportSamples.Call(
                agent: "bot",
                tool: ExportSpellings.write,
                arguments: [name: .string(text)],
                isUsual: true
            )
            let isAllowed = try ExportEngines(export).allows(call)
            #expect(isAllowed, "\(target) \(name) \(text)")
        }
    }

    /// A forbid that names a member of an object takes its values from the rule that lists them.
    @Test(arguments: ExportEngines.targets, ["list/name", "a~1b"])
    func aForbidReachesWhatARuleNames(target: ExportTarget, path: String) throws {
        func rule(_ id: String, _ effect: Rule.Effect, _ values: [String]) -> Rule {
            let argument = ArgumentRule(path: path, values: values.map { CanonicalValue(text: $0) })
            return Rule(
                id: id,
                agent: "bot",
                tool: ExportSpellings.write,
                tier: .write,
                effect: effect,
                arguments: [argument]
            )
        }
        let policy = Policy(
            name: "p",
            scope: .agent,
            rules: [rule("some", .allow, ["rent", "food"]), rule("never", .forbid, ["rent"])]
        )
        let shape = ToolShape(arguments: ["list": .other, "a/b": .string])
        let export = policy.exported(to: target, options: ExportOptions(tools: [ExportSpellings.write: shape]))
        let engine = try ExportEngines(export)
        for value: JSON.Value in ["rent", "food"] {
            let arguments: JSON.Object = path == "a~1b" ? ["a/b": value] : ["list": ["name": value]]
            let call = ExportSamples.Call(
                agent: "bot",
                tool: ExportSpellings.write,
                arguments: arguments,
                isUsual: true
            )
            guard try engine.allows(call) else { continue }
            #expect(value == "food")
        }
    }
}
