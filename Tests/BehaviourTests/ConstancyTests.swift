import Behaviour
import Core
import Policies
import Testing
import Traffic

/// What every call of a tool had: without it, or the other way round, the tool may do more than anybody saw.
@Suite struct ConstancyTests {
    /// Sessions that delete or change rows, one call each; `arguments` may change what the session with a number sends.
    private static func sessions(
        _ count: Int,
        tool: String,
        tasks: Int = 0,
        _ arguments: (Int) -> JSON.Object = { _ in [:] }
    ) -> [[CallRecord]] {
        (0..<count).map { index in
            var sent: JSON.Object = ["table": "orders", "filter": .string("id=\(index % 3)"), "dry_run": true]
            for (name, value) in arguments(index) { sent[name] = value == "absent" ? nil : value }
            return [
                CallRecord(
                    time: Timestamp(seconds: 1_760_000_000 + Int64(index) * 600),
                    session: "s-\(index)",
                    sequence: 0,
                    principal: CallRecord.Principal(id: "agent:keeper", kind: .declared),
                    server: "db",
                    tool: tool,
                    arguments: sent,
                    result: CallRecord.Result(text: "done"),
                    task: tasks == 0 ? nil : CallRecord.Task(id: "task-\(index % tasks)")
                )
            ]
        }
    }

    private static func decision(_ policy: Policy, _ tool: String, _ arguments: JSON.Object) -> Decision {
        let call = sessions(1, tool: tool, tasks: 1) { _ in arguments }
        return CompiledPolicy(policy).decide(Recordings.observed(call)[0].call)
    }

    private static let nothing: [JSON.Value] = [
        "absent", nil, "", " ", [], [:], [nil], ["id=1", nil], ["id=1", ""],
    ]

    @Test(arguments: ["delete_rows", "update_rows"], nothing)
    func whatNoCallWentWithoutIsRequired(tool: String, value: JSON.Value) {
        let policy = Miner().mine(Recordings.profile(Self.sessions(40, tool: tool)), name: "p").policy
        #expect(Self.decision(policy, tool, [:]).verdict == .allow)
        let decision = Self.decision(policy, tool, ["filter": value])
        #expect(decision.verdict == .deny && decision.argument == "filter" && decision.reason == "missing-argument")
    }

    @Test(arguments: [
        ("delete_rows", 10, false), ("delete_rows", 11, true), ("update_rows", 28, false), ("update_rows", 29, true),
        ("list_rows", 60, false),
    ])
    func enoughSessionsMustBearItOut(tool: String, count: Int, isRequired: Bool) throws {
        let policy = Miner().mine(Recordings.profile(Self.sessions(count, tool: tool)), name: "p").policy
        let rule = try #require(policy.rules.first)
        #expect(rule.arguments.contains(where: \.required) == isRequired)
    }

    @Test(arguments: nothing.prefix(4))
    func whatOneCallWentWithoutIsNot(value: JSON.Value) {
        let recorded = Self.sessions(60, tool: "delete_rows") { $0 == 7 ? ["filter": value] : [:] }
        let policy = Miner().mine(Recordings.profile(recorded), name: "p").policy
        #expect(Self.decision(policy, "delete_rows", ["filter": value]).verdict == .allow)
        #expect(Self.decision(policy, "delete_rows", ["table": value]).verdict == .deny)
    }

    /// What two of many tasks always send is what they are about; an agent with one task has no others.
    @Test(arguments: [(2, false), (4, true), (1, true)])
    func tasksMustBearItOut(tasks: Int, isRequired: Bool) throws {
        let policy = Miner().mine(Recordings.profile(Self.sessions(60, tool: "delete_rows", tasks: tasks)), name: "p")
            .policy
        let rule = try #require(policy.rules.first)
        #expect(rule.arguments.contains(where: \.required) == isRequired)
    }

    @Test func aTaskNeedsWhatAllTasksNeed() throws {
        let recorded = Self.sessions(60, tool: "delete_rows", tasks: 6) { $0 % 6 == 5 ? ["filter": "absent"] : [:] }
        let policy = Miner().mine(Recordings.profile(recorded), name: "p", scope: .task).policy
        let rules = policy.rules.filter { $0.task != nil }
        #expect(rules.count == 6)
        for rule in rules {
            #expect(rule.arguments.filter(\.required).map(\.path) == ["dry_run", "table"])
        }
    }

    @Test func whateverIsWrittenMayBeNothing() throws {
        let recorded = Self.sessions(60, tool: "update_rows") { index in
            [
                "note": .string(
                    "entry number \(index) of the long list of changes that somebody asked the keeper to make"
                )
            ]
        }
        let policy = Miner().mine(Recordings.profile(recorded), name: "p").policy
        let rule = try #require(policy.rules.first)
        #expect(rule.arguments.filter(\.required).map(\.path) == ["dry_run", "filter", "table"])
    }

    @Test(arguments: ["delete_rows", "update_rows"])
    func theOtherTruthIsNotAllowed(tool: String) throws {
        // One session alone may be the attack.
        let recorded = Self.sessions(30, tool: tool) { $0 == 3 ? ["dry_run": false] : [:] }
        let proposal = Miner().mine(Recordings.profile(recorded), name: "p")
        let rule = try #require(proposal.policy.rules.first)
        let argument = try #require(rule.arguments.first { $0.path == "dry_run" })
        #expect(argument.values == [CanonicalValue(.boolean, "true")] && argument.open.isEmpty)
        #expect(Self.decision(proposal.policy, tool, [:]).verdict == .allow)
        let decision = Self.decision(proposal.policy, tool, ["dry_run": false])
        #expect(decision.verdict == .deny && decision.argument == "dry_run")
        let levels = try #require(proposal.alternatives.first { $0.path == "dry_run" })
        #expect(levels.chosen.wouldDeny.denied == 1 && levels.chosen.wouldDeny.of == 30)
    }

    @Test(arguments: [(4, 0), (30, 2), (30, 15), (9, 1)])
    func bothTruthsPassWhereSessionsDiffer(count: Int, others: Int) {
        let recorded = Self.sessions(count, tool: "delete_rows") { $0 < others ? ["dry_run": false] : [:] }
        let policy = Miner().mine(Recordings.profile(recorded), name: "p").policy
        for flag in [true, false] {
            #expect(Self.decision(policy, "delete_rows", ["dry_run": .bool(flag)]).verdict == .allow)
        }
    }
}
