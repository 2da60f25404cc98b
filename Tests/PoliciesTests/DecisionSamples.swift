import Core
import Policies
import Traffic

/// The tool that the tests of decisions call, and whom it may send to.
let send = ServerTool(server: "bank", tool: "send")
let ann = CanonicalValue(.email, "ann@acme.com")

func call(
    _ value: CanonicalValue?,
    path: String = "to",
    tool: ServerTool = send,
    tier: ToolTier = .write,
    principal: String = "bot",
    task: String? = nil,
    definition: String? = nil,
    provenance: Provenance = Provenance(),
    entities: [ObservedEntity] = []
) -> ObservedCall {
    let leaves = value.map { value in
        ObservedLeaf(
            argument: path,
            path: path,
            value: value,
            number: Double(value.text),
            provenance: provenance,
            entities: entities,
            length: value.text.unicodeScalars.count,
            words: value.text.split(separator: " ").count
        )
    }
    return ObservedCall(
        session: "s",
        sequence: 1,
        principal: principal,
        task: task,
        tool: tool,
        definition: definition,
        tier: tier,
        succeeded: true,
        arguments: leaves.map { [$0.argument] } ?? [],
        leaves: leaves.map { [$0] } ?? []
    )
}

func rule(
    _ arguments: [ArgumentRule] = [],
    id: String = "r",
    agent: String = "bot",
    tool: ServerTool = send,
    _ change: (inout Rule) -> Void = { _ in }
) -> Rule {
    var rule = Rule(id: id, agent: agent, tool: tool, tier: .write, arguments: arguments)
    change(&rule)
    return rule
}

func decide(_ rules: [Rule], _ call: ObservedCall, _ context: DecisionContext = DecisionContext()) -> Decision {
    CompiledPolicy(Policy(name: "p", scope: .agent, rules: rules)).decide(call, context: context)
}
