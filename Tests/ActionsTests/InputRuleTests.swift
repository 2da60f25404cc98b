import Actions
import Core
import Expressions
import Playbooks
import Testing

/// What a person gives for a run is judged by the rules of the actions that it reaches.
@Suite struct InputRuleTests {
    private func plan(_ name: String) throws -> Plan {
        let checker = Checker(catalogue: shipped) { file in ShippedPlaybooks.bytes(of: "builtin:" + file) ?? [] }
        let bytes = try #require(ShippedPlaybooks.bytes(of: "builtin:" + name))
        return try #require(checker.check(file: name, bytes: bytes).plan)
    }

    @Test(
        arguments: ["roadmap.yaml", "phase-1-discovery.yaml"],
        [
            (["networks": ["8.8.8.0/24"]], "input `networks`: `8.8.8.0/24` reaches the public address"),
            (["networks": ["10.0.0.0/24", "example.com"]], "input `networks`: `example.com` is not an address"),
            (["ports": ["80", "5-1"]], "input `ports`: `5-1` is not a port"),
            (["ports": [70_000]], "`70000` is not a port"),
            (["homes": ["home/ana"]], "input `homes`: `home/ana` is not an absolute path"),
        ] as [(JSON.Object, String)]
    )
    func whatAnActionWouldRefuseIsRefusedBeforeTheRun(_ name: String, _ row: (JSON.Object, String)) throws {
        let faults = try plan(name).ruleFaults(of: row.0, catalogue: shipped)
        #expect(faults.count == 1)
        #expect(faults.first?.message.contains(row.1) == true, "\(faults.map(\.message))")
    }

    @Test(
        arguments: ["roadmap.yaml", "phase-1-discovery.yaml"],
        [["ports": ["1-5", 80, "8000-8100"], "networks": ["10.0.0.0/24", "localhost"], "homes": ["/home/ana"]], [:]]
            as [JSON.Object]
    )
    func whatActionsTakeIsAccepted(_ name: String, _ inputs: JSON.Object) throws {
        #expect(try plan(name).ruleFaults(of: inputs, catalogue: shipped).isEmpty)
    }

    /// A second look that reached nothing, and servers that nobody has confirmed, must not pass.
    @Test func theLastGateOfDiscoveryAsksForCoverageAndForWhatIsNew() throws {
        let plan = try plan("phase-1-discovery.yaml")
        guard case .gate(let gate)? = plan.steps.first(where: { $0.id == "reviewed" })?.kind else {
            Issue.record("there is no such gate")
            return
        }
        let sources = Set(gate.metrics.map(\.source))
        #expect(sources.isSuperset(of: ["inventory.coverage", "inventory.news", "inventory.unowned"]))
        for metric in gate.metrics { #expect(gate.pass.source.contains("metrics.\(metric.name).last")) }
        let review = try #require(plan.steps.first { $0.id == "news_review" })
        #expect(review.condition?.source == "steps.changes.outputs.news > 0")
    }
}
