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
}
