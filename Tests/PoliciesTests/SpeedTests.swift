import Core
import Foundation
import Policies
import Testing
import Traffic

/// Figures, not judgements: printed when asked for with `LOCKSTEP_SPEED`.
@Suite struct SpeedTests {
    @Test(.enabled(if: ProcessInfo.processInfo.environment["LOCKSTEP_SPEED"] != nil, "set LOCKSTEP_SPEED to measure"))
    func aDecisionCostsTheSameForAnyNumberOfRules() {
        for count in [10, 1_000, 10_000] {
            let policy = Policy(name: "p", scope: .agent, rules: (0..<count).map(Self.rule))
            let compiled = CompiledPolicy(policy)
            var dice = Dice(seed: 1)
            let calls = (0..<512).map { _ in Self.call(Int.random(in: 0..<count, using: &dice)) }
            let clock = ContinuousClock()
            var allowed = 0
            var best = Duration.seconds(1000)
            for _ in 0..<5 {
                let time = clock.measure {
                    for round in 0..<20_000 where compiled.decide(calls[round & 511]).verdict == .allow { allowed += 1 }
                }
                best = min(best, time)
            }
            #expect(allowed == 100_000)
            print("decide at \(count) rules: \(best / 20_000)")
        }
    }

    private static func tool(_ number: Int) -> ServerTool {
        ServerTool(server: "server-\(number / 20)", tool: "send_\(number)")
    }

    private static func rule(_ number: Int) -> Rule {
        Rule(
            id: "rule-\(number)",
            agent: "spiffe://acme/agent/\(number % 50)",
            tool: tool(number),
            tier: .write,
            arguments: [
                ArgumentRule(
                    path: "to",
                    values: (0..<20).map { CanonicalValue(.email, "user\($0)@acme.com") },
                    fromPrompt: true
                ),
                ArgumentRule(path: "amount", minimum: 0, maximum: 1000),
                ArgumentRule(path: "note", open: [.free, .short], maximumLength: 400),
            ]
        )
    }

    private static func call(_ number: Int) -> ObservedCall {
        let note = "a note of some length that the agent wrote by itself, about the payment that it was asked to make"
        return ObservedCall(
            session: "s",
            sequence: 1,
            principal: "spiffe://acme/agent/\(number % 50)",
            tool: tool(number),
            tier: .write,
            succeeded: true,
            arguments: ["to", "amount", "note"],
            leaves: [
                ObservedLeaf(argument: "to", path: "to", value: CanonicalValue(.email, "user\(number % 20)@acme.com")),
                ObservedLeaf(argument: "amount", path: "amount", value: CanonicalValue(.number, "50"), number: 50),
                ObservedLeaf(argument: "note", path: "note", value: CanonicalValue(.free, note), length: 97, words: 19),
            ]
        )
    }
}
